//! When things happen: the list of what is done again and again. What happens is in `services`.

mod driver;
mod reports;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::tz::TimeZone;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::driver::{Pace, drive};
pub use self::reports::report;
use crate::{
    config::Intervals,
    domain::ids::JobId,
    exchange::Exchange,
    services::{Error, Services},
    tls::Tls,
};

/// Signs of life are written this often: as much of them a crash may forget.
const HEARTBEATS: Duration = Duration::from_secs(5);

/// How often jobs are looked after whose tasks have yet to follow what is wanted of them.
const JOBS: Duration = Duration::from_secs(1);

/// How often it is looked how much room there is on the disks.
const DISKS: Duration = Duration::from_secs(10);

/// How often it is gone on with the round of all task logs, for a moment.
const TASK_LOGS: Duration = Duration::from_secs(1);

/// How often it is looked whether it is time for a backup.
const DATABASE: Duration = Duration::from_mins(1);

/// When access tokens were last used is written this often, and sessions that have ended are forgotten.
const PEOPLE: Duration = Duration::from_mins(1);

/// A pace from the start on.
fn now_and_every(every: Duration) -> Pace {
    Pace { first: Duration::ZERO, every }
}

/// Starts all loops. They end soon after `stop`.
pub fn spawn_all(
    tracker: &TaskTracker,
    stop: &CancellationToken,
    services: &Arc<Services>,
    time_zone: &TimeZone,
    intervals: &Intervals,
) {
    let Intervals {
        startup_grace,
        timeout_check,
        sleep_schedule_check,
        worker_cleanup_check,
        task_cleanup_check,
    } = *intervals;
    let after_grace = |every| Pace { first: startup_grace, every };
    spawn_care(tracker, stop, services);

    let s = Arc::clone(services);
    drive(tracker, stop, "heartbeats", now_and_every(HEARTBEATS), move || {
        let s = Arc::clone(&s);
        async move { s.flush_heartbeats().await }
    });

    let s = Arc::clone(services);
    drive(tracker, stop, "jobs", now_and_every(JOBS), move || {
        let s = Arc::clone(&s);
        async move { s.go_on_with_jobs().await }
    });

    let s = Arc::clone(services);
    drive(tracker, stop, "timeouts", after_grace(timeout_check), move || {
        let s = Arc::clone(&s);
        async move { s.check_timeouts().await.map(drop) }
    });

    let (s, tz) = (Arc::clone(services), time_zone.clone());
    drive(tracker, stop, "sleep schedules", now_and_every(sleep_schedule_check), move || {
        let (s, tz) = (Arc::clone(&s), tz.clone());
        async move { s.check_sleep_schedules(tz).await.map(drop) }
    });

    let s = Arc::clone(services);
    drive(tracker, stop, "worker clean-up", after_grace(worker_cleanup_check), move || {
        let s = Arc::clone(&s);
        async move { s.clean_up_workers().await.map(drop) }
    });

    let s = Arc::clone(services);
    drive(tracker, stop, "task and job clean-up", after_grace(task_cleanup_check), move || {
        let s = Arc::clone(&s);
        async move {
            s.clean_up_blacklist().await?;
            s.clean_up_submissions().await?;
            s.clean_up_deeds().await?;
            s.clean_up_tasks().await?;
            s.clean_up_jobs().await.map(drop)
        }
    });

    let s = Arc::clone(services);
    let known = Arc::new(Mutex::new(BTreeSet::new()));
    drive(tracker, stop, "starvation", now_and_every(timeout_check), move || {
        let (s, known) = (Arc::clone(&s), Arc::clone(&known));
        let report = move || report_starvation(&s, &mut known.lock().unwrap_or_else(PoisonError::into_inner));
        async move { tokio::task::spawn_blocking(report).await.unwrap_or(Err(Error::Panicked)) }
    });
}

/// The loops that look after what the Manager keeps: disks, logs, the database, and who may use it.
fn spawn_care(tracker: &TaskTracker, stop: &CancellationToken, services: &Arc<Services>) {
    let s = Arc::clone(services);
    drive(tracker, stop, "disks", now_and_every(DISKS), move || {
        let s = Arc::clone(&s);
        async move { tokio::task::spawn_blocking(move || s.look_at_disks()).await.map_err(|_| Error::Panicked) }
    });

    let s = Arc::clone(services);
    drive(tracker, stop, "task logs", now_and_every(TASK_LOGS), move || {
        let s = Arc::clone(&s);
        async move { s.look_after_logs().await.map(drop) }
    });

    let (s, end) = (Arc::clone(services), stop.clone());
    drive(tracker, stop, "care for the database", now_and_every(DATABASE), move || {
        let (s, end) = (Arc::clone(&s), end.clone());
        // It takes long, and ends by itself when the database is closed.
        async move { end.run_until_cancelled(s.look_after_database()).await.unwrap_or(Ok(())) }
    });

    let s = Arc::clone(services);
    drive(tracker, stop, "people", now_and_every(PEOPLE), move || {
        let s = Arc::clone(&s);
        async move { s.look_after_people().await }
    });
}

/// How often the exchange with a Server looks whether it is time for something.
const EXCHANGE: Duration = Duration::from_secs(1);

/// Starts the conversations with the Flamenco Server. They end soon after `stop`, if their calls are broken off.
pub fn spawn_exchange(tracker: &TaskTracker, stop: &CancellationToken, exchange: &Arc<Exchange>) {
    let pace = now_and_every(EXCHANGE);

    let e = Arc::clone(exchange);
    drive(tracker, stop, "notification of the Server", pace, move || {
        let e = Arc::clone(&e);
        async move { e.notify().await }
    });

    let e = Arc::clone(exchange);
    drive(tracker, stop, "download of tasks", pace, move || {
        let e = Arc::clone(&e);
        async move {
            e.download().await?;
            e.ask_again().await
        }
    });

    let e = Arc::clone(exchange);
    drive(tracker, stop, "push of task updates", pace, move || {
        let e = Arc::clone(&e);
        async move { e.push().await }
    });

    let e = Arc::clone(exchange);
    drive(tracker, stop, "upload of task logs", pace, move || {
        let e = Arc::clone(&e);
        async move { e.send_logs().await }
    });
}

/// How often to look whether there is a newer certificate, or has to be one.
const CERTIFICATES: Duration = Duration::from_mins(1);

/// Starts what looks after the certificate of HTTPS. It ends at `stop`: an authority may take its time.
pub fn spawn_certificates(tracker: &TaskTracker, stop: &CancellationToken, tls: &Arc<Tls>) {
    let (t, end) = (Arc::clone(tls), stop.clone());
    let pace = now_and_every(CERTIFICATES);
    drive(tracker, stop, "certificates", pace, move || {
        let (t, end) = (Arc::clone(&t), end.clone());
        async move {
            end.run_until_cancelled(t.look_after()).await;
            Ok(())
        }
    });
}

/// Starts to download the public keys by which the Flamenco Server vouches for people, again and again.
pub fn spawn_vouching(tracker: &TaskTracker, stop: &CancellationToken, exchange: &Arc<Exchange>) {
    let e = Arc::clone(exchange);
    let pace = now_and_every(EXCHANGE);
    drive(tracker, stop, "download of public keys", pace, move || {
        let e = Arc::clone(&e);
        async move { e.fetch_keys().await }
    });
}

/// Logs every job that nobody can work on, once, and once more when somebody can.
fn report_starvation(services: &Services, known: &mut BTreeSet<JobId>) -> Result<(), Error> {
    let starved = services.starved_jobs()?;
    for job in starved.iter().filter(|job| !known.contains(&job.id)) {
        tracing::warn!(
            job = %job.id,
            name = job.name,
            tasks = job.runnable_tasks,
            reason = job.reason,
            "a job has tasks that no worker can take"
        );
    }
    let now: BTreeSet<_> = starved.iter().map(|job| job.id).collect();
    for job in known.difference(&now) {
        tracing::info!(%job, "the job has workers for all its tasks again");
    }
    *known = now;
    Ok(())
}
