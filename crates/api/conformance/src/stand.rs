//! What shows an executor of rok's own at work: for each kind the programs,
//! functions, servers or agents that answer, fail, stay and blab.

use crate::executors::ExecutorBench;
use crate::house::{Manner, capability, table};
use crate::loopback::{Asked, Said, serve};
use rok_agents::{Need, Terms};
use rok_executor::contract::{Deed, SECRET, a_call, a_shell_line};
use rok_executor::{
    AgentWork, Call, CallWork, Executor, Functions, ServiceWork, StepFailure, Work, Workspace,
};
use rok_expr::{Part, SecretText};
use rok_plan::{Redirects, ResolvedRequest};
use rok_vocabulary::{Capability, ErrorClass, Federation};
use serde_json::{Map, Value, json};
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io, thread};

/// The executors that can be shown, each by the key of a plan that asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutorKind {
    /// Processes.
    Run,
    /// Functions of a program that embeds rok.
    Call,
    /// Requests.
    Http,
    /// Workers of the service map.
    Service,
    /// Agents of the agents' file.
    Agent,
}

impl ExecutorKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Run,
        Self::Call,
        Self::Http,
        Self::Service,
        Self::Agent,
    ];

    /// The key of a plan that asks for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Call => "call",
            Self::Http => "http",
            Self::Service => "service",
            Self::Agent => "agent",
        }
    }
}

/// An executor that is not there, or that nothing here can show, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoSuchExecutor(String);

impl FromStr for ExecutorKind {
    type Err = NoSuchExecutor;

    fn from_str(text: &str) -> Result<Self, NoSuchExecutor> {
        let mut all = Self::ALL.into_iter();
        if let Some(kind) = all.find(|kind| kind.as_str() == text) {
            return Ok(kind);
        }
        Err(NoSuchExecutor(match text {
            "plan" => "a `plan` step has no executor to be shown alone: it is a run of its own, \
                       which the engine makes"
                .to_owned(),
            _ => format!("there is no executor `{text}`"),
        }))
    }
}

/// What stands ready for an executor of a kind.
pub struct Stand {
    kind: ExecutorKind,
    folder: PathBuf,
    workspace: Arc<Workspace>,
    url: String,
    /// The service map that it must have.
    pub services: Option<PathBuf>,
    /// The agents' file that it must have.
    pub agents: Option<PathBuf>,
}

impl fmt::Debug for Stand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut of = f.debug_struct("Stand");
        of.field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Stand {
    /// Starts what the kind needs, and writes what it is told by into a folder.
    pub fn open(kind: ExecutorKind, folder: &Path) -> io::Result<Self> {
        let mut stand = Self {
            kind,
            folder: folder.to_owned(),
            workspace: workspace_in(folder)?,
            url: String::new(),
            services: None,
            agents: None,
        };
        match kind {
            ExecutorKind::Run | ExecutorKind::Call => {}
            ExecutorKind::Http => stand.url = serve("conformance http", answered)?,
            ExecutorKind::Service => stand.services = Some(services(folder)?),
            ExecutorKind::Agent => stand.agents = Some(agents(folder)?),
        }
        Ok(stand)
    }

    /// The functions that an executor of functions must have.
    #[must_use]
    pub fn functions() -> Functions {
        Functions::new()
            .register(capability("answers"), |_: &Call<'_>| {
                Ok(json!({ "answer": 42 }))
            })
            .register(capability("fails"), |_: &Call<'_>| Err(failed("it fails")))
            .register(capability("stays"), |call: &Call<'_>| {
                while !call.is_cancelled() {
                    // Work that looks now and then whether it should go on.
                    thread::park_timeout(Duration::from_millis(1));
                }
                Ok(Value::Null)
            })
            .register(capability("blabs"), |call: &Call<'_>| {
                let token = call.secrets().get("token").unwrap_or_default();
                Err(failed(&format!("{token} is refused")))
            })
    }

    /// An executor of the kind, which was given the files and the functions of
    /// this stand, with work that shows how it behaves.
    #[must_use]
    pub fn bench(self, executor: Arc<dyn Executor>) -> ExecutorBench {
        let workspace = Arc::clone(&self.workspace);
        let work = move |deed| Ok(self.work(deed));
        ExecutorBench::new(move || Arc::clone(&executor), work).writing_to(workspace)
    }

    fn work(&self, deed: Deed) -> Work {
        let name = match deed {
            Deed::Answers => "answers",
            Deed::Fails => "fails",
            Deed::Stays => "stays",
            Deed::Blabs => "blabs",
            Deed::Foreign if self.kind == ExecutorKind::Call => {
                return a_shell_line(&self.folder, "true");
            }
            Deed::Foreign => return a_call(),
        };
        match self.kind {
            ExecutorKind::Run => a_shell_line(&self.folder, line(deed)),
            ExecutorKind::Call => Work::Call(CallWork {
                function: capability(name),
                needs: Arc::default(),
                item: None,
            }),
            ExecutorKind::Http => Work::Http(Box::new(get(format!("{}/{name}", self.url)))),
            ExecutorKind::Service => Work::Service(ServiceWork {
                service: capability(name),
                site: "conformance".to_owned(),
                domain: "conformance.invalid".to_owned(),
            }),
            ExecutorKind::Agent => {
                let can = capability(name).parse().expect("it is a capability");
                Work::Agent(Box::new(agent_work(&can, Map::new())))
            }
        }
    }
}

/// Places below a folder where attempts may write.
pub(crate) fn workspace_in(folder: &Path) -> io::Result<Arc<Workspace>> {
    let made = |name: &str| {
        let place = folder.join(name);
        fs::create_dir_all(&place).map(|()| place)
    };
    Ok(Arc::new(Workspace {
        logs: made("logs")?,
        artifacts: made("artifacts")?,
        procs: made("procs")?,
        scratch: made("scratch")?,
    }))
}

fn failed(reason: &str) -> StepFailure {
    StepFailure::new(ErrorClass::ValidationFailed, reason)
}

/// What a process does.
const fn line(deed: Deed) -> &'static str {
    match deed {
        Deed::Answers | Deed::Foreign => r#"printf '{"answer":42}' > "$ROK_OUTPUT""#,
        Deed::Fails => "echo it fails >&2; exit 65",
        Deed::Stays => "exec sleep 1000",
        Deed::Blabs => {
            r#"echo "$TOKEN"; printf '{"class":"validation_failed","reason":"%s"}' "$TOKEN" > "$ROK_ERROR"; exit 1"#
        }
    }
}

/// A request that shows the secret to whom it asks.
fn get(url: String) -> ResolvedRequest {
    let token = Part::Secret("token".parse().expect("it is a name"));
    ResolvedRequest {
        method: "GET".to_owned(),
        url,
        headers: vec![("x-token".to_owned(), SecretText::from_parts([token]))],
        body: None,
        expect: Vec::new(),
        redirects: Redirects::SameHost,
        max_bytes: 1024 * 1024,
    }
}

/// What a step asks an agent for.
pub(crate) fn agent_work(can: &Capability, with: Map<String, Value>) -> AgentWork {
    AgentWork {
        capability: can.clone(),
        need: Need::of(can.clone()),
        federation: Some(Federation::RemotePrefer),
        with,
        terms: Terms::default(),
        idempotent: true,
        max_latency: None,
        process: None,
    }
}

/// What is answered below each path; whoever blabs says what it was shown.
fn answered(asked: &Asked) -> Said {
    let name = asked.path.trim_start_matches('/');
    let shown = [asked.header("x-token"), asked.header("authorization")].concat();
    match name.split('/').next() {
        Some("answers") => Said::Json(200, json!({ "findings": [] })),
        Some("stays") => Said::Silence,
        Some("blabs") => Said::Json(400, json!({ "error": format!("{shown} is refused") })),
        _ => Said::Json(500, json!({ "error": "it fails" })),
    }
}

/// Workers, one for each way to behave, and the map that names them. Their key
/// is the secret: it is all that they could tell.
fn services(folder: &Path) -> io::Result<PathBuf> {
    let url = serve("conformance workers", answered)?;
    let key = folder.join("conformance-worker.key");
    fs::write(&key, SECRET)?;
    let mut map = String::new();
    for name in ["answers", "fails", "stays", "blabs"] {
        let slug = capability(name);
        let _ = write!(
            map,
            "[{slug}]\nworker_key = '{slug}'\nname = '{slug}'\nbase_url = '{url}/{name}'\n\
             api_key_file = {:?}\n",
            key.display().to_string()
        );
    }
    let file = folder.join("conformance-services.toml");
    fs::write(&file, map)?;
    Ok(file)
}

/// Agents, one for each way to behave, and the file that names them.
fn agents(folder: &Path) -> io::Result<PathBuf> {
    let mut text = "heartbeat = '50ms'\n".to_owned();
    for (name, manner) in [
        ("answers", Manner::Works),
        ("fails", Manner::Fails("it fails")),
        ("stays", Manner::Stays),
        ("blabs", Manner::Fails(SECRET)),
    ] {
        text += &table(folder, name, manner, &[capability(name)])?;
    }
    let file = folder.join("conformance-agents.toml");
    fs::write(&file, text)?;
    Ok(file)
}
