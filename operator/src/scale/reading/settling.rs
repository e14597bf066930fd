//! A load while pods come and go: a rate needs two samples, so a new pod's share is missing from the sum for a while.
//!
//! Pure. While a pod that is ready is not heard, and for three scrapes after the pods that are heard have changed, the sum is a
//! part of the load and no fall of it is believed: the largest sum since before the change stands. A rise is. Or a scale-up
//! would look like a load that falls and comes back, and its way back like a trend. What changes for longer than a minute without a
//! pause (a pod that is ready and is not, again and again) is believed as it is, or it would hold the load up for ever.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use pathfinder_scaling::{RequestsPerSecond, Signal};

/// For so many scrapes after a change a sum is taken for a part.
const SCRAPES: u32 = 3;

const LONGEST: Duration = Duration::from_secs(60);

/// The pods whose rates are in a sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summed {
    /// Their names.
    pub pods: BTreeSet<String>,
    /// Whether a pod that traffic is sent to is missing: it was scraped once at most.
    pub is_part: bool,
}

/// What was heard of one cluster, from look to look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settling {
    pods: BTreeSet<String>,
    since: Option<(Timestamp, Timestamp)>,
    stands: Option<RequestsPerSecond>,
}

impl Settling {
    /// The load, given the sum over these pods now.
    pub fn load(&mut self, sum: Signal, summed: Summed, (scrape_interval, now): (Duration, Timestamp)) -> Signal {
        let Signal::Fresh { value, age } = sum else {
            return sum;
        };
        if summed.is_part || summed.pods != self.pods {
            let first = std::mem::replace(&mut self.pods, summed.pods).is_empty();
            // Nothing was heard before: there is nothing that could have fallen.
            if !first {
                let began = self.since.map_or(now, |(began, _)| began);
                self.since = Some((began, now));
            }
        }
        let settles = |(began, changed): &(Timestamp, Timestamp)| {
            elapsed(*changed, now) < scrape_interval * SCRAPES && elapsed(*began, now) < LONGEST
        };
        self.since = self
            .since
            .filter(|since| elapsed(since.1, now) < scrape_interval * SCRAPES);
        let before = self.stands.filter(|_| self.since.as_ref().is_some_and(settles));
        let stands = before.filter(|stands| *stands > value).unwrap_or(value);
        self.stands = Some(stands);
        Signal::Fresh { value: stands, age }
    }
}

fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SCRAPE: Duration = Duration::from_secs(5);

    // Looks five seconds apart: the pods that are heard, by letter, and their sum. A `?` is a pod that is ready and not heard.
    fn course(looks: &[(&str, f64)]) -> Vec<f64> {
        let mut settling = Settling::default();
        let mut at = Timestamp::UNIX_EPOCH;
        let mut loads = Vec::new();
        for (pods, sum) in looks {
            let signal = Signal::classify(*sum, Duration::ZERO, SCRAPE);
            let summed = Summed {
                pods: pods
                    .chars()
                    .filter(char::is_ascii_alphabetic)
                    .map(String::from)
                    .collect(),
                is_part: pods.contains('?'),
            };
            let load = settling
                .load(signal, summed, (SCRAPE, at))
                .fresh()
                .map(RequestsPerSecond::get);
            loads.push(load.unwrap());
            at += jiff::SignedDuration::from_secs(5);
        }
        loads
    }

    #[rstest]
    #[case::new_pods_take_a_share_that_is_not_heard_yet(
        &[("ab", 600.0), ("abc", 400.0), ("abcd", 300.0), ("abcd", 590.0), ("abcd", 600.0), ("abcd", 610.0)],
        &[600.0, 600.0, 600.0, 600.0, 600.0, 610.0]
    )]
    #[case::new_pods_take_a_share_before_anything_of_them_is_heard(
        &[("ab", 600.0), ("ab??", 300.0), ("ab??", 300.0), ("abcd", 590.0), ("abcd", 600.0), ("abcd", 600.0), ("abcd", 500.0)],
        &[600.0, 600.0, 600.0, 600.0, 600.0, 600.0, 500.0]
    )]
    #[case::a_pod_leaves_and_the_others_take_over_with_the_next_scrape(
        &[("abc", 90.0), ("ab", 60.0), ("ab", 90.0), ("ab", 90.0), ("ab", 80.0)],
        &[90.0, 90.0, 90.0, 90.0, 80.0]
    )]
    #[case::a_rise_is_believed_at_once(&[("ab", 60.0), ("abc", 200.0)], &[60.0, 200.0])]
    #[case::a_fall_without_a_change_of_pods_is_believed(&[("ab", 60.0), ("ab", 10.0)], &[60.0, 10.0])]
    #[case::the_first_word_is_taken_as_it_is(&[("ab", 60.0), ("ab", 0.0)], &[60.0, 0.0])]
    fn a_part_of_the_load_is_not_taken_for_a_fall(#[case] looks: &[(&str, f64)], #[case] loads: &[f64]) {
        assert_eq!(course(looks), loads);
    }

    #[test]
    fn pods_that_come_and_go_without_end_do_not_hold_the_load_up_for_ever() {
        let flapping = |look: usize| {
            if look.is_multiple_of(2) {
                ("ab", 10.0)
            } else {
                ("a", 5.0)
            }
        };
        let mut looks = vec![("ab", 100.0)];
        looks.extend((1..16).map(flapping));
        let loads = course(&looks);
        // Looks 1 to 12 lie within a minute of the first change.
        assert!(loads[1..12].iter().all(|load| *load >= 100.0), "{loads:?}");
        assert!(loads[14..].iter().all(|load| *load <= 10.0), "{loads:?}");
    }

    #[test]
    fn a_ready_pod_that_nobody_ever_hears_does_not_hold_the_load_up_for_ever() {
        let mut looks = vec![("ab", 100.0)];
        looks.resize(16, ("ab?", 60.0));
        let loads = course(&looks);
        assert!(loads[1..12].iter().all(|load| *load >= 100.0), "{loads:?}");
        assert!(loads[14..].iter().all(|load| *load <= 60.0), "{loads:?}");
    }

    #[test]
    fn no_data_stays_no_data() {
        let missing = Signal::Missing {
            reason: pathfinder_scaling::MissingReason::TargetDown,
        };
        let mut settling = Settling::default();
        assert_eq!(
            settling.load(missing, Summed::default(), (SCRAPE, Timestamp::UNIX_EPOCH)),
            missing
        );
    }
}
