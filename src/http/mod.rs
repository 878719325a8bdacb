//! Who asks: everything that speaks HTTP with workers, people and scripts.

mod api;
mod audit;
mod authentication;
pub mod body;
mod cross_site;
mod documents;
mod error;
mod follow;
mod gate;
mod latest_image;
mod live;
mod logs;
mod metrics;
mod openapi;
mod page;
mod patience;
mod registration_token;
mod routes;
mod scripts;
pub mod server;
mod sse;
mod to_https;
mod worker;

use std::sync::Arc;

use jiff::tz::TimeZone;

pub use self::{
    error::on_panic,
    live::Live,
    routes::{any_of, routes},
};
use crate::{
    domain::{ids::WorkerId, setting::Setting, warning::Warning},
    exchange::{Exchange, State},
    services::{Error, HandOut, Permit, Services},
};

/// What the routes need to know.
pub struct Site {
    /// What the Manager can do.
    pub services: Arc<Services>,
    /// `manager_name`
    pub manager_name: String,
    /// `mode`: `production` or `develop`.
    pub manager_mode: &'static str,
    /// Host and port of the Flamenco Server, and its URL; both empty when there is none.
    pub server: (String, String),
    /// The exchange with that Server.
    pub exchange: Option<Arc<Exchange>>,
    /// `worker_registration_secret`
    pub registration_secret: Option<String>,
    /// The file of the configuration, and all its keys.
    pub settings: (Option<String>, Vec<Setting>),
    /// The port of HTTPS, if that is served.
    pub https_port: Option<u16>,
    /// The host names that the configuration gives to this Manager.
    pub own_names: Vec<String>,
    /// Those who listen to what happens.
    pub live: Live,
    /// The local time zone, in which sleep schedules are meant.
    pub time_zone: TimeZone,
}

impl Site {
    /// How the exchange with a Server goes, and what somebody should know of it.
    fn exchange_state(&self) -> (Option<State>, Vec<Warning>) {
        let state = self.exchange.as_ref().map(|exchange| exchange.state());
        let warning = state.as_ref().and_then(State::warning);
        (state, warning.into_iter().collect())
    }

    /// A worker asks for a task. A Server above is asked first.
    async fn hand_out(&self, worker: WorkerId) -> Result<HandOut, Error> {
        match &self.exchange {
            Some(exchange) => exchange.hand_out(worker).await,
            None => self.services.hand_out(worker, Permit::Any).await,
        }
    }
}

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
