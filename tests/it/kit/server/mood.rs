//! What the fake Server is asked for, and how it feels about it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde_json::Value;

/// What a Manager calls the Server for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    Startup,
    Update,
    Depsgraph,
    Task,
    Push,
    Log,
    Keys,
}

impl Call {
    pub const ALL: [Self; 7] =
        [Self::Startup, Self::Update, Self::Depsgraph, Self::Task, Self::Push, Self::Log, Self::Keys];
}

/// How the Server takes a call.
#[derive(Clone)]
pub enum Mood {
    /// As it should.
    Fine,
    /// It does nothing but answer this status.
    Answers(u16),
    /// It begins when [`release`](super::FakeServer::release) is called, and not before.
    Hangs,
    /// It does what it should at once, and answers when [`release`](super::FakeServer::release) is called.
    AnswersLate,
    /// It does nothing, says 200, and what it says then is no JSON.
    Nonsense,
    /// It does nothing and closes the connection.
    HangsUp,
    /// It does what it should and breaks off in the middle of the answer; one without a body it does not begin.
    HalfAnAnswer,
    /// It does what it should and closes the connection without a word.
    DoesItButHangsUp,
    /// It handles every second update of a push: the first, the third and so on.
    HandlesHalf,
    /// It handles only such updates; see [`Mood::handles_only`].
    HandlesOnly(Arc<dyn Fn(&Value) -> bool + Send + Sync>),
    /// It answers 400 to a push with an update of this task, having taken the updates before that one.
    RefusesUpdate(String),
    /// It answers this status to a push with any update, and takes an empty one.
    TakesNoUpdates(u16),
    /// The Manager's secret is valid no longer.
    Revoked,
    /// Not it answers, but a proxy that does not find it.
    ProxyPage,
}

impl Mood {
    pub fn handles_only(wanted: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Self {
        Self::HandlesOnly(Arc::new(wanted))
    }

    /// Does the Manager get the answer?
    pub(super) fn delivers(&self) -> bool {
        !matches!(self, Self::HalfAnAnswer | Self::DoesItButHangsUp)
    }
}

/// The moods to come, per kind of call.
#[derive(Default)]
pub(super) struct Moods(BTreeMap<Call, (VecDeque<Mood>, Option<Mood>)>);

impl Moods {
    /// From now on, whatever was planned.
    pub fn set(&mut self, call: Call, mood: Mood) {
        self.0.insert(call, (VecDeque::new(), Some(mood)));
    }

    /// For the next calls behind those that have their moods already.
    pub fn plan(&mut self, call: Call, count: usize, mood: Mood) {
        self.0.entry(call).or_default().0.extend(std::iter::repeat_n(mood, count));
    }

    pub fn next(&mut self, call: Call) -> Mood {
        let (planned, lasting) = self.0.entry(call).or_default();
        planned.pop_front().or_else(|| lasting.clone()).unwrap_or(Mood::Fine)
    }
}
