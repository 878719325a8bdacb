//! `flamenco-manager demo`: the two-minute tour. Simulated workers run two sample jobs on a Manager
//! that somebody else has started; what happens is shown, and summed up at the end.

mod farm;
mod news;
mod sample;
mod screen;
mod summary;

use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::simulate::{Behaviour, ClientError, Pace, Profile, SimWorker, Tally, WorkerError};

pub use farm::{Blacklisting, JobSeen, Snapshot, Starved, TaskCounts, TaskSeen, WorkerSeen};
pub use screen::{Live, Plain, Screen, for_stdout};
pub use summary::{JobOutcome, Summary};

use farm::Farm;
use news::News;

/// The tour takes less than a minute; one that is not over by then never will be.
const TOUR_MAY_TAKE: Duration = Duration::from_mins(3);

/// Between two looks at the farm.
const LOOK_EVERY: Duration = Duration::from_millis(250);

const TASK_TYPES: [&str; 4] = ["file-management", "blender-render", "exr-merge", "video-encoding"];

/// Why the tour broke off.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The Manager did not answer.
    #[error(transparent)]
    Call(#[from] ClientError),
    /// The Manager answered with an error.
    #[error("{call} was answered with {status}: {body}")]
    Refused {
        /// Method and path.
        call: String,
        /// The answer's status.
        status: StatusCode,
        /// The answer's text.
        body: String,
    },
    /// The answer is not what the API promises.
    #[error("the answer to {call} is not what the API promises")]
    Answer {
        /// Method and path.
        call: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A simulated worker could not go on.
    #[error("a simulated worker could not go on")]
    Worker(#[from] WorkerError),
    /// A simulated worker panicked.
    #[error("a simulated worker crashed")]
    Crash(#[from] tokio::task::JoinError),
    /// The jobs did not end.
    #[error("the sample jobs are still not done after {0:?}")]
    TooLong(Duration),
}

/// Runs the whole tour on the Manager at `manager_url`, which lets anybody use its API and has the
/// default rules of failure.
pub async fn tour(manager_url: &str, screen: &mut dyn Screen) -> Result<Summary, DemoError> {
    let started = Instant::now();
    let mut farm = Farm::at(manager_url)?;
    let mut jobs = Vec::new();
    for job in sample::jobs() {
        jobs.push(farm.submit(&job).await?);
    }
    let mut crew = Crew::hire(manager_url).await?;
    let end = tokio::select! {
        end = watch(&mut farm, &jobs, screen) => end?,
        error = crew.breakdown() => return Err(error),
        () = tokio::time::sleep(TOUR_MAY_TAKE) => return Err(DemoError::TooLong(TOUR_MAY_TAKE)),
    };
    screen.clear();
    crew.dismiss().await?;
    Ok(Summary::of(&end, started.elapsed()))
}

/// Shows the farm until all jobs have ended. Returns how it was then.
async fn watch(farm: &mut Farm, jobs: &[String], screen: &mut dyn Screen) -> Result<Snapshot, DemoError> {
    let mut news = News::default();
    loop {
        let snapshot = farm.look(jobs).await?;
        for line in news.since_last(&snapshot) {
            screen.say(&line);
        }
        screen.show(&snapshot);
        if snapshot.jobs.iter().all(JobSeen::has_ended) {
            return Ok(snapshot);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The simulated workers. Dropping it ends them where they are.
struct Crew {
    workers: JoinSet<Result<(), WorkerError>>,
    stop: CancellationToken,
}

impl Crew {
    /// Five good workers and a clumsy one.
    async fn hire(manager_url: &str) -> Result<Self, WorkerError> {
        let pace = Pace { may_i_run: Duration::from_millis(500), ..Pace::brisk() };
        let good = Behaviour::good(pace);
        let clumsy =
            Behaviour { tally: Tally::clone(&good.tally), ..Behaviour::clumsy(pace, "blender-render") };
        let mut crew = Self { workers: JoinSet::new(), stop: CancellationToken::new() };
        for nickname in ["anna", "bo", "clumsy", "dina", "emil", "faye"] {
            let behaviour = if nickname == "clumsy" { clumsy.clone() } else { good.clone() };
            let mut worker =
                SimWorker::register(manager_url, Profile::linux(nickname, &TASK_TYPES), None).await?;
            let stop = crew.stop.clone();
            crew.workers.spawn(async move { worker.run(&behaviour, &stop).await });
        }
        Ok(crew)
    }

    /// Waits for the first worker that cannot go on. One that the Manager sends home may leave.
    async fn breakdown(&mut self) -> DemoError {
        while let Some(ended) = self.workers.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error.into(),
                Err(error) => return error.into(),
            }
        }
        std::future::pending().await
    }

    /// Lets the workers sign off and waits for them.
    async fn dismiss(mut self) -> Result<(), DemoError> {
        self.stop.cancel();
        while let Some(ended) = self.workers.join_next().await {
            ended??;
        }
        Ok(())
    }
}
