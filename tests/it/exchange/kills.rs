//! The Manager is killed between every two steps of each conversation with the Server, and the Server breaks off at each
//! call: afterwards both agree, nothing is lost, and nothing is done twice but what the Server takes twice.

use std::collections::HashSet;

use jiff::ToSpan;
use serde_json::{Value, json};

use crate::kit::{Call, FakeServer, Job, Mood, TestManager, TestWorker, behind, job, killed_at, task};

/// A Server and a Manager in the middle of something.
struct Scene {
    m: TestManager,
    server: FakeServer,
    shot: Job,
    ada: TestWorker,
    bob: TestWorker,
}

impl Scene {
    /// A job of which the Manager knows nothing yet.
    async fn with(submission: &Value) -> Self {
        let server = FakeServer::start();
        let shot = server.submit(submission);
        let m = TestManager::below_with(&server, "task_update_push_max_count = 3").await;
        let (ada, bob) = (m.sleeper("ada").await, m.sleeper("bob").await);
        Self { m, server, shot, ada, bob }
    }

    /// A job of these tasks, which the Manager has taken in.
    async fn taken_in(names: &[&str]) -> Self {
        let scene = Self::with(&job(names.iter().map(|name| task(name)))).await;
        scene.m.exchanges().await;
        scene.m.advance(1.second());
        scene
    }

    /// Whatever broke off is mended, by itself.
    async fn goes_on(&self) {
        // The answer to a download may be lost; what matters is which tasks come.
        self.server.expects_since(self.m.services.start_download().unwrap().since.as_deref());
        for _ in 0..4 {
            self.m.advance(1.minute());
            self.m.exchanges().await;
        }
        let queues = self.m.get("/api/farm").await.expect(200).json()["queues"].take();
        for queue in ["task_updates", "wanted_logs", "tasks_to_ask_about", "task_updates_set_aside"] {
            assert_eq!(queues[queue], 0, "{queue}: {queues}");
        }
    }

    /// A task as it stands here and at the Server.
    async fn stands(&self, name: &str) -> [String; 2] {
        [self.m.status(&self.shot[name]).await, self.server.status(&self.shot[name])]
    }

    /// How often the Server heard for the first time that the task got a status.
    fn heard(&self, name: &str, status: &str) -> usize {
        let heard = self.server.heard(&self.shot[name]).into_iter();
        let heard = heard.filter(|update| update["task_status"] == status);
        heard.map(|update| update["_id"].to_string()).collect::<HashSet<_>>().len()
    }
}

/// Plays `turn` from the same scene over and over: killed at every wait, and with every call of this kind broken off.
/// `end` looks at what has become of it.
async fn break_off_everywhere(
    call: Call,
    scene: impl AsyncFn() -> Scene,
    turn: impl AsyncFn(&Scene),
    end: impl AsyncFn(&Scene),
) {
    let (mut waits, mut done_to_its_end) = (0, 0);
    // What another thread does is sometimes done before anybody has to wait for it.
    while done_to_its_end < 3 {
        let mut scene = scene().await;
        let before = scene.server.count(call);
        let done = killed_at(waits, turn(&scene)).await.is_some();
        assert!(!done || scene.server.count(call) > before, "there is no call to break off");
        scene.m.restart().await;
        scene.goes_on().await;
        end(&scene).await;
        assert!(waits > 0 || !done, "a call takes a wait at least");
        done_to_its_end += usize::from(done);
        waits += 1;
    }
    for mood in [Mood::HangsUp, Mood::DoesItButHangsUp, Mood::HalfAnAnswer] {
        let mut spared = 0;
        loop {
            let scene = scene().await;
            let before = scene.server.count(call);
            scene.server.mood_for(call, spared, Mood::Fine);
            scene.server.mood_for(call, 1, mood.clone());
            turn(&scene).await;
            let all_went_well = scene.server.count(call) <= before + spared;
            scene.server.mood(call, Mood::Fine);
            scene.goes_on().await;
            end(&scene).await;
            if all_went_well {
                break;
            }
            spared += 1;
        }
    }
}

#[tokio::test]
async fn a_notification() {
    break_off_everywhere(
        Call::Startup,
        async || Scene::with(&job([])).await,
        async |scene| scene.m.exchange().notify().await.unwrap(),
        async |scene| assert_eq!(scene.server.notifications().last().unwrap()["nr_of_workers"], 2),
    )
    .await;
}

#[tokio::test]
async fn a_notification_that_workers_have_changed() {
    break_off_everywhere(
        Call::Update,
        async || {
            let scene = Scene::taken_in(&[]).await;
            scene.m.act(&scene.bob, "action=forget-worker").await.expect(204);
            scene
        },
        async |scene| scene.m.exchange().notify().await.unwrap(),
        async |scene| assert_eq!(scene.server.notifications().last().unwrap()["nr_of_workers"], 1),
    )
    .await;
}

#[tokio::test]
async fn a_download() {
    // More than are taken in at once.
    let crowd: Vec<_> = (0..600).map(|number| format!("p{number}")).collect();
    let tasks = crowd.iter().map(|name| task(name));
    let submission = job(tasks.chain([behind("child", &["p599"])]));
    break_off_everywhere(
        Call::Depsgraph,
        async || Scene::with(&submission).await,
        async |scene| scene.m.exchange().download().await.unwrap(),
        async |scene| {
            let job = scene.m.get(&format!("/api/jobs/{}", scene.shot.id)).await.expect(200).json();
            assert_eq!(scene.m.count_tasks().await, 601, "{job}");
            for name in ["p0", "p599", "child"] {
                assert_eq!(scene.stands(name).await, ["claimed-by-manager"; 2]);
            }
            scene.ada.takes(&scene.shot["p0"]).await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_second_look_at_tasks() {
    break_off_everywhere(
        Call::Task,
        async || {
            let scene = Scene::taken_in(&["a", "b"]).await;
            let Scene { m, server, shot, ada, bob } = &scene;
            ada.takes(&shot["a"]).await;
            bob.takes(&shot["b"]).await;
            for name in ["a", "b"] {
                server.set_task(&shot[name], &json!({"priority": 90}));
            }
            m.get("/kick").await.expect(200);
            m.exchange().download().await.unwrap();
            ada.gives_back(&shot["a"]).await;
            bob.ends(&shot["b"], "failed").await;
            m.advance(5.seconds());
            m.exchange().push().await.unwrap();
            scene
        },
        async |scene| scene.m.exchange().ask_again().await.unwrap(),
        async |scene| {
            assert_eq!(scene.stands("a").await, ["claimed-by-manager"; 2]);
            assert_eq!(scene.stands("b").await, ["soft-failed"; 2]);
            for name in ["a", "b"] {
                assert_eq!(scene.m.task(&scene.shot[name]).await["priority"], 90);
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_push_with_all_that_the_server_wishes_in_return() {
    break_off_everywhere(
        Call::Push,
        async || {
            let scene = Scene::taken_in(&["a", "b", "c", "d"]).await;
            let Scene { m, server, shot, ada, bob } = &scene;
            ada.takes_and_completes(&shot["a"]).await;
            ada.takes_and_fails(&shot["b"]).await;
            ada.takes(&shot["c"]).await;
            bob.takes(&shot["b"]).await;
            server.cancel_task(&shot["d"]);
            server.asks_for_log(&shot["a"]);
            m.advance(10.seconds());
            scene
        },
        async |scene| scene.m.exchange().push().await.unwrap(),
        async |scene| {
            assert_eq!(scene.stands("a").await, ["completed"; 2]);
            assert_eq!(scene.stands("b").await, ["active"; 2]);
            assert_eq!(scene.stands("c").await, ["active"; 2]);
            assert_eq!(scene.stands("d").await, ["canceled"; 2]);
            let heard = [
                ("a", "active"),
                ("a", "completed"),
                ("b", "soft-failed"),
                ("c", "active"),
                ("d", "canceled"),
            ];
            for (name, status) in heard {
                assert_eq!(scene.heard(name, status), 1, "{name} {status}");
            }
            assert_eq!(scene.heard("b", "active"), 2);
            assert!(scene.server.log(&scene.shot["a"]).is_some());
        },
    )
    .await;
}

#[tokio::test]
async fn an_upload_of_logs() {
    break_off_everywhere(
        Call::Log,
        async || {
            let scene = Scene::taken_in(&["a", "b"]).await;
            let Scene { m, server, shot, ada, .. } = &scene;
            ada.takes(&shot["a"]).await;
            ada.reports(&shot["a"], &json!({"task_status": "completed", "log": "the log"})).await;
            for name in ["a", "b"] {
                server.asks_for_log(&shot[name]);
            }
            m.advance(10.seconds());
            m.exchange().push().await.unwrap();
            scene
        },
        async |scene| scene.m.exchange().send_logs().await.unwrap(),
        async |scene| {
            let [a, b] = ["a", "b"].map(|name| scene.server.log(&scene.shot[name]).unwrap());
            assert!(a.ends_with("the log\n") && b.contains("no log"), "{a} {b}");
        },
    )
    .await;
}

/// Both workers ask, and all is done.
async fn all_is_done_once(scene: &Scene) {
    let Scene { m, server, shot, ada, bob } = scene;
    let mut done = Vec::new();
    for worker in [ada, bob] {
        let task = worker.ask().await.expect(200).json()["_id"].as_str().unwrap().to_owned();
        worker.ends(&task, "completed").await;
        done.push(task);
    }
    assert_ne!(done[0], done[1]);
    m.advance(10.seconds());
    m.exchanges().await;
    for name in ["a", "b"] {
        assert_eq!(scene.stands(name).await, ["completed"; 2]);
        assert_eq!((scene.heard(name, "active"), scene.heard(name, "completed")), (1, 1), "{name}");
    }
    assert_eq!(server.job_status(shot), "completed");
}

async fn hand_out(scene: &Scene) {
    scene.m.exchange().hand_out(scene.ada.id.parse().unwrap()).await.unwrap();
}

#[tokio::test]
async fn handing_out_a_task() {
    break_off_everywhere(Call::Task, async || Scene::taken_in(&["a", "b"]).await, hand_out, all_is_done_once)
        .await;
}

#[tokio::test]
async fn handing_out_a_task_that_has_changed_at_the_server() {
    break_off_everywhere(
        Call::Task,
        async || {
            let scene = Scene::taken_in(&["a", "b"]).await;
            scene.server.set_task(&scene.shot["a"], &json!({"name": "other", "priority": 60}));
            scene
        },
        hand_out,
        all_is_done_once,
    )
    .await;
}

#[tokio::test]
async fn handing_out_a_task_that_the_server_no_longer_knows() {
    break_off_everywhere(
        Call::Task,
        async || {
            let scene = Scene::taken_in(&["a", "b"]).await;
            scene.server.delete_task(&scene.shot["a"]);
            scene
        },
        hand_out,
        async |scene| {
            let Scene { m, server, shot, ada, .. } = scene;
            // While the Server is in trouble it is handed out as it was.
            let done_in_vain = m.status(&shot["a"]).await == "active";
            if done_in_vain {
                ada.takes_and_completes(&shot["a"]).await;
            }
            ada.takes_and_completes(&shot["b"]).await;
            ada.gets_nothing().await;
            m.advance(10.seconds());
            m.exchanges().await;
            let ended = if done_in_vain { "completed" } else { "canceled" };
            assert_eq!(m.status(&shot["a"]).await, ended);
            assert_eq!(server.job_status(shot), "completed");
        },
    )
    .await;
}
