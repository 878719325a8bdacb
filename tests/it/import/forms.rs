//! In whatever form and order a farm comes, the same farm arrives.

use std::{
    collections::HashSet,
    fs::{self, File},
};

use flamenco_manager::store::ReadTx;

use super::{farm::Farm, look};
use crate::{
    faults::{commands::json, process::Place},
    kit::dump::{Archive, Dialect, Layout, Zip},
};

/// Everything that a farm is, as text.
fn farm(tx: &ReadTx) -> String {
    let mut all = Vec::new();
    for (job, state) in tx.jobs(None).unwrap().map(Result::unwrap) {
        all.push(format!("{job:?} {state:?}"));
        for task in tx.tasks_of_job(job.id, None).unwrap().map(Result::unwrap) {
            let (commands, ready) = (tx.commands(task.id).unwrap(), tx.is_ready(task.id).unwrap());
            all.push(format!("{task:?} {commands} {ready}"));
        }
    }
    for worker in tx.workers().unwrap() {
        all.push(format!("{worker:?} {:?}", tx.worker_seen(worker.id).unwrap()));
        all.push(format!("{:?}", tx.blacklist(Some(worker.id)).unwrap()));
    }
    all.extend(tx.extras().unwrap().map(|extra| format!("{:?}", extra.unwrap())));
    let updates = tx.oldest_updates(0, 100, &HashSet::new()).unwrap();
    all.push(format!("{updates:?} {:?}", tx.setting("depsgraph_last_modified").unwrap()));
    all.join("\n")
}

const SERVER: &str = "flamenco = \"http://127.0.0.1:9\"\nmanager_id = \"5c7d0000000000000000abc9\"\n\
                      manager_secret = \"between us\"";

/// Imports what the path says, and returns what has arrived.
fn arrived(place: &Place, path: &str, input: Option<File>) -> String {
    let mut command = place.command(&["--json", "import", "mongodb", path]);
    if let Some(input) = input {
        command.stdin(input);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    let report = json(std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!(report["collections"]["flamenco_tasks"]["imported"], 6, "{path}");
    let arrived = look(&place.database(), |tx| {
        // When the last boundary of a schedule was looked at is when it was imported.
        let all = farm(tx);
        let lines = all.lines().map(|line| line.split("sleep_checked").next().unwrap_or_default());
        lines.collect::<Vec<_>>().join("\n")
    });
    fs::remove_file(place.database()).unwrap();
    arrived
}

#[test]
fn the_same_farm_arrives_from_every_form_of_a_dump() {
    let place = Place::configured(SERVER);
    let farm = Farm::new();
    let database = farm.database();
    farm.dump_to(&place.path("dump"));
    let expected = arrived(&place, "dump", None);
    assert!(expected.contains("etag 10") && expected.contains("2026-03-01T09:00:00Z"), "{expected}");

    database.dump_to(&place.path("zipped"), Zip::Gzip);
    assert_eq!(arrived(&place, "zipped", None), expected);
    for (place_of_it, dialect) in
        [("canonical", Dialect::Canonical), ("relaxed", Dialect::Relaxed), ("old", Dialect::Version1)]
    {
        database.export_to(&place.path(place_of_it), dialect, Layout::Lines, Zip::Plain);
        assert_eq!(arrived(&place, place_of_it, None), expected, "{place_of_it}");
    }
    fs::write(place.path("farm.archive"), database.archive()).unwrap();
    assert_eq!(arrived(&place, "farm.archive", None), expected);
    fs::write(place.path("farm.archive.gz"), Zip::Gzip.pack(&database.archive())).unwrap();
    let input = File::open(place.path("farm.archive.gz")).unwrap();
    assert_eq!(arrived(&place, "-", Some(input)), expected);
}

#[test]
fn an_archive_may_mix_collections_and_begin_with_what_depends_on_others() {
    let place = Place::configured(SERVER);
    let farm = Farm::new();
    farm.dump_to(&place.path("dump"));
    let expected = arrived(&place, "dump", None);

    let database = farm.database();
    let names: Vec<_> = database.collections.iter().map(|(name, _)| ("flamanager", name.as_str())).collect();
    let mut archive = Archive::begin(&names);
    // One document of each in turn, the blacklist first; updates keep their order among themselves.
    let longest = database.collections.iter().map(|(_, documents)| documents.len()).max().unwrap();
    for place in 0..longest {
        for (name, documents) in database.collections.iter().rev() {
            // Children before their parents.
            let place =
                if name == "flamenco_tasks" { documents.len().checked_sub(place + 1) } else { Some(place) };
            if let Some(document) = place.and_then(|place| documents.get(place)) {
                archive.block("flamanager", name, std::slice::from_ref(document));
            }
        }
    }
    for (database, name) in names {
        archive.end(database, name);
    }
    fs::write(place.path("mixed"), archive.bytes).unwrap();
    assert_eq!(arrived(&place, "mixed", None), expected);
}
