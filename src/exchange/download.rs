//! Tasks come from the Server (`server-protocol.md`, section 1.2).

use std::sync::atomic::Ordering;

use super::{Exchange, Topic};
use crate::{
    domain::server_task::{ServerTask, in_order_of_reception},
    services::{DownloadStart, Error},
    upstream::Download,
};

/// As many tasks are taken in in one transaction; between two of them workers are served.
const STEP: usize = 500;

impl Exchange {
    /// Asks for tasks, if it is time: after `download_task_sleep`, or when somebody wants some. As long as there is no room
    /// for them it waits.
    pub async fn download(&self) -> Result<(), Error> {
        let no_room = self.services.room().err().map(|no_room| no_room.to_string());
        let has_to_wait = no_room.is_some();
        self.board.put_off(Topic::Download, self.services.now(), no_room);
        if has_to_wait || !self.is_time_to_download() {
            return Ok(());
        }
        self.download_wanted.store(false, Ordering::Relaxed);
        let done = self.fetch().await;
        if let Err(error) = &done {
            // On a full disk, say: the Server must not be asked for everything again and again.
            self.board.failed(Topic::Download, self.services.now(), error);
        }
        if !matches!(done, Ok(true)) {
            // Whoever wanted them still does.
            self.download_wanted.store(true, Ordering::Relaxed);
        }
        done.map(drop)
    }

    /// Fetches tasks and takes them in. Returns whether all is there now that the Server has.
    async fn fetch(&self) -> Result<bool, Error> {
        let start = self.services.start_download()?;
        match self.server.download(start.since.as_deref()).await {
            Ok(Download::Nothing) => {}
            Ok(Download::Tasks { tasks, last_updated }) => {
                if !self.take_in(&start, tasks, last_updated).await? {
                    tracing::info!(
                        "all tasks were erased while some came from the Flamenco Server; all are fetched anew"
                    );
                    return Ok(false);
                }
            }
            Err(error) => {
                self.board.failed(Topic::Download, self.services.now(), &error);
                return Ok(false);
            }
        }
        let now = self.services.now();
        self.board.succeeded(Topic::Download, now, Some(now + self.pace.download_every));
        Ok(true)
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

    /// Takes in what came, a group at a time. Returns false if all tasks were erased meanwhile.
    async fn take_in(
        &self,
        start: &DownloadStart,
        tasks: Vec<ServerTask>,
        last_updated: Option<String>,
    ) -> Result<bool, Error> {
        let count = tasks.len();
        let in_order = self.look(|services| {
            let (_, supported) = services.workers_in_brief()?;
            Ok(in_order_of_reception(tasks, &supported))
        });
        let mut tasks = in_order.await?.into_iter();
        loop {
            let step: Vec<_> = tasks.by_ref().take(STEP).collect();
            if step.is_empty() {
                break;
            }
            if !self.services.take_in(start, step).await? {
                return Ok(false);
            }
        }
        if let Some(last_updated) = last_updated
            && !self.services.downloaded(start, last_updated).await?
        {
            return Ok(false);
        }
        tracing::info!(tasks = count, "tasks came from the Flamenco Server");
        Ok(true)
    }
}
