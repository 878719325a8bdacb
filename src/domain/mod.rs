//! The rules of the farm: pure functions and plain types. Nothing here knows of threads, disks,
//! networks or clocks; what a rule needs is an argument.

pub mod assign;
pub mod audit;
pub mod backoff;
pub mod backup;
pub mod breath;
pub mod compile;
pub mod database;
pub mod disk;
pub mod event;
pub mod explain;
pub mod failure;
pub mod idempotency;
pub mod ids;
pub mod job;
pub mod listing;
pub mod log_error;
pub mod minute;
pub mod paging;
pub mod people;
pub mod recent_tasks;
pub mod server_task;
pub mod setting;
pub mod sleep;
pub mod tags;
pub mod task;
pub mod task_history;
pub mod task_log;
pub mod task_update;
pub mod time_left;
pub mod timeout;
pub mod tries;
pub mod update;
pub mod variables;
pub mod warning;
pub mod worker;
