//! `job list`: what is asked of the Manager.

use serde_json::json;

use super::{
    json,
    stand_in::{Answer, StandIn},
    succeeds,
};
use crate::faults::process::Place;

#[test]
fn filters_go_to_the_manager_and_pages_are_put_together() {
    let manager = StandIn::answering(|_, before| {
        let jobs: Vec<_> = (0..1000).map(|number| json!({"_id": number, "name": "x"})).collect();
        let next = if before == 0 { json!("last") } else { json!(null) };
        Answer::Json(200, json!({"jobs": if before == 0 { &jobs[..] } else { &jobs[..5] }, "next": next}))
    });
    let list = ["--json", "job", "list", "--manager", &manager.url()];
    let filters = ["--status", "active,queued", "--type", "sleep", "--text", "a b&c", "--sort", "-name"];
    let listed = json(&succeeds(&Place::new(), &[&list[..], &filters].concat()));
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 1005);
    let filter = "status=active%2Cqueued&type=sleep&text=a%20b%26c&sort=-name";
    assert_eq!(
        manager.lines(),
        [
            format!("GET /api/jobs?{filter}&limit=1000"),
            format!("GET /api/jobs?{filter}&limit=1000&after=last")
        ]
    );
}

#[test]
fn a_limit_is_for_all_pages_together() {
    let manager = StandIn::answering(|_, _| {
        let jobs: Vec<_> = (0..3).map(|number| json!({"_id": number})).collect();
        Answer::Json(200, json!({"jobs": jobs, "next": "more"}))
    });
    let list = ["--json", "job", "list", "--limit", "3", "--manager", &manager.url()];
    assert_eq!(json(&succeeds(&Place::new(), &list))["jobs"].as_array().unwrap().len(), 3);
    assert_eq!(manager.lines(), ["GET /api/jobs?limit=3"]);
}
