//! What becomes of each key and value of an old configuration, and what is said about it.

use std::{collections::BTreeSet, fmt::Write, path::PathBuf};

use proptest::prelude::*;

use super::{
    keys::{self, Fate, KEYS},
    *,
};
use crate::{
    config::{CertificateSource, Mode, RecheckThrottle},
    domain::{
        people::Authentication,
        variables::{Audience, Direction},
    },
};

const LINKED: &str =
    "flamenco: https://farm.example.com/\nmanager_id: 5c7d0000000000000000abc9\nmanager_secret: 012345\n";

fn translated(yaml: &str) -> Translation {
    translate(yaml, Path::new("/opt/flamenco/flamenco-manager.yaml"))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The configuration that is made of a file of version 2, and what is said about it.
fn v2(yaml: &str) -> (Config, Vec<String>) {
    read(&format!("_meta: {{version: 2}}\n{yaml}"))
}

/// The configuration that is made of a file.
fn read(yaml: &str) -> (Config, Vec<String>) {
    let Translation { toml, notes } = translated(yaml);
    let config = Config::from_toml(&toml, "manager.toml").unwrap_or_else(|error| panic!("{error}\n{toml}"));
    (config, notes.iter().map(|note| format!("{}: {}", note.kind, note.sentence())).collect())
}

fn config(yaml: &str) -> Config {
    v2(yaml).0
}

/// What is said about a file, of which nothing else is said than about an empty one.
fn said(yaml: &str) -> Vec<String> {
    let usual: BTreeSet<_> = v2("").1.into_iter().collect();
    v2(yaml).1.into_iter().filter(|note| !usual.contains(note)).collect()
}

#[track_caller]
fn says(notes: &[String], what: &str) {
    assert!(notes.iter().any(|note| note.starts_with(what)), "{what}\nnot in {notes:#?}");
}

fn millis(time: std::time::Duration) -> u128 {
    time.as_millis()
}

/// The names of all keys, wherever they stand.
fn names(keys: &'static [(&str, Fate)]) -> BTreeSet<&'static str> {
    let below = |fate: &Fate| if let Fate::Section(keys) = *fate { names(keys) } else { BTreeSet::new() };
    keys.iter().flat_map(|(name, fate)| below(fate).into_iter().chain([*name])).collect()
}

/// Every name that a key of 2.x has had, in any of its versions.
#[test]
fn every_key_of_2x_is_known() {
    let all = "
        _meta mode manager_name database_url database_path task_logs_path listen listen_https own_url flamenco manager_id \
        manager_secret tlskey tlscert acme_domain_name download_task_sleep download_task_sleep_seconds \
        download_task_recheck_throttle download_task_recheck_throttle_seconds task_update_push_max_interval \
        task_update_push_max_interval_seconds task_update_push_max_count cancel_task_fetch_max_interval \
        cancel_task_fetch_max_interval_seconds active_task_timeout_interval active_task_timeout_interval_seconds \
        active_worker_timeout_interval task_cleanup_max_age task_cleanup_max_age_days worker_cleanup_max_age \
        worker_cleanup_status blacklist_threshold task_fail_after_softfail_count watch_for_latest_image ssdp_discovery \
        ssdp_device_uuid test_tasks test_blender_render job_storage render_output shaman enabled fileStorePath checkoutPath \
        garbageCollect period maxAge extraCheckoutPaths jwtPublicKeysURL jwtPublicKeysDownloadInterval user_authentication \
        authentication disableSecurity publicKeysURL publicKeysDownloadInterval worker_registration_secret \
        dynamic_pool_platforms websetup variables path_replacement";
    assert_eq!(names(KEYS), all.split_whitespace().collect());
}

/// The keys of `manager.toml` that keys become.
fn targets(keys: &'static [(&str, Fate)]) -> Vec<&'static str> {
    keys.iter()
        .flat_map(|(_, fate)| match *fate {
            Fate::Becomes(key, _) | Fate::WasBefore2011(key, _) => vec![key],
            Fate::Section(keys) => targets(keys),
            Fate::Dropped(_) | Fate::Apart => Vec::new(),
        })
        .filter(|key| *key != keys::DISABLE_SECURITY)
        .collect()
}

#[test]
fn every_key_leads_to_one_that_the_example_shows() {
    let shown: BTreeSet<_> =
        Config::default().written.settings().into_iter().map(|setting| setting.key).collect();
    for key in targets(KEYS) {
        assert!(shown.contains(key), "{key}");
    }
}

#[test]
fn what_a_file_does_not_name_is_as_2x_has_it() {
    let (config, notes) = v2("");
    let same = Config::default();
    assert_eq!(config.listen, same.listen);
    assert_eq!(config.task_logs_path, Path::new("/opt/flamenco/task-logs"));
    assert_eq!(config.download_task_sleep, same.download_task_sleep);
    assert!(config.shaman.enabled);
    assert_eq!(config.shaman.garbage_collect.period.map(millis), Some(86_400_000));
    let render = &config.variables.0["render"];
    assert_eq!((render.direction, render.values.len()), (Direction::TwoWay, 3));
    assert!(render.values.iter().any(|value| value.value == "S:/flamenco/render"), "{render:?}");
    assert_eq!(config.variables.0["blender"], same.variables.0["blender"]);
    says(&notes, "To decide: variables.blender is not in the file");

    let (config, notes) = read("");
    assert_eq!(config.listen.unwrap().port, 8083);
    assert!(!config.shaman.enabled);
    assert!(config.variables.0["job_storage"].values.iter().any(|value| value.value == "S:"));
    says(&notes, "Changed: `listen` is not in the file: in version 1");
}

#[test]
fn every_plain_key_keeps_its_meaning() {
    let (config, notes) = v2(&format!(
        "{LINKED}mode: develop\nmanager_name: 42\nlisten: '[::0]:8083'\nown_url: http://192.168.3.108:8083/\n\
         download_task_sleep: 5m\ndownload_task_recheck_throttle: -1s\ntask_update_push_max_interval: 30s\n\
         task_update_push_max_count: 50\ncancel_task_fetch_max_interval: 1m30.5s\nactive_task_timeout_interval: 1m0s\n\
         active_worker_timeout_interval: 15m0s\ntask_cleanup_max_age: 336h0m0s\nworker_cleanup_max_age: 24h\n\
         worker_cleanup_status: [offline, timeout]\nblacklist_threshold: 5\ntask_fail_after_softfail_count: 4\n\
         watch_for_latest_image: /renders\nssdp_discovery: no\nssdp_device_uuid: 1e97b633-34f6-416f-abbb-853de75e5c57\n\
         worker_registration_secret: 'hush \"hush\"'\ntest_tasks:\n  test_blender_render:\n    job_storage: '{{render}}/a'\n    \
         render_output: '{{render}}/b'\nshaman:\n  enabled: false\n  fileStorePath: /files\n  checkoutPath: /checkouts\n  \
         garbageCollect: {{period: 8h, maxAge: 744h, extraCheckoutPaths: [/more]}}\n"
    ));
    assert_eq!(config.mode, Mode::Develop);
    assert_eq!(config.manager_name, "42");
    assert_eq!(config.listen.as_ref().unwrap().to_string(), "[::]:8083");
    assert_eq!(config.own_url.as_ref().unwrap().as_str(), "http://192.168.3.108:8083/");
    let server = config.server.as_ref().unwrap();
    assert_eq!(server.url.as_str(), "https://farm.example.com/");
    assert_eq!(server.manager_secret.expose(), "012345");
    assert_eq!(millis(config.download_task_sleep), 300_000);
    assert_eq!(config.download_task_recheck_throttle, RecheckThrottle::Never);
    assert_eq!(millis(config.task_update_push_max_interval), 30_000);
    assert_eq!(config.task_update_push_max_count.get(), 50);
    assert_eq!(millis(config.cancel_task_fetch_max_interval), 90_500);
    assert_eq!(millis(config.active_task_timeout_interval), 60_000);
    assert_eq!(millis(config.active_worker_timeout_interval), 900_000);
    assert_eq!(millis(config.task_cleanup_max_age), 336 * 3_600_000);
    assert_eq!(config.worker_cleanup_max_age.map(millis), Some(86_400_000));
    assert_eq!(config.worker_cleanup_status.len(), 2);
    assert_eq!((config.blacklist_threshold.get(), config.task_fail_after_softfail_count.get()), (5, 4));
    assert_eq!(config.watch_for_latest_image.as_deref(), Some(Path::new("/renders")));
    assert!(!config.ssdp_discovery);
    assert_eq!(config.ssdp_device_uuid.as_ref().unwrap().as_str(), "1e97b633-34f6-416f-abbb-853de75e5c57");
    assert_eq!(config.worker_registration_secret.as_ref().unwrap().expose(), "hush \"hush\"");
    assert_eq!(config.test_tasks.test_blender_render.render_output, "{render}/b");
    assert!(!config.shaman.enabled);
    assert_eq!(config.shaman.garbage_collect.extra_checkout_paths, [PathBuf::from("/more")]);
    assert_eq!(config.user_authentication(), Authentication::Server);
    let about_keys: Vec<_> = notes.iter().filter(|note| note.contains("line ")).collect();
    assert!(about_keys.is_empty(), "{about_keys:#?}");
}

#[test]
fn old_names_are_read_in_their_units() {
    let (config, notes) = read(
        "download_task_sleep_seconds: 90\ndownload_task_recheck_throttle_seconds: -1\ntask_cleanup_max_age_days: 7\n\
         active_task_timeout_interval_seconds: 60s\n",
    );
    assert_eq!(millis(config.download_task_sleep), 90_000);
    assert_eq!(config.download_task_recheck_throttle, RecheckThrottle::Never);
    assert_eq!(millis(config.task_cleanup_max_age), 7 * 86_400_000);
    assert_eq!(millis(config.active_task_timeout_interval), 60_000);
    says(&notes, "Changed: line 1: download_task_sleep_seconds: download_task_sleep since");

    let (config, notes) = read("download_task_sleep_seconds: 90\ndownload_task_sleep: 5m\n");
    assert_eq!(millis(config.download_task_sleep), 300_000);
    says(&notes, "Dropped: line 1: download_task_sleep_seconds: the old name");
}

#[test]
fn a_number_without_a_unit_is_what_2x_takes_it_for_unless_nobody_can_mean_that() {
    let yaml =
        "download_task_sleep: 600000000000\nactive_task_timeout_interval: 600\nworker_cleanup_max_age: 0\n";
    let config = config(yaml);
    assert_eq!(millis(config.download_task_sleep), 600_000);
    assert_eq!(millis(config.active_task_timeout_interval), 600_000);
    assert_eq!(config.worker_cleanup_max_age, None);
    let notes = said(yaml);
    assert_eq!(notes.len(), 1, "{notes:#?}");
    says(&notes, "To decide: line 3: active_task_timeout_interval: 600 has no unit");
}

#[test]
fn relative_paths_belong_to_the_folder_of_the_file() {
    let (config, notes) = v2("task_logs_path: ./logs\nwatch_for_latest_image: ../renders\n");
    assert_eq!(config.task_logs_path, Path::new("/opt/flamenco/logs"));
    assert_eq!(config.watch_for_latest_image.unwrap(), Path::new("/opt/flamenco/../renders"));
    says(&notes, "Changed: line 2: task_logs_path: the whole path");
}

#[test]
fn https_is_served_where_2x_serves_it() {
    let own = "tlskey: k.pem\ntlscert: c.pem\n";
    let address = |config: &Config| config.https.as_ref().map(|https| https.listen.to_string());

    let (served, notes) = v2(&format!("{own}listen: ':80'\n"));
    assert_eq!((address(&served).as_deref(), served.listen.as_ref()), (Some(":8433"), None));
    says(&notes, "Changed: listen: with a certificate of its own");
    let Some(CertificateSource::Own(certificate)) = served.https.map(|https| https.certificate) else {
        panic!()
    };
    assert_eq!(certificate.key, Path::new("/opt/flamenco/k.pem"));

    let (version_1, _) = read(&format!("{own}listen: ':8083'\n"));
    assert_eq!((address(&version_1).as_deref(), version_1.listen), (Some(":8083"), None));
    let named = config(&format!("{own}listen_https: ':443'\n"));
    assert_eq!(address(&named).as_deref(), Some(":443"));

    let (acme, notes) = v2("acme_domain_name: farm.example.com\nlisten_https: ':443'\nlisten: ':80'\n");
    assert_eq!(address(&acme).as_deref(), Some(":443"));
    assert_eq!(acme.listen.unwrap().port, 80);
    says(&notes, "To decide: acme_domain_name: the domain is proved at the port of HTTPS");

    let (plain, notes) = v2("listen_https: ':8443'\n");
    assert_eq!(plain.https, None);
    says(&notes, "Dropped: line 2: listen_https: there is no certificate");

    let (half, notes) = v2("tlskey: k.pem\n");
    assert_eq!(half.https, None);
    says(&notes, "To decide: left out: tlskey = \"/opt/flamenco/k.pem\": needs tlscert as well");
    assert_eq!(config("listen: ''\n").listen.unwrap().port, 80);
}

#[test]
fn a_manager_without_a_link_works_on_its_own() {
    let (config, notes) = v2("flamenco: https://farm.example.com/\nmanager_id: ''\n");
    assert_eq!(config.server, None);
    assert_eq!(config.user_authentication(), Authentication::Token);
    says(&notes, "Dropped: line 2: flamenco: this Manager is not linked");

    let (config, notes) = v2("manager_id: 5c7d0000000000000000abc9\nmanager_secret: s\n");
    assert_eq!(config.server.unwrap().url.as_str(), "https://cloud.blender.org/");
    says(&notes, "To decide: flamenco is not in the file");

    let (config, notes) =
        v2("flamenco: https://x/\nmanager_id: 1234567899876543212345678\nmanager_secret: s3cret\n");
    assert_eq!(config.server, None);
    says(&notes, "To decide: left out: manager_id = \"1234567899876543212345678\": expected 24");
    assert!(!notes.iter().any(|note| note.contains("s3cret")), "{notes:#?}");
}

#[test]
fn without_security_anybody_may_do_anything() {
    let (config, notes) = v2(&format!("{LINKED}user_authentication:\n  disableSecurity: true\n"));
    assert_eq!(config.user_authentication, Some(Authentication::Nobody));
    says(&notes, "Changed: line 6: user_authentication.disableSecurity: anybody");
    let secure = config_of_mode("disableSecurity: false\n  publicKeysDownloadInterval: 1h\n");
    assert_eq!(secure, None);
}

fn config_of_mode(keys: &str) -> Option<Authentication> {
    config(&format!("{LINKED}user_authentication:\n  {keys}")).user_authentication
}

#[test]
fn variables_of_version_1_become_one_way_and_two_way_ones() {
    let (config, notes) = read(
        "variables:\n  blender:\n    linux: /opt/blender --factory-startup\n    windows: 'C:\\blender\\blender.exe'\n    \
         darwin: ''\n  both: {linux: /a}\npath_replacement:\n  render: {windows: 'r:\\renders\\', linux: /render/}\n  \
         both: {linux: /b}\n",
    );
    let values = |name: &str| -> Vec<_> {
        let variable = &config.variables.0[name];
        variable.values.iter().map(|value| (value.platforms[0].as_str(), value.value.as_str())).collect()
    };
    assert_eq!(
        values("blender"),
        [("linux", "/opt/blender --factory-startup"), ("windows", "C:\\blender\\blender.exe")]
    );
    assert_eq!(config.variables.0["blender"].direction, Direction::OneWay);
    assert_eq!(values("render"), [("linux", "/render"), ("windows", "r:/renders")]);
    assert_eq!(
        (config.variables.0["both"].direction, values("both")),
        (Direction::TwoWay, vec![("linux", "/b")])
    );
    says(&notes, "Changed: line 8: path_replacement.render: backslashes");
    says(&notes, "To decide: line 9: path_replacement.both: there is a variable of this name");
}

#[test]
fn variables_of_version_2_keep_their_audiences_and_the_last_value_counts() {
    let (config, notes) = v2(
        "variables:\n  tool:\n    direction: oneway\n    values:\n    - {audience: users, platform: linux, value: /u}\n    \
         - {platforms: [Linux, darwin], value: /all}\n    - {audience: workers, platform: linux, value: /w}\n    \
         - {audience: cats, platform: linux, value: /x}\n    - {value: /nowhere}\n  bad name: {values: []}\n  \
         odd: {direction: sideways, values: [{platform: linux, value: ''}], extra: 1}\n",
    );
    let tool: Vec<_> = config.variables.0["tool"]
        .values
        .iter()
        .map(|value| (value.platforms[0].as_str(), value.audience, value.value.as_str()))
        .collect();
    assert_eq!(
        tool,
        [
            ("darwin", Audience::All, "/all"),
            ("linux", Audience::Workers, "/w"),
            ("linux", Audience::Users, "/all")
        ]
    );
    says(
        &notes,
        "To decide: line 9: variables.tool.values[3]: left out, since nobody is of the audience \"cats\"",
    );
    says(&notes, "To decide: line 10: variables.tool.values[4]: left out, since it says for no platform");
    says(&notes, "To decide: line 11: \"variables.bad name\": left out");
    says(&notes, "To decide: line 12: variables.odd.direction: \"sideways\"");
    says(&notes, "To decide: line 12: variables.odd.extra: Flamenco Manager 2.x has no such key either");
    assert_eq!(config.variables.0["odd"].direction, Direction::OneWay);
}

#[test]
fn what_has_no_counterpart_is_told() {
    let notes = said(
        "database_url: mongodb://localhost/flamanager\ndatabase_path: ./db\ndynamic_pool_platforms:\n  azure: {location: x}\n\
         websetup: {hide_infra_settings: true}\nuser_authentication: {publicKeysDownloadInterval: 1h0m0s}\nnonsense: 1\n\
         shaman: {colour: red}\n",
    );
    for dropped in [
        "line 2: database_url: there is no MongoDB",
        "line 3: database_path: these are files of the MongoDB",
        "line 5: dynamic_pool_platforms: machines",
        "line 6: websetup: there is no web setup",
        "line 7: user_authentication.publicKeysDownloadInterval: ",
    ] {
        says(&notes, &format!("Dropped: {dropped}"));
    }
    says(&notes, "To decide: line 8: nonsense: ");
    says(&notes, "To decide: line 9: shaman.colour: ");
    assert_eq!(said("database_url:\n"), Vec::<String>::new(), "an empty key is not set");
}

#[test]
fn what_cannot_be_right_is_left_out_and_told() {
    let (config, notes) = v2(
        "mode: fast\nlisten: 8080\nblacklist_threshold: 0\ntask_update_push_max_interval: soon\nssdp_discovery: perhaps\n\
         worker_cleanup_status: [gone]\nown_url: {a: b}\nworker_registration_secret: [hush]\n",
    );
    assert_eq!(config, Config { written: config.written.clone(), ..self::config("") });
    for problem in [
        "mode = \"fast\": expected \"production\" or \"develop\"",
        "listen = \"8080\": expected an address",
        "blacklist_threshold = 0: expected a whole number of 1 or more",
        "task_update_push_max_interval = \"soon\": expected a time",
        "ssdp_discovery = \"perhaps\": expected true or false",
        "worker_cleanup_status = [\"gone\"]: expected a list of worker statuses",
    ] {
        says(&notes, &format!("To decide: left out: {problem}"));
    }
    says(&notes, "To decide: line 8: own_url: left out, since it is not a single value");
    says(&notes, "To decide: line 9: worker_registration_secret: left out, since it is not a single value");
    assert!(!notes.iter().any(|note| note.contains("hush")), "{notes:#?}");
}

#[test]
fn the_uuid_that_all_have_is_not_taken_over() {
    let (config, notes) = v2("ssdp_device_uuid: 7401c189-ef69-434b-b4d8-56d00075faf5\n");
    assert_eq!(config.ssdp_device_uuid, None);
    says(&notes, "Changed: line 2: ssdp_device_uuid: every Flamenco Manager 2.x has this one");
}

#[test]
fn notes_stand_in_the_file_too() {
    let toml = translated("_meta: {version: 2}\nactive_task_timeout_interval: 600\n").toml;
    assert!(
        toml.starts_with(
            "# Made by `flamenco-manager import config` from /opt/flamenco/flamenco-manager.yaml"
        )
    );
    let place =
        toml.find("# TO DECIDE: line 2: active_task_timeout_interval: 600 has no unit").expect("the note");
    assert!(toml[place..].contains("\nactive_task_timeout_interval = \"10m\"\n"), "{toml}");
}

#[test]
fn what_is_no_configuration_of_2x_is_refused() {
    let error = |yaml: &str| translate(yaml, Path::new("/x/f.yaml")).unwrap_err().to_string();
    assert!(error("a: [1\n").starts_with("/x/f.yaml:"), "{}", error("a: [1\n"));
    assert!(error("- a\n").starts_with("/x/f.yaml:1: there are no keys in it"));
    let version_3 = error("# F3\n_meta:\n  version: 3\n");
    assert!(version_3.starts_with("/x/f.yaml:3: _meta.version is 3; only versions 1 and 2"), "{version_3}");
}

proptest! {
    #[test]
    fn whatever_stands_at_a_key_makes_a_configuration(
        version in 0..3,
        values in prop::collection::vec((0..KEYS.len(), "[-a-z0-9:/.\"'\\[\\]{}, \\\\]{0,12}"), 0..12),
    ) {
        let mut yaml = format!("_meta: {{version: {version}}}\n");
        for (index, value) in values {
            writeln!(yaml, "{}: {value}", KEYS[index].0).unwrap();
        }
        if let Ok(Translation { toml, .. }) = translate(&yaml, Path::new("/x/flamenco-manager.yaml")) {
            prop_assert!(Config::from_toml(&toml, "manager.toml").is_ok(), "{}\n{}", yaml, toml);
        }
    }

    #[test]
    fn whatever_variables_there_are_make_a_configuration(
        version in 0..3,
        names in prop::collection::vec("[a-c_. \u{e9}-]{0,3}", 1..4),
        value in "[a-zA-Z:/\\\\\"' ]{0,8}",
        direction in "oneway|twoway|x",
        audience in "all|workers|users|",
    ) {
        let mut yaml = format!("_meta: {{version: {version}}}\npath_replacement: {{both: {{linux: /x}}}}\nvariables:\n");
        for name in names {
            let [name, value] = [&name, &value].map(|text| serde_json::to_string(text).unwrap());
            writeln!(
                yaml,
                "  {name}: {{direction: {direction}, values: [{{platform: linux, audience: '{audience}', value: {value}}}, \
                 {{platforms: [LINUX, darwin], value: {value}}}]}}"
            )
            .unwrap();
        }
        if let Ok(Translation { toml, .. }) = translate(&yaml, Path::new("/x/flamenco-manager.yaml")) {
            prop_assert!(Config::from_toml(&toml, "manager.toml").is_ok(), "{}\n{}", yaml, toml);
        }
    }
}
