//! A number of things, several at once.

use std::sync::{Mutex, PoisonError};

/// They wait for processes more than they compute.
const AT_ONCE: usize = 4;

/// Does each of a number of things.
pub(crate) fn each(n: usize, work: impl Fn(usize) + Sync) {
    let rest = Mutex::new(0..n);
    let next = || rest.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(at) = next() {
                    work(at);
                }
            });
        }
    });
}
