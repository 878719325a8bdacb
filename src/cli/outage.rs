//! A Manager that does not answer for a moment, because it is being restarted, is waited for.

use std::time::{Duration, Instant};

use super::{Failure, client::CallError};

/// As long as a restart takes at the most.
const PATIENCE: Duration = Duration::from_mins(1);

/// Since when the Manager does not answer.
#[derive(Debug, Default)]
pub struct Outage(Option<Instant>);

impl Outage {
    /// The Manager answers.
    pub fn is_over(&mut self) {
        self.0 = None;
    }

    /// A call failed. What is to be told at the beginning of an outage; the failure if it cannot pass, or lasts too long.
    pub fn goes_on(&mut self, error: CallError) -> Result<Option<String>, Failure> {
        if !error.may_pass() || self.0.is_some_and(|since| since.elapsed() > PATIENCE) {
            return Err(error.into());
        }
        let begins = self.0.is_none();
        self.0.get_or_insert_with(Instant::now);
        let seconds = PATIENCE.as_secs();
        Ok(begins.then(|| {
            format!("The Manager does not answer; it is waited for, {seconds} seconds at the most.")
        }))
    }
}
