//! A job of the Flamenco Server, from its download to its end, and what the Server hears meanwhile.

use jiff::ToSpan;
use serde_json::json;

use crate::kit::{Call, FakeServer, TestManager, behind, job, task};

#[tokio::test]
async fn a_job_of_the_server_is_done_and_the_server_sees_it() {
    let server = FakeServer::start();
    let shot = server.submit(&job([task("a"), behind("b", &["a"])]));
    let m = TestManager::below(&server).await;
    m.exchanges().await;
    let ada = m.sleeper("ada").await;
    ada.takes(&shot["a"]).await;
    ada.reports(&shot["a"], &json!({"activity": "at it", "log": "one\ntwo"})).await;
    m.advance(5.seconds());
    m.exchanges().await;
    assert_eq!(server.status(&shot["a"]), "active");
    assert_eq!(server.task(&shot["a"])["activity"], "at it");
    assert_eq!(server.job_status(&shot), "active");
    ada.ends(&shot["a"], "completed").await;
    ada.takes_and_completes(&shot["b"]).await;
    m.advance(5.seconds());
    m.exchanges().await;
    assert_eq!(server.job_status(&shot), "completed");
    assert_eq!(m.job_status(&shot).await, "completed");
    assert_eq!(server.count(Call::Startup), 1);
}
