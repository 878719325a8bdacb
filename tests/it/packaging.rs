//! What is packaged besides the program: the unit, the configuration and the rest agree with each other and with the program.

use std::{fs, path::Path};

use clap::Parser;
use flamenco_manager::{
    cli::args::{Args, Command},
    config::Config,
};

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the unit says under a key that is there once.
fn unit(key: &str) -> String {
    let unit = text("flamenco-manager.service");
    let found: Vec<_> = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect();
    assert_eq!(found.len(), 1, "{key}");
    found[0].to_owned()
}

#[test]
fn the_packaged_configuration_is_valid_and_writes_where_the_unit_lets_it() {
    let config = Config::from_toml(&text("manager.toml"), "packaging/manager.toml").unwrap();
    let (state, logs) = (unit("StateDirectory"), unit("LogsDirectory"));
    let state = Path::new("/var/lib").join(state);
    assert_eq!(config.database_path.parent(), Some(&*state));
    assert_eq!(config.task_logs_path, Path::new("/var/log").join(logs));
    // A relative path in the configuration is a path in the folder of the state.
    assert_eq!(Path::new(&unit("WorkingDirectory")), state);
    let Config { database_path, task_logs_path, written, .. } = Config::default();
    assert_eq!(Config { database_path, task_logs_path, written, ..config }, Config::default());
}

#[test]
fn what_the_packaged_configuration_offers_can_be_taken() {
    let uncommented: String = text("manager.toml")
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(offer) if !offer.starts_with(' ') => format!("{offer}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let config = Config::from_toml(&uncommented, "packaging/manager.toml").unwrap();
    assert!(config.https.is_some() && config.variables.0.contains_key("job_storage"));
}

#[test]
fn the_unit_starts_the_manager_with_the_packaged_configuration() {
    let line = unit("ExecStart");
    let args = Args::try_parse_from(line.split(' ')).unwrap();
    assert_eq!(args.action(), &Command::Serve);
    assert_eq!(args.config.as_deref(), Some(Path::new("/etc/flamenco-manager/manager.toml")));
    assert!(line.starts_with("/usr/bin/flamenco-manager "));
    assert_eq!(unit("Type"), "notify");
}

#[test]
fn the_user_and_the_folders_are_those_of_the_unit() {
    let user = unit("User");
    assert_eq!(unit("Group"), user);
    assert!(text("flamenco-manager.sysusers").contains(&format!("\nu {user} - ")));
    let tmpfiles = text("flamenco-manager.tmpfiles");
    for (folder, mode) in
        [("/var/lib/", unit("StateDirectoryMode")), ("/var/log/", unit("LogsDirectoryMode"))]
    {
        let line = format!("\nd {folder}{} {mode} {user} {user} -", unit("StateDirectory"));
        assert!(tmpfiles.contains(&line), "{line}");
    }
    assert!(tmpfiles.contains(&format!("\nz /etc/flamenco-manager/manager.toml 0640 root {user} -")));
}

#[test]
fn nginx_is_led_to_the_usual_port() {
    let port = Config::default().listen.unwrap().port;
    for name in ["nginx/host.conf", "nginx/path.conf"] {
        assert!(text(name).contains(&format!("proxy_pass http://127.0.0.1:{port}")), "{name}");
    }
}
