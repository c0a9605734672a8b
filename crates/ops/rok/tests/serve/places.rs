//! The three places that runs may be in, and a command that is asked in each.

use super::{Served, bench};
use crate::support::{Bench, Ran};
use serde_json::json;

/// Where runs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Where {
    /// In run folders.
    Folder,
    /// In a database, which a server has open.
    Database,
    /// With that server.
    Server,
}

/// Runs in one of the places.
pub(crate) struct Place {
    pub(crate) at: Where,
    served: Option<Served>,
    bench: Option<Bench>,
}

const FLAGS: [&str; 4] = ["--insecure-no-auth", "--store", "sqlite:rok.db", "--quiet"];

impl Place {
    /// An empty one, with the plan `hello`.
    pub(crate) fn new(at: Where) -> Self {
        let bench = bench();
        match at {
            Where::Folder => Self {
                at,
                served: None,
                bench: Some(bench),
            },
            Where::Database | Where::Server => Self {
                at,
                served: Some(Served::with(bench, &FLAGS)),
                bench: None,
            },
        }
    }

    /// The server that has the database open.
    pub(crate) fn served(&mut self) -> &mut Served {
        self.served.as_mut().expect("a server")
    }

    pub(crate) fn bench(&self) -> &Bench {
        match &self.served {
            Some(served) => &served.bench,
            None => self.bench.as_ref().expect("a folder"),
        }
    }

    /// Runs a plan there to its end.
    pub(crate) fn ran(&self, plan: &str, run: &str) {
        match &self.served {
            None => {
                let file = format!("{run}.yaml");
                self.bench().write(&file, plan);
                self.bench().rok(["run", &file, "--run-id", run, "--quiet"]);
            }
            Some(served) => {
                let asked = json!({ "definition": plan, "run_id": run });
                served.post("/api/v1/runs?wait=60s", &asked).is(201);
            }
        }
    }

    /// Asks there.
    pub(crate) fn rok(&self, args: &[&str]) -> Ran {
        self.rok_at(self.at, args)
    }

    /// Asks the same runs another way.
    pub(crate) fn rok_at(&self, at: Where, args: &[&str]) -> Ran {
        let server = self.served.as_ref().map(|served| {
            let address = served.client.address();
            format!("http://{address}")
        });
        let place: Vec<&str> = match at {
            Where::Folder => Vec::new(),
            Where::Database => vec!["--store", "sqlite:rok.db"],
            Where::Server => vec!["--server", server.as_deref().expect("a server")],
        };
        self.bench().rok(args.iter().copied().chain(place))
    }
}
