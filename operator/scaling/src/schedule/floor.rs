//! What the schedules that are on ask for together: the largest, never a sum or a product.
//!
//! The load of a schedule is a forecast by a person of the whole load, so two that overlap are two opinions of it, not two
//! loads. Knows neither when a schedule is on nor the bounds; how a load becomes replicas is handed in.

use jiff::Timestamp;

use super::{Effect, Occurrence, Schedule};
use crate::units::{Replicas, RequestsPerSecond};

/// What one schedule asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ask {
    /// The number that the user wrote.
    Number {
        /// That number.
        replicas: Replicas,
    },
    /// Enough for a multiple of the usual load.
    Multiple {
        /// The usual load, in requests per second.
        usual: RequestsPerSecond,
        /// The load to be ready for: the usual load times the multiplier.
        load: RequestsPerSecond,
        /// What serves that load.
        replicas: Replicas,
    },
    /// Nothing: the usual load is not known, and so no multiple of it.
    UsualLoadUnknown,
}

impl Ask {
    /// The replicas asked for, if any.
    pub const fn replicas(self) -> Option<Replicas> {
        match self {
            Self::Number { replicas } | Self::Multiple { replicas, .. } => Some(replicas),
            Self::UsualLoadUnknown => None,
        }
    }
}

/// One schedule that is on, and what it asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScheduleAsk<'a> {
    /// The schedule.
    pub schedule: &'a Schedule,
    /// The time that it is on; it asks until its `end`.
    pub occurrence: Occurrence,
    /// What it asks for.
    pub ask: Ask,
}

/// What all schedules ask for at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ScheduleFloor<'a> {
    /// The largest ask. Among equal ones the one that ends last, then the first of the spec.
    pub largest: Option<ScheduleAsk<'a>>,
    /// The first schedule that is on, but asks for nothing because the usual load is not known.
    pub unknown: Option<ScheduleAsk<'a>>,
}

impl ScheduleFloor<'_> {
    /// The replicas asked for and until when; `None` where nothing is.
    pub fn replicas(&self) -> Option<(Replicas, Timestamp)> {
        let largest = self.largest?;
        Some((largest.ask.replicas()?, largest.occurrence.end))
    }
}

impl Schedule {
    /// What this schedule asks for while it is on, given the usual load and what one replica serves (both in requests per
    /// second) and how a load and a capacity become replicas.
    pub fn ask(
        &self,
        usual: Option<RequestsPerSecond>,
        per_replica: RequestsPerSecond,
        replicas: impl Fn(RequestsPerSecond, RequestsPerSecond) -> Replicas,
    ) -> Ask {
        match (self.effect, usual) {
            (Effect::Replicas(count), _) => Ask::Number {
                replicas: Replicas::new(count),
            },
            (Effect::Multiplier(_), None) => Ask::UsualLoadUnknown,
            (Effect::Multiplier(multiplier), Some(usual)) => {
                // Too much to write down is as much as there is; a rate below zero or NaN cannot come of two that are not.
                let load = RequestsPerSecond::new((usual.get() * multiplier).min(f64::MAX)).unwrap_or(usual);
                Ask::Multiple {
                    usual,
                    load,
                    replicas: replicas(load, per_replica),
                }
            }
        }
    }
}

/// What the schedules that are on ask for together. `on` gives each with its occurrence, in the order of the spec; the rest
/// is as for [`Schedule::ask`].
pub fn schedule_floor<'a>(
    on: impl IntoIterator<Item = (&'a Schedule, Occurrence)>,
    usual: Option<RequestsPerSecond>,
    per_replica: RequestsPerSecond,
    replicas: impl Fn(RequestsPerSecond, RequestsPerSecond) -> Replicas,
) -> ScheduleFloor<'a> {
    let mut floor = ScheduleFloor::default();
    for (schedule, occurrence) in on {
        let asked = ScheduleAsk {
            schedule,
            occurrence,
            ask: schedule.ask(usual, per_replica, &replicas),
        };
        match asked.ask {
            Ask::UsualLoadUnknown => floor.unknown = floor.unknown.or(Some(asked)),
            Ask::Number { .. } | Ask::Multiple { .. } => {
                floor.largest = Some(floor.largest.map_or(asked, |largest| larger(largest, asked)));
            }
        }
    }
    floor
}

/// The one that asks for more, else the one that ends later, else the first.
fn larger<'a>(first: ScheduleAsk<'a>, second: ScheduleAsk<'a>) -> ScheduleAsk<'a> {
    let rank = |asked: &ScheduleAsk<'_>| (asked.ask.replicas(), asked.occurrence.end);
    if rank(&second) > rank(&first) { second } else { first }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::demand;
    use crate::schedule::ScheduleInput;

    fn rate(raw: f64) -> RequestsPerSecond {
        RequestsPerSecond::new(raw).unwrap()
    }

    fn schedule(name: &str, effect: Effect) -> Schedule {
        Schedule::parse(&ScheduleInput {
            name: name.to_owned(),
            start: "0 9 * * *".to_owned(),
            duration: Duration::from_hours(2),
            time_zone: "UTC".to_owned(),
            effect,
            lead: Duration::ZERO,
        })
        .unwrap()
    }

    fn ending(second: i64) -> Occurrence {
        Occurrence {
            prepare_from: Timestamp::UNIX_EPOCH,
            start: Timestamp::UNIX_EPOCH,
            end: Timestamp::from_second(second).unwrap(),
        }
    }

    fn floor<'a>(on: &[(&'a Schedule, i64)], usual: Option<f64>) -> ScheduleFloor<'a> {
        let on = on.iter().map(|(schedule, end)| (*schedule, ending(*end)));
        schedule_floor(on, usual.map(rate), rate(100.0), demand::replicas)
    }

    /// The name of the schedule that asked, how many it asked for, and until when.
    fn asks<'a>(floor: &ScheduleFloor<'a>) -> Option<(&'a str, u32, i64)> {
        let (replicas, until) = floor.replicas()?;
        Some((floor.largest?.schedule.name(), replicas.get(), until.as_second()))
    }

    #[test]
    fn nothing_is_asked_while_no_schedule_is_on() {
        assert_eq!(floor(&[], Some(100.0)), ScheduleFloor::default());
    }

    #[test]
    fn a_multiplier_asks_for_what_serves_that_many_times_the_usual_load() {
        let registration = schedule("registration", Effect::Multiplier(10.0));
        // 10 x 120 requests/s = 1200 requests/s; 1200 / 100 = 12.
        let floor = floor(&[(&registration, 50)], Some(120.0));
        assert_eq!(asks(&floor), Some(("registration", 12, 50)));
        assert_eq!(
            floor.largest.unwrap().ask,
            Ask::Multiple {
                usual: rate(120.0),
                load: rate(1200.0),
                replicas: Replicas::new(12)
            }
        );
    }

    #[test]
    fn the_largest_wins_and_multipliers_do_not_multiply_each_other() {
        let (twice, thrice) = (
            schedule("twice", Effect::Multiplier(2.0)),
            schedule("thrice", Effect::Multiplier(3.0)),
        );
        let nine = schedule("nine", Effect::Replicas(9));
        // 3 x 250 / 100 = 7.5, so 8; 2 x 3 x 250 / 100 would be 15.
        assert_eq!(
            asks(&floor(&[(&twice, 90), (&thrice, 60)], Some(250.0))),
            Some(("thrice", 8, 60))
        );
        assert_eq!(
            asks(&floor(&[(&twice, 90), (&nine, 70), (&thrice, 60)], Some(250.0))),
            Some(("nine", 9, 70))
        );
    }

    #[rstest]
    #[case::the_later_end(60, 90, "second", 90)]
    #[case::else_the_first(60, 60, "first", 60)]
    fn of_equal_ones_the_one_that_ends_last_is_named(
        #[case] first_end: i64,
        #[case] second_end: i64,
        #[case] named: &str,
        #[case] until: i64,
    ) {
        let (first, second) = (
            schedule("first", Effect::Replicas(5)),
            schedule("second", Effect::Replicas(5)),
        );
        assert_eq!(
            asks(&floor(&[(&first, first_end), (&second, second_end)], None)),
            Some((named, 5, until))
        );
    }

    #[test]
    fn without_a_usual_load_a_multiplier_asks_for_nothing_and_is_named() {
        let (ten, five) = (
            schedule("ten", Effect::Multiplier(10.0)),
            schedule("five", Effect::Replicas(5)),
        );
        let alone = floor(&[(&ten, 60)], None);
        assert_eq!(asks(&alone), None);
        assert_eq!(alone.unknown.unwrap().schedule.name(), "ten");
        assert_eq!(alone.unknown.unwrap().ask, Ask::UsualLoadUnknown);
        let both = floor(&[(&ten, 60), (&five, 60)], None);
        assert_eq!(asks(&both), Some(("five", 5, 60)), "a number needs no usual load");
        assert_eq!(both.unknown.unwrap().schedule.name(), "ten");
    }

    #[test]
    fn a_usual_load_of_zero_is_known_and_asks_for_no_replica() {
        let ten = schedule("ten", Effect::Multiplier(10.0));
        assert_eq!(asks(&floor(&[(&ten, 60)], Some(0.0))), Some(("ten", 0, 60)));
    }

    #[test]
    fn a_load_that_is_too_large_to_write_down_asks_for_all_there_are() {
        let thousand = schedule("thousand", Effect::Multiplier(1000.0));
        assert_eq!(
            asks(&floor(&[(&thousand, 60)], Some(f64::MAX))),
            Some(("thousand", u32::MAX, 60))
        );
    }
}
