//! What goes wrong outside: the real binary is killed, stopped, crowded, and given bad files and bad disks.

pub mod commands;
mod crowd;
pub mod database_file;
mod full_disk;
mod kills;
pub mod process;
mod stopping;
#[cfg(target_os = "linux")]
mod supervised;
mod task_logs;
