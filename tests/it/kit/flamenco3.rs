//! Files as a Flamenco 3 Manager leaves them, of its first and of its latest schema. The tables are written down from what is
//! known of them; a test fills them with SQL.

use std::path::Path;

use rusqlite::Connection;

/// Which schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// Of 3.0 to 3.4, made by an object-relational mapper: nearly everything may be NULL.
    First,
    /// Of 3.8.
    Latest,
}

/// A file with all tables and nothing in them. It stays open, so that more can be written.
pub fn flamenco3(path: &Path, schema: Schema) -> Connection {
    let file = Connection::open(path).unwrap();
    let (text, numbers) = match schema {
        Schema::First => ("", ""),
        Schema::Latest => (" NOT NULL DEFAULT ''", " NOT NULL DEFAULT 0"),
    };
    let steps = match schema {
        Schema::First => String::new(),
        Schema::Latest => format!(", steps_completed integer{numbers}, steps_total integer{numbers}"),
    };
    let unclean =
        if schema == Schema::Latest { ", unclean_signon_count integer NOT NULL DEFAULT 0" } else { "" };
    let index = if schema == Schema::Latest { ", index_in_job integer NOT NULL DEFAULT 0" } else { "" };
    let old_tables = match schema {
        Schema::First => "CREATE TABLE job_storage_infos (shaman_checkout_id varchar(255));",
        Schema::Latest => "CREATE TABLE goose_db_version (id integer PRIMARY KEY, version_id integer);",
    };
    file.execute_batch(&format!(
        "{old_tables}
         CREATE TABLE worker_tags (id integer PRIMARY KEY, created_at datetime, updated_at datetime, uuid varchar(36) UNIQUE{text},
            name varchar(64) UNIQUE{text}, description varchar(255){text});
         CREATE TABLE workers (id integer PRIMARY KEY, created_at datetime, updated_at datetime, deleted_at datetime,
            uuid varchar(36) UNIQUE{text}, secret varchar(255){text}, name varchar(64){text}, address varchar(39){text},
            platform varchar(16){text}, software varchar(32){text}, status varchar(16){text}, last_seen_at datetime,
            status_requested varchar(16){text}, lazy_status_request smallint{numbers}, supported_task_types varchar(255){text},
            can_restart smallint{numbers}{unclean});
         CREATE TABLE worker_tag_membership (worker_tag_id integer, worker_id integer, PRIMARY KEY (worker_tag_id, worker_id));
         CREATE TABLE sleep_schedules (id integer PRIMARY KEY, created_at datetime, updated_at datetime, worker_id integer UNIQUE,
            is_active numeric DEFAULT false, days_of_week text{text}, start_time text{text}, end_time text{text}, next_check datetime);
         CREATE TABLE jobs (id integer PRIMARY KEY, created_at datetime, updated_at datetime, uuid varchar(36) UNIQUE{text},
            name varchar(64){text}, job_type varchar(32){text}, priority smallint{numbers}, status varchar(32){text},
            activity varchar(255){text}, settings jsonb, metadata jsonb, delete_requested_at datetime,
            storage_shaman_checkout_id varchar(255){text}, worker_tag_id integer{steps});
         CREATE TABLE tasks (id integer PRIMARY KEY, created_at datetime, updated_at datetime, uuid varchar(36) UNIQUE{text},
            name varchar(64){text}, type varchar(32){text}, job_id integer{numbers}, priority smallint DEFAULT 50,
            status varchar(16){text}, worker_id integer, last_touched_at datetime, commands jsonb, activity varchar(255){text}
            {index}{steps});
         CREATE TABLE task_dependencies (task_id integer, dependency_id integer, PRIMARY KEY (task_id, dependency_id));
         CREATE TABLE task_failures (created_at datetime, task_id integer, worker_id integer, PRIMARY KEY (task_id, worker_id));
         CREATE TABLE job_blocks (id integer PRIMARY KEY, created_at datetime, job_id integer, worker_id integer, task_type text);
         CREATE TABLE last_rendereds (id integer PRIMARY KEY, created_at datetime, updated_at datetime, job_id integer);"
    ))
    .unwrap();
    file
}

/// A command of Flamenco 3, as JSON.
pub fn sleeping(seconds: u32) -> String {
    format!(r#"[{{"name": "sleep", "parameters": {{"duration_in_seconds": {seconds}}}}}]"#)
}
