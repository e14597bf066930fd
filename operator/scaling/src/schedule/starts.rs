//! The starts of an expression on the time line of a zone: where wall-clock minutes become moments.
//!
//! The rule for days on which clocks are changed stands at the head of the module and is carried out here alone. Knows
//! neither durations nor what a start is for.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::cron::{Cron, Pace};

/// How far ahead a start is looked for. 29 February on a given weekday comes every 28 years, but after 40 where a century
/// year without a leap day lies between.
const HORIZON_YEARS: i16 = 41;

/// The first start after `now`; `None` where there is none within the horizon or the calendar.
pub(super) fn next(cron: &Cron, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let civil = zone.to_datetime(now);
    let last_year = civil.year().saturating_add(HORIZON_YEARS);
    match cron.pace() {
        Pace::WallClock => next_by_wall_clock(cron, zone, now, last_year),
        Pace::RealTime => next_in_real_time(cron, zone, now, last_year),
    }
}

/// The moments of wall-clock minutes never go backwards, so the first one after `now` is the next start. Minutes that lie
/// at or before it are passed over: those of an hour that is there for the second time, and those of a gap just passed.
fn next_by_wall_clock(cron: &Cron, zone: &TimeZone, now: Timestamp, last_year: i16) -> Option<Timestamp> {
    let mut from = zone.to_datetime(now);
    loop {
        let minute = cron.at_or_after(from, last_year)?;
        let start = moment(zone, minute)?;
        if start > now {
            return Some(start);
        }
        from = minute.checked_add(SignedDuration::from_mins(1)).ok()?;
    }
}

/// The one moment of a wall-clock minute: the first of two, or the end of the gap that swallowed it.
fn moment(zone: &TimeZone, minute: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(minute).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            offset.to_timestamp(minute).ok()
        }
        AmbiguousOffset::Gap { after, .. } => {
            // Read with the later offset, a minute of the gap lies before the change of clocks.
            let before_the_gap = after.to_timestamp(minute).ok()?;
            zone.following(before_the_gap)
                .map(|change| change.timestamp())
                .find(|change| zone.to_datetime(*change) > minute)
        }
    }
}

/// Within a stretch of one offset wall-clock minutes are moments; a start past the stretch is looked for again from the
/// next stretch's first moment on. Minutes of a gap are then in no stretch, repeated ones in two.
fn next_in_real_time(cron: &Cron, zone: &TimeZone, now: Timestamp, last_year: i16) -> Option<Timestamp> {
    let mut from = now.checked_add(SignedDuration::from_nanos(1)).ok()?;
    loop {
        let offset = zone.to_offset(from);
        let start = offset
            .to_timestamp(cron.at_or_after(offset.to_datetime(from), last_year)?)
            .ok()?;
        match zone.following(from).next().map(|change| change.timestamp()) {
            Some(change) if change <= start => from = change,
            Some(_) | None => return Some(start),
        }
    }
}
