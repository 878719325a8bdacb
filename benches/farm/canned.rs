//! The ceiling: the Manager's stack and number of routes, with fixed answers and nothing behind them.

use std::{convert::Infallible, iter};

use bytes::Bytes;
use flamenco_manager::http::{
    any_of,
    body::{self, BodyError},
    on_panic,
    server::{self, Limits},
};
use headers::{Authorization, Header, authorization::Basic};
use http::{HeaderValue, StatusCode};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use warp::{Filter, Reply, filters::BoxedFilter, reply::Response};

use super::Outcome;

type Route = BoxedFilter<(Response,)>;

/// Routes of the Manager that are not for workers.
const OTHER_ROUTES: usize = 22;

const REGISTERED: &str = r#"{"_id":"650000000000000000000001","nickname":"canned"}"#;

const TASK: &str = r#"{"_id":"650000000000000000000002","activity":"","commands":[{"name":"blender_render","settings":{"blender_cmd":"/opt/blender/blender","filepath":"/render/film/shots/042/042-lighting.blend","format":"OPEN_EXR","frames":"1..5","render_output":"/render/film/frames/042/######"}}],"failed_by_workers":[],"job":"650000000000000000000003","job_priority":50,"job_type":"","last_updated":"2026-11-21T19:20:14.339Z","last_worker_ping":"2026-11-21T19:20:14.339Z","name":"f1","parents":[],"priority":50,"status":"active","task_type":"blender-render","worker":"worker-1 (127.0.0.1)","worker_id":"650000000000000000000001"}"#;

/// Serves for ever.
pub async fn serve(port: u16) -> Outcome<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    server::serve(
        vec![server::Listener::http(listener)],
        server::of_filter(routes()),
        on_panic,
        Limits::default(),
        CancellationToken::new(),
    )
    .await;
    Ok(())
}

/// Everything, and an answer to what is unknown.
fn routes() -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static {
    let unknown = async |_| Ok((StatusCode::NOT_FOUND.into_response(),));
    any_of_all().or_else(unknown)
}

/// The calls of workers first, as the Manager lists them.
fn any_of_all() -> Route {
    let workers = vec![
        warp::path!("task").and(warp::post()).and(worker()).map(|_| json(TASK)).boxed(),
        warp::path!("tasks" / String / "update")
            .and(warp::post())
            .and(worker())
            .and(body(body::TASK_UPDATE))
            .map(|_, _, _| no_content())
            .boxed(),
        warp::path!("may-i-run" / String).and(warp::get()).and(worker()).map(|_, _| no_content()).boxed(),
        warp::path!("status-change").and(warp::get()).and(worker()).map(|_| no_content()).boxed(),
        warp::path!("tasks" / String / "return")
            .and(warp::post())
            .and(worker())
            .map(|_, _| no_content())
            .boxed(),
        warp::path!("sign-on")
            .and(warp::post())
            .and(worker())
            .and(body(body::ORDINARY))
            .map(|_, _| no_content())
            .boxed(),
        warp::path!("sign-off").and(warp::post()).and(worker()).map(|_| no_content()).boxed(),
        warp::path!("register-worker")
            .and(warp::post())
            .and(body(body::ORDINARY))
            .map(|_| json(REGISTERED))
            .boxed(),
        warp::path!("api" / "version").and(warp::get()).map(no_content).boxed(),
    ];
    let others = (0..OTHER_ROUTES)
        .map(|number| warp::path(format!("other-{number}")).and(warp::get()).map(no_content).boxed());
    any_of(workers.into_iter().chain(others).collect())
}

/// The ID of the worker that calls.
fn worker() -> BoxedFilter<(String,)> {
    warp::header::value("authorization").and_then(identify).boxed()
}

async fn identify(header: HeaderValue) -> Result<String, warp::Rejection> {
    let basic = Authorization::<Basic>::decode(&mut iter::once(&header)).map_err(|_| warp::reject())?;
    Ok(basic.username().to_owned())
}

fn body(max: u64) -> BoxedFilter<(Result<Bytes, BodyError>,)> {
    body::bytes(max).boxed()
}

fn json(body: &'static str) -> Response {
    warp::reply::with_header(body, "content-type", "application/json").into_response()
}

fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}
