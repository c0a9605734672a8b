//! What must hold of `inbox`, case by case.

use super::*;
use rok_log::{CommandKind, Durability, RunStore, Script, Verdict};
use rok_vocabulary::{Actor, Timestamp};
use rstest::rstest;
use tempfile::TempDir;

fn filled() -> (TempDir, JsonlStore, RunId) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = JsonlStore::open(dir.path(), Durability::Fsync);
    let run: RunId = "r".parse().unwrap();
    store.commit(&[Script::new(&run).create()]).unwrap();
    (dir, store, run)
}

fn cancel(id: &str) -> Command {
    Command {
        id: id.parse().unwrap(),
        kind: CommandKind::Cancel,
        step: None,
        reason: Some("enough".into()),
        actor: Actor::User("ada".into()),
        at: Timestamp::from_millis(0),
        roles: Vec::new(),
    }
}

#[test]
fn a_command_is_a_file_and_so_is_its_answer() {
    let (dir, mut store, run) = filled();
    let inbox = dir.path().join("r/inbox");
    store.put(&run, &cancel("c-1")).unwrap();
    let json = fs::read_to_string(inbox.join("c-1.json")).unwrap();
    let expected = "{\"id\":\"c-1\",\"kind\":\"cancel\",\"reason\":\"enough\",\
                    \"actor\":\"user:ada\",\"at\":\"1970-01-01T00:00:00.000Z\"}";
    assert_eq!(json, expected);
    store
        .done(
            &run,
            &"c-1".parse().unwrap(),
            &Answer::refused("the run is over"),
        )
        .unwrap();
    let json = fs::read_to_string(inbox.join("c-1.answer")).unwrap();
    assert_eq!(
        json,
        "{\"verdict\":\"refused\",\"reason\":\"the run is over\"}"
    );
    assert_eq!(fs::read_dir(inbox).unwrap().count(), 1);
}

#[rstest]
#[case::no_json("x", "{")]
#[case::another_kind(
    "x",
    r#"{"id":"x","kind":"sing","actor":"manual","at":"1970-01-01T00:00:00Z"}"#
)]
#[case::another_id(
    "x",
    r#"{"id":"y","kind":"cancel","actor":"manual","at":"1970-01-01T00:00:00Z"}"#
)]
#[case::no_step(
    "x",
    r#"{"id":"x","kind":"approve","actor":"manual","at":"1970-01-01T00:00:00Z"}"#
)]
#[case::more(
    "x",
    r#"{"id":"x","kind":"cancel","actor":"manual","at":"1970-01-01T00:00:00Z","z":1}"#
)]
fn what_is_no_command_is_refused_once(#[case] id: &str, #[case] content: &str) {
    let (dir, mut store, run) = filled();
    store.put(&run, &cancel("good")).unwrap();
    let path = dir.path().join("r/inbox").join(format!("{id}.json"));
    fs::write(&path, content).unwrap();
    let ids = |commands: Vec<Command>| {
        commands
            .iter()
            .map(|it| it.id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(store.take(&run).unwrap()), ["good"]);
    let answer = store.answer(&run, &id.parse().unwrap()).unwrap().unwrap();
    assert_eq!(answer.verdict, Verdict::Refused);
    assert!(
        answer
            .reason
            .unwrap()
            .starts_with("the file is no command: ")
    );
    assert!(!path.exists());
}

#[test]
fn what_is_being_written_is_not_looked_at() {
    let (dir, mut store, run) = filled();
    let inbox = dir.path().join("r/inbox");
    for name in [".c.json.tmp", "c.json.tmp", "notes.txt", "not an id.json"] {
        fs::write(inbox.join(name), "{").unwrap();
    }
    assert_eq!(store.take(&run).unwrap(), []);
    assert_eq!(fs::read_dir(inbox).unwrap().count(), 4);
    // A writer that died left its temporary file behind: it is in nobody's way.
    store.put(&run, &cancel("c")).unwrap();
    assert_eq!(store.take(&run).unwrap().len(), 1);
}

#[test]
fn a_run_without_an_inbox_gets_one() {
    let (dir, store, run) = filled();
    fs::remove_dir(dir.path().join("r/inbox")).unwrap();
    store.put(&run, &cancel("c")).unwrap();
    fs::remove_dir_all(dir.path().join("r/inbox")).unwrap();
    fs::write(dir.path().join("r/inbox"), "").unwrap();
    assert!(matches!(
        store.put(&run, &cancel("c")),
        Err(StoreError::NotARun { .. })
    ));
}
