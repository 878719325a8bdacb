//! The SQLite file of a Flamenco 3 Manager, of whatever version: opened so that it is not changed, and looked at for which
//! tables and columns it has. What it holds is not to be trusted: every column may hold anything.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, OpenFlags, Row, limits::Limit, types::ValueRef};
use tempfile::TempDir;

/// The longest text or blob that is read, in bytes.
const LONGEST: i32 = 64 << 20;

/// A table, the columns that every version has, those that some do not have, and those that nothing is made of.
struct Table {
    name: &'static str,
    columns: &'static [&'static str],
    newer: &'static [&'static str],
    of_no_use: &'static [&'static str],
    /// Whether every version has it.
    is_old: bool,
}

const TABLES: &[Table] = &[
    Table {
        name: "workers",
        columns: &["id", "created_at", "uuid", "secret", "name", "address", "platform", "software", "status"],
        newer: &[
            "last_seen_at",
            "supported_task_types",
            "deleted_at",
            "can_restart",
            "status_requested",
            "lazy_status_request",
            "unclean_signon_count",
        ],
        of_no_use: &["updated_at"],
        is_old: true,
    },
    Table {
        name: "jobs",
        columns: &[
            "id",
            "created_at",
            "updated_at",
            "uuid",
            "name",
            "job_type",
            "priority",
            "status",
            "settings",
            "metadata",
        ],
        newer: &["activity", "delete_requested_at", "storage_shaman_checkout_id", "worker_tag_id"],
        // They follow from those of its tasks.
        of_no_use: &["steps_completed", "steps_total"],
        is_old: true,
    },
    Table {
        name: "tasks",
        columns: &[
            "id",
            "created_at",
            "updated_at",
            "uuid",
            "name",
            "type",
            "job_id",
            "priority",
            "status",
            "commands",
        ],
        newer: &["worker_id", "last_touched_at", "activity", "steps_completed", "steps_total"],
        // Tasks stay in the order of their rows, which is the same.
        of_no_use: &["index_in_job"],
        is_old: true,
    },
    Table {
        name: "task_dependencies",
        columns: &["task_id", "dependency_id"],
        newer: &[],
        of_no_use: &[],
        is_old: false,
    },
    Table {
        name: "task_failures",
        columns: &["created_at", "task_id", "worker_id"],
        newer: &[],
        of_no_use: &[],
        is_old: false,
    },
    Table {
        name: "job_blocks",
        columns: &["id", "created_at", "job_id", "worker_id", "task_type"],
        newer: &[],
        of_no_use: &[],
        is_old: false,
    },
    Table {
        name: "sleep_schedules",
        columns: &["worker_id", "is_active", "days_of_week", "start_time", "end_time"],
        newer: &[],
        of_no_use: &["id", "created_at", "updated_at", "next_check"],
        is_old: false,
    },
    Table {
        name: "worker_tags",
        columns: &["id", "uuid", "name"],
        newer: &["description"],
        of_no_use: &["created_at", "updated_at"],
        is_old: false,
    },
    Table {
        name: "worker_tag_membership",
        columns: &["worker_tag_id", "worker_id"],
        newer: &[],
        of_no_use: &[],
        is_old: false,
    },
    Table {
        name: "last_rendereds",
        columns: &["id"],
        newer: &[],
        of_no_use: &["created_at", "updated_at", "job_id"],
        is_old: false,
    },
];

/// Tables in which there is nothing of a farm: of SQLite, of migrations, and what versions before the tags have left.
const NOT_OF_A_FARM: [&str; 7] = [
    "sqlite_schema",
    "sqlite_sequence",
    "sqlite_stat1",
    "goose_db_version",
    "job_storage_infos",
    "worker_clusters",
    "worker_cluster_membership",
];

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum BadFile {
    /// It cannot be opened or copied.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// SQLite cannot make sense of it.
    #[error("{}: this is no database of Flamenco 3, or it is damaged: {reason}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// It is a database of something else, or of a version that nobody knows.
    #[error("{}: this is no database of Flamenco 3: {missing}", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What it does not have.
        missing: String,
    },
}

/// The open file.
pub(super) struct File {
    pub connection: Connection,
    /// Each table as a query that has all its columns, also those that this version does not have.
    tables: BTreeMap<&'static str, String>,
    /// Where the file was copied to, if it had to be; it goes when the connection has gone.
    _copy: Option<TempDir>,
    /// Whether Flamenco 3 left a log of changes beside it, as it does when it is killed or still runs.
    pub has_log: bool,
    /// Tables, and columns of tables, that no known version has.
    pub unknown: Vec<String>,
    /// How large it is, in bytes.
    pub size: u64,
}

impl File {
    /// Opens the file at `path`.
    pub fn open(path: &Path) -> Result<Self, BadFile> {
        let unreadable = |source| BadFile::Unreadable { path: path.to_owned(), source };
        let damaged =
            |error: rusqlite::Error| BadFile::Damaged { path: path.to_owned(), reason: error.to_string() };
        let size = fs::File::open(path).and_then(|file| file.metadata()).map_err(unreadable)?.len();
        let logs: Vec<_> = ["-wal", "-journal"]
            .map(|end| beside(path, end))
            .into_iter()
            .filter(|log| has_content(log))
            .collect();
        let copy = if logs.is_empty() { None } else { Some(copied(path, &logs).map_err(unreadable)?) };
        let connection = match &copy {
            Some(folder) => {
                Connection::open_with_flags(folder.path().join(COPY), OpenFlags::SQLITE_OPEN_READ_WRITE)
            }
            None => Connection::open_with_flags(
                unchanging(path).map_err(unreadable)?,
                OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
            ),
        };
        let connection = connection.map_err(damaged)?;
        let found = check(&connection).and_then(|()| columns(&connection)).map_err(damaged)?;
        let tables = TABLES.iter().map(|table| Ok((table.name, table.query(found.get(table.name))?)));
        let tables = tables.collect::<Result<_, String>>();
        let tables = tables.map_err(|missing| BadFile::Foreign { path: path.to_owned(), missing })?;
        let unknown = unknown(&found);
        Ok(Self { connection, tables, has_log: copy.is_some(), unknown, _copy: copy, size })
    }

    /// A table, to stand behind FROM. Besides its own columns it has `row`, by which its rows can be gone through.
    pub fn table(&self, name: &str) -> &str {
        self.tables.get(name).map_or("", String::as_str)
    }

    /// How many rows there are, of what stands behind FROM.
    pub fn count(&self, from: &str) -> rusqlite::Result<u64> {
        let sql = format!("SELECT count(*) FROM {from}");
        self.connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
    }
}

/// The name of a copy.
const COPY: &str = "flamenco.sqlite";

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

fn has_content(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() > 0)
}

/// A copy of the file with what belongs to it: to read that SQLite has to write, and the original is to stay as it is.
fn copied(path: &Path, logs: &[PathBuf]) -> io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    fs::copy(path, folder.path().join(COPY))?;
    for log in logs {
        let end = if log.to_string_lossy().ends_with("-wal") { "-wal" } else { "-journal" };
        fs::copy(log, beside(&folder.path().join(COPY), end))?;
    }
    Ok(folder)
}

/// The URI of a file that nobody changes: SQLite looks for no logs then, and makes no files beside it.
fn unchanging(path: &Path) -> io::Result<String> {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');
    let whole = std::path::absolute(path)?;
    let text = percent_encode(whole.as_os_str().as_encoded_bytes(), KEPT).to_string();
    // On Windows a path begins with a letter and has backslashes.
    let slash = if text.starts_with('/') { "" } else { "/" };
    Ok(format!("file:{slash}{}?immutable=1", text.replace("%5C", "/")))
}

/// Keeps what is hostile in the file from doing anything, and refuses a damaged one.
fn check(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    let report: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if report == "ok" {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(code, Some(report)))
}

/// The columns of each plain table.
fn columns(connection: &Connection) -> rusqlite::Result<BTreeMap<String, BTreeSet<String>>> {
    let mut statement = connection.prepare(
        "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_info(t.name) AS c \
         WHERE t.schema = 'main' AND t.type = 'table' AND NOT t.wr",
    )?;
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        found.entry(text(row, 0)?).or_default().insert(text(row, 1)?);
    }
    Ok(found)
}

/// What there is that is not looked at, because nobody knows what it means.
fn unknown(found: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut unknown = Vec::new();
    for (name, columns) in found.iter().filter(|(name, _)| !NOT_OF_A_FARM.contains(&name.as_str())) {
        let Some(table) = TABLES.iter().find(|table| table.name == name) else {
            unknown.push(name.clone());
            continue;
        };
        let known = [table.columns, table.newer, table.of_no_use].concat();
        let others = columns.iter().filter(|column| !known.contains(&column.as_str()));
        unknown.extend(others.map(|column| format!("{name}.{column}")));
    }
    unknown
}

impl Table {
    /// The table as a query of all its columns.
    fn query(&self, found: Option<&BTreeSet<String>>) -> Result<String, String> {
        let Self { name, columns, newer, is_old, of_no_use: _ } = self;
        let Some(found) = found else {
            let nothing: Vec<_> =
                columns.iter().chain(*newer).map(|column| format!("NULL AS {column}")).collect();
            let nothing = format!("(SELECT NULL AS row, {} WHERE 0)", nothing.join(", "));
            return if *is_old { Err(format!("it has no table {name}")) } else { Ok(nothing) };
        };
        if let Some(missing) = columns.iter().find(|column| !found.contains(**column)) {
            return Err(format!("its table {name} has no column {missing}"));
        }
        if found.contains("rowid") {
            return Err(format!("its table {name} has a column rowid"));
        }
        let all = columns.iter().chain(*newer).map(|column| {
            if found.contains(*column) { format!("\"{column}\"") } else { format!("NULL AS {column}") }
        });
        Ok(format!("(SELECT rowid AS row, {} FROM \"{name}\")", all.collect::<Vec<_>>().join(", ")))
    }
}

/// A value as text, whatever it is; empty for none.
pub(super) fn text(row: &Row<'_>, index: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(index)? {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    })
}

/// A value as a whole number; none if it is no such number.
pub(super) fn number(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<i64>> {
    Ok(match row.get_ref(index)? {
        ValueRef::Integer(number) => Some(number),
        ValueRef::Text(_) => text(row, index)?.parse().ok(),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => None,
    })
}
