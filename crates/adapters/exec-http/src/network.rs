//! The thread that all requests share: one small runtime, no thread a request.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::thread::JoinHandle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A runtime on a thread of its own. Dropping it waits for what it still does.
#[derive(Debug)]
pub(crate) struct Network {
    tasks: Option<UnboundedSender<Task>>,
    thread: Option<JoinHandle<()>>,
}

impl Network {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            // Names are resolved on these.
            .max_blocking_threads(MAX_RESOLVERS)
            .thread_name("rok-resolve")
            .build()?;
        let (sender, tasks) = unbounded_channel();
        let thread = std::thread::Builder::new().name("rok-http".into());
        let thread = thread.spawn(move || runtime.block_on(perform(tasks)))?;
        Ok(Self {
            tasks: Some(sender),
            thread: Some(thread),
        })
    }

    /// Has a task performed; it begins at once.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(tasks) = &self.tasks {
            // The thread ends after this sender alone; a task that it drops
            // reports that by itself.
            let _ = tasks.send(Box::pin(task));
        }
    }
}

/// Names that are resolved at once.
const MAX_RESOLVERS: usize = 16;

async fn perform(mut tasks: UnboundedReceiver<Task>) {
    let mut live = JoinSet::new();
    loop {
        tokio::select! {
            task = tasks.recv() => match task {
                Some(task) => drop(live.spawn(task)),
                None => break,
            },
            Some(_) = live.join_next() => {}
        }
    }
    while live.join_next().await.is_some() {}
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(self.tasks.take());
        if let Some(thread) = self.thread.take()
            // A sink may own the executor: its thread cannot wait for itself.
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic there has been printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}
