//! A certificate with its private key: read from PEM files, written to them, and what can be said about it.

use std::{
    fmt,
    io::{self, Write},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rustls::{
    Error as TlsError, InconsistentKeys,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    sign::CertifiedKey,
};
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

/// People are warned this long before their certificate expires, and what the Manager can renew by itself is renewed; but
/// see [`About::is_due`].
const EARLY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The two files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The certificate and its chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// What is wrong with a certificate or its key.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// The system does not give it.
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The system does not take it.
    #[error("cannot write {}: {reason}; the folder of the database must be writable", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// Something else is in the file, or what is in it is damaged.
    #[error("{} {what}", path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Goes on behind its name.
        what: String,
    },
    /// Both are fine, and do not belong together.
    #[error(
        "the private key in {} does not fit the certificate in {}: they must have been made together, and the \
         certificate itself must stand above those of its chain",
        key.display(), certificate.display()
    )]
    Misfit {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
    },
    /// A new one cannot be made.
    #[error("cannot make a certificate: {0}")]
    Making(#[from] rcgen::Error),
}

impl PairError {
    /// Whether it is only that nothing is there yet.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Unreadable { reason, .. } if reason.kind() == io::ErrorKind::NotFound)
    }
}

/// What the two files hold, as it was read.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Texts {
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

/// A certificate that can be served, with its key.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub certified: Arc<CertifiedKey>,
    pub about: About,
}

/// What a certificate says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Valid from then on.
    pub not_before: Timestamp,
    /// Valid until then.
    pub not_after: Timestamp,
    /// For which host names and addresses.
    pub names: Vec<String>,
    /// The SHA-256 of the certificate, as browsers show it: `AB:CD:…`.
    pub fingerprint: String,
    /// The common name of whom it is for.
    pub subject: String,
}

/// How much longer a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is not valid yet, or the clock of this machine is wrong.
    NotYet,
    /// Nothing is to be done.
    Good,
    /// It expires in so many days, rounded down.
    EndsSoon(i64),
    /// Whoever looks at it refuses it.
    Expired,
}

impl Files {
    /// Reads both.
    pub(super) fn read(&self) -> Result<Texts, PairError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|reason| PairError::Unreadable { path: path.to_owned(), reason })
        };
        Ok(Texts { certificate: read(&self.certificate)?, key: read(&self.key)? })
    }

    /// What they hold, if it can be served. Whether it is expired is another question.
    pub(super) fn pair(&self, texts: &Texts) -> Result<Pair, PairError> {
        let bad_certificate = |what: &str| self.bad_certificate(what);
        let chain = certificates(&texts.certificate).map_err(|what| bad_certificate(&what))?;
        let first = chain.first().ok_or_else(|| {
            bad_certificate("holds no certificate in PEM form: expected -----BEGIN CERTIFICATE-----")
        })?;
        let about = About::of(first).ok_or_else(|| bad_certificate("holds a damaged certificate"))?;
        let key = private_key(&texts.key)
            .map_err(|what| PairError::Unusable { path: self.key.clone(), what: what.to_owned() })?;
        let certified = CertifiedKey::from_der(chain, key, &default_provider());
        let certified = certified.map_err(|error| match error {
            TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                PairError::Misfit { key: self.key.clone(), certificate: self.certificate.clone() }
            }
            TlsError::InvalidCertificate(why) => bad_certificate(&format!("cannot be served: {why}")),
            other => PairError::Unusable {
                path: self.key.clone(),
                what: format!(
                    "holds a private key that cannot be used ({other}); make an ECDSA P-256 or an RSA key"
                ),
            },
        })?;
        Ok(Pair { certified: Arc::new(certified), about })
    }

    /// Reads what can be served.
    pub(super) fn read_pair(&self) -> Result<Pair, PairError> {
        self.pair(&self.read()?)
    }

    /// Keeps both, the key for the Manager alone. Each file is replaced in one step, so that nobody finds half of it.
    pub(super) fn write(&self, texts: &Texts) -> Result<(), PairError> {
        write_private(&self.key, &texts.key)?;
        write(&self.certificate, &texts.certificate, true)
    }

    fn bad_certificate(&self, what: &str) -> PairError {
        PairError::Unusable { path: self.certificate.clone(), what: what.to_owned() }
    }
}

/// Writes a file that nobody else may read, in one step.
pub(super) fn write_private(path: &Path, text: &[u8]) -> Result<(), PairError> {
    write(path, text, false)
}

fn write(path: &Path, text: &[u8], for_everybody: bool) -> Result<(), PairError> {
    let write = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // Such a file is its owner's alone, until it is said otherwise.
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(text)?;
        #[cfg(unix)]
        if for_everybody {
            use std::{fs::Permissions, os::unix::fs::PermissionsExt};
            file.as_file().set_permissions(Permissions::from_mode(0o644))?;
        }
        #[cfg(not(unix))]
        let _ = for_everybody;
        file.as_file().sync_all()?;
        file.persist(path).map(drop).map_err(io::Error::from)
    };
    write().map_err(|reason| PairError::Unwritable { path: path.to_owned(), reason })
}

/// All certificates of a PEM file, in their order.
pub(super) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<_, _> = CertificateDer::pem_slice_iter(text).collect();
    all.map_err(|error| format!("is damaged: {error}"))
}

fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound if contains(text, b"-----BEGIN ENCRYPTED PRIVATE KEY-----") => {
            "holds a private key that is locked with a passphrase; unlock it with: openssl pkey -in FILE -out NEWFILE"
        }
        pem::Error::NoItemsFound => {
            "holds no private key in PEM form: expected -----BEGIN PRIVATE KEY-----, BEGIN RSA PRIVATE KEY or BEGIN EC \
             PRIVATE KEY"
        }
        _ => "holds a damaged private key",
    })
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

impl About {
    /// Reads a certificate; `None` when it is damaged.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = parse_x509_certificate(certificate).ok()?;
        let time = |seconds: i64| Timestamp::from_second(seconds).ok();
        let names = parsed.subject_alternative_name().ok().flatten();
        let names = names.into_iter().flat_map(|names| &names.value.general_names).filter_map(name);
        let fingerprint = digest(&SHA256, certificate);
        let fingerprint: Vec<_> = fingerprint.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        Some(Self {
            not_before: time(parsed.validity().not_before.timestamp())?,
            not_after: time(parsed.validity().not_after.timestamp())?,
            names: names.collect(),
            fingerprint: fingerprint.join(":"),
            subject: parsed
                .subject()
                .iter_common_name()
                .find_map(|name| name.as_str().ok())
                .unwrap_or_default()
                .to_owned(),
        })
    }

    /// Whether it is for this domain by its very name.
    pub(super) fn is_for(&self, domain: &str) -> bool {
        self.names.iter().any(|name| name.eq_ignore_ascii_case(domain))
    }

    /// How much longer it is good.
    pub fn standing(&self, now: Timestamp) -> Standing {
        let left = self.not_after.duration_since(now);
        if now < self.not_before {
            Standing::NotYet
        } else if left.is_negative() {
            Standing::Expired
        } else if left <= EARLY {
            Standing::EndsSoon(left.as_hours() / 24)
        } else {
            Standing::Good
        }
    }

    /// Whether it is time to have a new one: 30 days before its end, or when two thirds of a short life are over.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let life = self.not_after.duration_since(self.not_before);
        self.not_after.duration_since(now) <= (life / 3).min(EARLY)
    }

    /// The day on which it expires, in words.
    pub fn last_day(&self) -> impl fmt::Display + use<> {
        self.not_after.to_zoned(TimeZone::UTC).date()
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().map(|ip| ip.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(not_before: &str, not_after: &str) -> About {
        About {
            not_before: not_before.parse().unwrap(),
            not_after: not_after.parse().unwrap(),
            names: Vec::new(),
            fingerprint: String::new(),
            subject: String::new(),
        }
    }

    #[test]
    fn a_certificate_is_good_until_thirty_days_before_its_end() {
        let about = about("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
        for (now, standing) in [
            ("2025-12-31T23:59:59Z", Standing::NotYet),
            ("2026-01-01T00:00:00Z", Standing::Good),
            ("2026-12-01T23:59:59Z", Standing::Good),
            ("2026-12-02T00:00:00Z", Standing::EndsSoon(30)),
            ("2026-12-31T23:00:00Z", Standing::EndsSoon(0)),
            ("2027-01-01T00:00:01Z", Standing::Expired),
        ] {
            assert_eq!(about.standing(now.parse().unwrap()), standing, "{now}");
        }
    }

    #[test]
    fn a_short_life_is_renewed_when_two_thirds_are_over() {
        let six_days = about("2026-01-01T00:00:00Z", "2026-01-07T00:00:00Z");
        assert!(!six_days.is_due("2026-01-04T23:59:59Z".parse().unwrap()));
        assert!(six_days.is_due("2026-01-05T00:00:00Z".parse().unwrap()));
        let year = about("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
        assert!(!year.is_due("2026-12-01T23:59:59Z".parse().unwrap()));
        assert!(year.is_due("2026-12-02T00:00:00Z".parse().unwrap()));
    }
}
