//! The answer of one schedule, kept for as long as it stays the same.
//!
//! A tick every few seconds asks for what changes a few times a day. A kept answer is good within an interval and for one
//! schedule: outside of the interval, on either side, or for another schedule it is worked out again, so that neither a
//! clock that steps back nor a changed spec can be answered wrongly.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Occurrence, Schedule, Times};
use crate::span;

/// What is known of one schedule's occurrences. Belongs into the memory of the cluster that has the schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Upcoming(Option<Known>);

/// One answer, and from when until when (not included) it is the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    times: Times,
    from: Timestamp,
    until: Timestamp,
    occurrence: Option<Occurrence>,
}

impl Upcoming {
    /// The same as [`Schedule::occurrence`], worked out only where the kept answer does not hold.
    pub fn at(&mut self, schedule: &Schedule, now: Timestamp) -> Option<Occurrence> {
        let known = match self.0 {
            Some(known) if known.times == schedule.times && (known.from..known.until).contains(&now) => known,
            Some(_) | None => Known::of(schedule, now),
        };
        self.0 = Some(known);
        known.occurrence
    }
}

impl Known {
    fn of(schedule: &Schedule, now: Timestamp) -> Self {
        let occurrence = schedule.occurrence(now);
        // The next occurrence ends later than this one, and so takes over as soon as it is prepared for.
        let takes_over = schedule
            .next(span::after(now, schedule.lead))
            .map_or(Timestamp::MAX, |start| span::before(start, schedule.lead));
        Self {
            times: schedule.times,
            from: occurrence.map_or(now, |occurrence| occurrence.prepare_from),
            until: occurrence.map_or(takes_over, |occurrence| occurrence.end.min(takes_over)),
            occurrence,
        }
    }
}
