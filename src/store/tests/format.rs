//! The file format: the bytes of every record, pinned. Whoever changes them makes files unreadable.

use std::{collections::BTreeMap, fmt::Debug, num::NonZeroU32};

use proptest::prelude::*;

use super::{NOW, job_id, new_job, new_task, new_worker, task_id, worker_id};
use crate::{
    domain::{
        audit::Deed,
        event::Event,
        idempotency::Receipt,
        ids::TokenId,
        job::{Job, JobState, JobWish, Tally},
        minute::Done,
        people::{AccessToken, Role, Session},
        recent_tasks::RecentTasks,
        sleep::{Days, SleepSchedule},
        tags::Tags,
        task::{FailedBy, Progress, Task, TaskStatus},
        task_history::{Entry, TaskHistory, What},
        task_update::{SetAside, TaskUpdate},
        time_left::Measured,
        worker::{StatusRequest, Worker, WorkerStatus},
    },
    store::{
        StoreError,
        codec::{self, Record},
        records::{TaskRow, task_status_byte, what_byte, worker_status_byte},
        schema::Table,
        tasks::counter_key,
    },
};

const TASK: &str = "\
    01010101010101010101010101090909090909090909090909067461736b2031050d05736c6565700202020202020202 \
    0202020202030303030303030303030303fb2c0102c3a90c31302e302e302e3120287729010404040404040404040404 \
    04010404040404040404040404040177 01fd00148a5239030000 01fd00148a5239030000 fd00148a5239030000 64 02 c801 \
    05746f74616c000000000000e03f01050505050505050505050505010465746167";
const JOB: &str = "\
    01090909090909090909090909056a6f62203906637573746f6d027b7d077b2261223a317dfd00148a523903000000 \
    01080808080808080808080808";
const JOB_STATE: &str = "\
    0164fd00148a523903000009010102020303040405050606070708080909020201070103677075020304";
const WORKER: &str = "\
    01040404040404040404040404046861736808776f726b657220340831302e302e302e31056c696e757813466c616d65 \
    6e636f2d576f726b65722f322e35030205736c6565700f66696c652d6d616e6167656d656e7401080101010101010101 \
    010101010101fd00148a52390300000115013c00fd00148a5239030000 02 0466617374 03677075";
const UPDATE: &str = "\
    010707070707070707070707070101010101010101010101010106fd00148a52390300000161020406026c0a012d0104 \
    040404040404040404040401770105746f74616c000000000000f03f";
/// An update that was set aside: its version, the update without its own, the reason, and when.
const SET_ASIDE_BEGINS: &str = "01";
const SET_ASIDE_ENDS: &str = "026e6ffd00148a5239030000";
const RECEIPT: &str = "\
    01090909090909090909090909\
    0707070707070707070707070707070707070707070707070707070707070707fd00148a5239030000";
const DEED: &str = "\
    01fd00148a52390300000103616461010201007f000001016101740164 01c8";
const ACCESS_TOKEN: &str = "\
    010808080808080808080808080361646102fd00148a523903000001fd00148a5239030000";
const SESSION: &str = "\
    01036164610101080808080808080808080808fd00148a5239030000";
const HISTORY: &str =
    "0103 02 fd00148a5239030000 01 01040404040404040404040404 0177 00 fd00148a5239030000 09 00 0161";
const RECENT_TASKS: &str = "01 02 010101010101010101010101 020202020202020202020202";
const DONE: &str = "01 05 fbe803";
const EVENT: &str = "\
    0100fd00148a523903000004040404040404040404040402022f61022f62";

fn access_token() -> AccessToken {
    let (id, name) = (TokenId([8; 12]), "ada".to_owned());
    AccessToken { id, name, role: Role::Admin, created: NOW, last_used: Some(NOW) }
}

fn session() -> Session {
    Session { name: "ada".to_owned(), role: Role::Viewer, token: Some(TokenId([8; 12])), until: NOW }
}

fn task() -> TaskRow {
    let task = Task {
        status: TaskStatus::SoftFailed,
        priority: -7,
        parents: vec![task_id(2), task_id(3)],
        activity: "é".into(),
        worker: "10.0.0.1 (w)".into(),
        worker_id: Some(worker_id(4)),
        failed_by: vec![FailedBy { id: worker_id(4), identifier: "w".into() }],
        last_worker_ping: Some(NOW),
        started: Some(NOW),
        progress: Progress { task_percentage: 50, command_index: 1, command_percentage: 100 },
        timing: BTreeMap::from([("total".into(), 0.5)]),
        only_for: Some(worker_id(5)),
        etag: Some("etag".into()),
        ..new_task(1, 9, "sleep")
    };
    TaskRow { task, unfinished_parents: 300 }
}

fn tags(names: &[&str]) -> Tags {
    Tags::try_from(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap()
}

fn job() -> Job {
    Job { metadata: r#"{"a":1}"#.into(), depends_on: vec![job_id(8)], ..new_job(9) }
}

fn job_state() -> JobState {
    let mut tally = Tally { ready: 2, ..Tally::default() };
    for (count, status) in (1..).zip(TaskStatus::ALL) {
        tally.by_status[status as usize] = count;
    }
    JobState {
        priority: 50,
        updated: NOW,
        tally,
        wish: JobWish::Pause,
        max_workers: NonZeroU32::new(7),
        worker_tags: tags(&["gpu"]),
        waits_for: 2,
        measured: Measured { tasks: 3, millis: 4 },
    }
}

fn worker() -> Worker {
    let days = Days::from_bits(0b001_0101).unwrap();
    Worker {
        software: "Flamenco-Worker/2.5".into(),
        status: WorkerStatus::Asleep,
        requested: Some(StatusRequest { status: WorkerStatus::Shutdown, lazy: true }),
        current_task: Some(task_id(1)),
        sleep_schedule: SleepSchedule::from_parts(true, days, Some(60), None).unwrap(),
        tags: tags(&["fast", "gpu"]),
        ..new_worker(4, &["sleep", "file-management"])
    }
}

fn update() -> TaskUpdate {
    TaskUpdate {
        id: [7; 12],
        task: task_id(1),
        status: Some(TaskStatus::Failed),
        received: NOW,
        activity: "a".into(),
        progress: Progress { task_percentage: 1, command_index: 2, command_percentage: 3 },
        log_tail: "l\n".into(),
        worker: "-".into(),
        failed_by: vec![FailedBy { id: worker_id(4), identifier: "w".into() }],
        timing: BTreeMap::from([("total".into(), 1.0)]),
    }
}

fn set_aside() -> SetAside {
    SetAside { update: update(), reason: "no".into(), at: NOW }
}

fn event() -> Event {
    Event::OutputProduced { at: NOW, worker: worker_id(4), paths: vec!["/a".into(), "/b".into()] }
}

fn deed() -> Deed {
    let (action, target, detail) = ("a".into(), "t".into(), "d".into());
    let from = Some([127, 0, 0, 1].into());
    Deed {
        at: NOW,
        who: Some("ada".into()),
        role: Some(Role::Admin),
        from,
        action,
        target,
        detail,
        status: Some(200),
    }
}

fn history() -> TaskHistory {
    let assigned =
        Entry { at: NOW, what: What::Assigned, worker: Some((worker_id(4), "w".into())), why: String::new() };
    let requeued = Entry { at: NOW, what: What::Requeued, worker: None, why: "a".into() };
    TaskHistory { entries: [assigned, requeued].into(), forgotten: 3 }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks_exact(2).map(byte).collect()
}

fn is_pinned<R: Record + PartialEq + Debug>(record: &R, golden: &str) {
    let golden = bytes(golden);
    assert_eq!(hex(&codec::encode(record).unwrap()), hex(&golden), "{}", R::WHAT);
    assert_eq!(&codec::decode::<R>(&golden).unwrap(), record);
    // Half a record is an error, wherever it ends, and so is one with something behind it.
    for length in 0..golden.len() {
        codec::decode::<R>(&golden[..length]).unwrap_err();
    }
    codec::decode::<R>(&[golden, vec![0]].concat()).unwrap_err();
}

#[test]
fn what_might_not_be_read_again_is_not_written() {
    let largest = |length| codec::encode(&Job { metadata: "x".repeat(length), ..new_job(1) });
    let bytes = largest(8_000_000).unwrap();
    assert!(codec::decode::<Job>(&bytes).is_ok());
    let error = largest(8 << 20).unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { what: "a job", .. }), "{error}");
}

#[test]
fn every_record_is_written_and_read_as_it_always_was() {
    is_pinned(&task(), TASK);
    is_pinned(&job(), JOB);
    is_pinned(&job_state(), JOB_STATE);
    is_pinned(&worker(), WORKER);
    is_pinned(&update(), UPDATE);
    is_pinned(&event(), EVENT);
    is_pinned(&history(), HISTORY);
    is_pinned(&RecentTasks([task_id(1), task_id(2)].into()), RECENT_TASKS);
    is_pinned(&Done { completed: 5, failed: 1000 }, DONE);
    is_pinned(&deed(), DEED);
    is_pinned(&Receipt { job: job_id(9), digest: [7; 32], taken: NOW }, RECEIPT);
    is_pinned(&access_token(), ACCESS_TOKEN);
    is_pinned(&session(), SESSION);
    is_pinned(&set_aside(), &format!("{SET_ASIDE_BEGINS}{}{SET_ASIDE_ENDS}", &UPDATE[2..]));
}

#[test]
fn the_bytes_of_statuses_never_change() {
    let of_tasks = TaskStatus::ALL.map(|status| (status.as_str(), task_status_byte(status)));
    let expected = [
        ("queued", 1),
        ("claimed-by-manager", 2),
        ("active", 3),
        ("cancel-requested", 4),
        ("soft-failed", 5),
        ("failed", 6),
        ("completed", 7),
        ("canceled", 8),
        ("paused", 9),
    ];
    assert_eq!(of_tasks, expected);
    let of_workers = WorkerStatus::ALL.map(|status| (status.as_str(), worker_status_byte(status)));
    let expected = [
        ("starting", 1),
        ("awake", 2),
        ("asleep", 3),
        ("error", 4),
        ("testing", 5),
        ("offline", 6),
        ("timeout", 7),
        ("shutdown", 8),
    ];
    assert_eq!(of_workers, expected);
    assert_eq!(What::ALL.map(what_byte), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn the_keys_of_counters_never_change() {
    assert_eq!(counter_key(TaskStatus::ClaimedByManager), b"tasks-claimed-by-manager");
}

#[test]
fn the_names_of_tables_never_change() {
    let names = Table::ALL.map(Table::name).join(" ");
    assert_eq!(
        names,
        "meta settings jobs job-states dependents tasks commands task-histories tasks-by-job children ready \
         ready-heads in-hand workers workers-seen recent-tasks failures blacklist submissions access-tokens sessions \
         update-queue updates-by-task updates-set-aside ask-again log-requests events audit extras \
         minutes counters"
    );
}

#[test]
fn a_record_of_a_later_version_is_an_error_that_says_so() {
    let mut later = bytes(JOB);
    later[0] = 2;
    let error = codec::decode::<Job>(&later).unwrap_err().to_string();
    assert_eq!(
        error,
        "the database is damaged: a job cannot be read: version 2 of its layout is not known to this program"
    );
}

#[test]
fn a_length_beyond_all_measure_is_an_error_and_no_allocation() {
    let name_of_a_job_at = 1 + 12;
    let mut absurd = bytes(JOB);
    // Nine bytes in bincode's way of writing numbers: the largest that there is.
    absurd.splice(name_of_a_job_at..=name_of_a_job_at, [253].into_iter().chain([0xff; 8]));
    assert!(matches!(codec::decode::<Job>(&absurd), Err(StoreError::Corrupt(_))));
}

#[test]
fn a_byte_that_stands_for_no_status_is_an_error() {
    let mut unknown = bytes(UPDATE);
    let status = 1 + 12 + 12 + 1;
    assert_eq!(unknown[status], task_status_byte(TaskStatus::Failed));
    unknown[status] = 99;
    let error = codec::decode::<TaskUpdate>(&unknown).unwrap_err().to_string();
    assert_eq!(error, "the database is damaged: 99 stands for no status");
}

fn decode_all(bytes: &[u8]) {
    let _whatever = (
        codec::decode::<TaskRow>(bytes),
        codec::decode::<Job>(bytes),
        codec::decode::<JobState>(bytes),
        codec::decode::<Worker>(bytes),
        codec::decode::<TaskUpdate>(bytes),
        codec::decode::<Event>(bytes),
        codec::decode::<SetAside>(bytes),
        codec::decode::<Receipt>(bytes),
        codec::decode::<TaskHistory>(bytes),
        codec::decode::<RecentTasks>(bytes),
        codec::decode::<Done>(bytes),
        codec::decode::<AccessToken>(bytes),
        codec::decode::<Session>(bytes),
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_at_all_make_reading_panic(mut bytes: Vec<u8>) {
        decode_all(&bytes);
        bytes.insert(0, 1);
        decode_all(&bytes);
    }

    #[test]
    fn no_damage_makes_reading_panic(which in 0..12usize, place: prop::sample::Index, damage: [u8; 3]) {
        let records = [
            TASK, JOB, JOB_STATE, WORKER, UPDATE, EVENT, RECEIPT, ACCESS_TOKEN, SESSION, HISTORY, RECENT_TASKS, DONE,
        ];
        let mut record = bytes(records[which]);
        let place = place.index(record.len());
        for (byte, damage) in record[place..].iter_mut().zip(damage) {
            *byte = damage;
        }
        decode_all(&record);
    }

    #[test]
    fn what_is_written_is_read_back(name: String, priority: i32, percentage: i32, unfinished_parents: u32) {
        let progress = Progress { task_percentage: percentage, ..Progress::default() };
        let row = TaskRow { task: Task { name, priority, progress, ..task().task }, unfinished_parents };
        prop_assert_eq!(codec::decode::<TaskRow>(&codec::encode(&row).unwrap()).unwrap(), row);
    }
}
