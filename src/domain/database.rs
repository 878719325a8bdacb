//! What there is to know about the database as a file, as people and scripts get it.

use schemars::JsonSchema;
use serde::Serialize;

/// As many contradictions are told; the others are counted.
const TOLD: usize = 1000;

/// What the self-check of the database found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "DatabaseCheck")]
pub struct Check {
    /// A sentence for each place where the database contradicts itself, 1000 at the most. None is good news.
    pub contradictions: Vec<String>,
    /// How many there are beyond these.
    pub left_out: usize,
}

impl Check {
    /// This was found.
    pub fn new(mut contradictions: Vec<String>) -> Self {
        let left_out = contradictions.len().saturating_sub(TOLD);
        contradictions.truncate(TOLD);
        Self { contradictions, left_out }
    }

    /// What is wrong, in half a sentence; nothing if nothing is.
    pub fn trouble(&self) -> Option<String> {
        let first = self.contradictions.first()?;
        Some(match self.contradictions.len() - 1 + self.left_out {
            0 => first.clone(),
            1 => format!("{first}; and so in one other place"),
            others => format!("{first}; and so in {others} other places"),
        })
    }
}

/// How large the file of the database is, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "DatabaseSize")]
pub struct Size {
    /// How large the file is, in bytes.
    pub bytes: u64,
    /// How many of them nothing is in: compacting gives them back to the disk.
    pub free_bytes: u64,
    /// The tables.
    pub tables: Vec<TableSize>,
}

impl Size {
    /// A file of so many bytes, with these tables.
    pub fn new(bytes: u64, tables: Vec<TableSize>) -> Self {
        let used: u64 = tables.iter().map(|table| table.bytes_in_file).sum();
        Self { bytes, free_bytes: bytes.saturating_sub(used), tables }
    }
}

/// A table of the database, and the room that it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TableSize {
    /// What it is called.
    pub name: &'static str,
    /// How many rows it has.
    pub rows: u64,
    /// How many bytes its keys and values have.
    pub bytes: u64,
    /// How many bytes of the file it takes.
    pub bytes_in_file: u64,
}

/// What became of making the file of the database smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Compacted {
    /// How many bytes it had.
    pub bytes_before: u64,
    /// How many it has.
    pub bytes_after: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_contradictions_is_counted() {
        let found =
            |count: usize| Check::new((0..count).map(|number| format!("{number} is wrong")).collect());
        assert_eq!(found(0).trouble(), None);
        assert_eq!(found(1).trouble().unwrap(), "0 is wrong");
        assert_eq!(found(2).trouble().unwrap(), "0 is wrong; and so in one other place");
        let many = found(1500);
        assert_eq!((many.contradictions.len(), many.left_out), (1000, 500));
        assert_eq!(many.trouble().unwrap(), "0 is wrong; and so in 1499 other places");
    }

    #[test]
    fn what_no_table_takes_is_free() {
        let table = |name, bytes_in_file| TableSize { name, rows: 1, bytes: 10, bytes_in_file };
        assert_eq!(Size::new(100, vec![table("a", 20), table("b", 30)]).free_bytes, 50);
    }
}
