//! Task logs: written by workers and the Manager, kept over several tries, read by people and scripts.

use std::{fs, io::Write, path::PathBuf};

use http::Method;
use jiff::ToSpan;
use serde_json::json;

use crate::kit::{Answer, Job, TestManager, TestWorker, job, task, with};

async fn with_task() -> (TestManager, TestWorker, Job) {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let shot = m.submit(&job([task("a")])).await;
    (m, ada, shot)
}

/// Where `interface.md` says that the log is.
fn path(m: &TestManager, shot: &Job, end: &str) -> PathBuf {
    let folder = format!("job-{}/{}", &shot.id[..4], shot.id);
    m.config.task_logs_path.join(folder).join(format!("task-{}.txt{end}", &shot["a"]))
}

fn put_log(m: &TestManager, shot: &Job, text: &str) {
    let path = path(m, shot, "");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

async fn read_as(m: &TestManager, shot: &Job, agent: &str) -> Answer {
    let path = format!("/logfile/{}/{}", shot.id, &shot["a"]);
    m.door.call(Method::GET, &path, &[("user-agent", agent)], "").await
}

#[tokio::test]
async fn what_workers_say_is_appended_where_it_always_was() {
    let (m, ada, shot) = with_task().await;
    ada.takes(&shot["a"]).await;
    ada.reports(&shot["a"], &json!({"log": "one"})).await;
    ada.reports(&shot["a"], &json!({"log": "two\nthree\n"})).await;
    let begin =
        format!("2026-03-02T11:00:00Z: Manager assigned task {} to worker 127.0.0.1 (ada)\n", &shot["a"]);
    assert_eq!(fs::read_to_string(path(&m, &shot, "")).unwrap(), begin + "one\ntwo\nthree\n");
}

#[tokio::test]
async fn each_try_has_a_log_of_its_own() {
    let (m, ada, shot) = with_task().await;
    for attempt in 1..=3 {
        ada.takes(&shot["a"]).await;
        ada.reports(&shot["a"], &json!({"log": format!("try {attempt}")})).await;
        ada.gives_back(&shot["a"]).await;
    }
    assert_eq!(
        m.log(&shot["a"]).await.lines().count(),
        3,
        "whoever asks for a log sees all that was noted before"
    );
    for (end, attempt) in [("", 3), (".1", 2), (".2", 1)] {
        let log = fs::read_to_string(path(&m, &shot, end)).unwrap();
        assert!(log.contains(&format!("\ntry {attempt}\n")), "{end}: {log}");
        assert_eq!(log.lines().count(), 3, "{end}: {log}");
    }
    assert!(!path(&m, &shot, ".3").exists());
}

#[tokio::test]
async fn a_short_log_is_shown_whole_to_everybody() {
    let (m, _ada, shot) = with_task().await;
    let text = "x".repeat(15 * 1024 - 2) + "\n";
    put_log(&m, &shot, &text);
    let answer = read_as(&m, &shot, "Firefox").await.expect(200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.text(), text);
}

#[tokio::test]
async fn a_long_log_is_shown_by_its_head_and_its_tail_but_whole_to_wget_and_curl() {
    let (m, _ada, shot) = with_task().await;
    let line = |number: usize| format!("{number:099}\n");
    let text: String = (0..1000).map(line).collect();
    put_log(&m, &shot, &text);
    for agent in ["Wget/1.21", "curl/8.5.0"] {
        assert_eq!(read_as(&m, &shot, agent).await.expect(200).text(), text);
    }
    let shown = read_as(&m, &shot, "Mozilla/5.0 (like curl/8)").await.expect(200);
    let tail: String = (898..1000).map(line).collect();
    let skipped = text.len() - 5 * 1024 - tail.len();
    let note =
        format!("...\n\n... Skipped {skipped} bytes, use Wget or curl to download the entire log ...\n\n");
    assert_eq!(shown.text(), text[..5 * 1024].to_owned() + &note + &tail);
}

#[tokio::test]
async fn a_compressed_log_comes_as_an_attachment_and_is_text_in_the_api() {
    let (m, _ada, shot) = with_task().await;
    put_log(&m, &shot, "");
    fs::remove_file(path(&m, &shot, "")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"one\ntwo\n").unwrap();
    let bytes = gzip.finish().unwrap();
    fs::write(path(&m, &shot, ".gz"), &bytes).unwrap();

    let answer = read_as(&m, &shot, "curl/8.5.0").await.expect(200);
    assert_eq!(answer.header("content-type"), "application/gzip");
    let name = format!("attachment; filename=\"task-{}.txt.gz\"", &shot["a"]);
    assert_eq!(answer.header("content-disposition"), name);
    assert_eq!(answer.body, bytes);
    assert_eq!(m.log(&shot["a"]).await, "one\ntwo\n");
    let tail = m.get(&format!("/api/tasks/{}/log?tail=1", &shot["a"])).await;
    assert_eq!(tail.expect(200).text(), "two\n");
}

#[tokio::test]
async fn without_a_log_there_is_nothing_to_show() {
    let (m, _ada, shot) = with_task().await;
    read_as(&m, &shot, "curl/8.5.0").await.expect(404).assert_line_of_text();
    assert_eq!(m.get(&format!("/api/tasks/{}/log", &shot["a"])).await.expect(404).error_code(), "not-found");
    m.get(&format!("/logfile/{}/{}", &shot["a"], shot.id)).await.expect(404);
}

#[tokio::test]
async fn only_ids_lead_to_logs() {
    let (m, _ada, shot) = with_task().await;
    put_log(&m, &shot, "text\n");
    fs::write(m.config.task_logs_path.join("secret.txt"), "secret").unwrap();
    for (job, task) in [
        ("x", &shot["a"]),
        (&*shot.id, "x"),
        ("..%2f..%2fsecret", &shot["a"]),
        (&*shot.id, "..%2fsecret"),
        (&format!("{}0", shot.id), &shot["a"]),
    ] {
        m.get(&format!("/logfile/{job}/{task}")).await.expect(404).assert_line_of_text();
    }
}

#[tokio::test]
async fn the_last_lines_can_be_had_alone() {
    let (m, _ada, shot) = with_task().await;
    put_log(&m, &shot, "one\ntwo\nthree\n");
    let tail = async |query: &str| m.get(&format!("/api/tasks/{}/log?{query}", &shot["a"])).await;
    assert_eq!(tail("tail=2").await.expect(200).text(), "two\nthree\n");
    assert_eq!(tail("tail=9").await.expect(200).text(), "one\ntwo\nthree\n");
    assert_eq!(tail("tail=0").await.expect(200).text(), "");
    for bad in ["tail=-1", "tail=x", "tial=2", "tail=1&tail=2"] {
        tail(bad).await.expect(400);
    }
    m.get("/api/tasks/x/log").await.expect(404);
    m.get(&format!("/api/tasks/{}/log", "0".repeat(24))).await.expect(404);
}

#[tokio::test]
async fn a_log_that_is_no_utf8_is_shown_all_the_same() {
    let (m, _ada, shot) = with_task().await;
    put_log(&m, &shot, "");
    fs::write(path(&m, &shot, ""), b"caf\xe9\n").unwrap();
    assert_eq!(read_as(&m, &shot, "curl/8").await.expect(200).body.as_ref(), b"caf\xe9\n");
}

#[tokio::test]
async fn a_log_is_searched_compressed_or_not() {
    let (m, _ada, shot) = with_task().await;
    let search = async |query: &str| m.get(&format!("/api/tasks/{}/log?{query}", &shot["a"])).await;
    search("search=x").await.expect(404);
    put_log(&m, &shot, "one\nTwo errors\nthree\nERROR <b>\n");
    let expected = json!({
        "matches": [{"line": 2, "text": "Two errors"}, {"line": 4, "text": "ERROR <b>"}], "truncated": false,
    });
    assert_eq!(search("search=error").await.expect(200).json(), expected);
    assert_eq!(search("search=four").await.expect(200).json(), json!({"matches": [], "truncated": false}));
    for bad in
        ["search=", "search=x&tail=2", "search=x&follow=true", "search=x&download=true", "download=maybe"]
    {
        search(bad).await.expect(400);
    }
    search(&format!("search={}", "x".repeat(1001))).await.expect(400);

    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all("x error\n".repeat(1001).as_bytes()).unwrap();
    fs::write(path(&m, &shot, ".gz"), gzip.finish().unwrap()).unwrap();
    fs::remove_file(path(&m, &shot, "")).unwrap();
    let found = search("search=ERR").await.expect(200).json();
    assert_eq!((found["matches"].as_array().unwrap().len(), &found["truncated"]), (1000, &json!(true)));
    assert_eq!(found["matches"][999], json!({"line": 1000, "text": "x error"}));
}

#[tokio::test]
async fn a_downloaded_log_says_which_job_and_task_it_is_of() {
    let m = TestManager::start().await;
    let name = "Shot 1/\"é\"";
    let shot = m.submit(&with(job([task("a:1")]), &json!({"name": name}))).await;
    let id = &shot["a:1"];
    m.get(&format!("/api/tasks/{id}/log?download=true")).await.expect(404);
    let ada = m.sleeper("ada").await;
    ada.takes(id).await;
    let log = m.get(&format!("/api/tasks/{id}/log?download=true")).await.expect(200);
    assert_eq!(log.header("content-type"), "text/plain; charset=utf-8");
    let expected = format!("attachment; filename=\"Shot_1____-a_1-{id}.txt\"");
    assert_eq!(log.header("content-disposition"), expected);
    assert_eq!(log.text(), m.log(id).await);
    assert_eq!(m.get(&format!("/api/tasks/{id}/log")).await.header("content-disposition"), "");
}

#[tokio::test]
async fn failures_are_shown_with_the_line_that_says_why() {
    let m = TestManager::configured("blacklist_threshold = 9\njob_fail_percentage = 0").await;
    let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
    let shot = m.submit(&job(["a", "b", "c", "d"].map(task))).await;
    let failures = async || m.get(&format!("/api/jobs/{}/failures", shot.id)).await.expect(200).json();
    assert_eq!(failures().await, json!({"failures": [], "total": 0}));
    for name in ["a", "b"] {
        m.advance(1.second());
        ada.takes(&shot[name]).await;
        let error = format!("2026-03-02T11:00:01.5+00:00: pid=7 > Error: cannot open {name}.blend");
        ada.reports(&shot[name], &json!({"log": format!("pid=7 > hello\n{error}\npid=7 > Blender quit")}))
            .await;
        ada.ends(&shot[name], "failed").await;
    }
    m.advance(1.second());
    bob.takes(&shot["a"]).await;
    bob.reports(&shot["a"], &json!({"log": "2026-03-02T11:00:02+00:00: pid=8 > goodbye"})).await;
    bob.ends(&shot["a"], "failed").await;
    ada.takes_and_completes(&shot["c"]).await;
    let failure = |name: &str, status: &str, when: &str, worker: &TestWorker, nickname: &str, line: &str| {
        json!({
            "task": &shot[name], "name": name, "status": status, "when": when, "worker_id": worker.id,
            "worker": format!("127.0.0.1 ({nickname})"), "line": line,
        })
    };
    let expected = [
        failure("a", "failed", "2026-03-02T11:00:03Z", &bob, "bob", "goodbye"),
        failure("b", "soft-failed", "2026-03-02T11:00:02Z", &ada, "ada", "Error: cannot open b.blend"),
    ];
    assert_eq!(failures().await, json!({"failures": expected, "total": 2}));

    // What cannot be read hides nothing else.
    let file =
        m.config.task_logs_path.join(format!("job-{}/{}/task-{}.txt", &shot.id[..4], shot.id, &shot["a"]));
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let shown = failures().await;
    assert_eq!(
        (&shown["failures"][0]["line"], &shown["failures"][1]["line"]),
        (&json!(null), &expected[1]["line"])
    );
    m.get(&format!("/api/jobs/{}/failures", "0".repeat(24))).await.expect(404);
}
