//! What is to be said of a farm of Flamenco 3 when it has come over.

use std::sync::{Arc, Mutex, PoisonError};

/// What cannot be carried over, and what was changed on the way. Copies tell the same.
#[derive(Debug, Clone, Default)]
pub struct Told(Arc<Mutex<Counts>>);

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub has_log: bool,
    pub workers: u64,
    pub held: u64,
    pub given_back: u64,
    pub uses_jobs: bool,
    pub lost_tags: u64,
    pub lost_schedules: u64,
}

impl Told {
    pub(super) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// As sentences, when all was read.
    pub fn remarks(&self) -> Vec<String> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Counts { has_log, workers, held, given_back, uses_jobs, lost_tags, lost_schedules } = &*counts;
        let remarks = [
            has_log.then(|| {
                "there is a log of changes beside the file: Flamenco 3 still runs, or was killed. What the log has was read, too; if \
                 Flamenco 3 still runs, stop it and import again"
                    .to_owned()
            }),
            (*workers > 0).then(|| {
                format!(
                    "{workers} workers are known now, but those of Flamenco 3 speak another protocol: install workers of 2.x. One that \
                     is configured with its ID (see `flamenco-manager worker list`) and its old secret keeps its sleep schedule, tags \
                     and failures; take the others away with `flamenco-manager worker forget` when the new ones are there"
                )
            }),
            (*held > 0).then(|| {
                format!(
                    "{held} tasks have commands that no worker of 2.x knows: they came along with task types that begin with \
                     \"flamenco3-\", which no worker has, so they are never handed out"
                )
            }),
            (*given_back > 0)
                .then(|| format!("{given_back} tasks were in the hands of workers: they wait for another one")),
            uses_jobs.then(|| {
                "some commands use {jobs}, the file store's folder in Flamenco 3: say where the workers find it, in a section \
                 [variables.jobs]"
                    .to_owned()
            }),
            (*lost_tags > 0).then(|| format!("{lost_tags} tags cannot be tags here, and are left out")),
            (*lost_schedules > 0).then(|| format!("{lost_schedules} sleep schedules cannot be read, and are left out")),
        ];
        remarks.into_iter().flatten().collect()
    }
}
