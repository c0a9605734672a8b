//! What a run waits for, and the commands that move it on.

use super::paint::{Paint, clean};
use crate::terminal::{Look, Terminal};
use rok_service::StoreNamed;
use rok_service::views::{HoldReason, HoldView, Timestamp};
use std::fmt::Write as _;
use std::time::SystemTime;

/// How the next command is to be written, so that it means the same run.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    program: String,
    run: String,
    /// Where the settings name a database, and no flag does.
    store: Option<StoreNamed>,
}

impl Caller {
    /// `program`: `rok` and its flags; `run`: what finds the run again.
    pub(crate) fn new(program: &str, run: &str) -> Self {
        Self {
            program: program.to_owned(),
            run: shell_word(run),
            store: None,
        }
    }

    /// As whoever sits at a terminal calls.
    pub(crate) fn at(terminal: &Terminal, run: &str) -> Self {
        Self {
            store: terminal.store,
            ..Self::new(&terminal.program, run)
        }
    }

    /// `rok VERB RUN`.
    pub(crate) fn command(&self, verb: &str) -> String {
        format!("{} {verb} {}", self.asking(verb), self.run)
    }

    /// A command that names the run by its id.
    pub(crate) fn of_id(&self, id: &str, command: &str) -> String {
        let program = self.asking(command);
        format!("{program} {}", command.replacen(id, &self.run, 1))
    }

    /// What takes a run up that nobody drives.
    pub(crate) fn takes_up(&self) -> String {
        if self.store.is_some() || self.flag().is_some() {
            format!("{} serve", self.program)
        } else {
            self.command("resume")
        }
    }

    /// The program that does a command: a server alone drives the runs of a
    /// database.
    fn asking(&self, command: &str) -> String {
        let verb = command.split(' ').next().unwrap_or_default();
        if !matches!(verb, "resume" | "rollback") {
            return self.program.clone();
        }
        match (self.flag(), self.store) {
            (Some(flag), _) => self.program.replacen(&flag, "--server URL", 1),
            (None, None) => self.program.clone(),
            (None, Some(named)) => {
                let asking = self.program.replacen("rok", "rok --server URL", 1);
                match named {
                    // Both together contradict each other.
                    StoreNamed::Variable(name) => format!("env -u {name} {asking}"),
                    StoreNamed::File => asking,
                }
            }
        }
    }

    /// The flag that names a database.
    fn flag(&self) -> Option<String> {
        let at = self.program.find("--store ")?;
        let rest = &self.program[at..];
        let end = rest[2..].find(" --").map_or(rest.len(), |end| end + 2);
        Some(rest[..end].to_owned())
    }
}

/// A word as a shell takes it.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/=:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// What a run waits for, and the exact commands that release it.
pub(crate) fn hold(caller: &Caller, hold: &HoldView, look: Look) -> String {
    let paint = Paint::of(look);
    let of_step = hold.run.as_ref().map(|run| Caller {
        run: shell_word(run.as_str()),
        ..caller.clone()
    });
    let who = of_step.as_ref().unwrap_or(caller);
    let why = if look.ascii { "..." } else { "…" };
    let mut out = String::new();
    let _ = writeln!(out, "{} {}", paint.warn("waiting:"), clean(&hold.message));
    match hold.reason {
        HoldReason::ManualGate | HoldReason::InterruptedStep => {
            let now = now();
            let expired = |step: &&String| {
                let mut gates = hold.gates.iter();
                gates.any(|gate| gate.step == **step && gate.is_expired(now))
            };
            for step in hold.steps.iter().filter(|step| !expired(step)) {
                for verb in ["approve", "reject"] {
                    let command = who.command(verb);
                    let _ = writeln!(out, "  {command} {step} --reason \"{why}\"");
                }
            }
        }
        HoldReason::Pause | HoldReason::Budget => {
            let _ = writeln!(out, "  {}", who.command("unpause"));
        }
    }
    let _ = writeln!(out, "then:");
    let _ = writeln!(out, "  {}", caller.command("resume"));
    out
}

/// The instant at which it is.
pub(crate) fn now() -> Timestamp {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

/// How to go on with a run that was stopped by a signal.
pub(crate) fn interrupted(caller: &Caller, look: Look) -> String {
    let paint = Paint::of(look);
    format!(
        "{} the run can be resumed:\n  {}\n",
        paint.warn("stopped:"),
        caller.command("resume"),
    )
}

/// What becomes of a run that a server drives, and that nobody watches any more.
pub(crate) fn left(caller: &Caller, look: Look) -> String {
    let paint = Paint::of(look);
    format!(
        "{} the run goes on at the server:\n  {} --follow\n  {}\n",
        paint.warn("no longer watched:"),
        caller.command("events"),
        caller.command("cancel"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("rok", "rok resume r1", "rok resume r1")]
    #[case("rok --dir x", "rok --dir x resume r1", "rok --dir x resume r1")]
    #[case(
        "rok --store 'sqlite:my db' --policies p",
        "rok --server URL --policies p resume r1",
        "rok --store 'sqlite:my db' --policies p serve"
    )]
    #[case(
        "rok --store sqlite:a.db",
        "rok --server URL resume r1",
        "rok --store sqlite:a.db serve"
    )]
    fn a_command_that_drives_is_asked_of_whoever_can(
        #[case] program: &str,
        #[case] resume: &str,
        #[case] takes_up: &str,
    ) {
        let caller = Caller::new(program, "r1");
        assert_eq!(caller.command("resume"), resume);
        assert_eq!(caller.of_id("r1", "resume r1"), resume);
        assert_eq!(caller.command("events"), format!("{program} events r1"));
        assert_eq!(caller.takes_up(), takes_up);
    }

    /// No flag names the database then, and none is told.
    #[rstest]
    #[case(
        StoreNamed::Variable("ROK_STORE"),
        "env -u ROK_STORE rok --server URL -q resume r1"
    )]
    #[case(StoreNamed::File, "rok --server URL -q resume r1")]
    fn a_database_that_no_flag_names(#[case] named: StoreNamed, #[case] resume: &str) {
        let caller = Caller {
            store: Some(named),
            ..Caller::new("rok -q", "r1")
        };
        assert_eq!(caller.command("resume"), resume);
        assert_eq!(caller.command("events"), "rok -q events r1");
        assert_eq!(caller.takes_up(), "rok -q serve");
    }

    #[rstest]
    #[case("runs/run_abc", "runs/run_abc")]
    #[case("my runs", "'my runs'")]
    #[case("it's", r"'it'\''s'")]
    #[case("", "''")]
    #[case("$(rm)", "'$(rm)'")]
    fn words_reach_the_shell_as_they_are(#[case] word: &str, #[case] quoted: &str) {
        assert_eq!(shell_word(word), quoted);
    }
}
