//! The Server vouches for people, with signatures that its public keys prove (`server-protocol.md`, section 1.9).

use std::sync::PoisonError;

use jiff::{SignedDuration, Timestamp};

use super::Exchange;
use crate::services::{Error, KnownKeys, Services};

/// How often it is looked whether the Server has other keys.
const EVERY: SignedDuration = SignedDuration::from_hours(1);
/// How soon that is tried again when it did not work.
const AGAIN: SignedDuration = SignedDuration::from_mins(1);

impl Exchange {
    /// Downloads the Server's public keys, at the start and every hour. Those that were downloaded before stay good while it
    /// cannot be reached.
    pub async fn fetch_keys(&self) -> Result<(), Error> {
        let now = self.services.now();
        if self.keys_next().is_some_and(|next| now < next && next.duration_since(now) <= EVERY) {
            return Ok(());
        }
        let known = self.look(Services::server_keys).await?;
        let modified = known.map(|known| known.modified).filter(|modified| !modified.is_empty());
        let pause = match self.server.public_keys(modified.as_deref()).await {
            Ok(None) => EVERY,
            Ok(Some((pem, modified))) => {
                match self.services.set_server_keys(KnownKeys { pem, modified }).await {
                    Ok(()) => EVERY,
                    Err(Error::Refused(why)) => {
                        tracing::warn!(why, "people may be unable to log in by the Flamenco Server");
                        AGAIN
                    }
                    Err(error) => return Err(error),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the public keys of the Flamenco Server cannot be downloaded; it is tried again");
                AGAIN
            }
        };
        *self.keys_next.lock().unwrap_or_else(PoisonError::into_inner) = Some(now + pause);
        Ok(())
    }

    fn keys_next(&self) -> Option<Timestamp> {
        *self.keys_next.lock().unwrap_or_else(PoisonError::into_inner)
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
