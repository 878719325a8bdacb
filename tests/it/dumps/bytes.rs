//! The bytes that the kit writes, held against the published descriptions of the formats: one by one, without the code that
//! reads them.

use bson::{
    Binary, Bson, DateTime, Document, JavaScriptCodeWithScope, Regex, Timestamp, doc, oid::ObjectId,
    spec::BinarySubtype,
};

use crate::kit::dump::{
    Archive, Database, Dialect, Layout, Zip,
    archive::Checksum,
    binary::{document, stream},
    file_stem, json,
};

#[test]
fn the_examples_of_the_bson_specification_are_written_as_it_shows_them() {
    assert_eq!(
        document(&doc! { "hello": "world" }),
        b"\x16\x00\x00\x00\x02hello\x00\x06\x00\x00\x00world\x00\x00"
    );
    assert_eq!(
        document(&doc! { "BSON": ["awesome", 5.05, 1986] }),
        b"\x31\x00\x00\x00\x04BSON\x00\x26\x00\x00\x00\
          \x020\x00\x08\x00\x00\x00awesome\x00\
          \x011\x00\x33\x33\x33\x33\x33\x33\x14\x40\
          \x102\x00\xc2\x07\x00\x00\x00\x00"
    );
}

#[test]
fn each_type_has_its_number_and_its_layout() {
    let id = ObjectId::from_bytes(*b"abcdefghijkl");
    let regex = Regex { pattern: "^a".try_into().unwrap(), options: "im".try_into().unwrap() };
    let binary = |subtype, bytes: &[u8]| Bson::Binary(Binary { subtype, bytes: bytes.to_vec() });
    let scope = JavaScriptCodeWithScope { code: "x".to_owned(), scope: Document::new() };
    let cases: Vec<(Bson, u8, &[u8])> = vec![
        (Bson::Double(1.0), 0x01, b"\0\0\0\0\0\0\xf0\x3f"),
        (Bson::String("é".to_owned()), 0x02, b"\x03\0\0\0\xc3\xa9\0"),
        (Bson::Document(Document::new()), 0x03, b"\x05\0\0\0\0"),
        (Bson::Array(vec![Bson::Null]), 0x04, b"\x08\0\0\0\x0a0\0\0"),
        (binary(BinarySubtype::Generic, b"ab"), 0x05, b"\x02\0\0\0\0ab"),
        (binary(BinarySubtype::BinaryOld, b"ab"), 0x05, b"\x06\0\0\0\x02\x02\0\0\0ab"),
        (Bson::Undefined, 0x06, b""),
        (Bson::ObjectId(id), 0x07, b"abcdefghijkl"),
        (Bson::Boolean(true), 0x08, b"\x01"),
        (Bson::DateTime(DateTime::from_millis(-1)), 0x09, b"\xff\xff\xff\xff\xff\xff\xff\xff"),
        (Bson::Null, 0x0a, b""),
        (Bson::RegularExpression(regex), 0x0b, b"^a\0im\0"),
        (Bson::JavaScriptCode("x".to_owned()), 0x0d, b"\x02\0\0\0x\0"),
        (Bson::Symbol("x".to_owned()), 0x0e, b"\x02\0\0\0x\0"),
        (Bson::JavaScriptCodeWithScope(scope), 0x0f, b"\x0f\0\0\0\x02\0\0\0x\0\x05\0\0\0\0"),
        (Bson::Int32(-2), 0x10, b"\xfe\xff\xff\xff"),
        (Bson::Timestamp(Timestamp { time: 1, increment: 2 }), 0x11, b"\x02\0\0\0\x01\0\0\0"),
        (Bson::Int64(1), 0x12, b"\x01\0\0\0\0\0\0\0"),
        (Bson::Decimal128("1".parse().unwrap()), 0x13, b"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\x30"),
        (Bson::MinKey, 0xff, b""),
        (Bson::MaxKey, 0x7f, b""),
    ];
    for (value, kind, bytes) in cases {
        let length = u8::try_from(4 + 1 + 2 + bytes.len() + 1).unwrap();
        let expected = [&[length, 0, 0, 0, kind, b'a', 0], bytes, &[0]].concat();
        assert_eq!(document(&doc! { "a": value.clone() }), expected, "{value:?}");
    }
}

#[test]
fn the_checksum_is_that_of_the_catalogue_of_crcs() {
    let mut sum = Checksum::default();
    assert_eq!(sum.of_all(), 0, "of nothing");
    sum.add(b"12345");
    sum.add(b"6789");
    assert_eq!(sum.of_all(), 0x995d_c9bb_df19_39fa, "the check value of CRC-64/XZ");
}

#[test]
fn an_archive_is_made_of_its_parts_in_their_order() {
    let one = doc! { "_id": 1 };
    let mut archive = Archive::begin(&[("d", "c")]);
    archive.block("d", "c", std::slice::from_ref(&one));
    archive.end("d", "c");

    let bytes = &mut archive.bytes.as_slice();
    assert_eq!(part(bytes, 4), 0x8199_e26d_u32.to_le_bytes(), "the mark of archives");
    let head = b"\x65\0\0\0\x10concurrent_collections\0\x04\0\0\0\x02version\0\x04\0\0\x000.1\0\
        \x02server_version\0\x06\0\0\x004.0.3\0\x02tool_version\0\x07\0\0\0r4.0.3\0\0";
    assert_eq!(part(bytes, head.len()), head, "the head of the list");
    let entry_length = usize::from(u16::from_le_bytes([bytes[0], bytes[1]]));
    let entry = part(bytes, entry_length);
    let begin = b"\x02db\0\x02\0\0\0d\0\x02collection\0\x02\0\0\0c\0\x02metadata\0";
    assert_eq!(entry[4..4 + begin.len()], *begin, "an entry of the list");
    assert!(entry.ends_with(b"\0\x10size\0\0\0\0\0\0"), "the end of the entry");
    assert_eq!(part(bytes, 4), [0xff; 4], "the end of the list");
    let header =
        b"\x34\0\0\0\x02db\0\x02\0\0\0d\0\x02collection\0\x02\0\0\0c\0\x08EOF\0\x00\x12CRC\0\0\0\0\0\0\0\0\0\0";
    assert_eq!(part(bytes, header.len()), header, "the header of the block");
    let document = b"\x0e\0\0\0\x10_id\0\x01\0\0\0\0";
    assert_eq!(part(bytes, document.len()), document);
    assert_eq!(part(bytes, 4), [0xff; 4], "the end of the block");
    let mut sum = Checksum::default();
    sum.add(document);
    let mut last = header.to_vec();
    last[37] = 1;
    last[43..51].copy_from_slice(&sum.of_all().to_le_bytes());
    assert_eq!(part(bytes, last.len()), last, "the header with which the collection ends");
    assert_eq!(part(bytes, 4), [0xff; 4], "the end");
    assert!(bytes.is_empty());
}

fn part<'a>(bytes: &mut &'a [u8], length: usize) -> &'a [u8] {
    bytes.split_off(..length).unwrap()
}

#[test]
fn names_of_files_are_those_that_mongodump_gives() {
    assert_eq!(file_stem("flamenco_tasks"), "flamenco_tasks");
    assert_eq!(file_stem("a b/c%d+é"), "a+b%2Fc%25d%2B%C3%A9");
    let long = "x".repeat(239);
    let stem = file_stem(&long);
    assert_eq!(stem.len(), 238);
    assert_eq!(stem[..211], format!("{}%24", "x".repeat(208)));
    assert_eq!(file_stem(&long[..238]), long[..238]);
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, b"abc");
    assert_eq!(sum.as_ref()[..4], [0xa9, 0x99, 0x3e, 0x36], "the example of FIPS 180");
}

#[test]
fn a_folder_has_two_files_for_each_collection() {
    let folder = tempfile::tempdir().unwrap();
    let documents = [doc! { "_id": 1 }];
    Database::new("d", &[("c", &documents)]).dump_to(folder.path(), Zip::Plain);
    assert_eq!(std::fs::read(folder.path().join("d/c.bson")).unwrap(), stream(&documents));
    let metadata = std::fs::read_to_string(folder.path().join("d/c.metadata.json")).unwrap();
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    assert_eq!(metadata["collectionName"], "c");
    Database::new("d", &[("c", &documents)]).dump_to(folder.path(), Zip::Gzip);
    let packed = std::fs::read(folder.path().join("d/c.bson.gz")).unwrap();
    assert_eq!(packed[..3], [0x1f, 0x8b, 8], "the mark of gzip, and deflate");
}

/// The examples of the specification, and those of the manual of version 1.
#[test]
fn extended_json_is_written_as_its_description_shows() {
    let id = ObjectId::parse_str("57e193d7a9cc81b4027498b5").unwrap();
    let regex = Regex { pattern: "^H".try_into().unwrap(), options: "i".try_into().unwrap() };
    let cases: Vec<(Bson, &str, &str, &str)> = vec![
        (
            Bson::ObjectId(id),
            r#"{"$oid":"57e193d7a9cc81b4027498b5"}"#,
            r#"{"$oid":"57e193d7a9cc81b4027498b5"}"#,
            r#"{"$oid":"57e193d7a9cc81b4027498b5"}"#,
        ),
        (Bson::Int32(42), r#"{"$numberInt":"42"}"#, "42", "42"),
        (Bson::Int64(42), r#"{"$numberLong":"42"}"#, "42", r#"{"$numberLong":"42"}"#),
        (Bson::Double(42.5), r#"{"$numberDouble":"42.5"}"#, "42.5", "42.5"),
        (
            Bson::Double(f64::NEG_INFINITY),
            r#"{"$numberDouble":"-Infinity"}"#,
            r#"{"$numberDouble":"-Infinity"}"#,
            r#"{"$numberDouble":"-Infinity"}"#,
        ),
        (
            Bson::DateTime(DateTime::from_millis(1_356_351_330_501)),
            r#"{"$date":{"$numberLong":"1356351330501"}}"#,
            r#"{"$date":"2012-12-24T12:15:30.501Z"}"#,
            r#"{"$date":"2012-12-24T12:15:30.501Z"}"#,
        ),
        (
            Bson::DateTime(DateTime::from_millis(0)),
            r#"{"$date":{"$numberLong":"0"}}"#,
            r#"{"$date":"1970-01-01T00:00:00Z"}"#,
            r#"{"$date":"1970-01-01T00:00:00.000Z"}"#,
        ),
        (
            Bson::DateTime(DateTime::from_millis(-284_643_869_501)),
            r#"{"$date":{"$numberLong":"-284643869501"}}"#,
            r#"{"$date":{"$numberLong":"-284643869501"}}"#,
            r#"{"$date":"1960-12-24T12:15:30.499Z"}"#,
        ),
        (
            Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: vec![1, 2, 3] }),
            r#"{"$binary":{"base64":"AQID","subType":"04"}}"#,
            r#"{"$binary":{"base64":"AQID","subType":"04"}}"#,
            r#"{"$binary":"AQID","$type":"04"}"#,
        ),
        (
            Bson::RegularExpression(regex),
            r#"{"$regularExpression":{"pattern":"^H","options":"i"}}"#,
            r#"{"$regularExpression":{"pattern":"^H","options":"i"}}"#,
            r#"{"$regex":"^H","$options":"i"}"#,
        ),
        (
            Bson::Timestamp(Timestamp { time: 42, increment: 1 }),
            r#"{"$timestamp":{"t":42,"i":1}}"#,
            r#"{"$timestamp":{"t":42,"i":1}}"#,
            r#"{"$timestamp":{"t":42,"i":1}}"#,
        ),
    ];
    for (value, canonical, relaxed, version1) in cases {
        for (dialect, expected) in
            [(Dialect::Canonical, canonical), (Dialect::Relaxed, relaxed), (Dialect::Version1, version1)]
        {
            let text = json::export(&[doc! { "a": value.clone() }], dialect, Layout::Lines);
            assert_eq!(text, format!("{{\"a\":{expected}}}\n"), "{value:?} {dialect:?}");
        }
    }
    let two = [doc! { "a": [true, Bson::Null] }, doc! {}];
    assert_eq!(json::export(&two, Dialect::Relaxed, Layout::Lines), "{\"a\":[true,null]}\n{}\n");
    assert_eq!(json::export(&two, Dialect::Relaxed, Layout::List), "[{\"a\":[true,null]},{}]\n");
    assert_eq!(
        json::export(&two, Dialect::Relaxed, Layout::Pretty),
        "{\n\t\"a\": [\n\t\ttrue,\n\t\tnull\n\t]\n}\n{}\n"
    );
}
