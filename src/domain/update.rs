//! What a worker says of its task, read as leniently as it must be, and merged into the task.
//!
//! A worker repeats an update for ever unless it is taken, and everything behind it waits. So a field that
//! makes no sense is left out and named, and the rest is taken (`worker-protocol.md`, sections 0.3 and 14).

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::task::{Progress, Task, TaskStatus};

/// A worker's report on a task. Everything in it is optional.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkerReport {
    /// The status that the worker sees: the current one, repeated in every report.
    pub status: Option<ReportedStatus>,
    /// One line on what it does; empty says nothing.
    pub activity: Option<String>,
    /// Percentage of the whole task.
    pub task_percentage: Option<i32>,
    /// Index of the command that runs.
    pub command_index: Option<i32>,
    /// Percentage of that command.
    pub command_percentage: Option<i32>,
    /// Lines for the task's log.
    pub log: Option<String>,
    /// Seconds by phase of the work.
    pub timing: BTreeMap<String, f64>,
}

/// The statuses that a worker can report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportedStatus {
    /// It is at work.
    Active,
    /// It is done.
    Completed,
    /// It could not do it.
    Failed,
    /// It stopped without being asked to by the Manager: a person sent it to sleep with a signal.
    Canceled,
}

/// The longest activity that is kept, in bytes. It is a line for people, and part of the task's record.
const LONGEST_ACTIVITY: usize = 10_000;
/// The most phases of work that are kept.
const MOST_PHASES: usize = 1_000;

/// A body that no worker sends: not JSON, or not an object.
#[derive(Debug, thiserror::Error)]
#[error("a task update is a JSON object; this body is not: {0}")]
pub struct NotAnUpdate(String);

impl WorkerReport {
    /// Reads the body of a task update. Also returns a sentence on every field that was left out.
    pub fn from_json(body: &[u8]) -> Result<(Self, Vec<String>), NotAnUpdate> {
        let text = std::str::from_utf8(body).map_err(|error| NotAnUpdate(error.to_string()))?;
        let text = replace_lone_surrogates(text);
        let fields: BTreeMap<String, &RawValue> =
            serde_json::from_str(&text).map_err(|error| NotAnUpdate(error.to_string()))?;
        let mut reader = FieldReader { fields, dropped: Vec::new() };
        let report = Self {
            status: reader.take("task_status"),
            activity: reader.take_activity(),
            task_percentage: reader.take("task_progress_percentage"),
            command_index: reader.take("current_command_idx"),
            command_percentage: reader.take("command_progress_percentage"),
            log: reader.take("log"),
            timing: reader.take_timing(),
        };
        Ok((report, reader.dropped))
    }
}

#[derive(Deserialize)]
struct Metrics {
    #[serde(default)]
    timing: BTreeMap<String, f64>,
}

struct FieldReader<'a> {
    fields: BTreeMap<String, &'a RawValue>,
    dropped: Vec<String>,
}

impl FieldReader<'_> {
    fn take_activity(&mut self) -> Option<String> {
        let mut activity: String = self.take("activity")?;
        if activity.len() > LONGEST_ACTIVITY {
            self.dropped.push(format!("activity: {} bytes are too long, it was cut", activity.len()));
            activity.truncate(activity.floor_char_boundary(LONGEST_ACTIVITY));
        }
        Some(activity)
    }

    fn take_timing(&mut self) -> BTreeMap<String, f64> {
        let timing = self.take::<Metrics>("metrics").map(|metrics| metrics.timing).unwrap_or_default();
        let size = timing.keys().map(String::len).sum::<usize>();
        if timing.len() > MOST_PHASES || size > LONGEST_ACTIVITY * 10 {
            self.dropped.push(format!("metrics: {} phases of {size} bytes are too many", timing.len()));
            return BTreeMap::new();
        }
        timing
    }

    /// The field, if it is there, is not null and is what it should be.
    fn take<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let raw = self.fields.remove(name)?;
        match serde_json::from_str(raw.get()) {
            Ok(value) => value,
            Err(error) => {
                self.dropped.push(format!("{name}: {error}"));
                None
            }
        }
    }
}

/// Replaces escapes of half a surrogate pair by the replacement character.
///
/// Python writes a byte that is no UTF-8 as such an escape, and `serde_json` refuses it.
pub fn replace_lone_surrogates(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut copied = 0;
    let mut at = 0;
    let bytes = text.as_bytes();
    while let Some(found) = text[at..].find('\\') {
        at += found;
        let unit = code_unit(&bytes[at..]);
        at += match unit {
            Some(0xD800..=0xDBFF) if matches!(code_unit(&bytes[at + 6..]), Some(0xDC00..=0xDFFF)) => 12,
            Some(0xD800..=0xDFFF) => {
                clean.push_str(&text[copied..at]);
                clean.push_str("\\ufffd");
                copied = at + 6;
                6
            }
            Some(_) => 6,
            // Any other escape: a backslash and one character, which may be longer than a byte.
            None => 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
        };
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(&text[copied..]);
    Cow::Owned(clean)
}

/// The UTF-16 code unit whose escape stands at the start of `bytes`.
fn code_unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    digits
        .iter()
        .try_fold(0, |unit, digit| Some(unit << 4 | u16::try_from(char::from(*digit).to_digit(16)?).ok()?))
}

/// Takes over what a worker reports of its active task, but for the status, on which rules decide.
///
/// An empty activity and empty timing overwrite nothing (`worker-protocol.md`, section 5.1).
pub fn merge(task: &mut Task, report: &WorkerReport) {
    debug_assert_eq!(task.status, TaskStatus::Active);
    let WorkerReport {
        status: _,
        activity,
        task_percentage,
        command_index,
        command_percentage,
        log: _,
        timing,
    } = report;
    if let Some(activity) = activity.as_ref().filter(|activity| !activity.is_empty()) {
        task.activity.clone_from(activity);
    }
    if !timing.is_empty() {
        task.timing.clone_from(timing);
    }
    task.progress = Progress {
        task_percentage: task_percentage.unwrap_or(task.progress.task_percentage),
        command_index: command_index.unwrap_or(task.progress.command_index),
        command_percentage: command_percentage.unwrap_or(task.progress.command_percentage),
    };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (WorkerReport, Vec<String>) {
        WorkerReport::from_json(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_full_update_is_read() {
        let (report, dropped) = read(
            r#"{"activity": "starting sleep", "current_command_idx": 1, "task_progress_percentage": 2,
                "command_progress_percentage": 3, "metrics": {"timing": {"total": 1.4e-05}},
                "task_status": "active", "log": "line\nline", "unknown": [1]}"#,
        );
        assert_eq!(dropped, Vec::<String>::new());
        assert_eq!(report.status, Some(ReportedStatus::Active));
        assert_eq!(report.activity.as_deref(), Some("starting sleep"));
        assert_eq!((report.task_percentage, report.command_index), (Some(2), Some(1)));
        assert_eq!(report.command_percentage, Some(3));
        assert_eq!(report.timing.get("total").map(ToString::to_string).as_deref(), Some("0.000014"));
        assert_eq!(report.log.as_deref(), Some("line\nline"));
    }

    #[test]
    fn a_field_of_a_wrong_type_is_left_out_and_named_and_the_rest_is_taken() {
        let (report, dropped) = read(
            r#"{"task_status": "exploded", "activity": 7, "metrics": {"timing": "slow"}, "log": "kept",
                "task_progress_percentage": 99999999999}"#,
        );
        assert_eq!(report, WorkerReport { log: Some("kept".into()), ..WorkerReport::default() });
        let named: Vec<_> = dropped.iter().filter_map(|text| text.split(':').next()).collect();
        assert_eq!(named, ["task_status", "activity", "task_progress_percentage", "metrics"]);
    }

    #[test]
    fn what_is_far_too_long_to_be_kept_is_cut_or_left_out_and_named() {
        let phases: Vec<_> = (0..=MOST_PHASES).map(|phase| format!(r#""{phase}": 1"#)).collect();
        let long = "\u{e9}".repeat(LONGEST_ACTIVITY);
        let text = format!(
            r#"{{"activity": "x{long}", "metrics": {{"timing": {{{}}}}}, "log": "{long}"}}"#,
            phases.join(", ")
        );
        let (report, dropped) = read(&text);
        assert_eq!(report.activity.map(|activity| activity.len()), Some(LONGEST_ACTIVITY - 1));
        assert_eq!(report.log, Some(long));
        assert!(report.timing.is_empty());
        assert_eq!(dropped.len(), 2, "{dropped:?}");
    }

    #[test]
    fn null_is_the_same_as_nothing() {
        let (report, dropped) = read(r#"{"task_status": null, "log": null, "metrics": null}"#);
        assert_eq!((report, dropped), (WorkerReport::default(), vec![]));
    }

    #[test]
    fn only_what_is_no_json_object_is_refused() {
        for body in [&b"[]"[..], b"", b"null", b"{\"log\":", b"\"\xff\"", b"{} {}"] {
            assert!(WorkerReport::from_json(body).is_err(), "{body:?}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_becomes_the_replacement_character() {
        let (report, _) = read(r#"{"log": "a\udc80b \ud83d\ude00 \ud83d \\udc80 \"é\u00e9"}"#);
        assert_eq!(report.log.as_deref(), Some("a\u{fffd}b \u{1F600} \u{fffd} \\udc80 \"éé"));
    }

    proptest! {
        #[test]
        fn no_text_upsets_the_search_for_surrogates(text in r#"(\\|u|d|8|0|c|[a-zé😀"]){0,40}"#) {
            replace_lone_surrogates(&text);
        }

        #[test]
        fn what_serde_writes_is_left_alone(text: String) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(replace_lone_surrogates(&json), json.as_str());
        }
    }
}
