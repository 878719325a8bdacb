//! `audit list`: what people did, also by commands that worked on the database themselves.

use super::{at_a_known_port, json, succeeds};

#[tokio::test]
async fn what_was_done_is_listed_the_newest_last() {
    let place = at_a_known_port();
    let manager = place.start();
    assert_eq!(succeeds(&place, &["audit", "list"]), "Nobody has done anything yet.\n");
    manager.submit(3).await;
    manager.stop();
    succeeds(&place, &["cleanslate", "--yes"]);
    let manager = place.start();
    succeeds(&place, &["cleanslate", "--yes"]);

    let listed = json(&succeeds(&place, &["--json", "audit", "list"]));
    let entries = listed["entries"].as_array().unwrap();
    let shown: Vec<_> = entries
        .iter()
        .map(|entry| ["who", "from", "action"].map(|field| entry[field].as_str().unwrap_or("-")))
        .collect();
    assert_eq!(shown[0][1..], ["127.0.0.1", "submit job"]);
    assert_eq!(shown[1], ["command line", "-", "erase all tasks"]);
    assert_eq!(shown[2][1..], ["127.0.0.1", "erase all tasks"]);
    assert_eq!(shown.len(), 3);

    let table = succeeds(&place, &["audit", "list", "--limit", "2"]);
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[0].starts_with("WHEN") && lines[1].contains("command line"), "{table}");
    manager.stop();
}
