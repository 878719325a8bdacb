//! Any documents, written in any of the formats, come back equal.

use bson::{
    Binary, Bson, DateTime, Decimal128, Document, JavaScriptCodeWithScope, Regex, Timestamp, oid::ObjectId,
};
use proptest::{collection::vec, prelude::*, sample::Index};

use super::{Found, read, read_archive, read_file, wish};
use crate::kit::dump::{
    Archive, Database, Dialect, Layout, Zip,
    binary::{document as bytes_of, stream},
    json,
};

/// Names of fields. What begins with a dollar is for MongoDB itself.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z_]{1,6}", 1 => "[^\0$][^\0]{0,3}", 1 => Just(String::new())]
}

/// Any value that BSON has.
pub fn value() -> impl Strategy<Value = Bson> {
    leaf().prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Bson::Array),
            fields(inner.clone()).prop_map(Bson::Document),
            (".*", fields(inner)).prop_map(|(code, scope)| {
                Bson::JavaScriptCodeWithScope(JavaScriptCodeWithScope { code, scope })
            }),
        ]
    })
}

fn leaf() -> impl Strategy<Value = Bson> {
    let text = "[^\0]{0,5}";
    prop_oneof![
        any::<f64>().prop_map(|number| Bson::Double(if number.is_nan() { f64::NAN } else { number })),
        prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-0.0), Just(1e300), Just(3.0)]
            .prop_map(Bson::Double),
        ".{0,20}".prop_map(Bson::String),
        any::<bool>().prop_map(Bson::Boolean),
        Just(Bson::Null),
        Just(Bson::Undefined),
        Just(Bson::MinKey),
        Just(Bson::MaxKey),
        any::<i32>().prop_map(Bson::Int32),
        any::<i64>().prop_map(Bson::Int64),
        (-5_i64..5).prop_map(Bson::Int64),
        any::<[u8; 12]>().prop_map(|bytes| Bson::ObjectId(ObjectId::from_bytes(bytes))),
        any::<i64>().prop_map(|time| Bson::DateTime(DateTime::from_millis(time))),
        (-62_200_000_000_000_i64..254_000_000_000_000)
            .prop_map(|time| Bson::DateTime(DateTime::from_millis(time))),
        (vec(any::<u8>(), 0..9), any::<u8>())
            .prop_map(|(bytes, kind)| Bson::Binary(Binary { subtype: kind.into(), bytes })),
        (text, text).prop_map(|(pattern, options)| {
            let (pattern, options) = (pattern.try_into().unwrap(), options.try_into().unwrap());
            Bson::RegularExpression(Regex { pattern, options })
        }),
        ".{0,5}".prop_map(Bson::JavaScriptCode),
        ".{0,5}".prop_map(Bson::Symbol),
        any::<[u32; 2]>().prop_map(|[time, increment]| Bson::Timestamp(Timestamp { time, increment })),
        (any::<i64>(), -6000..6000).prop_map(|(digits, exponent)| {
            Bson::Decimal128(format!("{digits}E{exponent}").parse::<Decimal128>().unwrap())
        }),
    ]
}

fn fields(value: impl Strategy<Value = Bson>) -> impl Strategy<Value = Document> {
    vec((name(), value), 0..5).prop_map(|fields| fields.into_iter().collect())
}

fn documents() -> impl Strategy<Value = Vec<Document>> {
    vec(fields(value()), 0..6)
}

/// Any name that MongoDB allows for a collection, also such as is too long for a file.
fn collection() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_]{1,8}", "[^\0$]{1,12}", "[a-zé ]{200,255}"]
}

fn database() -> impl Strategy<Value = Database> {
    proptest::collection::btree_map(collection(), documents(), 1..4).prop_map(|collections| Database {
        name: "farm".to_owned(),
        collections: collections.into_iter().collect(),
    })
}

fn zip() -> impl Strategy<Value = Zip> {
    prop_oneof![Just(Zip::Plain), Just(Zip::Gzip)]
}

fn all_of(database: &Database) -> dump::Wish {
    wish(&database.collections.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>())
}

use flamenco_manager::import::dump;

/// All documents have come, each as it was, those of a collection in their order, and nothing was wrong.
fn assert_equal(found: &Found, database: &Database) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.reasons(), Vec::<&str>::new());
    for (collection, documents) in &database.collections {
        let expected: Vec<_> = documents.iter().map(bytes_of).collect();
        prop_assert_eq!(found.of_collection(collection), expected, "{}", collection);
    }
    let all: usize = database.collections.iter().map(|(_, documents)| documents.len()).sum();
    prop_assert_eq!(found.documents.len(), all);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn from_a_folder(database in database(), zip in zip()) {
        let folder = tempfile::tempdir().unwrap();
        database.dump_to(folder.path(), zip);
        assert_equal(&read(folder.path(), &all_of(&database)), &database)?;
        assert_equal(&read(&folder.path().join("farm"), &all_of(&database)), &database)?;
    }

    #[test]
    fn from_an_archive(database in database(), zip in zip(), order in vec((any::<Index>(), any::<Index>()), 0..12)) {
        let names: Vec<_> = database.collections.iter().map(|(name, _)| ("farm", name.as_str())).collect();
        let mut archive = Archive::begin(&names);
        // Blocks of any length, of collections in any order.
        let mut waiting: Vec<_> = database.collections.iter().map(|(name, of_it)| (name, of_it.as_slice())).collect();
        for (which, how_many) in order {
            let (name, rest) = which.get_mut(&mut waiting);
            let (now, later) = rest.split_at(how_many.index(rest.len() + 1));
            archive.block("farm", name, now);
            *rest = later;
        }
        for (name, rest) in waiting {
            if !rest.is_empty() {
                archive.block("farm", name, rest);
            }
            archive.end("farm", name);
        }
        let bytes = zip.pack(&archive.bytes);
        assert_equal(&read_archive(&bytes, &all_of(&database)), &database)?;
        assert_equal(&read_file("some.archive", &bytes, &all_of(&database)), &database)?;
    }

    #[test]
    fn from_a_file(documents in documents(), zip in zip()) {
        let name = if zip == Zip::Gzip { "tasks.bson.gz" } else { "tasks.bson" };
        let found = read_file(name, &zip.pack(&stream(&documents)), &wish(&["tasks"]));
        assert_equal(&found, &Database::new("farm", &[("tasks", &documents)]))?;
        // Each says where it stands.
        let mut at = 0;
        for (document, of_it) in found.documents.iter().zip(&documents) {
            prop_assert_eq!(document.place.offset, at);
            at += bytes_of(of_it).len() as u64;
        }
    }

    #[test]
    fn from_json(
        documents in documents(),
        dialect in prop_oneof![Just(Dialect::Canonical), Just(Dialect::Relaxed), Just(Dialect::Version1)],
        layout in
            prop_oneof![Just(Layout::Lines), Just(Layout::List), Just(Layout::Pretty), Just(Layout::PrettyList)],
        zip in zip(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let exported = Database::new("farm", &[("tasks", &documents), ("workers", &documents)]);
        exported.export_to(folder.path(), dialect, layout, zip);
        let told: Vec<_> = documents.iter().map(|document| json::as_told(document, dialect)).collect();
        let told = Database::new("farm", &[("tasks", &told), ("workers", &told)]);
        let found = read(folder.path(), &all_of(&told));
        assert_equal(&found, &told)?;
        if layout == Layout::Lines {
            for (line, document) in found.documents.iter().take(documents.len()).enumerate() {
                prop_assert_eq!(document.place.line, Some(line as u64 + 1));
            }
        }
    }
}
