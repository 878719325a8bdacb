//! What must be known to call the Server.

use std::{fmt, time::Duration};

/// Which Server, and as which Manager.
#[derive(Clone)]
pub struct Link {
    /// Where the Server is: absolute, with `http` or `https`. A path in it is ignored.
    pub url: String,
    /// The ID that the Server has given to the Manager.
    pub manager_id: String,
    /// The token that the Server has given to the Manager.
    pub manager_secret: String,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, manager_id, manager_secret: _ } = self;
        f.debug_struct("Link").field("url", url).field("manager_id", manager_id).finish_non_exhaustive()
    }
}

/// How long calls may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Looking up the host; and again, connecting to it.
    pub connect: Duration,
    /// A whole call, from looking up the host to the last byte of the answer.
    pub call: Duration,
    /// A whole download of tasks or upload of a log.
    pub transfer: Duration,
    /// A whole re-check of a task, including the wait for its turn. A worker waits for it.
    pub recheck: Duration,
    /// How long nothing may come or go in the midst of a call. The Server is silent while it looks for tasks.
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            call: Duration::from_mins(1),
            transfer: Duration::from_mins(10),
            recheck: Duration::from_millis(1500),
            silence: Duration::from_mins(2),
        }
    }
}
