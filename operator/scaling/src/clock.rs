//! Two times: the wall's, for people, and a steady one, for durations.
//!
//! A wall clock jumps: by ten minutes after a boot, backwards after a bad time server. A cooldown that such a jump ends, or
//! a peak that it ages away, would lower on a lie. So every law measures by a steady time that moves on by what the wall
//! moved since the last decision, but never backwards and never by more than one sample gap; whatever took longer only
//! makes a cooldown longer. What is shown is translated back.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::span;

/// The times of one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Clock {
    /// The wall's time, as it was given.
    pub(crate) wall: Timestamp,
    /// The steady time: for durations only.
    pub(crate) now: Timestamp,
}

/// Whether time moved as it does from one tick to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tick {
    /// It did.
    Regular,
    /// The wall jumped, or nothing was decided for a while: data has a gap here.
    Jump,
}

impl Clock {
    /// The first time of all.
    pub(crate) const fn starting(wall: Timestamp) -> Self {
        Self { wall, now: wall }
    }

    /// The next one, where steps of more than `longest` are none.
    pub(crate) fn next(self, wall: Timestamp, longest: Duration) -> (Self, Tick) {
        let forward = span::elapsed(self.wall, wall);
        let back = span::elapsed(wall, self.wall);
        let tick = if forward > longest || back > longest {
            Tick::Jump
        } else {
            Tick::Regular
        };
        let now = span::after(self.now, forward.min(longest));
        // A wall that stepped back a little is waited for: otherwise the same seconds would be counted twice.
        let wall = match tick {
            Tick::Regular => wall.max(self.wall),
            Tick::Jump => wall,
        };
        (Self { wall, now }, tick)
    }

    /// A steady time as the wall shows it.
    pub(crate) fn shown(self, steady: Timestamp) -> Timestamp {
        let off = steady.duration_since(self.now);
        if off.is_negative() {
            span::before(self.wall, off.unsigned_abs())
        } else {
            span::after(self.wall, off.unsigned_abs())
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const LONGEST: Duration = Duration::from_secs(15);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[rstest]
    #[case::a_tick(1005, 1005, Tick::Regular)]
    #[case::a_slow_tick(1015, 1015, Tick::Regular)]
    #[case::a_jump_forward_counts_as_one_gap(1600, 1015, Tick::Jump)]
    #[case::a_small_step_back_stands_still(990, 1000, Tick::Regular)]
    #[case::a_jump_back_stands_still(400, 1000, Tick::Jump)]
    fn steady_time_moves_only_by_ticks(#[case] wall: i64, #[case] steady: i64, #[case] tick: Tick) {
        let (clock, seen) = Clock::starting(at(1000)).next(at(wall), LONGEST);
        assert_eq!((clock.now, seen), (at(steady), tick));
    }

    #[test]
    fn after_a_jump_a_time_is_shown_as_the_wall_will_show_it() {
        let (clock, _) = Clock::starting(at(1000)).next(at(5000), LONGEST);
        // 20 s after the steady 1015 is 20 s after the wall's 5000; 15 s before it is 15 s before.
        assert_eq!(clock.shown(at(1035)), at(5020));
        assert_eq!(clock.shown(at(1000)), at(4985));
    }

    #[test]
    fn a_clock_that_wavers_counts_no_second_twice() {
        let (clock, _) = Clock::starting(at(1000)).next(at(990), LONGEST);
        let (clock, _) = clock.next(at(1000), LONGEST);
        let (clock, _) = clock.next(at(1005), LONGEST);
        assert_eq!(clock.now, at(1005));
    }
}
