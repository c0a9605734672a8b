//! A signal that asks a driver to stop and leave its run resumable.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

type Waker = Box<dyn Fn() + Send>;

/// Asks whoever drives a run to stop cleanly. Cheap to clone; once given it
/// stays given.
#[derive(Clone, Default)]
pub struct StopSignal {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    stopped: bool,
    wakers: Vec<Waker>,
}

impl StopSignal {
    /// A signal that is not given yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the signal and wakes who waits for it.
    pub fn stop(&self) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.stopped = true;
        for waker in inner.wakers.drain(..) {
            waker();
        }
    }

    /// Whether the signal was given.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stopped
    }

    /// Calls `waker` once the signal is given; at once where it was given.
    pub fn on_stop(&self, waker: impl Fn() + Send + 'static) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.stopped {
            waker();
        } else {
            inner.wakers.push(Box::new(waker));
        }
    }
}

impl fmt::Debug for StopSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopSignal")
            .field("stopped", &self.is_stopped())
            .finish()
    }
}
