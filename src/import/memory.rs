//! What a Manager remembers beside its farm, taken in. What a database with a farm in it has of its own is never overwritten;
//! one without a farm goes on as what comes.

use crate::{
    domain::{
        audit::Deed,
        event::Event,
        idempotency::Receipt,
        ids::{TaskId, WorkerId},
        minute::{Done, Minute},
        people::AccessToken,
        recent_tasks::RecentTasks,
        task_history::TaskHistory,
        task_update::SetAside,
    },
    import::loader::{Extra, Taken},
    store::{ExtraOf, LogRequest, ReadTx, SecretDigest, StoreError, WriteTx},
};

/// Something that is remembered. What belongs to a task or a worker comes behind it.
#[derive(Debug, Clone)]
pub enum Memory {
    /// What has become of a task.
    History(TaskId, TaskHistory),
    /// The tasks that a worker was given last.
    RecentTasks(WorkerId, RecentTasks),
    /// What something brought along when it was imported.
    Extra(ExtraOf, Extra),
    /// An update that the Flamenco Server would not take.
    SetAside(SetAside),
    /// A task that the Flamenco Server has to be asked about.
    AskAgain(TaskId),
    /// A log that the Flamenco Server wants.
    WantedLog(LogRequest),
    /// A name, and what is remembered under it.
    Setting(String, String),
    /// Something that happened. They come in order.
    Event(Event),
    /// Something that somebody did. They come in order.
    Deed(Deed),
    /// An access token, by its hash.
    AccessToken(SecretDigest, AccessToken),
    /// What was done in a minute.
    Minute(Minute, Done),
    /// A submission, by its key.
    Submission(String, Receipt),
}

/// What is said where the database goes on with what it has.
const OWN: &str = "the database has its own";

impl Memory {
    /// Takes it in, or says why not. `before` is the database as it was, if there was a farm in it.
    pub(super) fn take(self, tx: &mut WriteTx<'_>, before: Option<&ReadTx>) -> Result<Taken, StoreError> {
        if let Err(reason) = self.belongs(tx, before)? {
            return Ok(Err(reason));
        }
        if before.map_or(Ok(false), |before| self.is_one_of_many(before))? {
            return Ok(Err(OWN.into()));
        }
        match self {
            Self::History(task, history) => tx.load_history(task, &history)?,
            Self::RecentTasks(worker, recent) => tx.load_recent_tasks(worker, &recent)?,
            Self::Extra(of, extra) => tx.put_extra(of, &serde_json::Value::Object(extra).to_string())?,
            Self::SetAside(aside) => tx.put_aside(&aside)?,
            Self::AskAgain(task) => tx.put_ask_again(task)?,
            Self::WantedLog(log) => tx.load_log_request(&log)?,
            Self::Setting(name, value) => {
                if before.is_some() && tx.setting(&name)?.is_some_and(|there| there != value) {
                    return Ok(Err(OWN.into()));
                }
                tx.put_setting(&name, &value)?;
            }
            Self::Event(event) => tx.push_event(&event)?,
            Self::Deed(deed) => tx.push_deed(&deed)?,
            Self::AccessToken(digest, token) => {
                let is_other = |there: &AccessToken| there.id != token.id && there.name == token.name;
                if tx.access_tokens()?.iter().any(is_other) {
                    return Ok(Err("another access token of the database has this name".into()));
                }
                if tx.access_token(&digest)?.is_none() {
                    tx.put_access_token(&digest, &token)?;
                }
            }
            Self::Minute(minute, done) => tx.load_minute(minute, done)?,
            Self::Submission(key, receipt) => {
                if tx.receipt(&key)?.is_some_and(|there| there != receipt) {
                    return Ok(Err(OWN.into()));
                }
                tx.put_receipt(&key, &receipt)?;
            }
        }
        Ok(Ok(()))
    }

    /// Is what it belongs to there, and is that the one that was imported?
    fn belongs(&self, tx: &WriteTx<'_>, before: Option<&ReadTx>) -> Result<Taken, StoreError> {
        let (is_there, is_own) = match self {
            Self::History(task, _) | Self::AskAgain(task) | Self::Extra(ExtraOf::Task(task), _) => {
                let there = tx.task(*task)?;
                let before = before.map_or(Ok(None), |before| before.task(*task))?;
                (there.is_some(), before.is_some() && before == there)
            }
            Self::RecentTasks(worker, _) | Self::Extra(ExtraOf::Worker(worker), _) => {
                let there = tx.worker(*worker)?;
                let before = before.map_or(Ok(None), |before| before.worker(*worker))?;
                (there.is_some(), before.is_some() && before == there)
            }
            _ => (true, false),
        };
        Ok(match (is_there, is_own) {
            (false, _) => Err("what it belongs to is not there".into()),
            (true, true) => Err(OWN.into()),
            (true, false) => Ok(()),
        })
    }

    /// Is it one of those that only make sense together, and does the database have some?
    fn is_one_of_many(&self, before: &ReadTx) -> Result<bool, StoreError> {
        Ok(match self {
            Self::SetAside(_) => before.count_set_aside()? > 0,
            Self::Event(_) => before.all_events()?.next().is_some(),
            Self::Deed(_) => before.count_deeds()? > 0,
            Self::Minute(..) => before.all_that_was_done()?.next().is_some(),
            _ => false,
        })
    }
}
