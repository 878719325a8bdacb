//! Workers: listed and shown, tagged, and what people ask of them.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use warp::Filter;

use super::{
    super::{
        Site,
        body::{self, BodyError},
        documents,
        error::ApiError,
        openapi::{self, Endpoint, get, patch, post, put},
        routes::{Answer, endpoint, json, look, with},
        worker::presence::no_content,
    },
    id,
    listing::{ListParameters, cursor},
    parameters,
};
use crate::domain::{
    ids::WorkerId,
    listing::{Choice, WorkerQuery},
    sleep::{SleepSchedule, SleepScheduleWire},
    tags::Tags,
    worker::WorkerStatus,
};

/// `GET /api/workers`: by nickname, if nothing else is asked for; all of them, unless a limit is given.
pub fn list(site: &Arc<Site>) -> Endpoint {
    let about = get(
        "/api/workers",
        "Workers, by nickname if nothing else is asked for; all of them, unless a limit is given",
    )
    .query::<ListParameters>()
    .answers::<documents::WorkerList>(StatusCode::OK);
    let route =
        endpoint(warp::path!("api" / "workers").and(warp::get()).and(with(site)).and(parameters()).then(
            async |site: Arc<Site>, how: Result<ListParameters, ApiError>| -> Answer {
                let query: WorkerQuery = how?.query(usize::MAX)?;
                let sort = query.order.by.name();
                let page = look(&site, move |services| services.list_workers(&query)).await?;
                let workers = page.entries.iter().map(documents::worker).collect();
                let next = page.next.map(|place| cursor(sort, &place));
                Ok(json(&documents::WorkerList { next, total: page.total, workers }))
            },
        ));
    about.by(route)
}

/// `GET /api/workers/{id}`
pub fn show(site: &Arc<Site>) -> Endpoint {
    let about = get("/api/workers/{id}", "A worker")
        .path::<WorkerId>("id")
        .answers::<documents::Worker>(StatusCode::OK);
    let route = endpoint(
        warp::path!("api" / "workers" / String)
            .and(warp::get())
            .and(with(site))
            .then(async |worker: String, site: Arc<Site>| -> Answer { answer(&site, id(&worker)?) }),
    );
    about.by(route)
}

/// `GET /api/workers/{id}/tasks`
pub fn recent_tasks(site: &Arc<Site>) -> Endpoint {
    let about = get(
        "/api/workers/{id}/tasks",
        "The 20 tasks that a worker was given last, the newest first, and what came of them; those that are gone are left out",
    )
    .path::<WorkerId>("id")
    .answers::<documents::RecentTasks>(StatusCode::OK);
    let route =
        endpoint(warp::path!("api" / "workers" / String / "tasks").and(warp::get()).and(with(site)).then(
            async |worker: String, site: Arc<Site>| -> Answer {
                let recent = site.services.recent_tasks(id(&worker)?)?;
                Ok(json(&documents::recent_tasks(&recent)))
            },
        ));
    about.by(route)
}

/// What a worker is asked.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StatusWish {
    status: WorkerStatus,
    /// When its task has ended.
    #[serde(default)]
    lazy: bool,
}

/// `POST /api/workers/{id}/status`: `{"status": "asleep", "lazy": true}`.
pub fn request_status(site: &Arc<Site>) -> Endpoint {
    let about = post("/api/workers/{id}/status", "Asks a worker to change its status")
        .deed("ask worker for a status")
        .path::<WorkerId>("id")
        .body::<StatusWish>()
        .answers::<documents::Worker>(StatusCode::OK);
    let route = endpoint(
        warp::path!("api" / "workers" / String / "status")
            .and(warp::post())
            .and(with(site))
            .and(body::bytes(body::ORDINARY))
            .then(async |worker: String, site: Arc<Site>, body: Result<Bytes, BodyError>| -> Answer {
                let worker = id(&worker)?;
                let StatusWish { status, lazy } = body::object(&body?).map_err(|error| {
                    ApiError::bad_request(format!("this cannot be asked of a worker: {error}"))
                })?;
                site.services.request_status(worker, status, lazy).await?;
                answer(&site, worker)
            }),
    );
    about.by(route)
}

/// `POST /api/workers/{id}/ack-timeout`: somebody has seen that it timed out.
pub fn acknowledge_timeout(site: &Arc<Site>) -> Endpoint {
    let about = post(
        "/api/workers/{id}/ack-timeout",
        "Somebody has seen that the worker timed out: it counts as offline",
    )
    .deed("acknowledge time-out")
    .path::<WorkerId>("id")
    .answers::<documents::Worker>(StatusCode::OK)
    .fails(StatusCode::BAD_REQUEST);
    let route = endpoint(
        warp::path!("api" / "workers" / String / "ack-timeout").and(warp::post()).and(with(site)).then(
            async |worker: String, site: Arc<Site>| -> Answer {
                let worker = id(&worker)?;
                site.services.acknowledge_timeout(worker).await?;
                answer(&site, worker)
            },
        ),
    );
    about.by(route)
}

/// What is to be changed about a worker.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WorkerChange {
    /// Those that it has from now on.
    tags: Tags,
}

/// `PATCH /api/workers/{id}`: `{"tags": ["gpu"]}`, in place of those that it had.
pub fn change(site: &Arc<Site>) -> Endpoint {
    let about = patch("/api/workers/{id}", "Changes a worker")
        .deed("change worker")
        .path::<WorkerId>("id")
        .body::<WorkerChange>()
        .answers::<documents::Worker>(StatusCode::OK);
    let route = endpoint(
        warp::path!("api" / "workers" / String)
            .and(warp::patch())
            .and(with(site))
            .and(body::bytes(body::ORDINARY))
            .then(async |worker: String, site: Arc<Site>, body: Result<Bytes, BodyError>| -> Answer {
                let worker = id(&worker)?;
                let WorkerChange { tags } = body::object(&body?).map_err(|error| {
                    ApiError::bad_request(format!("this is no change of a worker: {error}"))
                })?;
                site.services.set_worker_tags(worker, tags).await?;
                answer(&site, worker)
            }),
    );
    about.by(route)
}

/// `PUT /api/workers/{id}/sleep-schedule`
pub fn set_sleep_schedule(site: &Arc<Site>) -> Endpoint {
    let about = put(
        "/api/workers/{id}/sleep-schedule",
        "Gives a worker another sleep schedule, in the local time of the Manager; it is applied at once",
    )
    .deed("set sleep schedule")
    .path::<WorkerId>("id")
    .body::<SleepScheduleWire>()
    .answers::<documents::Worker>(StatusCode::OK);
    let route = endpoint(
        warp::path!("api" / "workers" / String / "sleep-schedule")
            .and(warp::put())
            .and(with(site))
            .and(body::bytes(body::ORDINARY))
            .then(async |worker: String, site: Arc<Site>, body: Result<Bytes, BodyError>| -> Answer {
                let worker = id(&worker)?;
                let schedule = sleep_schedule(&body?)?;
                site.services.set_sleep_schedule(worker, schedule, site.time_zone.clone()).await?;
                answer(&site, worker)
            }),
    );
    about.by(route)
}

/// Reads a sleep schedule as people and scripts send it.
pub fn sleep_schedule(text: &[u8]) -> Result<SleepSchedule, ApiError> {
    let wire: SleepScheduleWire = body::object(text)
        .map_err(|error| ApiError::bad_request(format!("this is no sleep schedule: {error}")))?;
    SleepSchedule::try_from(&wire).map_err(|error| ApiError::bad_request(error.to_string()))
}

/// `POST /api/workers/{id}/test-render`
pub fn test_render(site: &Arc<Site>) -> Endpoint {
    let about = post(
        "/api/workers/{id}/test-render",
        "Queues a test render for a worker in status testing, which nobody else gets",
    )
    .deed("queue test render")
    .path::<WorkerId>("id")
    .answers::<documents::Worker>(StatusCode::OK)
    .fails(StatusCode::BAD_REQUEST)
    .fails(StatusCode::INSUFFICIENT_STORAGE);
    let route = endpoint(
        warp::path!("api" / "workers" / String / "test-render").and(warp::post()).and(with(site)).then(
            async |worker: String, site: Arc<Site>| -> Answer {
                let worker = id(&worker)?;
                site.services.send_test_job(worker).await?;
                answer(&site, worker)
            },
        ),
    );
    about.by(route)
}

/// `DELETE /api/workers/{id}`: it is forgotten, and its tasks go back to the queue.
pub fn forget(site: &Arc<Site>) -> Endpoint {
    let about = openapi::delete("/api/workers/{id}", "Forgets a worker; its tasks go back to the queue")
        .deed("forget worker")
        .path::<WorkerId>("id")
        .answers::<()>(StatusCode::NO_CONTENT);
    let route = endpoint(warp::path!("api" / "workers" / String).and(warp::delete()).and(with(site)).then(
        async |worker: String, site: Arc<Site>| -> Answer {
            site.services.forget_worker(id(&worker)?).await?;
            Ok(no_content())
        },
    ));
    about.by(route)
}

/// The worker as it is now.
fn answer(site: &Site, worker: WorkerId) -> Answer {
    Ok(json(&documents::worker(&site.services.worker(worker)?)))
}
