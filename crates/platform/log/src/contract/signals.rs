//! The rules of signals.

use super::inbox::{command, command_id};
use super::{Fixture, NOW, claimed, created, id, put};
use crate::{Answer, CommitResult, Inbox, PoolStore, RunQueue, Signal, Signals};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// A store may tell from another thread; longer than this is never.
const PATIENCE: Duration = Duration::from_secs(20);

fn await_signal(heard: &mpsc::Receiver<Signal>, wanted: &Signal) {
    loop {
        let signal = heard.recv_timeout(PATIENCE);
        let signal = signal.unwrap_or_else(|_| panic!("{wanted:?} was not told"));
        if signal == *wanted {
            return;
        }
    }
}

/// Whoever listens by one handle hears what another changes.
pub fn changes_are_told(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    let (sender, heard) = mpsc::channel();
    let _held = fixture.open().subscribe(Arc::new(move |signal: &Signal| {
        drop(sender.send(signal.clone()));
    }));
    let mut script = created(&mut store, "r");
    await_signal(&heard, &Signal::Grown(id("r")));
    await_signal(&heard, &Signal::Due);
    let fence = claimed(&mut store, script.run()).fence;
    let commit = script.steps(fence, 1);
    assert!(matches!(
        put(&mut store, commit),
        CommitResult::Committed { .. }
    ));
    await_signal(&heard, &Signal::Grown(id("r")));
    fixture
        .open()
        .put(script.run(), &command("c", 1))
        .expect("anyone may put");
    await_signal(&heard, &Signal::Command(id("r")));
    let answer = Answer::refused("no");
    store
        .done(script.run(), &command_id("c"), &answer)
        .expect("answering must not fail");
    await_signal(&heard, &Signal::Answer(id("r")));
    store.release(script.run(), fence, Some(NOW));
    await_signal(&heard, &Signal::Due);
}

/// A subscription ends when it is dropped.
pub fn nobody_is_told_after_the_end(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    let (sender, heard) = mpsc::channel();
    let held = store.subscribe(Arc::new(move |signal: &Signal| {
        drop(sender.send(signal.clone()));
    }));
    created(&mut store, "r");
    await_signal(&heard, &Signal::Grown(id("r")));
    drop(held);
    created(&mut store, "s");
    // The listener is gone with its subscription, and so is the sender.
    assert!(heard.iter().all(|signal| signal != Signal::Grown(id("s"))));
}
