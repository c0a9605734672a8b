//! One transaction for many, and nobody spoils it for the others.

use super::*;
use crate::database::Database;
use rok_log::Durability;
use rstest::rstest;
use std::sync::mpsc;
use tempfile::TempDir;

fn database() -> (TempDir, Arc<Database>) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(&folder.path().join("rok.db"), Durability::Flush).unwrap();
    (folder, Arc::new(Database::open(place).unwrap()))
}

fn insert(at: Access<'_>, key: &str) -> Result<(), Failure> {
    let sql = "INSERT INTO records (namespace, kind, key, json) VALUES ('n', 'k', ?1, '1')";
    at.prepare_cached(sql)?.execute([key])?;
    Ok(())
}

fn keys(database: &Database) -> String {
    let read = database.read("read", |at| {
        let sql = "SELECT coalesce(group_concat(key, '' ORDER BY key), '') FROM records";
        Ok(at.query_row(sql, [], |row| row.get(0))?)
    });
    read.unwrap()
}

/// What a caller does, by its key.
fn act(at: Access<'_>, key: &str) -> Result<(), Failure> {
    if key == "n" {
        return Err(StoreError::Unknown {
            run: "n".parse().unwrap(),
        }
        .into());
    }
    insert(at, key)?;
    match key {
        // A second row with the key: a constraint says no.
        "c" => insert(at, key),
        "d" => Err(StoreError::Unknown {
            run: "d".parse().unwrap(),
        }
        .into()),
        "p" => panic!("on purpose"),
        "e" => {
            at.execute_batch("ROLLBACK").unwrap();
            Ok(at.execute_batch("this is no SQL")?)
        }
        _ => Ok(()),
    }
}

/// Lets callers come while the writer is busy, so that they share its next
/// transaction, and returns how many times each was begun until it was done.
fn together(database: &Arc<Database>, each: &[&'static str]) -> Vec<Result<usize, StoreError>> {
    let (busy, is_busy) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let first = scope.spawn(|| {
            database.write("wait in", move |_| {
                busy.send(()).unwrap();
                may_go_on.recv().unwrap();
                Ok(())
            })
        });
        is_busy.recv().unwrap();
        let callers: Vec<_> = each
            .iter()
            .zip(1..)
            .map(|(key, before)| {
                let (mut times, key) = (0, *key);
                let work = move |at: Access<'_>| {
                    times += 1;
                    act(at, key).map(|()| times)
                };
                let caller = scope.spawn(move || database.write("write", work));
                while database.arrived() <= before {
                    thread::yield_now();
                }
                caller
            })
            .collect();
        go_on.send(()).unwrap();
        first.join().unwrap().unwrap();
        let results = callers.into_iter().map(|caller| caller.join().unwrap());
        results.collect()
    })
}

#[test]
fn a_failure_is_its_callers_alone() {
    let (_folder, database) = database();
    let results = together(&database, &["a", "c", "b", "d", "z"]);
    let told: Vec<_> = results.iter().map(Result::is_ok).collect();
    assert_eq!(told, [true, false, true, false, true]);
    assert!(matches!(results[1], Err(StoreError::Database { .. })));
    assert!(matches!(results[3], Err(StoreError::Unknown { .. })));
    assert_eq!(keys(&database), "abz");
}

/// Whoever fails and has changed something is kept apart from the others, all of
/// which begin once more; who fails and has not costs them nothing.
#[rstest]
#[case::nothing_was_changed("n", 1)]
#[case::a_row_was_put_in("c", 2)]
#[case::and_the_work_itself_refused("d", 2)]
fn a_failure_is_undone_where_there_is_something_to_undo(
    #[case] fails: &'static str,
    #[case] times: usize,
) {
    let (_folder, database) = database();
    let results = together(&database, &["a", fails, "b"]);
    assert_eq!(results[0].as_ref().unwrap(), &times);
    assert!(results[1].is_err());
    // Nothing was done of the last one where it was to begin anew.
    assert_eq!(results[2].as_ref().unwrap(), &1);
    assert_eq!(keys(&database), "ab");
}

#[test]
fn nobody_is_told_of_success_when_the_transaction_is_lost() {
    let (_folder, database) = database();
    let results = together(&database, &["a", "e", "b"]);
    assert!(results.iter().all(Result::is_err), "{results:?}");
    assert_eq!(keys(&database), "");
    // And the next one is on a new connection.
    database.write("write", |at| act(at, "f")).unwrap();
    assert_eq!(keys(&database), "f");
}

#[test]
fn one_caller_alone_is_rolled_back_alike() {
    let (_folder, database) = database();
    assert!(database.write("write", |at| act(at, "c")).is_err());
    assert!(database.write("write", |at| act(at, "d")).is_err());
    database.write("write", |at| act(at, "a")).unwrap();
    assert_eq!(keys(&database), "a");
}

#[track_caller]
fn is_poisoned<T: std::fmt::Debug>(answer: &Result<T, StoreError>) {
    let is = matches!(answer, Err(StoreError::Poisoned { .. }));
    assert!(is, "{answer:?}");
}

#[test]
fn a_writer_that_panics_answers_nobody_any_more() {
    let (_folder, database) = database();
    let broken = database.write("write", |_| -> Result<(), Failure> { panic!("on purpose") });
    is_poisoned(&broken);
    let after = database.write("write", |at| act(at, "a"));
    is_poisoned(&after);
    assert_eq!(keys(&database), "");
}

#[test]
fn work_that_panics_takes_no_other_caller_with_it() {
    let (_folder, database) = database();
    let results = together(&database, &["a", "p", "b"]);
    for result in results {
        is_poisoned(&result);
    }
    let after = database.write("write", |at| act(at, "a"));
    is_poisoned(&after);
    assert_eq!(keys(&database), "");
}

#[test]
fn one_alone_writes_itself() {
    let (_folder, database) = database();
    let here = |_: Access<'_>| Ok(thread::current().id());
    let who = database.write("write", here).unwrap();
    assert_eq!(who, thread::current().id());
    let begun = database.begin("claim", here);
    assert_eq!(database.finish(&begun).unwrap(), thread::current().id());
}

/// Whoever finds the desk free writes for all that wait, and nobody is left
/// behind by those who lead: each of many callers has its own answer.
#[test]
fn whoever_waits_writes_for_all_in_line() {
    const CALLERS: u64 = 8;
    const TIMES: u64 = 200;
    let (_folder, database) = database();
    let callers: Vec<_> = thread::scope(|scope| {
        let spawn = |caller: u64| {
            let database = &database;
            scope.spawn(move || {
                for time in 0..TIMES {
                    let key = format!("{caller}:{time};");
                    let told = key.clone();
                    let work = move |at: Access<'_>| insert(at, &key).map(|()| key.clone());
                    assert_eq!(database.write("write", work).unwrap(), told);
                }
                thread::current().id()
            })
        };
        let callers: Vec<_> = (0..CALLERS).map(spawn).collect();
        let callers = callers.into_iter().map(|caller| caller.join().unwrap());
        callers.collect()
    });
    assert_eq!(callers.len() as u64, CALLERS);
    let written = keys(&database).matches(';').count() as u64;
    assert_eq!(written, CALLERS * TIMES);
}

#[test]
fn what_nobody_waits_for_is_done_all_the_same() {
    let (folder, database) = database();
    let (tell, told) = mpsc::channel();
    let first = move || tell.send(()).unwrap();
    database.post("let go", |at| act(at, "a").map(|()| true), first);
    told.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(keys(&database), "a");
    // And by whoever closes the file, at the latest.
    database.post("let go", |at| act(at, "b").map(|()| false), || {});
    drop(database);
    let place = Place::new(&folder.path().join("rok.db"), Durability::Flush).unwrap();
    assert_eq!(keys(&Database::open(place).unwrap()), "ab");
}

#[test]
fn a_commit_waits_for_the_disk_and_a_claim_alone_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(&folder.path().join("rok.db"), Durability::Fsync).unwrap();
    let database = Database::open(place).unwrap();
    let level = |at: Access<'_>| -> Result<i64, Failure> {
        Ok(at.pragma_query_value(None, "synchronous", |row| row.get(0))?)
    };
    let (normal, full) = (1, 2);
    assert_eq!(database.write("write", level).unwrap(), full);
    assert_eq!(database.write_queue("claim", level).unwrap(), normal);
    assert_eq!(database.write_queue("claim", level).unwrap(), normal);
    // One that shares its transaction with a commit waits with it.
    database.post("let go", |_| Ok(false), || {});
    assert_eq!(database.write("write", level).unwrap(), full);
    // A connection that is opened anew waits, too.
    assert_eq!(database.write_queue("claim", level).unwrap(), normal);
    let broken = database.write_queue("break", |at| Ok(at.execute_batch("this is no SQL")?));
    broken.unwrap_err();
    assert_eq!(database.write("write", level).unwrap(), full);
}

/// What nobody waits for yet is done with what somebody does wait for, in one
/// transaction, or once somebody waits for it.
#[test]
fn what_is_in_no_hurry_goes_with_what_comes_next() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(&folder.path().join("rok.db"), Durability::Fsync).unwrap();
    let database = Database::open(place).unwrap();
    let (normal, full) = (1, 2);
    let level = |at: Access<'_>| -> Result<i64, Failure> {
        Ok(at.pragma_query_value(None, "synchronous", |row| row.get(0))?)
    };
    let begun = database.begin("claim", level);
    database.write("write", |at| act(at, "a")).unwrap();
    assert_eq!(database.finish(&begun).unwrap(), full);
    let begun = database.begin("claim", level);
    assert_eq!(database.finish(&begun).unwrap(), normal);
    // In line before what comes later, whoever waits for which.
    database.post("let go", |at| act(at, "b").map(|()| false), || {});
    assert!(database.has_posted());
    let read = database.read_queue("read", |at| {
        Ok(at.query_row("SELECT count(*) FROM records", [], |row| {
            row.get::<_, i64>(0)
        })?)
    });
    assert_eq!((read.unwrap(), database.has_posted()), (2, false));
}
