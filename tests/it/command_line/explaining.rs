//! `job explain`, `task explain` and `worker explain`: why something is not running.

use flamenco_manager::simulate::worker::Asked;

use super::{at_a_known_port, fails, json, succeeds};

#[tokio::test]
async fn what_is_not_running_is_explained_with_what_to_do() {
    let place = at_a_known_port();
    let manager = place.start();
    let job = manager.submit(2).await;
    let id = job.as_str();
    let nobody = "no worker is registered; start one with the address of this Manager";
    let said = succeeds(&place, &["job", "explain", id]);
    assert!(said.starts_with(&format!("queued: {nobody}\n2 ")), "{said}");
    assert!(said.ends_with(" tasks: 0 of 0 workers get one now\n"), "{said}");

    let mut worker = manager.worker().await;
    worker.sign_on().await.unwrap();
    let workers = json(&succeeds(&place, &["--json", "worker", "list"]));
    let nickname = workers["workers"][0]["nickname"].as_str().unwrap();
    let said = succeeds(&place, &["job", "explain", id]);
    assert!(said.contains(&format!("\n  {nickname} has signed on and not asked for a task yet\n")), "{said}");
    let Asked::Task(task) = worker.ask_task().await.unwrap() else { panic!("a task was expected") };
    let task = task["_id"].as_str().unwrap();
    assert_eq!(succeeds(&place, &["task", "explain", task]), "active: a worker has it already\n");
    let said = succeeds(&place, &["worker", "explain", nickname]);
    assert!(said.starts_with("awake: it has a task already\n1 "), "{said}");
    assert!(said.ends_with(":\n  it may have them\n"), "{said}");

    succeeds(&place, &["job", "pause", id]);
    let said = succeeds(&place, &["job", "explain", id]);
    let paused =
        "paused: workers have 1 of its tasks; nothing else is handed out: the job is paused; resume it\n";
    assert!(said.starts_with(paused), "{said}");
    assert_eq!(json(&succeeds(&place, &["--json", "job", "explain", id]))["conditions"][0]["code"], "paused");
    assert!(fails(&place, &["worker", "explain", "nobody"]).contains("nobody"));
    manager.stop();
}
