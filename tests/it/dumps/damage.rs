//! Dumps that were cut short, or in which bytes have changed: it is told where, and all the rest comes out.

use bson::{Document, doc};
use flamenco_manager::import::dump::Wish;
use proptest::{prelude::*, sample::Index};

use super::{Found, farm, id, our_wish, read_archive, read_file, task, wish};
use crate::kit::dump::{
    Archive, Database, Dialect, Layout, Zip,
    archive::TERMINATOR,
    binary::{document as bytes_of, stream},
    json,
};

/// Where each document ends.
fn ends(documents: &[Document]) -> Vec<usize> {
    let mut at = 0;
    documents
        .iter()
        .map(|document| {
            at += bytes_of(document).len();
            at
        })
        .collect()
}

#[test]
fn wherever_a_file_is_cut_short_what_was_before_comes_out() {
    let documents = with_ids(3);
    let (bytes, ends) = (stream(&documents), ends(&documents));
    for cut in 0..bytes.len() {
        let found = read_file("flamenco_tasks.bson", &bytes[..cut], &our_wish());
        let whole = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(found.documents.len(), whole, "cut at {cut}");
        let begin = if whole == 0 { 0 } else { ends[whole - 1] };
        if begin == cut {
            assert_eq!(found.damage, [], "cut at {cut}");
            continue;
        }
        let [damage] = found.damage.as_slice() else { panic!("cut at {cut}: {:?}", found.damage) };
        assert!(damage.reason.starts_with("cut short: "), "{damage}");
        assert_eq!(damage.place.offset, begin as u64, "cut at {cut}");
        assert_eq!(damage.passed_over, (cut - begin) as u64, "cut at {cut}");
        assert_eq!(damage.collection.as_deref(), Some("flamenco_tasks"));
    }
}

#[test]
fn the_message_says_which_file_and_where() {
    let bytes = stream(&[task(0), task(1)]);
    let first = bytes_of(&task(0)).len();
    let found = read_file("flamenco_tasks.bson", &bytes[..first + 20], &our_wish());
    let message = found.damage[0].to_string();
    let length = bytes.len() - first;
    assert!(
        message.ends_with(&format!(
            "flamenco_tasks.bson, byte {first}: cut short: a document has only 20 of its {length} bytes"
        )),
        "{message}"
    );
    let found = read_file("flamenco_tasks.json", b"{\"_id\":1}\n{\"_id\":2,}\n{\"_id\":3}\n", &our_wish());
    let message = found.damage[0].to_string();
    assert!(
        message.ends_with(
            "flamenco_tasks.json, line 2 (byte 10): a document is not as extended JSON must be: trailing comma at line 1 column 10"
        ),
        "{message}"
    );
    assert_eq!(found.documents.len(), 2);
    let mut bytes = bytes_of(&doc! { "_id": 1, "a": { "list": [true, true] } });
    let at = bytes.len() - 4;
    bytes[at] = 2;
    let found = read_file("flamenco_tasks.bson", &bytes, &our_wish());
    let [reason] = found.reasons()[..] else { panic!("{:?}", found.damage) };
    assert!(
        reason.starts_with("a document is not as BSON must be: ")
            && reason.ends_with(r#"in the field "a.list.1""#),
        "{reason}"
    );
}

#[test]
fn wherever_an_archive_is_cut_short_it_is_noticed() {
    let documents = with_ids(3);
    let whole =
        Database::new("flamenco", &[("flamenco_tasks", &documents), ("flamenco_workers", &documents)]);
    let bytes = whole.archive();
    for cut in 4..bytes.len() {
        let found = match flamenco_manager::import::dump::Dump::read_archive(
            "x",
            std::io::Cursor::new(bytes[..cut].to_vec()),
            &our_wish(),
        ) {
            Ok(dump) => Found::of(dump),
            Err(error) => panic!("cut at {cut}: {error}"),
        };
        assert!(!found.damage.is_empty(), "cut at {cut}");
        assert!(
            stream(&documents).starts_with(&found.of_collection("flamenco_tasks").concat()),
            "cut at {cut}"
        );
    }
}

#[test]
fn a_collection_that_does_not_end_is_named() {
    let mut archive = Archive::begin(&[("flamenco", "flamenco_tasks"), ("flamenco", "flamenco_workers")]);
    archive.block("flamenco", "flamenco_tasks", &[task(1)]);
    let found = read_archive(&archive.bytes, &our_wish());
    assert_eq!(found.documents.len(), 1);
    assert_eq!(
        found.reasons(),
        [
            "cut short: the end of the collection flamenco_tasks is missing",
            "cut short: the end of the collection flamenco_workers is missing",
        ]
    );
    assert_eq!(found.damage[0].place.offset, archive.bytes.len() as u64);
}

#[test]
fn a_view_of_the_list_needs_no_end() {
    let mut archive = Archive::begin(&[("flamenco", "flamenco_tasks"), ("flamenco", "some_view")]);
    archive.end("flamenco", "flamenco_tasks");
    assert_eq!(read_archive(&archive.bytes, &our_wish()).damage, []);
}

#[test]
fn what_was_compressed_and_is_cut_short_comes_out_to_the_cut() {
    // What is hard to compress, so that there is something before the cut.
    let documents: Vec<_> =
        (0..2000).map(|number| doc! { "_id": number, "n": f64::from(number).sqrt() }).collect();
    let packed = Zip::Gzip.pack(&stream(&documents));
    let found = read_file("flamenco_tasks.bson.gz", &packed[..packed.len() / 2], &our_wish());
    assert!((200..1999).contains(&found.documents.len()), "{}", found.documents.len());
    let [reason] = found.reasons()[..] else { panic!("{:?}", found.reasons()) };
    assert!(reason.contains("it cannot be read further: "), "{reason}");
    let text = json::export(&documents, Dialect::Relaxed, Layout::Lines);
    let cut = Zip::Gzip.pack(text.as_bytes());
    let found = read_file("flamenco_tasks.json.gz", &cut[..cut.len() / 2], &our_wish());
    assert!((200..1999).contains(&found.documents.len()), "{}", found.documents.len());
    let [reason] = found.reasons()[..] else { panic!("{:?}", found.reasons()) };
    assert!(
        reason.starts_with("cut short: ") && reason.contains("; it cannot be read further: "),
        "{reason}"
    );
    // The checksum of gzip itself.
    let mut packed = packed;
    let at = packed.len() - 8;
    packed[at] ^= 1;
    let found = read_file("flamenco_tasks.bson.gz", &packed, &our_wish());
    assert_eq!((found.documents.len(), found.damage.len()), (2000, 1));
}

#[test]
fn every_changed_byte_of_a_document_in_an_archive_is_noticed() {
    let tasks: Vec<_> = (0..3).map(task).collect();
    let mut archive = Archive::begin(&[("flamenco", "flamenco_tasks")]);
    let begin = archive.bytes.len();
    archive.block("flamenco", "flamenco_tasks", &tasks);
    let end = archive.bytes.len();
    archive.end("flamenco", "flamenco_tasks");
    let header = end - begin - TERMINATOR.len() - stream(&tasks).len();
    for at in begin + header..end {
        for change in [1, 0x80, 0xff] {
            let mut bytes = archive.bytes.clone();
            bytes[at] ^= change;
            let found = read_archive(&bytes, &our_wish());
            assert!(!found.damage.is_empty(), "byte {at} ^ {change}");
            let whole: Vec<_> = tasks.iter().map(bytes_of).collect();
            let saved = found.of_collection("flamenco_tasks");
            let saved = whole.iter().filter(|task| saved.contains(task)).count();
            assert!(saved >= 2, "byte {at} ^ {change}: {saved} {:?}", found.damage);
        }
    }
}

#[test]
fn a_broken_header_costs_its_block_and_not_the_next() {
    let farm = farm();
    let mut archive = Archive::begin(&[("flamenco", "flamenco_tasks"), ("flamenco", "flamenco_workers")]);
    let at = archive.bytes.len();
    archive.block("flamenco", "flamenco_tasks", &farm.collections[0].1);
    archive.block("flamenco", "flamenco_workers", &farm.collections[1].1);
    archive.end("flamenco", "flamenco_tasks");
    archive.end("flamenco", "flamenco_workers");
    archive.bytes[at + 5] = b'x';
    let found = read_archive(&archive.bytes, &our_wish());
    assert_eq!(found.of_collection("flamenco_workers").len(), 2);
    assert_eq!(
        found.reasons(),
        [
            "a header does not say its db",
            "the checksum of the collection flamenco_tasks is wrong: it is not what was dumped",
        ]
    );
    assert_eq!(found.damage[0].place.offset, at as u64);
}

#[test]
fn a_broken_list_costs_no_documents() {
    for at in [6, 30, 200] {
        let mut bytes = farm().archive();
        bytes[at] = 0xee;
        let found = read_archive(&bytes, &our_wish());
        assert!(!found.damage.is_empty(), "{at}");
        assert_eq!(found.documents.len(), 7, "{at}: {:?}", found.damage);
    }
}

#[test]
fn a_document_inside_another_is_not_mistaken_for_one() {
    let documents: Vec<_> = (0..4).map(task).collect();
    let mut bytes = stream(&documents);
    // In the name of a field behind `_id`, which is no UTF-8 then.
    let at =
        ends(&documents)[0] + bytes_of(&documents[1]).windows(4).position(|name| name == b"name").unwrap();
    bytes[at] = 0xff;
    let found = read_file("flamenco_tasks.bson", &bytes, &our_wish());
    let expected: Vec<_> = [0, 2, 3].map(|number| bytes_of(&task(number))).into();
    assert_eq!(found.of_collection("flamenco_tasks"), expected);
    assert_eq!(found.damage.len(), 1);
    assert_eq!(found.damage[0].passed_over, bytes_of(&task(1)).len() as u64);
}

#[test]
fn an_unreadable_file_does_not_keep_the_others_from_being_read() {
    let folder = tempfile::tempdir().unwrap();
    farm().dump_to(folder.path(), Zip::Gzip);
    std::fs::write(folder.path().join("flamenco/flamenco_tasks.bson.gz"), "this was never compressed")
        .unwrap();
    let found = super::read(folder.path(), &our_wish());
    assert_eq!(found.of_collection("flamenco_workers").len(), 2);
    assert_eq!(found.reasons(), ["it cannot be read further: invalid gzip header"]);
}

#[test]
fn a_list_that_is_not_closed_is_cut_short() {
    let text = json::export(&[task(0), task(1)], Dialect::Relaxed, Layout::List);
    let found = read_file("flamenco_tasks.json", &text.as_bytes()[..text.len() - 2], &our_wish());
    assert_eq!((found.documents.len(), found.reasons()), (2, vec!["cut short: the list is not closed"]));
}

/// Documents as MongoDB has them: `_id` comes first.
fn with_ids(count: u8) -> Vec<Document> {
    (0..count)
        .map(|number| doc! { "_id": id(number), "n": i64::from(number) << 30, "text": "a".repeat(usize::from(number)) })
        .collect()
}

fn tasks() -> Wish {
    wish(&["tasks"])
}

/// All but the one that was changed.
fn assert_others_are_there(found: &Found, expected: &[Vec<u8>], changed: usize) -> Result<(), TestCaseError> {
    let there = found.of_collection("tasks");
    for (number, document) in expected.iter().enumerate() {
        prop_assert!(number == changed || there.contains(document), "{} is lost: {:?}", number, found.damage);
    }
    prop_assert!(there.len() <= expected.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_byte_costs_one_document_of_a_file(count in 2..20_u8, place: Index, to: u8) {
        let documents = with_ids(count);
        let mut bytes = stream(&documents);
        let at = place.index(bytes.len());
        bytes[at] = to;
        let changed = ends(&documents).iter().filter(|end| **end <= at).count();
        let expected: Vec<_> = documents.iter().map(bytes_of).collect();
        assert_others_are_there(&read_file("tasks.bson", &bytes, &tasks()), &expected, changed)?;
    }

    #[test]
    fn a_changed_byte_costs_one_document_of_an_export(count in 2..20_u8, place: Index, to: u8) {
        let documents = with_ids(count);
        let mut text = json::export(&documents, Dialect::Canonical, Layout::Lines).into_bytes();
        let at = place.index(text.len());
        // Between two documents it belongs to the one before.
        let changed = text[..at].split(|byte| *byte == b'\n').count() - 1;
        text[at] = to;
        let expected: Vec<_> = documents.iter().map(bytes_of).collect();
        assert_others_are_there(&read_file("tasks.json", &text, &tasks()), &expected, changed)?;
    }

    #[test]
    fn no_bytes_at_all_do_harm(bytes: Vec<u8>) {
        // Each byte of a file is part of a document, or was passed over.
        let found = read_file("tasks.bson", &bytes, &tasks());
        let read: usize = found.documents.iter().map(|document| document.bson.as_bytes().len()).sum();
        let passed_over: u64 = found.damage.iter().map(|damage| damage.passed_over).sum();
        prop_assert_eq!(read as u64 + passed_over, bytes.len() as u64);
        read_file("tasks.json", &bytes, &tasks());
        read_file("tasks.bson.gz", &bytes, &tasks());
        let list = Archive::begin(&[("farm", "tasks")]).bytes;
        read_archive(&[list, bytes].concat(), &tasks());
    }

    #[test]
    fn no_change_of_an_archive_does_harm(place: Index, to: u8, cut: Index) {
        let mut bytes = Database::new("farm", &[("tasks", &with_ids(4))]).archive();
        let at = place.index(bytes.len());
        bytes[at] = to;
        bytes.truncate(cut.index(bytes.len() + 1));
        if let Ok(dump) =
            flamenco_manager::import::dump::Dump::read_archive("x", std::io::Cursor::new(bytes), &tasks())
        {
            Found::of(dump);
        }
    }
}
