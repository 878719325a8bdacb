//! `GET /metrics`: figures for Prometheus.

use std::{collections::BTreeMap, sync::Arc};

use http::header;
use prometheus_client::{
    encoding::text::encode,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use warp::{Filter, Reply};

use super::{
    Site,
    error::ApiError,
    routes::{Answer, Route, endpoint, look, with},
};
use crate::services::{Farm, Services};

/// `GET /metrics`
pub fn metrics(site: &Arc<Site>) -> Route {
    endpoint(warp::path!("metrics").and(warp::get()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            let farm = look(&site, Services::farm).await?;
            let mut text = String::new();
            encode(&mut text, &registry(&farm)).map_err(|error| ApiError::internal(&error))?;
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            Ok(warp::reply::with_header(text, header::CONTENT_TYPE, kind).into_response())
        },
    ))
}

/// Figures are computed when they are asked for, so that none can be forgotten where something happens.
fn registry(farm: &Farm) -> Registry {
    let Farm { jobs, tasks, workers, update_queue, uptime, starved_jobs } = farm;
    let mut registry = Registry::with_prefix("flamenco");
    by_status(&mut registry, "jobs", "Jobs by status", jobs);
    by_status(&mut registry, "tasks", "Tasks by status", tasks);
    by_status(&mut registry, "workers", "Workers by status", workers);
    number(&mut registry, "update_queue", "Task updates that the Server has yet to hear", *update_queue);
    number(
        &mut registry,
        "starved_jobs",
        "Jobs with runnable tasks that no registered worker can ever take",
        starved_jobs.len() as u64,
    );
    number(
        &mut registry,
        "uptime_seconds",
        "How long the Manager has been running",
        uptime.as_secs().unsigned_abs(),
    );
    registry
}

fn by_status(registry: &mut Registry, name: &str, help: &str, counts: &BTreeMap<&'static str, u64>) {
    let family = Family::<[(&'static str, &'static str); 1], Gauge>::default();
    for (status, count) in counts {
        family.get_or_create(&[("status", *status)]).set(count.cast_signed());
    }
    registry.register(name, help, family);
}

fn number(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge: Gauge = Gauge::default();
    gauge.set(value.cast_signed());
    registry.register(name, help, gauge);
}
