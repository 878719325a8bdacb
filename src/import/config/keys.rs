//! Every key that `flamenco-manager.yaml` has had in any version of Flamenco Manager 2.x, and what becomes of it.

use super::{
    duration::{self, DAY, SECOND},
    yaml::Node,
};

/// What becomes of a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    /// It becomes this key of `manager.toml`.
    Becomes(&'static str, As),
    /// It was the name of the first key before Flamenco Manager 2.0.11.
    WasBefore2011(&'static str, As),
    /// It has keys of its own.
    Section(&'static [(&'static str, Fate)]),
    /// It has no counterpart, for this reason.
    Dropped(&'static str),
    /// It is read by itself: the version, and the variables.
    Apart,
}

/// How a value is read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum As {
    Text,
    /// A text that no message shows.
    Secret,
    /// A path: relative ones belong to the folder of the file.
    Path,
    Paths,
    Texts,
    Switch,
    Number,
    /// A time; a bare number is one of nanoseconds.
    Time,
    /// A time; a bare number is one of units with so many nanoseconds.
    TimeIn(i128),
    /// A time of which 2.x takes any one below zero for "never".
    TimeOrNever,
}

use As::{Number, Path, Paths, Secret, Switch, Text, Texts, Time, TimeIn, TimeOrNever};
use Fate::{Apart, Becomes, Dropped, Section, WasBefore2011};

const SECONDS: As = TimeIn(SECOND);

/// All keys, an old name behind the new one.
pub(super) const KEYS: &[(&str, Fate)] = &[
    ("_meta", Apart),
    ("mode", Becomes("mode", Text)),
    ("manager_name", Becomes("manager_name", Text)),
    (
        "database_url",
        Dropped(
            "there is no MongoDB any more: `flamenco-manager import mongodb` brings over what mongodump writes",
        ),
    ),
    (
        "database_path",
        Dropped(
            "these are files of the MongoDB that came with 2.x, which nobody else can read: start 2.x, let mongodump write \
             its contents, and bring them over with `flamenco-manager import mongodb`",
        ),
    ),
    ("task_logs_path", Becomes("task_logs_path", Path)),
    ("listen", Becomes("listen", Text)),
    ("listen_https", Becomes("listen_https", Text)),
    ("own_url", Becomes("own_url", Text)),
    ("flamenco", Becomes("flamenco", Text)),
    ("manager_id", Becomes("manager_id", Text)),
    ("manager_secret", Becomes("manager_secret", Secret)),
    ("tlskey", Becomes("tlskey", Path)),
    ("tlscert", Becomes("tlscert", Path)),
    ("acme_domain_name", Becomes("acme_domain_name", Text)),
    ("download_task_sleep", Becomes("download_task_sleep", Time)),
    ("download_task_sleep_seconds", WasBefore2011("download_task_sleep", SECONDS)),
    ("download_task_recheck_throttle", Becomes("download_task_recheck_throttle", TimeOrNever)),
    ("download_task_recheck_throttle_seconds", WasBefore2011("download_task_recheck_throttle", SECONDS)),
    ("task_update_push_max_interval", Becomes("task_update_push_max_interval", Time)),
    ("task_update_push_max_interval_seconds", WasBefore2011("task_update_push_max_interval", SECONDS)),
    ("task_update_push_max_count", Becomes("task_update_push_max_count", Number)),
    ("cancel_task_fetch_max_interval", Becomes("cancel_task_fetch_max_interval", Time)),
    ("cancel_task_fetch_max_interval_seconds", WasBefore2011("cancel_task_fetch_max_interval", SECONDS)),
    ("active_task_timeout_interval", Becomes("active_task_timeout_interval", Time)),
    ("active_task_timeout_interval_seconds", WasBefore2011("active_task_timeout_interval", SECONDS)),
    ("active_worker_timeout_interval", Becomes("active_worker_timeout_interval", Time)),
    ("task_cleanup_max_age", Becomes("task_cleanup_max_age", Time)),
    ("task_cleanup_max_age_days", WasBefore2011("task_cleanup_max_age", TimeIn(DAY))),
    ("worker_cleanup_max_age", Becomes("worker_cleanup_max_age", Time)),
    ("worker_cleanup_status", Becomes("worker_cleanup_status", Texts)),
    ("blacklist_threshold", Becomes("blacklist_threshold", Number)),
    ("task_fail_after_softfail_count", Becomes("task_fail_after_softfail_count", Number)),
    ("watch_for_latest_image", Becomes("watch_for_latest_image", Path)),
    ("ssdp_discovery", Becomes("ssdp_discovery", Switch)),
    ("ssdp_device_uuid", Becomes("ssdp_device_uuid", Text)),
    (
        "test_tasks",
        Section(&[(
            "test_blender_render",
            Section(&[
                ("job_storage", Becomes("test_tasks.test_blender_render.job_storage", Text)),
                ("render_output", Becomes("test_tasks.test_blender_render.render_output", Text)),
            ]),
        )]),
    ),
    (
        "shaman",
        Section(&[
            ("enabled", Becomes("shaman.enabled", Switch)),
            ("fileStorePath", Becomes("shaman.file_store_path", Path)),
            ("checkoutPath", Becomes("shaman.checkout_path", Path)),
            (
                "garbageCollect",
                Section(&[
                    ("period", Becomes("shaman.garbage_collect.period", Time)),
                    ("maxAge", Becomes("shaman.garbage_collect.max_age", Time)),
                    ("extraCheckoutPaths", Becomes("shaman.garbage_collect.extra_checkout_paths", Paths)),
                ]),
            ),
            ("jwtPublicKeysURL", Dropped(SERVERS_KEYS)),
            ("jwtPublicKeysDownloadInterval", Dropped(SERVERS_KEYS)),
        ]),
    ),
    ("user_authentication", Section(AUTHENTICATION)),
    // So it was called for a day in March 2019.
    ("authentication", Section(AUTHENTICATION)),
    ("worker_registration_secret", Becomes("worker_registration_secret", Secret)),
    (
        "dynamic_pool_platforms",
        Dropped(
            "machines in a cloud are not started and stopped from here any more; let the cloud do so, for instance by what \
             /metrics says",
        ),
    ),
    ("websetup", Dropped("there is no web setup: this file is the configuration")),
    ("variables", Apart),
    ("path_replacement", Apart),
];

const AUTHENTICATION: &[(&str, Fate)] = &[
    ("disableSecurity", Becomes(DISABLE_SECURITY, Switch)),
    ("publicKeysURL", Dropped(SERVERS_KEYS)),
    ("publicKeysDownloadInterval", Dropped(SERVERS_KEYS)),
];

/// Stands for `user_authentication.disableSecurity` until a mode is made of it.
pub(super) const DISABLE_SECURITY: &str = "user_authentication.disableSecurity";

const SERVERS_KEYS: &str = "the Server's keys are found and renewed without being told";

/// A value in the words of TOML; nothing for a list where a single value should be, or the other way round. A single one that
/// 2.x would not take either becomes a text, so that the one who reads `manager.toml` says what is allowed.
pub(super) fn value(node: &Node, kind: As, path: impl Fn(&str) -> String) -> Option<String> {
    match kind {
        Paths => node.texts().map(|items| list(items.into_iter().map(path))),
        Texts => node.texts().map(|items| list(items.into_iter().map(str::to_owned))),
        Path => node.text().map(|text| quoted(&path(text))),
        Text | Secret | Switch | Number | Time | TimeIn(_) | TimeOrNever => {
            node.text().map(|text| scalar(text, kind).unwrap_or_else(|| quoted(text)))
        }
    }
}

fn scalar(text: &str, kind: As) -> Option<String> {
    match kind {
        Text | Secret | Path | Paths | Texts => None,
        Switch => switch(text).map(|on| on.to_string()),
        Number => text.replace('_', "").parse::<i64>().ok().map(|number| number.to_string()),
        Time => nanoseconds(text, 1).map(time),
        TimeIn(unit) => nanoseconds(text, unit).map(time),
        TimeOrNever => nanoseconds(text, 1).map(|time| if time < 0 { -SECOND } else { time }).map(time),
    }
}

fn time(nanoseconds: i128) -> String {
    quoted(&duration::written(nanoseconds))
}

/// A bare number counts `unit`s.
fn nanoseconds(text: &str, unit: i128) -> Option<i128> {
    match bare_number(text) {
        Some(number) => Some(number * unit),
        None => duration::parse(text),
    }
}

/// The number, if it is one without a unit.
pub(super) fn bare_number(text: &str) -> Option<i128> {
    text.replace('_', "").parse::<i64>().ok().map(i128::from)
}

/// What YAML 1.1 takes for true or false.
pub(super) fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.map(|item| quoted(&item)).collect();
    format!("[{}]", items.join(", "))
}

/// A text in the words of TOML.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
