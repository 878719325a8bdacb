//! Everything in the database comes out as lines that any program can read, from a running Manager and from the file.

use std::{collections::BTreeMap, fs};

use flamenco_manager::{domain::people::Role, export::Kind};
use http::Method;
use serde_json::{Value, json};

use crate::{
    faults::process::{Place, free_port},
    kit::{TestManager, TestWorker, behind, job, task, with},
};

/// A farm on which something of every kind has happened that can happen without a Server.
async fn busy_farm() -> (TestManager, TestWorker) {
    let m = TestManager::configured("blacklist_threshold = 1\njob_fail_percentage = 0").await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let metadata = json!({"metadata": {"by": "Zo\u{eb}"}});
    let shot = m.submit(&with(job([task("a"), behind("b", &["a"])]), &metadata)).await;
    bob.takes_and_fails(&shot["a"]).await;
    ada.takes(&shot["a"]).await;
    let report = json!({"log": "one", "activity": "at it", "metrics": {"timing": {"load": 1.5}}});
    ada.reports(&shot["a"], &report).await;
    ada.post_json("/output-produced", &json!({"paths": ["/render/1.png"]})).await.expect(204);
    m.request(&bob, "asleep").await;
    let key = [("idempotency-key", "once"), ("content-type", "application/json")];
    m.door.call(Method::POST, "/api/jobs", &key, job([task("c")]).to_string()).await.expect(201);
    m.services.create_token("ada", Role::Admin).await.unwrap();
    m.services.setting("name of the farm", || "studio".into()).await.unwrap();
    (m, ada)
}

/// What came, kind by kind.
fn by_kind(stream: &str) -> BTreeMap<String, Vec<Value>> {
    let mut lines = stream.lines();
    let head: Value = serde_json::from_str(lines.next().unwrap().strip_prefix('#').unwrap()).unwrap();
    let expected = json!({"format": 1, "program": env!("CARGO_PKG_VERSION"), "made": "2026-03-02T11:00:00Z"});
    assert_eq!(head, expected);
    let (mut kinds, mut kind) = (BTreeMap::new(), String::new());
    for line in lines.by_ref() {
        match line.strip_prefix('#') {
            Some("end") => break,
            Some(name) => {
                name.clone_into(&mut kind);
                kinds.insert(kind.clone(), Vec::new());
            }
            None => kinds.get_mut(&kind).unwrap().push(serde_json::from_str(line).unwrap()),
        }
    }
    assert_eq!(lines.next(), None);
    kinds
}

/// The one that has this in a field.
fn find<'a>(lines: &'a [Value], field: &str, value: &str) -> &'a Value {
    lines.iter().find(|line| line[field] == value).unwrap()
}

#[tokio::test]
async fn everything_is_there_as_it_is_now() {
    let (m, ada) = busy_farm().await;
    let answer = m.post("/api/export", &json!(null)).await.expect(200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let kinds = by_kind(answer.text());
    let names: Vec<_> = kinds.keys().map(String::as_str).collect();
    let mut expected = Kind::ALL.map(Kind::name);
    expected.sort_unstable();
    assert_eq!(names, expected);
    for (kind, count) in [
        ("workers", 2),
        ("jobs", 2),
        ("tasks", 3),
        ("task-histories", 1),
        ("blacklist", 1),
        ("events", 1),
        ("access-tokens", 1),
        ("minutes", 1),
        ("submissions", 1),
    ] {
        assert_eq!(kinds[kind].len(), count, "{kind}");
    }
    let of_ada = find(&kinds["workers"], "nickname", "ada");
    assert_eq!((&of_ada["_id"], &of_ada["last_activity"]), (&json!(ada.id), &json!(m.now())));
    assert!(of_ada["secret_hash"].as_str().unwrap().starts_with("$2b$"), "{of_ada}");
    let first = find(&kinds["tasks"], "name", "a");
    assert_eq!((&first["activity"], &first["metrics"]), (&json!("at it"), &json!({"timing": {"load": 1.5}})));
    assert_eq!(first["commands"], json!([{"name": "sleep", "settings": {"time_in_seconds": 1}}]));
    let shot = find(&kinds["jobs"], "status", "active");
    assert_eq!((&shot["wanted"], &shot["metadata"]), (&json!("run"), &json!({"by": "Zo\u{eb}"})));
    let history = kinds["task-histories"][0]["history"].as_array().unwrap();
    let whats: Vec<_> = history.iter().map(|entry| &entry["what"]).collect();
    assert_eq!(whats, ["assigned", "soft-failed", "assigned"]);
    assert!(kinds["settings"].contains(&json!({"name": "name of the farm", "value": "studio"})));
    let audit = m.get("/api/audit").await.expect(200).json();
    assert_eq!(audit["entries"][0]["action"], "export everything");
}

#[tokio::test]
async fn a_running_manager_and_its_file_give_the_same() {
    let place = Place::listening(&format!("127.0.0.1:{}", free_port()), "");
    let refused = |directory: &str, why: &str| {
        let said = place.run(&["export", directory]);
        assert!(said.code == Some(1) && said.stderr.contains(why), "{}", said.stderr);
    };
    refused("farm", "there is no database");
    let manager = place.start();
    manager.submit(200).await;
    refused("no/such/farm", "no/such/farm");
    let said = place.run(&["--json", "export", "running"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let manifest: Value = serde_json::from_str(&said.stdout).unwrap();
    let tasks = find(manifest["files"].as_array().unwrap(), "name", "tasks.jsonl");
    assert_eq!(tasks["lines"], 200);
    refused("running", "name another");
    manager.stop();
    let said = place.run(&["export", "stopped"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("tasks.jsonl 200"), "{}", said.stdout);
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Audit) {
        let of = |name: &str| fs::read_to_string(place.path(name).join(kind.file())).unwrap();
        assert!(of("running") == of("stopped"), "{kind:?}:\n{}\n{}", of("running"), of("stopped"));
    }
}
