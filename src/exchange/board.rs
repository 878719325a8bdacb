//! How each conversation with the Server goes: what went well, what failed, and when it is tried again. In memory
//! only: after a start everything is tried at once.

use std::{
    error::Error,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    domain::{backoff, warning::Warning},
    upstream::CallError,
};

/// How long the exchange stands still after the Server has refused the Manager's credentials, before it is tried
/// once more: somebody may have mended it there.
const STANDSTILL: SignedDuration = SignedDuration::from_mins(15);

/// What is talked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// The Manager introduces itself.
    Notification,
    /// Tasks come from the Server.
    Download,
    /// The Server is asked about one task.
    Recheck,
    /// The Server hears of tasks.
    Push,
    /// The Server gets a log.
    LogUpload,
    /// The Server tells by which keys it vouches for people.
    PublicKeys,
}

impl Topic {
    /// All topics; the index of each is `as usize`.
    pub const ALL: [Self; 6] =
        [Self::Notification, Self::Download, Self::Recheck, Self::Push, Self::LogUpload, Self::PublicKeys];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notification => "notification",
            Self::Download => "download",
            Self::Recheck => "recheck",
            Self::Push => "push",
            Self::LogUpload => "log-upload",
            Self::PublicKeys => "public-keys",
        }
    }

    /// Does the Server ask who the Manager is? The keys it tells everybody, so it can accept or refuse nobody there.
    fn has_credentials(self) -> bool {
        self != Self::PublicKeys
    }
}

/// How a conversation goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conversation {
    /// When it last went well.
    pub last_success: Option<Timestamp>,
    /// What last went wrong.
    pub last_failure: Option<Failure>,
    /// How often it has failed since it last went well.
    pub failures: u32,
    /// When the first of these failures was.
    pub failing_since: Option<Timestamp>,
    /// When it is tried again, as far as that is known.
    pub next_try: Option<Timestamp>,
    /// Why it is put off although the Server has done nothing wrong, and since when.
    pub put_off: Option<Failure>,
}

/// What went wrong, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// What, in words.
    pub what: String,
}

/// How all conversations go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// By topic, in the order of [`Topic::ALL`].
    pub conversations: [Conversation; Topic::ALL.len()],
    /// Why nothing is said at all, and until when: the Server does not accept the Manager. The failure's moment is when
    /// that began, and its text is what the Server said last.
    pub standstill: Option<(Failure, Timestamp)>,
}

impl State {
    /// What somebody should know of it, if anything.
    pub fn warning(&self) -> Option<Warning> {
        if let Some((Failure { at, what }, _)) = &self.standstill {
            return Some(Warning::server_refuses(*at, what));
        }
        let failing = || Topic::ALL.into_iter().zip(&self.conversations).filter(|(_, how)| how.failures > 0);
        let (_, worst) = failing().max_by_key(|(_, how)| how.failures)?;
        let what = worst.last_failure.as_ref().map_or("", |failure| &failure.what);
        let topics: Vec<_> = failing().map(|(topic, _)| topic.as_str()).collect();
        Warning::server_away(&topics, worst.failures, worst.failing_since, what)
    }
}

/// Keeps the state.
#[derive(Default)]
pub(super) struct Board(Mutex<State>);

impl Board {
    /// May this be tried now?
    pub fn may_try(&self, topic: Topic, now: Timestamp) -> bool {
        let state = self.lock();
        let standing = topic.has_credentials()
            && state.standstill.as_ref().is_some_and(|(_, until)| is_ahead(*until, now, STANDSTILL));
        let conversation = &state.conversations[topic as usize];
        let pausing = conversation.failures > 0
            && conversation.next_try.is_some_and(|next| is_ahead(next, now, backoff::LONGEST));
        !standing && !pausing
    }

    /// When this last went well.
    pub fn last_success(&self, topic: Topic) -> Option<Timestamp> {
        self.lock().conversations[topic as usize].last_success
    }

    /// When this was last tried.
    pub fn last_try(&self, topic: Topic) -> Option<Timestamp> {
        let state = self.lock();
        let Conversation { last_success, last_failure, .. } = &state.conversations[topic as usize];
        (*last_success).max(last_failure.as_ref().map(|failure| failure.at))
    }

    /// It went well; `next_try` is when it comes about by itself again.
    pub fn succeeded(&self, topic: Topic, now: Timestamp, next_try: Option<Timestamp>) {
        let mut state = self.lock();
        if topic.has_credentials() && state.standstill.take().is_some() {
            tracing::info!("the Flamenco Server accepts this Manager again");
        }
        let conversation = &mut state.conversations[topic as usize];
        if conversation.failures > 0 {
            let failures = conversation.failures;
            tracing::info!(
                topic = topic.as_str(),
                failures,
                "the exchange with the Flamenco Server works again"
            );
        }
        conversation.last_success = Some(now);
        (conversation.failures, conversation.failing_since) = (0, None);
        conversation.next_try = next_try;
    }

    /// It went wrong. The pause grows with each time; if the Server does not accept the Manager, all stand still.
    pub fn failed(&self, topic: Topic, now: Timestamp, error: &(dyn Error + 'static)) {
        let stops_all = error.downcast_ref().is_some_and(|error| stops_all(topic, error));
        let error = in_full(error);
        let failure = Failure { at: now, what: error.clone() };
        let mut state = self.lock();
        if stops_all {
            let until = now + STANDSTILL;
            let what = error.clone();
            if let Some((first, end)) = &mut state.standstill {
                (first.what, *end) = (what, until);
            } else {
                state.standstill = Some((failure.clone(), until));
                let tried_again = format!("in {STANDSTILL:#}, or at once after GET /kick");
                tracing::error!(error, tried_again, "the exchange with the Flamenco Server stands still");
            }
        }
        let conversation = &mut state.conversations[topic as usize];
        conversation.failures = conversation.failures.saturating_add(1);
        conversation.failing_since.get_or_insert(now);
        let pause = if stops_all { STANDSTILL } else { backoff::pause(conversation.failures, chance()) };
        conversation.next_try = Some(now + pause);
        if conversation.failures == 1 && !stops_all {
            let pause = format!("{pause:#}");
            tracing::warn!(
                topic = topic.as_str(),
                error,
                pause,
                "the exchange with the Flamenco Server failed; it is tried again"
            );
        } else {
            tracing::debug!(
                topic = topic.as_str(),
                error,
                failures = conversation.failures,
                "it failed again"
            );
        }
        conversation.last_failure = Some(failure);
    }

    /// It has to wait, for a reason of the Manager's own; nothing: no longer.
    pub fn put_off(&self, topic: Topic, now: Timestamp, why: Option<String>) {
        let put_off = &mut self.lock().conversations[topic as usize].put_off;
        let since = put_off.as_ref().map_or(now, |before| before.at);
        *put_off = why.map(|what| Failure { at: since, what });
    }

    /// Everything may be tried now.
    pub fn forget_pauses(&self, now: Timestamp) {
        let mut state = self.lock();
        if let Some((_, until)) = &mut state.standstill {
            *until = now;
        }
        for conversation in &mut state.conversations {
            conversation.next_try = None;
        }
    }

    /// How all conversations go.
    pub fn state(&self) -> State {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does this mean that the Server does not accept the Manager at all? A 403 to a question about one task need not: the
/// Server says so too when the task has become another Manager's.
fn stops_all(topic: Topic, error: &CallError) -> bool {
    match error {
        CallError::Credentials { status, .. } => {
            topic.has_credentials() && (topic != Topic::Recheck || *status == 401)
        }
        CallError::Unreachable { .. } | CallError::Refused { .. } | CallError::Trouble { .. } => false,
    }
}

/// Has `then` yet to come? Not if it is further away than it can ever have been: the clock was set back.
fn is_ahead(then: Timestamp, now: Timestamp, at_most: SignedDuration) -> bool {
    now < then && then.duration_since(now) <= at_most
}

/// An error with what it is due to.
fn in_full(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut reason = error.source();
    while let Some(error) = reason {
        text.push_str(": ");
        text.push_str(&error.to_string());
        reason = error.source();
    }
    text
}

/// A number from 0 to 1.
fn chance() -> f64 {
    let mut byte = [0];
    // Without random numbers all pauses are whole, which harms nobody.
    let _filled = aws_lc_rs::rand::fill(&mut byte);
    f64::from(byte[0]) / f64::from(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::warning::Kind;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn unreachable() -> CallError {
        CallError::Unreachable { call: "GET /".into(), reason: "away".into() }
    }

    fn credentials() -> CallError {
        CallError::Credentials { call: "GET /".into(), status: 403, message: "no".into() }
    }

    fn seconds(seconds: i64) -> SignedDuration {
        SignedDuration::from_secs(seconds)
    }

    #[test]
    fn after_a_failure_there_is_a_pause_and_after_a_success_none() {
        let board = Board::default();
        assert!(board.may_try(Topic::Push, NOW));
        board.failed(Topic::Push, NOW, &unreachable());
        assert!(!board.may_try(Topic::Push, NOW));
        assert!(board.may_try(Topic::Download, NOW), "the others go on");
        assert!(board.may_try(Topic::Push, NOW + seconds(2)));
        board.succeeded(Topic::Push, NOW, None);
        assert!(board.may_try(Topic::Push, NOW));
    }

    #[test]
    fn refused_credentials_stop_everything_for_a_while() {
        let board = Board::default();
        board.failed(Topic::Push, NOW, &credentials());
        for topic in Topic::ALL.into_iter().filter(|topic| topic.has_credentials()) {
            assert!(!board.may_try(topic, NOW + seconds(899)));
            assert!(board.may_try(topic, NOW + seconds(900)));
        }
        board.succeeded(Topic::Download, NOW + seconds(900), None);
        assert_eq!(board.state().standstill, None);
    }

    #[test]
    fn a_question_about_one_task_that_is_forbidden_stops_nothing_else() {
        let board = Board::default();
        board.failed(Topic::Recheck, NOW, &credentials());
        assert!(board.may_try(Topic::Push, NOW) && !board.may_try(Topic::Recheck, NOW));
        assert_eq!(board.state().standstill, None);
    }

    #[test]
    fn what_the_server_tells_everybody_is_no_sign_that_it_accepts_the_manager_or_not() {
        let board = Board::default();
        board.failed(Topic::PublicKeys, NOW, &credentials());
        assert!(board.may_try(Topic::Push, NOW) && !board.may_try(Topic::PublicKeys, NOW));
        board.failed(Topic::Push, NOW, &credentials());
        assert!(board.may_try(Topic::PublicKeys, NOW + seconds(2)));
        board.succeeded(Topic::PublicKeys, NOW + seconds(2), None);
        assert!(board.state().standstill.is_some());
    }

    #[test]
    fn what_fails_again_and_again_is_warned_of_until_it_goes_well() {
        let board = Board::default();
        for (second, warned) in [(0, false), (1, false), (3, true)] {
            assert_eq!(board.state().warning(), None);
            board.failed(Topic::Push, NOW + seconds(second), &unreachable());
            assert_eq!(board.state().warning().is_some(), warned);
        }
        board.failed(Topic::Download, NOW + seconds(4), &unreachable());
        let warning = board.state().warning().unwrap();
        assert_eq!((warning.kind, warning.since), (Kind::ServerAway, Some(NOW)));
        assert!(warning.message.contains("(download, push)"), "{}", warning.message);
        board.failed(Topic::Download, NOW + seconds(5), &credentials());
        let warning = board.state().warning().unwrap();
        assert_eq!((warning.kind, warning.since), (Kind::ServerRefuses, Some(NOW + seconds(5))));
        for topic in [Topic::Download, Topic::Push] {
            board.succeeded(topic, NOW + seconds(6), None);
        }
        assert_eq!(board.state().warning(), None);
    }

    #[test]
    fn what_is_put_off_is_so_since_the_first_time_and_no_failure() {
        let board = Board::default();
        let put_off = |second, why: Option<&str>| {
            board.put_off(Topic::Download, NOW + seconds(second), why.map(str::to_owned));
            board.state().conversations[Topic::Download as usize].put_off.as_ref().map(|put_off| put_off.at)
        };
        assert_eq!(put_off(0, Some("full")), Some(NOW));
        assert_eq!(put_off(1, Some("full")), Some(NOW));
        assert!(board.may_try(Topic::Download, NOW) && board.state().warning().is_none());
        assert_eq!(put_off(2, None), None);
        assert_eq!(put_off(3, Some("full")), Some(NOW + seconds(3)));
    }

    #[test]
    fn a_kick_ends_all_pauses() {
        let board = Board::default();
        board.failed(Topic::Push, NOW, &credentials());
        board.forget_pauses(NOW);
        assert!(Topic::ALL.into_iter().all(|topic| board.may_try(topic, NOW)));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_make_a_pause_longer() {
        let board = Board::default();
        board.failed(Topic::Push, NOW, &unreachable());
        assert!(board.may_try(Topic::Push, NOW - seconds(3600)));
    }

    #[test]
    fn each_topic_is_found_at_its_own_index() {
        for (index, topic) in Topic::ALL.into_iter().enumerate() {
            assert_eq!(topic as usize, index);
        }
    }
}
