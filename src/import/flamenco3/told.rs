//! What is to be said of a farm of Flamenco 3 when it has come over.

use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::numbers::{agree, count};

/// What cannot be carried over, and what was changed on the way. Copies tell the same.
#[derive(Debug, Clone, Default)]
pub struct Told(Arc<Mutex<Counts>>);

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub has_log: bool,
    pub has_jobs: bool,
    pub unknown: Vec<String>,
    pub workers: u64,
    pub asked: u64,
    pub held: u64,
    pub given_back: u64,
    pub uses_jobs: bool,
    pub lost_tags: u64,
    pub unused_tags: u64,
    pub described_tags: u64,
    pub lost_schedules: u64,
}

/// As many of the things that nobody knows are named; the others are counted.
const NAMED: usize = 20;

impl Told {
    pub(super) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// As sentences, when all was read.
    pub fn remarks(&self) -> Vec<String> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Counts { has_log, has_jobs, unknown, workers, asked, held, given_back, uses_jobs, .. } = &*counts;
        let Counts { lost_tags, unused_tags, described_tags, lost_schedules, .. } = &*counts;
        let remarks = [
            has_log.then(|| {
                "there is a log of changes beside the file: Flamenco 3 still runs, or was killed. What the log has was read, too; if \
                 Flamenco 3 still runs, stop it and import again"
                    .to_owned()
            }),
            (!unknown.is_empty()).then(|| {
                let named = unknown.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
                let more = unknown.len().saturating_sub(NAMED);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("the file has tables or columns that are not known here, and were not read: {named}{more}")
            }),
            has_jobs.then(|| {
                "what Flamenco 3 keeps outside of this file stays there: the logs of tasks and the last rendered pictures, below the \
                 folder that it calls local_manager_storage_path, and its flamenco-manager.yaml, of which the variables have to be \
                 set in manager.toml"
                    .to_owned()
            }),
            (*workers > 0).then(|| {
                format!(
                    "{} known now, but those of Flamenco 3 speak another protocol: install workers of 2.x. One that \
                     is configured with its ID (see `flamenco-manager worker list`) and its old secret keeps its sleep schedule, tags \
                     and failures; take the others away with `flamenco-manager worker forget` when the new ones are there",
                    are(*workers, "worker")
                )
            }),
            (*asked > 0).then(|| {
                format!(
                    "{} not asked any more for another status, to sleep for instance: ask again if that still holds",
                    are(*asked, "worker")
                )
            }),
            (*held > 0).then(|| {
                format!(
                    "{} kept, and never handed out, because no worker of 2.x knows some of the commands: the task types begin \
                     with \"flamenco3-\" now, which no worker has",
                    are(*held, "task")
                )
            }),
            (*given_back > 0)
                .then(|| format!("{} in the queue again, because the workers that had them stay behind", are(*given_back, "task"))),
            uses_jobs.then(|| {
                "some commands use {jobs}, the file store's folder in Flamenco 3: say where the workers find it, in a section \
                 [variables.jobs]"
                    .to_owned()
            }),
            (*lost_tags > 0).then(|| format!("{} left out: tags here cannot be named so", are(*lost_tags, "tag"))),
            (*unused_tags > 0)
                .then(|| format!("{} left out: neither a worker nor a job has such a tag", are(*unused_tags, "tag"))),
            (*described_tags > 0).then(|| {
                format!("{} left out: a tag is only a name here", are(*described_tags, "tag description"))
            }),
            (*lost_schedules > 0).then(|| format!("{} left out: what is said there cannot be read", are(*lost_schedules, "sleep schedule"))),
        ];
        remarks.into_iter().flatten().collect()
    }
}

/// "1 task is", "2 tasks are"
fn are(number: u64, what: &str) -> String {
    format!("{} {}", count(number, what), agree(number, "is", "are"))
}
