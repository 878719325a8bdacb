//! A full disk, for real: database and logs on a file system of a few MiB that is filled up.

use std::{fs, path::PathBuf, process::Command};

use http::{Method, StatusCode};

use super::process::{BINARY, Place, Running, eventually, new_job};

/// The file system that only the Manager sees, below its folder.
const SMALL_DISK: &str = "small-disk";

/// A Manager whose database and logs are on a file system of this many MiB; none if this machine forbids that.
fn start_on_small_disk(place: &Place, mebibytes: u32) -> Option<Running> {
    fs::create_dir_all(place.path(SMALL_DISK)).unwrap();
    let mount = format!("mount -t tmpfs -o size={mebibytes}m tmpfs {SMALL_DISK}");
    let mut attempt = Command::new("unshare");
    attempt.args(["-m", "sh", "-c", &mount]);
    if !place.at_home(attempt).output().is_ok_and(|output| output.status.success()) {
        println!("skipped: file systems cannot be mounted here");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &format!("{mount} && exec \"$0\" --json serve"), BINARY]);
    Some(Running::start(place.at_home(command)))
}

/// A file on the small disk, as it is reached from outside.
fn on_small_disk(manager: &Running, place: &Place, name: &str) -> PathBuf {
    let inside = place.path(SMALL_DISK).join(name);
    PathBuf::from(format!("/proc/{}/root{}", manager.id(), inside.display()))
}

#[tokio::test]
async fn a_full_disk_is_a_clear_error_and_work_goes_on_when_there_is_room() {
    let place = Place::configured(&format!(
        "database_path = \"{SMALL_DISK}/farm.redb\"\ntask_logs_path = \"{SMALL_DISK}/task-logs\"\nmin_free_space = \"0 MB\""
    ));
    let Some(manager) = start_on_small_disk(&place, 12) else { return };
    let mut jobs = vec![manager.submit(20).await];
    let filler = on_small_disk(&manager, &place, "filler");
    // It takes what room is left, and then says that there is none.
    fs::write(&filler, vec![1; 12 << 20]).unwrap_err();

    let refused = eventually("the disk is full", async || {
        let (status, answer) = manager.call(Method::POST, "/api/jobs", Some(&new_job(200))).await;
        if status == StatusCode::CREATED {
            jobs.push(answer["_id"].as_str().unwrap().to_owned());
            return None;
        }
        Some((status, answer))
    })
    .await;
    assert_eq!(refused.0, StatusCode::INTERNAL_SERVER_ERROR, "{}", refused.1);
    assert!(manager.log().contains("is the disk full?"), "{}", manager.log());
    for job in &jobs {
        manager.get(&format!("/api/jobs/{job}")).await;
    }
    assert_eq!(manager.get("/api/jobs").await["total"], jobs.len());
    let (status, health) = manager.call(Method::GET, "/api/health", None).await;
    assert!(status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::OK, "{status} {health}");

    fs::remove_file(&filler).unwrap();
    let job = eventually("there is room again", async || {
        let (status, answer) = manager.call(Method::POST, "/api/jobs", Some(&new_job(200))).await;
        (status == StatusCode::CREATED).then(|| answer["_id"].as_str().unwrap().to_owned())
    })
    .await;
    jobs.push(job);
    assert_eq!(manager.get("/api/jobs").await["total"], jobs.len());
    manager.stop();
}
