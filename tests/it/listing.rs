//! Lists of jobs, tasks and workers: filtered, sorted, a page at a time.

use http::Method;
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{TestManager, job, task, with};

/// What a list shows, by its entries' names, and its total.
async fn names(m: &TestManager, path: &str) -> (Vec<String>, u64) {
    let list = m.get(path).await.expect(200).json();
    (names_of(&list), list["total"].as_u64().unwrap())
}

fn names_of(list: &Value) -> Vec<String> {
    let entries =
        ["jobs", "tasks", "workers"].iter().find_map(|list_name| list[*list_name].as_array()).unwrap();
    let name = |entry: &Value| entry.get("name").unwrap_or(&entry["nickname"]).as_str().unwrap().to_owned();
    entries.iter().map(name).collect()
}

/// That the list at this path shows these entries, in any order, and counts no others.
async fn shows(m: &TestManager, path: &str, expected: &[&str]) {
    let (mut names, total) = names(m, path).await;
    names.sort();
    assert_eq!(names, expected, "{path}");
    assert_eq!(total, expected.len() as u64, "{path}");
}

/// That the list is in this order, and in the opposite one with `-`.
async fn is_sorted(m: &TestManager, list: &str, sort: &str, expected: &[&str]) {
    assert_eq!(names(m, &format!("{list}?sort={sort}")).await.0, expected, "{sort}");
    let reverse: Vec<_> = expected.iter().rev().copied().collect();
    assert_eq!(names(m, &format!("{list}?sort=-{sort}")).await.0, reverse, "-{sort}");
}

/// All of a list, two at a time; `between` happens after the first page.
async fn paged(
    m: &TestManager,
    list: &str,
    cursor: &str,
    between: impl AsyncFnOnce(),
) -> (Vec<String>, Vec<u64>) {
    let separator = if list.contains('?') { '&' } else { '?' };
    let path = format!("{list}{separator}limit=2");
    let (mut seen, mut totals) = (Vec::new(), Vec::new());
    let mut page = m.get(&path).await.expect(200).json();
    between().await;
    loop {
        seen.extend(names_of(&page));
        totals.push(page["total"].as_u64().unwrap());
        let Some(next) = page["next"].as_str() else { return (seen, totals) };
        page = m.get(&format!("{path}&{cursor}={next}")).await.expect(200).json();
    }
}

fn named(name: &str, changes: &Value) -> Value {
    with(with(job([task("a")]), &json!({ "name": name })), changes)
}

/// A second apart: a queued job, a paused one, a canceled one.
async fn three_jobs(m: &TestManager) -> [String; 3] {
    let mut ids = Vec::new();
    for submission in [
        named("Shot b", &json!({"priority": 10, "job_type": "animation"})),
        named("shot c", &json!({"priority": 30, "start_paused": true})),
        named("test a", &json!({"priority": 20, "job_type": "still"})),
    ] {
        ids.push(m.submit(&submission).await.id);
        m.advance(1.seconds());
    }
    m.post(&format!("/api/jobs/{}/cancel", ids[2]), &Value::Null).await.expect(200);
    m.advance(1.seconds());
    // It is the last that changed.
    m.post(&format!("/api/jobs/{}/pause", ids[1]), &Value::Null).await.expect(200);
    ids.try_into().unwrap()
}

#[tokio::test]
async fn jobs_are_filtered_by_status_type_and_text() {
    let m = TestManager::start().await;
    let [first, ..] = three_jobs(&m).await;
    for (query, expected) in [
        ("", &["Shot b", "shot c", "test a"][..]),
        ("status=&type=&text=", &["Shot b", "shot c", "test a"]),
        ("status=queued", &["Shot b"]),
        ("status=paused,canceled", &["shot c", "test a"]),
        ("type=still,custom", &["shot c", "test a"]),
        ("type=stil", &[]),
        ("text=SHOT", &["Shot b", "shot c"]),
        ("text=t%20b", &["Shot b"]),
        ("text=shot&status=paused&type=custom", &["shot c"]),
        ("text=shot&status=canceled", &[]),
        (&format!("text={first}"), &["Shot b"]),
    ] {
        shows(&m, &format!("/api/jobs?{query}"), expected).await;
    }
}

#[tokio::test]
async fn jobs_are_sorted_as_is_asked_for() {
    let m = TestManager::start().await;
    three_jobs(&m).await;
    assert_eq!(names(&m, "/api/jobs").await.0, ["test a", "shot c", "Shot b"], "the newest first");
    for (sort, expected) in [
        ("created", ["Shot b", "shot c", "test a"]),
        ("updated", ["Shot b", "test a", "shot c"]),
        ("priority", ["Shot b", "test a", "shot c"]),
        ("name", ["Shot b", "shot c", "test a"]),
        ("status", ["test a", "shot c", "Shot b"]),
    ] {
        is_sorted(&m, "/api/jobs", sort, &expected).await;
    }
}

#[tokio::test]
async fn pages_go_with_filters_and_orders_and_a_deleted_job_does_not_lose_the_place() {
    let m = TestManager::start().await;
    for (name, priority) in [("a", 3), ("b", 5), ("c", 5), ("d", 1), ("e", 4)] {
        m.submit(&named(&format!("shot {name}"), &json!({ "priority": priority }))).await;
        m.submit(&named("another", &json!({ "priority": priority }))).await;
    }
    let (seen, totals) = paged(&m, "/api/jobs?text=shot&sort=-priority", "after", async || {}).await;
    // Equals go by ID, also the last first.
    assert_eq!(seen, ["shot c", "shot b", "shot e", "shot a", "shot d"]);
    assert_eq!(totals, [5, 5, 5]);

    let delete = async || {
        let list = m.get("/api/jobs?text=shot%20b").await.json();
        let path = format!("/api/jobs/{}", list["jobs"][0]["_id"].as_str().unwrap());
        m.door.call(Method::DELETE, &path, &[], "").await.expect(200);
    };
    let (seen, totals) = paged(&m, "/api/jobs?text=shot&sort=name", "after", delete).await;
    assert_eq!(seen, ["shot a", "shot b", "shot c", "shot d", "shot e"]);
    assert_eq!(totals, [5, 4, 4]);
}

#[tokio::test]
async fn tasks_are_filtered_and_sorted_and_shown_with_their_commands() {
    let m = TestManager::start().await;
    let ada = m.sleeper("ada").await;
    let render = |name: &str, priority: i32| {
        with(task(name), &json!({"task_type": "blender-render", "priority": priority}))
    };
    let tasks = [render("frame 2", 70), with(task("wait"), &json!({"priority": 60})), render("Frame 1", 50)];
    let shot = m.submit(&job(tasks)).await;
    m.advance(1.seconds());
    ada.takes_and_completes(&shot["wait"]).await;
    m.advance(1.seconds());
    m.cancel(&shot["frame 2"]).await;
    let list = format!("/api/jobs/{}/tasks", shot.id);
    for (query, expected) in [
        ("status=completed,canceled", &["frame 2", "wait"][..]),
        ("type=blender-render", &["Frame 1", "frame 2"]),
        ("text=frame", &["Frame 1", "frame 2"]),
        ("text=frame&status=queued", &["Frame 1"]),
        (&format!("text={}", &shot["wait"]), &["wait"]),
        ("status=active", &[]),
    ] {
        shows(&m, &format!("{list}?{query}"), expected).await;
    }
    for (sort, expected) in [
        ("id", ["frame 2", "wait", "Frame 1"]),
        ("priority", ["Frame 1", "wait", "frame 2"]),
        ("name", ["Frame 1", "frame 2", "wait"]),
        ("status", ["frame 2", "wait", "Frame 1"]),
        ("updated", ["Frame 1", "wait", "frame 2"]),
    ] {
        is_sorted(&m, &list, sort, &expected).await;
    }
    let (seen, totals) = paged(&m, &format!("{list}?sort=-priority"), "after", async || {}).await;
    assert_eq!((seen, totals), (vec!["frame 2".into(), "wait".into(), "Frame 1".into()], vec![3, 3]));
    let found = m.get(&format!("{list}?text=wait")).await.expect(200).json();
    assert_eq!(found["tasks"], json!([m.task(&shot["wait"]).await]));
}

#[tokio::test]
async fn workers_are_filtered_and_sorted() {
    let m = TestManager::start().await;
    let (cleo, ada) = (m.worker("cleo", &["sleep", "exr-merge"]).await, m.sleeper("ada").await);
    m.worker("Bob", &["blender-render"]).await;
    m.advance(1.seconds());
    cleo.gets_nothing().await;
    m.advance(1.seconds());
    ada.sign_on().await;
    ada.sign_off().await;
    for (query, expected) in [
        ("status=awake,offline", &["ada", "cleo"][..]),
        ("status=starting", &["Bob"]),
        ("type=sleep", &["ada", "cleo"]),
        ("type=exr-merge,blender-render", &["Bob", "cleo"]),
        ("text=bo", &["Bob"]),
        ("text=127.0.0", &["Bob", "ada", "cleo"]),
        (&format!("text={}", ada.id), &["ada"]),
        ("type=sleep&status=awake&text=CLE", &["cleo"]),
    ] {
        shows(&m, &format!("/api/workers?{query}"), expected).await;
    }
    for (sort, expected) in [
        ("nickname", ["Bob", "ada", "cleo"]),
        ("status", ["cleo", "ada", "Bob"]),
        ("last_activity", ["Bob", "cleo", "ada"]),
    ] {
        is_sorted(&m, "/api/workers", sort, &expected).await;
    }
    let (seen, totals) = paged(&m, "/api/workers?sort=-nickname", "after", async || {}).await;
    assert_eq!((seen, totals), (vec!["cleo".into(), "ada".into(), "Bob".into()], vec![3, 3]));
}

#[tokio::test]
async fn what_no_list_can_show_is_refused_with_what_it_can() {
    let m = TestManager::start().await;
    let shot = m.submit(&job([task("a")])).await;
    m.submit(&job([task("a")])).await;
    let tasks = format!("/api/jobs/{}/tasks", shot.id);
    let by_name = m.get("/api/jobs?sort=name&limit=1").await.json()["next"].as_str().unwrap().to_owned();
    for (path, says) in [
        ("/api/jobs?status=done".to_owned(), "use queued, active, completed"),
        ("/api/jobs?status=soft-failed".to_owned(), "status=soft-failed"),
        (format!("{tasks}?status=queued,done"), "use queued, claimed-by-manager"),
        ("/api/workers?status=queued".to_owned(), "use starting, awake"),
        ("/api/jobs?sort=nickname".to_owned(), "use created, updated, priority, name, status"),
        (format!("{tasks}?sort=--id"), "use id, priority, name, status, updated"),
        ("/api/workers?sort=".to_owned(), "use nickname, status, last_activity"),
        ("/api/jobs?sort=status&after=nonsense".to_owned(), "nonsense"),
        (format!("/api/jobs?sort=name&after={}", shot.id), "is not `next`"),
        (format!("/api/jobs?sort=status&after={by_name}"), "went by name"),
        (format!("/api/jobs?after={by_name}"), "went by name"),
        ("/api/workers?after=x".to_owned(), "is not `next`"),
        ("/api/jobs?txt=x".to_owned(), "txt"),
    ] {
        let answer = m.get(&path).await.expect(400);
        assert_eq!(answer.error_code(), "bad-request", "{path}");
        assert!(answer.says().contains(says), "{path}: {}", answer.says());
    }
    m.get("/api/jobs/0123456789abcdef01234567/tasks?sort=name").await.expect(404);
}

#[tokio::test]
async fn in_the_order_of_ids_an_id_says_where_to_go_on() {
    let m = TestManager::start().await;
    let [first, second, _] = three_jobs(&m).await;
    assert_eq!(names(&m, &format!("/api/jobs?after={second}")).await.0, ["Shot b"]);
    assert_eq!(names(&m, &format!("/api/jobs?sort=created&after={first}")).await.0, ["shot c", "test a"]);
}
