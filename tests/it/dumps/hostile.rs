//! Dumps that were made to do harm: they cost neither much memory nor much time, and nothing panics.

use std::fmt::Write as _;

use bson::doc;

use super::{our_wish, read_archive, read_file};
use crate::kit::dump::{
    Archive,
    binary::{document, stream},
};

/// Documents in each other, so many.
fn nested(levels: usize) -> Vec<u8> {
    let mut bytes = b"\x05\0\0\0\0".to_vec();
    for _ in 0..levels {
        let length = u32::try_from(bytes.len() + 4 + 3 + 1).unwrap();
        bytes = [&length.to_le_bytes(), &b"\x03a\0"[..], &bytes, &[0]].concat();
    }
    bytes
}

#[test]
fn what_is_nested_as_deep_as_mongodb_allows_is_read_and_what_is_deeper_is_not() {
    for (levels, sound) in [(100, true), (200, true), (201, false), (3000, false)] {
        let found = read_file("flamenco_tasks.bson", &nested(levels), &our_wish());
        assert_eq!((found.documents.len() == 1, found.damage.is_empty()), (sound, sound), "{levels}");
    }
    let found = read_file("flamenco_tasks.bson", &nested(300), &our_wish());
    assert!(found.reasons()[0].starts_with(
        "a document is not as BSON must be: it is nested deeper than 200 levels, in the field \"a.a.a."
    ));
    for (levels, sound) in [(100, true), (127, false), (100_000, false)] {
        let text = format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        let found = read_file("flamenco_tasks.json", text.as_bytes(), &our_wish());
        assert_eq!((found.documents.len() == 1, found.damage.is_empty()), (sound, sound), "{levels}");
    }
}

#[test]
fn no_memory_is_taken_for_what_is_only_promised() {
    for length in [0_u32, 1, 4, 0x0100_4001, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe] {
        let found = read_file("flamenco_tasks.bson", &length.to_le_bytes(), &our_wish());
        assert_eq!(found.reasons(), [format!("{length} is not the length of a document")]);
    }
    let found = read_file("flamenco_tasks.bson", &0x0100_4000_u32.to_le_bytes(), &our_wish());
    assert_eq!(found.reasons(), ["cut short: a document has only 4 of its 16793600 bytes"]);
}

#[test]
fn a_text_does_not_become_much_more_than_it_is() {
    // Each value takes three bytes of text, and a dozen of BSON.
    let text = format!("{{\"a\":[{}0]}}", "0,".repeat(3 << 20));
    let found = read_file("flamenco_tasks.json", text.as_bytes(), &our_wish());
    let [reason] = found.reasons()[..] else { panic!("{:?}", found.reasons()) };
    assert!(reason.contains("it is larger than 16793600 bytes of BSON"), "{reason}");
}

/// Everywhere a document seems to begin, and each says that it is long: whoever looked at all of each would never end.
#[test]
fn the_search_for_a_way_on_is_short_however_much_looks_like_one() {
    let bytes = b"\0\0\0\x01\x02_id\0".repeat(1 << 19);
    let found = read_file("flamenco_tasks.bson", &bytes, &our_wish());
    assert_eq!(found.documents.len(), 0);
    let all: u64 = found.damage.iter().map(|damage| damage.passed_over).sum();
    assert_eq!(all, bytes.len() as u64);
    // A text that could be a long one, again and again.
    let head = [&0x0030_0000_u32.to_le_bytes()[..], b"\x02_id\0", &0x0020_0000_u32.to_le_bytes()].concat();
    let found = read_file("flamenco_tasks.bson", &head.repeat(1 << 18), &our_wish());
    assert_eq!(found.documents.len(), 0);
}

#[test]
fn brackets_that_are_not_closed_are_not_looked_for_again_and_again() {
    for line in ["{\n", "{\"a\":[\n", "{\"_id\":{\"a\":\"\n", "{\"_id\":", "[],\n{[],"] {
        let text = line.repeat((4 << 20) / line.len());
        let found = read_file("flamenco_tasks.json", text.as_bytes(), &our_wish());
        assert_eq!(found.documents.len(), 0, "{line:?}");
        assert!(!found.damage.is_empty(), "{line:?}");
    }
}

#[test]
fn values_of_extended_json_that_make_no_sense_are_refused_one_by_one() {
    let ones = "1".repeat(200);
    let umlauts = "é".repeat(200);
    let values = [
        r#"{"$oid":"57e1"}"#,
        r#"{"$oid":5}"#,
        r#"{"$oid":"57e193d7a9cc81b4027498b5","more":1}"#,
        r#"{"$numberInt":"2147483648"}"#,
        r#"{"$numberLong":"9223372036854775808"}"#,
        r#"{"$numberDouble":"one"}"#,
        &format!(r#"{{"$numberDecimal":"{ones}"}}"#),
        &format!(r#"{{"$numberDecimal":"{umlauts}"}}"#),
        r#"{"$numberDecimal":"1E-170141183460469231731687303715884105728"}"#,
        r#"{"$date":"yesterday"}"#,
        r#"{"$date":{"$numberLong":"x"}}"#,
        r#"{"$date":{"$oid":"x"}}"#,
        r#"{"$date":{}}"#,
        r#"{"$date":1e30}"#,
        r#"{"$date":18446744073709551615}"#,
        r#"{"$binary":"AQID"}"#,
        r#"{"$binary":"AQID","$type":"xx"}"#,
        r#"{"$binary":"A","$type":"00"}"#,
        r#"{"$binary":{"base64":"AQID"}}"#,
        r#"{"$uuid":"1"}"#,
        r#"{"$timestamp":{"t":-1,"i":1}}"#,
        r#"{"$timestamp":{"t":1}}"#,
        r#"{"$regex":"a","more":1}"#,
        r#"{"$regularExpression":{"pattern":"\u0000","options":""}}"#,
        r#"{"$code":"x","$scope":5}"#,
        r#"{"$code":"x","$more":{}}"#,
        r#"{"\u0000":1}"#,
        r#"{"a":1e400}"#,
        r#"{"a":"\ud800"}"#,
    ];
    let mut text = String::new();
    for value in &values {
        writeln!(text, "{{\"_id\":{value}}}").unwrap();
    }
    text.push_str("7\n{\"$oid\":\"57e193d7a9cc81b4027498b5\"}\n{\"_id\":1}\n");
    let found = read_file("flamenco_tasks.json", text.as_bytes(), &our_wish());
    assert_eq!(found.documents.len(), 1, "{:?}", found.documents);
    assert_eq!(found.damage.len(), values.len() + 2, "{:#?}", found.reasons());
    for (line, damage) in found.damage.iter().enumerate() {
        assert_eq!(damage.place.line, Some(line as u64 + 1), "{damage}");
    }
}

#[test]
fn references_and_other_documents_with_dollars_stay_documents() {
    let text = r#"{"_id":{"$ref":"a","$id":{"$oid":"57e193d7a9cc81b4027498b5"}},"a":{"$set":{"x":1}}}"#;
    let found = read_file("flamenco_tasks.json", text.as_bytes(), &our_wish());
    let id = bson::oid::ObjectId::parse_str("57e193d7a9cc81b4027498b5").unwrap();
    let expected = doc! { "_id": { "$ref": "a", "$id": id }, "a": { "$set": { "x": 1 } } };
    assert_eq!(found.of_collection("flamenco_tasks"), [document(&expected)]);
}

#[test]
fn a_block_of_many_collections_cannot_fill_the_memory() {
    let mut archive = Archive::begin(&[("flamenco", "flamenco_tasks")]);
    for number in 0..100_100 {
        let header = doc! { "db": "x", "collection": number.to_string(), "EOF": false, "CRC": 0_i64 };
        archive.bytes.extend(stream(&[header]));
        archive.bytes.extend([0xff; 4]);
    }
    let found = read_archive(&archive.bytes, &our_wish());
    assert!(found.reasons().contains(&"it has more than 100000 collections"));
}

#[test]
fn marks_in_strange_places_are_damage() {
    let list = || Archive::begin(&[("flamenco", "flamenco_tasks")]).bytes;
    let found = read_archive(&[list(), vec![0xff; 8]].concat(), &our_wish());
    assert_eq!(found.reasons()[0], "the mark of an end stands where a block should begin");
    let mut archive = Archive::begin(&[("flamenco", "flamenco_tasks")]);
    archive.end("flamenco", "flamenco_tasks");
    archive.block("flamenco", "flamenco_tasks", &[]);
    let found = read_archive(&archive.bytes, &our_wish());
    assert_eq!(found.reasons(), ["the collection flamenco_tasks goes on after its end"]);
    let found = read_file(
        "flamenco_tasks.bson",
        &[stream(&[doc! { "_id": 1 }]), vec![0xff; 4]].concat(),
        &our_wish(),
    );
    assert_eq!(
        (found.documents.len(), found.reasons()),
        (1, vec!["a mark stands here that only archives have"])
    );
}
