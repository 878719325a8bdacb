//! What was changed, for those who watch: which jobs, tasks and workers, and never what about them, for whoever wants to
//! know reads it. Every change takes note of it; it is passed on when the change is on disk, if anybody watches.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Mutex, PoisonError},
};

use crate::domain::ids::{JobId, TaskId, WorkerId};

/// As many of a kind are told apart.
const MOST: usize = 1000;

/// Things of a kind that were touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Set<K> {
    /// These.
    Of(BTreeSet<K>),
    /// So many that it takes less to look at everything anew.
    TooMany,
}

impl<K> Default for Set<K> {
    fn default() -> Self {
        Self::Of(BTreeSet::new())
    }
}

impl<K: Ord> Set<K> {
    pub(super) fn add(&mut self, thing: K) {
        if let Self::Of(things) = self {
            things.insert(thing);
            if things.len() > MOST {
                *self = Self::TooMany;
            }
        }
    }

    fn add_all(&mut self, others: Self) {
        match others {
            Self::Of(things) => things.into_iter().for_each(|thing| self.add(thing)),
            Self::TooMany => *self = Self::TooMany,
        }
    }
}

/// What was touched: changed, or removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Jobs.
    pub jobs: Set<JobId>,
    /// Tasks, each behind its job.
    pub tasks: Set<(JobId, TaskId)>,
    /// Workers.
    pub workers: Set<WorkerId>,
}

impl Touched {
    /// All there is.
    pub(super) fn everything() -> Self {
        Self { jobs: Set::TooMany, tasks: Set::TooMany, workers: Set::TooMany }
    }

    fn add_all(&mut self, other: Self) {
        self.jobs.add_all(other.jobs);
        self.tasks.add_all(other.tasks);
        self.workers.add_all(other.workers);
    }
}

/// Gathers what was touched until somebody asks.
#[derive(Default)]
pub(super) struct Watch(Mutex<Watched>);

#[derive(Default)]
enum Watched {
    #[default]
    ByNobody,
    NothingNew,
    Changed(Touched),
}

impl Watch {
    pub fn begin(&self) {
        self.set(Watched::NothingNew);
    }

    pub fn end(&self) {
        self.set(Watched::ByNobody);
    }

    /// A change is on disk.
    pub fn add(&self, touched: Touched) {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *watched {
            Watched::ByNobody => {}
            Watched::NothingNew => *watched = Watched::Changed(touched),
            Watched::Changed(before) => before.add_all(touched),
        }
    }

    /// What came since the last time; nothing if nothing was written at all.
    pub fn take(&self) -> Option<Touched> {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match mem::take(&mut *watched) {
            Watched::ByNobody => None,
            Watched::NothingNew => {
                *watched = Watched::NothingNew;
                None
            }
            Watched::Changed(touched) => {
                *watched = Watched::NothingNew;
                Some(touched)
            }
        }
    }

    fn set(&self, to: Watched) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }
}
