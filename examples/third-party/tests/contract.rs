//! Both executors keep the contract that rok's own keep, every rule of it.

use acme_executors::{Desk, Stamped};
use rok_executor::contract::{
    Deed, Finding, Subject, a_call, a_shell_line, assert_kept, check, secrets, workspace,
};
use rok_executor::{CallWork, Executor, Work, Workspace};
use rok_secrets::Secrets;
use std::path::PathBuf;
use std::sync::Arc;

struct AtTheDesk {
    desk: Arc<Desk>,
    folder: PathBuf,
}

impl Subject for AtTheDesk {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::clone(&self.desk) as _
    }

    fn work(&self, deed: Deed) -> Option<Work> {
        let function = match deed {
            Deed::Answers => "acme-greet",
            Deed::Fails | Deed::Blabs => "acme-charge",
            Deed::Stays => "acme-wait",
            Deed::Foreign => return Some(a_call()),
        };
        Some(Work::Call(CallWork {
            function: function.to_owned(),
            needs: Arc::default(),
            item: None,
        }))
    }

    fn workspace(&self) -> Option<Arc<Workspace>> {
        Some(workspace(&self.folder))
    }

    fn secrets(&self) -> Secrets {
        secrets()
    }
}

struct AtTheSite {
    stamped: Arc<Stamped>,
    folder: PathBuf,
}

impl Subject for AtTheSite {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::clone(&self.stamped) as _
    }

    fn work(&self, deed: Deed) -> Option<Work> {
        let line = match deed {
            Deed::Answers => r#"printf '{"site":"%s"}' "$ACME_SITE" > "$ROK_OUTPUT""#,
            Deed::Fails => "exit 3",
            Deed::Stays => "exec sleep 1000",
            Deed::Blabs => {
                r#"echo "$TOKEN"; printf '{"class":"validation_failed","reason":"%s"}' "$TOKEN" > "$ROK_ERROR"; exit 1"#
            }
            Deed::Foreign => return Some(a_call()),
        };
        Some(a_shell_line(&self.folder, line))
    }

    fn workspace(&self) -> Option<Arc<Workspace>> {
        Some(workspace(&self.folder))
    }

    fn secrets(&self) -> Secrets {
        secrets()
    }
}

/// What is not shown is not kept: these show every rule.
fn shows_every_rule(subject: &dyn Subject) {
    for (rule, finding) in check(subject) {
        assert_eq!(finding, Finding::Kept, "{}", rule.name);
    }
}

#[test]
fn the_desk_keeps_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let subject = AtTheDesk {
        desk: Arc::new(Desk::new()),
        folder: folder.path().to_owned(),
    };
    assert_kept(&subject);
    shows_every_rule(&subject);
}

#[test]
fn stamped_processes_keep_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let subject = AtTheSite {
        stamped: Arc::new(Stamped::new("berlin").expect("processes start here")),
        folder: folder.path().to_owned(),
    };
    assert_kept(&subject);
    shows_every_rule(&subject);
}
