//! Sessions: people log in with a link or an access token, stay so for a while, and log out.

use std::net::IpAddr;

use jiff::SignedDuration;

use super::{
    super::{Error, Services},
    Known, Standing, Stranger, TOKEN_PREFIX, digest_of, new_secret,
};
use crate::{domain::people::Session, store::SecretDigest};

/// How long people stay logged in.
const STAY: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The most sessions that there can be; a further one ends the one that would end first.
const MOST: usize = 1000;

/// What somebody shows to log in.
#[derive(Debug, Clone)]
pub enum Shown {
    /// The code of a log-in link.
    Code(String),
    /// An access token.
    Token(String),
}

impl Services {
    /// Logs somebody in. Returns who they are, and the secret that is to be their cookie. Whoever tried too often has to
    /// wait first, even with the right thing: nothing else limits how fast somebody can try.
    pub async fn log_in(
        &self,
        shown: Shown,
        from: IpAddr,
    ) -> Result<Result<(Known, String), Stranger>, Error> {
        let now = self.now();
        if let Some(wait) = self.admission.tries().wait(from, now) {
            return Ok(Err(Stranger::TooOften(wait)));
        }
        let Some(session) = self.begin(&shown)? else {
            self.admission.tries().failed(from, now);
            tracing::warn!(%from, "somebody tried to log in with a link or a token that is not valid");
            return Ok(Err(Stranger::Unknown));
        };
        let (secret, digest) = new_secret("");
        let kept = session.clone();
        let is_kept = self
            .store
            .write(now, move |tx| {
                // It may have been revoked since it was looked at.
                if let Some(id) = kept.token
                    && !tx.access_tokens()?.iter().any(|token| token.id == id)
                {
                    return Ok(false);
                }
                let mut sessions = tx.sessions()?;
                sessions.sort_by_key(|(_, session)| session.until);
                let too_many = (sessions.len() + 1).saturating_sub(MOST);
                for (digest, _) in &sessions[..too_many] {
                    tx.forget_session(digest)?;
                }
                tx.put_session(&digest, &kept)?;
                Ok::<_, Error>(true)
            })
            .await?;
        if !is_kept {
            return Ok(Err(Stranger::Unknown));
        }
        tracing::info!(name = session.name, role = %session.role, %from, "somebody has logged in");
        Ok(Ok((known(&session, digest), secret)))
    }

    fn begin(&self, shown: &Shown) -> Result<Option<Session>, Error> {
        let until = self.now() + STAY;
        let (name, role, token) = match shown {
            Shown::Code(code) => match self.use_link(code) {
                Some(role) => (format!("{role} by log-in link"), role, None),
                None => return Ok(None),
            },
            Shown::Token(token) if token.starts_with(TOKEN_PREFIX) => {
                let digest = digest_of(token);
                match self.store.read(self.now(), |tx| Ok::<_, Error>(tx.access_token(&digest)?))? {
                    Some(token) => (token.name, token.role, Some(token.id)),
                    None => return Ok(None),
                }
            }
            Shown::Token(_) => return Ok(None),
        };
        Ok(Some(Session { name, role, token, until }))
    }

    /// Ends a session. One that is not there is no error.
    pub async fn log_out(&self, secret: &str) -> Result<(), Error> {
        let digest = digest_of(secret);
        self.store.write(self.now(), move |tx| Ok::<_, Error>(tx.forget_session(&digest)?)).await?;
        self.revoke();
        Ok(())
    }

    pub(super) fn by_session(&self, secret: &str) -> Result<Option<Known>, Error> {
        let (digest, now) = (digest_of(secret), self.now());
        let session = self.store.read(now, |tx| Ok::<_, Error>(tx.session(&digest)?))?;
        let session = session.filter(|session| session.until > now);
        if let Some(token) = session.as_ref().and_then(|session| session.token) {
            self.admission.used().insert(token, now);
        }
        Ok(session.map(|session| known(&session, digest)))
    }
}

fn known(session: &Session, digest: SecretDigest) -> Known {
    Known { person: session.person(), standing: Standing::Session(digest) }
}
