//! Workers come and go: registration, sign-on, sign-off, and the statuses that they take on.

use super::{Error, Services, known_worker, limits, releasing::release_all};
use crate::domain::{
    ids::WorkerId,
    sleep::SleepSchedule,
    tags::Tags,
    worker::{StatusRequest, Worker, WorkerStatus},
};

/// What a new worker says of itself.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Its password from now on.
    pub secret: String,
    /// `linux`, `windows`, `darwin`, …
    pub platform: String,
    /// The task types that it can do.
    pub supported_task_types: Vec<String>,
    /// Its host's name.
    pub nickname: String,
    /// Where it calls from.
    pub address: String,
    /// Its program and version.
    pub software: String,
}

/// The most task types of a worker: for each one the queue is looked at whenever the worker asks for a task.
const MOST_TASK_TYPES: usize = 1_000;

/// What a worker says when it starts again. Only what is given changes.
#[derive(Debug, Clone)]
pub struct SignOn {
    /// The task types that it can do now.
    pub supported_task_types: Option<Vec<String>>,
    /// Its host's name.
    pub nickname: Option<String>,
    /// Where it calls from.
    pub address: String,
    /// Its program and version; empty says nothing.
    pub software: String,
}

impl Services {
    /// `POST /register-worker`: a new worker.
    pub async fn register(&self, registration: Registration) -> Result<Worker, Error> {
        let now = self.now();
        let Registration { secret, platform, supported_task_types, nickname, address, software } =
            registration;
        check_size("nickname", &nickname, limits::NAME)?;
        check_size("platform", &platform, limits::WORD)?;
        check_task_types(&supported_task_types)?;
        let id = WorkerId(self.identities.next(now));
        let worker = Worker {
            id,
            secret_hash: self.hash_secret(id, &secret).await?,
            nickname,
            address,
            platform: platform.to_lowercase(),
            software,
            status: WorkerStatus::Starting,
            supported_task_types,
            requested: None,
            current_task: None,
            registered: now,
            sleep_schedule: SleepSchedule::default(),
            sleep_checked: now,
            tags: Tags::default(),
        };
        let kept = worker.clone();
        self.store.write(now, move |tx| Ok::<_, Error>(tx.insert_worker(&kept)?)).await?;
        tracing::info!(worker = worker.identifier(), id = %id, "a worker registered");
        Ok(worker)
    }

    /// `POST /sign-on`: a worker starts again. What is requested of it stays so.
    pub async fn sign_on(&self, id: WorkerId, sign_on: SignOn) -> Result<(), Error> {
        check_size("nickname", sign_on.nickname.as_deref().unwrap_or_default(), limits::NAME)?;
        check_task_types(sign_on.supported_task_types.as_deref().unwrap_or_default())?;
        self.change_worker(id, move |worker| {
            let SignOn { supported_task_types, nickname, address, software } = &sign_on;
            if let Some(types) = supported_task_types {
                worker.supported_task_types.clone_from(types);
            }
            if let Some(nickname) = nickname {
                worker.nickname.clone_from(nickname);
            }
            if !software.is_empty() {
                worker.software.clone_from(software);
            }
            worker.address.clone_from(address);
            worker.status = WorkerStatus::Starting;
            worker.current_task = None;
            tracing::info!(worker = worker.identifier(), "a worker signed on");
        })
        .await
    }

    /// `POST /sign-off`: a worker ends. Its tasks go back; if it slept it is asked to sleep again when it
    /// comes back, and a request to shut down is fulfilled.
    pub async fn sign_off(&self, id: WorkerId) -> Result<(), Error> {
        let news = self.news.clone();
        let notes = self.store.write(self.now(), move |tx| {
            let mut worker = known_worker(tx, id)?;
            let requested = worker.requested.filter(|request| request.status != WorkerStatus::Shutdown);
            let slept = worker.status == WorkerStatus::Asleep;
            let sleep_again = StatusRequest { status: WorkerStatus::Asleep, lazy: false };
            worker.requested = requested.or(slept.then_some(sleep_again));
            worker.status = WorkerStatus::Offline;
            tx.put_worker(&worker)?;
            tracing::info!(worker = worker.identifier(), "a worker signed off");
            release_all(tx, &news, id, "worker signed off")
        });
        self.write_notes(notes.await?);
        Ok(())
    }

    /// `GET /status-change`: what is requested of the worker.
    pub fn status_change(&self, id: WorkerId) -> Result<Option<WorkerStatus>, Error> {
        let worker = self.store.read(self.now(), |tx| tx.worker(id))?;
        Ok(worker.ok_or(Error::UnknownWorker(id))?.requested_status())
    }

    /// `POST /ack-status-change/{status}`: the worker says that it took on a status.
    ///
    /// Workers say so unasked too, and the request, whatever it was, is then over. A shutdown is never
    /// acknowledged, and a status that no worker takes on by itself changes nothing.
    pub async fn acknowledge_status(&self, id: WorkerId, status: &str) -> Result<(), Error> {
        use WorkerStatus as S;
        let status = match status.parse() {
            Ok(status @ (S::Awake | S::Asleep | S::Error | S::Testing)) => status,
            Ok(S::Starting | S::Offline | S::Timeout | S::Shutdown) | Err(_) => {
                tracing::warn!(worker = %id, status, "a worker acknowledged a status that it cannot take on");
                return Ok(());
            }
        };
        self.change_worker(id, move |worker| {
            let requested = worker.requested_status();
            if requested != Some(status) {
                let requested = requested.map_or("nothing", WorkerStatus::as_str);
                tracing::info!(worker = worker.identifier(), %status, requested, "a worker changed status unasked");
            }
            worker.status = status;
            worker.requested = None;
        })
        .await
    }

    pub(super) async fn change_worker(
        &self,
        id: WorkerId,
        mut change: impl FnMut(&mut Worker) + Send + 'static,
    ) -> Result<(), Error> {
        self.store
            .write(self.now(), move |tx| {
                let mut worker = known_worker(tx, id)?;
                change(&mut worker);
                Ok(tx.put_worker(&worker)?)
            })
            .await
    }
}

/// Nothing of a worker may be absurdly long: all workers are read whenever somebody looks at the farm.
fn check_size(what: &str, text: &str, limit: usize) -> Result<(), Error> {
    match text.chars().count() {
        length if length > limit => {
            Err(Error::Refused(format!("{what} has {length} characters; at most {limit} are allowed")))
        }
        _ => Ok(()),
    }
}

fn check_task_types(types: &[String]) -> Result<(), Error> {
    if types.len() > MOST_TASK_TYPES {
        let count = types.len();
        return Err(Error::Refused(format!(
            "supported_task_types: there are {count}; at most {MOST_TASK_TYPES} are allowed"
        )));
    }
    types.iter().try_for_each(|task_type| check_size("a task type", task_type, limits::WORD))
}
