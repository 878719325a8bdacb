//! Whatever is in a database: exported and read back it is the same, row by row in every table.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::Path,
};

use flamenco_manager::{
    domain::{
        audit::Deed,
        event::Event,
        idempotency::Receipt,
        ids::{JobId, TaskId, TokenId, WorkerId},
        job::{Job, JobState, JobWish},
        minute::{Done, Minute},
        people::{AccessToken, Role, Session},
        recent_tasks::RecentTasks,
        sleep::{SleepSchedule, SleepScheduleWire},
        tags::Tags,
        task::{FailedBy, Progress, Task, TaskStatus},
        task_history::{Entry, TaskHistory, What},
        task_update::{SetAside, TaskUpdate},
        time_left::Measured,
        worker::{SecretHash, StatusRequest, Worker, WorkerStatus},
    },
    export::{self, folder::Filling},
    import::memory::Memory,
    store::{BlacklistEntry, ExtraOf, LogRequest, Store, StoreError, WriteTx},
};
use jiff::Timestamp;
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};

use super::exported::{imported, now};

/// Things have numbers below these; what is mentioned may be one of those that are not there.
const TASKS: u8 = 12;
const JOBS: u8 = 4;
const WORKERS: u8 = 4;
const MENTIONED: u8 = 16;

/// An import takes no worker that could never sign on.
const SECRET_HASH: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

/// What is put into a database.
#[derive(Debug)]
struct Contents {
    jobs: Vec<(Job, JobState)>,
    tasks: Vec<(Task, String)>,
    workers: Vec<(Worker, Timestamp)>,
    blacklist: Vec<BlacklistEntry>,
    /// The queue, and how many at its front were sent already.
    updates: (Vec<TaskUpdate>, usize),
    memories: Vec<Memory>,
}

/// Any text: signs of every alphabet and none, control characters, quotes.
fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..6).prop_map(String::from_iter)
}

/// A text that is part of keys.
fn word() -> impl Strategy<Value = String> {
    select(vec!["sleep", "blender-render", "Zoë's", " ", "{x}\"\\", ""]).prop_map(str::to_owned)
}

/// The database keeps times to the millisecond.
fn time() -> impl Strategy<Value = Timestamp> {
    let all = Timestamp::MIN.as_millisecond()..=Timestamp::MAX.as_millisecond();
    let near = now().as_millisecond() - 20 * 86_400_000..now().as_millisecond();
    prop_oneof![1 => all, 4 => near].prop_map(|millis| Timestamp::from_millisecond(millis).unwrap())
}

fn task_id() -> impl Strategy<Value = TaskId> {
    (0..MENTIONED).prop_map(|number| TaskId([number; 12]))
}

fn job_id() -> impl Strategy<Value = JobId> {
    (0..MENTIONED).prop_map(|number| JobId([number; 12]))
}

fn worker_id() -> impl Strategy<Value = WorkerId> {
    (0..MENTIONED).prop_map(|number| WorkerId([number; 12]))
}

fn value() -> impl Strategy<Value = Value> {
    let finite = any::<f64>().prop_filter("JSON has no others", |number| number.is_finite());
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        finite.prop_map(Value::from),
        text().prop_map(Value::from),
        vec(any::<u8>(), 0..3).prop_map(|numbers| json!({"a list": numbers})),
    ]
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    vec((text(), value()), 0..4).prop_map(Map::from_iter)
}

fn tags() -> impl Strategy<Value = Tags> {
    vec(select(vec!["gpu", "big memory", "Zoë", "\"", "日本"]), 0..3)
        .prop_map(|names| Tags::try_from(names.into_iter().map(str::to_owned).collect::<Vec<_>>()).unwrap())
}

fn failed_by() -> impl Strategy<Value = Vec<FailedBy>> {
    vec((worker_id(), text()).prop_map(|(id, identifier)| FailedBy { id, identifier }), 0..3)
}

fn progress() -> impl Strategy<Value = Progress> {
    any::<[i32; 3]>().prop_map(|[task_percentage, command_index, command_percentage]| Progress {
        task_percentage,
        command_index,
        command_percentage,
    })
}

fn timing() -> impl Strategy<Value = BTreeMap<String, f64>> {
    let seconds = any::<f64>().prop_filter("JSON has no others", |seconds| seconds.is_finite());
    vec((text(), seconds), 0..3).prop_map(BTreeMap::from_iter)
}

fn status() -> impl Strategy<Value = TaskStatus> {
    select(TaskStatus::ALL.to_vec())
}

fn commands() -> impl Strategy<Value = String> {
    vec((text(), object()), 0..3).prop_map(|commands| {
        let command = |(name, settings): (String, Map<String, Value>)| json!({"name": name, "settings": Value::Object(settings)});
        commands.into_iter().map(command).collect::<Value>().to_string()
    })
}

fn task(number: u8) -> impl Strategy<Value = (Task, String)> {
    let what = (text(), status(), any::<i32>(), word(), vec(task_id(), 0..4), text(), progress(), timing());
    let who = (0..JOBS + 1, text(), option::of(worker_id()), failed_by(), option::of(worker_id()));
    let times = (option::of(time()), option::of(time()), time());
    (what, who, times, option::of(text()), commands()).prop_map(move |(what, who, times, etag, commands)| {
        let (name, status, priority, task_type, parents, activity, progress, timing) = what;
        let (job, worker, worker_id, failed_by, only_for) = who;
        let (last_worker_ping, started, last_updated) = times;
        let task = Task {
            id: TaskId([number; 12]),
            job: JobId([job; 12]),
            name,
            status,
            priority,
            task_type,
            parents,
            activity,
            worker,
            worker_id,
            failed_by,
            // One that somebody has in hand was heard of.
            last_worker_ping: last_worker_ping.or(status.is_in_hand().then_some(last_updated)),
            started,
            last_updated,
            progress,
            timing,
            only_for,
            etag,
        };
        (task, commands)
    })
}

fn job(number: u8) -> impl Strategy<Value = (Job, JobState)> {
    let fixed = (text(), text(), object(), object(), time(), any::<bool>(), vec(0..number.max(1), 0..3));
    let state =
        (any::<i32>(), time(), select(JobWish::ALL.to_vec()), any::<u32>(), tags(), any::<(u64, u64)>());
    (fixed, state).prop_map(move |(fixed, state)| {
        let (name, job_type, settings, metadata, created, of_server, depends_on) = fixed;
        let (priority, updated, wish, max_workers, worker_tags, (tasks, millis)) = state;
        // A job depends on those before it.
        let depends_on = depends_on.into_iter().filter(|on| *on < number).collect::<BTreeSet<_>>();
        let job = Job {
            id: JobId([number; 12]),
            name,
            job_type,
            settings: Value::Object(settings).to_string(),
            metadata: Value::Object(metadata).to_string(),
            created,
            of_server,
            depends_on: depends_on.into_iter().map(|on| JobId([on; 12])).collect(),
        };
        let max_workers = std::num::NonZeroU32::new(max_workers);
        let measured = Measured { tasks, millis };
        let state =
            JobState { priority, updated, wish, max_workers, worker_tags, measured, ..JobState::default() };
        (job, state)
    })
}

fn schedule() -> impl Strategy<Value = SleepSchedule> {
    let days = select(vec!["", "mo", "mo fr", "mo tu we th fr sa su"]);
    let times = || select(vec!["", "00:00", "22:00", "06:30", "23:59", "24:00"]);
    (any::<bool>(), days, times(), times()).prop_map(|(schedule_active, days, start, end)| {
        let (days_of_week, time_start, time_end) = (days.into(), start.into(), end.into());
        SleepSchedule::try_from(&SleepScheduleWire { schedule_active, days_of_week, time_start, time_end })
            .unwrap()
    })
}

fn worker(number: u8) -> impl Strategy<Value = (Worker, Timestamp)> {
    let status = || select(WorkerStatus::ALL.to_vec());
    let requested = option::of((status(), any::<bool>()));
    let texts = (text(), text(), text(), text(), vec(text(), 0..3));
    let times = (time(), time(), time());
    (texts, status(), requested, option::of(task_id()), times, schedule(), tags()).prop_map(
        move |(texts, status, requested, current_task, times, sleep_schedule, tags)| {
            let (nickname, address, platform, software, supported_task_types) = texts;
            let (registered, seen, sleep_checked) = times;
            let worker = Worker {
                id: WorkerId([number; 12]),
                secret_hash: SecretHash(SECRET_HASH.into()),
                nickname,
                address,
                platform,
                software,
                status,
                supported_task_types,
                requested: requested.map(|(status, lazy)| StatusRequest { status, lazy }),
                current_task,
                registered,
                sleep_schedule,
                sleep_checked,
                tags,
            };
            (worker, seen)
        },
    )
}

fn update(number: u8) -> impl Strategy<Value = TaskUpdate> {
    let what = (task_id(), option::of(status()), time(), text(), progress(), text(), text());
    (what, failed_by(), timing()).prop_map(move |(what, failed_by, timing)| {
        let (task, status, received, activity, progress, log_tail, worker) = what;
        let id = [number; 12];
        TaskUpdate { id, task, status, received, activity, progress, log_tail, worker, failed_by, timing }
    })
}

fn history() -> impl Strategy<Value = TaskHistory> {
    let worker = option::of((worker_id(), text()));
    let entry = (time(), select(What::ALL.to_vec()), worker, text())
        .prop_map(|(at, what, worker, why)| Entry { at, what, worker, why });
    (vec(entry, 0..3), any::<u64>())
        .prop_map(|(entries, forgotten)| TaskHistory { entries: entries.into(), forgotten })
}

/// What belongs to tasks and workers, of which those that are not there have nothing.
fn memory_of_the_farm() -> impl Strategy<Value = Memory> {
    let (task, worker) = (|| (0..TASKS).prop_map(|of| TaskId([of; 12])), |of: u8| WorkerId([of; 12]));
    let of = (0_u8..5, 0..WORKERS, any::<[u8; 12]>());
    let of = of.prop_map(move |(kind, number, odd)| match kind {
        0 => ExtraOf::Task(TaskId([number; 12])),
        1 => ExtraOf::Worker(worker(number)),
        2 => ExtraOf::Update(odd),
        3 => ExtraOf::BlacklistLine(odd),
        _ => ExtraOf::Settings(odd),
    });
    prop_oneof![
        (task(), history()).prop_map(|(task, history)| Memory::History(task, history)),
        (0..WORKERS, vec(task_id(), 0..4))
            .prop_map(move |(of, tasks)| Memory::RecentTasks(worker(of), RecentTasks(tasks.into()))),
        (of, object()).prop_map(|(of, extra)| Memory::Extra(of, extra)),
        task().prop_map(Memory::AskAgain),
        (job_id(), task_id(), time()).prop_map(|(job, task, since)| Memory::WantedLog(LogRequest {
            job,
            task,
            since
        })),
        (update(200), text(), time()).prop_map(|(update, reason, at)| Memory::SetAside(SetAside {
            update,
            reason,
            at
        })),
    ]
}

fn memory_of_people() -> impl Strategy<Value = Memory> {
    let role = || select(Role::ALL.to_vec());
    let who = (option::of(text()), option::of(role()), option::of(any::<IpAddr>()));
    let deed = (time(), who, text(), text(), text(), option::of(any::<u16>())).prop_map(
        |(at, (who, role, from), action, target, detail, status)| {
            Memory::Deed(Deed { at, who, role, from, action, target, detail, status })
        },
    );
    let token = (any::<[u8; 32]>(), any::<[u8; 12]>(), text(), role(), time(), option::of(time())).prop_map(
        |(digest, id, name, role, created, last_used)| {
            let id = TokenId(id);
            // Names are unique.
            let name = format!("{name}{id}");
            Memory::AccessToken(digest, AccessToken { id, name, role, created, last_used })
        },
    );
    let event = (time(), worker_id(), vec(text(), 0..3))
        .prop_map(|(at, worker, paths)| Memory::Event(Event::OutputProduced { at, worker, paths }));
    prop_oneof![
        deed,
        token,
        event,
        (text(), text()).prop_map(|(name, value)| Memory::Setting(name, value)),
        (0_u64..50_000_000, any::<(u64, u64)>()).prop_map(|(minute, (completed, failed))| {
            Memory::Minute(Minute(minute), Done { completed, failed })
        }),
        (text(), job_id(), any::<[u8; 32]>(), time())
            .prop_map(|(key, job, digest, taken)| Memory::Submission(key, Receipt { job, digest, taken })),
    ]
}

fn contents() -> impl Strategy<Value = Contents> {
    let jobs: Vec<_> = (0..JOBS).map(job).collect();
    let tasks: Vec<_> = (0..TASKS).map(task).collect();
    let workers: Vec<_> = (0..WORKERS).map(worker).collect();
    let updates: Vec<_> = (0..6).map(update).collect();
    let line = (0..WORKERS, job_id(), word(), time()).prop_map(|(worker, job, task_type, created)| {
        BlacklistEntry { worker: WorkerId([worker; 12]), job, task_type, created }
    });
    let farm = (jobs, tasks, workers, vec(line, 0..4), (updates, 0_usize..6));
    (farm, vec(memory_of_the_farm(), 0..20), vec(memory_of_people(), 0..20)).prop_map(
        |((jobs, tasks, workers, blacklist, updates), of_farm, of_people)| {
            let memories = of_farm.into_iter().chain(of_people).collect();
            Contents { jobs, tasks, workers, blacklist, updates, memories }
        },
    )
}

impl Contents {
    /// Puts everything into a new database, and what follows from it.
    fn fill(&self, path: &Path) {
        let store = Store::open(path).unwrap();
        let filled = store.fill(now(), |tx| {
            self.workers.iter().try_for_each(|(worker, seen)| tx.load_worker(worker, *seen))?;
            self.jobs.iter().try_for_each(|(job, state)| tx.load_job(job, state.clone()))?;
            self.tasks.iter().try_for_each(|(task, commands)| tx.load_task(task, commands))?;
            self.blacklist.iter().try_for_each(|line| tx.put_blacklist_entry(line))?;
            let (updates, sent) = &self.updates;
            updates.iter().try_for_each(|update| tx.push_update(update))?;
            let sent = (0..).zip(&updates[..*sent]).map(|(place, update)| (place, update.id));
            tx.take_updates(&sent.collect::<Vec<_>>())?;
            let session = Session { name: "ada".into(), role: Role::Admin, token: None, until: now() };
            tx.put_session(&[1; 32], &session)?;
            self.memories.iter().try_for_each(|memory| put(tx, memory))
        });
        filled.and_then(|()| store.settle(now(), || Ok(()))).unwrap();
    }
}

fn put(tx: &mut WriteTx<'_>, memory: &Memory) -> Result<(), StoreError> {
    match memory {
        Memory::History(task, history) => tx.load_history(*task, history),
        Memory::RecentTasks(worker, recent) => tx.load_recent_tasks(*worker, recent),
        Memory::Extra(of, extra) => tx.put_extra(*of, &json!(extra).to_string()),
        Memory::SetAside(aside) => tx.put_aside(aside),
        Memory::AskAgain(task) => tx.put_ask_again(*task),
        Memory::WantedLog(log) => tx.load_log_request(log),
        Memory::Setting(name, value) => tx.put_setting(name, value),
        Memory::Event(event) => tx.push_event(event),
        Memory::Deed(deed) => tx.push_deed(deed),
        Memory::AccessToken(digest, token) => tx.put_access_token(digest, token),
        Memory::Minute(minute, done) => tx.load_minute(*minute, *done),
        Memory::Submission(key, receipt) => tx.put_receipt(key, receipt),
    }
}

/// The rows of a table: keys and values.
type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// Everything in a file, as it stands there, table by table; but for the sessions, which are not exported, and the numbers
/// of what is kept in order: it may begin at any, and begins anew.
#[expect(clippy::disallowed_types, reason = "what is looked at is what the store makes of it")]
fn rows(path: &Path) -> BTreeMap<String, Rows> {
    use redb::{ReadableDatabase, ReadableTable, TableHandle};
    let database = redb::Database::open(path).unwrap();
    let txn = database.begin_read().unwrap();
    let rows_of = |name: &str| -> Rows {
        let table = txn.open_table(redb::TableDefinition::<&[u8], &[u8]>::new(name)).unwrap();
        let rows = table.iter().unwrap().map(Result::unwrap);
        rows.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())).collect()
    };
    let names = txn.list_tables().unwrap().map(|table| table.name().to_owned());
    let mut tables: BTreeMap<_, _> =
        names.filter(|name| name != "sessions").map(|name| (name.clone(), rows_of(&name))).collect();
    let first = tables["update-queue"].first().map(|(place, _)| place.clone());
    for (key, _) in tables.get_mut("updates-by-task").unwrap() {
        let (_, place) = key.split_at_mut(12);
        let number = |place: &[u8]| u64::from_be_bytes(place.try_into().unwrap());
        let renumbered = number(place) - number(first.as_ref().unwrap());
        place.copy_from_slice(&renumbered.to_be_bytes());
    }
    for name in ["update-queue", "updates-set-aside", "events", "audit"] {
        for (place, _) in tables.get_mut(name).unwrap() {
            place.clear();
        }
    }
    tables
}

fn export(database: &Path, folder: &Path) {
    let store = Store::open(database).unwrap();
    let look = store.snapshot(now()).unwrap();
    assert_eq!(look.contradictions().unwrap(), Vec::<String>::new());
    let mut filling = Filling::begin(folder).unwrap();
    export::write(&look, "3.0.0", &mut filling).unwrap();
    filling.finish().unwrap();
}

proptest! {
    // Each writes two databases to the disk.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_row_of_every_table_comes_back(contents in contents()) {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        let (before, after) = (path("before.redb"), path("after.redb"));
        contents.fill(&before);
        export(&before, &path("export"));
        let mut outcome = imported(&path("export"), &after, false);
        let skips: Vec<_> = outcome.report.skips().unwrap().map(Result::unwrap).collect();
        prop_assert!(skips.is_empty() && outcome.is_in_place, "{:?}", skips);
        let (before, after) = (rows(&before), rows(&after));
        for (table, rows) in &before {
            prop_assert_eq!(&after[table], rows, "{}", table);
        }
    }
}
