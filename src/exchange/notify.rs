//! The Manager introduces itself, and tells when its workers have changed (`server-protocol.md`, section 1.1).

use std::{collections::BTreeSet, net::SocketAddr, sync::PoisonError};

use super::{Exchange, Topic};
use crate::{
    services::{Error, Services},
    upstream::{Notification, Occasion},
};

/// What the Server was last told of the workers: how many there are, and what they support.
pub(super) type Told = (usize, BTreeSet<String>);

impl Exchange {
    /// Tells the Server about the Manager, at the start and whenever its workers have changed, until it has heard.
    pub async fn notify(&self) -> Result<(), Error> {
        if !self.board.may_try(Topic::Notification, self.services.now()) {
            return Ok(());
        }
        let workers = self.look(Services::workers_in_brief).await?;
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let occasion = match told {
            None => Occasion::Startup,
            Some(told) if told == workers => return Ok(()),
            Some(_) => Occasion::Update,
        };
        let document = Notification {
            manager_url: self.manager_url().await,
            variables: self.about.variables.clone(),
            nr_of_workers: workers.0,
            worker_task_types: workers.1.iter().cloned().collect(),
        };
        let answer = self.server.notify(occasion, &document).await;
        let now = self.services.now();
        match answer {
            Ok(()) => {
                *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(workers);
                self.board.succeeded(Topic::Notification, now, None);
            }
            Err(error) => self.board.failed(Topic::Notification, now, &error),
        }
        Ok(())
    }

    /// Where the Server's users reach the Manager. It ends in a slash: the Server puts paths behind it.
    async fn manager_url(&self) -> String {
        if let Some(url) = &self.about.own_url {
            return format!("{}/", url.trim_end_matches('/'));
        }
        let (scheme, mut address) = self.about.reached;
        if address.ip().is_unspecified()
            && let Some(own) = self.server.own_address().await
        {
            address = SocketAddr::new(own, address.port());
        }
        format!("{scheme}://{address}/")
    }
}
