//! The Manager introduces itself to the Server, and tells when its workers have changed (`server-protocol.md`,
//! section 1.1).

use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{Call, FakeServer, Mood, TestManager};

/// What the Server was last told of the workers.
fn told(server: &FakeServer) -> (u64, Vec<String>) {
    let last = server.notifications().pop().unwrap();
    let types = serde_json::from_value(last["worker_task_types"].clone()).unwrap();
    (last["nr_of_workers"].as_u64().unwrap(), types)
}

#[tokio::test]
async fn at_the_start_the_server_hears_all_about_the_manager() {
    let server = FakeServer::start();
    let m = TestManager::below_with(
        &server,
        "own_url = \"http://farm.example.com:8083\"\n\
         [variables.blender]\n\
         direction = \"oneway\"\n\
         values = [{ platform = \"linux\", value = \"/b\" },\n\
                   { platforms = [\"windows\", \"darwin\"], audience = \"users\", value = \"C:/b\" }]\n\
         [variables.shots]\n\
         direction = \"twoway\"\n\
         values = [{ platform = \"linux\", value = \"/shots/\" }]",
    )
    .await;
    m.worker("ada", &["sleep", "blender-render"]).await;
    m.worker("bob", &["sleep"]).await;
    m.exchange().notify().await.unwrap();
    assert_eq!(server.count(Call::Startup), 1);
    let [mut told] = <[Value; 1]>::try_from(server.notifications()).unwrap();
    let variables = told["variables"].take();
    assert_eq!(
        variables["blender"],
        json!({"direction": "oneway", "values": [
            {"audience": "all", "platforms": ["linux"], "value": "/b"},
            {"audience": "users", "platforms": ["windows", "darwin"], "value": "C:/b"},
        ]})
    );
    assert_eq!(
        variables["shots"],
        json!({"direction": "twoway", "values": [
            {"audience": "all", "platforms": ["linux"], "value": "/shots/"},
        ]})
    );
    let names: Vec<_> = variables.as_object().unwrap().keys().collect();
    assert_eq!(names, ["blender", "ffmpeg", "job_storage", "render", "shaman", "shots"]);
    assert_eq!(
        told,
        json!({
            "_meta": {"version": 2},
            "manager_url": "http://farm.example.com:8083/",
            "variables": null,
            "nr_of_workers": 2,
            "worker_task_types": ["blender-render", "sleep"],
        })
    );
}

#[tokio::test]
async fn without_own_url_the_server_hears_where_the_manager_listens() {
    let server = FakeServer::start();
    let m = TestManager::below(&server).await;
    m.exchange().notify().await.unwrap();
    assert_eq!(server.notifications()[0]["manager_url"], format!("http://{}/", m.door.address()));
    assert_eq!(told(&server), (0, vec![]));
}

#[tokio::test]
async fn the_server_hears_when_workers_come_change_and_go_and_at_no_other_time() {
    let server = FakeServer::start();
    let m = TestManager::below(&server).await;
    m.exchanges().await;
    let ada = m.worker("ada", &["sleep"]).await;
    m.exchanges().await;
    assert_eq!(told(&server), (1, vec!["sleep".to_owned()]));
    let bob = m.worker("bob", &["sleep"]).await;
    m.exchanges().await;
    assert_eq!(told(&server), (2, vec!["sleep".to_owned()]));
    bob.post_json("/sign-on", &json!({"supported_task_types": ["video", "sleep"]})).await.expect(204);
    m.exchanges().await;
    assert_eq!(told(&server), (2, vec!["sleep".to_owned(), "video".to_owned()]));
    m.act(&bob, "action=forget-worker").await.expect(204);
    m.exchanges().await;
    assert_eq!(told(&server), (1, vec!["sleep".to_owned()]));
    ada.post_json("/sign-on", &json!({"supported_task_types": ["sleep"], "nickname": "ida"}))
        .await
        .expect(204);
    ada.gets_nothing().await;
    ada.sign_off().await;
    m.exchanges().await;
    assert_eq!((server.count(Call::Startup), server.count(Call::Update)), (1, 4));
}

#[tokio::test]
async fn what_the_server_did_not_take_is_told_again_as_it_is_by_then() {
    let server = FakeServer::start();
    let m = TestManager::below(&server).await;
    for mood in [Mood::Answers(500), Mood::DoesItButHangsUp, Mood::Answers(404), Mood::HangsUp] {
        server.mood_for(Call::Startup, 1, mood);
        m.exchange().notify().await.unwrap();
        m.exchange().notify().await.unwrap();
        m.advance(1.minute());
    }
    assert_eq!(server.count(Call::Startup), 4, "there is a pause after each failure");
    m.sleeper("ada").await;
    m.exchange().notify().await.unwrap();
    assert_eq!(told(&server), (1, vec!["sleep".to_owned()]));
    server.mood_for(Call::Update, 1, Mood::Answers(500));
    m.worker("vera", &["video"]).await;
    m.exchange().notify().await.unwrap();
    m.advance(1.minute());
    m.exchange().notify().await.unwrap();
    assert_eq!(told(&server), (2, vec!["sleep".to_owned(), "video".to_owned()]));
    assert_eq!((server.count(Call::Startup), server.count(Call::Update)), (5, 2));
}

#[tokio::test]
async fn a_manager_that_starts_again_introduces_itself_again() {
    let server = FakeServer::start();
    let mut m = TestManager::below(&server).await;
    m.exchange().notify().await.unwrap();
    m.restart().await;
    m.exchange().notify().await.unwrap();
    m.exchange().notify().await.unwrap();
    assert_eq!(server.count(Call::Startup), 2);
}
