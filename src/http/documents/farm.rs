//! The farm as a whole, and the Manager itself.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::job::{StarvedJob, starved_job};
use crate::{
    domain::{
        disk::Space,
        ids::TaskId,
        minute::{Done, Minute},
        task_update,
        warning::Warning,
    },
    exchange::{self, Topic},
    services::{self, Disks, ServerQueues},
};

/// The program.
#[derive(Serialize, JsonSchema)]
pub struct Version {
    /// What it is called.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// That the Manager is well.
#[derive(Serialize, JsonSchema)]
pub struct Health {
    /// Always `ok`.
    pub status: &'static str,
}

/// What was cleared away.
#[derive(Serialize, JsonSchema)]
pub struct Erased {
    /// How many there were.
    pub erased: u64,
}

/// The farm as a whole.
#[derive(Serialize, JsonSchema)]
pub struct Farm<'a> {
    /// How much room there is on the disks.
    disk: Disk,
    /// How the exchange with the Flamenco Server goes; nothing without one.
    exchange: Option<Exchange<'a>>,
    /// Jobs by status; a status that no job has is left out. The same goes for tasks and workers.
    jobs: &'a BTreeMap<&'static str, u64>,
    /// The newest of the automatic backups of the database, which was read back; nothing if there is none.
    newest_backup: Option<MadeBackup<'a>>,
    queues: Queues<'a>,
    /// Jobs with runnable tasks that no registered worker can ever take.
    starved_jobs: Vec<StarvedJob<'a>>,
    /// The farm in one line of words.
    summary: &'a str,
    /// Tasks by status.
    tasks: &'a BTreeMap<&'static str, u64>,
    /// How long the Manager has been running.
    uptime_seconds: f64,
    /// What wants to be looked at, the most important first; 50 at the most.
    warnings: &'a [Warning],
    /// How many warnings there are beyond these.
    warnings_left_out: u64,
    /// Workers by status.
    workers: &'a BTreeMap<&'static str, u64>,
}

/// A backup of the database.
#[derive(Serialize, JsonSchema)]
struct MadeBackup<'a> {
    /// Of which moment it is.
    at: Timestamp,
    /// How large it is.
    bytes: u64,
    /// The file, on the machine of the Manager.
    file: Cow<'a, str>,
}

/// Room on the disks, in bytes, as of the last look; nothing where the system does not tell.
#[derive(Serialize, JsonSchema)]
struct Disk {
    /// Where the database is.
    database: Option<Space>,
    /// Where the task logs are.
    task_logs: Option<Space>,
    /// Whether one has so little room that no new jobs are taken.
    is_out_of_room: bool,
}

/// What workers did in each of the last minutes, the oldest first; the last of them is not over.
#[derive(Serialize, JsonSchema)]
pub struct FarmHistory {
    /// When the first of them begins.
    start: Timestamp,
    /// How long each is: a minute.
    step_seconds: u64,
    /// How many tasks they completed.
    completed: Vec<u64>,
    /// How many tasks they failed, softly or for good.
    failed: Vec<u64>,
}

/// What waits for the Flamenco Server, and since when.
#[derive(Serialize, JsonSchema)]
struct Queues<'a> {
    /// The last update that the Server would not take.
    last_set_aside: Option<SetAside<'a>>,
    /// Task updates that it has yet to hear.
    task_updates: u64,
    /// Task updates that it would not take.
    task_updates_set_aside: u64,
    /// When the oldest that it has yet to hear happened.
    task_updates_since: Option<Timestamp>,
    /// Tasks that it has to be asked about once more.
    tasks_to_ask_about: u64,
    /// Task logs that it wants.
    wanted_logs: u64,
    /// Since when it has wanted the oldest of them.
    wanted_logs_since: Option<Timestamp>,
}

/// A task update that the Flamenco Server would not take.
#[derive(Serialize, JsonSchema)]
struct SetAside<'a> {
    /// When the Manager gave up.
    at: Timestamp,
    /// What the Server said.
    reason: &'a str,
    /// What it was about.
    task: TaskId,
}

/// How the exchange with the Flamenco Server goes.
#[derive(Serialize, JsonSchema)]
struct Exchange<'a> {
    /// By topic.
    conversations: BTreeMap<&'static str, Conversation<'a>>,
    /// Why nothing is said at all: the Server does not accept this Manager.
    standstill: Option<Standstill<'a>>,
}

/// How one conversation with the Flamenco Server goes.
#[derive(Serialize, JsonSchema)]
struct Conversation<'a> {
    /// How often it has failed since it last went well.
    failures_in_a_row: u32,
    /// What last went wrong.
    last_error: Option<Failure<'a>>,
    /// When it last went well.
    last_success: Option<Timestamp>,
    /// When it is tried again, as far as that is known.
    next_try: Option<Timestamp>,
    /// Why it is put off by the Manager itself, if it is.
    put_off: Option<Failure<'a>>,
}

/// What went wrong in a conversation with the Flamenco Server, and when.
#[derive(Serialize, JsonSchema)]
struct Failure<'a> {
    at: Timestamp,
    message: &'a str,
}

/// A time in which nothing is said to the Flamenco Server.
#[derive(Serialize, JsonSchema)]
struct Standstill<'a> {
    /// What the Server said last.
    reason: &'a str,
    since: Timestamp,
    until: Timestamp,
}

/// What workers did in these minutes, which are one behind the other.
pub fn farm_history(minutes: &[(Minute, Done)]) -> FarmHistory {
    FarmHistory {
        start: minutes.first().map_or(Timestamp::UNIX_EPOCH, |(minute, _)| minute.begin()),
        step_seconds: 60,
        completed: minutes.iter().map(|(_, done)| done.completed).collect(),
        failed: minutes.iter().map(|(_, done)| done.failed).collect(),
    }
}

/// The farm as a whole.
pub fn farm<'a>(farm: &'a services::Farm, exchange: Option<&'a exchange::State>) -> Farm<'a> {
    let services::Farm {
        summary,
        warnings,
        jobs,
        tasks,
        workers,
        queues,
        uptime,
        starved_jobs,
        disks: Disks { database, task_logs, is_one: _ },
        is_out_of_room,
        newest_backup,
    } = farm;
    Farm {
        disk: Disk { database: *database, task_logs: *task_logs, is_out_of_room: *is_out_of_room },
        exchange: exchange.map(exchange_state),
        jobs,
        newest_backup: newest_backup.as_ref().map(|services::MadeBackup { at, file, bytes }| MadeBackup {
            at: *at,
            bytes: *bytes,
            file: file.to_string_lossy(),
        }),
        queues: queues_for_server(queues),
        starved_jobs: starved_jobs.iter().map(starved_job).collect(),
        summary,
        tasks,
        uptime_seconds: uptime.as_secs_f64(),
        warnings: &warnings.told,
        warnings_left_out: warnings.left_out,
        workers,
    }
}

fn queues_for_server(queues: &ServerQueues) -> Queues<'_> {
    let last_set_aside = queues
        .last_set_aside
        .as_ref()
        .map(|task_update::SetAside { update, reason, at }| SetAside { at: *at, reason, task: update.task });
    Queues {
        last_set_aside,
        task_updates: queues.updates,
        task_updates_set_aside: queues.set_aside,
        task_updates_since: queues.oldest_update,
        tasks_to_ask_about: queues.ask_again,
        wanted_logs: queues.wanted_logs,
        wanted_logs_since: queues.oldest_wanted_log,
    }
}

fn exchange_state(state: &exchange::State) -> Exchange<'_> {
    let conversations = Topic::ALL.into_iter().zip(&state.conversations);
    Exchange {
        conversations: conversations.map(|(topic, state)| (topic.as_str(), conversation(state))).collect(),
        standstill: state.standstill.as_ref().map(|(failure, until)| Standstill {
            reason: &failure.what,
            since: failure.at,
            until: *until,
        }),
    }
}

fn conversation<'a>(state: &'a exchange::Conversation) -> Conversation<'a> {
    let exchange::Conversation { last_success, last_failure, failures, failing_since: _, next_try, put_off } =
        state;
    let told = |exchange::Failure { at, what }: &'a exchange::Failure| Failure { at: *at, message: what };
    Conversation {
        failures_in_a_row: *failures,
        last_error: last_failure.as_ref().map(told),
        last_success: *last_success,
        next_try: *next_try,
        put_off: put_off.as_ref().map(told),
    }
}
