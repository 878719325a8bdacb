//! From the configuration of 2.x to ours, by the real binary: what comes out is checked and served with, and the task logs
//! that 2.x left are read where they are.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use flamenco_manager::simulate::client::Client;
use flate2::{Compression, write::GzEncoder};
use http::Method;

use crate::faults::{
    commands::{fails, succeeds},
    process::{Place, Running},
};

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A folder in which Flamenco Manager 2.x ran.
fn of_2x(place: &Place, yaml: &str) -> PathBuf {
    let file = place.path("old/flamenco-manager.yaml");
    write(&file, yaml.as_bytes());
    file
}

/// Version 1 as it was shipped with 2.2, but for what names other machines.
const VERSION_1: &str = "
database_url:
task_logs_path: ./logs
listen: '127.0.0.1:0'
own_url: http://192.168.3.108:8083/
ssdp_discovery: false
ssdp_device_uuid: 1e97b633-34f6-416f-abbb-853de75e5c57
download_task_sleep: 5m
download_task_recheck_throttle: 10s
active_task_timeout_interval: 1m
active_worker_timeout_interval: 15m
task_cleanup_max_age: 336h
variables:
    blender:
        windows: c:/temp/blender.exe --enable-new-depsgraph --factory-startup
        linux: /opt/myblenderbuild/blender --enable-new-depsgraph --factory-startup
path_replacement:
    render:
        windows: r:/
        linux: /render
user_authentication:
    disableSecurity: true
worker_registration_secret: the-old-secret
";

#[test]
fn the_manager_checks_and_serves_with_what_comes_out() {
    let place = Place::new();
    let file = of_2x(&place, VERSION_1);
    let said = place.run(&["import", "config", "old/flamenco-manager.yaml"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("\nworker_registration_secret = \"the-old-secret\"\n"), "{}", said.stdout);
    assert!(!said.stderr.contains("the-old-secret"), "{}", said.stderr);
    assert!(said.stderr.contains("Changed:\n  line 3: task_logs_path: the whole path"), "{}", said.stderr);
    assert!(said.stderr.contains("To decide:\n  variables.ffmpeg is not in the file"), "{}", said.stderr);

    let whole = file.to_str().unwrap();
    let said = place.run(&["import", "config", whole, "--output", "new.toml"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""), "{}", said.stderr);
    assert!(said.stderr.contains("new.toml was written"), "{}", said.stderr);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(place.path("new.toml")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "there are secrets in it");
    }
    let checked = succeeds(&place, &["--config", "new.toml", "check"]);
    assert!(checked.contains("ok   configuration"), "{checked}");
}

#[tokio::test]
async fn task_logs_of_2x_are_read_where_they_are() {
    let place = Place::new();
    of_2x(&place, VERSION_1);
    succeeds(&place, &["import", "config", "old/flamenco-manager.yaml", "--output", "new.toml"]);
    fs::rename(place.path("new.toml"), place.path("manager.toml")).unwrap();
    let manager = place.start();
    let job = manager.submit(2).await;
    let list = manager.get(&format!("/api/jobs/{job}/tasks")).await;
    let task = |index: usize| list["tasks"][index]["_id"].as_str().unwrap().to_owned();
    let (plain, zipped) = (task(0), task(1));

    let log = |task: &str, end: &str| {
        place.path("old/logs").join(format!("job-{}/{job}/task-{task}.txt{end}", &job[..4]))
    };
    write(&log(&plain, ""), b"second try\n");
    write(&log(&plain, ".1"), b"first try\n");
    // What a rotation of 2.x leaves of a log that was compressed before.
    write(&log(&plain, ".gz.0"), &gzip("first try\n"));
    write(&log(&zipped, ".gz"), &gzip("compressed by 2.x\n"));
    for (task, text) in [(&plain, "second try\n"), (&zipped, "compressed by 2.x\n")] {
        assert_eq!(read(&manager, &format!("/api/tasks/{task}/log")).await, text.as_bytes());
        assert_eq!(read(&manager, &format!("/api/tasks/{task}/log?tail=1")).await, text.as_bytes());
    }
    assert_eq!(read(&manager, &format!("/logfile/{job}/{plain}")).await, b"second try\n");
    assert_eq!(read(&manager, &format!("/logfile/{job}/{zipped}")).await, gzip("compressed by 2.x\n"));
    manager.stop();
}

async fn read(manager: &Running, path: &str) -> Vec<u8> {
    let mut client = Client::new(&manager.url()).unwrap();
    let (status, body) = client.request(Method::GET, path, None, None).await.unwrap();
    assert_eq!(status, 200, "{path}");
    body.to_vec()
}

#[test]
fn nothing_is_overwritten() {
    let place = Place::new();
    of_2x(&place, VERSION_1);
    fs::write(place.path("mine.toml"), "mine").unwrap();
    let why = fails(&place, &["import", "config", "old/flamenco-manager.yaml", "--output", "mine.toml"]);
    assert!(why.contains("mine.toml: exists, and is not overwritten"), "{why}");
    assert_eq!(fs::read_to_string(place.path("mine.toml")).unwrap(), "mine");
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    let place = Place::new();
    let why = fails(&place, &["import", "config", "nowhere.yaml"]);
    assert!(why.starts_with("flamenco-manager: cannot read nowhere.yaml: "), "{why}");
    of_2x(&place, "mode: production\nlisten: [':8080'\n");
    let why = fails(&place, &["import", "config", "old/flamenco-manager.yaml"]);
    assert!(why.contains("flamenco-manager.yaml:3: this cannot be read as YAML"), "{why}");
    fs::write(place.path("old/binary.yaml"), [0xff, 0xfe, 0, 1]).unwrap();
    let why = fails(&place, &["import", "config", "old/binary.yaml"]);
    assert!(why.contains("cannot read old/binary.yaml"), "{why}");
}

#[test]
fn a_configuration_that_is_broken_does_not_keep_the_old_one_from_being_read() {
    let place = Place::new();
    of_2x(&place, VERSION_1);
    place.configure("nonsense = 1\n");
    succeeds(&place, &["import", "config", "old/flamenco-manager.yaml"]);
}
