//! The writer: one thread, one connection, one transaction for all that waits.

use crate::access::Access;
use crate::copier::{self, Copier};
use crate::fault::{Failure, OpenError, Unopened, sort};
use crate::known::Known;
use crate::open::{Identity, Place};
use rok_log::{Durability, Signal, StoreError, Switchboard};
use rusqlite::Connection;
use rusqlite::hooks::Wal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How many callers may wait in line before the next one waits to get in line.
const LINE: usize = 1024;

/// How many callers share a transaction at most: a commit of a shard holds
/// dozens of decisions already, and those who came first want their answer.
const BATCH: usize = 256;

/// How many times the pace of copying the log may be long before the writer
/// copies what is left of it.
const LONG: i32 = 2;

/// Which part of that pace is left by then: little, since who commits waits.
const REST: i32 = 8;

/// How often to ask whether another process has written, while somebody
/// listens.
const LOOK: Duration = Duration::from_millis(100);

/// How long work that is in no hurry waits for what comes next: a shard that
/// begins to claim commits within a turn, or says that it waits.
const PATIENCE: Duration = Duration::from_millis(2);

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
trait Work: Send {
    fn run(&mut self, at: Access<'_>) -> Result<(), Failure>;
    fn answered(&self) -> Answered;
    fn operation(&self) -> &'static str;
    /// Answers whoever waits, once it is known what became of it.
    fn end(self: Box<Self>, result: Result<(), StoreError>);
}

struct Task<F, G, T> {
    operation: &'static str,
    answered: Answered,
    work: Option<F>,
    /// What is done with the value before anybody has it.
    then: G,
    value: Option<T>,
    caller: SyncSender<Result<T, StoreError>>,
}

impl<T, F, G> Work for Task<F, G, T>
where
    T: Send,
    F: FnOnce(Access<'_>) -> Result<T, Failure> + Send,
    G: FnOnce(&T) + Send,
{
    fn run(&mut self, at: Access<'_>) -> Result<(), Failure> {
        if let Some(work) = self.work.take() {
            self.value = Some(work(at)?);
        }
        Ok(())
    }

    fn answered(&self) -> Answered {
        self.answered
    }

    fn operation(&self) -> &'static str {
        self.operation
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
        // Nobody waits any more where the caller's thread is gone.
        drop(caller.send(answer));
    }
}

enum Message {
    Work(Box<dyn Work>),
    /// Somebody listens from now on.
    Look,
    /// Somebody waits for what was in no hurry.
    Hurry,
}

/// A handle on the writer's thread, which ends with it.
#[derive(Debug)]
pub(crate) struct Writer {
    line: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
    /// How many got in line.
    #[cfg(test)]
    arrived: std::sync::atomic::AtomicUsize,
}

impl Writer {
    /// Opens the file for writing.
    pub(crate) fn start(place: Place, board: Arc<Switchboard>) -> Result<Self, OpenError> {
        let (line, messages) = sync_channel(LINE);
        let mut desk = Desk {
            messages,
            board,
            db: None,
            syncs: true,
            pages: Arc::default(),
            copied: 0,
            copier: None,
            others: 0,
            log: None,
            known: Known::default(),
            looked: Instant::now(),
            place,
        };
        desk.open()
            .map_err(|error| error.into_open(&desk.place.path))?;
        let path = desk.place.path.clone();
        let thread = thread::Builder::new().name("rok-sqlite".into());
        let thread = thread.spawn(move || desk.serve());
        let thread =
            thread.map_err(|error| StoreError::from_io("start a writer for", path, error))?;
        Ok(Self {
            line: Some(line),
            thread: Some(thread),
            #[cfg(test)]
            arrived: std::sync::atomic::AtomicUsize::default(),
        })
    }

    /// Does the work in a transaction, and returns when that is so.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        answered: Answered,
        operation: &'static str,
        work: impl FnOnce(Access<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.post(answered, operation, work, |_| {}).wait()
    }

    /// Puts work in line, before all that comes later. `then` is called on the
    /// writer's thread once the work is done and others see it.
    pub(crate) fn post<T: Send + 'static>(
        &self,
        answered: Answered,
        operation: &'static str,
        work: impl FnOnce(Access<'_>) -> Result<T, Failure> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Posted<T> {
        let (caller, answer) = sync_channel(1);
        let task = Task {
            operation,
            answered,
            work: Some(work),
            then,
            value: None,
            caller,
        };
        if let Some(line) = &self.line {
            // Where the thread ended, the answer will say so.
            drop(line.send(Message::Work(Box::new(task))));
        }
        #[cfg(test)]
        self.arrived.fetch_add(1, Ordering::SeqCst);
        Posted(answer)
    }

    #[cfg(test)]
    pub(crate) fn arrived(&self) -> usize {
        self.arrived.load(Ordering::SeqCst)
    }

    /// Lets the writer do what was in no hurry.
    pub(crate) fn hurry(&self) {
        if let Some(line) = &self.line {
            // Whoever waits hears it from what waits.
            drop(line.send(Message::Hurry));
        }
    }

    /// Lets the writer look for what other processes write.
    pub(crate) fn look(&self) {
        if let Some(line) = &self.line {
            // A writer that is gone tells nothing any more.
            drop(line.send(Message::Look));
        }
    }
}

/// Work that is in line.
#[derive(Debug)]
pub(crate) struct Posted<T>(Receiver<Result<T, StoreError>>);

impl<T> Posted<T> {
    /// What came of it, if that is known.
    pub(crate) fn is_done(&mut self) -> Option<Result<T, StoreError>> {
        match self.0.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(ended())),
        }
    }

    /// Waits until it is done.
    pub(crate) fn wait(self) -> Result<T, StoreError> {
        // What is in line when the thread ends is dropped unanswered.
        self.0.recv().unwrap_or_else(|_| Err(ended()))
    }
}

fn ended() -> StoreError {
    StoreError::Poisoned {
        cause: "the thread that writes ended".into(),
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.line.take());
        // A listener may drop the last handle on the writer's own thread.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            drop(thread.join());
        }
    }
}

/// What the thread has.
struct Desk {
    place: Place,
    messages: Receiver<Message>,
    board: Arc<Switchboard>,
    /// None after a failure: it is opened again for the next transaction.
    db: Option<Connection>,
    /// Whether its commits wait for the disk.
    syncs: bool,
    /// How long the log is.
    pages: Arc<AtomicI32>,
    /// How long it was when it was last to be copied into the file.
    copied: i32,
    /// Who copies it, once it is long.
    copier: Option<Copier>,
    /// Changes when another process writes.
    others: i64,
    looked: Instant,
    /// Where commits go. Were it removed, they would be lost.
    log: Option<Identity>,
    known: Known,
}

impl Desk {
    fn serve(mut self) {
        while let Some(batch) = self.next() {
            if !batch.is_empty() {
                self.turn(batch);
            }
            if self.board.is_open() && self.looked.elapsed() >= LOOK {
                self.look();
            }
        }
    }

    /// All that waits, as soon as anything does. None when nobody can come
    /// any more.
    fn next(&self) -> Option<Vec<Box<dyn Work>>> {
        let first = if self.board.is_open() {
            match self.messages.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout) => Message::Look,
                Err(RecvTimeoutError::Disconnected) => return None,
                Ok(message) => message,
            }
        } else {
            self.messages.recv().ok()?
        };
        let mut batch = Vec::new();
        let mut hurries = self.gather(first, &mut batch);
        let until = Instant::now() + PATIENCE;
        while !hurries && !batch.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            match self.messages.recv_timeout(left) {
                Ok(message) => hurries = self.gather(message, &mut batch),
                // What is in line is done all the same where nobody can come.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        Some(batch)
    }

    /// Takes in a message and all that has come behind it; whether anybody
    /// waits.
    fn gather(&self, first: Message, batch: &mut Vec<Box<dyn Work>>) -> bool {
        let mut hurries = false;
        let room = BATCH.saturating_sub(batch.len() + 1);
        for message in std::iter::once(first).chain(self.messages.try_iter().take(room)) {
            match message {
                Message::Work(work) => {
                    hurries |= work.answered() != Answered::Sometime;
                    batch.push(work);
                }
                Message::Hurry => hurries = true,
                Message::Look => {}
            }
        }
        hurries || batch.len() >= BATCH
    }

    fn turn(&mut self, mut batch: Vec<Box<dyn Work>>) {
        let results = match self.transaction(&mut batch) {
            Ok(results) => results,
            Err(error) => {
                // What is in memory may not be what is on the disk: begin anew.
                self.db = None;
                self.known.forget();
                for work in batch {
                    let error = error.store(work.operation(), &self.place.path);
                    work.end(Err(error));
                }
                return;
            }
        };
        for (work, result) in batch.into_iter().zip(results) {
            let operation = work.operation();
            work.end(result.map_err(|failure| failure.into_store(operation, &self.place.path)));
        }
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.copied {
            // The log began anew.
            self.copied = 0;
        }
        self.copy(pages);
    }

    /// One transaction. An error means that nothing of it came about.
    fn transaction(
        &mut self,
        batch: &mut [Box<dyn Work>],
    ) -> Result<Vec<Result<(), Failure>>, Broken> {
        self.open()?;
        let mut answered = batch.iter().map(|work| work.answered());
        self.sync(answered.any(|answered| answered == Answered::Durable))?;
        let db = self.db.as_ref().expect("it was opened above");
        db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let others = data_version(db)?;
        if others != self.others {
            let version = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
            self.place.known(version)?;
            self.known.forget();
        }
        let at = Access::writing(db, &self.place.path, &self.known);
        let results = match batch {
            [work] => match work.run(at) {
                Ok(()) => vec![Ok(())],
                Err(failure) if failure.spares_connection() => {
                    db.prepare_cached("ROLLBACK")?.execute([])?;
                    self.known.forget();
                    return Ok(vec![Err(failure)]);
                }
                Err(failure) => return Err(Broken::Work(failure)),
            },
            many => {
                let each = many.iter_mut().map(|work| apart(at, work.as_mut()));
                each.collect::<Result<_, _>>()?
            }
        };
        if self.log != Some(self.place.log()?) {
            return Err(Unopened::Gone.into());
        }
        db.prepare_cached("COMMIT")?.execute([])?;
        if others != self.others {
            self.others = others;
            self.board.tell_all(&Signal::Any);
        }
        Ok(results)
    }

    fn open(&mut self) -> Result<(), Unopened> {
        if self.db.is_some() {
            return Ok(());
        }
        let mut db = self.place.writer()?;
        let pages = Arc::clone(&self.pages);
        db.wal_hook(Some(move |_: &mut Wal, count| {
            pages.store(count, Ordering::Relaxed);
            Ok(())
        }))?;
        // Another connection counts differently: whoever listens looks again.
        self.others = data_version(&db)?;
        self.log = Some(self.place.log()?);
        self.known.forget();
        self.board.tell_all(&Signal::Any);
        self.db = Some(db);
        self.syncs = true;
        Ok(())
    }

    /// Says whether the next commit waits for the disk.
    fn sync(&mut self, syncs: bool) -> rusqlite::Result<()> {
        let Some(db) = self.db.as_ref().filter(|_| self.syncs != syncs) else {
            return Ok(());
        };
        if self.place.durability == Durability::Fsync {
            // Takes hold when it is compiled: it must not be cached.
            db.pragma_update(None, "synchronous", if syncs { "FULL" } else { "NORMAL" })?;
        }
        self.syncs = syncs;
        Ok(())
    }

    /// Has the log copied into the file, beside what is written meanwhile. It
    /// begins anew only once all of it is copied, so that what the other thread
    /// has left is copied here when the log is long.
    fn copy(&mut self, pages: i32) {
        let pace = self.place.pace;
        let since = pages - self.copied;
        if since >= pace {
            if self.copier.is_none() {
                self.copier = Copier::start(self.place.clone());
            }
            if let Some(copier) = &self.copier {
                copier.order();
                self.copied = pages;
                return;
            }
        }
        let is_long = pages >= LONG * pace && since >= pace / REST;
        if since < pace && !is_long {
            return;
        }
        let Some(db) = &self.db else { return };
        match copier::copy(db) {
            Ok(log) => self.copied = log.max(0),
            // What was answered is in the log, and stays there.
            Err(_) => self.db = None,
        }
    }

    /// Tells those who listen if another process has written.
    fn look(&mut self) {
        self.looked = Instant::now();
        let Some(db) = &self.db else { return };
        if let Ok(version) = data_version(db)
            && version != self.others
        {
            self.others = version;
            self.board.tell_all(&Signal::Any);
        }
    }
}

/// Does one caller's work so that its failure undoes nothing else.
fn apart(at: Access<'_>, work: &mut dyn Work) -> Result<Result<(), Failure>, Broken> {
    at.prepare_cached("SAVEPOINT work")?.execute([])?;
    let result = work.run(at);
    match &result {
        Ok(()) => {}
        Err(failure) if failure.spares_connection() && !at.is_autocommit() => {
            at.prepare_cached("ROLLBACK TO work")?.execute([])?;
            if let Some(known) = at.known() {
                known.forget();
            }
        }
        Err(_) => return result.map(Ok).map_err(Broken::Work),
    }
    at.prepare_cached("RELEASE work")?.execute([])?;
    Ok(result)
}

/// Changes when another connection has written.
fn data_version(db: &Connection) -> rusqlite::Result<i64> {
    let mut ask = db.prepare_cached("PRAGMA data_version")?;
    ask.query_row([], |row| row.get(0))
}

/// Why a whole transaction did not come about.
enum Broken {
    Open(Unopened),
    Work(Failure),
}

impl From<rusqlite::Error> for Broken {
    fn from(error: rusqlite::Error) -> Self {
        Self::Work(error.into())
    }
}

impl From<Unopened> for Broken {
    fn from(error: Unopened) -> Self {
        Self::Open(error)
    }
}

impl Broken {
    /// The error for one of those who took part.
    fn store(&self, operation: &'static str, path: &Path) -> StoreError {
        match self {
            Self::Open(error) => error.to_store(operation, path),
            Self::Work(Failure::Sql(error)) => sort(operation, path, error),
            Self::Work(Failure::Refused(error)) => StoreError::Database {
                operation,
                message: error.to_string(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
