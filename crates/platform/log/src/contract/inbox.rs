//! The rules of the inbox.

use super::{Fixture, created, id};
use crate::{Answer, Command, CommandKind, Inbox, StoreError};
use rok_vocabulary::{Actor, CommandId, Seq, Timestamp};

pub(super) fn command(name: &str, at: i64) -> Command {
    Command {
        id: command_id(name),
        kind: CommandKind::Cancel,
        step: None,
        reason: Some("because".into()),
        actor: Actor::Manual,
        at: Timestamp::from_millis(at),
        roles: Vec::new(),
    }
}

pub(super) fn command_id(name: &str) -> CommandId {
    name.parse().expect("it is a command id")
}

fn taken(store: &mut impl Inbox, run: &str) -> Vec<String> {
    let commands = store.take(&id(run)).expect("taking must not fail");
    commands
        .iter()
        .map(|command| command.id.to_string())
        .collect()
}

/// A command is shown until it is answered, and to whoever owns the run then.
pub fn a_command_waits_until_it_is_done(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let run = created(&mut store, "r").run().clone();
    assert!(taken(&mut store, "r").is_empty());
    let sent = command("c", 1);
    fixture.open().put(&run, &sent).expect("anyone may put");
    assert_eq!(
        store.take(&run).expect("it waits"),
        std::slice::from_ref(&sent)
    );
    assert_eq!(
        fixture.open().take(&run).expect("it waits still"),
        std::slice::from_ref(&sent)
    );
    assert_eq!(store.answer(&run, &sent.id).expect("nobody answered"), None);
    let answer = Answer::accepted(Seq(7));
    store
        .done(&run, &sent.id, &answer)
        .expect("answering must not fail");
    assert!(taken(&mut store, "r").is_empty());
    assert_eq!(
        fixture
            .open()
            .answer(&run, &sent.id)
            .expect("it is answered"),
        Some(answer)
    );
}

/// The same id counts once, waiting or answered.
pub fn a_second_delivery_is_absorbed(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let run = created(&mut store, "r").run().clone();
    let sent = command("c", 1);
    let again = Command {
        reason: Some("another".into()),
        ..sent.clone()
    };
    for command in [&sent, &sent, &again] {
        store
            .put(&run, command)
            .expect("a second delivery is no error");
    }
    assert_eq!(
        store.take(&run).expect("it waits"),
        std::slice::from_ref(&sent)
    );
    store
        .done(&run, &sent.id, &Answer::refused("no"))
        .expect("answering must not fail");
    store.put(&run, &sent).expect("a late delivery is no error");
    assert!(taken(&mut store, "r").is_empty());
}

/// An answer is not taken back.
pub fn the_first_answer_stands(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let run = created(&mut store, "r").run().clone();
    store.put(&run, &command("c", 1)).expect("anyone may put");
    let first = Answer::absorbed("the run is over");
    for answer in [&first, &Answer::accepted(Seq(1))] {
        store
            .done(&run, &command_id("c"), answer)
            .expect("answering must not fail");
    }
    assert_eq!(
        store
            .answer(&run, &command_id("c"))
            .expect("it is answered"),
        Some(first)
    );
}

/// Commands are taken by time, then by id.
pub fn commands_come_in_order(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let run = created(&mut store, "r").run().clone();
    for (name, at) in [("b", 2), ("z", 1), ("a", 2), ("m", 3)] {
        store.put(&run, &command(name, at)).expect("anyone may put");
    }
    assert_eq!(taken(&mut store, "r"), ["z", "a", "b", "m"]);
}

/// There is no inbox without a run.
pub fn commands_need_a_run(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let run = id("nobody");
    let sent = command("c", 1);
    assert!(matches!(
        store.put(&run, &sent),
        Err(StoreError::Unknown { .. })
    ));
    assert!(matches!(store.take(&run), Err(StoreError::Unknown { .. })));
    assert!(matches!(
        store.answer(&run, &sent.id),
        Err(StoreError::Unknown { .. })
    ));
    let done = store.done(&run, &sent.id, &Answer::refused("no"));
    assert!(matches!(done, Err(StoreError::Unknown { .. })));
}

/// A command names a step exactly when its kind asks for one.
pub fn a_command_contradicts_nothing(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let run = created(&mut store, "r").run().clone();
    let approve = Command {
        kind: CommandKind::Approve,
        ..command("c", 1)
    };
    assert!(matches!(
        store.put(&run, &approve),
        Err(StoreError::Command(_))
    ));
    let step = Some("gate".parse().expect("it is a step id"));
    let cancel = Command {
        step: step.clone(),
        ..command("c", 1)
    };
    assert!(matches!(
        store.put(&run, &cancel),
        Err(StoreError::Command(_))
    ));
    assert!(taken(&mut store, "r").is_empty());
    store
        .put(&run, &Command { step, ..approve })
        .expect("it is whole now");
    assert_eq!(taken(&mut store, "r"), ["c"]);
}
