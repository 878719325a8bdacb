//! Jobs: submitted, listed, shown; and what people do with them.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use warp::Filter;

use super::{
    super::{
        Site,
        audit::Made,
        body::{self, BodyError},
        documents,
        error::ApiError,
        openapi::{self, Endpoint, Operation, get, patch, post},
        routes::{Answer, endpoint, json, look, with},
    },
    created, id,
    listing::{ListParameters, PAGE, cursor},
    parameters,
};
use crate::{
    domain::{
        compile::job_types,
        idempotency::{Claim, check_key},
        ids::JobId,
        job::JobAction,
        listing::{Choice, JobQuery, TaskQuery},
    },
    services::{Error, JobChange, NewJob},
};

/// `POST /api/jobs`
pub fn submit(site: &Arc<Site>) -> Endpoint {
    let about = post("/api/jobs", "Submits a job: all of it is taken, or nothing")
        .deed("submit job")
        .rehearsed_by("dry_run")
        .query::<Submission>()
        .header(
            "Idempotency-Key",
            "A name for this submission: sent again with it, within a day and while its job is there, it makes no second job",
        )
        .body::<NewJob>()
        .answers::<documents::Plan>(StatusCode::OK) // with dry_run
        .answers::<documents::Job>(StatusCode::CREATED)
        .fails(StatusCode::UNPROCESSABLE_ENTITY)
        .fails(StatusCode::INSUFFICIENT_STORAGE);
    let route = endpoint(
        warp::path!("api" / "jobs")
            .and(warp::post())
            .and(with(site))
            .and(parameters())
            .and(warp::header::headers_cloned())
            .and(body::bytes(SUBMISSION))
            .then(
                async |site: Arc<Site>,
                       how: Result<Submission, ApiError>,
                       headers: HeaderMap,
                       body: Result<Bytes, BodyError>|
                       -> Answer {
                    let Submission { dry_run } = how?;
                    let body = body?;
                    let claim = if dry_run { None } else { claim(&headers, &body).await? };
                    if let Some(claim) = &claim
                        && let Some(job) = site.services.submitted_before(claim)?
                    {
                        return taken(&site, job, true);
                    }
                    let new: serde_json::Result<NewJob> =
                        body::digest(body.len(), move || body::object(&body)).await?;
                    let new =
                        new.map_err(|error| ApiError::bad_request(format!("this is no job: {error}")))?;
                    let time_zone = site.time_zone.clone();
                    let plan = look(&site, move |services| services.plan_job(new, &time_zone)).await?;
                    if dry_run {
                        let document = documents::plan(&plan).map_err(|error| ApiError::internal(&error))?;
                        return Ok(json(&document));
                    }
                    let planned = plan.job.id;
                    let id = site.services.submit(plan, claim).await?;
                    taken(&site, id, id != planned)
                },
            ),
    );
    about.by(route)
}

/// The answer to a submission; `replayed`, if the job was made of it when it came before.
fn taken(site: &Site, job: JobId, replayed: bool) -> Answer {
    let (job, state) = site.services.job(job)?;
    let mut response = created(warp::reply::json(&documents::job(&job, &state)));
    response.extensions_mut().insert(Made(job.id.to_string()));
    if replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The name that a submission gives itself, if it does.
async fn claim(headers: &HeaderMap, body: &Bytes) -> Result<Option<Claim>, ApiError> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = check_key(key.as_bytes()).map_err(ApiError::bad_request)?;
    let text = body.clone();
    let sum = body::digest(text.len(), move || digest(&SHA256, &text)).await?;
    let digest = sum.as_ref().try_into().expect("SHA-256 has 32 bytes");
    Ok(Some(Claim { key, digest }))
}

/// The largest submission, in bytes: as many tasks as are allowed, with commands of ordinary size.
const SUBMISSION: u64 = 128 << 20;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Submission {
    /// Only say what would become of it.
    #[serde(default)]
    dry_run: bool,
}

/// `GET /api/job-types`
pub fn types() -> Endpoint {
    let about = get("/api/job-types", "What there is to be submitted, and what settings each takes")
        .answers::<documents::JobTypes>(StatusCode::OK);
    let route = endpoint(
        warp::path!("api" / "job-types")
            .and(warp::get())
            .then(async || -> Answer { Ok(json(&documents::JobTypes { job_types: job_types() })) }),
    );
    about.by(route)
}

/// `GET /api/jobs`
pub fn list(site: &Arc<Site>) -> Endpoint {
    let about = get("/api/jobs", "Jobs, the newest first if nothing else is asked for")
        .query::<ListParameters>()
        .answers::<documents::JobList>(StatusCode::OK);
    let route =
        endpoint(warp::path!("api" / "jobs").and(warp::get()).and(with(site)).and(parameters()).then(
            async |site: Arc<Site>, how: Result<ListParameters, ApiError>| -> Answer {
                let query: JobQuery = how?.query(PAGE)?;
                let sort = query.order.by.name();
                let page = look(&site, move |services| services.jobs(&query)).await?;
                let jobs = page.entries.iter().map(|(job, state)| documents::job(job, state)).collect();
                let next = page.next.map(|place| cursor(sort, &place));
                Ok(json(&documents::JobList { jobs, next, total: page.total }))
            },
        ));
    about.by(route)
}

/// `GET /api/jobs/{id}`
pub fn show(site: &Arc<Site>) -> Endpoint {
    let about = get("/api/jobs/{id}", "A job").path::<JobId>("id").answers::<documents::Job>(StatusCode::OK);
    let route = endpoint(warp::path!("api" / "jobs" / String).and(warp::get()).and(with(site)).then(
        async |job: String, site: Arc<Site>| -> Answer {
            let (job, state) = site.services.job(id(&job)?)?;
            Ok(json(&documents::job(&job, &state)))
        },
    ));
    about.by(route)
}

/// `GET /api/jobs/{id}/tasks`
pub fn tasks(site: &Arc<Site>) -> Endpoint {
    let about = get(
        "/api/jobs/{id}/tasks",
        "The tasks of a job, in the order in which they were submitted if nothing else is asked for",
    )
    .path::<JobId>("id")
    .query::<ListParameters>()
    .answers::<documents::TaskList>(StatusCode::OK);
    let route = endpoint(
        warp::path!("api" / "jobs" / String / "tasks")
            .and(warp::get())
            .and(with(site))
            .and(parameters())
            .then(async |job: String, site: Arc<Site>, how: Result<ListParameters, ApiError>| -> Answer {
                let job = id(&job)?;
                let query: TaskQuery = how?.query(PAGE)?;
                let sort = query.order.by.name();
                let page = look(&site, move |services| services.tasks_of_job(job, &query)).await?;
                let tasks: Result<Vec<_>, _> = page.entries.iter().map(documents::task).collect();
                let tasks = tasks.map_err(|error| ApiError::internal(&error))?;
                let next = page.next.map(|place| cursor(sort, &place));
                Ok(json(&documents::TaskList { tasks, total: page.total, next }))
            }),
    );
    about.by(route)
}

/// `GET /api/jobs/{id}/failures`
pub fn failures(site: &Arc<Site>) -> Endpoint {
    let about =
        get("/api/jobs/{id}/failures", "What failed of a job, the newest first, with what the logs say")
            .path::<JobId>("id")
            .answers::<documents::Failures>(StatusCode::OK);
    let route =
        endpoint(warp::path!("api" / "jobs" / String / "failures").and(warp::get()).and(with(site)).then(
            async |job: String, site: Arc<Site>| -> Answer {
                let (failures, total) = site.services.failures_of_job(id(&job)?).await?;
                Ok(json(&documents::failures(&failures, total)))
            },
        ));
    about.by(route)
}

/// `POST /api/jobs/{id}/cancel`
pub fn cancel(site: &Arc<Site>) -> Endpoint {
    let what = "What workers have of the job they are told to stop, and the rest is canceled";
    acting(post("/api/jobs/{id}/cancel", what).deed("cancel job"), "cancel", JobAction::Cancel, site)
}

/// `POST /api/jobs/{id}/pause`
pub fn pause(site: &Arc<Site>) -> Endpoint {
    let what = "What workers have of the job they finish, and nothing else is handed out";
    acting(post("/api/jobs/{id}/pause", what).deed("pause job"), "pause", JobAction::Pause, site)
}

/// `POST /api/jobs/{id}/resume`
pub fn resume(site: &Arc<Site>) -> Endpoint {
    acting(
        post("/api/jobs/{id}/resume", "A paused job goes on").deed("resume job"),
        "resume",
        JobAction::Resume,
        site,
    )
}

/// What is done with a job that needs no other word than the last of its path.
fn acting(about: Operation, word: &'static str, action: JobAction, site: &Arc<Site>) -> Endpoint {
    let about =
        about.path::<JobId>("id").answers::<documents::Job>(StatusCode::OK).fails(StatusCode::CONFLICT);
    let route = endpoint(
        warp::path!("api" / "jobs" / String / ..)
            .and(warp::path(word))
            .and(warp::path::end())
            .and(warp::post())
            .and(with(site))
            .then(move |job: String, site: Arc<Site>| async move { act(&site, &job, action).await }),
    );
    about.by(route)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Requeue {
    #[serde(default)]
    tasks: WhichTasks,
}

/// Which tasks of a job are requeued.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum WhichTasks {
    /// All of them.
    #[default]
    All,
    /// Those that are not completed.
    Failed,
}

/// `POST /api/jobs/{id}/requeue`
pub fn requeue(site: &Arc<Site>) -> Endpoint {
    let about = post("/api/jobs/{id}/requeue", "The job is done again")
        .deed("requeue job")
        .path::<JobId>("id")
        .query::<Requeue>()
        .answers::<documents::Job>(StatusCode::OK)
        .fails(StatusCode::CONFLICT);
    let route = endpoint(
        warp::path!("api" / "jobs" / String / "requeue")
            .and(warp::post())
            .and(with(site))
            .and(parameters())
            .then(async |job: String, site: Arc<Site>, which: Result<Requeue, ApiError>| -> Answer {
                let action = match which?.tasks {
                    WhichTasks::All => JobAction::Requeue,
                    WhichTasks::Failed => JobAction::RequeueFailed,
                };
                act(&site, &job, action).await
            }),
    );
    about.by(route)
}

/// `PATCH /api/jobs/{id}`
pub fn change(site: &Arc<Site>) -> Endpoint {
    let about = patch("/api/jobs/{id}", "Changes a job; it counts at once")
        .deed("change job")
        .path::<JobId>("id")
        .body::<JobChange>()
        .answers::<documents::Job>(StatusCode::OK)
        .fails(StatusCode::CONFLICT);
    let route = endpoint(
        warp::path!("api" / "jobs" / String)
            .and(warp::patch())
            .and(with(site))
            .and(body::bytes(body::ORDINARY))
            .then(async |job: String, site: Arc<Site>, body: Result<Bytes, BodyError>| -> Answer {
                let job = id(&job)?;
                let change: JobChange = body::object(&body?)
                    .map_err(|error| ApiError::bad_request(format!("this is no change of a job: {error}")))?;
                site.services.change_job(job, change).await?;
                answer(&site, job)
            }),
    );
    about.by(route)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Deletion {
    /// Even if workers are at it.
    #[serde(default)]
    force: bool,
}

/// `DELETE /api/jobs/{id}`
pub fn delete(site: &Arc<Site>) -> Endpoint {
    let about = openapi::delete("/api/jobs/{id}", "Deletes a job with its tasks and their logs")
        .deed("delete job")
        .path::<JobId>("id")
        .query::<Deletion>()
        .answers::<documents::Deleted>(StatusCode::OK)
        .fails(StatusCode::CONFLICT);
    let route = endpoint(
        warp::path!("api" / "jobs" / String).and(warp::delete()).and(with(site)).and(parameters()).then(
            async |job: String, site: Arc<Site>, how: Result<Deletion, ApiError>| -> Answer {
                let Deletion { force } = how?;
                let job = id(&job)?;
                do_to_the_end(&site, job, JobAction::Delete { force }).await?;
                Ok(json(&documents::Deleted { deleted: job }))
            },
        ),
    );
    about.by(route)
}

async fn act(site: &Arc<Site>, job: &str, action: JobAction) -> Answer {
    let job = id(job)?;
    do_to_the_end(site, job, action).await?;
    answer(site, job)
}

/// Whether whoever wants it waits for it or not.
async fn do_to_the_end(site: &Site, job: JobId, action: JobAction) -> Result<(), Error> {
    let services = Arc::clone(&site.services);
    let acted = tokio::spawn(async move { services.act_on_job(job, action).await }).await;
    acted.map_err(|_| Error::Panicked)?
}

/// The job as it is now.
fn answer(site: &Site, job: JobId) -> Answer {
    let (job, state) = site.services.job(job)?;
    Ok(json(&documents::job(&job, &state)))
}
