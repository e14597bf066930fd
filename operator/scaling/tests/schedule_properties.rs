//! Schedules against a model that walks through the minutes one by one.
//!
//! The model knows no sets and no search: it looks at the wall clock at every minute of a random week, most often one in
//! which clocks are changed, and asks whether the lists that the expression was made of have that minute.

#![expect(
    clippy::unwrap_used,
    reason = "the fixtures of a test may panic like the test itself"
)]

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use pathfinder_scaling::{Occurrence, Schedule, ScheduleEffect, ScheduleInput, Upcoming};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Among them changes at midnight, of half an hour, of two hours, of a day, and offsets of quarters.
const ZONES: [&str; 12] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Gaza",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Pacific/Chatham",
    "Pacific/Apia",
];

/// One field: its text and the values that the text was made of.
#[derive(Clone, Debug)]
struct Field {
    text: String,
    values: Vec<i8>,
}

impl Field {
    fn is_free(&self) -> bool {
        self.text.starts_with('*')
    }

    fn has(&self, value: i8) -> bool {
        self.values.contains(&value)
    }
}

fn field(first: i8, last: i8, all: u32) -> impl Strategy<Value = Field> {
    let every = Just(Field {
        text: "*".to_owned(),
        values: (first..=last).collect(),
    });
    let stepped = (1..=last).prop_map(move |step| Field {
        text: format!("*/{step}"),
        values: (first..=last).step_by(step.unsigned_abs().into()).collect(),
    });
    let listed = vec(item(first, last), 1..4).prop_map(|items| Field {
        text: items.iter().map(|item| item.text.clone()).collect::<Vec<_>>().join(","),
        values: items.into_iter().flat_map(|item| item.values).collect(),
    });
    prop_oneof![all => every, 1 => stepped, 3 => listed]
}

fn item(first: i8, last: i8) -> impl Strategy<Value = Field> {
    (first..=last, first..=last, 1..=last, 0..3_u8).prop_map(|(one, other, step, kind)| {
        let (low, high) = (one.min(other), one.max(other));
        match kind {
            0 => Field {
                text: one.to_string(),
                values: vec![one],
            },
            1 => Field {
                text: format!("{low}-{high}"),
                values: (low..=high).collect(),
            },
            _ => Field {
                text: format!("{low}-{high}/{step}"),
                values: (low..=high).step_by(step.unsigned_abs().into()).collect(),
            },
        }
    })
}

/// Minute, hour, day of month, month, day of week.
#[derive(Clone, Debug)]
struct Expression([Field; 5]);

impl Expression {
    fn text(&self) -> String {
        self.0.each_ref().map(|field| field.text.as_str()).join(" ")
    }

    fn has(&self, time: DateTime) -> bool {
        let [minute, hour, day_of_month, month, day_of_week] = &self.0;
        let by_date = day_of_month.has(time.day());
        let weekday = time.weekday().to_sunday_zero_offset();
        let by_weekday = day_of_week.has(weekday) || (weekday == 0 && day_of_week.has(7));
        let day = if day_of_month.is_free() || day_of_week.is_free() {
            by_date && by_weekday
        } else {
            by_date || by_weekday
        };
        minute.has(time.minute()) && hour.has(time.hour()) && month.has(time.month()) && day
    }

    fn follows_real_time(&self) -> bool {
        self.0[0].is_free() || self.0[1].is_free()
    }
}

fn expression() -> impl Strategy<Value = Expression> {
    (
        field(0, 59, 1),
        field(0, 23, 1),
        field(1, 31, 6),
        field(1, 12, 9),
        field(0, 7, 6),
    )
        .prop_map(|(minute, hour, day_of_month, month, day_of_week)| {
            Expression([minute, hour, day_of_month, month, day_of_week])
        })
}

fn zone(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).unwrap()
}

/// The first minute of a week: most often one in which clocks are changed.
fn week() -> impl Strategy<Value = (&'static str, Timestamp)> {
    let apia = Just(("Pacific/Apia", "2011-12-30T10:00:00Z".parse().unwrap()));
    let change = (select(&ZONES[..]), 2000..2038_i16, 0..2_usize).prop_map(|(name, year, nth)| {
        let zone = zone(name);
        let new_year = jiff::civil::date(year, 1, 1)
            .to_zoned(zone.clone())
            .unwrap()
            .timestamp();
        let change = zone.following(new_year).nth(nth);
        (name, change.map_or(new_year, |change| change.timestamp()))
    });
    (prop_oneof![1 => apia, 9 => change], 0..7 * 24 * 60_i64).prop_map(|((name, change), earlier)| {
        let begin = change - SignedDuration::from_mins(earlier);
        (name, begin.round(jiff::Unit::Minute).unwrap())
    })
}

fn minutes(begin: Timestamp, end: Timestamp) -> impl Iterator<Item = Timestamp> {
    std::iter::successors(Some(begin), |time| Some(*time + SignedDuration::from_mins(1)))
        .take_while(move |time| *time <= end)
}

/// Every start from `begin` to `end`, found minute by minute.
fn starts(expression: &Expression, zone: &TimeZone, begin: Timestamp, end: Timestamp) -> Vec<Timestamp> {
    let minute = SignedDuration::from_mins(1);
    // Two days earlier, so that an hour that comes for the second time is known to have been there.
    let warm_up = begin - SignedDuration::from_hours(48);
    let mut reached = zone.to_datetime(warm_up);
    let mut starts = Vec::new();
    for now in minutes(warm_up + minute, end) {
        let wall_clock = zone.to_datetime(now);
        let starts_now = if expression.follows_real_time() {
            expression.has(wall_clock)
        } else {
            // What the wall clock shows or has jumped over, and never showed before.
            let new = std::iter::successors(Some(reached + minute), |time| Some(*time + minute));
            new.take_while(|time| *time <= wall_clock)
                .any(|time| expression.has(time))
        };
        if starts_now && now >= begin {
            starts.push(now);
        }
        reached = reached.max(wall_clock);
    }
    starts
}

fn parsed(expression: &Expression, zone: &str, duration: Duration, lead: Duration) -> Option<Schedule> {
    Schedule::parse(&ScheduleInput {
        name: "random".to_owned(),
        start: expression.text(),
        duration,
        time_zone: zone.to_owned(),
        effect: ScheduleEffect::Replicas(3),
        lead,
    })
    .ok()
}

fn signed(span: Duration) -> SignedDuration {
    SignedDuration::try_from(span).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn starts_and_occurrences_are_those_of_a_walk_through_the_minutes(
        expression in expression(),
        (zone_name, begin) in week(),
        duration in (1..2 * 24 * 3600_u64).prop_map(Duration::from_secs),
        lead in (0..24 * 3600_u64).prop_map(Duration::from_secs),
        seconds in vec(0..7 * 24 * 3600_i64, 60),
    ) {
        let Some(schedule) = parsed(&expression, zone_name, duration, lead) else {
            // A day that no month has; the model has none either, but only a whole year would show it.
            prop_assert!(!expression.0[2].is_free());
            return Ok(());
        };
        // Whole minutes: the model steps from one to the next.
        let first = begin - SignedDuration::from_mins(signed(duration).as_mins() + 1);
        let last = begin + SignedDuration::from_hours(8 * 24);
        let starts = starts(&expression, &zone(zone_name), first, last);
        for second in seconds {
            let now = begin + SignedDuration::from_secs(second);
            let occurrence = starts
                .iter()
                .map(|start| Occurrence {
                    prepare_from: *start - signed(lead),
                    start: *start,
                    end: *start + signed(duration),
                })
                .filter(|occurrence| occurrence.prepare_from <= now && now < occurrence.end)
                .max_by_key(|occurrence| occurrence.end);
            prop_assert_eq!(schedule.occurrence(now), occurrence, "{} in {} at {}", expression.text(), zone_name, now);
            let next = starts.iter().copied().find(|start| *start > now);
            prop_assert_eq!(
                schedule.next(now).filter(|start| *start <= last), next,
                "after {} in {}: {}", now, zone_name, expression.text()
            );
        }
    }

    #[test]
    fn a_kept_answer_is_the_one_that_would_be_worked_out(
        expression in expression(),
        (zone_name, begin) in week(),
        duration in (1..3 * 24 * 3600_u64).prop_map(Duration::from_secs),
        lead in (0..2 * 24 * 3600_u64).prop_map(Duration::from_secs),
        steps in vec(prop_oneof![
            8 => 1..30_i64, 4 => 60..7200_i64, 2 => 7200..200_000_i64, 1 => -600..0_i64, 1 => -200_000..0_i64
        ], 200),
    ) {
        let Some(schedule) = parsed(&expression, zone_name, duration, lead) else {
            return Ok(());
        };
        let mut upcoming = Upcoming::default();
        let mut now = begin;
        for step in steps {
            now += SignedDuration::from_secs(step);
            prop_assert_eq!(upcoming.at(&schedule, now), schedule.occurrence(now), "at {}", now);
        }
    }

    #[test]
    fn no_text_makes_it_panic(start in "[ */,0-9@A-Z?#-]{0,40}", time_zone in "[A-Za-z/_]{0,20}") {
        let input = ScheduleInput {
            name: "random".to_owned(),
            start,
            duration: Duration::from_secs(1),
            time_zone,
            effect: ScheduleEffect::Replicas(1),
            lead: Duration::ZERO,
        };
        if let Err(error) = Schedule::parse(&input) {
            prop_assert!(error.to_string().contains(": write "), "{}", error);
        }
    }

    #[test]
    fn no_moment_makes_it_panic(expression in expression(), zone_name in select(&ZONES[..]), second in any::<i64>()) {
        let now = Timestamp::from_second(second % Timestamp::MAX.as_second()).unwrap();
        if let Some(schedule) = parsed(&expression, zone_name, Duration::from_secs(60), Duration::from_secs(60)) {
            prop_assert!(schedule.next(now).is_none_or(|start| start > now));
            let occurrence = schedule.occurrence(now);
            prop_assert!(occurrence.is_none_or(|found| found.prepare_from <= now && now < found.end));
        }
    }
}
