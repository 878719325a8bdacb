//! The page of routes: every address that the Manager answers at, a line each.

use std::{convert::Infallible, sync::Arc};

use warp::{Filter, Reply, filters::BoxedFilter, reject::Rejection, reply::Response};

use super::{
    Site, api,
    error::{ApiError, no_route},
    gate::{Access, identified, secured},
    latest_image, metrics,
    openapi::{self, Endpoint},
    page, scripts,
    server::{Routes, of_filter},
    to_https,
    worker::{presence, tasks},
};
use crate::services::{Error, Services};

/// One endpoint, or many.
pub type Route = BoxedFilter<(Response,)>;

/// What a handler says.
pub type Answer = Result<Response, ApiError>;

/// The table of routes. The first that matches answers; workers, who ask most, come first. A route for people stands in
/// one of the lists that say who may: those that change nothing are for viewers, all others of `people` for admins.
pub fn routes(site: &Arc<Site>) -> impl Routes + use<> {
    let workers = vec![
        tasks::hand_out(site),
        tasks::update(site),
        tasks::may_i_run(site),
        presence::status_change(site),
        presence::acknowledge_status(site),
        tasks::give_back(site),
        tasks::output_produced(site),
        presence::sign_on(site),
        presence::sign_off(site),
        presence::register(site),
    ];
    let anybody = vec![
        api::farm::version(),
        api::farm::health(site),
        api::session::show(site),
        api::session::log_in(site),
        api::session::log_out(site),
    ];
    let admins = vec![
        api::audit::list(site),
        api::database::backup(site),
        api::database::check(site),
        api::database::compact(site),
        api::database::stats(site),
        api::session::create_link(site),
        api::tokens::list(site),
        api::tokens::create(site),
        api::tokens::revoke(site),
    ];
    let scripts = [
        (Access::Anybody, scripts::token_urls(site)),
        (Access::People, scripts::as_json(site)),
        (Access::People, scripts::worker_action(site)),
        (Access::People, scripts::set_sleep_schedule(site)),
        (Access::People, scripts::logfile(site)),
        (Access::Admins, scripts::kick(site)),
        (Access::People, scripts::redirect_to_server(site)),
        (Access::People, latest_image::latest(site)),
        (Access::Anybody, latest_image::page()),
        (Access::People, latest_image::watch(site)),
    ];
    let of_people = any_of(vec![
        to_https::redirect(site),
        openapi::with_document(
            site,
            [(Access::Anybody, anybody), (Access::People, for_people(site)), (Access::Admins, admins)],
        ),
        any_of(scripts.into_iter().map(|(access, script)| script.guarded(site, access)).collect()),
        page::page(site),
    ]);
    let all = any_of(vec![any_of(workers), of_people.map(secured).boxed()])
        .recover(async |rejection: Rejection| Ok::<_, Infallible>(secured(no_route(&rejection))))
        .unify();
    identified(site, of_filter(all))
}

/// What people do with the farm.
fn for_people(site: &Arc<Site>) -> Vec<Endpoint> {
    vec![
        api::jobs::submit(site),
        api::jobs::types(),
        api::jobs::list(site),
        api::jobs::show(site),
        api::jobs::tasks(site),
        api::grid::grid(site),
        api::jobs::failures(site),
        api::jobs::cancel(site),
        api::jobs::pause(site),
        api::jobs::resume(site),
        api::jobs::requeue(site),
        api::jobs::change(site),
        api::jobs::delete(site),
        api::image::of_job(site),
        api::image::file_of_job(site),
        api::tasks::show(site),
        api::tasks::commands(site),
        api::tasks::log(site),
        api::tasks::history(site),
        api::tasks::cancel(site),
        api::tasks::requeue(site),
        api::workers::list(site),
        api::workers::show(site),
        api::workers::recent_tasks(site),
        api::workers::change(site),
        api::workers::request_status(site),
        api::workers::acknowledge_timeout(site),
        api::workers::set_sleep_schedule(site),
        api::workers::test_render(site),
        api::workers::forget(site),
        api::actions::of_jobs(site),
        api::actions::of_tasks(site),
        api::actions::of_workers(site),
        api::blacklist::list(site),
        api::blacklist::forget(site),
        api::explain::job(site),
        api::explain::task(site),
        api::explain::worker(site),
        api::variables::list(site),
        api::settings::list(site),
        api::events::events(site),
        api::image::latest(site),
        api::farm::farm(site),
        api::farm::history(site),
        api::upkeep::erase_tasks(site),
        api::upkeep::purge_updates(site),
        api::database::export(site),
        metrics::metrics(site),
    ]
}

/// Makes a route of a handler: its errors become answers, and nothing is left for another route to take.
pub fn endpoint<F>(handler: F) -> Route
where
    F: Filter<Extract = (Answer,), Error = Rejection> + Clone + Send + Sync + 'static,
{
    handler.map(|answer: Answer| answer.unwrap_or_else(ApiError::into_response)).boxed()
}

/// Hands the site to a handler.
pub fn with(
    site: &Arc<Site>,
) -> impl Filter<Extract = (Arc<Site>,), Error = Infallible> + Clone + Send + Sync + use<> {
    let site = Arc::clone(site);
    warp::any().map(move || Arc::clone(&site))
}

/// Runs a look at the database that may take a while, where it keeps no other request waiting.
pub async fn look<T: Send + 'static>(
    site: &Site,
    work: impl FnOnce(&Services) -> Result<T, Error> + Send + 'static,
) -> Result<T, ApiError> {
    let services = Arc::clone(&site.services);
    let done = tokio::task::spawn_blocking(move || work(&services)).await;
    Ok(done.map_err(|_| Error::Panicked)??)
}

/// A JSON document.
pub fn json<T: serde::Serialize>(document: &T) -> Response {
    warp::reply::json(document).into_response()
}

/// Joins routes from the last to the first, so that the first, which are asked for most, stand outermost: every look at a
/// waiting request goes through all that stands around its route. Boxed after every step: a plain chain of so many
/// `or`s does not compile.
pub fn any_of(routes: Vec<Route>) -> Route {
    let join = |rest: Route, route: Route| route.or(rest).unify().boxed();
    routes.into_iter().rev().reduce(join).expect("the lists of routes are not empty")
}
