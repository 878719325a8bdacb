//! What people did is remembered, and shown to those who may see it.

use std::sync::PoisonError;

use super::{Error, Services};
use crate::domain::{
    audit::{Deed, KEPT_FOR},
    ids::{JobId, TaskId, TokenId, WorkerId},
    paging::{Key, Page, Place, Window},
    people::Role,
};

impl Services {
    /// Remembers what somebody did. What cannot be written is at least in the log: it has happened.
    pub async fn remember_deed(&self, deed: Deed) {
        let deed = deed.cut();
        let is_stranger = deed.who.is_none();
        if is_stranger && !self.strangers.lock().unwrap_or_else(PoisonError::into_inner).admit(self.now()) {
            return;
        }
        let written = deed.clone();
        let written = self.store.write(self.now(), move |tx| Ok::<_, Error>(tx.push_deed(&written)?)).await;
        if let Err(error) = written {
            let error = &error as &dyn std::error::Error;
            tracing::error!(?deed, error, "what somebody did cannot be written into the database");
        }
    }

    /// Remembers what was done, and to what, by a command that works on the database itself, while no Manager runs.
    pub async fn remember_command(&self, action: &str, target: &str) {
        self.remember_deed(Deed {
            at: self.now(),
            who: Some("command line".to_owned()),
            role: Some(Role::Admin),
            from: None,
            action: action.to_owned(),
            target: target.to_owned(),
            detail: String::new(),
            status: None,
        })
        .await;
    }

    /// What people did, the newest first.
    pub fn deeds(&self, window: &Window<u64>) -> Result<Page<(u64, Deed), u64>, Error> {
        self.store.read(self.now(), |tx| {
            let deeds = tx.deeds(window.after.as_ref().map(|after| after.id))?;
            let placed = deeds.map(|deed| {
                let (number, deed) = deed?;
                Ok((Place { key: Key::IdAlone, id: number }, (number, deed)))
            });
            window.cut(tx.count_deeds()?, placed)
        })
    }

    /// Forgets what was done so long ago that nobody asks any more.
    pub async fn clean_up_deeds(&self) -> Result<usize, Error> {
        let then = self.now() - KEPT_FOR;
        let mut forgotten = 0;
        while self.store.read(self.now(), |tx| Ok::<_, Error>(tx.has_deeds_before(then)?))? {
            let forget =
                self.store.write(self.now(), move |tx| Ok::<_, Error>(tx.forget_deeds_before(then)?));
            forgotten += forget.await?;
        }
        Ok(forgotten)
    }

    /// What an ID in an address stands for, in words; the ID itself if there is no such thing.
    pub fn what_is(&self, id: &str) -> Result<String, Error> {
        let Ok(WorkerId(bytes)) = id.parse() else { return Ok(id.to_owned()) };
        self.store.read(self.now(), |tx| {
            if let Some(worker) = tx.worker(WorkerId(bytes))? {
                return Ok(format!("worker {id} ({})", worker.nickname));
            }
            if let Some(job) = tx.job(JobId(bytes))? {
                return Ok(format!("job {id} ({})", job.name));
            }
            if let Some(task) = tx.task(TaskId(bytes))? {
                return Ok(format!("task {id} ({})", task.name));
            }
            if let Some(token) = tx.access_tokens()?.iter().find(|token| token.id == TokenId(bytes)) {
                return Ok(format!("access token {id} ({})", token.name));
            }
            Ok(id.to_owned())
        })
    }
}
