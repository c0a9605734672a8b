//! Ctrl-C, SIGTERM and a terminal that closes: the first asks for a clean
//! stop, the second does not wait for it. A terminal that closes says so twice,
//! by its shell and by the kernel, and nobody is there to be impatient. Who
//! began the command with `nohup` wants it to go on.

use rok_service::views::StopSignal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// What stops a command, and which signal did.
pub(crate) struct Stop {
    signal: StopSignal,
    received: Arc<AtomicI32>,
    handle: Option<Handle>,
}

impl Stop {
    /// Listens for signals, where the terminal is the process's own.
    pub(crate) fn listen(live: bool, tell: impl Fn(&str) + Send + 'static) -> Self {
        Self::listen_and_say(live, "stopping cleanly; once more stops at once", tell)
    }

    /// The same, over runs that a server drives, where `elsewhere` says so.
    pub(crate) fn listen_to(
        live: bool,
        elsewhere: bool,
        tell: impl Fn(&str) + Send + 'static,
    ) -> Self {
        if elsewhere {
            Self::listen_and_say(live, "no longer watching; the server goes on", tell)
        } else {
            Self::listen(live, tell)
        }
    }

    fn listen_and_say(
        live: bool,
        words: &'static str,
        tell: impl Fn(&str) + Send + 'static,
    ) -> Self {
        let tell = move || tell(words);
        let signal = StopSignal::new();
        let received = Arc::new(AtomicI32::new(0));
        let handle = live
            .then(|| listen(signal.clone(), received.clone(), tell))
            .flatten();
        Self {
            signal,
            received,
            handle,
        }
    }

    /// To be handed to what may take long.
    pub(crate) const fn signal(&self) -> &StopSignal {
        &self.signal
    }

    /// The signal that came, if one did.
    pub(crate) fn received(&self) -> Option<i32> {
        match self.received.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(signal),
        }
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        if let Some(handle) = &self.handle {
            handle.close();
        }
    }
}

fn listen(
    stop: StopSignal,
    received: Arc<AtomicI32>,
    tell: impl Fn() + Send + 'static,
) -> Option<Handle> {
    // Without handlers the signals end the process at once, which is safe: a
    // run's log is durable before any effect.
    let mut signals = Signals::new([SIGINT, SIGTERM]).ok()?;
    if !is_ignored(SIGHUP) {
        signals.add_signal(SIGHUP).ok()?;
    }
    let handle = signals.handle();
    let listener = move || {
        for signal in signals.forever() {
            let first = received.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
            if first.is_ok() {
                // Before it is told: the terminal may be gone, and writing fail.
                stop.stop();
                tell();
            } else if signal != SIGHUP {
                // What was durable stays so; steps that are left behind are
                // found and ended by the next resume.
                std::process::exit(128 + signal);
            }
        }
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(listener)
        .ok()?;
    Some(handle)
}

/// Whether whoever began this process had it ignore the signal.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let set = set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    set.is_some_and(|set| set & (1 << (signal - 1)) != 0)
}
