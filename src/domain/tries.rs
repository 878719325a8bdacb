//! How often somebody may try to log in: a few times at once, and then as often as that many seconds go by.

use std::{collections::BTreeMap, net::IpAddr};

use jiff::{SignedDuration, Timestamp};

/// What one address may do.
const OF_ONE: Allowance = Allowance { at_once: 10, every: SignedDuration::from_secs(30) };
/// What all addresses together may do.
const OF_ALL: Allowance = Allowance { at_once: 100, every: SignedDuration::from_secs(1) };
/// Of so many addresses it is known what they did; for more of them the limit of all is there.
const ADDRESSES: usize = 1024;

/// So many wrong tries at once, and one more each time that `every` has gone by.
#[derive(Clone, Copy)]
struct Allowance {
    at_once: i32,
    every: SignedDuration,
}

/// Wrong tries so far, written as the moment at which all of them are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Debt(Timestamp);

impl Allowance {
    /// How long to wait for the next try; `None` is not at all.
    fn wait(self, debt: Option<Debt>, now: Timestamp) -> Option<SignedDuration> {
        let Debt(forgotten) = debt?;
        let longest = self.every.saturating_mul(self.at_once);
        // After the clock was set back nobody waits for longer than for tries of this moment.
        let owed = forgotten.duration_since(now).min(longest);
        let wait = owed - longest.saturating_sub(self.every);
        wait.is_positive().then_some(wait)
    }

    fn after_one_more(self, debt: Option<Debt>, now: Timestamp) -> Debt {
        let longest = self.every.saturating_mul(self.at_once);
        let from = debt.map_or(now, |Debt(forgotten)| forgotten.max(now));
        let from = from.min(now + longest.saturating_sub(self.every));
        Debt(from + self.every)
    }
}

/// Wrong tries to log in, by where they came from.
#[derive(Debug, Default)]
pub struct Tries {
    of_one: BTreeMap<IpAddr, Debt>,
    of_all: Option<Debt>,
}

impl Tries {
    /// How long somebody at this address has to wait before the next try; `None` is not at all.
    pub fn wait(&self, from: IpAddr, now: Timestamp) -> Option<SignedDuration> {
        let own = OF_ONE.wait(self.of_one.get(&neighbourhood(from)).copied(), now);
        own.max(OF_ALL.wait(self.of_all, now))
    }

    /// Somebody tried with something wrong.
    pub fn failed(&mut self, from: IpAddr, now: Timestamp) {
        self.of_all = Some(OF_ALL.after_one_more(self.of_all, now));
        let from = neighbourhood(from);
        if self.of_one.len() >= ADDRESSES && !self.of_one.contains_key(&from) {
            self.of_one.retain(|_, Debt(forgotten)| *forgotten > now);
            let least = self.of_one.iter().min_by_key(|(_, debt)| debt.0).map(|(address, _)| *address);
            if let Some(least) = least.filter(|_| self.of_one.len() >= ADDRESSES) {
                self.of_one.remove(&least);
            }
        }
        let debt = self.of_one.get(&from).copied();
        self.of_one.insert(from, OF_ONE.after_one_more(debt, now));
    }
}

/// What counts as one address: of IPv6 the network, in which whoever has one address has them all.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> Timestamp {
        "2026-03-02T11:00:00Z".parse().unwrap()
    }

    fn address(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[test]
    fn a_few_tries_are_free_and_then_time_has_to_go_by() {
        let (mut tries, now) = (Tries::default(), start());
        for _ in 0..10 {
            assert_eq!(tries.wait(address(1), now), None);
            tries.failed(address(1), now);
        }
        assert_eq!(tries.wait(address(1), now), Some(SignedDuration::from_secs(30)));
        assert_eq!(tries.wait(address(2), now), None);
        assert_eq!(tries.wait(address(1), now + SignedDuration::from_secs(30)), None);
        assert!(tries.wait(address(1), now - SignedDuration::from_hours(1)).unwrap() <= OF_ONE.every);
    }

    #[test]
    fn many_addresses_together_have_a_limit_and_little_memory() {
        let (mut tries, now) = (Tries::default(), start());
        for number in 0..5000_u32 {
            tries.failed(number.to_be_bytes().into(), now);
        }
        assert!(tries.of_one.len() <= ADDRESSES);
        assert_eq!(tries.wait(address(1), now), Some(OF_ALL.every));
        assert_eq!(tries.wait(address(1), now + OF_ALL.every), None);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let (mut tries, now) = (Tries::default(), start());
        for last in 0..10 {
            tries.failed(format!("2001:db8::{last}").parse().unwrap(), now);
        }
        assert!(tries.wait("2001:db8::ffff".parse().unwrap(), now).is_some());
        assert!(tries.wait("2001:db8:0:1::1".parse().unwrap(), now).is_none());
        assert_eq!(neighbourhood("::ffff:10.0.0.1".parse().unwrap()), address(1));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The model is a bucket: it holds ten tries, and gets one back each half minute.
        #[test]
        fn it_is_a_bucket(steps in prop::collection::vec((0..90_i64, any::<bool>()), 1..60)) {
            let (mut tries, mut now) = (Tries::default(), start());
            let mut seconds_left = 300_i64;
            for (seconds, tried) in steps {
                now += SignedDuration::from_secs(seconds);
                seconds_left = (seconds_left + seconds).min(300);
                let wait = tries.wait(address(1), now);
                prop_assert_eq!(wait.is_some(), seconds_left < 30);
                if let Some(wait) = wait {
                    prop_assert_eq!(wait, SignedDuration::from_secs(30 - seconds_left));
                }
                if tried && wait.is_none() {
                    tries.failed(address(1), now);
                    seconds_left -= 30;
                }
            }
        }
    }
}
