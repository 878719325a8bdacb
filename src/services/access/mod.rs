//! Who uses the pages and the API: what they show for it, and whom that makes them.
//!
//! Whatever somebody has to show is random, 256 bits of it, and kept as SHA-256 alone. So a fast hash is as good as a slow
//! one, and what is looked up by its hash needs no comparison in constant time: whoever guesses learns at most how far a
//! hash is right, of which they cannot choose a single bit.

mod jwt;
mod links;
mod sessions;
mod tokens;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

pub use self::{jwt::KnownKeys, links::LoginLink, sessions::Shown};
use self::{jwt::ServerKeys, links::Link};
use super::{Error, Services, identity::random_bytes};
use crate::{
    domain::{
        ids::TokenId,
        people::{Authentication, Credential, Person, Role},
        tries::Tries,
    },
    store::SecretDigest,
};

/// What every access token begins with, so that it is known for what it is wherever it turns up.
const TOKEN_PREFIX: &str = "flamenco_";

/// How often it is looked whether somebody who stays is still welcome. What is revoked is noticed at once.
const LOOK: Duration = Duration::from_secs(5);

/// By what somebody wants to be known. What was sent on purpose goes before what a browser sends along.
#[derive(Debug, Clone, Copy, Default)]
pub struct Presented<'a> {
    /// A token that was sent with the request.
    pub bearer: Option<&'a str>,
    /// The cookie of a session.
    pub session: Option<&'a str>,
    /// The cookie with the word of the Flamenco Server.
    pub jwt: Option<&'a str>,
}

/// Why nobody knows who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    /// They bring nothing to be known by.
    Nobody,
    /// What they bring is not valid, or no longer.
    Unknown,
    /// They have been logged in, and no longer are.
    LoggedOut,
    /// The word of the Flamenco Server about them has expired; it gives a new one.
    Expired,
    /// They have tried too often, and may try again after this time.
    TooOften(SignedDuration),
    /// The database cannot be asked.
    Trouble,
}

/// Somebody who is known, for as long as that lasts.
#[derive(Debug, Clone)]
pub struct Known {
    /// Who it is.
    pub person: Person,
    /// What can be revoked.
    standing: Standing,
}

#[derive(Debug, Clone, Copy)]
enum Standing {
    /// Nothing can.
    Firm,
    Token(SecretDigest),
    Session(SecretDigest),
}

/// What is known of people in memory alone.
pub(super) struct Admission {
    anybody: Known,
    links: Mutex<Vec<Link>>,
    /// Of the token that commands on this machine read from a file.
    local_token: RwLock<Option<SecretDigest>>,
    /// When access tokens were used, as far as the database does not know it.
    used: Mutex<BTreeMap<TokenId, Timestamp>>,
    tries: Mutex<Tries>,
    keys: ServerKeys,
    /// How often something was revoked.
    revoked: watch::Sender<u64>,
}

impl Admission {
    pub fn new() -> Self {
        Self {
            anybody: Known { person: Person::anybody(), standing: Standing::Firm },
            links: Mutex::default(),
            local_token: RwLock::default(),
            used: Mutex::default(),
            tries: Mutex::default(),
            keys: ServerKeys::default(),
            revoked: watch::Sender::default(),
        }
    }
}

impl Services {
    /// How it is found out who somebody is.
    pub fn authentication(&self) -> Authentication {
        self.policy.authentication
    }

    /// Who it is that brings this along. Who has a right token gets in however often others tried.
    pub fn identify(&self, presented: Presented) -> Result<Known, Stranger> {
        if self.policy.authentication == Authentication::Nobody {
            return Ok(self.admission.anybody.clone());
        }
        let trouble = |error: Error| {
            tracing::error!(error = &error as &dyn std::error::Error, "nobody can be asked who somebody is");
            Stranger::Trouble
        };
        if let Some(token) = presented.bearer {
            return match self.by_token(token).map_err(trouble)? {
                Some(known) => Ok(known),
                None if self.is_below_server() && !token.starts_with(TOKEN_PREFIX) => self.by_jwt(token),
                None => Err(Stranger::Unknown),
            };
        }
        if let Some(known) =
            presented.session.map(|secret| self.by_session(secret)).transpose().map_err(trouble)?.flatten()
        {
            return Ok(known);
        }
        match presented.jwt {
            Some(token) if self.is_below_server() => self.by_jwt(token),
            _ => Err(if presented.session.is_some() { Stranger::LoggedOut } else { Stranger::Nobody }),
        }
    }

    /// Somebody is not let in. Who has tried too often with something wrong is told to wait; that a session has ended is no
    /// attempt to guess something.
    pub fn turn_away(&self, stranger: Stranger, from: IpAddr) -> Stranger {
        if stranger != Stranger::Unknown {
            return stranger;
        }
        let (now, mut tries) = (self.now(), self.admission.tries());
        if let Some(wait) = tries.wait(from, now) {
            return Stranger::TooOften(wait);
        }
        tries.failed(from, now);
        drop(tries);
        tracing::warn!(%from, "somebody with a wrong token was turned away");
        stranger
    }

    /// Comes back when what made somebody known has ended.
    pub async fn until_unknown(&self, known: &Known) {
        let mut revoked = self.admission.revoked.subscribe();
        while self.still_knows(known) {
            let _either = tokio::time::timeout(LOOK, revoked.changed()).await;
        }
    }

    fn still_knows(&self, known: &Known) -> bool {
        if known.person.until.is_some_and(|until| until <= self.now()) {
            return false;
        }
        let stands = self.store.read(self.now(), |tx| {
            Ok::<_, Error>(match &known.standing {
                Standing::Firm => true,
                Standing::Token(digest) => tx.access_token(digest)?.is_some(),
                Standing::Session(digest) => tx.session(digest)?.is_some(),
            })
        });
        // A database in trouble is no reason to send anybody away.
        stands.unwrap_or(true)
    }

    fn is_below_server(&self) -> bool {
        self.policy.authentication == Authentication::Server
    }

    fn revoke(&self) {
        self.admission.revoked.send_modify(|count| *count += 1);
    }

    /// Makes the token for commands on this machine, which may do everything while this Manager runs.
    pub fn make_local_token(&self) -> String {
        let (token, digest) = new_secret(TOKEN_PREFIX);
        *self.admission.local_token.write().unwrap_or_else(PoisonError::into_inner) = Some(digest);
        token
    }

    fn is_local_token(&self, digest: &SecretDigest) -> bool {
        let local = self.admission.local_token.read().unwrap_or_else(PoisonError::into_inner);
        local.is_some_and(|local| verify_slices_are_equal(&local, digest).is_ok())
    }

    fn by_token(&self, token: &str) -> Result<Option<Known>, Error> {
        if !token.starts_with(TOKEN_PREFIX) {
            return Ok(None);
        }
        let digest = digest_of(token);
        if self.is_local_token(&digest) {
            let name = "command line".to_owned();
            let person = Person { name, role: Role::Admin, by: Credential::CommandLine, until: None };
            return Ok(Some(Known { person, standing: Standing::Firm }));
        }
        let Some(token) = self.store.read(self.now(), |tx| Ok::<_, Error>(tx.access_token(&digest)?))? else {
            return Ok(None);
        };
        self.admission.used().insert(token.id, self.now());
        let person =
            Person { name: token.name, role: token.role, by: Credential::Token(token.id), until: None };
        Ok(Some(Known { person, standing: Standing::Token(digest) }))
    }

    /// Writes down when access tokens were used, and forgets sessions that have ended.
    pub async fn look_after_people(&self) -> Result<(), Error> {
        let now = self.now();
        let mut ended = self.store.read(now, |tx| Ok::<_, Error>(tx.sessions()?))?;
        ended.retain(|(_, session)| session.until <= now);
        let used: Vec<_> = std::mem::take(&mut *self.admission.used()).into_iter().collect();
        if used.is_empty() && ended.is_empty() {
            return Ok(());
        }
        self.store
            .write(now, move |tx| {
                tx.note_used(&used)?;
                ended.iter().try_for_each(|(digest, _)| Ok(tx.forget_session(digest)?))
            })
            .await
    }
}

impl Admission {
    fn used(&self) -> MutexGuard<'_, BTreeMap<TokenId, Timestamp>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn links(&self) -> MutexGuard<'_, Vec<Link>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A secret that nobody can guess, and what is kept of it.
fn new_secret(prefix: &str) -> (String, SecretDigest) {
    let mut bytes = [0; 32];
    random_bytes(&mut bytes);
    let secret = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes));
    let digest = digest_of(&secret);
    (secret, digest)
}

fn digest_of(secret: &str) -> SecretDigest {
    let mut own = [0; 32];
    own.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    own
}
