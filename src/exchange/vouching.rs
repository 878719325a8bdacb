//! The Server vouches for people, with signatures that its public keys prove (`server-protocol.md`, section 1.9).

use jiff::SignedDuration;

use super::{Exchange, Topic};
use crate::services::{Error, KnownKeys, Services};

/// How often it is looked whether the Server has other keys.
const EVERY: SignedDuration = SignedDuration::from_hours(1);

impl Exchange {
    /// Downloads the Server's public keys, at the start and every hour. Those that were downloaded before stay good while it
    /// cannot be reached, or sends none.
    pub async fn fetch_keys(&self) -> Result<(), Error> {
        let now = self.services.now();
        let last = self.board.last_success(Topic::PublicKeys);
        let is_fresh = last.is_some_and(|last| last <= now && now.duration_since(last) < EVERY);
        if is_fresh || !self.board.may_try(Topic::PublicKeys, now) {
            return Ok(());
        }
        let known = self.look(Services::server_keys).await?;
        let modified = known.map(|known| known.modified).filter(|modified| !modified.is_empty());
        let fetched = match self.server.public_keys(modified.as_deref()).await {
            Ok(None) => Ok(()),
            Ok(Some((pem, modified))) => {
                let kept = self.services.set_server_keys(KnownKeys { pem, modified }).await;
                kept.map_err(Box::<dyn std::error::Error>::from)
            }
            Err(error) => Err(error.into()),
        };
        match fetched {
            Ok(()) => self.board.succeeded(Topic::PublicKeys, now, Some(now + EVERY)),
            Err(error) => self.board.failed(Topic::PublicKeys, now, &*error),
        }
        Ok(())
    }

    /// Where a browser that is logged in at the Server gets its word about its user.
    pub fn token_url(&self) -> String {
        self.server.token_url(self.services.now())
    }

    /// Where a browser logs in at the Server, to come back to `page` then.
    pub fn login_url(&self, page: &str) -> String {
        self.server.login_url(page)
    }
}
