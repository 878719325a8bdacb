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
    services::{Error, Following, Next, Place, Services},
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
    following: Following,
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
    let following = Following::new(job, task, place);
    let follower = Follower { services: Arc::clone(services), following, end: None };
    stream::unfold(Some(follower), move |follower| async move {
        match follower?.next().await {
            Ok((event, follower)) => Some((event.into(), follower)),
            Err(error) => {
                // Whoever follows comes back, and goes on where this ends.
                tracing::warn!(%task, error = &error as &dyn std::error::Error, "a log can no longer be followed");
                None
            }
        }
    })
}

impl Follower {
    /// The next event, and who goes on; nobody if it is the last.
    async fn next(mut self) -> Result<(String, Option<Self>), Error> {
        loop {
            let (next, following) = self.services.next_of_log(self.following, self.end.is_some()).await?;
            self.following = following;
            match next {
                Next::Text { text, place } => {
                    let text = text.strip_suffix('\n').unwrap_or(&text);
                    return Ok((event("log", Some(&place.to_string()), text), Some(self)));
                }
                Next::NewRun(place) => {
                    return Ok((event("restart", Some(&place.to_string()), ""), Some(self)));
                }
                Next::Soon => continue,
                Next::Nothing => {}
            }
            let end = self.how_it_ended()?;
            // What happens to a task is noted in its log just behind: so it is looked at once more.
            if let Some(end) = end
                && self.end == Some(end)
            {
                return Ok((event("end", None, &self.document(end)), None));
            }
            self.end = end;
            tokio::time::sleep(LOOK).await;
        }
    }

    fn how_it_ended(&self) -> Result<Option<End>, Error> {
        Ok(match self.services.task_status(self.following.task())? {
            None => Some(End::Deleted),
            Some(status) => status.has_ended().then_some(End::Ended(status)),
        })
    }

    fn document(&self, end: End) -> String {
        match end {
            End::Ended(status) => json!({"_id": self.following.task(), "status": status.as_str()}),
            End::Deleted => json!({"_id": self.following.task(), "deleted": true}),
        }
        .to_string()
    }
}
