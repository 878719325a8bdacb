//! The real binary that serves nothing but HTTPS, and its command line.

use crate::faults::{
    commands::{fails, succeeds},
    process::{Place, free_port},
};
use crate::kit::SelfSigned;

/// A folder for such a Manager.
fn place(lines: &str) -> Place {
    let place = Place::new();
    place.configure(&format!(
        "listen = ''\nlisten_https = '127.0.0.1:{}'\nssdp_discovery = false\n{lines}\n[user_authentication]\nmode = 'none'\n",
        free_port()
    ));
    place
}

#[test]
fn the_command_line_knows_the_manager_by_its_self_made_certificate() {
    let place = place("");
    assert!(succeeds(&place, &["check"]).contains("certificate: there is none yet"));
    let manager = place.start();
    assert!(succeeds(&place, &["worker", "list"]).contains("There are no workers yet"));
    let check = succeeds(&place, &["check"]);
    let fingerprint = check.split("fingerprint is ").nth(1).unwrap().split_whitespace().next().unwrap();
    assert!(manager.log().contains(fingerprint), "{check}");
    manager.stop();
}

#[test]
fn an_own_certificate_for_another_name_is_no_obstacle() {
    let place = place("tlskey = 'key.pem'\ntlscert = 'cert.pem'");
    assert!(fails(&place, &["serve"]).contains("cannot read cert.pem"));
    let check = place.run(&["check"]);
    assert!(check.stdout.contains("BAD  certificate: cannot read cert.pem"), "{}", check.stdout);
    SelfSigned::new().put(&place.path(""));
    let manager = place.start();
    assert!(succeeds(&place, &["worker", "list"]).contains("There are no workers yet"));
    manager.stop();

    SelfSigned::until("2020-01-01T00:00:00Z".parse().unwrap()).put(&place.path(""));
    let check = place.run(&["check"]);
    assert_eq!(check.code, Some(1));
    assert!(check.stdout.contains("BAD  certificate: the certificate is expired"), "{}", check.stdout);
}

#[test]
fn a_manager_elsewhere_is_known_by_the_certificates_that_this_machine_trusts() {
    let place = place("");
    let manager = place.start();
    let url = format!("https://{}/", manager.address());
    let elsewhere = Place::new();
    let command = ["worker", "list", "--manager", &url];
    let refusal = fails(&elsewhere, &command);
    assert!(refusal.contains("certificate"), "{refusal}");
    let trusted = place.path("flamenco-manager.redb.tls-cert.pem");
    let answer = elsewhere.command(&command).env("SSL_CERT_FILE", trusted).output().unwrap();
    assert!(String::from_utf8_lossy(&answer.stdout).contains("There are no workers yet"), "{answer:?}");
    manager.stop();
}
