//! Commands on the Manager's own machine, with the real binary.

use std::fs;

use serde_json::Value;

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
fn what_is_done_about_people_is_in_the_audit_whichever_way() {
    let place = place();
    let make_and_revoke = |name| {
        assert_eq!(place.run(&["user", "token", "create", name, "--role", "viewer"]).code, Some(0));
        assert_eq!(place.run(&["user", "token", "revoke", name]).code, Some(0));
    };
    make_and_revoke("file");
    let manager = place.start();
    make_and_revoke("manager");
    assert_eq!(place.run(&["user", "login-link"]).code, Some(0));
    let listed: Value = serde_json::from_str(&place.run(&["--json", "audit", "list"]).stdout).unwrap();
    let entries = listed["entries"].as_array().unwrap();
    let deeds: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    let both = ["create an access token", "revoke an access token"];
    assert_eq!(deeds, [&both[..], &both, &["make a log-in link"]].concat());
    for (number, name) in [(0, "(file)"), (1, "(file)"), (2, "(manager)"), (3, "(manager)")] {
        assert!(entries[number]["target"].as_str().unwrap().ends_with(name), "{listed}");
        assert_eq!(entries[number]["who"], "command line");
    }
    manager.stop();
}

#[test]
fn a_token_that_a_crash_left_behind_is_gone_after_the_start() {
    let place = Place::new();
    let token_file = place.path("flamenco-manager.redb.token");
    fs::write(&token_file, "flamenco_old\nhttp://127.0.0.1:9/\n").unwrap();
    let manager = place.start();
    assert!(!token_file.exists());
    assert_eq!(place.run(&["job", "list", "--manager", &manager.url()]).code, Some(0));
    manager.stop();
    place.configure(BY_TOKEN);
    place.start().kill();
    let old = fs::read_to_string(&token_file).unwrap();
    let manager = place.start();
    assert_ne!(fs::read_to_string(&token_file).unwrap(), old);
    assert_eq!(place.run(&["job", "list"]).code, Some(0));
    manager.stop();
}

#[test]
fn a_manager_that_lets_everybody_in_says_so_unless_it_is_alone_on_its_machine() {
    const WARNING: &str = "everybody who reaches this Manager can submit jobs";
    let alone = Place::new().start().stop();
    assert!(!alone.contains(WARNING), "{alone}");
    // An address that no machine has: it does not get further than the warning.
    let reached = Place::listening("192.0.2.1:8080", "").run(&["serve"]);
    assert!(reached.stderr.contains(WARNING) && reached.code == Some(1), "{}", reached.stderr);
    let known = place();
    known.configure(&BY_TOKEN.replace("127.0.0.1:0", "192.0.2.1:8080"));
    let said = known.run(&["serve"]).stderr;
    assert!(!said.contains(WARNING), "{said}");
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
