//! One action on many jobs, tasks or workers at once. The body is checked whole; then each is done, or refused, by itself.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use warp::Filter;

use super::super::{
    Site,
    body::{self, BodyError},
    error::ApiError,
    routes::{Answer, Route, endpoint, json, with},
};
use crate::{
    domain::{
        ids::{JobId, TaskId, WorkerId},
        job::JobAction,
        worker::WorkerStatus,
    },
    services::{Error, Services},
};

/// As many IDs are taken at once.
const MOST: usize = 1000;

/// As many of them are worked on at a time, so that they share transactions.
const AT_A_TIME: usize = 32;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfJobs {
    action: JobVerb,
    ids: BTreeSet<JobId>,
    priority: Option<i32>,
    #[serde(default)]
    force: bool,
}

#[derive(Deserialize)]
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
pub fn of_jobs(site: &Arc<Site>) -> Route {
    endpoint(
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
                        JobDeed::SetPriority(priority) => services.set_job_priority(job, priority).await,
                    }
                })
                .await
            }),
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfTasks {
    action: TaskVerb,
    ids: BTreeSet<TaskId>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TaskVerb {
    Cancel,
    Requeue,
}

/// `POST /api/tasks/actions`
pub fn of_tasks(site: &Arc<Site>) -> Route {
    endpoint(
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
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfWorkers {
    action: WorkerVerb,
    ids: BTreeSet<WorkerId>,
    #[serde(default)]
    lazy: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WorkerVerb {
    Awake,
    Asleep,
    Shutdown,
    Forget,
    AckTimeout,
}

/// `POST /api/workers/actions`
pub fn of_workers(site: &Arc<Site>) -> Route {
    endpoint(
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
    )
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
                refused.push(json!({ "_id": id, "code": error.code(), "message": error.message() }));
            }
        }
    }
    Ok(json(&json!({ "done": done, "refused": refused })))
}
