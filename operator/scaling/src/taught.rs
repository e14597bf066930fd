//! What the past of a workload teaches before its present does: the margin, the hold, the time of day and of the week.
//!
//! A memory that was lost (a restart, another leader) has lost what it learned; the loads of the past teach it again. Only
//! learning is taken from there: nothing that was decided, held or waited for then is true now.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::learning::Learning;
use crate::memory::Memory;
use crate::observation::Observation;
use crate::policy::Policy;
use crate::situation::Situation;
use crate::span;
use crate::units::RequestsPerSecond;

/// Loads between two known ones are taken this far apart.
const STEP: Duration = Duration::from_secs(15);

/// Known ones that are further apart have a gap between them, and nothing is known of it.
const LONGEST_GAP: Duration = Duration::from_mins(5);

/// What loads of the past teach; hand it to [`Memory::taught`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lesson(Learning);

impl Lesson {
    /// Learns from `loads`, oldest first, requests per second of the whole API. Between two of them the load is taken to
    /// change evenly. Schedules are not known here, so their times are taken for ordinary ones.
    pub fn of(policy: &Policy, loads: impl IntoIterator<Item = (Timestamp, RequestsPerSecond)>) -> Self {
        let mut lesson = Self::default();
        let mut last: Option<(Timestamp, RequestsPerSecond)> = None;
        for (at, load) in loads {
            match last {
                Some((before, from)) if before < at && span::elapsed(before, at) <= LONGEST_GAP => {
                    lesson.between(policy, (before, from), (at, load));
                }
                // Out of order: as if it was never said.
                Some((before, _)) if before >= at => continue,
                Some(_) | None => lesson.take(policy, at, load),
            }
            last = Some((at, load));
        }
        lesson
    }

    // All after `from`, up to and with `to`.
    fn between(
        &mut self,
        policy: &Policy,
        (before, from): (Timestamp, RequestsPerSecond),
        (at, to): (Timestamp, RequestsPerSecond),
    ) {
        let length = span::elapsed(before, at);
        let mut passed = STEP.min(length);
        loop {
            let share = passed.as_secs_f64() / length.as_secs_f64();
            let load = from.get() + (to.get() - from.get()) * share;
            self.take(policy, span::after(before, passed), RequestsPerSecond::saturating(load));
            if passed >= length {
                return;
            }
            passed = passed.saturating_add(STEP).min(length);
        }
    }

    fn take(&mut self, policy: &Policy, at: Timestamp, load: RequestsPerSecond) {
        let observation = Observation::default();
        let situation = Situation {
            policy,
            observation: &observation,
            clock: Clock::starting(at),
            from: policy.min_replicas(),
            capacity: policy.per_replica(),
        };
        self.0.take(policy, &situation.sample(load));
        self.0.take_usual(load, at);
    }
}

impl Memory {
    /// The same memory with what the past teaches, in place of what it has learned by itself so far.
    #[must_use]
    pub fn taught(mut self, lesson: Lesson) -> Self {
        self.learning = lesson.0;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::decide;
    use crate::policy::PolicyInput;
    use crate::record::Reason;
    use crate::signal::Signal;
    use crate::units::Replicas;

    const DAY: i64 = 86_400;

    fn policy() -> Policy {
        Policy::parse(PolicyInput {
            latency_target: Some(Duration::from_millis(500)),
            max_replicas: 40,
            ..PolicyInput::default()
        })
        .unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn load(rate: f64) -> RequestsPerSecond {
        RequestsPerSecond::new(rate).unwrap()
    }

    // Every fifth minute the load triples for a minute.
    fn spiky(days: i64) -> impl Iterator<Item = (Timestamp, RequestsPerSecond)> {
        (0..days * DAY / 60).map(|minute| (at(minute * 60), load(if minute % 5 == 0 { 900.0 } else { 300.0 })))
    }

    fn asked(memory: Memory, now: Timestamp) -> Replicas {
        let signal = Signal::Fresh {
            value: load(300.0),
            age: Duration::ZERO,
        };
        let observation = Observation {
            floor: Some(Replicas::new(3)),
            replicas_ordered: Some(Replicas::new(3)),
            ..Observation::of(signal)
        };
        decide(&policy(), memory, &observation, now).0.floor
    }

    #[test]
    fn a_memory_that_was_taught_prepares_for_what_the_past_was_like() {
        let lesson = Lesson::of(&policy(), spiky(3));
        let now = at(3 * DAY + 30);
        let taught = asked(Memory::default().taught(lesson), now);
        assert!(taught > asked(Memory::default(), now), "{taught}");
        assert!(
            taught >= Replicas::new(9),
            "900 requests/s come every five minutes: {taught}"
        );
    }

    #[test]
    fn a_lesson_lowers_nothing_and_moves_no_floor_by_itself() {
        let lesson = Lesson::of(&policy(), (0..DAY / 60).map(|minute| (at(minute * 60), load(0.0))));
        let observation = Observation {
            floor: Some(Replicas::new(8)),
            replicas_ordered: Some(Replicas::new(8)),
            ..Observation::of(Signal::Fresh {
                value: load(0.0),
                age: Duration::ZERO,
            })
        };
        let (decision, _) = decide(&policy(), Memory::default().taught(lesson), &observation, at(DAY + 30));
        assert_eq!(decision.floor, Replicas::new(8));
        assert!(
            matches!(decision.record.reason, Reason::Held(_)),
            "{:?}",
            decision.record
        );
    }

    #[test]
    fn a_gap_is_not_filled_and_what_is_out_of_order_is_not_heard() {
        let whole: Vec<_> = spiky(1).collect();
        let lesson = |loads: &[(Timestamp, RequestsPerSecond)]| Lesson::of(&policy(), loads.iter().copied());
        let mut disordered = whole.clone();
        disordered.insert(100, (at(7), load(1e9)));
        assert_eq!(lesson(&disordered), lesson(&whole));
        // One sample six minutes on: taken as it is, with nothing between.
        let apart = [(at(0), load(0.0)), (at(360), load(600.0))];
        let mut by_hand = Lesson::default();
        by_hand.take(&policy(), apart[0].0, apart[0].1);
        by_hand.take(&policy(), apart[1].0, apart[1].1);
        assert_eq!(lesson(&apart), by_hand);
    }
}
