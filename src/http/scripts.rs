//! Endpoints that scripts know from Flamenco Manager 2.x (`interface.md`, section 4).

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use warp::{Filter, Reply, reply::Response};

use super::{
    Site, VERSION,
    api::workers::sleep_schedule,
    audit::Recorder,
    body::{self, BodyError},
    documents,
    error::ApiError,
    gate::{Access, guarded},
    logs,
    routes::{Answer, Route, endpoint, json, look, with},
    server::Peer,
    worker::{presence::no_content, tasks::malformed_id},
};
use crate::domain::{
    ids::{JobId, TaskId, WorkerId},
    people::Authentication,
    worker::WorkerStatus,
};

/// A route that scripts know, and where it is.
pub struct Script {
    method: Method,
    path: &'static str,
    /// What it is called by those who read what people did; nothing, if it only shows something.
    deed: Option<&'static str>,
    route: Route,
}

impl Script {
    /// A route that is only looked at.
    pub fn get(path: &'static str, route: Route) -> Self {
        Self { method: Method::GET, path, deed: None, route }
    }

    /// The route behind the gate. Its errors are lines of text.
    pub fn guarded(self, site: &Site, access: Access) -> Route {
        let Self { method, path, deed, route } = self;
        let recorder = deed.map(|deed| Recorder::new(site, deed, None));
        guarded(access, &method, path, ApiError::into_text, recorder, route)
    }
}

/// `GET /as-json`
pub fn as_json(site: &Arc<Site>) -> Script {
    let route = endpoint(warp::path!("as-json").and(warp::get()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            let (workers, tasks, queue, starved) = look(&site, |services| {
                let workers = services.workers()?;
                Ok((workers, services.count_tasks()?, services.count_updates()?, services.starved_jobs()?))
            })
            .await?;
            let workers: Vec<_> = workers.iter().map(documents::worker).collect();
            let starved: Vec<_> = starved.iter().map(documents::starved_job).collect();
            let (name, url) = &site.server;
            let document = json!({
                "nr_of_workers": workers.len(),
                "nr_of_tasks": tasks,
                "upstream_queue_size": queue,
                "version": VERSION,
                "workers": workers,
                "manager_name": site.manager_name,
                "manager_mode": site.manager_mode,
                "server": { "name": name, "url": url },
                "starved_jobs": starved,
            });
            Ok(warp::reply::with_header(json(&document), header::CACHE_CONTROL, "no-cache").into_response())
        },
    ));
    Script::get("/as-json", route)
}

/// What a person wants of a worker: a form.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
enum Action {
    SetStatus {
        status: WorkerStatus,
        #[serde(default)]
        lazy: String,
    },
    Shutdown {
        #[serde(default)]
        lazy: String,
    },
    AckTimeout,
    SendTestJob,
    ForgetWorker,
    ForgetBlacklistLine {
        job_id: JobId,
        task_type: String,
    },
}

/// `POST /worker-action/{id}`
pub fn worker_action(site: &Arc<Site>) -> Script {
    let route = endpoint(
        warp::path!("worker-action" / String)
            .and(warp::post())
            .and(with(site))
            .and(body::bytes(body::ORDINARY))
            .then(async |worker: String, site: Arc<Site>, body: Result<Bytes, BodyError>| -> Answer {
                Ok(act(&site, &worker, body).await.unwrap_or_else(ApiError::into_text))
            }),
    );
    Script {
        method: Method::POST,
        path: "/worker-action/{id}",
        deed: Some("do something with worker"),
        route,
    }
}

async fn act(site: &Site, worker: &str, form: Result<Bytes, BodyError>) -> Result<Response, ApiError> {
    let worker: WorkerId = worker.parse().map_err(|_| malformed_id(worker))?;
    let services = &site.services;
    services.worker(worker)?;
    let action = serde_urlencoded::from_bytes(&form?)
        .map_err(|error| ApiError::bad_request(format!("this action cannot be carried out: {error}")))?;
    match action {
        Action::SetStatus { status, lazy } => services.request_status(worker, status, is_true(&lazy)).await?,
        Action::Shutdown { lazy } => {
            services.request_status(worker, WorkerStatus::Shutdown, is_true(&lazy)).await?;
        }
        Action::AckTimeout => services.acknowledge_timeout(worker).await?,
        Action::SendTestJob => {
            return Ok(format!("{}\n", services.send_test_job(worker).await?).into_response());
        }
        Action::ForgetWorker => services.forget_worker(worker).await?,
        Action::ForgetBlacklistLine { job_id, task_type } => {
            services.forget_blacklist_line(worker, job_id, task_type).await?;
        }
    }
    Ok(no_content())
}

fn is_true(text: &str) -> bool {
    matches!(text, "true" | "1" | "on" | "yes")
}

/// `POST /set-sleep-schedule/{id}`
pub fn set_sleep_schedule(site: &Arc<Site>) -> Script {
    let route = endpoint(
        warp::path!("set-sleep-schedule" / String)
            .and(warp::post())
            .and(with(site))
            .and(warp::header::headers_cloned())
            .and(body::bytes(body::ORDINARY))
            .then(
                async |worker: String, site: Arc<Site>, headers, body: Result<Bytes, BodyError>| -> Answer {
                    let set = schedule(&site, &worker, &headers, body).await;
                    Ok(set.map_or_else(ApiError::into_text, |()| no_content()))
                },
            ),
    );
    Script { method: Method::POST, path: "/set-sleep-schedule/{id}", deed: Some("set sleep schedule"), route }
}

async fn schedule(
    site: &Site,
    worker: &str,
    headers: &HeaderMap,
    body: Result<Bytes, BodyError>,
) -> Result<(), ApiError> {
    let worker = worker.parse().map_err(|_| malformed_id(worker))?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(ApiError::not_acceptable("a sleep schedule is sent with Content-Type: application/json"));
    }
    let schedule = sleep_schedule(&body?)?;
    Ok(site.services.set_sleep_schedule(worker, schedule, site.time_zone.clone()).await?)
}

/// `GET /logfile/{job}/{task}`
pub fn logfile(site: &Arc<Site>) -> Script {
    let route = endpoint(
        warp::path!("logfile" / String / String)
            .and(warp::get())
            .and(with(site))
            .and(warp::header::headers_cloned())
            .then(async |job: String, task: String, site: Arc<Site>, headers: HeaderMap| -> Answer {
                Ok(log(&site, &job, &task, &headers).await.unwrap_or_else(ApiError::into_text))
            }),
    );
    Script::get("/logfile/{job}/{task}", route)
}

async fn log(site: &Site, job: &str, task: &str, headers: &HeaderMap) -> Answer {
    let job: JobId = job.parse().map_err(|_| malformed_id(job))?;
    let task: TaskId = task.parse().map_err(|_| malformed_id(task))?;
    let log = site.services.log(job, task).await?;
    logs::as_in_2x(log.ok_or_else(logs::no_log)?, takes_whole_logs(headers)).await
}

/// Wget and curl are used to keep a log; browsers to look at it.
fn takes_whole_logs(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    agent.starts_with("Wget/") || agent.starts_with("curl/")
}

/// `GET /kick`: fetch tasks from the Server now. Without a Server there is nothing to fetch.
pub fn kick(site: &Arc<Site>) -> Script {
    let route = endpoint(warp::path!("kick").and(warp::get()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            let Some(exchange) = &site.exchange else {
                return Ok("There is no Flamenco Server to fetch tasks from.\n".into_response());
            };
            exchange.kick();
            Ok("Tasks are being fetched from the Flamenco Server.\n".into_response())
        },
    ));
    Script { method: Method::GET, path: "/kick", deed: Some("fetch tasks from the Server"), route }
}

/// `GET /jwt/token-urls`: where a browser gets the word of the Flamenco Server about its user. Where the Server is not asked
/// for it there is no such thing; pages of 2.x take that for a Manager that lets everybody in.
pub fn token_urls(site: &Arc<Site>) -> Script {
    let route = endpoint(
        warp::path!("jwt" / "token-urls")
            .and(warp::get())
            .and(with(site))
            .and(warp::ext::get::<Peer>())
            .and(warp::header::headers_cloned())
            .then(async |site: Arc<Site>, peer: Peer, headers: HeaderMap| -> Answer {
                Ok(urls(&site, peer, &headers).unwrap_or_else(ApiError::into_text))
            }),
    );
    Script { method: Method::GET, path: "/jwt/token-urls", deed: None, route }
}

fn urls(site: &Site, peer: Peer, headers: &HeaderMap) -> Answer {
    let exchange =
        site.exchange.as_ref().filter(|_| site.services.authentication() == Authentication::Server);
    let Some(exchange) = exchange else {
        return Err(ApiError::not_found("no Flamenco Server vouches for people here"));
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let scheme = if peer.tls { "https" } else { "http" };
    let urls = documents::TokenUrls {
        token_url: exchange.token_url(),
        login_url: exchange.login_url(&format!("{scheme}://{host}/")),
    };
    Ok(warp::reply::with_header(json(&urls), header::CACHE_CONTROL, "no-store").into_response())
}

/// `GET /tasks/{id}/redir-to-server`: to the Server's own page about the task.
pub fn redirect_to_server(site: &Arc<Site>) -> Script {
    let route =
        endpoint(warp::path!("tasks" / String / "redir-to-server").and(warp::get()).and(with(site)).then(
            async |id: String, site: Arc<Site>| -> Answer {
                Ok(server_page(&site, &id).unwrap_or_else(ApiError::into_text))
            },
        ));
    Script::get("/tasks/{id}/redir-to-server", route)
}

fn server_page(site: &Site, id: &str) -> Answer {
    let task: TaskId = id.parse().map_err(|_| malformed_id(id))?;
    let Some(exchange) = &site.exchange else {
        return Err(ApiError::not_found(
            "there is no Flamenco Server that could have a page about this task",
        ));
    };
    let redirect = warp::reply::with_header("", header::LOCATION, exchange.task_page(task));
    Ok(warp::reply::with_status(redirect, StatusCode::TEMPORARY_REDIRECT).into_response())
}
