//! What is found in a folder, and what is said if it is not what was meant.

use std::fs;

use bson::doc;
use flamenco_manager::import::dump::{Dump, Wish};

use super::{farm, our_wish, read, read_archive, read_file, task, wish};
use crate::kit::dump::{Archive, Database, Dialect, Layout, Zip, binary::stream};

fn refusal(found: Result<Dump, impl std::fmt::Display>) -> String {
    found.map(drop).map_err(|error| error.to_string()).unwrap_err()
}

#[test]
fn a_database_is_known_by_its_collections_and_the_others_are_told() {
    let folder = tempfile::tempdir().unwrap();
    farm().dump_to(folder.path(), Zip::Plain);
    Database::new("admin", &[("system.users", &[doc! { "_id": 1 }])]).dump_to(folder.path(), Zip::Plain);
    fs::write(folder.path().join("oplog.bson"), stream(&[doc! { "op": "n" }])).unwrap();
    fs::write(folder.path().join("prelude.json"), "{}").unwrap();
    let dump = Dump::open(folder.path(), &our_wish()).unwrap();
    let collections: Vec<_> = dump.collections().iter().map(String::as_str).collect();
    assert_eq!(collections, ["flamenco_tasks", "flamenco_workers", "worker_blacklist"]);
    let progress = dump.progress();
    let found = super::Found::of(dump);
    assert_eq!(found.documents.len(), 7);
    let own = folder.path().file_name().unwrap().to_str().unwrap();
    let mut left_out = vec![format!("{own}.oplog"), "admin.system.users".to_owned()];
    left_out.sort();
    assert_eq!(found.left_out, left_out);
    assert_eq!(progress.total(), Some(progress.read()));
}

#[test]
fn an_archive_tells_what_it_has_of_other_databases() {
    let farm = farm();
    let mut archive =
        Archive::begin(&[("flamenco", "flamenco_tasks"), ("admin", "system.users"), ("", "oplog")]);
    archive.block("admin", "system.users", &[doc! { "_id": 1 }]);
    archive.block("flamenco", "flamenco_tasks", &farm.collections[0].1);
    archive.block("", "oplog", &[doc! { "op": "n" }]);
    for (database, collection) in [("admin", "system.users"), ("", "oplog"), ("flamenco", "flamenco_tasks")] {
        archive.end(database, collection);
    }
    let found = read_archive(&archive.bytes, &our_wish());
    assert_eq!(found.damage, []);
    assert_eq!(found.documents.len(), 5);
    assert_eq!(found.left_out, ["admin.system.users", "oplog"]);
}

#[test]
fn of_several_databases_one_must_be_chosen() {
    let folder = tempfile::tempdir().unwrap();
    farm().dump_to(folder.path(), Zip::Plain);
    Database { name: "other".to_owned(), ..farm() }.dump_to(folder.path(), Zip::Plain);
    let name = folder.path().display();
    assert_eq!(
        refusal(Dump::open(folder.path(), &our_wish())),
        format!(
            "{name} has several databases that could be meant: flamenco, other; choose one with --database NAME"
        )
    );
    let chosen = |database: &str| Wish { database: Some(database.to_owned()), ..our_wish() };
    let found = read(folder.path(), &chosen("other"));
    assert_eq!(found.documents.len(), 7);
    assert!(found.documents[0].place.file.contains("other"), "{}", found.documents[0].place);
    assert_eq!(found.left_out.len(), 3);
    assert_eq!(
        refusal(Dump::open(folder.path(), &chosen("flemenco"))),
        format!("{name} has no database flemenco; it has flamenco, other")
    );
}

#[test]
fn what_has_nothing_that_is_looked_for_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    Database::new("shop", &[("orders", &[])]).dump_to(folder.path(), Zip::Plain);
    assert_eq!(
        refusal(Dump::open(folder.path(), &wish(&["flamenco_tasks", "settings"]))),
        format!(
            "{} has none of the collections flamenco_tasks, settings; it has shop.orders",
            folder.path().display()
        )
    );
    let file = folder.path().join("shop/orders.bson");
    assert!(refusal(Dump::open(&file, &our_wish())).ends_with("; it has orders"));
    let archive = Archive::begin(&[("shop", "orders")]).bytes;
    let archive = std::io::Cursor::new(archive);
    assert!(refusal(Dump::read_archive("x", archive, &our_wish())).ends_with("; it has shop.orders"));
}

#[test]
fn what_is_no_dump_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = refusal(Dump::open(folder.path(), &our_wish()));
    assert!(refused.contains("is no dump: give a folder that mongodump or mongoexport wrote"), "{refused}");
    for bytes in [&b""[..], b"a", b"hello world", b"\x1f\x8b", b"\x6d\xe2\x99"] {
        let path = folder.path().join("some.file");
        fs::write(&path, bytes).unwrap();
        let refused = refusal(Dump::open(&path, &our_wish()));
        let expected = format!("{}", path.display());
        assert!(refused.contains(&expected), "{refused}");
    }
    let missing = refusal(Dump::open(&folder.path().join("none"), &our_wish()));
    assert!(missing.starts_with("cannot read ") && missing.contains("No such file"), "{missing}");
}

#[test]
fn an_archive_of_another_version_is_refused() {
    let mut archive = Archive::begin(&[("flamenco", "flamenco_tasks")]).bytes;
    let at = archive.windows(4).position(|bytes| bytes == b"0.1\0").unwrap();
    archive[at] = b'1';
    let refused = refusal(Dump::read_archive("x", std::io::Cursor::new(archive), &our_wish()));
    assert_eq!(refused, "x is an archive of version 1.1, and only version 0.1 is known");
}

#[test]
fn two_files_of_one_collection_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    farm().dump_to(folder.path(), Zip::Plain);
    farm().dump_to(folder.path(), Zip::Gzip);
    let refused = refusal(Dump::open(folder.path(), &our_wish()));
    assert!(refused.ends_with("are both the collection flamenco_tasks: move one of them away"), "{refused}");
    assert!(refused.contains("flamenco_tasks.bson and ") && refused.contains("flamenco_tasks.bson.gz are"));
}

#[test]
fn an_archive_is_known_by_its_content_whatever_it_is_called() {
    for zip in [Zip::Plain, Zip::Gzip] {
        for name in ["dump", "dump.archive", "dump.gz", "dump.archive.gz"] {
            let found = read_file(name, &zip.pack(&farm().archive()), &our_wish());
            assert_eq!((found.documents.len(), found.damage.len()), (7, 0), "{name} {zip:?}");
        }
    }
}

/// A document of this length begins with the same bytes as gzip does.
#[test]
fn a_file_is_decompressed_by_its_name_only() {
    let mut document = doc! { "_id": 1, "text": "" };
    let missing = 0x8b1f - stream(std::slice::from_ref(&document)).len();
    document.insert("text", "x".repeat(missing));
    let bytes = stream(&[document]);
    assert_eq!(bytes[..2], [0x1f, 0x8b]);
    let found = read_file("tasks.bson", &bytes, &wish(&["tasks"]));
    assert_eq!((found.documents.len(), found.damage.len()), (1, 0));
}

#[test]
fn gzip_may_be_in_several_members() {
    let documents = [task(1), task(2)];
    let packed =
        [Zip::Gzip.pack(&stream(&documents[..1])), Zip::Gzip.pack(&stream(&documents[1..]))].concat();
    let found = read_file("flamenco_tasks.bson.gz", &packed, &our_wish());
    assert_eq!((found.documents.len(), found.damage.len()), (2, 0));
}

#[test]
fn exports_may_be_spaced_as_older_tools_did_and_begin_with_a_mark() {
    let text = "\u{feff}{ \"_id\" : { \"$oid\" : \"57e193d7a9cc81b4027498b5\" }, \"t\" : { \"$date\" : 1356351330501 } }\r\n\
                { \"_id\" : 2, \"t\" : { \"$date\" : \"2012-12-24T13:15:30.501+0100\" } }\r\n";
    let found = read_file("flamenco_tasks.json", text.as_bytes(), &our_wish());
    assert_eq!(found.damage, []);
    let times: Vec<_> =
        found.documents.iter().map(|document| document.bson.get_datetime("t").unwrap()).collect();
    assert_eq!(times[0].timestamp_millis(), 1_356_351_330_501);
    assert_eq!(times[1], times[0]);
    let id = found.documents[0].bson.get_object_id("_id").unwrap();
    assert_eq!(id.to_hex(), "57e193d7a9cc81b4027498b5");
}

#[test]
fn a_folder_of_exports_may_have_other_things_in_it() {
    let folder = tempfile::tempdir().unwrap();
    farm().export_to(folder.path(), Dialect::Relaxed, Layout::Lines, Zip::Plain);
    fs::write(folder.path().join("README.txt"), "hello").unwrap();
    fs::create_dir(folder.path().join("empty.bson")).unwrap();
    let found = read(folder.path(), &our_wish());
    assert_eq!((found.documents.len(), found.damage.len()), (7, 0));
}
