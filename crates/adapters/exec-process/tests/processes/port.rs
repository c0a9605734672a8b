//! The contract that every executor keeps, by real processes.

use crate::support::Bench;
use rok_exec_process::ProcessExecutor;
use rok_executor::contract::{Deed, SECRET, Subject, a_call, assert_kept};
use rok_executor::{Executor, Work, Workspace};
use rok_secrets::Secrets;
use std::sync::Arc;

struct Processes {
    bench: Bench,
    executor: Arc<ProcessExecutor>,
}

impl Subject for Processes {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::clone(&self.executor) as _
    }

    fn work(&self, deed: Deed) -> Option<Work> {
        let script = match deed {
            Deed::Answers => r#"printf '{"answer":42}' > "$ROK_OUTPUT""#,
            Deed::Fails => "exit 3",
            Deed::Stays => "exec sleep 1000",
            Deed::Blabs => {
                r#"echo "$TOKEN"; printf '{"class":"validation_failed","reason":"%s"}' "$TOKEN" > "$ROK_ERROR"; exit 1"#
            }
            Deed::Foreign => return Some(a_call()),
        };
        Some(self.bench.sh_with_secret("any", script).work)
    }

    fn workspace(&self) -> Option<Arc<Workspace>> {
        Some(Arc::clone(&self.bench.workspace))
    }

    fn secrets(&self) -> Secrets {
        Secrets::from_pairs([("TOKEN".parse().unwrap(), SECRET)]).unwrap()
    }
}

#[test]
fn processes_keep_the_contract_of_executors() {
    let executor = ProcessExecutor::builder().max_in_flight(4).build();
    assert_kept(&Processes {
        bench: Bench::new(),
        executor: Arc::new(executor.unwrap()),
    });
}
