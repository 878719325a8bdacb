//! What the Flamenco Server says of people: a JSON Web Token signed with one of its keys (`server-protocol.md`, section 1.9).

use std::sync::{Arc, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, errors::ErrorKind};
use serde::Deserialize;

use super::{
    super::{Error, Services},
    Known, Standing, Stranger,
};
use crate::domain::people::{Credential, Person, Role};

/// The settings under which the keys are kept, and what the Server called their time.
const KEYS: &str = "server-public-keys";
const MODIFIED: &str = "server-public-keys-modified";

/// The Manager's clock may be behind the Server's by this much, in seconds.
const BEHIND: f64 = 60.0;

/// A key, as the Server sends it, begins and ends like this.
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// The Server's public keys, once they were read from the database.
#[derive(Default)]
pub struct ServerKeys(RwLock<Option<Arc<Vec<DecodingKey>>>>);

/// The Server's public keys, as they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKeys {
    /// One PEM block for each, ECDSA on P-256.
    pub pem: String,
    /// What the Server called the time of their last change; empty if it did not say.
    pub modified: String,
}

#[derive(Deserialize)]
struct Claims {
    /// The user's ID.
    sub: String,
    exp: f64,
    iat: Option<f64>,
    nbf: Option<f64>,
    aud: Option<Audience>,
}

/// For which Managers the token is.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn has(&self, manager: &str) -> bool {
        match self {
            Self::One(one) => one == manager,
            Self::Several(several) => several.iter().any(|one| one == manager),
        }
    }
}

impl Services {
    /// The Server's public keys, as far as they are known.
    pub fn server_keys(&self) -> Result<Option<KnownKeys>, Error> {
        self.store.read(self.now(), |tx| {
            let Some(pem) = tx.setting(KEYS)? else { return Ok(None) };
            Ok(Some(KnownKeys { pem, modified: tx.setting(MODIFIED)?.unwrap_or_default() }))
        })
    }

    /// From now on these are the Server's public keys. Those before them stay if there is none among these.
    pub async fn set_server_keys(&self, keys: KnownKeys) -> Result<(), Error> {
        let read = read_keys(&keys.pem);
        if read.is_empty() {
            return Err(Error::Refused("the Flamenco Server sent no public key for ES256".to_owned()));
        }
        tracing::info!(keys = read.len(), "the public keys of the Flamenco Server were downloaded");
        self.store
            .write(self.now(), move |tx| {
                tx.put_setting(KEYS, &keys.pem)?;
                Ok::<_, Error>(tx.put_setting(MODIFIED, &keys.modified)?)
            })
            .await?;
        self.admission.keys.set(read);
        Ok(())
    }

    /// Whom the Server lets in may do everything, as in 2.x: it asks whether they may use this Manager before it vouches
    /// for them.
    pub(super) fn by_jwt(&self, token: &str) -> Result<Known, Stranger> {
        let keys = self.admission.keys.get_or(|| {
            let known = self.server_keys().map_err(|_| Stranger::Trouble)?;
            Ok(known.map(|known| read_keys(&known.pem)).unwrap_or_default())
        })?;
        let claims = keys.iter().find_map(|key| verified(token, key)).ok_or(Stranger::Unknown)?;
        let until = judge(&claims, &self.policy.manager_id, self.now())?;
        let person =
            Person { name: claims.sub, role: Role::Admin, by: Credential::Server, until: Some(until) };
        Ok(Known { person, standing: Standing::Firm })
    }
}

impl ServerKeys {
    fn set(&self, keys: Vec<DecodingKey>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys));
    }

    fn get_or(
        &self,
        read: impl FnOnce() -> Result<Vec<DecodingKey>, Stranger>,
    ) -> Result<Arc<Vec<DecodingKey>>, Stranger> {
        if let Some(keys) = &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(keys));
        }
        let keys = Arc::new(read()?);
        // Newer ones may have come meanwhile.
        let mut own = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(own.get_or_insert(keys)))
    }
}

/// Every key in the text that can be used.
fn read_keys(pem: &str) -> Vec<DecodingKey> {
    let blocks = pem.match_indices(BEGIN).filter_map(|(begin, _)| {
        let end = pem[begin..].find(END)? + END.len();
        Some(&pem[begin..begin + end])
    });
    blocks.filter_map(|block| DecodingKey::from_ec_pem(block.as_bytes()).ok()).collect()
}

/// What a token says that was signed with the other half of this key, by ES256 and nothing else.
fn verified(token: &str, key: &DecodingKey) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::ES256);
    // What it says is judged below, by our own clock.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    match decode::<Claims>(token, key, &validation) {
        Ok(token) => Some(token.claims),
        Err(error) => {
            if matches!(error.kind(), ErrorKind::Json(_)) {
                tracing::debug!(%error, "a token of the Flamenco Server does not say what it should");
            }
            None
        }
    }
}

/// Until when the token is valid. One that is for another Manager is not for this one: whoever runs that could show it
/// here. 2.x did not look.
fn judge(claims: &Claims, manager: &str, now: Timestamp) -> Result<Timestamp, Stranger> {
    let seconds = now.as_duration().as_secs_f64();
    let has_begun = [claims.iat, claims.nbf].into_iter().flatten().all(|begin| seconds >= begin - BEHIND);
    if !has_begun || claims.aud.as_ref().is_some_and(|audience| !audience.has(manager)) {
        return Err(Stranger::Unknown);
    }
    if seconds > claims.exp {
        return Err(Stranger::Expired);
    }
    let end = SignedDuration::try_from_secs_f64(claims.exp).map_err(|_| Stranger::Unknown)?;
    Timestamp::from_duration(end).map_err(|_| Stranger::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: f64 = 1_772_366_400.0;

    fn claims(exp: f64) -> Claims {
        Claims { sub: "ada".to_owned(), exp, iat: None, nbf: None, aud: None }
    }

    fn judged(claims: &Claims) -> Result<Timestamp, Stranger> {
        judge(claims, "5852bc5198377351f95d103e", "2026-03-01T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn times_are_judged_with_fractions_and_patience_for_a_slow_clock() {
        assert_eq!(judged(&claims(NOW + 0.5)).unwrap().to_string(), "2026-03-01T12:00:00.5Z");
        assert_eq!(judged(&claims(NOW - 0.5)), Err(Stranger::Expired));
        judged(&Claims { iat: Some(NOW + 59.0), nbf: Some(NOW + 59.0), ..claims(NOW + 100.0) }).unwrap();
        for early in [Claims { iat: Some(NOW + 61.0), ..claims(NOW + 100.0) }, claims(f64::INFINITY)] {
            assert_eq!(judged(&early), Err(Stranger::Unknown));
        }
        judged(&claims(f64::NAN)).unwrap_err();
    }

    #[test]
    fn a_token_for_another_manager_is_none() {
        let for_whom = |aud| judged(&Claims { aud: Some(aud), ..claims(NOW + 1.0) });
        for_whom(Audience::One("5852bc5198377351f95d103e".to_owned())).unwrap();
        for_whom(Audience::Several(vec!["x".to_owned(), "5852bc5198377351f95d103e".to_owned()])).unwrap();
        assert_eq!(for_whom(Audience::One("x".to_owned())), Err(Stranger::Unknown));
        assert_eq!(for_whom(Audience::Several(Vec::new())), Err(Stranger::Unknown));
    }

    #[test]
    fn what_is_no_key_is_passed_over() {
        assert!(read_keys("-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----\n").is_empty());
        assert!(read_keys("-----BEGIN PUBLIC KEY-----").is_empty());
    }
}
