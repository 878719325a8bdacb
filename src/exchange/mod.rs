//! The conversations with the Flamenco Server: when to call, what to do with the answer, and when to try again
//! (`server-protocol.md`, section 1). Each looks at the store, makes one call with no transaction open, and writes down
//! what came of it; so it can break off anywhere, and is at worst repeated.

mod board;
mod download;
mod logs;
mod notify;
mod push;
mod recheck;
mod vouching;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::SignedDuration;

pub use self::board::{Conversation, Failure, State, Topic};
use self::{board::Board, notify::Told, push::Batches};
use crate::{
    domain::{ids::TaskId, variables::Variables},
    services::{Error, Services},
    upstream::Server,
};

/// How the exchange goes (`interface.md`, section 2).
#[derive(Debug, Clone)]
pub struct Pace {
    /// `download_task_sleep`
    pub download_every: SignedDuration,
    /// `download_task_recheck_throttle`; nothing: idle workers never cause a download.
    pub download_throttle: Option<SignedDuration>,
    /// `task_update_push_max_interval`
    pub push_interval: SignedDuration,
    /// `task_update_push_max_count`
    pub push_count: usize,
    /// `cancel_task_fetch_max_interval`
    pub cancel_fetch: SignedDuration,
}

/// What the Server is told about the Manager.
#[derive(Debug, Clone)]
pub struct About {
    /// `own_url`; nothing: it is made of the address from which the Server is reached.
    pub own_url: Option<String>,
    /// The scheme, and where the Manager listens.
    pub reached: (&'static str, SocketAddr),
    /// `[variables]`
    pub variables: Variables,
}

/// The exchange with the Flamenco Server.
pub struct Exchange {
    services: Arc<Services>,
    server: Server,
    pace: Pace,
    about: About,
    board: Board,
    download_wanted: AtomicBool,
    push_wanted: AtomicBool,
    told: Mutex<Option<Told>>,
    batches: Mutex<Batches>,
}

impl Exchange {
    /// Nothing is said yet: each conversation is a public method, called again and again.
    pub fn new(services: Arc<Services>, server: Server, pace: Pace, about: About) -> Self {
        let batches = Batches::new(pace.push_count);
        Self {
            services,
            server,
            pace,
            about,
            board: Board::default(),
            download_wanted: AtomicBool::new(false),
            push_wanted: AtomicBool::new(false),
            told: Mutex::new(None),
            batches: Mutex::new(batches),
        }
    }

    /// Somebody wants tasks now: everything is tried at once, whatever has failed before.
    pub fn kick(&self) {
        self.board.forget_pauses(self.services.now());
        self.download_wanted.store(true, Ordering::Relaxed);
        self.push_wanted.store(true, Ordering::Relaxed);
    }

    /// How the conversations go.
    pub fn state(&self) -> State {
        self.board.state()
    }

    /// The Server's page about a task, for browsers.
    pub fn task_page(&self, task: TaskId) -> String {
        self.server.task_page(task)
    }

    /// Breaks off all calls: the Manager stops.
    pub fn hang_up(&self) {
        self.server.hang_up();
    }

    /// Looks at the database where it keeps nobody waiting.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Services) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let services = Arc::clone(&self.services);
        tokio::task::spawn_blocking(move || look(&services)).await.map_err(|_| Error::Panicked)?
    }
}
