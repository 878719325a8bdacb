//! The only place that asks the system for the time. Everybody else takes `now` as an argument.
#![expect(clippy::disallowed_methods, reason = "this is the one place that may ask the system for the time")]

use std::sync::{Mutex, PoisonError};

use jiff::{Span, Timestamp};

/// Where `now` comes from.
pub trait Clock: Send + Sync {
    /// The current time, cut to milliseconds: what the database and the protocol can hold.
    fn now(&self) -> Timestamp;
}

/// The clock on the wall.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

/// A clock for tests, moved by hand.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that stands still at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self(Mutex::new(start))
    }

    /// Moves the clock by `span`, which holds no unit above hours.
    ///
    /// # Panics
    /// When the span has calendar units or leads out of the range of time: a mistake in the test.
    pub fn advance(&self, span: Span) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.checked_add(span).expect("a span of hours or less, within the range of time");
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
