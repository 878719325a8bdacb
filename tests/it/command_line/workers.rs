//! `worker`: workers are sent to sleep, woken, forgotten and given tags.

use serde_json::{Value, json};

use super::{
    fails, json,
    stand_in::{Answer, Call, StandIn},
    succeeds,
};
use crate::faults::process::Place;

const ANNA: &str = "5c7d0000000000000000aaaa";
const BO: &str = "5c7d0000000000000000bbbb";
const OTHER_BO: &str = "5c7d0000000000000000cccc";

fn worker(id: &str, nickname: &str) -> Value {
    json!({"_id": id, "nickname": nickname, "status": "awake", "status_requested": "asleep", "tags": ["gpu"]})
}

/// Has a worker called anna and two called bo, of which one can no longer be reached by its ID.
fn farm() -> StandIn {
    StandIn::answering(|Call { line, .. }, _| match line.as_str() {
        "GET /api/workers" | "GET /api/workers?status=awake%2Casleep" => Answer::Json(
            200,
            json!({"workers": [worker(ANNA, "anna"), worker(BO, "bo"), worker(OTHER_BO, "bo")]}),
        ),
        line if line.ends_with(OTHER_BO) || line.ends_with(&format!("{OTHER_BO}/status")) => {
            Answer::Json(404, json!({"error": {"message": format!("worker {OTHER_BO} is not known")}}))
        }
        line if line.starts_with("DELETE ") => Answer::NoContent,
        _ => Answer::Json(200, worker(ANNA, "anna")),
    })
}

#[test]
fn workers_are_asked_to_be_in_another_status() {
    let (farm, place) = (farm(), Place::new());
    let url = farm.url();
    let shown = succeeds(&place, &["worker", "sleep", "anna", BO, "--lazy", "--manager", &url]);
    assert!(shown.contains("awake, to be asleep"), "{shown}");
    let woken = json(&succeeds(&place, &["--json", "worker", "wake", ANNA, "--manager", &url]));
    assert_eq!(woken["workers"][0]["_id"], ANNA);
    succeeds(&place, &["worker", "shutdown", BO, "--manager", &url]);
    let asked: Vec<_> = farm.calls().into_iter().filter(|call| call.line.starts_with("POST")).collect();
    let expected =
        [(ANNA, "asleep", true), (BO, "asleep", true), (ANNA, "awake", false), (BO, "shutdown", false)];
    assert_eq!(asked.len(), expected.len());
    for (call, (id, status, lazy)) in asked.iter().zip(expected) {
        assert_eq!(call.line, format!("POST /api/workers/{id}/status"));
        assert_eq!(call.json(), json!({"status": status, "lazy": lazy}));
    }
}

#[test]
fn what_cannot_be_done_with_one_worker_is_done_with_the_others() {
    let (farm, place) = (farm(), Place::new());
    let names = ["worker", "forget", "bo", OTHER_BO, "carl", "anna", "--manager", &farm.url()];
    let said = place.run(&names);
    assert_eq!((said.code, said.stdout), (Some(1), format!("Worker {ANNA} was forgotten.\n")));
    let lines: Vec<_> = said.stderr.lines().collect();
    assert!(
        lines[0].contains("2 workers have the nickname") && lines[0].contains(&format!("{BO}, {OTHER_BO}"))
    );
    assert_eq!(
        lines[1],
        format!("flamenco-manager: {OTHER_BO}: the Manager refused: worker {OTHER_BO} is not known")
    );
    assert!(lines[2].contains("no worker has the ID or the nickname \"carl\""), "{}", lines[2]);
    let all = [&["--json"], &names[..]].concat();
    assert_eq!(json(&place.run(&all).stdout), json!({"forgotten": [ANNA]}));
}

#[test]
fn tags_are_set_and_shown() {
    let (farm, place) = (farm(), Place::new());
    let shown = succeeds(&place, &["worker", "tags", "anna", "gpu", "big", "--manager", &farm.url()]);
    assert!(shown.contains("Tags") && shown.contains("gpu"), "{shown}");
    succeeds(&place, &["worker", "tags", ANNA, "--none", "--manager", &farm.url()]);
    let calls = farm.calls();
    assert_eq!(calls[1].line, format!("PATCH /api/workers/{ANNA}"));
    assert_eq!([calls[1].json(), calls[2].json()], [json!({"tags": ["gpu", "big"]}), json!({"tags": []})]);
}

#[test]
fn workers_are_found_by_status_and_by_nickname() {
    let (farm, place) = (farm(), Place::new());
    let list = succeeds(&place, &["worker", "list", "--status", "awake,asleep", "--manager", &farm.url()]);
    assert!(list.contains(ANNA) && list.contains(BO), "{list}");
    assert!(succeeds(&place, &["worker", "show", "anna", "--manager", &farm.url()]).contains(ANNA));
    let why = fails(&place, &["worker", "show", "bo", "--manager", &farm.url()]);
    assert!(why.contains("name the right one by its ID"), "{why}");
}
