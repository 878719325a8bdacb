//! The log of a task as events, while it is written.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream};
use serde_json::json;

use super::sse::event;
use crate::{
    domain::{
        ids::{JobId, TaskId},
        task::TaskStatus,
    },
    services::{Error, Next, Place, Services},
};

/// How often a log is looked at that has nothing new.
const LOOK: Duration = Duration::from_millis(500);

/// How a task came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Ended(TaskStatus),
    Deleted,
}

/// Somebody who follows a log.
struct Follower {
    services: Arc<Services>,
    job: JobId,
    task: TaskId,
    place: Place,
    /// How the task had ended when nothing new was found the last time.
    end: Option<End>,
}

/// The log of a task from `place` on: `log` with lines, `restart` where the log of another run begins, and in the end
/// `end` with the status of the task. The `id` of each is the place behind it.
pub fn events(
    services: &Arc<Services>,
    job: JobId,
    task: TaskId,
    place: Place,
) -> impl Stream<Item = Bytes> + Send + Sync + use<> {
    let follower = Follower { services: Arc::clone(services), job, task, place, end: None };
    stream::unfold(Some(follower), async |follower| {
        let mut follower = follower?;
        match follower.next().await {
            Ok((event, false)) => Some((event.into(), Some(follower))),
            Ok((event, true)) => Some((event.into(), None)),
            Err(error) => {
                // Whoever follows comes back, and goes on where this ends.
                let task = follower.task;
                tracing::warn!(%task, error = &error as &dyn std::error::Error, "a log can no longer be followed");
                None
            }
        }
    })
}

impl Follower {
    /// The next event, and whether it is the last.
    async fn next(&mut self) -> Result<(String, bool), Error> {
        loop {
            let Self { job, task, place, .. } = *self;
            match self.services.next_of_log(job, task, place, self.end.is_some()).await? {
                Next::Text { text, place } => {
                    self.place = place;
                    let text = text.strip_suffix('\n').unwrap_or(&text);
                    return Ok((event("log", Some(&place.to_string()), text), false));
                }
                Next::NewRun(place) => {
                    self.place = place;
                    return Ok((event("restart", Some(&place.to_string()), ""), false));
                }
                Next::Nothing => {}
            }
            let end = self.how_it_ended()?;
            // What happens to a task is noted in its log just behind: so it is looked at once more.
            if let Some(end) = end
                && self.end == Some(end)
            {
                return Ok((event("end", None, &self.document(end)), true));
            }
            self.end = end;
            tokio::time::sleep(LOOK).await;
        }
    }

    fn how_it_ended(&self) -> Result<Option<End>, Error> {
        Ok(match self.services.task_status(self.task)? {
            None => Some(End::Deleted),
            Some(status) => status.has_ended().then_some(End::Ended(status)),
        })
    }

    fn document(&self, end: End) -> String {
        match end {
            End::Ended(status) => json!({"_id": self.task, "status": status.as_str()}),
            End::Deleted => json!({"_id": self.task, "deleted": true}),
        }
        .to_string()
    }
}
