//! The configuration as an administrator meets it: the example file, and the messages.

use proptest::prelude::*;

use super::*;
use crate::domain::variables::{Audience, Direction};

fn message(text: &str) -> String {
    Config::from_toml(text, "manager.toml").unwrap_err().to_string()
}

fn config(text: &str) -> Config {
    Config::from_toml(text, "manager.toml").unwrap()
}

/// The example with each key that is commented out put into force. Explanations have a space after the `#`.
fn uncommented() -> String {
    let uncomment = |line: &str| match line.strip_prefix('#') {
        Some(key) if key.starts_with("    ") || key.starts_with(|first: char| !first.is_whitespace()) => {
            format!("{key}\n")
        }
        _ => format!("{line}\n"),
    };
    EXAMPLE.lines().map(uncomment).collect()
}

#[test]
fn the_example_as_shipped_changes_nothing() {
    assert_eq!(config(EXAMPLE), Config::default());
}

#[test]
fn every_key_in_the_example_is_real_and_shows_its_default() {
    let config = config(&uncommented());
    let https = config.https.clone().unwrap();
    assert_eq!(
        (https.listen.to_string().as_str(), https.certificate),
        (":8443", CertificateSource::SelfMade)
    );
    let Config { written, .. } = Config::default();
    assert_eq!(Config { https: None, written, ..config }, Config::default());
}

#[test]
fn https_is_served_when_it_is_set_up() {
    let certificate = |text: &str| config(text).https.map(|https| https.certificate);
    assert_eq!(certificate(""), None);
    assert_eq!(certificate("listen_https = ''"), None);
    assert_eq!(certificate("listen_https = ':8443'"), Some(CertificateSource::SelfMade));
    let own = Certificate { key: "k".into(), certificate: "c".into() };
    let both = "tlskey = 'k'\ntlscert = 'c'\nacme_domain_name = 'farm.example.com'";
    assert_eq!(certificate(both), Some(CertificateSource::Own(own)));
    let acme = "acme_domain_name = 'farm.lan'\nacme_directory_url = 'https://ca.lan/acme/directory'\nacme_ca = 'ca.pem'";
    let acme = certificate(acme);
    let Some(CertificateSource::Acme(acme)) = acme else { panic!("{acme:?}") };
    assert_eq!(acme.directory.as_deref(), Some("https://ca.lan/acme/directory"));
    assert_eq!(config("acme_domain_name = 'x.y'").https.unwrap().listen.to_string(), ":8443");
    assert!(config("listen = ''\nlisten_https = ':443'").listen.is_none());
}

#[test]
fn the_example_has_every_key() {
    let (_, keys, _) = read::read(&uncommented());
    let (_, in_use, _) = read::read(EXAMPLE);
    let text = uncommented();
    let in_example = |name: &str| {
        text.lines().any(|line| line.starts_with(&format!("{name} = ")))
            || text.contains(&format!("{name}]\n"))
            || text.contains(&format!("[{name}."))
            || text.contains(&format!(" {name} = "))
    };
    assert!(keys.len() > 60 && keys.is_superset(&in_use));
    for key in keys {
        let name = key.rsplit('.').next().unwrap();
        assert!(in_example(name), "{key}");
    }
}

#[test]
fn every_key_in_the_example_is_explained() {
    let lines: Vec<_> = EXAMPLE.lines().collect();
    let is_key = |line: &str| {
        line.starts_with('#')
            && line
                .split_once(" = ")
                .is_some_and(|(key, _)| key[1..].chars().all(|sign| sign.is_ascii_lowercase() || sign == '_'))
    };
    for pair in lines.windows(2).filter(|pair| is_key(pair[1])) {
        let of_variable = pair[1].starts_with("#direction") || pair[1].starts_with("#values");
        assert!(of_variable || pair[0].starts_with("# "), "{}", pair[1]);
    }
}

#[test]
fn a_full_configuration_is_read() {
    let config = config(
        r#"
        manager_name = "Attic"
        mode = "develop"
        listen = "127.0.0.1:8083"
        tlskey = "tls/key.pem"
        tlscert = "tls/cert.pem"
        own_url = "https://attic:8443"
        flamenco = "https://cloud.example.com"
        manager_id = "5c7d0000000000000000abc9"
        manager_secret = "hush"
        download_task_recheck_throttle = "-1s"
        task_update_push_max_count = 0x10
        worker_cleanup_max_age = "90d"
        worker_cleanup_status = ["offline", "timeout"]
        ssdp_discovery = false
        [intervals]
        startup_grace = "0s"
        [shaman]
        garbage_collect = { period = "8h", extra_checkout_paths = ["/a"] }
        "#,
    );
    let server = config.server.as_ref().unwrap();
    assert_eq!(server.url.as_str(), "https://cloud.example.com/");
    assert_eq!(server.manager_secret.expose(), "hush");
    assert_eq!(config.download_task_recheck_throttle, RecheckThrottle::Never);
    assert_eq!(config.task_update_push_max_count.get(), 16);
    assert_eq!(config.worker_cleanup_max_age, Some(Duration::from_hours(90 * 24)));
    assert_eq!(config.worker_cleanup_status, [WorkerStatus::Offline, WorkerStatus::Timeout]);
    assert_eq!(config.intervals.startup_grace, Duration::ZERO);
    assert_eq!(config.shaman.garbage_collect.period, Some(Duration::from_hours(8)));
    assert_eq!(config.shaman.garbage_collect.max_age, Duration::from_hours(744));
    assert_eq!(config.user_authentication(), Authentication::Server);
    assert_eq!(config.local_url().unwrap().as_str(), "http://127.0.0.1:8083/");
    let https_only = Config { listen: None, ..config };
    assert_eq!(https_only.local_url().unwrap().as_str(), "https://127.0.0.1:8443/");
}

#[test]
fn a_bad_value_is_shown_with_its_line_and_what_is_allowed() {
    let cases = [
        (
            "\ntask_fail_after_softfail_count = \"many\"",
            "manager.toml:2: task_fail_after_softfail_count = \"many\": expected a whole number of 1 or more",
        ),
        (
            "job_fail_percentage = 101",
            "manager.toml:1: job_fail_percentage = 101: expected a whole number from 0 (never) to 100",
        ),
        (
            "blacklist_threshold = 0",
            "manager.toml:1: blacklist_threshold = 0: expected a whole number of 1 or more",
        ),
        (
            "blacklist_threshold = 4294967296",
            "manager.toml:1: blacklist_threshold = 4294967296: expected a whole number of 1 or more",
        ),
        (
            "download_task_sleep = 600",
            "manager.toml:1: download_task_sleep = 600: expected a time above zero such as \"500ms\", \"90s\", \"10m\", \"336h\" or \"14d\"",
        ),
        (
            "[intervals]\n\ntimeout_check = \"0s\"",
            "manager.toml:3: intervals.timeout_check = \"0s\": expected a time above zero such as \"500ms\", \"90s\", \"10m\", \"336h\" or \"14d\"",
        ),
        (
            "worker_cleanup_max_age = \"-1s\"",
            "manager.toml:1: worker_cleanup_max_age = \"-1s\": expected a time such as \"90s\", \"10m\", \"336h\" or \"14d\", or \"0s\" for never",
        ),
        (
            "listen = \"8080\"",
            "manager.toml:1: listen = \"8080\": expected an address such as \":8080\", \"127.0.0.1:8080\" or \"[::1]:8080\", or \"\" to switch it off",
        ),
        (
            "own_url = \"farm:8080\"",
            "manager.toml:1: own_url = \"farm:8080\": expected a URL such as \"https://flamenco.example.com/\"",
        ),
        (
            "worker_cleanup_status = [\"ofline\"]",
            "manager.toml:1: worker_cleanup_status = [\"ofline\"]: expected a list of worker statuses: \"starting\", \"awake\", \"asleep\", \"error\", \"testing\", \"offline\", \"timeout\", \"shutdown\"",
        ),
        ("mode = 'x'", "manager.toml:1: mode = 'x': expected \"production\" or \"develop\""),
        ("ssdp_discovery = \"yes\"", "manager.toml:1: ssdp_discovery = \"yes\": expected true or false"),
        ("intervals = \"10m\"", "manager.toml:1: intervals = \"10m\": expected a section"),
        (
            "listen = ",
            "manager.toml:1: this is not TOML: string values must be quoted, expected literal string",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(message(text), expected);
    }
}

#[test]
fn all_problems_are_reported_in_the_order_of_the_lines() {
    assert_eq!(
        message("lisen = ':1'\nmanager_name = ''\n[intervals]\nblacklist_threshold = 2\n"),
        "manager.toml:1: lisen: unknown key; did you mean listen?\n\
         manager.toml:2: manager_name = '': expected a text that is not empty\n\
         manager.toml:4: intervals.blacklist_threshold: unknown key; did you mean blacklist_threshold? \
         It belongs above the first [section]"
    );
}

#[test]
fn what_does_not_go_together_is_refused() {
    let id = "manager_id = '5c7d0000000000000000abc9'";
    let tls = "tlskey = 'k'\ntlscert = 'c'\n";
    let cases = [
        (
            "flamenco = 'http://x/'".to_owned(),
            "1: flamenco = 'http://x/': needs manager_id and manager_secret as well",
        ),
        (
            format!("{id}\nflamenco = 'http://x/'"),
            "2: flamenco = 'http://x/': needs manager_id and manager_secret as well",
        ),
        (id.to_owned(), "1: manager_id = '5c7d0000000000000000abc9': needs flamenco as well"),
        ("manager_secret = 'hush'".to_owned(), "1: manager_secret: needs flamenco as well"),
        ("tlskey = 'k'".to_owned(), "1: tlskey = 'k': needs tlscert as well"),
        ("tlscert = 'c'".to_owned(), "1: tlscert = 'c': needs tlskey as well"),
        (
            "listen = ''".to_owned(),
            "1: listen = '': nothing is left to listen on: give an address, or set listen_https",
        ),
        (
            "listen = ''\nlisten_https = ''".to_owned(),
            "1: listen = '': nothing is left to listen on: give an address, or set listen_https",
        ),
        ("acme_ca = 'x'".to_owned(), "1: acme_ca = 'x': needs acme_domain_name as well"),
        (
            "acme_domain_name = 'a.b'\nacme_directory_url = 'http://ca/'".to_owned(),
            "2: acme_directory_url = 'http://ca/': expected a URL such as \"https://ca.example.com/acme/directory\"",
        ),
        (
            "listen = ':443'\nlisten_https = ':443'".to_owned(),
            "2: listen_https = ':443': HTTP and HTTPS cannot listen on the same address",
        ),
        (format!("{tls}listen_https = ''"), "3: listen_https = '': TLS is set up, so an address is needed"),
        (
            format!("{tls}listen = ':8443'"),
            "3: listen = ':8443': HTTP and HTTPS cannot listen on the same address",
        ),
        (
            "[user_authentication]\nmode = 'server'".to_owned(),
            "2: user_authentication.mode = 'server': needs flamenco, the Server that vouches for people",
        ),
        (
            "[shaman]\ncheckout_path = '/shared/flamenco/file-store'".to_owned(),
            "2: shaman.checkout_path = '/shared/flamenco/file-store': must not be the same as file_store_path",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(message(&text), format!("manager.toml:{expected}"));
    }
}

#[test]
fn one_mistake_is_one_message() {
    for text in ["flamenco = 'x'\nmanager_secret = 'y'", "tlskey = 1\ntlscert = 'c'", "listen = ''\nmode = 1"]
    {
        assert_eq!(message(text).lines().count(), 1, "{}", message(text));
    }
}

#[test]
fn a_blank_secret_is_none_that_anybody_meant() {
    let message = message("worker_registration_secret = '  '");
    assert!(message.contains("not blank"), "{message}");
}

#[test]
fn a_secret_is_never_shown() {
    for text in
        ["manager_secret = 12345", "worker_registration_secret = ['12345']", "manager_secret = '12345'"]
    {
        assert!(!message(text).contains("12345"), "{}", message(text));
    }
    let debug = format!("{:?}", config("worker_registration_secret = '12345'"));
    assert!(!debug.contains("12345"), "{debug}");
}

#[test]
fn a_variable_replaces_the_one_of_that_name_and_leaves_the_others() {
    let config = config(
        r#"
        [variables.blender]
        values = [
            { platform = "Linux", audience = "workers", value = "/opt/blender" },
            { platforms = ["linux", "darwin"], value = "blender" },
        ]
        [[variables.textures.values]]
        platform = "linux"
        value = ""
        [variables.shaman]
        values = []
        "#,
    );
    let blender = &config.variables.0["blender"];
    assert_eq!(blender.direction, Direction::OneWay);
    assert_eq!(blender.values[0].platforms, ["linux"]);
    assert_eq!(blender.values[0].audience, Audience::Workers);
    assert_eq!(blender.values[1].audience, Audience::All);
    assert_eq!(config.variables.0["textures"].values[0].value, "");
    assert!(config.variables.0["shaman"].values.is_empty());
    assert_eq!(config.variables.0["render"], Config::default().variables.0["render"]);
}

#[test]
fn bad_variables_are_refused() {
    let cases = [
        (
            "[variables.x]\nvalues = [{ value = 'a' }]",
            "2: variables.x.values[0].platform: is missing, expected a platform such as \"linux\"",
        ),
        (
            "[variables.x]\nvalues = [\n { platform = 'linux' }]",
            "3: variables.x.values[0].value: is missing, expected a text",
        ),
        (
            "\n[variables.x]",
            "2: variables.x.values: is missing, expected a list such as [{ platform = \"linux\", value = \"/x\" }]",
        ),
        ("[variables.x]\nvalues = 'a'", "2: variables.x.values = 'a': expected a list of { … }"),
        ("[variables]\nblender = '/b'", "2: variables.blender = '/b': expected a section"),
        ("[variables.'a b']\nvalues = []", "1: variables.a b: expected a name of letters, digits, _ and -"),
        (
            "[variables.x]\nvalues = [{ platform = 'linux', value = 'a' }, { platforms = ['LINUX'], value = 'b' }]",
            "2: variables.x.values = [{ platform = 'linux', value = 'a' }, { platforms = ['LINUX'…: \
             there are two values for platform \"linux\" and the same audience",
        ),
        (
            "[variables.render]\nvalues = [\n  { platform = 'windows', value = 'R:\\x' },\n]",
            "3: variables.render.values[0].value = 'R:\\x': a two-way variable needs a path, with forward slashes",
        ),
        (
            "[variables.render]\nvalues = [{ platfrom = 'linux', platforms = ['linux'], value = '/r' }]",
            "2: variables.render.values[0].platfrom: unknown key; did you mean variables.render.values[0].platform?",
        ),
        ("[variable.x]\nvalues = []", "1: variable: unknown key; did you mean variables?"),
    ];
    for (text, expected) in cases {
        assert_eq!(message(text), format!("manager.toml:{expected}"));
    }
}

#[test]
fn without_a_server_people_need_a_token_unless_it_is_said_otherwise() {
    assert_eq!(Config::default().user_authentication(), Authentication::Token);
    let open = config("[user_authentication]\nmode = 'none'");
    assert_eq!(open.user_authentication(), Authentication::Nobody);
}

#[test]
fn a_file_that_is_named_must_exist() {
    let error = Config::find(Some(Path::new("/nowhere/manager.toml"))).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot read the configuration /nowhere/manager.toml: "),
        "{error}"
    );
}

#[test]
fn the_first_file_that_exists_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first.toml"), folder.path().join("second.toml"));
    let find = || Config::find_in(&[&first, &second]);
    assert_eq!(find().unwrap(), (Config::default(), None));

    std::fs::write(&second, "manager_name = 'second'").unwrap();
    assert_eq!(find().unwrap().1, Some(second.clone()));

    std::fs::write(&first, "manager_nam = 'first'").unwrap();
    let expected = format!("{}:1: manager_nam: unknown key; did you mean manager_name?", first.display());
    assert_eq!(find().unwrap_err().to_string(), expected);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        Config::from_toml(&text, "manager.toml").ok();
    }

    #[test]
    fn a_damaged_file_is_read_or_refused_with_its_lines(cut in 0..uncommented().len(), junk in "[\"'\\[{=.#\n0a\u{e9}]{0,3}") {
        let mut text = uncommented();
        text.insert_str(text.floor_char_boundary(cut), &junk);
        if let Err(error) = Config::from_toml(&text, "manager.toml") {
            let message = error.to_string();
            prop_assert!(message.lines().all(|line| line.starts_with("manager.toml:")), "{}", message);
        }
    }
}
