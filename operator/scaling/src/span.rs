//! Arithmetic on times that cannot fail: it stops at the ends of the calendar and never goes below zero.
//!
//! Everything below the IO shell is total, also for a clock that jumped or a cooldown of a thousand years.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The time from one moment to a later one; zero where it is not later.
pub(crate) fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    let span = to.duration_since(from);
    // Not by a fallible conversion: an error of jiff is allocated, and this is asked at every tick.
    if span.is_positive() {
        span.unsigned_abs()
    } else {
        Duration::ZERO
    }
}

/// The moment that far on, or the last one of the calendar.
pub(crate) fn after(start: Timestamp, span: Duration) -> Timestamp {
    signed(span)
        .and_then(|span| start.checked_add(span).ok())
        .unwrap_or(Timestamp::MAX)
}

/// The moment that far back, or the first one of the calendar.
pub(crate) fn before(end: Timestamp, span: Duration) -> Timestamp {
    signed(span)
        .and_then(|span| end.checked_sub(span).ok())
        .unwrap_or(Timestamp::MIN)
}

fn signed(span: Duration) -> Option<SignedDuration> {
    SignedDuration::try_from(span).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_runs_backwards_is_no_time() {
        let later = Timestamp::from_second(100).unwrap();
        assert_eq!(elapsed(later, Timestamp::UNIX_EPOCH), Duration::ZERO);
        assert_eq!(elapsed(Timestamp::UNIX_EPOCH, later), Duration::from_secs(100));
    }

    #[test]
    fn the_ends_of_the_calendar_are_not_passed() {
        assert_eq!(after(Timestamp::MAX, Duration::from_secs(1)), Timestamp::MAX);
        assert_eq!(after(Timestamp::UNIX_EPOCH, Duration::MAX), Timestamp::MAX);
        assert_eq!(before(Timestamp::MIN, Duration::from_secs(1)), Timestamp::MIN);
        assert_eq!(before(Timestamp::UNIX_EPOCH, Duration::MAX), Timestamp::MIN);
    }
}
