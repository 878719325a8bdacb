//! A simulated worker's day: ask, run, report, obey. The same rounds as the genuine worker makes, but
//! one call at a time where that one may have several under way.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    commands::{self, Tally},
    worker::{Asked, MayIRun, SimWorker, WorkerError},
};

/// How long a worker pauses, and where.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between the end of a task and asking for the next.
    pub after_task: Duration,
    /// After there was nothing to do.
    pub idle: Duration,
    /// After a call for a task that failed.
    pub after_error: Duration,
    /// Between two attempts to deliver an update.
    pub update_retry: Duration,
    /// Between two questions whether the task may go on.
    pub may_i_run: Duration,
    /// Between two questions, asked in one's sleep, whether to wake up.
    pub asleep: Duration,
}

impl Pace {
    /// The genuine worker's.
    pub const fn genuine() -> Self {
        Self {
            after_task: Duration::from_secs(3),
            idle: Duration::from_secs(5),
            after_error: Duration::from_secs(10),
            update_retry: Duration::from_secs(5),
            may_i_run: Duration::from_secs(5),
            asleep: Duration::from_secs(30),
        }
    }

    /// Everything within a fraction of a second, for demonstrations and tests.
    pub const fn brisk() -> Self {
        Self {
            after_task: Duration::from_millis(50),
            idle: Duration::from_millis(100),
            after_error: Duration::from_millis(200),
            update_retry: Duration::from_millis(200),
            may_i_run: Duration::from_millis(100),
            asleep: Duration::from_millis(100),
        }
    }
}

/// How a worker behaves. Clones share the tally of `fail_times`.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// Its pauses.
    pub pace: Pace,
    /// The task type of which it fails every task.
    pub clumsy_with: Option<String>,
    /// The failures that commands demanded so far.
    pub tally: Tally,
}

impl Behaviour {
    /// A worker that can do everything.
    pub fn good(pace: Pace) -> Self {
        Self { pace, clumsy_with: None, tally: Tally::default() }
    }

    /// A worker that fails every task of this type.
    pub fn clumsy(pace: Pace, task_type: &str) -> Self {
        Self { clumsy_with: Some(task_type.to_owned()), ..Self::good(pace) }
    }

    pub(super) fn is_clumsy_with(&self, task_type: Option<&str>) -> bool {
        self.clumsy_with.is_some() && self.clumsy_with.as_deref() == task_type
    }
}

/// What a worker is up to between two calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Awake,
    Asleep,
    Leaving,
}

impl SimWorker {
    /// Works until `stop`, or until the Manager asks for `shutdown`, and signs off. A Manager that
    /// cannot be reached is waited for. To vanish like a killed worker, drop the future.
    ///
    /// An answer that breaks a genuine worker ends the rounds with an error, for a test to see.
    pub async fn run(&mut self, behaviour: &Behaviour, stop: &CancellationToken) -> Result<(), WorkerError> {
        tokio::select! {
            ended = self.rounds(behaviour) => ended?,
            // Like a terminated genuine worker it says nothing about the task in hand.
            () = stop.cancelled() => {}
        }
        // Nobody looks at the answer: the Manager finds out in any case.
        let _ = self.sign_off().await;
        Ok(())
    }

    async fn rounds(&mut self, behaviour: &Behaviour) -> Result<(), WorkerError> {
        let mut mood = Mood::Awake;
        loop {
            mood = match mood {
                Mood::Awake => self.fetch_and_run(behaviour).await?,
                Mood::Asleep => self.sleep_on(behaviour.pace.asleep).await?,
                Mood::Leaving => return Ok(()),
            };
        }
    }

    async fn fetch_and_run(&mut self, behaviour: &Behaviour) -> Result<Mood, WorkerError> {
        let pace = behaviour.pace;
        match patiently(self.ask_task().await)? {
            Some(Asked::Task(task)) => {
                let mood = self.run_task(&task, behaviour).await?;
                sleep(pace.after_task).await;
                Ok(mood)
            }
            Some(Asked::ChangeStatus(status)) => {
                let mood = self.change_status(&status).await?;
                sleep(pace.after_task).await;
                Ok(mood)
            }
            Some(Asked::Nothing) => {
                sleep(pace.idle).await;
                Ok(Mood::Awake)
            }
            Some(Asked::Other(_)) | None => {
                sleep(pace.after_error).await;
                Ok(Mood::Awake)
            }
        }
    }

    async fn sleep_on(&mut self, pause: Duration) -> Result<Mood, WorkerError> {
        sleep(pause).await;
        match patiently(self.status_change().await)?.flatten() {
            Some(status) => self.change_status(&status).await,
            None => Ok(Mood::Asleep),
        }
    }

    /// Does what was requested and says so; a shutdown is said by signing off.
    async fn change_status(&mut self, status: &str) -> Result<Mood, WorkerError> {
        let (mood, said) = match status {
            "shutdown" => return Ok(Mood::Leaving),
            "awake" => (Mood::Awake, "awake"),
            // The genuine worker goes to sleep when it does not know the status.
            _ => (Mood::Asleep, "asleep"),
        };
        patiently(self.ack(said).await)?;
        Ok(mood)
    }

    /// Runs a task to its end, or until the Manager takes it away.
    async fn run_task(&mut self, task: &Value, behaviour: &Behaviour) -> Result<Mood, WorkerError> {
        let pace = behaviour.pace;
        let id = task["_id"].as_str().unwrap_or_default();
        self.deliver(id, &commands::full_update("active", ""), pace).await?;
        let work = commands::execute(task, behaviour);
        tokio::pin!(work);
        let mut polls = interval_at(Instant::now() + pace.may_i_run, pace.may_i_run);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let refusal = loop {
            tokio::select! {
                outcome = &mut work => {
                    self.deliver(id, &outcome.update(), pace).await?;
                    return Ok(Mood::Awake);
                }
                _ = polls.tick() => match patiently(self.may_i_run(id).await)? {
                    Some(answer) if !answer.may_keep_running => break answer,
                    // Unreachable or allowed; a request beside "keep running" is not looked at.
                    _ => {}
                },
            }
        };
        self.give_up(id, refusal, pace).await
    }

    /// The task is no longer this worker's: obey, say so in its log, give it back.
    async fn give_up(&mut self, task_id: &str, refusal: MayIRun, pace: Pace) -> Result<Mood, WorkerError> {
        let mood = match refusal.status_requested {
            Some(status) => self.change_status(&status).await?,
            None => Mood::Awake,
        };
        let mut log = String::new();
        let (id, nickname) = (self.id(), &self.profile().nickname);
        let line = format!(
            "Worker {id} ({nickname}) stopped running this task, no longer allowed to run by Manager"
        );
        commands::log(&mut log, &line);
        self.deliver(task_id, &json!({ "log": log }), pace).await?;
        patiently(self.return_task(task_id).await)?;
        Ok(mood)
    }

    /// Delivers an update, however often it takes, as the genuine worker's queue does.
    async fn deliver(&mut self, task_id: &str, update: &Value, pace: Pace) -> Result<(), WorkerError> {
        loop {
            match patiently(self.update(task_id, update).await)? {
                Some(status) if status.is_success() => return Ok(()),
                Some(StatusCode::NOT_FOUND | StatusCode::CONFLICT) => return Ok(()),
                _ => sleep(pace.update_retry).await,
            }
        }
    }
}

/// No answer, or a no, is `None`: a worker tries again. What would break it stays an error.
fn patiently<T>(answer: Result<T, WorkerError>) -> Result<Option<T>, WorkerError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(WorkerError::Call(_) | WorkerError::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
