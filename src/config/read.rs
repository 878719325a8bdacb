//! From the text of `manager.toml` to a [`Config`]: one line a key, and what must go together.

use std::collections::BTreeSet;

use super::{
    Acme, Backup, Certificate, CertificateSource, Config, GarbageCollect, Https, Intervals, ListenAddress,
    ListenHost, Problem, ServerLink, Shaman, TestTasks, kinds as kind,
    section::{Document, Reading, Section},
    variables,
};
use crate::domain::people::Authentication;

/// Reads `text` over the defaults. Answers as well all keys that a file may have.
pub(super) fn read(text: &str) -> (Config, BTreeSet<String>, Vec<Problem>) {
    let mut config = Config::default();
    let Reading { asked, written, problems, secrets: _ } =
        Document::read(text, |file| read_file(file, &mut config));
    config.written = written;
    (config, asked, problems)
}

/// The keys whose values nobody may see.
pub(super) fn secrets() -> BTreeSet<String> {
    Document::read("", |file| read_file(file, &mut Config::default())).secrets
}

#[expect(clippy::too_many_lines, reason = "a line for each key")]
fn read_file(file: &mut Section<'_, '_>, config: &mut Config) {
    // Taken apart, so that a new field does not compile until it is read.
    let Config {
        manager_name,
        mode,
        listen,
        https,
        own_url,
        database_path,
        task_logs_path,
        task_log_max_age,
        min_free_space,
        server,
        download_task_sleep,
        download_task_recheck_throttle,
        task_update_push_max_interval,
        task_update_push_max_count,
        cancel_task_fetch_max_interval,
        active_task_timeout_interval,
        active_worker_timeout_interval,
        task_cleanup_max_age,
        job_cleanup_max_age,
        worker_cleanup_max_age,
        worker_cleanup_status,
        blacklist_threshold,
        task_fail_after_softfail_count,
        job_fail_percentage,
        scheduling,
        watch_for_latest_image,
        ssdp_discovery,
        ssdp_device_uuid,
        worker_registration_secret,
        backup,
        intervals,
        user_authentication,
        variables,
        shaman,
        test_tasks,
        written: _,
    } = config;
    file.read("manager_name", &kind::TEXT, manager_name);
    file.read("mode", &kind::MODE, mode);
    file.read("listen", &kind::LISTEN, listen);
    *https = read_https(file);
    file.read("own_url", &kind::OPTIONAL_URL, own_url);
    file.read("database_path", &kind::PATH, database_path);
    file.read("task_logs_path", &kind::PATH, task_logs_path);
    file.read("task_log_max_age", &kind::TIME_OR_NEVER, task_log_max_age);
    file.read("min_free_space", &kind::SIZE, min_free_space);
    *server = read_server_link(file);
    file.read("download_task_sleep", &kind::TIME, download_task_sleep);
    file.read("download_task_recheck_throttle", &kind::RECHECK, download_task_recheck_throttle);
    file.read("task_update_push_max_interval", &kind::TIME, task_update_push_max_interval);
    file.read("task_update_push_max_count", &kind::COUNT, task_update_push_max_count);
    file.read("cancel_task_fetch_max_interval", &kind::TIME, cancel_task_fetch_max_interval);
    file.read("active_task_timeout_interval", &kind::TIME, active_task_timeout_interval);
    file.read("active_worker_timeout_interval", &kind::TIME, active_worker_timeout_interval);
    file.read("task_cleanup_max_age", &kind::TIME, task_cleanup_max_age);
    file.read("job_cleanup_max_age", &kind::TIME_OR_NEVER, job_cleanup_max_age);
    file.read("worker_cleanup_max_age", &kind::TIME_OR_NEVER, worker_cleanup_max_age);
    file.read("worker_cleanup_status", &kind::WORKER_STATUSES, worker_cleanup_status);
    file.read("blacklist_threshold", &kind::COUNT, blacklist_threshold);
    file.read("task_fail_after_softfail_count", &kind::COUNT, task_fail_after_softfail_count);
    file.read("job_fail_percentage", &kind::PERCENTAGE, job_fail_percentage);
    file.read("scheduling", &kind::SCHEDULING, scheduling);
    file.read("watch_for_latest_image", &kind::OPTIONAL_PATH, watch_for_latest_image);
    file.read("ssdp_discovery", &kind::SWITCH, ssdp_discovery);
    file.read("ssdp_device_uuid", &kind::OPTIONAL_UUID, ssdp_device_uuid);
    file.read("worker_registration_secret", &kind::OPTIONAL_SECRET, worker_registration_secret);
    file.section("backup", |section| read_backup(section, backup));
    file.section("intervals", |section| read_intervals(section, intervals));
    file.section("user_authentication", |section| {
        read_user_authentication(section, user_authentication, server.is_some());
    });
    file.section("variables", |section| variables::read(section, variables));
    file.section("shaman", |section| read_shaman(section, shaman));
    file.section("test_tasks", |section| read_test_tasks(section, test_tasks));
    check_listening(file, config);
}

/// HTTPS is served when a certificate is set up; or when its address is, and then with a certificate of the Manager's own.
fn read_https(file: &mut Section<'_, '_>) -> Option<Https> {
    let mut listen = Some(ListenAddress { host: ListenHost::Everywhere, port: 8443 });
    file.read("listen_https", &kind::LISTEN, &mut listen);
    let certificate = match (read_certificate(file), read_acme(file)) {
        (Some(own), _) => CertificateSource::Own(own),
        (None, Some(acme)) => CertificateSource::Acme(acme),
        (None, None) if names(file, "listen_https") => CertificateSource::SelfMade,
        (None, None) => return None,
    };
    if listen.is_none() && certificate != CertificateSource::SelfMade && file.is_clean() {
        file.contradiction("listen_https", "TLS is set up, so an address is needed");
    }
    Some(Https { listen: listen?, certificate })
}

fn names(file: &Section<'_, '_>, key: &str) -> bool {
    file.names().iter().any(|name| name == key)
}

fn read_acme(file: &mut Section<'_, '_>) -> Option<Acme> {
    let (mut domain, mut directory, mut ca) = (None, None, None);
    file.read("acme_domain_name", &kind::OPTIONAL_DOMAIN, &mut domain);
    file.read("acme_directory_url", &kind::OPTIONAL_HTTPS_URL, &mut directory);
    file.read("acme_ca", &kind::OPTIONAL_PATH, &mut ca);
    if domain.is_none() && file.is_clean() {
        let alone = [("acme_directory_url", directory.is_some()), ("acme_ca", ca.is_some())];
        for (key, _) in alone.into_iter().filter(|(_, is_set)| *is_set) {
            file.contradiction(key, "needs acme_domain_name as well");
        }
    }
    Some(Acme { domain: domain?, directory, ca })
}

fn read_certificate(file: &mut Section<'_, '_>) -> Option<Certificate> {
    let (mut key, mut certificate) = (None, None);
    file.read("tlskey", &kind::OPTIONAL_PATH, &mut key);
    file.read("tlscert", &kind::OPTIONAL_PATH, &mut certificate);
    match (key, certificate) {
        (Some(key), Some(certificate)) => return Some(Certificate { key, certificate }),
        // A bad value is reported already.
        _ if !file.is_clean() => {}
        (Some(_), None) => file.contradiction("tlskey", "needs tlscert as well"),
        (None, Some(_)) => file.contradiction("tlscert", "needs tlskey as well"),
        (None, None) => {}
    }
    None
}

fn read_server_link(file: &mut Section<'_, '_>) -> Option<ServerLink> {
    let (mut url, mut manager_id, mut manager_secret) = (None, None, None);
    file.read("flamenco", &kind::OPTIONAL_URL, &mut url);
    file.read("manager_id", &kind::OPTIONAL_MANAGER_ID, &mut manager_id);
    file.read("manager_secret", &kind::OPTIONAL_SECRET, &mut manager_secret);
    match (url, manager_id, manager_secret) {
        (Some(url), Some(manager_id), Some(manager_secret)) => {
            return Some(ServerLink { url, manager_id, manager_secret });
        }
        // A bad value is reported already.
        _ if !file.is_clean() => {}
        (Some(_), ..) => file.contradiction("flamenco", "needs manager_id and manager_secret as well"),
        (None, Some(_), _) => file.contradiction("manager_id", "needs flamenco as well"),
        (None, None, Some(_)) => file.problem("manager_secret", "needs flamenco as well"),
        (None, None, None) => {}
    }
    None
}

fn read_user_authentication(
    section: &mut Section<'_, '_>,
    mode: &mut Option<Authentication>,
    has_server: bool,
) {
    section.read("mode", &kind::USER_AUTHENTICATION, mode);
    if *mode == Some(Authentication::Server) && !has_server && section.is_clean() {
        section.contradiction("mode", "needs flamenco, the Server that vouches for people");
    }
}

fn read_backup(section: &mut Section<'_, '_>, Backup { path, interval, keep }: &mut Backup) {
    section.read("path", &kind::OPTIONAL_PATH, path);
    section.read("interval", &kind::TIME_OR_NEVER, interval);
    section.read("keep", &kind::COUNT, keep);
}

fn read_intervals(section: &mut Section<'_, '_>, intervals: &mut Intervals) {
    let Intervals {
        startup_grace,
        timeout_check,
        sleep_schedule_check,
        worker_cleanup_check,
        task_cleanup_check,
    } = intervals;
    section.read("startup_grace", &kind::TIME_OR_ZERO, startup_grace);
    section.read("timeout_check", &kind::TIME, timeout_check);
    section.read("sleep_schedule_check", &kind::TIME, sleep_schedule_check);
    section.read("worker_cleanup_check", &kind::TIME, worker_cleanup_check);
    section.read("task_cleanup_check", &kind::TIME, task_cleanup_check);
}

fn read_shaman(section: &mut Section<'_, '_>, shaman: &mut Shaman) {
    let Shaman { enabled, file_store_path, checkout_path, garbage_collect } = shaman;
    section.read("enabled", &kind::SWITCH, enabled);
    section.read("file_store_path", &kind::PATH, file_store_path);
    section.read("checkout_path", &kind::PATH, checkout_path);
    section.section("garbage_collect", |section| {
        let GarbageCollect { period, max_age, extra_checkout_paths } = garbage_collect;
        section.read("period", &kind::TIME_OR_NEVER, period);
        section.read("max_age", &kind::TIME, max_age);
        section.read("extra_checkout_paths", &kind::PATHS, extra_checkout_paths);
    });
    if file_store_path == checkout_path {
        section.contradiction("checkout_path", "must not be the same as file_store_path");
    }
}

fn read_test_tasks(section: &mut Section<'_, '_>, test_tasks: &mut TestTasks) {
    section.section("test_blender_render", |section| {
        let render = &mut test_tasks.test_blender_render;
        section.read("job_storage", &kind::TEXT, &mut render.job_storage);
        section.read("render_output", &kind::TEXT, &mut render.render_output);
    });
}

fn check_listening(file: &mut Section<'_, '_>, config: &Config) {
    if !file.is_clean() {
        return;
    }
    match (&config.listen, &config.https) {
        (None, None) => {
            file.contradiction(
                "listen",
                "nothing is left to listen on: give an address, or set listen_https",
            );
        }
        (Some(http), Some(https)) if *http == https.listen && http.port != 0 => {
            let key = if names(file, "listen_https") { "listen_https" } else { "listen" };
            file.contradiction(key, "HTTP and HTTPS cannot listen on the same address");
        }
        _ => {}
    }
}
