//! A farm of Flamenco 3 comes over: what is in its file is in the Manager afterwards, what cannot be is told, and neither an old
//! nor a damaged nor a hostile file does any harm.

use std::{collections::BTreeMap, fs, path::PathBuf};

use flamenco_manager::{
    clock::{Clock, SystemClock},
    import::flamenco3::Source,
    simulate::client::{Client, Credentials},
};
use http::{Method, StatusCode};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    faults::{
        commands::{fails, json, succeeds},
        process::{Place, Running, Said},
    },
    kit::{Schema, flamenco3, sleeping},
};

/// Two workers, one of which was deleted; jobs of every kind; tasks in every status.
fn farm(schema: Schema) -> (Place, Connection) {
    let place = Place::new();
    let file = flamenco3(&place.path("f3.sqlite"), schema);
    let secret = bcrypt::hash("the-old-secret", 4).unwrap();
    // As three generations of drivers wrote times.
    let (zone, zulu, go) = (
        "2023-04-05 06:07:08.5+02:00",
        "2023-04-05T04:07:08Z",
        "2023-04-05 04:07:08.923456789 +0000 UTC m=+1.2",
    );
    file.execute_batch(&format!(
        "INSERT INTO worker_tags (id, uuid, name, description) VALUES
           (1, 'tag-1', 'gpu', 'those upstairs'), (2, 'tag-2', 'fast', ''), (3, 'tag-3', 'nobody', '');
         INSERT INTO workers (id, created_at, deleted_at, uuid, secret, name, address, platform, software, status, last_seen_at,
                              supported_task_types, status_requested) VALUES
           (1, '{zone}', NULL, 'worker-1', '{secret}', 'ada', '10.0.0.1', 'Linux', '3.4', 'awake', '{go}', 'blender,ffmpeg,misc',
            'asleep'),
           (2, '{zone}', '{go}', 'worker-2', '{secret}', 'gone', '10.0.0.2', 'linux', '3.4', 'offline', NULL, 'blender', '');
         INSERT INTO worker_tag_membership VALUES (1, 1), (2, 1);
         INSERT INTO sleep_schedules (worker_id, is_active, days_of_week, start_time, end_time)
           VALUES (1, 1, 'mo we', '18:30', '08:00');
         INSERT INTO jobs (id, created_at, updated_at, uuid, name, job_type, priority, status, settings, metadata, worker_tag_id)
           VALUES
           (1, '{zulu}', '{go}', 'job-1', 'Shot 1', 'simple-blender-render', 60, 'active', '{{\"fps\": 24}}',
            '{{\"project\": \"Sprite\"}}', NULL),
           (2, '{zulu}', NULL, 'job-2', 'Waits', 'echo-sleep-test', 50, 'paused', '{{}}', 'null', 1),
           (3, '{zulu}', NULL, 'job-3', 'Done', 'echo-sleep-test', 50, 'completed', '{{}}', '{{}}', NULL),
           (4, '{zulu}', NULL, 'job-4', 'Strange', 'custom', 40, 'queued', '{{}}', '{{}}', NULL),
           (5, '{zulu}', NULL, 'job-5', 'Stopped', 'custom', 40, 'canceled', '{{}}', '{{}}', NULL);
         INSERT INTO tasks (id, created_at, updated_at, uuid, name, type, job_id, priority, status, worker_id, last_touched_at,
                            commands, activity) VALUES
           (1, '{zulu}', '{go}', 'task-1', 'first', 'misc', 1, 50, 'active', 1, '{go}', '{one}', 'at it'),
           (2, '{zulu}', NULL, 'task-2', 'second', 'misc', 1, 50, 'queued', NULL, NULL, '{two}', ''),
           (3, '{zulu}', NULL, 'task-3', 'tried', 'misc', 1, 50, 'soft-failed', 1, NULL, '{one}', 'oh no'),
           (4, '{zulu}', NULL, 'task-4', 'held', 'misc', 2, 50, 'paused', NULL, NULL, '{one}', ''),
           (5, '{zulu}', NULL, 'task-5', 'done', 'misc', 3, 50, 'completed', 1, '{go}', '{one}', ''),
           (6, '{zulu}', NULL, 'task-6', 'makes folders', 'file-management', 4, 50, 'queued', NULL, NULL,
            '[{{\"name\": \"make-directory\", \"parameters\": {{\"path\": \"{{jobs}}/x\"}}}}]', ''),
           (7, '{zulu}', NULL, 'task-7', 'stopped', 'misc', 5, 50, 'canceled', NULL, NULL, '{one}', '');
         INSERT INTO task_dependencies VALUES (2, 1);
         INSERT INTO task_failures VALUES ('{go}', 3, 1), ('{zulu}', 3, 2);
         INSERT INTO job_blocks (id, created_at, job_id, worker_id, task_type) VALUES (1, '{now}', 1, 1, 'blender');
         INSERT INTO last_rendereds (id, job_id) VALUES (1, 1);",
        one = sleeping(1),
        two = sleeping(2),
        now = SystemClock.now(),
    ))
    .unwrap();
    (place, file)
}

/// The same, with nobody who holds the file open.
fn left_farm(schema: Schema) -> Place {
    let (place, file) = farm(schema);
    file.close().unwrap();
    place
}

fn import(place: &Place, more: &[&str]) -> Said {
    place.run(&[&["--json", "import", "flamenco3", "f3.sqlite"], more].concat())
}

/// The jobs, by their names.
async fn jobs(manager: &Running) -> BTreeMap<String, Value> {
    let list = manager.get("/api/jobs?limit=100").await;
    let jobs = list["jobs"].as_array().unwrap().iter();
    jobs.map(|job| (job["name"].as_str().unwrap().to_owned(), job.clone())).collect()
}

async fn tasks(manager: &Running, job: &Value) -> Vec<Value> {
    let list = manager.get(&format!("/api/jobs/{}/tasks", job["_id"].as_str().unwrap())).await;
    let mut tasks = Vec::new();
    for task in list["tasks"].as_array().unwrap() {
        tasks.push(manager.get(&format!("/api/tasks/{}", task["_id"].as_str().unwrap())).await);
    }
    tasks
}

#[tokio::test]
async fn a_farm_of_every_version_comes_over() {
    for schema in [Schema::First, Schema::Latest] {
        let place = left_farm(schema);
        let said = import(&place, &[]);
        assert_eq!(said.code, Some(0), "{schema:?}: {}", said.stderr);
        let report = json(&said.stdout);
        let counts = |read: u64| json!({"read": read, "imported": read, "skipped": 0});
        assert_eq!(
            report["collections"],
            json!({"workers": counts(1), "jobs": counts(5), "tasks": counts(7), "job_blocks": counts(1)})
        );
        assert_eq!(report["not_ours"], json!({"last_rendereds": 1, "workers that were deleted there": 1}));
        for told in [
            "1 worker is known now, but those of Flamenco 3 speak another protocol",
            "1 task is kept, and never handed out, because no worker of 2.x knows",
            "1 task is in the queue again",
            "some commands use {jobs}",
            "what Flamenco 3 keeps outside of this file stays there: the logs of tasks",
            "1 worker is not asked any more for another status",
            "1 tag is left out: neither a worker nor a job has such a tag",
            "1 tag description is left out",
        ] {
            assert!(said.stderr.contains(&format!("note: {told}")), "{told} is not in {}", said.stderr);
            let is_it = |remark: &Value| remark.as_str().unwrap().starts_with(told);
            assert!(report["remarks"].as_array().unwrap().iter().any(is_it), "{told} is not in {report}");
        }
        assert_eq!(report["remarks"].as_array().unwrap().len(), 8, "{report}");
        assert!(succeeds(&place, &["check"]).contains("flamenco-manager.redb is in order"));

        let manager = place.start();
        its_jobs_and_tasks_are_there(&manager).await;
        its_worker_and_its_blocklist_are_there(&manager).await;
        manager.stop();
    }
}

async fn its_jobs_and_tasks_are_there(manager: &Running) {
    let jobs = jobs(manager).await;
    let stand: Vec<_> =
        jobs.iter().map(|(name, job)| (name.as_str(), job["status"].as_str().unwrap())).collect();
    assert_eq!(
        stand,
        [
            ("Done", "completed"),
            ("Shot 1", "active"),
            ("Stopped", "canceled"),
            ("Strange", "queued"),
            ("Waits", "paused")
        ]
    );
    let shot = manager.get(&format!("/api/jobs/{}", jobs["Shot 1"]["_id"].as_str().unwrap())).await;
    assert_eq!((&shot["priority"], &shot["job_type"]), (&json!(60), &json!("simple-blender-render")));
    assert_eq!(shot["settings"], json!({"fps": 24}));
    assert_eq!(shot["metadata"], json!({"project": "Sprite", "flamenco3_uuid": "job-1"}));

    let of_shot = tasks(manager, &shot).await;
    let names: Vec<_> = of_shot.iter().map(|task| task["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["first", "second", "tried"]);
    let [first, second, tried] = &of_shot[..] else { panic!("{of_shot:?}") };
    assert_eq!((&first["status"], &first["task_type"]), (&json!("queued"), &json!("sleep")));
    assert_eq!(first["commands"], json!([{"name": "sleep", "settings": {"time_in_seconds": 1}}]));
    assert_eq!((&first["worker"], &first["activity"]), (&json!("10.0.0.1 (ada)"), &json!("at it")));
    assert_eq!(first["extra"], json!({"uuid": "task-1", "type": "misc"}));
    assert_eq!(second["parents"], json!([first["_id"]]));
    assert_eq!(tried["status"], "soft-failed");
    let failed_by: Vec<_> =
        tried["failed_by_workers"].as_array().unwrap().iter().map(|by| &by["identifier"]).collect();
    assert_eq!(failed_by, ["10.0.0.2 (gone)", "10.0.0.1 (ada)"], "in the order in which they failed it");
    let strange = tasks(manager, &jobs["Strange"]).await;
    assert_eq!(strange[0]["task_type"], "flamenco3-file-management");
    assert_eq!(jobs["Waits"]["worker_tags"], json!(["gpu"]));
}

async fn its_worker_and_its_blocklist_are_there(manager: &Running) {
    let workers = manager.get("/api/workers").await;
    let [ada] = &workers["workers"].as_array().unwrap()[..] else { panic!("{workers}") };
    assert_eq!(
        (&ada["nickname"], &ada["status"], &ada["platform"]),
        (&json!("ada"), &json!("offline"), &json!("linux"))
    );
    assert_eq!(ada["tags"], json!(["fast", "gpu"]));
    assert_eq!(ada["supported_task_types"], json!([]));
    assert_eq!(
        ada["sleep_schedule"],
        json!({"schedule_active": true, "days_of_week": "mo we", "time_start": "18:30", "time_end": "08:00"})
    );
    let blacklist = manager.get("/api/blacklist").await;
    let [line] = &blacklist["blacklist"].as_array().unwrap()[..] else { panic!("{blacklist}") };
    assert_eq!((&line["worker_id"], &line["task_type"]), (&ada["_id"], &json!("blender-render")));
    assert_eq!(line["job_id"], jobs(manager).await["Shot 1"]["_id"]);
}

#[tokio::test]
async fn a_worker_of_2x_does_what_it_can_and_is_never_given_the_rest() {
    let place = left_farm(Schema::Latest);
    assert_eq!(import(&place, &[]).code, Some(0));
    let manager = place.start();
    let mut client = Client::new(&manager.url()).unwrap();
    let new = json!({"secret": "x".repeat(64), "platform": "linux", "nickname": "new",
        "supported_task_types": ["sleep", "blender-render", "file-management", "exr-merge", "video-encoding", "misc"]});
    let (_, worker) = manager.call(Method::POST, "/register-worker", Some(&new)).await;
    let basic = Credentials::basic(worker["_id"].as_str().unwrap(), &"x".repeat(64));
    let mut given = Vec::new();
    loop {
        let (status, body) = client.request(Method::POST, "/task", Some(&basic), None).await.unwrap();
        if status == StatusCode::NO_CONTENT {
            break;
        }
        assert_eq!(status, StatusCode::OK);
        let task: Value = serde_json::from_slice(&body).unwrap();
        given.push(task["name"].as_str().unwrap().to_owned());
        let done = json!({"task_status": "completed"}).to_string();
        let path = format!("/tasks/{}/update", task["_id"].as_str().unwrap());
        client.request(Method::POST, &path, Some(&basic), Some(done.into())).await.unwrap();
    }
    assert_eq!(given, ["first", "second", "tried"]);
    assert_eq!(jobs(&manager).await["Shot 1"]["status"], "completed");

    // One that is configured with its old secret, and the ID that it has here, finds what was known of it.
    let workers = manager.get("/api/workers").await;
    let all = workers["workers"].as_array().unwrap();
    let ada = all.iter().find(|worker| worker["nickname"] == "ada").unwrap()["_id"].as_str().unwrap();
    let basic = Credentials::basic(ada, "the-old-secret");
    let says = json!({"supported_task_types": ["sleep"]}).to_string();
    let (status, _) =
        client.request(Method::POST, "/sign-on", Some(&basic), Some(says.into())).await.unwrap();
    assert_eq!(status, StatusCode::NO_CONTENT);
    let ada = manager.get(&format!("/api/workers/{ada}")).await;
    assert_eq!((&ada["tags"], &ada["supported_task_types"]), (&json!(["fast", "gpu"]), &json!(["sleep"])));
    manager.stop();
}

#[test]
fn a_dry_run_says_the_same_and_does_nothing() {
    let place = left_farm(Schema::Latest);
    let dry = import(&place, &["--dry-run"]);
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    assert!(!place.database().exists());
    assert_eq!(import(&place, &[]).stdout, dry.stdout);
}

#[test]
fn a_second_import_makes_the_same_ids_and_overwrites_nothing() {
    let place = left_farm(Schema::Latest);
    assert_eq!(import(&place, &[]).code, Some(0));
    assert!(import(&place, &[]).stderr.contains("the database is not empty"));
    let again = json(&import(&place, &["--merge", "--allow-skips"]).stdout);
    for table in ["workers", "jobs", "tasks", "job_blocks"] {
        assert_eq!(again["collections"][table]["imported"], 0, "{again}");
    }
    let reason = again["skipped"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("the database has it already"), "{reason}");
}

#[test]
fn what_flamenco_3_has_not_yet_written_into_its_file_is_read_too() {
    let (place, file) = farm(Schema::Latest);
    file.pragma_update(None, "journal_mode", "WAL").unwrap();
    file.execute("UPDATE jobs SET name = 'renamed at last' WHERE id = 1", []).unwrap();
    let files = || -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(place.path(".")).unwrap().map(|entry| entry.unwrap().path());
        entries
            .filter(|path| path.to_str().unwrap().contains("f3.sqlite"))
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    };
    let before = files();
    assert!(before.len() > 1, "there is a log");
    let said = import(&place, &[]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stderr.contains("there is a log of changes beside the file"), "{}", said.stderr);
    assert_eq!(files(), before, "nothing was changed");
    assert!(succeeds(&place, &["--json", "check"]).contains("in order"));
    drop(file);
}

#[test]
fn rows_that_make_no_sense_are_skipped_with_their_reasons() {
    let (place, file) = farm(Schema::First);
    let costly = bcrypt::hash("costly", 4).unwrap().replacen("$04$", "$31$", 1);
    file.execute_batch(&format!(
        "INSERT INTO workers (id, uuid, secret) VALUES (40, 'worker-40', 'plain'), (41, 'worker-41', '{costly}');"
    ))
    .unwrap();
    file.execute_batch(
        "INSERT INTO jobs (id, uuid, name, status, settings, metadata) VALUES
           (10, NULL, 'nobody', 'queued', '{}', '{}'),
           (11, 'job-11', 'odd', 'dancing', '{}', '{}'),
           (12, 'job-12', 'broken', 'queued', '[1', '{}');
         INSERT INTO tasks (id, uuid, job_id, status, commands) VALUES
           (20, 'task-20', 99, 'queued', '[]'),
           (21, 'task-21', 1, 'sleepy', '[]'),
           (22, 'task-22', 1, 'queued', x'00ff'),
           (23, 'task-23', 1, 'queued', '{}');
         INSERT INTO job_blocks (id, job_id, worker_id, task_type) VALUES (30, 99, 1, 'misc');",
    )
    .unwrap();
    file.close().unwrap();
    let said = import(&place, &[]);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(!place.database().exists(), "nothing is put in place");
    let skipped = json(&said.stdout)["skipped"].clone();
    let reasons: Vec<_> = skipped
        .as_array()
        .unwrap()
        .iter()
        .map(|skip| {
            format!(
                "{} {}: {}",
                skip["collection"].as_str().unwrap(),
                skip["id"].as_str().unwrap(),
                skip["reason"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        reasons,
        [
            "workers worker-40: its secret is no bcrypt hash",
            "workers worker-41: its secret is a hash of the cost 31, which is too much",
            "jobs row 10: it has no UUID",
            "jobs job-11: \"dancing\" is no status of a job",
            "jobs job-12: its settings are no JSON object",
            "tasks task-20: its job is not in the file",
            "tasks task-21: \"sleepy\" is no status of a task",
            "tasks task-22: its commands are no JSON: expected value at line 1 column 1",
            "tasks task-23: its commands are no list",
            "job_blocks row 30: its job or its worker is not in the file",
        ]
    );
    let said = import(&place, &["--allow-skips"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert_eq!(json(&said.stdout)["collections"]["tasks"], json!({"read": 11, "imported": 7, "skipped": 4}));
    assert!(succeeds(&place, &["check"]).contains("is in order"));
}

#[test]
fn what_no_known_version_has_is_told() {
    let (place, file) = farm(Schema::Latest);
    file.execute_batch(
        "ALTER TABLE jobs ADD COLUMN mood text; CREATE TABLE comments (id integer PRIMARY KEY, text text);",
    )
    .unwrap();
    file.close().unwrap();
    let report = json(&import(&place, &[]).stdout);
    let told =
        "the file has tables or columns that are not known here, and were not read: comments, jobs.mood";
    assert!(report["remarks"].as_array().unwrap().contains(&json!(told)), "{report}");
}

#[test]
fn other_files_are_refused_with_what_is_wrong() {
    let place = Place::new();
    let refused = |what: &str| {
        let why = fails(&place, &["import", "flamenco3", "f3.sqlite"]);
        assert!(why.contains("f3.sqlite: ") && why.contains(what), "{why}");
        assert!(!place.database().exists());
        fs::remove_file(place.path("f3.sqlite")).ok();
    };
    refused("cannot be read: ");
    fs::write(place.path("f3.sqlite"), "this is a text, and a rather long one at that ".repeat(100)).unwrap();
    refused("this is no database of Flamenco 3, or it is damaged");
    fs::write(place.path("f3.sqlite"), "").unwrap();
    refused("this is no database of Flamenco 3: it has no table workers");
    let make = |sql: &str| Connection::open(place.path("f3.sqlite")).unwrap().execute_batch(sql).unwrap();
    make("CREATE TABLE workers (id integer PRIMARY KEY, name text)");
    refused("its table workers has no column created_at");
    // What looks like a table and is a program is not run.
    let endless = "CREATE TABLE x (id integer);
        CREATE VIEW workers AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT * FROM n;";
    make(endless);
    refused("it has no table workers");
}

#[test]
fn no_damage_makes_it_panic_or_hang() {
    let place = left_farm(Schema::First);
    let whole = fs::read(place.path("f3.sqlite")).unwrap();
    let path = place.path("damaged.sqlite");
    let mut read_to_the_end = 0;
    for round in 0..200_usize {
        let mut bytes = whole.clone();
        // Different places and values each time, and the same ones each time this runs.
        for hit in 0..=round % 7 {
            let at = (round * 7919 + hit * 104_729) % bytes.len();
            bytes[at] = bytes[at].wrapping_add(u8::try_from((round * 31 + hit) % 255 + 1).unwrap());
        }
        if round % 5 == 0 {
            bytes.truncate(bytes.len() * (round % 97) / 97);
        }
        fs::write(&path, &bytes).unwrap();
        let Ok(source) = Source::open(&path, SystemClock.now()) else { continue };
        let found: Vec<_> = source.take(10_000).collect();
        assert!(found.len() < 10_000);
        read_to_the_end += usize::from(found.iter().all(Result::is_ok));
    }
    assert!(read_to_the_end > 0, "damage to a text is none to the file");
}
