//! When things happen: the list of what is done again and again. What happens is in `services`.

mod driver;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::tz::TimeZone;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::driver::{Pace, drive};
use crate::{
    config::Intervals,
    domain::ids::JobId,
    exchange::Exchange,
    services::{Error, Services, at_leisure},
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
    let from_start = |every| Pace { first: Duration::ZERO, every };
    let after_grace = |every| Pace { first: startup_grace, every };

    let s = Arc::clone(services);
    drive(tracker, stop, "heartbeats", from_start(HEARTBEATS), move || {
        let s = Arc::clone(&s);
        async move { s.flush_heartbeats().await }
    });

    let s = Arc::clone(services);
    drive(tracker, stop, "jobs", from_start(JOBS), move || {
        let s = Arc::clone(&s);
        async move { s.go_on_with_jobs().await }
    });

    let s = Arc::clone(services);
    drive(tracker, stop, "timeouts", after_grace(timeout_check), move || {
        let s = Arc::clone(&s);
        async move { s.check_timeouts().await.map(drop) }
    });

    let (s, tz) = (Arc::clone(services), time_zone.clone());
    drive(tracker, stop, "sleep schedules", from_start(sleep_schedule_check), move || {
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
    drive(tracker, stop, "disks", from_start(DISKS), move || {
        let s = Arc::clone(&s);
        async move { tokio::task::spawn_blocking(move || s.look_at_disks()).await.map_err(|_| Error::Panicked) }
    });

    let s = Arc::clone(services);
    drive(tracker, stop, "task logs", from_start(TASK_LOGS), move || {
        let s = Arc::clone(&s);
        async move { s.look_after_logs().await.map(drop) }
    });

    let s = Arc::clone(services);
    drive(tracker, stop, "care for the database", from_start(DATABASE), move || {
        let s = Arc::clone(&s);
        async move { at_leisure("database", move || s.look_after_database()).await }
    });

    let s = Arc::clone(services);
    drive(tracker, stop, "people", from_start(PEOPLE), move || {
        let s = Arc::clone(&s);
        async move { s.look_after_people().await }
    });

    let s = Arc::clone(services);
    let known = Arc::new(Mutex::new(BTreeSet::new()));
    drive(tracker, stop, "starvation", from_start(timeout_check), move || {
        let (s, known) = (Arc::clone(&s), Arc::clone(&known));
        let report = move || report_starvation(&s, &mut known.lock().unwrap_or_else(PoisonError::into_inner));
        async move { tokio::task::spawn_blocking(report).await.unwrap_or(Err(Error::Panicked)) }
    });
}

/// How often the exchange with a Server looks whether it is time for something.
const EXCHANGE: Duration = Duration::from_secs(1);

/// Starts the conversations with the Flamenco Server. They end soon after `stop`, if their calls are broken off.
pub fn spawn_exchange(tracker: &TaskTracker, stop: &CancellationToken, exchange: &Arc<Exchange>) {
    let pace = Pace { first: Duration::ZERO, every: EXCHANGE };

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
    let pace = Pace { first: Duration::ZERO, every: CERTIFICATES };
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
    let pace = Pace { first: Duration::ZERO, every: EXCHANGE };
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
