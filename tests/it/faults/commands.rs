//! The command line of the real binary: what it answers, on which stream, and with which exit code.

use std::collections::BTreeMap;

use flamenco_manager::{
    domain::{ids::TaskId, task::Progress, task_update::TaskUpdate, variables::this_platform},
    store::{Store, StoreError, WriteTx},
};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::process::{Place, Said, free_port, new_job};

pub fn succeeds(place: &Place, arguments: &[&str]) -> String {
    let said = place.run(arguments);
    assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.stderr);
    said.stdout
}

/// Fails with nothing on stdout; returns what stderr says.
pub fn fails(place: &Place, arguments: &[&str]) -> String {
    let Said { code, stdout, stderr } = place.run(arguments);
    assert_eq!(code, Some(1), "{arguments:?}: {stdout}{stderr}");
    assert_eq!(stdout, "", "{arguments:?}");
    stderr
}

pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A Manager at a port that the configuration names, so that the commands find it.
pub fn at_a_known_port() -> Place {
    Place::listening(&format!("127.0.0.1:{}", free_port()), "")
}

#[test]
fn a_configuration_that_makes_no_sense_is_explained_by_file_line_and_key() {
    let place = Place::new();
    place.configure("mode = \"develop\"\n\nlistn = \":8080\"\n");
    let unknown = fails(&place, &["serve"]);
    assert!(
        unknown.starts_with("flamenco-manager: manager.toml:3: ") && unknown.contains("listn"),
        "{unknown}"
    );

    place.configure("mode = \"develop\"\nblacklist_threshold = 3\nactive_task_timeout_interval = 600\n");
    let bad = fails(&place, &["serve"]);
    assert!(bad.starts_with("flamenco-manager: manager.toml:3: "), "{bad}");
    assert!(bad.contains("active_task_timeout_interval") && bad.contains("600"), "{bad}");

    for command in [["job", "list"], ["worker", "list"], ["cleanslate", "--yes"], ["purgequeue", "--yes"]] {
        assert_eq!(fails(&place, &command), bad);
    }
    let said = place.run(&["check"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("BAD  configuration: manager.toml:3: "), "{}", said.stdout);
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let why = fails(&Place::new(), &["--config", "nowhere.toml", "serve"]);
    assert!(why.starts_with("flamenco-manager: cannot read the configuration nowhere.toml: "), "{why}");
    assert!(why.ends_with("; is the path after --config right?\n"), "{why}");
}

#[test]
fn what_keeps_the_manager_from_starting_is_said_with_what_to_do() {
    let somebody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = somebody.local_addr().unwrap().to_string();
    for (address, lines, advice) in [
        (
            taken.as_str(),
            "",
            "another program uses this port, perhaps another Manager: end it, or set `listen` to",
        ),
        ("192.0.2.1:8080", "", "this machine has no such address: set `listen` to one that it has"),
        (
            "127.0.0.1:0",
            "database_path = \"nowhere/farm.redb\"",
            "make the folder, or set another `database_path`",
        ),
    ] {
        let why = fails(&Place::listening(address, lines), &["serve"]);
        let why = why.lines().last().unwrap();
        assert!(why.starts_with("flamenco-manager: ") && why.contains(advice), "{why}");
    }
}

#[test]
fn check_finds_a_good_place_good_and_names_what_is_bad() {
    let place = Place::new();
    let good = succeeds(&place, &["check"]);
    assert_eq!(good.lines().filter(|line| line.starts_with("ok   ")).count(), 5, "{good}");
    assert!(good.contains("\n\nNothing is wrong, and "), "{good}");
    assert!(good.contains("NOTE blender: see to it that workers have Blender at "), "{good}");
    assert!(good.contains("C:/blender/blender.exe (windows)"), "{good}");
    assert!(good.contains("TODO network: it listens on this machine alone"), "{good}");
    assert!(good.contains("backups: backups is not there yet"), "{good}");
    place.start().stop();
    assert!(succeeds(&place, &["check"]).contains("flamenco-manager.redb is in order"));
    for line in succeeds(&place, &["--json", "check"]).lines() {
        assert_eq!(json(line)["good"], true, "{line}");
    }

    for folder in ["task-logs", "backups"] {
        let _may_not_be_there = std::fs::remove_dir_all(place.path(folder));
        std::fs::write(place.path(folder), "").unwrap();
    }
    let said = place.run(&["check"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("BAD  task logs: cannot write"), "{}", said.stdout);
    assert!(said.stdout.contains("BAD  backups: backups cannot be written: "), "{}", said.stdout);

    place.configure("database_path = \"/proc/flamenco-manager.redb\"\n");
    let said = place.run(&["check"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.stdout.contains("BAD  database: /proc/flamenco-manager.redb: the folder"),
        "{}",
        said.stdout
    );
}

#[test]
fn check_says_what_is_left_to_do() {
    let place = Place::new();
    let variable = |folder: &str| {
        format!(
            "direction = \"twoway\"\nvalues = [{{ platform = \"{}\", value = \"{folder}\" }}]\n",
            this_platform()
        )
    };
    let render = place.path("render");
    let (there, absent) = (variable(render.to_str().unwrap()), variable("/no/such/storage"));
    place.configure(&format!(
        "listen = \":8123\"\n[variables.render]\n{there}[variables.job_storage]\n{absent}"
    ));
    std::fs::create_dir(&render).unwrap();
    let said = succeeds(&place, &["check"]);
    assert!(said.contains(&format!("ok   render: {} is there\n", render.display())), "{said}");
    let storage = "TODO job_storage: /no/such/storage is not there: mount the shared storage there, or say under [variables.job_storage]";
    assert!(said.contains(storage), "{said}");
    assert!(
        said.contains(
            "NOTE network: if this machine has a firewall, let through TCP port 8123, UDP port 1900"
        ),
        "{said}"
    );
    let said = succeeds(&place, &["--json", "check"]);
    let findings: Vec<_> = said.lines().map(json).collect();
    let are = |verdict: &str| findings.iter().filter(|finding| finding["verdict"] == verdict).count();
    assert_eq!((are("bad"), are("to-do"), are("note")), (0, 1, 3), "{said}");
}

#[test]
fn a_proxy_for_the_web_is_not_asked_for_the_manager() {
    let place = at_a_known_port();
    let manager = place.start();
    let output = place.command(&["worker", "list"]).env("http_proxy", "http://127.0.0.1:9").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    manager.stop();
}

#[test]
fn the_flags_of_2_x_are_understood() {
    let place = Place::new();
    let version = succeeds(&place, &["-version"]);
    assert_eq!(version, format!("flamenco-manager {}\n", env!("CARGO_PKG_VERSION")));
    place.start().stop();
    let said = place.run(&["-quiet", "-cleanslate"]);
    assert_eq!(said.code, Some(1), "nobody has said yes");
    assert!(said.stdout.starts_with("This erases 0 tasks."), "{}", said.stdout);
    assert_eq!(said.stderr, "flamenco-manager: nothing was erased\n");
}

#[tokio::test]
async fn quiet_is_quiet_and_json_is_one_object_a_line() {
    let place = Place::new();
    let quiet = place.command(&["-quiet", "-json", "check"]).output().unwrap();
    assert!(quiet.stderr.is_empty());
    let log = place.start().stop();
    assert!(log.lines().count() > 2);
    log.lines().for_each(|line| assert!(json(line)["level"].is_string(), "{line}"));
}

#[test]
fn wrong_usage_ends_with_2_and_help_on_stderr() {
    let place = Place::new();
    for arguments in
        [&["dance"][..], &["--colour"], &["job"], &["job", "show", "12"], &["serve", "now"], &["-cleanslat"]]
    {
        let said = place.run(arguments);
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(said.stderr.contains("--help"), "{arguments:?}: {}", said.stderr);
    }
    assert!(succeeds(&place, &["--help"]).contains("Exit codes: 0 done"));
}

#[tokio::test]
async fn tasks_are_erased_with_and_without_a_running_manager() {
    let place = at_a_known_port();
    let why = fails(&place, &["cleanslate", "--yes"]);
    assert!(why.contains("there is no database, so there is nothing to erase"), "{why}");

    let manager = place.start();
    manager.submit(3).await;
    manager.submit(2).await;
    assert_eq!(succeeds(&place, &["cleanslate", "--yes"]), "5 tasks erased.\n");
    assert_eq!(manager.get("/as-json").await["nr_of_tasks"], 0);
    manager.submit(4).await;
    let said = place.run(&["cleanslate"]);
    assert!(said.stdout.starts_with("This erases 4 tasks."), "{}", said.stdout);
    manager.stop();

    assert_eq!(succeeds(&place, &["cleanslate", "--yes"]), "4 tasks erased.\n");
    assert_eq!(succeeds(&place, &["cleanslate", "--yes"]), "0 tasks erased.\n");
    assert!(succeeds(&place, &["check"]).contains("is in order"));
}

#[tokio::test]
async fn queued_updates_are_purged_with_and_without_a_running_manager() {
    let server = "flamenco = \"http://127.0.0.1:9/\"\nmanager_id = \"5c7d0000000000000000abc9\"\nmanager_secret = \"s\"";
    let place = Place::listening(&format!("127.0.0.1:{}", free_port()), server);
    queue_updates(&place, 3).await;
    let manager = place.start();
    assert_eq!(manager.get("/as-json").await["upstream_queue_size"], 3);
    assert_eq!(succeeds(&place, &["purgequeue", "--yes"]), "3 queued task updates erased.\n");
    assert_eq!(manager.get("/as-json").await["upstream_queue_size"], 0);
    manager.stop();

    queue_updates(&place, 2).await;
    let said = place.run(&["-purgequeue"]);
    let warning = "This erases 2 queued task updates. What they say is lost";
    assert!(said.stdout.starts_with(warning), "{}", said.stdout);
    assert_eq!(succeeds(&place, &["purgequeue", "--yes"]), "2 queued task updates erased.\n");
}

/// Something for the Server to hear, written to the file while no Manager runs on it.
async fn queue_updates(place: &Place, count: u8) {
    let store = Store::open(&place.database()).unwrap();
    let update = |number| TaskUpdate {
        id: [number; 12],
        task: TaskId([1; 12]),
        status: None,
        received: Timestamp::UNIX_EPOCH,
        activity: "at it".to_owned(),
        progress: Progress::default(),
        log_tail: String::new(),
        worker: String::new(),
        failed_by: Vec::new(),
        timing: BTreeMap::new(),
    };
    let write = move |tx: &mut WriteTx<'_>| (0..count).try_for_each(|number| tx.push_update(&update(number)));
    store.write::<_, StoreError, _>(Timestamp::UNIX_EPOCH, write).await.unwrap();
}

#[tokio::test]
async fn a_dry_run_shows_the_tasks_of_a_job_and_bad_settings_are_all_named() {
    let place = at_a_known_port();
    let manager = place.start();
    let job = |settings: &Value| {
        let job = json!({"name": "shot", "job_type": "blender-render", "settings": settings});
        std::fs::write(place.path("shot.json"), job.to_string()).unwrap();
    };
    job(
        &json!({"filepath": "/s/a.blend", "render_output": "/r/a/####", "format": "PNG", "frames": "1-50", "chunk_size": 10}),
    );
    let shown = succeeds(&place, &["job", "submit", "--dry-run", "shot.json"]);
    assert!(
        shown.contains("blender-render-1-10, blender-render-11-20, blender-render-21-30, 2 more"),
        "{shown}"
    );
    assert!(shown.ends_with("6 tasks; nothing was submitted.\n"), "{shown}");
    let plan = json(&succeeds(&place, &["--json", "job", "submit", "--dry-run", "shot.json"]));
    assert_eq!(plan["tasks"][5]["parents"], json!([0, 1, 2, 3, 4]));
    assert_eq!(manager.get("/api/jobs").await["total"], 0);

    job(&json!({"frames": "1-"}));
    let why = fails(&place, &["job", "submit", "shot.json"]);
    assert!(why.contains("filepath is missing") && why.contains("frames cannot be read"), "{why}");
    assert_eq!(manager.get("/api/jobs").await["total"], 0);
}

#[tokio::test]
async fn jobs_are_submitted_listed_and_shown() {
    let place = at_a_known_port();
    let manager = place.start();
    assert_eq!(succeeds(&place, &["job", "list"]), "There are no jobs.\n");

    std::fs::write(place.path("job.json"), new_job(2).to_string()).unwrap();
    let id = succeeds(&place, &["job", "submit", "job.json"]);
    let id = id.trim_end();
    assert_eq!(id.len(), 24, "the ID, alone, for scripts: {id}");
    let other = json(&succeeds(&place, &["--json", "job", "submit", "job.json"]));
    assert_eq!(other["tasks"]["total"], 2);

    let list = succeeds(&place, &["job", "list"]);
    assert_eq!(list.lines().count(), 3, "{list}");
    assert!(list.starts_with("ID ") && list.contains(id) && list.contains("0 of 2"), "{list}");
    let list = json(&succeeds(&place, &["--json", "job", "list"]));
    assert_eq!(list["jobs"][0]["_id"], other["_id"], "the newest is the first");
    assert_eq!(list["jobs"][1]["_id"], id);

    let shown = succeeds(&place, &["job", "show", id]);
    assert!(shown.contains("task 0") && shown.contains("task 1") && shown.contains("queued"), "{shown}");
    let shown = json(&succeeds(&place, &["job", "show", id, "--json"]));
    assert_eq!((&shown["job"]["name"], &shown["tasks"][1]["name"]), (&"a job".into(), &"task 1".into()));

    std::fs::write(place.path("job.json"), r#"{"name": "x", "tasks": []}"#).unwrap();
    let refused = fails(&place, &["job", "submit", "job.json"]);
    assert!(refused.starts_with("flamenco-manager: the Manager refused: "), "{refused}");
    assert!(fails(&place, &["job", "submit", "nowhere.json"]).contains("nowhere.json: it cannot be read"));
    assert!(fails(&place, &["job", "show", "5c7d0000000000000000abc9"]).contains("is not known"));
    manager.stop();
}

#[tokio::test]
async fn jobs_are_controlled() {
    let place = at_a_known_port();
    let manager = place.start();
    let id = manager.submit(2).await;
    let id = id.as_str();
    assert!(succeeds(&place, &["job", "pause", id]).contains("paused"));
    assert!(succeeds(&place, &["job", "resume", id]).contains("queued"));
    assert_eq!(json(&succeeds(&place, &["--json", "job", "priority", id, "-7"]))["priority"], -7);
    assert!(succeeds(&place, &["job", "cancel", id]).contains("canceled"));
    let refused = fails(&place, &["job", "pause", id]);
    assert!(refused.contains("a job that is canceled cannot be paused; it can be requeued"), "{refused}");
    assert_eq!(json(&succeeds(&place, &["--json", "job", "requeue", id, "--failed"]))["status"], "queued");

    let mut worker = manager.worker().await;
    worker.sign_on().await.unwrap();
    worker.ask_task().await.unwrap();
    assert!(fails(&place, &["job", "delete", id]).contains("use force"));
    assert_eq!(json(&succeeds(&place, &["--json", "job", "requeue", id]))["status"], "active");
    assert_eq!(succeeds(&place, &["job", "delete", "--force", id]), format!("Job {id} was deleted.\n"));
    assert_eq!(succeeds(&place, &["job", "list"]), "There are no jobs.\n");
    manager.stop();
}

#[tokio::test]
async fn workers_are_listed_and_shown() {
    let place = at_a_known_port();
    let manager = place.start();
    assert!(succeeds(&place, &["worker", "list"]).starts_with("There are no workers yet."));
    let worker = manager.worker().await;
    let list = succeeds(&place, &["worker", "list"]);
    assert!(list.contains(worker.id()) && list.contains("starting"), "{list}");
    let list = json(&succeeds(&place, &["worker", "list", "--json"]));
    assert_eq!(list["workers"][0]["_id"], worker.id());
    let shown = succeeds(&place, &["worker", "show", worker.id()]);
    assert!(shown.contains("Task types") && shown.contains("sleep"), "{shown}");
    let shown = json(&succeeds(&place, &["--json", "worker", "show", worker.id()]));
    assert_eq!(shown["nickname"], "worker");
    assert!(!shown.to_string().contains(worker.secret()));
    let elsewhere = Place::new();
    let list = succeeds(&elsewhere, &["worker", "list", "--manager", &manager.url()]);
    assert!(list.contains(worker.id()), "a Manager elsewhere is asked: {list}");
    manager.stop();
}

#[tokio::test]
async fn a_manager_that_cannot_be_reached_is_named_with_what_to_do() {
    let place = at_a_known_port();
    for command in [["job", "list"], ["worker", "list"]] {
        let why = fails(&place, &command);
        assert!(why.starts_with("flamenco-manager: no Manager answers at http://127.0.0.1:"), "{why}");
        assert!(
            why.contains("is it running? Start it with `flamenco-manager`") && why.lines().count() == 1,
            "{why}"
        );
    }
    let manager = place.start();
    assert_eq!(manager.call(Method::GET, "/api/version", None).await.0, 200);
    manager.kill();
    fails(&place, &["job", "list"]);
}

#[test]
fn the_demo_tells_its_story_to_the_end() {
    let place = Place::new();
    let said = place.run(&["demo"]);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("Sample film  completed: 58 tasks"), "{}", said.stdout);
    assert!(said.stdout.contains("Blacklisted  clumsy"), "{}", said.stdout);
    assert_eq!(said.stderr, "", "what is planned is no warning");
}
