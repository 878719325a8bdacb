//! `seeds TARGET FOLDER`: small sound files, from which the fuzzer begins.

use std::{env, fs, path::Path};

use bson::{Document, doc, oid::ObjectId};

const END: [u8; 4] = [0xff; 4];

fn main() {
    let arguments: Vec<_> = env::args().collect();
    let [_, target, folder] = arguments.as_slice() else { panic!("seeds TARGET FOLDER") };
    let seeds = match target.as_str() {
        "bson" => vec![documents(), vec![5, 0, 0, 0, 0]],
        "archive" => vec![archive()],
        "json" => json(),
        other => panic!("no target is called {other}"),
    };
    for (number, seed) in seeds.into_iter().enumerate() {
        fs::write(Path::new(folder).join(format!("seed-{number}")), seed).expect("the folder is there");
    }
}

fn bytes(document: &Document) -> Vec<u8> {
    document.to_vec().expect("it is a document")
}

fn documents() -> Vec<u8> {
    let inner = doc! { "settings": { "chunk_size": 10, "x": [1.5, true, bson::Bson::Null, 5_i64] } };
    let one = doc! { "_id": ObjectId::from_bytes([1; 12]), "name": "task", "at": bson::DateTime::from_millis(1), "c": inner };
    let mut value: Vec<_> = one.values().cloned().collect();
    value.push(bson::Bson::JavaScriptCodeWithScope(bson::JavaScriptCodeWithScope {
        code: "f()".to_owned(),
        scope: doc! { "a": 1 },
    }));
    [bytes(&one), bytes(&doc! { "_id": 2, "all": value })].concat()
}

fn archive() -> Vec<u8> {
    let head =
        doc! { "concurrent_collections": 1, "version": "0.1", "server_version": "4", "tool_version": "4" };
    let entry = doc! { "db": "d", "collection": "c", "metadata": "", "size": 0 };
    let header =
        |last: bool, sum: i64| bytes(&doc! { "db": "d", "collection": "c", "EOF": last, "CRC": sum });
    let documents = documents();
    let sum = crc::Crc::<u64>::new(&crc::CRC_64_XZ).checksum(&documents).cast_signed();
    [
        0x8199_e26d_u32.to_le_bytes().to_vec(),
        bytes(&head),
        bytes(&entry),
        END.to_vec(),
        header(false, 0),
        documents,
        END.to_vec(),
        header(true, sum),
        END.to_vec(),
    ]
    .concat()
}

fn json() -> Vec<Vec<u8>> {
    let lines = r#"{"_id":{"$oid":"57e193d7a9cc81b4027498b5"},"n":{"$numberInt":"1"},"l":{"$numberLong":"1"},"d":{"$numberDouble":"1.5"}}
{"_id":{"$uuid":"73ffd264-44b3-4c69-90e8-e7d1dfc035d4"},"t":{"$date":"2012-12-24T12:15:30.501Z"},"u":{"$date":{"$numberLong":"1"}}}
{"_id":{"$binary":{"base64":"AQID","subType":"04"}},"b":{"$binary":"AQID","$type":"04"},"e":{"$numberDecimal":"1.5E3"}}
{"_id":{"$timestamp":{"t":42,"i":1}},"r":{"$regex":"a","$options":"i"},"s":{"$regularExpression":{"pattern":"a","options":""}}}
{"_id":{"$code":"x","$scope":{"a":1}},"c":{"$code":"x"},"m":{"$minKey":1},"x":{"$maxKey":1},"u":{"$undefined":true},"y":{"$symbol":"s"}}
"#;
    let list = "[{\"_id\":1,\"a\":[1,2.5,\"\\u00e9\\n\",null,true]},\n{\n\t\"_id\": 2\n}]";
    vec![lines.into(), list.into()]
}
