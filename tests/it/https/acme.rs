//! A certificate by ACME, from an authority that looks at everything.

use std::sync::Arc;

use flamenco_manager::clock::ManualClock;
use jiff::ToSpan;

use super::Https;
use crate::kit::{Authority, START, TestManager, Visitor};

const DOMAIN: &str = "farm.example.com";

/// A Manager that goes to this authority, and does not have a certificate yet.
async fn below(authority: &Authority, clock: &Arc<ManualClock>) -> Https {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.root()).unwrap();
    let toml = format!(
        "acme_domain_name = '{DOMAIN}'\nacme_directory_url = '{}'\nacme_ca = '{}'",
        authority.directory(),
        ca.display()
    );
    // It has to be there for as long as the Manager is.
    let _ = folder.keep();
    Https::start(TestManager::with_clock(&toml, clock).await).await
}

async fn begin() -> (Authority, Https) {
    let clock = Arc::new(ManualClock::new(START.parse().unwrap()));
    let authority = Authority::start(&clock).await;
    let https = below(&authority, &clock).await;
    authority.finds_at(https.address);
    (authority, https)
}

/// Whether a browser on the internet would be content.
async fn is_trusted(https: &Https, authority: &Authority) -> bool {
    let visitor = Visitor::trusting(authority.root(), &https.manager.clock).calling(DOMAIN);
    visitor.get(https.address, "/api/version").await.is_ok()
}

#[tokio::test]
async fn a_certificate_is_got_kept_and_renewed() {
    let (authority, https) = begin().await;
    let visitor = Visitor::trusting(&https.beside("tls-cert.pem"), &https.manager.clock);
    visitor.clone().calling(DOMAIN).get(https.address, "/api/version").await.unwrap().expect(200);

    https.tls.look_after().await;
    assert!(is_trusted(&https, &authority).await);
    https.tls.look_after().await;
    assert_eq!(authority.counts(), (1, 1));

    let https = https.restart().await;
    authority.finds_at(https.address);
    https.tls.look_after().await;
    assert!(is_trusted(&https, &authority).await);
    assert_eq!(authority.counts(), (1, 1));

    let first = https.tls.about();
    https.manager.advance((24 * 59).hours());
    https.tls.look_after().await;
    assert_eq!(https.tls.about(), first);
    https.manager.advance((24 * 2).hours());
    https.tls.look_after().await;
    assert_ne!(https.tls.about().fingerprint, first.fingerprint);
    assert_eq!(authority.counts(), (1, 2));
    https.manager.advance((24 * 60).hours());
    assert!(is_trusted(&https, &authority).await);
}

#[tokio::test]
async fn the_proof_is_shown_to_nobody_when_nobody_should_ask() {
    let (_authority, https) = begin().await;
    let asked = crate::kit::handshake_with_anybody(https.address, DOMAIN, b"acme-tls/1").await;
    asked.unwrap_err();
    https.tls.look_after().await;
    crate::kit::handshake_with_anybody(https.address, DOMAIN, b"acme-tls/1").await.unwrap_err();
}

#[tokio::test]
async fn a_refused_challenge_is_tried_again_later_and_the_manager_goes_on() {
    let (authority, https) = begin().await;
    // Somebody else's machine.
    authority.finds_at("127.0.0.1:9".parse().unwrap());
    https.tls.look_after().await;
    https.tls.look_after().await;
    assert_eq!(authority.counts(), (1, 1));
    assert!(!is_trusted(&https, &authority).await);
    let visitor = Visitor::trusting(&https.beside("tls-cert.pem"), &https.manager.clock);
    visitor.get(https.address, "/api/version").await.unwrap().expect(200);

    authority.finds_at(https.address);
    https.manager.advance(14.minutes());
    https.tls.look_after().await;
    assert_eq!(authority.counts(), (1, 1));
    https.manager.advance(1.minute());
    https.tls.look_after().await;
    assert!(is_trusted(&https, &authority).await);
    assert_eq!(authority.counts(), (1, 2));
}

#[tokio::test]
async fn an_authority_that_is_away_is_waited_for() {
    let (mut authority, https) = begin().await;
    authority.goes_away().await;
    https.tls.look_after().await;
    https.manager.advance(15.minutes());
    https.tls.look_after().await;
    authority.comes_back().await;
    https.manager.advance(29.minutes());
    https.tls.look_after().await;
    assert!(!is_trusted(&https, &authority).await);
    https.manager.advance(1.minute());
    https.tls.look_after().await;
    assert!(is_trusted(&https, &authority).await);

    // The last certificate stays while it is good, whatever becomes of the authority.
    authority.goes_away().await;
    https.manager.advance((24 * 80).hours());
    https.tls.look_after().await;
    assert!(is_trusted(&https, &authority).await);
    let https = https.restart().await;
    assert!(is_trusted(&https, &authority).await);
}

#[tokio::test]
async fn a_certificate_for_another_domain_is_replaced() {
    let (authority, https) = begin().await;
    https.tls.look_after().await;
    let mut manager = https.manager;
    let acme = manager.config.https.as_mut().map(|https| &mut https.certificate);
    let Some(flamenco_manager::config::CertificateSource::Acme(acme)) = acme else { panic!("no ACME") };
    "other.example.com".clone_into(&mut acme.domain);
    let https = Https::start(manager).await;
    authority.finds_at(https.address);
    https.tls.look_after().await;
    assert_eq!(https.tls.about().names, ["other.example.com"]);
    assert_eq!(authority.counts(), (1, 2));
}
