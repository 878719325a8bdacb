//! What is to be seen: the last picture, those before it for who watches, and why another one is not shown.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio::sync::watch;

use super::Picture;

/// As many of the newest are remembered for those who look again and again.
const REMEMBERED: usize = 8;

/// What is to be seen.
#[derive(Debug)]
pub struct Gallery {
    state: Mutex<State>,
    /// The version of the last picture.
    latest: watch::Sender<String>,
}

#[derive(Debug, Default)]
struct State {
    latest: Option<Arc<Picture>>,
    /// The newest ones since the start, also those that are the last of their job only.
    recent: VecDeque<Arc<Picture>>,
    /// How many there were since the start.
    count: u64,
    refusal: Option<Refusal>,
}

/// A picture that is not shown.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// When the Manager heard of it.
    pub when: Timestamp,
    /// What the file was called.
    pub path: String,
    /// Why it is not shown.
    pub reason: String,
}

impl Gallery {
    pub(super) fn new(latest: Option<Picture>) -> Self {
        let state = State { latest: latest.map(Arc::new), ..State::default() };
        let version = state.latest.as_ref().map(|picture| picture.version.clone()).unwrap_or_default();
        Self { state: Mutex::new(state), latest: watch::Sender::new(version) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last picture.
    pub fn latest(&self) -> Option<Arc<Picture>> {
        self.state().latest.clone()
    }

    /// The last picture that was not shown, and why.
    pub fn refusal(&self) -> Option<Refusal> {
        self.state().refusal.clone()
    }

    /// How many pictures there were since the start.
    pub fn count(&self) -> u64 {
        self.state().count
    }

    /// The pictures since there were `count`, the oldest first; if there were very many the newest of them.
    pub fn since(&self, count: u64) -> Vec<Arc<Picture>> {
        let state = self.state();
        let new = usize::try_from(state.count.saturating_sub(count)).unwrap_or(usize::MAX);
        state.recent.iter().skip(state.recent.len().saturating_sub(new)).cloned().collect()
    }

    /// Tells whenever there is another last picture.
    pub fn watch(&self) -> watch::Receiver<String> {
        self.latest.subscribe()
    }

    pub(super) fn show(&self, picture: Arc<Picture>, is_latest: bool) {
        let version = picture.version.clone();
        let mut state = self.state();
        if is_latest {
            state.latest = Some(Arc::clone(&picture));
        }
        state.recent.push_back(picture);
        if state.recent.len() > REMEMBERED {
            state.recent.pop_front();
        }
        state.count += 1;
        drop(state);
        if is_latest {
            self.latest.send_replace(version);
        }
    }

    pub(super) fn refuse(&self, refusal: Refusal) {
        self.state().refusal = Some(refusal);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{super::About, *};

    fn picture(number: u64) -> Arc<Picture> {
        let about =
            About { produced: Timestamp::UNIX_EPOCH, path: String::new(), by: None, width: 1, height: 1 };
        Arc::new(Picture { about, version: number.to_string(), jpeg: Bytes::new() })
    }

    fn versions(gallery: &Gallery, since: u64) -> Vec<String> {
        gallery.since(since).iter().map(|picture| picture.version.clone()).collect()
    }

    #[test]
    fn whoever_looks_again_finds_what_is_new_since() {
        let gallery = Gallery::new(None);
        assert_eq!((gallery.count(), versions(&gallery, 0)), (0, Vec::new()));
        gallery.show(picture(1), true);
        gallery.show(picture(2), false);
        assert_eq!(versions(&gallery, 0), ["1", "2"]);
        assert_eq!(versions(&gallery, 1), ["2"]);
        assert_eq!(versions(&gallery, gallery.count()), Vec::<String>::new());
        assert_eq!(gallery.latest().unwrap().version, "1");
        for number in 3..=20 {
            gallery.show(picture(number), true);
        }
        assert_eq!(versions(&gallery, 2).len(), REMEMBERED);
        assert_eq!(versions(&gallery, 19), ["20"]);
    }
}
