//! Commands on the Manager's own machine, with the real binary.

use std::fs;

use crate::faults::process::Place;

const BY_TOKEN: &str =
    "listen = \"127.0.0.1:0\"\nssdp_discovery = false\n[user_authentication]\nmode = \"token\"\n";

fn place() -> Place {
    let place = Place::new();
    place.configure(BY_TOKEN);
    place
}

#[test]
fn whoever_may_read_beside_the_database_commands_the_manager() {
    let place = place();
    let manager = place.start();
    let token_file = place.path("flamenco-manager.redb.token");
    assert!(token_file.exists());
    let listed = place.run(&["job", "list"]);
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    let made = place.run(&["user", "token", "create", "ada", "--role", "viewer"]);
    assert_eq!((made.code, made.stdout.lines().count()), (Some(0), 1), "{}", made.stderr);
    let token = made.stdout.trim().to_owned();
    let link = place.run(&["user", "login-link", "--role", "viewer"]);
    assert!(link.stdout.contains("/#/login/") && link.stdout.lines().count() == 1, "{}", link.stdout);
    let local = fs::read_to_string(&token_file).unwrap().lines().next().unwrap().to_owned();
    fs::remove_file(&token_file).unwrap();
    let url = manager.url();
    let stranger = place.run(&["--json", "job", "list", "--manager", &url]);
    assert_eq!(stranger.code, Some(1));
    assert!(stranger.stderr.contains("FLAMENCO_MANAGER_TOKEN"), "{}", stranger.stderr);
    fs::write(place.path("ada.token"), format!("{token}\n")).unwrap();
    let known = ["job", "list", "--manager", &url, "--token-file", "ada.token"];
    assert_eq!(place.run(&known).code, Some(0));
    let listed = place.run(&["user", "token", "list", "--manager", &url, "--token-file", "ada.token"]);
    assert_eq!(listed.code, Some(1));
    assert!(listed.stderr.contains("only an admin"), "{}", listed.stderr);
    let log = manager.stop();
    for secret in [&token, &local] {
        assert!(!log.contains(secret.as_str()), "{log}");
    }
}

#[test]
fn tokens_are_made_and_revoked_while_no_manager_runs() {
    let place = place();
    assert_eq!(place.run(&["user", "token", "create", "ada", "--role", "admin"]).code, Some(0));
    let again = place.run(&["user", "token", "create", "ada", "--role", "admin"]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("already"), "{}", again.stderr);
    let listed = place.run(&["user", "token", "list"]);
    assert!(listed.stdout.contains("ada") && listed.stdout.contains("never"), "{}", listed.stdout);
    assert_eq!(place.run(&["user", "token", "revoke", "bo"]).code, Some(1));
    assert_eq!(place.run(&["user", "token", "revoke", "ada"]).code, Some(0));
    assert!(place.run(&["user", "token", "list"]).stdout.contains("no access tokens"));
    assert_eq!(place.run(&["user", "login-link"]).code, Some(1));
    assert_eq!(place.run(&["user", "token", "create", "ada", "--role", "root"]).code, Some(2));
}

#[test]
fn while_there_is_no_token_the_log_has_a_link_and_the_file_goes_at_the_stop() {
    let place = place();
    let log = place.start().stop();
    assert!(log.contains("/#/login/"), "{log}");
    assert!(!place.path("flamenco-manager.redb.token").exists());
    place.run(&["user", "token", "create", "ada", "--role", "admin"]);
    let log = place.start().stop();
    assert!(!log.contains("/#/login/"), "{log}");
}
