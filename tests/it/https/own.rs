//! A certificate that an administrator provides.

use std::path::Path;

use base64::{Engine, prelude::BASE64_STANDARD};
use flamenco_manager::{
    app,
    clock::ManualClock,
    config::Config,
    tls::{Standing, Tls},
};
use jiff::{Timestamp, ToSpan};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256};
use tempfile::TempDir;

use super::Https;
use crate::kit::{START, SelfSigned, TestManager, Visitor};

fn toml(folder: &Path) -> String {
    let path = |name: &str| folder.join(name).display().to_string();
    format!("tlskey = '{}'\ntlscert = '{}'\n", path("key.pem"), path("cert.pem"))
}

/// HTTPS with this certificate, and the folder in which it is.
async fn with(certificate: &SelfSigned) -> (Https, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    certificate.put(folder.path());
    (Https::start(TestManager::configured(&toml(folder.path())).await).await, folder)
}

/// The key of PKCS#8 in the older form that is inside of it: PKCS#1 for RSA, SEC1 for elliptic curves.
fn older_form(key: &KeyPair, title: &str) -> String {
    let der = key.serialize_der();
    // 30 length, 02 01 00 (version), 30 length (algorithm), 04 length, and there it is.
    let mut rest = &value(&der).0[3..];
    rest = value(rest).1;
    format!("-----BEGIN {title}-----\n{}\n-----END {title}-----\n", BASE64_STANDARD.encode(value(rest).0))
}

/// The value of the first element, and what is behind it.
fn value(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, begin) = match der[1] {
        short @ 0..=0x80 => (usize::from(short), 2),
        0x81 => (usize::from(der[2]), 3),
        _ => (usize::from(u16::from_be_bytes([der[2], der[3]])), 4),
    };
    der[begin..].split_at(length)
}

#[tokio::test]
async fn keys_of_every_usual_kind_and_form_are_served() {
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519, &PKCS_RSA_SHA256] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let pkcs8 = SelfSigned::with_key(&key);
        let titles = [(&PKCS_RSA_SHA256, "RSA PRIVATE KEY"), (&PKCS_ECDSA_P256_SHA256, "EC PRIVATE KEY")];
        let title = titles.into_iter().find(|(of, _)| *of == algorithm);
        let older = title.map(|(_, title)| older_form(&key, title));
        let older = older.map(|key| SelfSigned { key, certificate: pkcs8.certificate.clone() });
        for certificate in [Some(pkcs8), older].into_iter().flatten() {
            let (https, _folder) = with(&certificate).await;
            let visitor = Visitor::trusting(&certificate.certificate, &https.manager.clock);
            let answer = visitor.get(https.address, "/api/version").await.unwrap();
            answer.expect(200);
        }
    }
}

#[tokio::test]
async fn whoever_does_not_trust_it_says_nothing() {
    let (https, _folder) = with(&SelfSigned::new()).await;
    let stranger = Visitor::trusting(&SelfSigned::new().certificate, &https.manager.clock);
    let refused = stranger.get(https.address, "/").await.unwrap_err();
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
}

#[tokio::test]
async fn what_is_wrong_with_files_is_said_with_their_names() {
    let (good, other) = (SelfSigned::new(), SelfSigned::new());
    let title = "-----BEGIN PRIVATE KEY-----";
    let locked = good.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let damaged = good.certificate.replace("\nMI", "\nMJ");
    let cases: [(&str, &str, &str); 8] = [
        (&good.certificate, &other.key, "key.pem does not fit the certificate in "),
        ("", &good.key, "cert.pem holds no certificate in PEM form"),
        (&good.key, &good.key, "cert.pem holds no certificate in PEM form"),
        (&damaged, &good.key, "cert.pem holds a damaged certificate"),
        (&good.certificate, "", "key.pem holds no private key in PEM form"),
        (&good.certificate, &good.certificate, "key.pem holds no private key in PEM form"),
        (&good.certificate, &locked, "key.pem holds a private key that is locked with a passphrase"),
        (
            &good.certificate,
            &good.key.replace(title, &format!("{title}\n????")),
            "key.pem holds a damaged private key",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let config = Config::from_toml(&toml(folder.path()), "manager.toml").unwrap();
    let why = || {
        let source = app::certificate_source(&config, config.https.as_ref().unwrap());
        let clock = std::sync::Arc::new(ManualClock::new(START.parse().unwrap()));
        Tls::open(source, clock).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(why().contains("cannot read ") && why().contains("cert.pem: "), "{}", why());
    for (certificate, key, expected) in cases {
        SelfSigned { certificate: certificate.to_owned(), key: key.to_owned() }.put(folder.path());
        assert!(why().contains(expected), "{expected}: {}", why());
    }
}

#[tokio::test]
async fn new_files_are_taken_without_a_restart_and_bad_ones_are_not() {
    let (old, new) = (SelfSigned::new(), SelfSigned::new());
    let (https, folder) = with(&old).await;
    let clock = &https.manager.clock;
    let (knows_old, knows_new) =
        (Visitor::trusting(&old.certificate, clock), Visitor::trusting(&new.certificate, clock));

    // The key is not there yet.
    std::fs::write(folder.path().join("cert.pem"), &new.certificate).unwrap();
    https.tls.look_after().await;
    knows_old.get(https.address, "/api/version").await.unwrap().expect(200);

    let open = knows_old.connect(https.address).await.unwrap();
    new.put(folder.path());
    https.tls.look_after().await;
    knows_new.get(https.address, "/api/version").await.unwrap().expect(200);
    knows_old.get(https.address, "/api/version").await.unwrap_err();
    drop(open);

    // An expired one would be worse.
    SelfSigned::until(https.manager.now() - 48.hours()).put(folder.path());
    https.tls.look_after().await;
    std::fs::remove_file(folder.path().join("key.pem")).unwrap();
    https.tls.look_after().await;
    knows_new.get(https.address, "/api/version").await.unwrap().expect(200);
}

#[tokio::test]
async fn its_end_is_seen_coming_and_does_not_stop_the_manager() {
    let end: Timestamp = "2026-04-20T00:00:00Z".parse().unwrap();
    let certificate = SelfSigned::until(end);
    let (https, _folder) = with(&certificate).await;
    let standing = |https: &Https| https.tls.about().standing(https.manager.now());
    assert_eq!(standing(&https), Standing::Good);
    https.manager.advance((24 * 30).hours());
    assert_eq!(standing(&https), Standing::EndsSoon(18));
    https.manager.advance((24 * 30).hours());
    assert_eq!(standing(&https), Standing::Expired);

    let https = https.restart().await;
    let visitor = Visitor::trusting(&certificate.certificate, &https.manager.clock);
    let refused = visitor.get(https.address, "/").await.unwrap_err();
    assert!(refused.to_string().contains("certificate expired"), "{refused}");
}
