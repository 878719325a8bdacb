//! What happens on the farm, told to all who listen. While there is anybody, one task looks a few times a second at what
//! has changed and writes it down once for all of them: however many listen, it costs the workers the same.

mod turn;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::Instant,
};

use self::turn::{Look, Turn, missed};
pub use self::turn::{Topic, Wanted};
use super::Site;
use crate::services::Error;

/// How often it is looked what has changed.
const TURN: Duration = Duration::from_millis(250);

/// How often while so much changes that those who listen have to look for themselves; and how often the farm is counted.
const CALM: Duration = Duration::from_secs(1);

/// The farm is counted less often if that takes long, which it does where many jobs have no worker: of the time it has no
/// more than one part in so many.
const SHARE: u32 = 20;

/// Who is so many turns behind has missed some.
const BEHIND: usize = 32;

/// Those who listen.
pub struct Live {
    turns: broadcast::Sender<Arc<Turn>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Is anybody told?
    is_running: bool,
    /// The farm as it was told last: how everybody begins.
    farm: Bytes,
}

impl Default for Live {
    fn default() -> Self {
        Self { turns: broadcast::Sender::new(BEHIND), state: Mutex::default() }
    }
}

/// The events that somebody wants, from now on, written down.
pub fn listen(site: &Arc<Site>, wanted: Wanted) -> impl Stream<Item = Bytes> + Send + Sync + use<> {
    let (turns, farm) = {
        let mut state = site.live.state();
        // What is told from here on is heard; what was told before is in the farm, or can be read.
        let turns = site.live.turns.subscribe();
        if !state.is_running {
            state.is_running = true;
            site.services.watch();
            tokio::spawn(run(Arc::clone(site), site.services.count_pictures()));
        }
        (turns, state.farm.clone())
    };
    let begin = (!farm.is_empty() && wanted.topics.contains(&Topic::Farm)).then_some(farm);
    stream::iter(begin).chain(heard(turns, wanted))
}

/// What somebody hears who may be slow.
fn heard(
    turns: broadcast::Receiver<Arc<Turn>>,
    wanted: Wanted,
) -> impl Stream<Item = Bytes> + Send + Sync + use<> {
    let texts = stream::unfold((turns, wanted), async |(mut turns, wanted)| {
        let texts = match turns.recv().await {
            Ok(turn) => turn.texts_for(&wanted),
            Err(RecvError::Lagged(_)) => vec![missed(&wanted.topics)],
            Err(RecvError::Closed) => return None,
        };
        Some((stream::iter(texts), (turns, wanted)))
    });
    texts.flatten()
}

impl Live {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anybody listens. If not, it is stopped, and whoever comes next begins anew.
    fn goes_on(&self, stop: impl FnOnce()) -> bool {
        let mut state = self.state();
        if self.turns.receiver_count() == 0 {
            stop();
            *state = State::default();
        }
        state.is_running
    }

    /// Tells everybody what there is to tell.
    fn tell(&self, mut turn: Turn) {
        let mut state = self.state();
        if turn.farm == state.farm {
            turn.farm = Bytes::new();
        } else if !turn.farm.is_empty() {
            state.farm = turn.farm.clone();
        }
        if !turn.is_empty() {
            // Whoever listened may have gone.
            let _nobody = self.turns.send(Arc::new(turn));
        }
    }
}

/// Looks and tells until nobody listens, of pictures those since there were `pictures`.
async fn run(site: Arc<Site>, mut pictures: u64) {
    let (mut farm_is_old, mut farm_from, mut beside) = (true, Instant::now(), None);
    while site.live.goes_on(|| site.services.stop_watching()) {
        // What belongs to the farm and is not in the database.
        let now_beside = Some((site.exchange_state(), site.services.disks()));
        farm_is_old |= now_beside != beside;
        beside = now_beside;
        let begun = Instant::now();
        let with_farm = farm_is_old && begun >= farm_from;
        let (s, told) = (Arc::clone(&site), pictures);
        // What comes from here on is told at the next turn, should it be seen at this one: twice rather than never.
        pictures = site.services.count_pictures();
        let looked = tokio::task::spawn_blocking(move || Look::at(&s, told, with_farm)).await;
        let look = looked.unwrap_or(Err(Error::Panicked)).unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "what has changed cannot be told");
            Look::of_nothing()
        });
        if with_farm {
            (farm_is_old, farm_from) = (false, begun + CALM.max(begun.elapsed() * SHARE));
        }
        farm_is_old |= look.has_changes;
        site.live.tell(look.turn);
        tokio::time::sleep(if look.is_too_much { CALM } else { TURN }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn farm(number: usize) -> Turn {
        let mut turn = Turn::default();
        turn.farm = format!("farm {number}\n").into();
        turn
    }

    #[tokio::test]
    async fn whoever_is_slow_is_told_that_something_was_missed_and_goes_on() {
        let live = Live::default();
        let wanted = Wanted { topics: vec![Topic::Farm], job: None };
        let mut slow = Box::pin(heard(live.turns.subscribe(), wanted));
        for number in 1..=BEHIND + 2 {
            live.tell(farm(number));
        }
        let mut heard = Vec::new();
        for _ in 0..=BEHIND {
            heard.push(slow.next().await.unwrap());
        }
        assert_eq!(heard[0], missed(&[Topic::Farm]));
        assert_eq!((&heard[1], &heard[BEHIND]), (&farm(3).farm, &farm(BEHIND + 2).farm));
    }

    #[test]
    fn it_goes_on_while_somebody_listens_and_begins_anew_with_who_comes_next() {
        let live = Live::default();
        live.state().is_running = true;
        let listener = live.turns.subscribe();
        live.tell(farm(1));
        assert!(live.goes_on(|| panic!("somebody listens")));
        drop(listener);
        let mut is_stopped = false;
        assert!(!live.goes_on(|| is_stopped = true));
        let state = live.state();
        assert!(is_stopped && !state.is_running && state.farm.is_empty());
    }

    #[tokio::test]
    async fn a_farm_that_is_the_same_as_before_is_not_told_again() {
        let live = Live::default();
        let mut turns = live.turns.subscribe();
        for number in [1, 1, 2] {
            live.tell(farm(number));
        }
        let told = [turns.recv().await.unwrap(), turns.recv().await.unwrap()];
        assert_eq!(told.map(|turn| turn.farm.clone()), [farm(1).farm, farm(2).farm]);
        assert!(turns.is_empty());
    }
}
