//! The certificate that the Manager makes.

use flamenco_manager::{app, clock::Clock};
use jiff::ToSpan;

use super::Https;
use crate::kit::{SelfSigned, TestManager, Visitor};

async fn start() -> Https {
    Https::start(
        TestManager::configured("listen_https = ':0'\nown_url = 'https://render.example.com:8443'").await,
    )
    .await
}

#[tokio::test]
async fn it_is_good_for_whoever_trusts_its_file() {
    let https = start().await;
    let visitor = Visitor::trusting(&https.beside("tls-cert.pem"), &https.manager.clock);
    for name in ["localhost", "127.0.0.1", "::1", "render.example.com"] {
        visitor.clone().calling(name).get(https.address, "/api/version").await.unwrap().expect(200);
    }
    visitor.calling("elsewhere.example.com").connect(https.address).await.unwrap_err();
}

#[tokio::test]
async fn its_fingerprint_is_shown_as_browsers_do() {
    let https = start().await;
    let fingerprint = https.tls.about().fingerprint;
    let bytes: Vec<_> = fingerprint.split(':').collect();
    assert_eq!(bytes.len(), 32);
    assert!(
        bytes.iter().all(|byte| byte.len() == 2 && u8::from_str_radix(byte, 16).is_ok()),
        "{fingerprint}"
    );
    assert_eq!(fingerprint, fingerprint.to_uppercase());

    let source = app::certificate_source(&https.manager.config, https.manager.config.https.as_ref().unwrap());
    assert_eq!(source.look().unwrap(), Some(https.tls.about()));
}

#[cfg(unix)]
#[tokio::test]
async fn its_key_is_nobody_elses_and_its_certificate_is_for_everybody() {
    use std::os::unix::fs::PermissionsExt;
    let https = start().await;
    let mode = |end: &str| {
        let path = https.manager.folder().join(format!("manager.redb.{end}"));
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode("tls-key.pem"), mode("tls-cert.pem")), (0o600, 0o644));
}

#[tokio::test]
async fn it_stays_until_its_end_is_near_and_then_there_is_a_new_one() {
    let https = start().await;
    let first = https.tls.about().fingerprint;
    let https = https.restart().await;
    assert_eq!(https.tls.about().fingerprint, first);

    https.manager.advance((24 * 760).hours());
    https.tls.look_after().await;
    assert_eq!(https.tls.about().fingerprint, first);

    https.manager.advance((24 * 12).hours());
    https.tls.look_after().await;
    let second = https.tls.about();
    assert_ne!(second.fingerprint, first);
    assert!(second.not_after > https.manager.clock.now() + (24 * 700).hours());
    let visitor = Visitor::trusting(&https.beside("tls-cert.pem"), &https.manager.clock);
    visitor.get(https.address, "/api/version").await.unwrap().expect(200);
}

#[tokio::test]
async fn a_certificate_of_somebodys_own_is_used_and_what_is_unusable_is_put_aside() {
    let https = start().await;
    let path = |end: &str| https.manager.folder().join(format!("manager.redb.{end}"));
    let own = SelfSigned::new();
    std::fs::write(path("tls-cert.pem"), &own.certificate).unwrap();
    std::fs::write(path("tls-key.pem"), &own.key).unwrap();
    let https = https.restart().await;
    let visitor = Visitor::trusting(&own.certificate, &https.manager.clock);
    visitor.get(https.address, "/api/version").await.unwrap().expect(200);

    let path = |end: &str| https.manager.folder().join(format!("manager.redb.{end}"));
    std::fs::write(path("tls-cert.pem"), "not to be lost").unwrap();
    let https = https.restart().await;
    assert!(https.beside("tls-cert.pem").starts_with("-----BEGIN CERTIFICATE-----"));
    let aside = format!("tls-cert.pem.unusable-{}", https.manager.now().as_second());
    assert_eq!(https.beside(&aside), "not to be lost");
    assert_eq!(https.beside(&aside.replace("cert", "key")), own.key);
}
