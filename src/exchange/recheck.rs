//! The Server is asked about a task before a worker gets it, and once more about tasks of which it said something
//! while the Manager knew better (`server-protocol.md`, section 1.3). No transaction is open meanwhile.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{Exchange, Topic};
use crate::{
    domain::ids::WorkerId,
    services::{Candidate, Error, HandOut, Permit},
    upstream::{CallError, TaskAnswer},
};

/// As often a worker's task may have another version at the Server before the worker has to come again.
const ROUNDS: usize = 3;

/// As long a worker waits for the Server, all rounds together: a little more than one call may take, and less than
/// the three seconds that a worker gives every call.
const BUDGET: Duration = Duration::from_secs(2);

/// As many tasks are asked about once more in one turn.
const STEP: usize = 100;

impl Exchange {
    /// `POST /task` below a Server: choose, ask, then hand out if nothing has changed meanwhile.
    ///
    /// A Server that does not answer keeps nobody waiting: the task is handed out as it is, and the Server is left alone
    /// for a while.
    pub async fn hand_out(&self, worker: WorkerId) -> Result<HandOut, Error> {
        let deadline = Instant::now() + BUDGET;
        let mut changes = 0;
        while changes < ROUNDS {
            let permit = match self.services.candidate(worker)? {
                None => Permit::Nothing,
                Some(candidate) => {
                    let permitted = self.ask(&candidate, deadline).await?;
                    changes += usize::from(permitted.as_ref() != Some(&candidate));
                    match permitted {
                        Some(permitted) => Permit::Only(permitted),
                        None => continue,
                    }
                }
            };
            match self.services.hand_out(worker, permit).await? {
                // Another task is the one to be given by now: another worker was faster, say.
                HandOut::AskFirst if Instant::now() < deadline => {}
                HandOut::AskFirst => return Ok(HandOut::Nothing),
                HandOut::Nothing => {
                    self.idle_worker();
                    return Ok(HandOut::Nothing);
                }
                answer => return Ok(answer),
            }
        }
        // Much has changed there.
        self.push_wanted.store(true, Ordering::Relaxed);
        self.download_wanted.store(true, Ordering::Relaxed);
        Ok(HandOut::Nothing)
    }

    /// Asks the Server about a task. Returns the version that may be handed out, if it may.
    async fn ask(&self, candidate: &Candidate, deadline: Instant) -> Result<Option<Candidate>, Error> {
        let now = self.services.now();
        if !self.board.may_try(Topic::Recheck, now) {
            return Ok(Some(candidate.clone()));
        }
        let asked = timeout_at(deadline, self.server.task(candidate.task, &candidate.etag)).await;
        match asked.unwrap_or_else(|_| Err(too_slow())) {
            Ok(TaskAnswer::Unchanged) => {
                self.heard();
                Ok(Some(candidate.clone()))
            }
            Ok(TaskAnswer::Changed(task)) => {
                self.heard();
                self.services.take_in_answer(*task, now).await
            }
            Ok(TaskAnswer::Gone) => {
                self.heard();
                self.services.forget_at_server(candidate.task).await?;
                Ok(None)
            }
            Err(error) => {
                self.not_heard(&error);
                Ok(Some(candidate.clone()))
            }
        }
    }

    /// Asks the Server once more about tasks of which it said something at a bad time.
    pub async fn ask_again(&self) -> Result<(), Error> {
        let tasks = self.look(|services| services.to_ask_again(STEP)).await?;
        for Candidate { task, etag } in tasks {
            let now = self.services.now();
            if !self.board.may_try(Topic::Recheck, now) {
                break;
            }
            match self.server.task(task, &etag).await {
                Ok(TaskAnswer::Unchanged) => self.services.asked_again(task).await?,
                Ok(TaskAnswer::Changed(answer)) => drop(self.services.take_in_answer(*answer, now).await?),
                Ok(TaskAnswer::Gone) => self.services.forget_at_server(task).await?,
                Err(error) => {
                    self.not_heard(&error);
                    break;
                }
            }
            self.heard();
        }
        Ok(())
    }

    fn not_heard(&self, error: &CallError) {
        if matches!(error, CallError::Credentials { .. }) {
            // Whether it is about this task or about the Manager shows a push.
            self.push_wanted.store(true, Ordering::Relaxed);
        }
        self.board.failed(Topic::Recheck, self.services.now(), error);
    }

    fn heard(&self) {
        self.board.succeeded(Topic::Recheck, self.services.now(), None);
    }
}

fn too_slow() -> CallError {
    let reason = "it took too long, and a worker waits".to_owned();
    CallError::Unreachable { call: "asking about a task".to_owned(), reason }
}
