//! The last rendered picture: of the farm, and of each job.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use tokio::sync::watch;

use super::{Error, Services, listing::known_job};
use crate::{
    domain::{
        ids::{JobId, WorkerId},
        variables::this_platform,
    },
    pictures::{Origin, Picture, Refusal, Report},
    store::{ReadTx, StoreError},
};

/// A picture with what belongs to it.
#[derive(Debug)]
pub struct PictureView {
    /// The picture.
    pub picture: Arc<Picture>,
    /// What people call the job, if it is still known.
    pub job_name: Option<String>,
    /// What people call the worker, if it is still known.
    pub worker: Option<String>,
}

impl Services {
    /// Files that a worker wrote, which may be pictures. Nobody waits for what becomes of them.
    pub(super) fn look_at_pictures(
        &self,
        at: Timestamp,
        worker: WorkerId,
        paths: Vec<String>,
    ) -> Result<(), Error> {
        let known = self.store.read(at, |tx| {
            let Some(worker) = tx.worker(worker)? else { return Ok(None) };
            let task = worker.current_task.map(|id| tx.task(id)).transpose()?.flatten();
            Ok::<_, Error>(Some((worker.platform.to_lowercase(), task.map(|task| (task.job, task.id)))))
        })?;
        // It may have been forgotten meanwhile.
        let Some((platform, task)) = known else { return Ok(()) };
        if let Err(no_room) = self.room() {
            for path in paths {
                self.pictures.refuse(at, path, &no_room);
            }
            return Ok(());
        }
        for path in paths {
            let places = self.variables().translate(&path, &platform, this_platform());
            let places = places.into_iter().map(PathBuf::from).collect();
            self.pictures.report(Report { at, path, places, by: Some(Origin { worker, task }) });
        }
        Ok(())
    }

    /// A picture has appeared in the watched folder.
    pub fn picture_found(&self, path: &Path) {
        let name = path.display().to_string();
        match self.room() {
            Ok(()) => {
                self.pictures.report(Report {
                    at: self.now(),
                    path: name,
                    places: vec![path.into()],
                    by: None,
                });
            }
            Err(no_room) => self.pictures.refuse(self.now(), name, &no_room),
        }
    }

    /// The last picture of the farm.
    pub fn latest_picture(&self) -> Option<Arc<Picture>> {
        self.pictures.gallery().latest()
    }

    /// The last picture of a job. This reads a file.
    pub fn picture_of(&self, job: JobId) -> Result<Option<Arc<Picture>>, Error> {
        self.store.read(self.now(), |tx| known_job(tx, job))?;
        Ok(self.pictures.of_job(job).map(Arc::new))
    }

    /// A picture with the names of those to whom it belongs.
    pub fn view_of(&self, picture: Arc<Picture>) -> Result<PictureView, Error> {
        self.store.read(self.now(), |tx| Ok(picture_view(tx, picture)?))
    }

    /// The pictures since there were `count` in this run of the Manager, each the last one of the farm or of a job when it
    /// came; the oldest first.
    pub fn pictures_since(&self, count: u64) -> Result<Vec<PictureView>, Error> {
        let pictures = self.pictures.gallery().since(count);
        self.store.read(self.now(), |tx| {
            pictures.into_iter().map(|picture| Ok(picture_view(tx, picture)?)).collect()
        })
    }

    /// How many pictures there were in this run of the Manager.
    pub fn count_pictures(&self) -> u64 {
        self.pictures.gallery().count()
    }

    /// Tells whenever there is another last picture of the farm.
    pub fn watch_pictures(&self) -> watch::Receiver<String> {
        self.pictures.gallery().watch()
    }

    /// The last picture that was not shown, and why.
    pub fn refused_picture(&self) -> Option<Refusal> {
        self.pictures.gallery().refusal()
    }

    /// The folders below which pictures are read.
    pub fn picture_folders(&self) -> &[PathBuf] {
        self.pictures.folders()
    }

    /// Forgets the last picture of a job that is gone.
    pub(super) async fn forget_picture_of(&self, job: JobId) {
        let forget = self.pictures.forgetting(job);
        // A panic there is logged; the picture is one of few that are kept in any case.
        let _ended = tokio::task::spawn_blocking(forget).await;
    }
}

fn picture_view(tx: &ReadTx, picture: Arc<Picture>) -> Result<PictureView, StoreError> {
    let by = picture.about.by;
    let job = by.and_then(|by| by.task).map(|(job, _)| tx.job(job)).transpose()?.flatten();
    let worker = by.map(|by| tx.worker(by.worker)).transpose()?.flatten();
    let (job_name, worker) = (job.map(|job| job.name), worker.map(|worker| worker.nickname));
    Ok(PictureView { picture, job_name, worker })
}
