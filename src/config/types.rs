//! The types of single values in the configuration. Each can only hold what is allowed.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use super::{HttpUrl, ListenAddress};
use crate::domain::ids::ManagerId;

/// Production, or a Manager that somebody works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The normal case.
    Production,
    /// Shown in the dashboard, so that nobody takes it for the farm's real Manager.
    Develop,
}

/// How often idle workers may make the Manager ask the Server for tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecheckThrottle {
    /// `"-1s"`: workers never cause a download.
    Never,
    /// `"0s"`: each request of an idle worker may cause one.
    Always,
    /// At least this long after the last download.
    After(Duration),
}

/// HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Https {
    /// Where it is served.
    pub listen: ListenAddress,
    /// With which certificate.
    pub certificate: CertificateSource,
}

/// Where the certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSource {
    /// An administrator provides it: `tlskey` and `tlscert`.
    Own(Certificate),
    /// An authority hands it out.
    Acme(Acme),
    /// The Manager makes it: `listen_https` is set, and nothing else.
    SelfMade,
}

/// From which authority to get a certificate, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// `acme_domain_name`
    pub domain: String,
    /// `acme_directory_url`; `None` is Let's Encrypt.
    pub directory: Option<String>,
    /// `acme_ca`: by which certificates the authority itself is known; `None` are those of the system.
    pub ca: Option<PathBuf>,
}

/// The certificate that an administrator provides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The PEM file with the private key.
    pub key: PathBuf,
    /// The PEM file with the certificate and its chain.
    pub certificate: PathBuf,
}

/// The link with a Flamenco Server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerLink {
    /// Where the Server is.
    pub url: HttpUrl,
    /// As whom the Server knows this Manager.
    pub manager_id: ManagerId,
    /// The token with which this Manager logs in there.
    pub manager_secret: Secret,
}

/// A text that no log and no message may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret to be kept.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for comparing and signing only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The UUID by which this Manager is known in auto-discovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceUuid(String);

impl DeviceUuid {
    /// The UUID as 36 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is not what its type asks for. Whoever reports it says what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct Malformed(pub(super) &'static str);

impl FromStr for DeviceUuid {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let groups = text.split('-').map(str::len);
        let hex = text.chars().all(|sign| sign == '-' || sign.is_ascii_hexdigit());
        let fits = hex && groups.eq([8, 4, 4, 4, 12]);
        fits.then(|| Self(text.to_owned())).ok_or(Malformed("a UUID"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_five_groups_of_hex_digits() {
        assert!("1e97b633-34f6-416f-abbb-853de75e5c57".parse::<DeviceUuid>().is_ok());
        for text in ["", "uuid:1e97b633-34f6-416f-abbb-853de75e5c57", "1e97b63334f6416fabbb853de75e5c57", "x"]
        {
            assert!(text.parse::<DeviceUuid>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Some(Secret::new("hush"))), "Some((secret))");
    }
}
