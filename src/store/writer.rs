//! The one writer: it takes all changes that wait, writes them in one transaction, and answers each when
//! they are on disk. While one group is on its way to the disk the next gathers by itself, so a lone change
//! waits for one flush and a thousand share one. When there is much to do the writer waits for more.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::{DatabaseFile, StoreError, WriteTx};

/// As many changes share a transaction at the most: it bounds how long the first of them waits.
const GROUP: usize = 256;

/// After a group of this size or larger the next ones are on their way.
const MANY: usize = 16;

/// So long the writer then lets them gather. What a commit costs hardly grows with the group, and while the writer sleeps
/// the processors are free for those who bring changes: many are done sooner for it.
const GATHERING: Duration = Duration::from_millis(1);

/// After writing has failed, nothing is tried for this long: each try costs opening the file anew.
const REST: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    queue: Sender<Box<dyn Change>>,
    thread: JoinHandle<()>,
}

/// A change that waits, with somebody who waits for it.
trait Change: Send {
    /// Makes the change. After an error the transaction holds half of it and must be given up.
    fn make(&mut self, tx: &mut WriteTx<'_>) -> Result<(), StoreError>;

    /// Answers whoever waits: with the result of the change, or with `trouble`.
    fn answer(self: Box<Self>, trouble: Option<StoreError>);
}

struct Waiting<T, E, A> {
    now: Timestamp,
    act: A,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, A> Change for Waiting<T, E, A>
where
    A: FnMut(&mut WriteTx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn make(&mut self, tx: &mut WriteTx<'_>) -> Result<(), StoreError> {
        let before = tx.changes();
        self.result = None;
        tx.at(self.now);
        let result = catch_unwind(AssertUnwindSafe(|| (self.act)(tx)))
            .map_err(|panic| StoreError::Panicked(panic_text(panic.as_ref())))?;
        let refused_half_done = result.is_err() && tx.changes() != before;
        self.result = Some(result);
        if refused_half_done { Err(StoreError::Panicked("it was refused half done".into())) } else { Ok(()) }
    }

    fn answer(self: Box<Self>, trouble: Option<StoreError>) {
        let result = match (self.result, trouble) {
            // A refusal is its own explanation.
            (Some(Err(error)), _) => Err(error),
            (_, Some(trouble)) => Err(trouble.into()),
            (Some(result), None) => result,
            (None, None) => Err(StoreError::Closed.into()),
        };
        // Whoever asked may have gone away; the change stands all the same.
        let _gone = self.reply.send(result);
    }
}

impl Writer {
    pub fn start(file: Arc<DatabaseFile>) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel();
        let thread = thread::Builder::new().name("writer".into()).spawn(move || run(&file, &waiting))?;
        Ok(Self { queue, thread })
    }

    pub fn submit<T, E, A>(
        &self,
        now: Timestamp,
        act: A,
    ) -> Result<oneshot::Receiver<Result<T, E>>, StoreError>
    where
        A: FnMut(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.queue
            .send(Box::new(Waiting { now, act, result: None, reply }))
            .map_err(|_| StoreError::Closed)?;
        Ok(answer)
    }

    /// Ends the writer after everything that waits is written.
    pub fn finish(self) {
        drop(self.queue);
        if self.thread.join().is_err() {
            tracing::error!("the writer of the database ended badly");
        }
    }
}

fn run(file: &DatabaseFile, waiting: &Receiver<Box<dyn Change>>) {
    let mut broken: Option<(Instant, StoreError)> = None;
    let mut busy = false;
    while let Ok(first) = waiting.recv() {
        if busy {
            thread::sleep(GATHERING);
        }
        let group: Vec<_> = std::iter::once(first).chain(waiting.try_iter().take(GROUP - 1)).collect();
        busy = group.len() >= MANY;
        if let Some((since, error)) = &broken
            && since.elapsed() < REST
        {
            refuse(group, error);
            continue;
        }
        broken = write_group(file, group).err().map(|error| (Instant::now(), error));
    }
}

fn refuse(group: Vec<Box<dyn Change>>, error: &StoreError) {
    for change in group {
        change.answer(Some(error.clone()));
    }
}

/// Writes a group and answers its members. Returns what is wrong when nothing can be written at all.
fn write_group(file: &DatabaseFile, mut group: Vec<Box<dyn Change>>) -> Result<(), StoreError> {
    let Err(error) = transact(file, &mut group) else {
        for change in group {
            change.answer(None);
        }
        return Ok(());
    };
    if error.is_io() {
        recover(file, &error);
    }
    // Each alone, so that a bad one takes no others with it.
    let mut rest = group.into_iter();
    while let Some(change) = rest.next() {
        let mut alone = [change];
        let trouble = transact(file, &mut alone).err();
        let broken = trouble.clone().filter(StoreError::is_io);
        let [change] = alone;
        // Before the answer: whoever has it finds a database that can be read.
        if let Some(error) = &broken {
            recover(file, error);
        }
        change.answer(trouble);
        if let Some(error) = broken {
            refuse(rest.collect(), &error);
            return Err(error);
        }
    }
    Ok(())
}

/// Makes all changes of the group in one transaction and brings it to the disk. The writer outlives whatever
/// redb does.
fn transact(file: &DatabaseFile, group: &mut [Box<dyn Change>]) -> Result<(), StoreError> {
    catch_unwind(AssertUnwindSafe(|| make_and_commit(file, group)))
        .unwrap_or_else(|panic| Err(StoreError::gave_up(panic_text(panic.as_ref()))))
}

fn make_and_commit(file: &DatabaseFile, group: &mut [Box<dyn Change>]) -> Result<(), StoreError> {
    let open = file.open.read().unwrap_or_else(PoisonError::into_inner);
    // It is closed if it could not be opened anew the last time.
    let txn = open.as_ref().ok_or(redb::StorageError::DatabaseClosed)?.begin_write()?;
    let mut tx = WriteTx::open(&txn, Arc::clone(&file.heartbeats))?;
    let made =
        group.iter_mut().try_for_each(|change| change.make(&mut tx)).and_then(|()| tx.write_summaries());
    let (changes, touched) = (tx.changes(), std::mem::take(tx.touched()));
    drop(tx);
    made?;
    if changes == 0 {
        return Ok(txn.abort()?);
    }
    txn.commit()?;
    file.watch.add(touched);
    Ok(())
}

/// Opens the file anew: after a failed write redb refuses everything else.
fn recover(file: &DatabaseFile, error: &StoreError) {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::error!(database = file.path, cause, "the database cannot be written; is the disk full?");
    if let Err(error) = file.reopen(false) {
        tracing::error!(%error, "the database cannot be opened anew");
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".into())
}
