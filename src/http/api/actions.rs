//! One action on many jobs, tasks or workers at once. The body is checked whole; then each is done, or refused, by itself.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use warp::Filter;

use super::super::{
    Site,
    body::{self, BodyError},
    documents,
    error::ApiError,
    openapi::{Endpoint, post},
    routes::{Answer, endpoint, json, with},
};
use crate::{
    domain::{
        ids::{JobId, TaskId, WorkerId},
        job::JobAction,
        worker::WorkerStatus,
    },
    services::{Error, JobChange, Services},
};

/// As many IDs are taken at once.
const MOST: usize = 1000;

/// As many of them are worked on at a time, so that they share transactions.
const AT_A_TIME: usize = 32;

/// What is done with which jobs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OfJobs {
    action: JobVerb,
    /// Up to 1000; one that is named twice counts once.
    #[schemars(with = "Vec<JobId>")]
    ids: BTreeSet<JobId>,
    priority: Option<i32>,
    #[serde(default)]
    force: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum JobVerb {
    Cancel,
    Pause,
    Resume,
    Requeue,
    RequeueFailed,
    Delete,
    Priority,
}

#[derive(Clone, Copy)]
enum JobDeed {
    Act(JobAction),
    SetPriority(i32),
}

impl OfJobs {
    fn deed(&self) -> Result<JobDeed, ApiError> {
        let action = match (&self.action, self.priority) {
            (JobVerb::Priority, None) => return Err(ApiError::bad_request("`priority` is missing")),
            (JobVerb::Priority, Some(_)) if self.force => return Err(force_is_for_delete()),
            (JobVerb::Priority, Some(priority)) => return Ok(JobDeed::SetPriority(priority)),
            (_, Some(_)) => {
                return Err(ApiError::bad_request("`priority` goes with the action \"priority\" only"));
            }
            (JobVerb::Delete, None) => JobAction::Delete { force: self.force },
            (_, None) if self.force => return Err(force_is_for_delete()),
            (JobVerb::Cancel, None) => JobAction::Cancel,
            (JobVerb::Pause, None) => JobAction::Pause,
            (JobVerb::Resume, None) => JobAction::Resume,
            (JobVerb::Requeue, None) => JobAction::Requeue,
            (JobVerb::RequeueFailed, None) => JobAction::RequeueFailed,
        };
        Ok(JobDeed::Act(action))
    }
}

fn force_is_for_delete() -> ApiError {
    ApiError::bad_request("`force` goes with the action \"delete\" only")
}

/// `POST /api/jobs/actions`
pub fn of_jobs(site: &Arc<Site>) -> Endpoint {
    let about = post("/api/jobs/actions", "Does something with many jobs; each is done or refused by itself")
        .deed("do something with jobs")
        .body::<OfJobs>()
        .answers::<documents::Outcome<JobId>>(StatusCode::OK);
    let route = endpoint(
        warp::path!("api" / "jobs" / "actions")
            .and(warp::post())
            .and(with(site))
            .and(body::bytes(body::ORDINARY))
            .then(async |site: Arc<Site>, body: Result<Bytes, BodyError>| -> Answer {
                let wanted: OfJobs = read(body)?;
                let deed = wanted.deed()?;
                each(&site, wanted.ids, move |services, job| async move {
                    match deed {
                        JobDeed::Act(action) => services.act_on_job(job, action).await,
                        JobDeed::SetPriority(priority) => {
                            services.change_job(job, JobChange::priority(priority)).await
                        }
                    }
                })
                .await
            }),
    );
    about.by(route)
}

/// What is done with which tasks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OfTasks {
    action: TaskVerb,
    /// Up to 1000; one that is named twice counts once.
    #[schemars(with = "Vec<TaskId>")]
    ids: BTreeSet<TaskId>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum TaskVerb {
    Cancel,
    Requeue,
}

/// `POST /api/tasks/actions`
pub fn of_tasks(site: &Arc<Site>) -> Endpoint {
    let about =
        post("/api/tasks/actions", "Does something with many tasks; each is done or refused by itself")
            .deed("do something with tasks")
            .body::<OfTasks>()
            .answers::<documents::Outcome<TaskId>>(StatusCode::OK);
    let route = endpoint(
        warp::path!("api" / "tasks" / "actions")
            .and(warp::post())
            .and(with(site))
            .and(body::bytes(body::ORDINARY))
            .then(async |site: Arc<Site>, body: Result<Bytes, BodyError>| -> Answer {
                let OfTasks { action, ids } = read(body)?;
                each(&site, ids, move |services, task| async move {
                    match action {
                        TaskVerb::Cancel => services.cancel_task(task).await,
                        TaskVerb::Requeue => services.requeue_task(task).await,
                    }
                })
                .await
            }),
    );
    about.by(route)
}

/// What is done with which workers.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OfWorkers {
    action: WorkerVerb,
    /// Up to 1000; one that is named twice counts once.
    #[schemars(with = "Vec<WorkerId>")]
    ids: BTreeSet<WorkerId>,
    #[serde(default)]
    lazy: bool,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum WorkerVerb {
    Awake,
    Asleep,
    Shutdown,
    Forget,
    AckTimeout,
}

/// `POST /api/workers/actions`
pub fn of_workers(site: &Arc<Site>) -> Endpoint {
    let about =
        post("/api/workers/actions", "Does something with many workers; each is done or refused by itself")
            .deed("do something with workers")
            .body::<OfWorkers>()
            .answers::<documents::Outcome<WorkerId>>(StatusCode::OK);
    let route = endpoint(
        warp::path!("api" / "workers" / "actions")
            .and(warp::post())
            .and(with(site))
            .and(body::bytes(body::ORDINARY))
            .then(async |site: Arc<Site>, body: Result<Bytes, BodyError>| -> Answer {
                let OfWorkers { action, ids, lazy } = read(body)?;
                if lazy && matches!(action, WorkerVerb::Forget | WorkerVerb::AckTimeout) {
                    let why = "`lazy` goes with the actions \"awake\", \"asleep\" and \"shutdown\" only";
                    return Err(ApiError::bad_request(why));
                }
                each(&site, ids, move |services, worker| async move {
                    let status = match action {
                        WorkerVerb::Awake => WorkerStatus::Awake,
                        WorkerVerb::Asleep => WorkerStatus::Asleep,
                        WorkerVerb::Shutdown => WorkerStatus::Shutdown,
                        WorkerVerb::Forget => return services.forget_worker(worker).await,
                        WorkerVerb::AckTimeout => return services.acknowledge_timeout(worker).await,
                    };
                    services.request_status(worker, status, lazy).await
                })
                .await
            }),
    );
    about.by(route)
}

fn read<T: DeserializeOwned>(body: Result<Bytes, BodyError>) -> Result<T, ApiError> {
    body::object(&body?)
        .map_err(|error| ApiError::bad_request(format!("this action cannot be carried out: {error}")))
}

/// Does it with each of them, whether whoever wants it waits for it or not.
async fn each<I, F>(
    site: &Site,
    ids: BTreeSet<I>,
    act: impl Fn(Arc<Services>, I) -> F + Send + 'static,
) -> Answer
where
    I: Copy + Send + Serialize + 'static,
    F: Future<Output = Result<(), Error>> + Send,
{
    if ids.len() > MOST {
        let count = ids.len();
        return Err(ApiError::bad_request(format!("`ids` names {count}; at most {MOST} are allowed")));
    }
    let services = Arc::clone(&site.services);
    let acting = tokio::spawn(async move {
        let acts = stream::iter(ids).map(move |id| {
            let acting = act(Arc::clone(&services), id);
            async move { (id, acting.await) }
        });
        acts.buffered(AT_A_TIME).collect::<Vec<_>>().await
    });
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for (id, result) in acting.await.map_err(|_| Error::Panicked)? {
        match result.map_err(ApiError::from) {
            Ok(()) => done.push(id),
            Err(error) => {
                refused.push(documents::Refused::new(id, error.code(), error.message()));
            }
        }
    }
    Ok(json(&documents::Outcome { done, refused }))
}
