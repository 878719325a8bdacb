//! Log-in links, in memory only: who has one logs in without an access token, a few times in an hour.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::{SignedDuration, Timestamp};

use super::{
    super::{Error, Services},
    digest_of, new_secret,
};
use crate::{
    domain::people::{Authentication, Role},
    store::SecretDigest,
};

/// How long a link is valid.
const VALID: SignedDuration = SignedDuration::from_hours(1);
/// For so many log-ins: it may be opened by a second browser, but a link that is passed around ends.
const USES: u8 = 5;
/// So many links are valid at a time; a further one ends the oldest.
const AT_A_TIME: usize = 10;

/// A log-in link, as it is remembered.
pub struct Link {
    digest: SecretDigest,
    role: Role,
    until: Timestamp,
    uses_left: u8,
    /// It was printed at the start, because there was no access token.
    is_first: bool,
}

/// A log-in link, as it is given to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginLink {
    /// What stands behind `#/login/` in it.
    pub code: String,
    /// What it lets somebody do.
    pub role: Role,
    /// When it ends.
    pub until: Timestamp,
    /// For so many log-ins it is valid.
    pub uses: u8,
}

impl Services {
    /// A new log-in link.
    pub fn create_link(&self, role: Role) -> LoginLink {
        self.link(role, false)
    }

    /// The log-in link to be printed at the start: while there is no access token, nobody could log in otherwise.
    pub fn first_link(&self) -> Result<Option<LoginLink>, Error> {
        if self.authentication() != Authentication::Token {
            return Ok(None);
        }
        Ok(self.tokens()?.is_empty().then(|| self.link(Role::Admin, true)))
    }

    fn link(&self, role: Role, is_first: bool) -> LoginLink {
        let (code, digest) = new_secret("");
        let (now, mut links) = (self.now(), self.admission.links());
        links.retain(|link| link.until > now && link.uses_left > 0);
        if links.len() >= AT_A_TIME {
            links.remove(0);
        }
        let until = now + VALID;
        links.push(Link { digest, role, until, uses_left: USES, is_first });
        LoginLink { code, role, until, uses: USES }
    }

    pub(super) fn forget_first_link(&self) {
        self.admission.links().retain(|link| !link.is_first);
    }

    /// Uses a link once. What it lets somebody do; nothing if it is none, or no longer.
    pub(super) fn use_link(&self, code: &str) -> Option<Role> {
        let (digest, now) = (digest_of(code), self.now());
        let mut links = self.admission.links();
        let link = links.iter_mut().find(|link| verify_slices_are_equal(&link.digest, &digest).is_ok())?;
        let is_valid = link.until > now && link.uses_left > 0;
        if is_valid {
            link.uses_left -= 1;
        }
        is_valid.then_some(link.role)
    }
}
