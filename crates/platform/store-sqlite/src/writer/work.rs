//! Work that waits in line, and whoever waits for it.

use crate::access::Access;
use crate::fault::Failure;
use rok_log::StoreError;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};

/// When work is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Once the disk has it.
    Durable,
    /// Once every process sees it. Claims are so: what is decided under one goes
    /// into the same log behind it, so that no disk has the one without the
    /// other; and who held a claim that a crash of the system undid is gone.
    Written,
    /// The same, and nobody waits for it yet: it is done with what comes next.
    Sometime,
}

/// Something to be done within a transaction.
pub(super) trait Work: Send {
    /// Does it; once more, where what it did was undone since.
    fn run(&mut self, at: Access<'_>) -> Result<(), Failure>;
    fn answered(&self) -> Answered;
    fn operation(&self) -> &'static str;
    /// Who waits for it, if anybody does yet.
    fn waiter(&self) -> Option<&Thread>;
    /// Answers whoever waits, once it is known what became of it.
    fn end(self: Box<Self>, result: Result<(), StoreError>);
}

/// One caller's work.
struct Task<F, G, T> {
    operation: &'static str,
    answered: Answered,
    work: F,
    /// What is done with the value before anybody has it.
    then: G,
    value: Option<T>,
    caller: Caller<T>,
}

impl<T, F, G> Work for Task<F, G, T>
where
    T: Send,
    F: FnMut(Access<'_>) -> Result<T, Failure> + Send,
    G: FnOnce(&T) + Send,
{
    fn run(&mut self, at: Access<'_>) -> Result<(), Failure> {
        // That of a time before was undone.
        self.value = None;
        self.value = Some((self.work)(at)?);
        Ok(())
    }

    fn answered(&self) -> Answered {
        self.answered
    }

    fn operation(&self) -> &'static str {
        self.operation
    }

    fn waiter(&self) -> Option<&Thread> {
        self.caller.0.waiter.get()
    }

    fn end(self: Box<Self>, result: Result<(), StoreError>) {
        let Self {
            value,
            then,
            caller,
            ..
        } = *self;
        let answer = result.map(|()| value.expect("work that succeeded left its value"));
        if let Ok(value) = &answer {
            then(value);
        }
        caller.0.answer(answer);
    }
}

/// Work to be put in line, and where its answer will be.
pub(super) fn task<T: Send + 'static>(
    answered: Answered,
    operation: &'static str,
    work: impl FnMut(Access<'_>) -> Result<T, Failure> + Send + 'static,
    then: impl FnOnce(&T) + Send + 'static,
) -> (Box<dyn Work>, Posted<T>) {
    let slot = Arc::new(Slot::default());
    let posted = Posted(Arc::clone(&slot));
    let task = Task {
        operation,
        answered,
        work,
        then,
        value: None,
        caller: Caller(slot),
    };
    (Box::new(task), posted)
}

/// Where an answer is put.
#[derive(Debug)]
struct Slot<T> {
    answer: Mutex<Answer<T>>,
    /// Who waits for it; said before it is looked for.
    waiter: OnceLock<Thread>,
}

#[derive(Debug)]
enum Answer<T> {
    Awaited,
    Given(Result<T, StoreError>),
    Taken,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self {
            answer: Mutex::new(Answer::Awaited),
            waiter: OnceLock::new(),
        }
    }
}

impl<T> Slot<T> {
    /// The first answer is the one.
    fn answer(&self, answer: Result<T, StoreError>) {
        let mut slot = self.lock();
        if matches!(*slot, Answer::Awaited) {
            *slot = Answer::Given(answer);
            drop(slot);
            if let Some(waiter) = self.waiter.get() {
                waiter.unpark();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Answer<T>> {
        // Whatever is there was put there in one step.
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who is answered: that the writer ended, where nothing else was said.
struct Caller<T>(Arc<Slot<T>>);

impl<T> Drop for Caller<T> {
    fn drop(&mut self) {
        let is_awaited = matches!(*self.0.lock(), Answer::Awaited);
        if is_awaited {
            self.0.answer(Err(ended()));
        }
    }
}

pub(super) fn ended() -> StoreError {
    StoreError::Poisoned {
        cause: "the writer broke, and writes no more".into(),
    }
}

/// Work that is in line.
#[derive(Debug)]
pub(crate) struct Posted<T>(Arc<Slot<T>>);

impl<T> Posted<T> {
    /// What came of it, if that is known; told once.
    pub(crate) fn is_done(&self) -> Option<Result<T, StoreError>> {
        let mut slot = self.0.lock();
        match &*slot {
            Answer::Given(_) => match std::mem::replace(&mut *slot, Answer::Taken) {
                Answer::Given(answer) => Some(answer),
                Answer::Awaited | Answer::Taken => None,
            },
            Answer::Awaited | Answer::Taken => None,
        }
    }

    /// Says that this thread waits from now on: it is woken when the answer
    /// comes, or when it is to lead.
    pub(super) fn await_here(&self) {
        drop(self.0.waiter.set(thread::current()));
    }
}
