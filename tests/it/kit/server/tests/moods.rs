//! The Server in a bad mood.

use http::Method;
use serde_json::json;

use super::{Client, update};
use crate::kit::{Call, FakeServer, Mood, job, server::MANAGER, task, with};

#[tokio::test]
async fn moods_are_for_some_calls_or_until_they_change() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    server.mood_for(Call::Push, 2, Mood::Answers(500));
    server.mood_for(Call::Push, 1, Mood::ProxyPage);
    assert_eq!(manager.push(&[]).await.expect(500).json()["_code"], 500);
    manager.push(&[]).await.expect(500);
    assert!(manager.push(&[]).await.expect(404).text().starts_with("<html>"));
    manager.push(&[]).await.expect(200);
    server.mood(Call::Push, Mood::Nonsense);
    for _ in 0..2 {
        let nonsense = manager.push(&[]).await.expect(200);
        assert!(serde_json::from_slice::<serde_json::Value>(&nonsense.body).is_err());
    }
    server.mood_for_all(&Mood::Revoked);
    manager.push(&[]).await.expect(403);
    manager.download(None).await.expect(403);
    server.mood_for_all(&Mood::Fine);
    manager.push(&[]).await.expect(200);
}

#[tokio::test]
async fn a_connection_breaks_before_or_after_the_work_is_done() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    let shot = server.submit(&job([task("a")]));
    let batch = json!([update(1, &shot["a"])]);
    for (mood, taken) in [(Mood::HangsUp, 0), (Mood::DoesItButHangsUp, 1), (Mood::HalfAnAnswer, 2)] {
        server.mood(Call::Push, mood);
        assert!(manager.try_post("task-update-batch", &batch).await.is_err());
        assert_eq!(server.updates().len(), taken);
    }
    let depsgraph = format!("managers/{MANAGER}/depsgraph");
    server.mood_for(Call::Depsgraph, 1, Mood::HalfAnAnswer);
    assert!(manager.call(Method::GET, &depsgraph, &[], "").await.is_err());
    assert_eq!(server.status(&shot["a"]), "claimed-by-manager");
    assert_eq!(manager.download(None).await.expect(200).json()["depsgraph"][0]["_id"], shot["a"]);
    let statuses: Vec<_> = server.requests().into_iter().map(|asked| asked.status).collect();
    assert_eq!(statuses, [None, None, Some(200), Some(200), Some(200)]);
}

#[tokio::test]
async fn a_call_hangs_until_it_is_released() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    let shot = server.submit(&job([task("a")]));
    server.mood_for(Call::Push, 2, Mood::Hangs);
    let batch = [update(1, &shot["a"])];
    let released = async {
        server.arrived(Call::Push, 1).await;
        assert_eq!(server.updates(), [] as [serde_json::Value; 0]);
        server.release();
    };
    let (answer, ()) = tokio::join!(manager.push(&batch), released);
    answer.expect(200);
    assert_eq!(server.heard(&shot["a"]), batch);

    let ended = async {
        server.arrived(Call::Push, 2).await;
        server.goes_down().await;
    };
    let empty = json!([]);
    let (answer, ()) = tokio::join!(manager.try_post("task-update-batch", &empty), ended);
    assert!(answer.is_err());
}

#[tokio::test]
async fn it_goes_down_and_comes_back_where_it_was() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    server.goes_down().await;
    let refused = manager.try_post("task-update-batch", &json!([])).await.unwrap_err();
    let refused = refused.downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    server.comes_back();
    manager.push(&[]).await.expect(200);
}

#[tokio::test]
async fn only_some_updates_are_handled() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    let shot = server.submit(&job([task("a"), task("b")]));
    let batch = [update(1, &shot["a"]), update(2, &shot["a"]), update(3, &shot["b"])];
    server.mood_for(Call::Push, 1, Mood::HandlesHalf);
    let (of_a, of_b) = (shot["a"].to_owned(), shot["b"].to_owned());
    server.mood_for(Call::Push, 1, Mood::handles_only(move |update| update["task_id"] == of_a));
    server.mood_for(Call::Push, 1, Mood::RefusesUpdate(of_b));
    let handled = |answer: crate::kit::Answer| answer.json()["handled_update_ids"].as_array().unwrap().len();
    assert_eq!(handled(manager.push(&batch).await.expect(200)), 2);
    assert_eq!(handled(manager.push(&batch).await.expect(200)), 2);
    manager.push(&batch).await.expect(400);
    assert_eq!((server.heard(&shot["a"]).len(), server.heard(&shot["b"]).len()), (5, 1));
}

#[tokio::test]
async fn compressed_updates_are_refused_unless_the_server_is_a_newer_one() {
    let server = FakeServer::start();
    let manager = Client::of(&server);
    let shot = server.submit(&job([task("a")]));
    let batch = [with(update(1, &shot["a"]), &json!({"activity": "small"}))];
    manager.push_zipped(&batch).await.expect(400);
    server.takes_gzip();
    manager.push_zipped(&batch).await.expect(200);
    assert_eq!(server.task(&shot["a"])["activity"], "small");
}
