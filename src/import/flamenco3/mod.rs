//! A farm of Flamenco 3, out of the SQLite file of its Manager: workers, jobs, tasks and the blocklist, in the Manager's own
//! terms. The file is read page by page, so that no more than a page is in memory.
//!
//! What comes along is what the farm knows. Its workers speak another protocol, so they have to be installed anew; whoever
//! gives one of them its old secret and the ID that it has here finds its sleep schedule, tags and failures again.

mod commands;
mod file;
mod ids;
mod rows;
mod told;

use std::{
    collections::{VecDeque, vec_deque},
    path::Path,
};

use jiff::Timestamp;

pub use self::{file::BadFile, told::Told};
use self::{
    file::{File, text},
    rows::Rows,
};
use super::Found;

/// The tables that are read, in this order.
pub const TABLES: [&str; 4] = ["workers", "jobs", "tasks", "job_blocks"];

/// Tables of which nothing comes along; their rows are counted as the Manager's no business.
const OTHERS: &str = "last_rendereds";

/// How many rows are read at a time.
const PAGE: usize = 500;

/// The file, from which everything comes one after the other.
pub struct Source {
    file: File,
    now: Timestamp,
    told: Told,
    /// The table that is being read, and the last row of it that was.
    stage: usize,
    row: i64,
    page: vec_deque::IntoIter<Found>,
    /// How many rows there are, and how many were read.
    all: u64,
    read: u64,
}

impl Source {
    /// Opens the file of a Flamenco 3 Manager. Nothing is changed in it, nor beside it.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, BadFile> {
        let file = File::open(path)?;
        let damaged =
            |error: rusqlite::Error| BadFile::Damaged { path: path.to_owned(), reason: error.to_string() };
        let all = TABLES.iter().chain([&OTHERS]).map(|table| file.count(file.table(table)));
        let all = all.sum::<rusqlite::Result<u64>>().map_err(damaged)?;
        let told = Told::default();
        look(&file, &told).map_err(damaged)?;
        let page = VecDeque::new().into_iter();
        Ok(Self { file, now, told, stage: 0, row: i64::MIN, page, all, read: 0 })
    }

    /// What is to be said when all was read.
    pub fn told(&self) -> Told {
        self.told.clone()
    }

    /// How large the file is, in bytes.
    pub fn size(&self) -> u64 {
        self.file.size
    }

    /// The next rows of a table.
    fn read_page(&mut self, table: &'static str) -> rusqlite::Result<VecDeque<Found>> {
        let rows = Rows { file: &self.file, now: self.now, told: &self.told };
        let mut statement = self.file.connection.prepare_cached(&rows.query(table, PAGE))?;
        let mut found = statement.query([self.row])?;
        let mut page = VecDeque::with_capacity(PAGE);
        while let Some(row) = found.next()? {
            self.row = row.get(0)?;
            self.read += 1;
            let (collection, what) = rows.read(table, row)?;
            let uuid = if table == "job_blocks" { String::new() } else { text(row, 1)? };
            let id = if uuid.is_empty() { format!("row {}", self.row) } else { uuid };
            let bytes_read = self.file.size.saturating_mul(self.read) / self.all.max(1);
            page.push_back(Found { collection: collection.into(), id, what, bytes_read });
        }
        Ok(page)
    }
}

/// Looks for what is to be told and is not seen when rows are read.
fn look(file: &File, told: &Told) -> rusqlite::Result<()> {
    let (tags, jobs) = (file.table("worker_tags"), file.table("jobs"));
    let membership = file.table("worker_tag_membership");
    let has_jobs = file.count(jobs)? > 0;
    let described_tags = file.count(&format!("{tags} WHERE description <> ''"))?;
    let unused_tags = file.count(&format!(
        "{tags} WHERE id NOT IN (SELECT worker_tag_id FROM {membership} WHERE worker_tag_id NOT NULL) \
         AND id NOT IN (SELECT worker_tag_id FROM {jobs} WHERE worker_tag_id NOT NULL)"
    ))?;
    told.count(|counts| {
        counts.has_log = file.has_log;
        counts.unknown.clone_from(&file.unknown);
        (counts.has_jobs, counts.described_tags, counts.unused_tags) =
            (has_jobs, described_tags, unused_tags);
    });
    Ok(())
}

impl Iterator for Source {
    type Item = Result<Found, String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.page.next() {
                return Some(Ok(found));
            }
            let table = TABLES.iter().chain([&OTHERS]).nth(self.stage).copied()?;
            match self.read_page(table) {
                Ok(page) if page.is_empty() => {
                    self.stage += 1;
                    self.row = i64::MIN;
                }
                Ok(page) => self.page = page.into_iter(),
                Err(error) => {
                    self.stage = usize::MAX;
                    return Some(Err(format!(
                        "the table {table} cannot be read behind row {}: {error}",
                        self.row
                    )));
                }
            }
        }
    }
}
