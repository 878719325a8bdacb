//! Task logs are looked after: those that are too old are removed, and those to which nothing is added any more are
//! compressed. A round goes by all of them, a little at a time.

use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

use super::{Error, Services};
use crate::{
    domain::{task::Task, task_log::Care},
    tasklogs::{Entry, Packed, Packing, Walk},
};

/// A turn takes so long at the most: there is one each second, and the machine has other things to do.
const TURN: Duration = Duration::from_millis(100);

/// From the end of a round to the next one.
const REST: SignedDuration = SignedDuration::from_mins(5);

/// How far a round is.
#[derive(Default)]
pub(super) struct LogRound {
    /// What is left of it; nothing between two rounds.
    walk: Option<Walk>,
    /// The log that is being compressed.
    packing: Option<Packing>,
    /// When the last one was over.
    over: Option<Timestamp>,
}

/// What comes next in a turn.
enum Step {
    Remove(Entry),
    Replace(Packed),
    /// It is over for now; with the round, or not.
    Pause {
        round_is_over: bool,
    },
}

impl Services {
    /// Goes on with the round of all logs for a moment, or begins another one if it is time, and says whether the round is
    /// over. What is done to a log is done in turn with everything else that is done to it.
    pub async fn look_after_logs(self: &Arc<Self>) -> Result<bool, Error> {
        let until = Instant::now() + TURN;
        loop {
            let own = Arc::clone(self);
            let step = tokio::task::spawn_blocking(move || own.next_log_to_change(until)).await;
            match step.map_err(|_| Error::Panicked)?? {
                Step::Remove(log) => self.logs.run(log.task, move |_| log.remove()).await?,
                Step::Replace(packed) => {
                    self.logs.run(packed.entry().task, move |_| packed.replace()).await?;
                }
                Step::Pause { round_is_over } => return Ok(round_is_over),
            }
        }
    }

    /// Goes by logs, and compresses, until there is something to be done where everything is done to that log.
    fn next_log_to_change(&self, until: Instant) -> Result<Step, Error> {
        let mut round = self.log_round.lock().unwrap_or_else(PoisonError::into_inner);
        if round.walk.is_none() {
            let is_resting = |over| self.now().duration_since(over).abs() < REST;
            if !round.over.is_some_and(is_resting) {
                round.walk = self.logs.logs().walk()?;
            }
        }
        while Instant::now() < until {
            if let Some(mut packing) = round.packing.take() {
                if packing.go_on()? {
                    return Ok(Step::Replace(packing.finish()?));
                }
                round.packing = Some(packing);
                continue;
            }
            let Some(log) = round.walk.as_mut().and_then(Iterator::next).transpose()? else {
                if round.walk.take().is_some() {
                    round.over = Some(self.now());
                }
                return Ok(Step::Pause { round_is_over: true });
            };
            match self.care_of(&log)? {
                Care::Remove => return Ok(Step::Remove(log)),
                Care::Compress => round.packing = log.pack()?,
                Care::Leave => {}
            }
        }
        Ok(Step::Pause { round_is_over: false })
    }

    fn care_of(&self, entry: &Entry) -> Result<Care, Error> {
        let now = self.now();
        let task: Option<Task> = self.store.read(now, |tx| Ok::<_, Error>(tx.task(entry.task)?))?;
        let care = entry.log.care(task.map(|task| task.status), now, self.policy.overdue.old_log);
        // That makes room, but first it takes some.
        let has_room = self.disks().task_logs.is_none_or(|space| space.can_take(entry.length));
        Ok(if care == Care::Compress && !has_room { Care::Leave } else { care })
    }
}
