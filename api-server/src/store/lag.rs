//! How far a replica is behind, measured without any server's clock: the primary's position in its log is noted with the
//! time of this process, and a replica that has replayed up to a noted position is as old as that note. So a replica that
//! lost its primary is told from one that is merely quiet. Pure: times and positions are parameters.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Notes that are kept; one is made at every look at the database.
const NOTES: usize = 64;

/// Positions of the primary, oldest first.
#[derive(Debug, Default)]
pub struct Lag {
    notes: VecDeque<Note>,
}

#[derive(Debug, Clone, Copy)]
struct Note {
    /// When the primary was last known to be at this position.
    until: Instant,
    position: u64,
}

impl Lag {
    /// The primary is at this position now.
    pub fn note(&mut self, position: u64, now: Instant) {
        match self.notes.back_mut() {
            // After a failover positions may start lower: what was noted before means nothing.
            Some(last) if position < last.position => self.notes.clear(),
            Some(last) if position == last.position => {
                last.until = now;
                return;
            }
            Some(_) | None => {}
        }
        if self.notes.len() == NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(Note { until: now, position });
    }

    /// How old at most is what a replica shows that has replayed up to this position. While the primary is away nothing
    /// new is noted, and a replica that has everything counts as up to date.
    pub fn of(&self, replayed: u64, now: Instant) -> Duration {
        let Some(last) = self.notes.back() else {
            return Duration::ZERO;
        };
        if replayed >= last.position {
            return Duration::ZERO;
        }
        let reached = self.notes.iter().rev().find(|note| note.position <= replayed);
        let since = reached.or(self.notes.front()).map_or(now, |note| note.until);
        now.saturating_duration_since(since)
    }
}

/// A position as the database writes it: two hexadecimal halves.
pub fn position(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let high = u32::from_str_radix(high, 16).ok()?;
    let low = u32::from_str_radix(low, 16).ok()?;
    Some((u64::from(high) << 32) | u64::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_replica_is_as_old_as_the_newest_note_that_it_has_reached() {
        let (mut lag, start) = (Lag::default(), Instant::now());
        for second in 0..10_u32 {
            lag.note(u64::from(second) * 100, start + SECOND * second);
        }
        let now = start + SECOND * 9;
        assert_eq!(lag.of(900, now), Duration::ZERO);
        assert_eq!(lag.of(450, now), SECOND * 5);
    }

    #[test]
    fn a_quiet_primary_makes_no_lag() {
        let (mut lag, start) = (Lag::default(), Instant::now());
        lag.note(100, start);
        lag.note(100, start + SECOND * 60);
        lag.note(200, start + SECOND * 61);
        assert_eq!(lag.of(100, start + SECOND * 62), SECOND * 2);
    }

    #[test]
    fn without_a_primary_a_replica_that_has_everything_is_up_to_date() {
        let (mut lag, start) = (Lag::default(), Instant::now());
        lag.note(100, start);
        assert_eq!(lag.of(100, start + SECOND * 600), Duration::ZERO);
    }

    #[test]
    fn after_a_failover_that_lost_the_end_of_the_log_the_old_notes_do_not_count() {
        let (mut lag, start) = (Lag::default(), Instant::now());
        lag.note(1000, start);
        lag.note(900, start + SECOND);
        assert_eq!(lag.of(900, start + SECOND * 9), Duration::ZERO);
    }

    #[test]
    fn a_replica_behind_all_notes_is_at_least_as_old_as_the_first() {
        let (mut lag, start) = (Lag::default(), Instant::now());
        for second in 0..200_u32 {
            lag.note(u64::from(second) + 1000, start + SECOND * second);
        }
        assert!(lag.of(1, start + SECOND * 199) >= SECOND * 63);
    }

    #[test]
    fn positions_are_read_as_the_database_writes_them() {
        assert_eq!(position("1/A"), Some(0x1_0000_000A));
        assert_eq!(position("16/B374D848"), Some(0x16_B374_D848));
        assert_eq!(position("0"), None);
        assert_eq!(position("1/x"), None);
    }
}
