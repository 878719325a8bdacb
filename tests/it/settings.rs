//! The configuration as people see it.

use flamenco_manager::config::Config;
use serde_json::{Value, json};

use crate::kit::TestManager;

#[tokio::test]
async fn every_key_is_shown_with_its_value_and_where_it_comes_from() {
    let toml = "manager_name = 'Farm'\n\nworker_registration_secret = 'hush hush'\n[intervals]\ntimeout_check = '2m'\n";
    let m = TestManager::configured(toml).await;
    let shown = m.get("/api/settings").await.expect(200);
    assert!(!shown.text().contains("hush"), "{}", shown.text());
    let shown = shown.json();
    let setting = |key: &str| -> Value {
        let all = shown["settings"].as_array().unwrap();
        let found: Vec<_> = all.iter().filter(|setting| setting["key"] == key).collect();
        assert_eq!(found.len(), 1, "{key}");
        found[0].clone()
    };
    assert_eq!(
        setting("manager_name"),
        json!({
            "key": "manager_name", "value": "'Farm'", "source": "file", "line": 1, "secret": false,
            "meaning": "Shown in the dashboard.",
        })
    );
    let secret = setting("worker_registration_secret");
    assert_eq!(
        (&secret["value"], &secret["secret"], &secret["line"]),
        (&json!(null), &json!(true), &json!(3))
    );
    let check = setting("intervals.timeout_check");
    assert_eq!((&check["value"], &check["line"]), (&json!("'2m'"), &json!(5)));
    let grace = setting("intervals.startup_grace");
    assert_eq!((&grace["value"], &grace["source"]), (&json!("\"5m\""), &json!("default")));
    assert_eq!(setting("manager_secret")["value"], json!(null));
}

#[test]
fn the_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manager.toml");
    std::fs::write(&path, "listen = ':0'").unwrap();
    let (config, _) = Config::find(Some(&path)).unwrap();
    assert_eq!(config.written.file, Some(path));
}
