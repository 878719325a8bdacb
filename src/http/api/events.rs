//! What happens, as events.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use warp::Filter;

use super::{
    super::{
        Site,
        error::ApiError,
        live::{self, Topic, Wanted},
        openapi::{Endpoint, get},
        routes::{Answer, endpoint, with},
        sse,
    },
    parameters,
};
use crate::domain::ids::JobId;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Filters {
    /// Only these topics, with commas between them.
    topics: Option<String>,
    /// Of tasks only those of this job.
    job: Option<JobId>,
}

/// `GET /api/events`: jobs, tasks, workers, images and the farm, each as it is now whenever it has changed.
pub fn events(site: &Arc<Site>) -> Endpoint {
    let about = get("/api/events", "What happens, as events named `job`, `task`, `worker`, `image` and `farm`; `missed` when there was too much to tell").query::<Filters>().answers_as("text/event-stream");
    let route = endpoint(
        warp::path!("api" / "events")
            .and(warp::get())
            .and(with(site))
            .and(parameters())
            .and(sse::end())
            .then(async |site: Arc<Site>, filters: Result<Filters, ApiError>, stop| -> Answer {
                let Filters { topics, job } = filters?;
                let topics = topics.map_or(Ok(Topic::ALL.to_vec()), |names| read_topics(&names))?;
                Ok(sse::answer(live::listen(&site, Wanted { topics, job }), stop))
            }),
    );
    about.by(route)
}

fn read_topics(names: &str) -> Result<Vec<Topic>, ApiError> {
    let known = || Topic::ALL.map(Topic::as_str);
    if let Some(unknown) = names.split(',').find(|name| !known().contains(name)) {
        let known = known().join(", ");
        return Err(ApiError::bad_request(format!(
            "topics: there is no topic {unknown:?}; use some of {known}"
        )));
    }
    // Each once, however often it is named.
    Ok(Topic::ALL.into_iter().filter(|topic| names.split(',').any(|name| name == topic.as_str())).collect())
}
