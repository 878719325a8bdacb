//! Tasks come from the Server (`server-protocol.md`, section 1.2).

use std::sync::atomic::Ordering;

use super::{Exchange, Topic};
use crate::{
    domain::server_task::{ServerTask, in_order_of_reception},
    services::{Error, Services},
    upstream::Download,
};

/// As many tasks are taken in in one transaction; between two of them workers are served.
const STEP: usize = 500;

impl Exchange {
    /// Asks for tasks, if it is time: after `download_task_sleep`, or when somebody wants some.
    pub async fn download(&self) -> Result<(), Error> {
        if !self.is_time_to_download() {
            return Ok(());
        }
        self.download_wanted.store(false, Ordering::Relaxed);
        let since = self.services.last_download()?;
        match self.server.download(since.as_deref()).await {
            Ok(Download::Nothing) => {}
            Ok(Download::Tasks { tasks, last_updated }) => {
                self.take_in(tasks).await?;
                if let Some(last_updated) = last_updated {
                    self.services.downloaded(since, last_updated).await?;
                }
            }
            Err(error) => {
                self.board.failed(Topic::Download, self.services.now(), &error);
                return Ok(());
            }
        }
        let now = self.services.now();
        self.board.succeeded(Topic::Download, now, Some(now + self.pace.download_every));
        Ok(())
    }

    /// A worker has nothing to do: tasks are asked for soon, unless they were not long ago.
    pub(super) fn idle_worker(&self) {
        let Some(throttle) = self.pace.download_throttle else { return };
        let now = self.services.now();
        let last = self.board.last_try(Topic::Download);
        if last.is_none_or(|last| now.duration_since(last).abs() >= throttle) {
            self.download_wanted.store(true, Ordering::Relaxed);
        }
    }

    fn is_time_to_download(&self) -> bool {
        let now = self.services.now();
        let due = |last| now.duration_since(last).abs() >= self.pace.download_every;
        self.board.may_try(Topic::Download, now)
            && (self.download_wanted.load(Ordering::Relaxed)
                || self.board.last_success(Topic::Download).is_none_or(due))
    }

    async fn take_in(&self, tasks: Vec<ServerTask>) -> Result<(), Error> {
        let count = tasks.len();
        let (_, supported) = self.look(Services::workers_in_brief).await?;
        let mut tasks = in_order_of_reception(tasks, &supported).into_iter();
        loop {
            let step: Vec<_> = tasks.by_ref().take(STEP).collect();
            if step.is_empty() {
                break;
            }
            self.services.take_in(step).await?;
        }
        tracing::info!(tasks = count, "tasks came from the Flamenco Server");
        Ok(())
    }
}
