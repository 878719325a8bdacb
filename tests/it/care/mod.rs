//! The database is cared for: backups, checks, compacting, migrations; and nothing of it can be cut off half-way.

mod automatic;
mod command_line;
mod kills;
mod log_kills;
mod over_http;
