//! `GET /metrics`: figures for Prometheus.

use std::{collections::BTreeMap, sync::Arc};

use http::header;
use jiff::Timestamp;
use prometheus_client::{
    encoding::text::encode,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use warp::{Filter, Reply};

use super::{
    Site,
    error::ApiError,
    openapi::{Endpoint, get},
    routes::{Answer, endpoint, look, with},
};
use crate::{
    exchange::{self, Topic},
    services::{Disks, Farm, ServerQueues},
};

const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /metrics`
pub fn metrics(site: &Arc<Site>) -> Endpoint {
    let about = get("/metrics", "Figures for Prometheus").answers_as(KIND);
    let route = endpoint(warp::path!("metrics").and(warp::get()).and(with(site)).then(
        async |site: Arc<Site>| -> Answer {
            let (exchange, warnings) = site.exchange_state();
            let farm = look(&site, |services| services.farm(warnings)).await?;
            let mut text = String::new();
            let registry = registry(&farm, exchange.as_ref(), site.services.now());
            encode(&mut text, &registry).map_err(|error| ApiError::internal(&error))?;
            Ok(warp::reply::with_header(text, header::CONTENT_TYPE, KIND).into_response())
        },
    ));
    about.by(route)
}

/// Figures are computed when they are asked for, so that none can be forgotten where something happens.
fn registry(farm: &Farm, exchange: Option<&exchange::State>, now: Timestamp) -> Registry {
    let Farm { jobs, tasks, workers, queues, uptime, starved_jobs, warnings, disks, .. } = farm;
    let mut registry = Registry::with_prefix("flamenco");
    by_status(&mut registry, "jobs", "Jobs by status", jobs);
    by_status(&mut registry, "tasks", "Tasks by status", tasks);
    by_status(&mut registry, "workers", "Workers by status", workers);
    waiting_for_server(&mut registry, queues, now);
    if let Some(state) = exchange {
        conversations(&mut registry, state);
    }
    number(
        &mut registry,
        "starved_jobs",
        "Jobs with runnable tasks that no registered worker can ever take",
        starved_jobs.len() as u64,
    );
    number(&mut registry, "warnings", "Things that want to be looked at: see /api/farm", warnings.count());
    room_on_disks(&mut registry, disks);
    let help = "Whether there is so little room on a disk that no new jobs are taken";
    number(&mut registry, "out_of_room", help, u64::from(farm.is_out_of_room));
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

/// Room on the disks, as far as the system tells.
fn room_on_disks(registry: &mut Registry, disks: &Disks) {
    let free = Family::<[(&'static str, &'static str); 1], Gauge>::default();
    let total = Family::<[(&'static str, &'static str); 1], Gauge>::default();
    for (contents, space) in [("database", disks.database), ("task_logs", disks.task_logs)] {
        let Some(space) = space else { continue };
        free.get_or_create(&[("disk", contents)]).set(space.free.cast_signed());
        total.get_or_create(&[("disk", contents)]).set(space.total.cast_signed());
    }
    registry.register("disk_free_bytes", "What the Manager can still write on a disk", free);
    registry.register("disk_size_bytes", "How large a disk is", total);
}

/// The queues of the exchange with the Server, and how long the oldest in them have waited.
fn waiting_for_server(registry: &mut Registry, queues: &ServerQueues, now: Timestamp) {
    let age = |since: Option<Timestamp>| {
        since.map_or(0, |since| now.duration_since(since).as_secs().unsigned_abs())
    };
    let ServerQueues { updates, oldest_update, set_aside, wanted_logs, oldest_wanted_log, ask_again, .. } =
        queues;
    for (name, help, value) in [
        ("update_queue", "Task updates that the Server has yet to hear", *updates),
        ("update_queue_age_seconds", "How long the oldest of them has waited", age(*oldest_update)),
        ("updates_set_aside", "Task updates that the Server would not take", *set_aside),
        ("wanted_logs", "Task logs that the Server wants", *wanted_logs),
        ("wanted_logs_age_seconds", "How long it has wanted the oldest of them", age(*oldest_wanted_log)),
        ("tasks_to_ask_about", "Tasks that the Server has to be asked about once more", *ask_again),
    ] {
        number(registry, name, help, value);
    }
}

/// How each conversation with the Server goes.
fn conversations(registry: &mut Registry, state: &exchange::State) {
    let topics = || Topic::ALL.into_iter().zip(&state.conversations);
    let failures = Family::<[(&'static str, &'static str); 1], Gauge>::default();
    let success = Family::<[(&'static str, &'static str); 1], Gauge>::default();
    let next_try = Family::<[(&'static str, &'static str); 1], Gauge>::default();
    for (topic, conversation) in topics() {
        let label = [("conversation", topic.as_str())];
        failures.get_or_create(&label).set(conversation.failures.into());
        if let Some(last) = conversation.last_success {
            success.get_or_create(&label).set(last.as_second());
        }
        if let Some(next) = conversation.next_try {
            next_try.get_or_create(&label).set(next.as_second());
        }
    }
    let help = "How often a conversation with the Server has failed since it last went well";
    registry.register("exchange_failures", help, failures);
    let help = "When a conversation with the Server last went well, in seconds since 1970";
    registry.register("exchange_last_success_timestamp_seconds", help, success);
    let help = "When a conversation with the Server is tried next, in seconds since 1970";
    registry.register("exchange_next_try_timestamp_seconds", help, next_try);
    let help = "Whether all conversations stand still because the Server does not accept this Manager";
    number(registry, "exchange_standstill", help, u64::from(state.standstill.is_some()));
}
