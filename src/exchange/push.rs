//! The Server hears of tasks, and says what it wishes (`server-protocol.md`, section 1.4).

use std::{
    collections::{HashMap, HashSet},
    sync::{MutexGuard, PoisonError, atomic::Ordering},
    thread,
};

use jiff::{SignedDuration, Timestamp};

use super::{Exchange, Topic};
use crate::{
    domain::{breath::BREATH, ids::TaskId},
    services::{Error, PushOutcome, Queued, Services},
    upstream::{Batch, CallError, PushAnswer},
};

/// As often an update is sent that the Server does not take, before it is set aside,
const TRIES: u32 = 5;

/// and as long, at least.
const TRIED_FOR: SignedDuration = SignedDuration::from_mins(1);

/// As many tasks are passed over in one turn: a Server that takes nothing must not be asked about everything.
const PASSED_OVER: usize = 50;

/// A Server that does not answer in time gets smaller batches, down to this.
const SMALLEST_WHEN_SLOW: usize = 100;

/// As many updates are read and written as JSON in one go.
const STEP: usize = 300;

/// What is known about batches: how large they may be, and which updates were in one without being taken.
#[derive(Debug)]
pub(super) struct Batches {
    largest: usize,
    limit: usize,
    refused: HashMap<[u8; 12], Refused>,
    /// Some of what waits was not taken: sending it again is not urgent, however much it is.
    stuck: bool,
}

/// How often an update was not taken, and since when.
#[derive(Debug, Clone, Copy)]
struct Refused {
    times: u32,
    since: Timestamp,
}

/// One turn: all that waits is pushed, a batch at a time.
#[derive(Default)]
struct Turn {
    /// Something was taken.
    progress: bool,
    /// Something was not.
    left: bool,
    /// The updates that the Server refuses, even alone, and why. What else there is to say of their tasks waits with
    /// them, so that it stays in order; all other tasks are passed on.
    refused: Vec<(Queued, CallError)>,
}

/// What comes after a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Another one, at once.
    Again,
    /// A pause.
    Pause,
}

impl Batches {
    pub fn new(largest: usize) -> Self {
        Self { largest, limit: largest, refused: HashMap::new(), stuck: false }
    }

    /// The Server took a batch: the next may be larger.
    fn grow(&mut self) {
        self.limit = (self.limit * 2).clamp(1, self.largest);
    }

    /// There was no answer to a batch: it may have been too much at once.
    fn shrink_a_little(&mut self) {
        self.limit = (self.limit / 2).max(SMALLEST_WHEN_SLOW).min(self.limit);
    }

    /// The Server refuses a batch of this many updates, and no other: half of it may be fine.
    fn halve(&mut self, batch: usize) {
        self.limit = (batch / 2).max(1);
    }

    /// These updates were not taken. Returns those of them that have been sent often enough.
    fn not_taken(&mut self, updates: Vec<Queued>, now: Timestamp) -> Vec<Queued> {
        let often_enough = |(_, update): &Queued| {
            let refused = self.refused.entry(update.id).or_insert(Refused { times: 0, since: now });
            refused.times += 1;
            refused.times >= TRIES && now.duration_since(refused.since).abs() >= TRIED_FOR
        };
        updates.into_iter().filter(often_enough).collect()
    }

    /// A turn is over.
    fn turned(&mut self, stuck: bool) {
        self.stuck = stuck;
        if !stuck {
            self.refused.clear();
        }
    }
}

impl Exchange {
    /// Tells the Server what it has yet to hear, if it is time: all of it, a batch at a time.
    pub async fn push(&self) -> Result<(), Error> {
        if !self.is_time_to_push()? {
            return Ok(());
        }
        self.push_wanted.store(false, Ordering::Relaxed);
        let mut turn = Turn::default();
        loop {
            match self.push_batch(&mut turn).await {
                Ok(Next::Again) => {}
                Ok(Next::Pause) => break,
                Err(error) => {
                    // On a full disk, say: the Server must not hear the same again and again.
                    self.board.failed(Topic::Push, self.services.now(), &error);
                    return Err(error);
                }
            }
        }
        self.batches().turned(turn.left || !turn.refused.is_empty());
        self.judge(turn).await
    }

    fn is_time_to_push(&self) -> Result<bool, Error> {
        let now = self.services.now();
        if !self.board.may_try(Topic::Push, now) {
            return Ok(false);
        }
        let Some(last) = self.board.last_success(Topic::Push) else { return Ok(true) };
        if self.push_wanted.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let waiting = self.services.count_updates()?;
        let quiet = now.duration_since(last).abs();
        Ok(waiting >= self.pace.push_count as u64 && !self.batches().stuck
            || waiting > 0 && quiet >= self.pace.push_interval
            || quiet >= self.pace.cancel_fetch)
    }

    async fn push_batch(&self, turn: &mut Turn) -> Result<Next, Error> {
        let limit = self.batches().limit;
        let passed_over: HashSet<_> = turn.refused.iter().map(|((_, update), _)| update.task).collect();
        let (batch, message) = self.look(move |services| next_batch(services, limit, &passed_over)).await?;
        if batch.is_empty() && !turn.refused.is_empty() {
            return Ok(Next::Pause);
        }
        match self.server.push(message).await {
            Ok(answer) => self.taken(turn, batch, answer).await,
            Err(error @ (CallError::Refused { .. } | CallError::Trouble { .. })) if !batch.is_empty() => {
                self.refused(turn, batch, error).await
            }
            Err(error) => {
                if matches!(error, CallError::Unreachable { .. }) {
                    self.batches().shrink_a_little();
                }
                Ok(self.push_failed(&error))
            }
        }
    }

    /// The Server has answered: what it took leaves the queue, and the rest is sent again.
    async fn taken(&self, turn: &mut Turn, batch: Vec<Queued>, answer: PushAnswer) -> Result<Next, Error> {
        let PushAnswer { handled, cancel, wanted_logs } = answer;
        let handled: HashSet<_> = handled.into_iter().collect();
        let size = batch.len();
        let (taken, left): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|(_, update)| handled.contains(&update.id));
        let progress = !taken.is_empty();
        turn.progress |= progress;
        turn.left |= !left.is_empty();
        let taken = taken.into_iter().map(|(place, update)| (place, update.id)).collect();
        self.services.pushed(PushOutcome { taken, cancel, wanted_logs }).await?;
        self.push_succeeded();
        let reason = "the Flamenco Server leaves it out of those that it has handled; the task may be another Manager's";
        self.give_up_on(left, reason).await?;
        let mut batches = self.batches();
        let full = size == batches.limit;
        batches.grow();
        Ok(if full && progress { Next::Again } else { Next::Pause })
    }

    /// The Server refuses the batch. If it takes an empty one, something in the batch is the reason, and is searched for by
    /// halving; else it is the Server's trouble, and all will be sent again.
    async fn refused(
        &self,
        turn: &mut Turn,
        mut batch: Vec<Queued>,
        error: CallError,
    ) -> Result<Next, Error> {
        match self.server.push(Batch::default()).await {
            Err(_) => return Ok(self.push_failed(&error)),
            Ok(PushAnswer { cancel, wanted_logs, .. }) => {
                self.services.pushed(PushOutcome { taken: Vec::new(), cancel, wanted_logs }).await?;
            }
        }
        if batch.len() > 1 {
            self.batches().halve(batch.len());
        } else {
            turn.refused.extend(batch.pop().map(|update| (update, error)));
        }
        Ok(if turn.refused.len() < PASSED_OVER { Next::Again } else { Next::Pause })
    }

    /// What came of the updates that the Server refuses. It may be the Server that is in trouble, and then nothing is set
    /// aside. That it is not shows by what else it took; if there was nothing else, by its saying that the fault is ours.
    async fn judge(&self, turn: Turn) -> Result<(), Error> {
        let Turn { progress, refused, .. } = turn;
        let Some((_, error)) = refused.last() else { return Ok(()) };
        if !progress && (refused.len() > 1 || matches!(error, CallError::Trouble { .. })) {
            self.push_failed(error);
            return Ok(());
        }
        self.push_succeeded();
        for (update, error) in refused {
            self.give_up_on(vec![update], &error.to_string()).await?;
        }
        Ok(())
    }

    /// These were not taken. Those that were sent often enough are set aside.
    async fn give_up_on(&self, updates: Vec<Queued>, reason: &str) -> Result<(), Error> {
        let given_up = self.batches().not_taken(updates, self.services.now());
        if !given_up.is_empty() {
            self.services.set_aside(given_up, reason.to_owned()).await?;
        }
        Ok(())
    }

    /// The next one comes when there is news, and when the Server has been left alone for long enough.
    fn push_succeeded(&self) {
        let now = self.services.now();
        self.board.succeeded(Topic::Push, now, Some(now + self.pace.cancel_fetch));
    }

    fn push_failed(&self, error: &CallError) -> Next {
        self.board.failed(Topic::Push, self.services.now(), error);
        Next::Pause
    }

    fn batches(&self) -> MutexGuard<'_, Batches> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the Server has to hear next. It is read in steps, between which the processors are the workers'.
fn next_batch(
    services: &Services,
    limit: usize,
    except: &HashSet<TaskId>,
) -> Result<(Vec<Queued>, Batch), Error> {
    let mut batch: Vec<Queued> = Vec::new();
    let mut message = Batch::default();
    loop {
        let from = batch.last().map_or(0, |(place, _)| place + 1);
        let step = services.oldest_updates(from, STEP.min(limit - batch.len()), except)?;
        for (_, update) in &step {
            message.add(update);
        }
        let is_last = step.len() < STEP;
        batch.extend(step);
        if is_last {
            return Ok((batch, message));
        }
        thread::sleep(BREATH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_get_smaller_when_no_answer_comes_and_never_larger() {
        let mut batches = Batches::new(3000);
        let mut after = |change: fn(&mut Batches)| {
            change(&mut batches);
            batches.limit
        };
        assert_eq!(after(Batches::shrink_a_little), 1500);
        for _ in 0..5 {
            after(Batches::shrink_a_little);
        }
        assert_eq!(after(Batches::shrink_a_little), SMALLEST_WHEN_SLOW);
        assert_eq!(after(|batches| batches.halve(2)), 1);
        assert_eq!(after(Batches::shrink_a_little), 1);
        assert_eq!(after(Batches::grow), 2);
    }
}
