//! A certificate by ACME (RFC 8555), such as Let's Encrypt's. That the domain is ours is proved at `listen_https` itself
//! (TLS-ALPN-01, RFC 8737), so that only one port has to be reachable from outside, and not that of plain HTTP.

use std::{future::Future, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType, Error,
    HttpClient, Identifier, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use jiff::SignedDuration;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::{
    crypto::aws_lc_rs::default_provider,
    pki_types::{PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig},
};

use super::{
    Served,
    pair::{Texts, certificates, write_private},
};

/// Let's Encrypt.
const USUAL_DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// What is agreed on in a handshake that proves a domain.
pub(super) const PROTOCOL: &[u8] = b"acme-tls/1";
/// The time for one call.
const CALL: Duration = Duration::from_secs(30);
/// The largest answer, in bytes.
const LARGEST: u64 = 1 << 20;
/// How often and how long the authority is asked how far it is.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(90));
/// The pause after a first failure. Let's Encrypt forgives five an hour.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_mins(15);
/// The pause after many.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(12);

/// From whom to get a certificate, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// The domain.
    pub domain: String,
    /// The URL of the authority's directory; `None` is Let's Encrypt's.
    pub directory: Option<String>,
    /// A PEM file with the certificates that the authority's own is to be checked against; `None` are those that the
    /// system trusts.
    pub ca: Option<PathBuf>,
    /// Where the account with the authority is kept.
    pub account: PathBuf,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum AcmeError {
    /// What the administrator provides cannot be used, or what is kept cannot be written.
    #[error(transparent)]
    Files(#[from] super::PairError),
    /// The authority is away, or says no.
    #[error("{what}: {}", whole_story(.reason))]
    Authority {
        /// At which point.
        what: String,
        /// What it says, or why it is silent.
        reason: Error,
    },
    /// The proof failed.
    #[error(
        "{directory} could not convince itself that {domain} is this machine ({why}); port 443 of {domain} must be \
         reachable from there, and lead to listen_https here"
    )]
    Refused { directory: String, domain: String, why: String },
    /// The authority does not do it in the way that the Manager can.
    #[error("{0} offers no challenge of type tls-alpn-01, and the Manager knows no other")]
    NoChallenge(String),
    /// What the authority sent, or what was made for it, is of no use.
    #[error("{0}")]
    Nonsense(String),
}

/// The pause after so many failures in a row: twice as long each time.
pub(super) fn pause(failures: u32) -> SignedDuration {
    (FIRST_PAUSE * (1 << failures.saturating_sub(1).min(10))).min(LONGEST_PAUSE)
}

impl Acme {
    /// The directory's URL.
    pub fn directory(&self) -> &str {
        self.directory.as_deref().unwrap_or(USUAL_DIRECTORY)
    }

    /// Gets a new certificate. What proves the domain is `served` meanwhile.
    pub(super) async fn obtain(&self, served: &Served) -> Result<Texts, AcmeError> {
        let account = self.account().await?;
        let names = [Identifier::Dns(self.domain.clone())];
        let order = account.new_order(&NewOrder::new(&names)).await;
        let mut order = order.map_err(|error| {
            self.forget_account_if(is_of_nobody(&error));
            self.no(error, "the order was refused")
        })?;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization =
                authorization.map_err(|error| self.no(error, "the order cannot be read"))?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let challenge = authorization.challenge(ChallengeType::TlsAlpn01);
            let mut challenge =
                challenge.ok_or_else(|| AcmeError::NoChallenge(self.directory().to_owned()))?;
            served.prove(Some(proof(&self.domain, challenge.key_authorization().digest().as_ref())?));
            challenge.set_ready().await.map_err(|error| self.refused(&error))?;
        }
        match order.poll_ready(&PATIENCE).await {
            Ok(OrderStatus::Ready) => {}
            Ok(status) => {
                let why = objection(&mut order).await;
                return Err(self.refused(&why.unwrap_or_else(|| format!("the order is {status:?}"))));
            }
            Err(error @ Error::Api(_)) => return Err(self.refused(&error)),
            Err(error) => return Err(self.no(error, "the order was not decided on")),
        }
        let key = order.finalize().await.map_err(|error| self.no(error, "the certificate was refused"))?;
        let chain = order.poll_certificate(&PATIENCE).await;
        let chain = chain.map_err(|error| self.no(error, "the certificate was not handed out"))?;
        Ok(Texts { certificate: chain.into_bytes(), key: key.into_bytes() })
    }

    /// The account with the authority, opened if there is none. One that was opened with another authority is put out of use.
    async fn account(&self) -> Result<Account, AcmeError> {
        let builder = Account::builder_with_http(Box::new(self.line()?));
        let kept = std::fs::read_to_string(&self.account).ok();
        let is_of_this_authority = |text: &str| {
            let kept: Option<serde_json::Value> = serde_json::from_str(text).ok();
            kept.is_some_and(|kept| kept["directory"] == self.directory())
        };
        let kept = kept.filter(|text| is_of_this_authority(text));
        if let Some(credentials) =
            kept.and_then(|text| serde_json::from_str::<AccountCredentials>(&text).ok())
        {
            let account = builder.from_credentials(credentials).await;
            return account.map_err(|error| self.no(error, "it cannot be reached"));
        }
        let person = NewAccount { contact: &[], terms_of_service_agreed: true, only_return_existing: false };
        let opened = builder.create(&person, self.directory().to_owned(), None).await;
        let (account, credentials) =
            opened.map_err(|error| self.no(error, "no account could be opened there"))?;
        let text =
            serde_json::to_vec(&credentials).map_err(|error| AcmeError::Nonsense(error.to_string()))?;
        write_private(&self.account, &text)?;
        Ok(account)
    }

    /// The next try opens another one.
    fn forget_account_if(&self, is_of_nobody: bool) {
        if is_of_nobody && let Err(error) = std::fs::remove_file(&self.account) {
            tracing::warn!(file = %self.account.display(), %error, "the account is no longer known there; remove this file");
        }
    }

    fn line(&self) -> Result<Line, AcmeError> {
        let roots = match &self.ca {
            None => RootCerts::PlatformVerifier,
            Some(path) => {
                let unreadable = |reason| super::PairError::Unreadable { path: path.clone(), reason };
                let unusable = |what| super::PairError::Unusable { path: path.clone(), what };
                let text = std::fs::read(path).map_err(unreadable)?;
                let all = certificates(&text).map_err(unusable)?;
                RootCerts::from(
                    all.iter().map(|one| Certificate::from_der(one).to_owned()).collect::<Vec<_>>(),
                )
            }
        };
        let tls = TlsConfig::builder()
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(Arc::new(default_provider()));
        let settings = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(CALL))
            .tls_config(tls.build());
        Ok(Line(settings.build().into()))
    }

    fn no(&self, error: Error, what: &str) -> AcmeError {
        AcmeError::Authority { what: format!("{} did not do it, {what}", self.directory()), reason: error }
    }

    fn refused(&self, why: &dyn std::fmt::Display) -> AcmeError {
        AcmeError::Refused {
            directory: self.directory().to_owned(),
            domain: self.domain.clone(),
            why: why.to_string(),
        }
    }
}

/// Whether the authority does not know the account any more.
fn is_of_nobody(error: &Error) -> bool {
    let Error::Api(problem) = error else { return false };
    problem.r#type.as_deref().is_some_and(|kind| kind.ends_with(":accountDoesNotExist"))
}

/// What the authority has against the proof.
async fn objection(order: &mut Order) -> Option<String> {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let state = authorization.refresh().await.ok()?;
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
            return Some(problem.to_string());
        }
    }
    None
}

/// An error with everything behind it.
fn whole_story(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |story, cause| format!("{story}: {cause}"))
}

/// The certificate that is shown to whoever asks for the proof (RFC 8737, section 3).
fn proof(domain: &str, digest: &[u8]) -> Result<CertifiedKey, AcmeError> {
    let make = || {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![domain.to_owned()])?;
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        Ok((params.self_signed(&key)?, key))
    };
    let nonsense =
        |error: &dyn std::fmt::Display| AcmeError::Nonsense(format!("no proof can be made: {error}"));
    let (certificate, key): (rcgen::Certificate, KeyPair) =
        make().map_err(|error: rcgen::Error| nonsense(&error))?;
    let key =
        PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).map_err(|error| nonsense(&error))?;
    // Not `from_der`: that one refuses what it does not know, and the proof is an extension that it does not know.
    let key = default_provider().key_provider.load_private_key(key).map_err(|error| nonsense(&error))?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

/// Calls to the authority, on threads that may wait.
struct Line(Agent);

type Call = Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>>;

impl HttpClient for Line {
    fn request(&self, request: Request<BodyWrapper<Bytes>>) -> Call {
        let agent = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let Ok(body) = body.collect().await;
            let body = body.to_bytes();
            let call = move || {
                let answer = if body.is_empty() {
                    agent.run(Request::from_parts(parts, ()))
                } else {
                    agent.run(Request::from_parts(parts, body.as_ref()))
                };
                let (parts, mut body) = answer?.into_parts();
                let body = body.with_config().limit(LARGEST).read_to_vec()?;
                Ok(Response::from_parts(parts, Full::new(Bytes::from(body))))
            };
            let other = |error: Box<dyn std::error::Error + Send + Sync>| Error::Other(error);
            let done: Result<Result<_, ureq::Error>, _> = tokio::task::spawn_blocking(call).await;
            let answer = done.map_err(|error| other(error.into()))?.map_err(|error| other(error.into()))?;
            Ok(BytesResponse::from(answer))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_day() {
        let hours = |failures| pause(failures).as_mins();
        assert_eq!([1, 2, 3, 6, 7, 100, u32::MAX].map(hours), [15, 30, 60, 480, 720, 720, 720]);
    }
}
