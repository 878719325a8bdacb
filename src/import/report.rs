//! What became of everything that an import has read. The report cannot be out of balance: a thing was either imported or
//! skipped, and what was read is both together.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write},
};

use serde::{Deserialize, Serialize};
use tempfile::SpooledTempFile;

/// So much of the list of what was skipped is kept in memory; the rest of it in a temporary file.
const IN_MEMORY: usize = 1 << 20;

/// The account of an import.
pub struct Report {
    collections: BTreeMap<String, Counts>,
    not_ours: BTreeMap<String, u64>,
    remarks: Vec<String>,
    /// A JSON object a line.
    skipped: BufWriter<SpooledTempFile>,
}

/// What became of a collection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    imported: u64,
    skipped: u64,
}

/// Something that was not imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// Where it was.
    pub collection: String,
    /// Its ID; where it has none, or none that can be read, the place at which it stands.
    pub id: String,
    /// Why it was not imported.
    pub reason: String,
}

impl Counts {
    /// How many there were.
    pub fn read(self) -> u64 {
        self.imported + self.skipped
    }

    /// How many of them are now in the database.
    pub fn imported(self) -> u64 {
        self.imported
    }

    /// How many are not.
    pub fn skipped(self) -> u64 {
        self.skipped
    }
}

impl Serialize for Counts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Document {
            read: u64,
            imported: u64,
            skipped: u64,
        }
        Document { read: self.read(), imported: self.imported, skipped: self.skipped }.serialize(serializer)
    }
}

impl Report {
    /// An account of nothing yet. These collections are in it even if nothing is found of them.
    pub fn of(collections: &[&str]) -> Self {
        let nothing = collections.iter().map(|name| ((*name).to_owned(), Counts::default()));
        Self {
            collections: nothing.collect(),
            not_ours: BTreeMap::new(),
            remarks: Vec::new(),
            skipped: BufWriter::new(SpooledTempFile::new(IN_MEMORY)),
        }
    }

    /// One more is in the database.
    pub fn imported(&mut self, collection: &str) {
        self.counts_of(collection).imported += 1;
    }

    /// One more was left out. The error is that of a temporary file.
    pub fn skipped(&mut self, skip: &Skip) -> io::Result<()> {
        self.counts_of(&skip.collection).skipped += 1;
        serde_json::to_writer(&mut self.skipped, skip)?;
        self.skipped.write_all(b"\n")
    }

    /// One more document of a collection with which the Manager has nothing to do.
    pub fn not_ours(&mut self, collection: &str) {
        *self.not_ours.entry(collection.to_owned()).or_default() += 1;
    }

    /// Something that whoever imports should know, as a sentence.
    pub fn remark(&mut self, remark: impl Into<String>) {
        self.remarks.push(remark.into());
    }

    fn counts_of(&mut self, collection: &str) -> &mut Counts {
        // Only the first of a collection needs a name of its own.
        if !self.collections.contains_key(collection) {
            self.collections.insert(collection.to_owned(), Counts::default());
        }
        self.collections.get_mut(collection).expect("it is there by now")
    }

    /// What became of each collection.
    pub fn collections(&self) -> &BTreeMap<String, Counts> {
        &self.collections
    }

    /// What became of all of them.
    pub fn total(&self) -> Counts {
        self.collections.values().fold(Counts::default(), |sum, counts| Counts {
            imported: sum.imported + counts.imported,
            skipped: sum.skipped + counts.skipped,
        })
    }

    /// The collections with which the Manager has nothing to do, and how many documents each has.
    pub fn others(&self) -> &BTreeMap<String, u64> {
        &self.not_ours
    }

    /// What whoever imports should know.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// What was skipped, in the order in which it was read, one after the other.
    pub fn skips(&mut self) -> io::Result<impl Iterator<Item = io::Result<Skip>> + use<'_>> {
        let lines = self.lines()?.lines();
        Ok(lines.map(|line| Ok(serde_json::from_str(&line?)?)))
    }

    fn lines(&mut self) -> io::Result<BufReader<impl Read + use<'_>>> {
        self.skipped.flush()?;
        let file = self.skipped.get_mut();
        file.rewind()?;
        Ok(BufReader::new(file))
    }

    /// The report as one JSON document: `{"collections": {name: {"read", "imported", "skipped"}}, "skipped": [{"collection",
    /// "id", "reason"}]}`. It has `not_ours`, documents by collection, if there was anything with which the Manager has nothing
    /// to do, and `remarks`, sentences, if there are any.
    pub fn write_json(&mut self, mut to: impl Write) -> io::Result<()> {
        write!(to, "{{\"collections\":{}", serde_json::to_string(&self.collections)?)?;
        if !self.not_ours.is_empty() {
            write!(to, ",\"not_ours\":{}", serde_json::to_string(&self.not_ours)?)?;
        }
        if !self.remarks.is_empty() {
            write!(to, ",\"remarks\":{}", serde_json::to_string(&self.remarks)?)?;
        }
        to.write_all(b",\"skipped\":[")?;
        let mut between = "\n";
        for line in self.lines()?.lines() {
            write!(to, "{between}{}", line?)?;
            between = ",\n";
        }
        to.write_all(b"]}\n")?;
        to.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn skip(collection: &str, id: &str, reason: &str) -> Skip {
        Skip { collection: collection.into(), id: id.into(), reason: reason.into() }
    }

    fn as_json(report: &mut Report) -> Value {
        let mut bytes = Vec::new();
        report.write_json(&mut bytes).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn the_document_is_that_of_the_specification() {
        let mut report = Report::of(&["tasks", "workers"]);
        report.imported("tasks");
        report.imported("tasks");
        report.skipped(&skip("tasks", "5c7d", "it is \"odd\"\nand long")).unwrap();
        report.remark("a remark");
        let expected = json!({
            "collections": {
                "tasks": {"read": 3, "imported": 2, "skipped": 1},
                "workers": {"read": 0, "imported": 0, "skipped": 0},
            },
            "remarks": ["a remark"],
            "skipped": [{"collection": "tasks", "id": "5c7d", "reason": "it is \"odd\"\nand long"}],
        });
        assert_eq!(as_json(&mut report), expected);
        assert_eq!(as_json(&mut report), expected, "it can be written more than once");
        report.not_ours("users");
        assert_eq!(as_json(&mut report)["not_ours"], json!({"users": 1}));
    }

    proptest! {
        #[test]
        fn the_totals_add_up(deeds in proptest::collection::vec((0_usize..3, any::<bool>()), 0..60)) {
            let names = ["a", "b", "c"];
            let mut report = Report::of(&names[..1]);
            for (name, imported) in &deeds {
                if *imported {
                    report.imported(names[*name]);
                } else {
                    report.skipped(&skip(names[*name], "x", "y")).unwrap();
                }
            }
            let total = report.total();
            prop_assert_eq!(total.read(), deeds.len() as u64);
            prop_assert_eq!(total.read(), total.imported() + total.skipped());
            prop_assert_eq!(report.skips().unwrap().count() as u64, total.skipped());
            let document = as_json(&mut report);
            prop_assert_eq!(document["skipped"].as_array().unwrap().len() as u64, total.skipped());
        }
    }

    #[test]
    fn a_long_list_is_not_kept_in_memory() {
        let mut report = Report::of(&[]);
        for number in 0..20_000 {
            report.skipped(&skip("tasks", &number.to_string(), &"x".repeat(100))).unwrap();
        }
        report.skipped.flush().unwrap();
        assert!(report.skipped.get_ref().is_rolled());
        let ids: Vec<_> = report.skips().unwrap().map(|skip| skip.unwrap().id).collect();
        assert_eq!((ids.len(), ids[0].as_str(), ids[19_999].as_str()), (20_000, "0", "19999"));
    }
}
