//! The certificate that the Manager makes for itself: whoever uses it has to trust its fingerprint, or its file.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, date_time_ymd};

use super::pair::{Files, Pair, PairError, Standing, Texts};

/// How it is recognised: the name of whom it is for.
const MARK: &str = "Flamenco Manager, self-made";
/// How long it lasts. Apple's browsers refuse certificates of more than 825 days, even those that somebody has trusted.
const LIFE: SignedDuration = SignedDuration::from_hours(800 * 24);
/// It is valid from a day before, for machines whose clock is behind.
const BEFORE: SignedDuration = SignedDuration::from_hours(24);

/// The one in `files`, made if there is none, and made anew before it expires. One that is not the Manager's own is used as
/// it is; what cannot be used is put aside, not overwritten.
pub(super) fn keep(files: &Files, names: &[String], now: Timestamp) -> Result<Pair, PairError> {
    match files.read_pair() {
        Ok(pair) if pair.about.subject != MARK => {
            tracing::warn!(
                file = %files.certificate.display(),
                "this certificate was not made by the Manager, and is not renewed; say with tlscert and tlskey that it is \
                 yours"
            );
            return Ok(pair);
        }
        Ok(pair) if pair.about.standing(now) != Standing::NotYet && !pair.about.is_due(now) => {
            return Ok(pair);
        }
        Ok(pair) => {
            tracing::info!(until = %pair.about.last_day(), "a new certificate is made before the old one expires");
        }
        // Another user's, perhaps.
        Err(error @ PairError::Unreadable { .. }) if !error.is_absence() => return Err(error),
        Err(error) => set_aside(files, &error, now)?,
    }
    let texts = make(names, now)?;
    files.write(&texts)?;
    files.pair(&texts)
}

/// Gives files that cannot be used another name.
fn set_aside(files: &Files, why: &PairError, now: Timestamp) -> Result<(), PairError> {
    for path in [&files.certificate, &files.key].into_iter().filter(|path| path.exists()) {
        let aside = path.with_added_extension(format!("unusable-{}", now.as_second()));
        std::fs::rename(path, &aside)
            .map_err(|reason| PairError::Unwritable { path: aside.clone(), reason })?;
        tracing::warn!(reason = %why, file = %aside.display(), "a certificate that cannot be used was put aside");
    }
    Ok(())
}

/// A new one, for these names and addresses.
pub(super) fn make(names: &[String], now: Timestamp) -> Result<Texts, PairError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, MARK);
    let [from, until] = [now - BEFORE, now + LIFE].map(|time| {
        let day = time.to_zoned(TimeZone::UTC).date();
        date_time_ymd(day.year().into(), day.month().unsigned_abs(), day.day().unsigned_abs())
    });
    (params.not_before, params.not_after) = (from, until);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&key)?.pem();
    Ok(Texts { certificate: certificate.into_bytes(), key: key.serialize_pem().into_bytes() })
}

/// What this machine is called, and the addresses at which others reach it.
pub fn names_of_this_machine() -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    names.extend(host_name());
    names.extend([Ipv4Addr::LOCALHOST.to_string(), Ipv6Addr::LOCALHOST.to_string()]);
    names.extend(addresses().map(|address| address.to_string()));
    names
}

/// The addresses that this machine uses towards the rest of the world. Nothing is sent: a UDP socket that is connected has
/// only chosen its way, and these addresses belong to nobody.
fn addresses() -> impl Iterator<Item = IpAddr> {
    let towards = |from: IpAddr, to: &str| {
        let socket = UdpSocket::bind((from, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let v4 = towards(Ipv4Addr::UNSPECIFIED.into(), "203.0.113.1");
    let v6 = towards(Ipv6Addr::UNSPECIFIED.into(), "2001:db8::1");
    v4.into_iter().chain(v6)
}

#[cfg(unix)]
fn host_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_str().ok()?.to_owned();
    is_host_name(&name).then_some(name)
}

#[cfg(not(unix))]
fn host_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok().filter(|name| is_host_name(name))
}

/// Whether a certificate can be for it.
fn is_host_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}
