//! How a loop runs: at its own pace, through failures and panics, until it is told to stop.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::services::Error;

/// When a loop takes its turns.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Before the first turn.
    pub first: Duration,
    /// From the end of a turn to the next.
    pub every: Duration,
}

/// Starts a loop. A turn that has begun is finished before the loop ends. A failure, or a panic, is logged, and
/// the loop goes on.
pub fn drive<F>(
    tracker: &TaskTracker,
    stop: &CancellationToken,
    name: &'static str,
    pace: Pace,
    turn: impl Fn() -> F + Send + Sync + 'static,
) where
    F: Future<Output = Result<(), Error>> + Send,
{
    let stop = stop.clone();
    tracker.spawn(async move {
        let mut pause = pace.first;
        while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            match AssertUnwindSafe(async { turn().await }).catch_unwind().await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(name, error = &error as &dyn std::error::Error, "background work failed");
                }
                Err(_) => tracing::error!(name, "background work ended badly"),
            }
            pause = pace.every;
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    fn counted(
        pace: Pace,
        turn: fn(u32) -> Result<(), Error>,
    ) -> (Arc<AtomicU32>, TaskTracker, CancellationToken) {
        let (turns, tracker, stop) =
            (Arc::new(AtomicU32::new(0)), TaskTracker::new(), CancellationToken::new());
        let count = Arc::clone(&turns);
        drive(&tracker, &stop, "test", pace, move || {
            let number = count.fetch_add(1, Ordering::SeqCst);
            async move { turn(number) }
        });
        tracker.close();
        (turns, tracker, stop)
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_waits_then_keeps_its_pace_and_stops_when_told() {
        let pace = Pace { first: Duration::from_mins(5), every: Duration::from_mins(1) };
        let (turns, tracker, stop) = counted(pace, |_| Ok(()));
        tokio::time::sleep(Duration::from_secs(299)).await;
        assert_eq!(turns.load(Ordering::SeqCst), 0);
        tokio::time::sleep(Duration::from_secs(62)).await;
        assert_eq!(turns.load(Ordering::SeqCst), 2);
        stop.cancel();
        tracker.wait().await;
        assert_eq!(turns.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_and_panics_do_not_end_a_loop() {
        let pace = Pace { first: Duration::ZERO, every: Duration::from_mins(1) };
        let (turns, _tracker, _stop) = counted(pace, |number| match number {
            0 => Err(Error::Panicked),
            1 => panic!("on purpose"),
            _ => Ok(()),
        });
        tokio::time::sleep(Duration::from_secs(121)).await;
        assert_eq!(turns.load(Ordering::SeqCst), 3);
    }
}
