//! Jobs: submitted, listed, shown; and what people do with them.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use warp::Filter;

use super::{
    super::{
        Site,
        body::{self, BodyError},
        documents,
        error::ApiError,
        routes::{Answer, Route, endpoint, json, look, with},
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
pub fn submit(site: &Arc<Site>) -> Route {
    endpoint(
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
    )
}

/// The answer to a submission; `replayed`, if the job was made of it when it came before.
fn taken(site: &Site, job: JobId, replayed: bool) -> Answer {
    let (job, state) = site.services.job(job)?;
    let mut response = created(warp::reply::json(&documents::job(&job, &state)));
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submission {
    /// Only say what would become of it.
    #[serde(default)]
    dry_run: bool,
}

/// `GET /api/job-types`: what there is to be submitted, and what settings each takes.
pub fn types() -> Route {
    endpoint(
        warp::path!("api" / "job-types")
            .and(warp::get())
            .then(async || -> Answer { Ok(json(&documents::JobTypes { job_types: job_types() })) }),
    )
}

/// `GET /api/jobs`: the newest first, if nothing else is asked for.
pub fn list(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "jobs").and(warp::get()).and(with(site)).and(parameters()).then(
        async |site: Arc<Site>, how: Result<ListParameters, ApiError>| -> Answer {
            let query: JobQuery = how?.query(PAGE)?;
            let sort = query.order.by.name();
            let page = look(&site, move |services| services.jobs(&query)).await?;
            let jobs = page.entries.iter().map(|(job, state)| documents::job(job, state)).collect();
            let next = page.next.map(|place| cursor(sort, &place));
            Ok(json(&documents::JobList { jobs, next, total: page.total }))
        },
    ))
}

/// `GET /api/jobs/{id}`
pub fn show(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "jobs" / String).and(warp::get()).and(with(site)).then(
        async |job: String, site: Arc<Site>| -> Answer {
            let (job, state) = site.services.job(id(&job)?)?;
            Ok(json(&documents::job(&job, &state)))
        },
    ))
}

/// `GET /api/jobs/{id}/tasks`: in the order in which they were submitted, if nothing else is asked for.
pub fn tasks(site: &Arc<Site>) -> Route {
    endpoint(
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
    )
}

/// `POST /api/jobs/{id}/cancel`: what workers have of it they are told to stop, and the rest is canceled.
pub fn cancel(site: &Arc<Site>) -> Route {
    endpoint(
        warp::path!("api" / "jobs" / String / "cancel").and(warp::post()).and(with(site)).then(
            async |job: String, site: Arc<Site>| -> Answer { act(&site, &job, JobAction::Cancel).await },
        ),
    )
}

/// `POST /api/jobs/{id}/pause`: what workers have of it they finish, and nothing else is handed out.
pub fn pause(site: &Arc<Site>) -> Route {
    endpoint(
        warp::path!("api" / "jobs" / String / "pause").and(warp::post()).and(with(site)).then(
            async |job: String, site: Arc<Site>| -> Answer { act(&site, &job, JobAction::Pause).await },
        ),
    )
}

/// `POST /api/jobs/{id}/resume`: a paused job goes on.
pub fn resume(site: &Arc<Site>) -> Route {
    endpoint(
        warp::path!("api" / "jobs" / String / "resume").and(warp::post()).and(with(site)).then(
            async |job: String, site: Arc<Site>| -> Answer { act(&site, &job, JobAction::Resume).await },
        ),
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Requeue {
    #[serde(default)]
    tasks: WhichTasks,
}

/// Which tasks of a job are requeued.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WhichTasks {
    #[default]
    All,
    Failed,
}

/// `POST /api/jobs/{id}/requeue`: all of it is done again; with `?tasks=failed` what is not completed.
pub fn requeue(site: &Arc<Site>) -> Route {
    endpoint(
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
    )
}

/// `PATCH /api/jobs/{id}`: `{"priority": 70, "max_workers": 4, "worker_tags": ["gpu"]}`, any of them; it counts at once.
pub fn change(site: &Arc<Site>) -> Route {
    endpoint(
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
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deletion {
    #[serde(default)]
    force: bool,
}

/// `DELETE /api/jobs/{id}`: with its tasks and their logs. One that workers are at only with `?force=true`.
pub fn delete(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("api" / "jobs" / String).and(warp::delete()).and(with(site)).and(parameters()).then(
        async |job: String, site: Arc<Site>, how: Result<Deletion, ApiError>| -> Answer {
            let Deletion { force } = how?;
            let job = id(&job)?;
            do_to_the_end(&site, job, JobAction::Delete { force }).await?;
            Ok(json(&documents::Deleted { deleted: job }))
        },
    ))
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
