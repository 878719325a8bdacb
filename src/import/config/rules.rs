//! What depends on several keys, and what 2.x does when a key is not there.

use std::{collections::BTreeMap, path::Path};

use super::{
    keys::{DISABLE_SECURITY, quoted, switch},
    notes::Notes,
    read::{Given, whole},
};

/// The UUID that every Flamenco Manager 2.x has until it is given another one.
const SHARED_UUID: &str = "7401c189-ef69-434b-b4d8-56d00075faf5";

type Values = BTreeMap<String, Given>;

/// Makes of the keys one by one what they mean together.
pub(super) fn apply(values: &mut Values, version: u32, folder: &Path, notes: &mut Notes) {
    let default = if version == 1 { ":8083" } else { ":8080" };
    if version == 1 && !values.contains_key("listen") {
        set(values, "listen", default);
        let text =
            "`listen` is not in the file: in version 1 that is \":8083\", where the workers look for it";
        notes.changed(None, Some("listen"), text.to_owned());
    }
    https(values, version, default, notes);
    server(values, notes);
    authentication(values, notes);
    task_logs(values, folder, notes);
    device_uuid(values, notes);
    file_store(values, version, folder, notes);
}

fn set(values: &mut Values, key: &str, text: &str) {
    let given = Given { toml: quoted(text), text: text.to_owned(), line: 0 };
    values.insert(key.to_owned(), given);
}

fn text<'v>(values: &'v Values, key: &str) -> Option<&'v str> {
    values.get(key).map(|given| given.text.as_str())
}

/// 2.x serves HTTPS if there is a certificate, and with one of its own nothing but HTTPS.
fn https(values: &mut Values, version: u32, default: &str, notes: &mut Notes) {
    let own = values.contains_key("tlskey") && values.contains_key("tlscert");
    let acme = values.contains_key("acme_domain_name");
    let secure = text(values, "listen_https").filter(|address| !address.is_empty()).map(str::to_owned);
    if !own && !acme {
        if let Some(given) = values.remove("listen_https").filter(|given| !given.text.is_empty()) {
            let text = "listen_https: there is no certificate, so 2.x served no HTTPS. Set the key and HTTPS is served here, \
                        with a certificate that the Manager makes";
            notes.dropped(given.line, Some("listen_https"), text.to_owned());
        }
        if text(values, "listen") == Some("") {
            set(values, "listen", ":80");
            notes.changed(None, Some("listen"), "listen: 2.x took an empty address for port 80".to_owned());
        }
        return;
    }
    if secure.is_none() {
        // With a slip in its digits, that is what 2.x has.
        let of_version_2 = if values.contains_key("listen_https") { None } else { Some(":8433") };
        let plain = text(values, "listen").unwrap_or(default).to_owned();
        let address = match of_version_2.filter(|_| version == 2) {
            Some(address) => address.to_owned(),
            None if own => plain,
            None => ":443".to_owned(),
        };
        set(values, "listen_https", &address);
        let text = format!("listen_https has no address in the file; 2.x served HTTPS at {address:?} then");
        notes.changed(None, Some("listen_https"), text);
    }
    if own {
        set(values, "listen", "");
        let text =
            "listen: with a certificate of its own 2.x served HTTPS alone, so plain HTTP is switched off";
        notes.changed(None, Some("listen"), text.to_owned());
    } else {
        let text = "acme_domain_name: the domain is proved at the port of HTTPS now: its port 443 must lead to listen_https. \
                    Plain HTTP, with which 2.x only led to HTTPS, serves workers too";
        notes.ask(None, Some("acme_domain_name"), text.to_owned());
    }
}

/// 2.x belongs to the Server of the Blender Cloud if no other is named, once it is linked.
fn server(values: &mut Values, notes: &mut Notes) {
    let linked = values.contains_key("manager_id") && values.contains_key("manager_secret");
    if linked {
        if !values.contains_key("flamenco") {
            set(values, "flamenco", "https://cloud.blender.org/");
            let text = "flamenco is not in the file, so 2.x used this Server: see whether it is still there. Without a Server, \
                        take away this key, manager_id and manager_secret";
            notes.ask(None, Some("flamenco"), text.to_owned());
        }
        return;
    }
    for key in ["flamenco", "manager_id", "manager_secret"] {
        if let Some(given) = values.remove(key) {
            let text = format!(
                "{key}: this Manager is not linked with a Server, which takes a URL, manager_id and \
                                manager_secret; it works on its own now"
            );
            notes.dropped(given.line, Some(key), text);
        }
    }
}

fn authentication(values: &mut Values, notes: &mut Notes) {
    const MODE: &str = "user_authentication.mode";
    let disabled = values.remove(DISABLE_SECURITY);
    let line = disabled.as_ref().map(|given| given.line);
    if disabled.is_some_and(|given| switch(&given.text) == Some(true)) {
        set(values, MODE, "none");
        let text =
            "user_authentication.disableSecurity: anybody who reaches the Manager may do anything with it";
        notes.changed(line, Some(MODE), text.to_owned());
    } else if !values.contains_key("flamenco") {
        let text = "without a Server that vouches for people they log in with an access token: see `flamenco-manager user`";
        notes.changed(line, Some(MODE), text.to_owned());
    }
}

/// The old logs are used where they are.
fn task_logs(values: &mut Values, folder: &Path, notes: &mut Notes) {
    const KEY: &str = "task_logs_path";
    if !values.contains_key(KEY) {
        set(values, KEY, &whole(folder, "task-logs"));
        let text = "task_logs_path is not in the file: 2.x has its task logs in this folder then, and they are used there";
        notes.changed(None, Some(KEY), text.to_owned());
    }
}

fn device_uuid(values: &mut Values, notes: &mut Notes) {
    const KEY: &str = "ssdp_device_uuid";
    if text(values, KEY) == Some(SHARED_UUID)
        && let Some(given) = values.remove(KEY)
    {
        let text = "ssdp_device_uuid: every Flamenco Manager 2.x has this one; an own one is made up";
        notes.changed(Some(given.line), Some(KEY), text.to_owned());
    }
}

/// In version 1 the file store is in use if the file says so; in version 2 unless it says otherwise.
fn file_store(values: &mut Values, version: u32, folder: &Path, notes: &mut Notes) {
    const ENABLED: &str = "shaman.enabled";
    let defaults = if version == 1 {
        let paths = ["../shaman-file-store", "../shaman-checkout"].map(|path| whole(folder, path));
        let [files, checkouts] = paths;
        vec![("shaman.file_store_path", files), ("shaman.checkout_path", checkouts)]
    } else {
        if !values.contains_key(ENABLED) {
            let on = Given { toml: "true".to_owned(), text: "true".to_owned(), line: 0 };
            values.insert(ENABLED.to_owned(), on);
            let text = "shaman.enabled is not in the file: 2.x has the file store in use then; switch it off if no job is \
                        submitted by way of it";
            notes.ask(None, Some(ENABLED), text.to_owned());
        }
        vec![("shaman.garbage_collect.period", "24h".to_owned())]
    };
    if text(values, ENABLED).and_then(switch) != Some(true) {
        return;
    }
    for (key, default) in defaults {
        if !values.contains_key(key) {
            set(values, key, &default);
            notes.changed(None, Some(key), format!("{key} is not in the file; this is what 2.x has then"));
        }
    }
}
