//! Workers get tasks and say how they get on with them.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use bytes::Bytes;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::runtime::Handle;
use warp::{Filter, Reply, path::Tail, reply::Response};

use super::{
    super::{
        Site,
        authentication::{Caller, caller, caller_with_body},
        body::{self, BodyError},
        documents,
        error::ApiError,
        routes::{Answer, Route, endpoint, with},
    },
    from_json,
    presence::no_content,
};
use crate::{
    domain::{
        ids::{TaskId, WorkerId},
        update::WorkerReport,
        variables::Variables,
        worker::WorkerStatus,
    },
    services::{Assignment, Error, HandOut, MayIRun, Services},
};

/// `POST /task`
pub fn hand_out(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("task").and(warp::post()).and(with(site)).and(caller(site)).then(
        async |site: Arc<Site>, caller: Caller| -> Answer {
            Ok(match hand_out_unless_gone(&site, caller?).await? {
                HandOut::Task(assignment) => send(&site.services, &assignment).await?,
                HandOut::Nothing | HandOut::AskFirst => no_content(),
                HandOut::ChangeStatus(status) => {
                    let body = warp::reply::json(&json!({"status_requested": status}));
                    warp::reply::with_status(body, StatusCode::LOCKED).into_response()
                }
            })
        },
    ))
}

/// Hands out a task. If the worker hangs up before it has its answer, the task goes back to the queue.
async fn hand_out_unless_gone(site: &Arc<Site>, worker: WorkerId) -> Result<HandOut, Error> {
    let own = Arc::clone(site);
    let hand_out = Box::pin(async move { own.hand_out(worker).await });
    let mut unsent = Unsent { services: Arc::clone(&site.services), hand_out: Some(hand_out) };
    let handed_out = poll_fn(|cx| match &mut unsent.hand_out {
        Some(hand_out) => hand_out.as_mut().poll(cx),
        None => Poll::Ready(Err(Error::Panicked)),
    })
    .await;
    unsent.hand_out = None;
    handed_out
}

/// A task that is being handed out. Once begun that comes to its end even when the request is dropped: only then is it
/// known which task has to go back.
struct Unsent<F: Future<Output = Result<HandOut, Error>> + Send + 'static> {
    services: Arc<Services>,
    hand_out: Option<Pin<Box<F>>>,
}

impl<F: Future<Output = Result<HandOut, Error>> + Send + 'static> Drop for Unsent<F> {
    fn drop(&mut self) {
        let (Some(hand_out), Ok(runtime)) = (self.hand_out.take(), Handle::try_current()) else { return };
        // What has panicked cannot go on.
        if std::thread::panicking() {
            return;
        }
        let services = Arc::clone(&self.services);
        runtime.spawn(async move {
            let Ok(HandOut::Task(assignment)) = hand_out.await else { return };
            if let Err(error) = services.not_sent(&assignment).await {
                let task = assignment.task.id;
                tracing::error!(%task, %error, "a task that could not be sent stays with its worker");
            }
        });
    }
}

async fn send(services: &Services, assignment: &Assignment) -> Result<Response, ApiError> {
    match task_for_worker(services.variables(), assignment) {
        Ok(text) => {
            Ok(warp::reply::with_header(text, header::CONTENT_TYPE, "application/json").into_response())
        }
        Err(error) => {
            services.not_sent(assignment).await?;
            tracing::error!(task = %assignment.task.id, "the commands of a task cannot be read");
            Err(ApiError::internal(&error))
        }
    }
}

/// The task as the worker needs it.
fn task_for_worker(variables: &Variables, assignment: &Assignment) -> serde_json::Result<String> {
    let Assignment { task, job, job_state, commands, platform, .. } = assignment;
    let commands = documents::commands_of_worker(variables, commands, platform)?;
    documents::task_text(task, job, job_state, commands)
}

/// `POST /tasks/{id}/update`
pub fn update(site: &Arc<Site>) -> Route {
    endpoint(
        warp::path!("tasks" / String / "update")
            .and(warp::post())
            .and(with(site))
            .and(caller_with_body(site, body::TASK_UPDATE))
            .then(
                async |id: String,
                       site: Arc<Site>,
                       caller: Caller,
                       body: Result<Bytes, BodyError>|
                       -> Answer {
                    let worker = caller?;
                    let Ok(id) = id.parse::<TaskId>() else { return Ok(malformed_id(&id).into_text()) };
                    let (report, dropped) = read_report(body?).await?;
                    for field in dropped {
                        tracing::warn!(task = %id, %worker, field, "a field of a task update makes no sense");
                    }
                    site.services.task_update(worker, id, report).await?;
                    Ok(no_content())
                },
            ),
    )
}

async fn read_report(body: Bytes) -> Result<(WorkerReport, Vec<String>), ApiError> {
    let report = body::digest(body.len(), move || WorkerReport::from_json(&body)).await?;
    report.map_err(|error| ApiError::bad_request(error.to_string()))
}

/// `POST /tasks/{id}/return`
pub fn give_back(site: &Arc<Site>) -> Route {
    endpoint(
        warp::path!("tasks" / String / "return").and(warp::post()).and(with(site)).and(caller(site)).then(
            async |id: String, site: Arc<Site>, caller: Caller| -> Answer {
                let worker = caller?;
                let id = id.parse().map_err(|_| malformed_id(&id))?;
                site.services.return_task(worker, id).await?;
                Ok(no_content())
            },
        ),
    )
}

#[derive(Serialize)]
struct MayIRunDocument {
    may_keep_running: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_requested: Option<WorkerStatus>,
}

/// `GET /may-i-run/{id}`, answered in its own form whatever happens (`worker-protocol.md`, section 0.1).
pub fn may_i_run(site: &Arc<Site>) -> Route {
    endpoint(
        warp::path("may-i-run")
            .and(warp::get())
            .and(warp::path::tail())
            .and(with(site))
            .and(caller(site))
            .then(async |id: Tail, site: Arc<Site>, caller: Caller| -> Answer {
                let asked = match caller {
                    Ok(worker) => ask(&site.services, worker, id.as_str()),
                    Err(error) => Err(error),
                };
                Ok(may_i_run_response(asked))
            }),
    )
}

fn ask(services: &Services, worker: WorkerId, id: &str) -> Result<MayIRun, ApiError> {
    match id.parse() {
        Ok(id) => Ok(services.may_i_run(worker, id)?),
        Err(_) => {
            Ok(MayIRun { refusal: Some(malformed_id(id).message().to_owned()), status_requested: None })
        }
    }
}

fn may_i_run_response(asked: Result<MayIRun, ApiError>) -> Response {
    let (status, document) = match asked {
        Ok(MayIRun { refusal, status_requested }) => {
            let may_keep_running = refusal.is_none();
            (StatusCode::OK, MayIRunDocument { may_keep_running, reason: refusal, status_requested })
        }
        Err(error) => {
            // In case of trouble here the worker goes on; a stranger does not.
            let may_keep_running = error.status().is_server_error();
            let reason = Some(error.message().to_owned());
            (error.status(), MayIRunDocument { may_keep_running, reason, status_requested: None })
        }
    };
    let mut response = warp::reply::with_status(warp::reply::json(&document), status).into_response();
    if status == StatusCode::UNAUTHORIZED {
        let challenge =
            ApiError::unauthorized().into_response().headers_mut().remove(header::WWW_AUTHENTICATE);
        response.headers_mut().extend(challenge.map(|challenge| (header::WWW_AUTHENTICATE, challenge)));
    }
    response
}

#[derive(Deserialize)]
struct OutputBody {
    #[serde(default)]
    paths: Vec<String>,
}

/// `POST /output-produced`
pub fn output_produced(site: &Arc<Site>) -> Route {
    endpoint(
        warp::path!("output-produced")
            .and(warp::post())
            .and(with(site))
            .and(caller_with_body(site, body::ORDINARY))
            .then(async |site: Arc<Site>, caller: Caller, body: Result<Bytes, BodyError>| -> Answer {
                let worker = caller?;
                let OutputBody { paths } = from_json(body)?;
                if paths.is_empty() {
                    return Err(ApiError::unprocessable("paths: there are none"));
                }
                site.services.output_produced(worker, paths).await?;
                Ok(no_content())
            }),
    )
}

/// The answer to an ID that is none.
pub fn malformed_id(id: &str) -> ApiError {
    ApiError::not_found(format!("{id:?} is not an ID: an ID is 24 lower-case hex digits"))
}
