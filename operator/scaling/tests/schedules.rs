//! When schedules are on: calendar, days on which clocks are changed, leads, overlaps, and what is refused.
//!
//! Every expected moment is worked out by hand from the calendar; the reasoning stands beside it. 1 January 2026 is a
//! Thursday, 2026 has no leap day.

#![expect(
    clippy::unwrap_used,
    reason = "the fixtures of a test may panic like the test itself"
)]

use std::time::Duration;

use jiff::Timestamp;
use pathfinder_scaling::{Occurrence, Schedule, ScheduleEffect, ScheduleInput, Upcoming};
use rstest::rstest;

fn input(start: &str, time_zone: &str) -> ScheduleInput {
    ScheduleInput {
        name: "registration".to_owned(),
        start: start.to_owned(),
        duration: Duration::from_hours(2),
        time_zone: time_zone.to_owned(),
        effect: ScheduleEffect::Multiplier(10.0),
        lead: Duration::from_mins(5),
    }
}

fn schedule(start: &str, time_zone: &str) -> Schedule {
    Schedule::parse(&input(start, time_zone)).unwrap()
}

fn lasting(start: &str, time_zone: &str, duration_minutes: u64, lead_minutes: u64) -> Schedule {
    Schedule::parse(&ScheduleInput {
        duration: Duration::from_mins(duration_minutes),
        lead: Duration::from_mins(lead_minutes),
        ..input(start, time_zone)
    })
    .unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn span(prepare_from: &str, start: &str, end: &str) -> Occurrence {
    Occurrence {
        prepare_from: at(prepare_from),
        start: at(start),
        end: at(end),
    }
}

/// The next starts after `from`, one after the other.
fn starts(schedule: &Schedule, from: &str, count: usize) -> Vec<Timestamp> {
    let next = |start: &Timestamp| schedule.next(*start);
    std::iter::successors(schedule.next(at(from)), next)
        .take(count)
        .collect()
}

#[rstest]
#[case::the_first_of_the_next_month("0 9 1 * *", "2026-03-15T12:00:00Z", "2026-04-01T09:00:00Z")]
#[case::strictly_after_now("0 9 1 * *", "2026-04-01T09:00:00Z", "2026-05-01T09:00:00Z")]
#[case::a_moment_before("0 9 1 * *", "2026-04-01T08:59:59.999999999Z", "2026-04-01T09:00:00Z")]
#[case::a_moment_after("0 9 * * *", "2026-04-01T09:00:00.000000001Z", "2026-04-02T09:00:00Z")]
#[case::a_quarter("*/15 * * * *", "2026-04-01T10:07:30Z", "2026-04-01T10:15:00Z")]
#[case::the_quarter_of_the_next_year("*/15 * * * *", "2026-12-31T23:45:00Z", "2027-01-01T00:00:00Z")]
#[case::the_last_minute_of_a_year("59 23 31 12 *", "2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z")]
#[case::april_has_no_31st("0 0 31 * *", "2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z")]
#[case::february_ends_on_the_28th("0 0 28-31 2 *", "2026-02-28T00:00:00Z", "2027-02-28T00:00:00Z")]
#[case::or_on_the_29th("0 0 28-31 2 *", "2028-02-28T00:00:00Z", "2028-02-29T00:00:00Z")]
#[case::the_next_leap_day("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z")]
#[case::the_year_2100_has_none("0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z")]
// 29 February 2028 is a Tuesday; four years with one leap day are 1461 days = 5 weekdays on: Sunday in 2032.
#[case::a_leap_day_on_a_sunday("0 0 29 2 */7", "2026-01-01T00:00:00Z", "2032-02-29T00:00:00Z")]
// Sunday again every 28 years: 2060, 2088. 2092 Friday, 2096 Wednesday, then eight years with one leap day, 2921 days = 2
// weekdays on: 2104 Friday, 2108 Wednesday, 2112 Monday, 2116 Saturday, 2120 Thursday, 2124 Tuesday, 2128 Sunday.
#[case::forty_years_later("0 0 29 2 */7", "2088-03-01T00:00:00Z", "2128-02-29T00:00:00Z")]
// 2 January 2026 is a Friday.
#[case::over_the_weekend("0 12 * * MON-FRI", "2026-01-02T12:00:00Z", "2026-01-05T12:00:00Z")]
#[case::seven_is_sunday("0 0 * * 7", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z")]
#[case::a_week_that_ends_on_sunday("0 0 * * SAT-SUN", "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z")]
// Both day fields restricted: Friday the 9th, then the 13th, a Tuesday, then Friday the 16th.
#[case::either_day_the_weekday("0 0 13 * FRI", "2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z")]
#[case::either_day_the_day_of_month("0 0 13 * FRI", "2026-01-09T00:00:00Z", "2026-01-13T00:00:00Z")]
#[case::either_day_the_weekday_again("0 0 13 * FRI", "2026-01-13T00:00:00Z", "2026-01-16T00:00:00Z")]
// A field that begins with * does not restrict, so both must fit: Mondays are the 5th, the 12th (even) and the 19th.
#[case::both_days("0 0 */2 * MON", "2026-01-05T00:00:00Z", "2026-01-19T00:00:00Z")]
#[case::either_day_also_where_the_month_is_too_short("0 0 30 2 MON", "2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z")]
#[case::lists_and_steps("15,45 8-10/2 * JUN,DEC *", "2026-01-01T00:00:00Z", "2026-06-01T08:15:00Z")]
#[case::the_hour_after_next("15,45 8-10/2 * JUN,DEC *", "2026-06-01T08:45:00Z", "2026-06-01T10:15:00Z")]
#[case::the_month_after_next("15,45 8-10/2 * JUN,DEC *", "2026-06-30T10:45:00Z", "2026-12-01T08:15:00Z")]
#[case::hourly("@hourly", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z")]
#[case::daily("@daily", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")]
#[case::weekly_is_sunday("@Weekly", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z")]
#[case::monthly("@monthly", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")]
#[case::yearly("@yearly", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")]
#[case::spaces_and_tabs("  0\t9  1 *   * ", "2026-03-15T12:00:00Z", "2026-04-01T09:00:00Z")]
#[case::before_1970("0 9 1 * *", "1969-12-31T23:59:59Z", "1970-01-01T09:00:00Z")]
fn the_next_start_is_the_one_of_the_calendar(#[case] start: &str, #[case] now: &str, #[case] next: &str) {
    assert_eq!(schedule(start, "UTC").next(at(now)), Some(at(next)));
}

#[rstest]
// Offset +5:45: 09:00 is 03:15 UTC, and 1 February begins on 31 January at 18:15 UTC.
#[case::kathmandu("0 9 * * *", "Asia/Kathmandu", "2026-01-01T03:15:00Z", &["2026-01-02T03:15:00Z"])]
#[case::kathmandu_month("0 0 1 * *", "Asia/Kathmandu", "2026-01-15T00:00:00Z", &["2026-01-31T18:15:00Z"])]
#[case::kathmandu_quarter("*/30 * * * *", "Asia/Kathmandu", "2026-01-01T00:00:00Z", &["2026-01-01T00:15:00Z"])]
// Offset +5:30: 09:00 is 03:30 UTC.
#[case::kolkata("0 9 1 * *", "Asia/Kolkata", "2026-03-15T00:00:00Z", &["2026-04-01T03:30:00Z"])]
// Berlin, 29 March 2026: at 01:00 UTC clocks go from 02:00 (+1) to 03:00 (+2).
#[case::skipped_in_berlin("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
    &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"])]
#[case::several_skipped_happen_once("0,30 2-3 29 3 *", "Europe/Berlin", "2026-03-28T12:00:00Z",
    &["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2027-03-29T00:00:00Z"])]
#[case::hours_follow_real_time_in_spring("@hourly", "Europe/Berlin", "2026-03-28T23:00:00Z",
    &["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"])]
#[case::steps_are_skipped_in_spring("*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
    &["2026-03-30T00:00:00Z", "2026-03-30T00:30:00Z"])]
// Berlin, 25 October 2026: at 01:00 UTC clocks go from 03:00 (+2) back to 02:00 (+1).
#[case::twice_in_berlin("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z",
    &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"])]
#[case::asked_within_the_second_hour("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", &["2026-10-26T01:30:00Z"])]
#[case::a_list_over_the_second_hour("15 1-3 25 10 *", "Europe/Berlin", "2026-10-24T12:00:00Z",
    &["2026-10-24T23:15:00Z", "2026-10-25T00:15:00Z", "2026-10-25T02:15:00Z"])]
#[case::hours_follow_real_time_in_autumn("@hourly", "Europe/Berlin", "2026-10-24T23:00:00Z",
    &["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"])]
#[case::steps_come_twice_in_autumn("*/30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z",
    &["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:00:00Z"])]
// New York, 8 March 2026: at 07:00 UTC from 02:00 (-5) to 03:00 (-4).
#[case::skipped_in_new_york("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z",
    &["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"])]
// New York, 1 November 2026: at 06:00 UTC from 02:00 (-4) back to 01:00 (-5).
#[case::twice_in_new_york("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z",
    &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"])]
#[case::minutes_follow_real_time_in_new_york("*/30 * * * *", "America/New_York", "2026-11-01T05:15:00Z",
    &["2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z", "2026-11-01T06:30:00Z", "2026-11-01T07:00:00Z"])]
// Lord Howe, 4 October 2026: half an hour, from 02:00 (+10:30) to 02:30 (+11) at 15:30 UTC of the day before.
#[case::half_an_hour_skipped("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z",
    &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"])]
// Apia went from 29 December 2011, 24:00 (-10), to 31 December, 00:00 (+14), at 10:00 UTC of the 30th.
#[case::a_day_that_was_skipped("0 9 * * *", "Pacific/Apia", "2011-12-29T19:00:00Z",
    &["2011-12-30T10:00:00Z", "2011-12-30T19:00:00Z", "2011-12-31T19:00:00Z"])]
#[case::only_that_day("0 9 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z",
    &["2011-12-30T10:00:00Z", "2012-12-29T19:00:00Z"])]
#[case::real_time_over_that_day("0 */6 * * *", "Pacific/Apia", "2011-12-30T00:00:00Z",
    &["2011-12-30T04:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T16:00:00Z"])]
fn starts_are_those_of_the_wall_clock(
    #[case] start: &str,
    #[case] time_zone: &str,
    #[case] now: &str,
    #[case] expected: &[&str],
) {
    let expected: Vec<Timestamp> = expected.iter().copied().map(at).collect();
    assert_eq!(starts(&schedule(start, time_zone), now, expected.len()), expected);
}

#[test]
fn what_is_always_skipped_has_no_next_start() {
    // In New York clocks go from 02:00 to 03:00 on the second Sunday of March, which is the one within 8 to 14. With a
    // minute that begins with * what is skipped does not happen.
    let never = schedule("*/10 2 8-14 3 */7", "America/New_York");
    assert_eq!(never.next(at("2026-01-01T00:00:00Z")), None);
    assert_eq!(never.occurrence(at("2026-03-08T07:00:00Z")), None);
    assert_eq!(Upcoming::default().at(&never, at("2026-03-08T07:00:00Z")), None);
}

#[rstest]
#[case::before_the_lead("2026-04-01T08:54:59.999999999Z", false)]
#[case::when_the_lead_begins("2026-04-01T08:55:00Z", true)]
#[case::within("2026-04-01T10:00:00Z", true)]
#[case::the_last_moment("2026-04-01T10:59:59.999999999Z", true)]
#[case::the_end("2026-04-01T11:00:00Z", false)]
fn an_occurrence_holds_from_its_lead_until_its_end(#[case] now: &str, #[case] on: bool) {
    let expected = span("2026-04-01T08:55:00Z", "2026-04-01T09:00:00Z", "2026-04-01T11:00:00Z");
    assert_eq!(schedule("0 9 1 * *", "UTC").occurrence(at(now)), on.then_some(expected));
}

#[test]
fn a_lead_reaches_over_midnight_into_the_last_year() {
    let expected = span("2025-12-31T23:50:00Z", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z");
    let new_year = lasting("@yearly", "UTC", 60, 10);
    assert_eq!(new_year.occurrence(at("2025-12-31T23:50:00Z")), Some(expected));
    assert_eq!(new_year.occurrence(at("2025-12-31T23:49:59Z")), None);
}

#[test]
fn lead_and_duration_are_elapsed_time_where_clocks_are_changed() {
    // 29 March: 03:15 (+2) is 01:15 UTC; 30 minutes earlier it is 00:45 UTC, 01:45 (+1) on the wall.
    assert_eq!(
        lasting("15 3 * * *", "Europe/Berlin", 60, 30).occurrence(at("2026-03-29T00:50:00Z")),
        Some(span(
            "2026-03-29T00:45:00Z",
            "2026-03-29T01:15:00Z",
            "2026-03-29T02:15:00Z"
        ))
    );
    // 25 October: 01:30 (+2) is 23:30 UTC; two hours later it is 01:30 UTC, 02:30 (+1) for the second time on the wall.
    assert_eq!(
        lasting("30 1 * * *", "Europe/Berlin", 120, 0).occurrence(at("2026-10-25T01:29:59Z")),
        Some(span(
            "2026-10-24T23:30:00Z",
            "2026-10-24T23:30:00Z",
            "2026-10-25T01:30:00Z"
        ))
    );
}

#[test]
fn of_overlapping_occurrences_the_one_that_ends_last_counts() {
    let overlapping = lasting("0 * * * *", "UTC", 150, 20);
    // At 10:30 those of 09:00 and 10:00 are on; from 10:40 on the one of 11:00 is prepared for.
    assert_eq!(
        overlapping.occurrence(at("2026-01-01T10:39:59Z")),
        Some(span(
            "2026-01-01T09:40:00Z",
            "2026-01-01T10:00:00Z",
            "2026-01-01T12:30:00Z"
        ))
    );
    assert_eq!(
        overlapping.occurrence(at("2026-01-01T10:40:00Z")),
        Some(span(
            "2026-01-01T10:40:00Z",
            "2026-01-01T11:00:00Z",
            "2026-01-01T13:30:00Z"
        ))
    );
}

#[test]
fn one_that_starts_every_minute_and_lasts_a_month_is_found_at_its_last_start() {
    let always = lasting("* * * * *", "UTC", 31 * 24 * 60, 31 * 24 * 60);
    // 31 days after 1 March 12:00 it is 1 April 12:00; 31 days later again 2 May.
    assert_eq!(
        always.occurrence(at("2026-03-01T12:00:30Z")),
        Some(span(
            "2026-03-01T12:00:00Z",
            "2026-04-01T12:00:00Z",
            "2026-05-02T12:00:00Z"
        ))
    );
}

#[test]
fn the_calendar_may_end() {
    let hourly = schedule("@hourly", "Europe/Berlin");
    for now in [Timestamp::MIN, Timestamp::MAX] {
        let mut upcoming = Upcoming::default();
        assert_eq!(upcoming.at(&hourly, now), hourly.occurrence(now));
    }
    assert_eq!(hourly.next(Timestamp::MAX), None);
}

#[test]
fn a_kept_answer_is_right_when_the_clock_steps_back() {
    let daily = schedule("0 9 * * *", "UTC");
    let mut upcoming = Upcoming::default();
    let mut on = |now| upcoming.at(&daily, at(now)).map(|occurrence| occurrence.start);
    assert_eq!(on("2026-04-01T12:00:00Z"), None);
    assert_eq!(on("2026-04-01T10:00:00Z"), Some(at("2026-04-01T09:00:00Z")));
    assert_eq!(on("2026-04-02T08:55:00Z"), Some(at("2026-04-02T09:00:00Z")));
    assert_eq!(on("2026-04-02T08:54:59Z"), None);
    assert_eq!(on("2026-03-31T10:59:59Z"), Some(at("2026-03-31T09:00:00Z")));
}

#[test]
fn an_answer_is_kept_while_it_holds() {
    let daily = schedule("0 9 * * *", "UTC");
    let mut upcoming = Upcoming::default();
    upcoming.at(&daily, at("2026-04-01T12:00:00Z"));
    let kept = upcoming;
    upcoming.at(&daily, at("2026-04-02T08:54:59Z"));
    assert_eq!(upcoming, kept, "the next one is prepared for from 08:55 on");
    upcoming.at(&daily, at("2026-04-02T08:55:00Z"));
    assert_ne!(upcoming, kept);
}

#[rstest]
#[case::another_start(input("0 10 * * *", "UTC"))]
#[case::another_zone(input("0 9 * * *", "Asia/Kolkata"))]
#[case::another_duration(ScheduleInput { duration: Duration::from_mins(30), ..input("0 9 * * *", "UTC") })]
#[case::another_lead(ScheduleInput { lead: Duration::ZERO, ..input("0 9 * * *", "UTC") })]
fn an_answer_for_a_schedule_that_was_edited_is_not_used(#[case] edited: ScheduleInput) {
    let edited = Schedule::parse(&edited).unwrap();
    let now = at("2026-04-01T09:30:00Z");
    let mut upcoming = Upcoming::default();
    upcoming.at(&schedule("0 9 * * *", "UTC"), now);
    assert_eq!(upcoming.at(&edited, now), edited.occurrence(now));
}

#[test]
fn a_kept_answer_survives_being_written_down() {
    let daily = schedule("0 9 * * *", "UTC");
    let mut upcoming = Upcoming::default();
    upcoming.at(&daily, at("2026-04-01T10:00:00Z"));
    let read: Upcoming = serde_json::from_str(&serde_json::to_string(&upcoming).unwrap()).unwrap();
    assert_eq!(read, upcoming);
}
