//! A five-field cron expression as sets of values, and the search for its next wall-clock minute.
//!
//! Knows the civil calendar alone: time zones, gaps and repeated hours are the business of `starts`. The search steps by
//! month, then takes day, hour and minute each from the lowest bit of a set, so its cost does not depend on how far away
//! the next minute is within a month.

use jiff::civil::{Date, DateTime, Time};

use super::error::CronError;
use super::field::CronField;

/// The longest month lengths, January first.
const LONGEST_MONTHS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Every seventh day from the first of the month on; a set of weekdays times this is a set of days.
const EVERY_SEVENTH: u64 = 1 | 1 << 7 | 1 << 14 | 1 << 21 | 1 << 28;

/// A checked expression. Bit n of a set stands for the value n.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cron {
    minutes: u64,
    hours: u64,
    days_of_month: u64,
    months: u64,
    days_of_week: u64,
    days: Days,
    pace: Pace,
}

/// How the two day fields work together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Days {
    /// At least one begins with `*`: a day must fit both.
    Both,
    /// Both are restricted: a day that fits either will do.
    Either,
}

/// What a day does to an expression on which clocks are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pace {
    /// Minute and hour are both fixed: every wall-clock time happens once.
    WallClock,
    /// Minute or hour begins with `*`: starts keep the pace of real time.
    RealTime,
}

impl Cron {
    /// Reads five fields, or one of the words such as `@daily`.
    pub(super) fn parse(text: &str) -> Result<Self, CronError> {
        let fields: Vec<&str> = expand(text.trim())?.split_ascii_whitespace().collect();
        let [minute, hour, day_of_month, month, day_of_week] = fields[..] else {
            return Err(CronError::FieldCount { found: fields.len() });
        };
        let cron = Self {
            minutes: CronField::Minute.set(minute)?,
            hours: CronField::Hour.set(hour)?,
            days_of_month: CronField::DayOfMonth.set(day_of_month)?,
            months: CronField::Month.set(month)?,
            days_of_week: CronField::DayOfWeek.set(day_of_week)?,
            days: if is_free(day_of_month) || is_free(day_of_week) {
                Days::Both
            } else {
                Days::Either
            },
            pace: if is_free(minute) || is_free(hour) {
                Pace::RealTime
            } else {
                Pace::WallClock
            },
        };
        if cron.has_a_day() {
            Ok(cron)
        } else {
            Err(CronError::Never {
                day_of_month: day_of_month.to_owned(),
                month: month.to_owned(),
            })
        }
    }

    /// What happens to the expression where clocks are changed.
    pub(super) const fn pace(&self) -> Pace {
        self.pace
    }

    /// Whether the calendar has a day for it. Within 400 years every date, also 29 February, falls on every weekday, so
    /// that only the lengths of the months can leave it without one.
    fn has_a_day(&self) -> bool {
        self.days == Days::Either
            || (1..).zip(LONGEST_MONTHS).any(|(month, length)| {
                at_or_above(self.months, month) & 1 << month != 0 && self.days_of_month & up_to(length) != 0
            })
    }

    /// The first whole minute of the expression that is not before `from`; `None` where there is none up to the end of
    /// the year `last_year`.
    pub(super) fn at_or_after(&self, from: DateTime, last_year: i16) -> Option<DateTime> {
        let from = whole_minute(from)?;
        if self.days_in_month(from.date()) & day_bit(from.date()) != 0
            && let Some(time) = self.time_at_or_after(from.time())
        {
            return Some(from.date().to_datetime(time));
        }
        let date = self.day_at_or_after(from.date().tomorrow().ok()?, last_year)?;
        Some(date.to_datetime(self.time_at_or_after(Time::midnight())?))
    }

    fn time_at_or_after(&self, from: Time) -> Option<Time> {
        let (hour, minute) = (u32::from(from.hour().unsigned_abs()), from.minute().unsigned_abs());
        let this_hour = lowest(self.hours & 1 << hour).zip(lowest(at_or_above(self.minutes, u32::from(minute))));
        let (hour, minute) = match this_hour {
            Some(time) => time,
            None => (lowest(at_or_above(self.hours, hour + 1))?, lowest(self.minutes)?),
        };
        Time::new(hour, minute, 0, 0).ok()
    }

    fn day_at_or_after(&self, from: Date, last_year: i16) -> Option<Date> {
        let mut from = from;
        while from.year() <= last_year {
            let days = at_or_above(self.days_in_month(from), u32::from(from.day().unsigned_abs()));
            if let Some(day) = lowest(days) {
                return Date::new(from.year(), from.month(), day).ok();
            }
            from = from.last_of_month().tomorrow().ok()?;
        }
        None
    }

    /// The days of the month that `date` is in.
    fn days_in_month(&self, date: Date) -> u64 {
        if self.months & 1 << date.month().unsigned_abs() == 0 {
            return 0;
        }
        let first = date.first_of_month().weekday().to_sunday_zero_offset().unsigned_abs();
        // Bit 0 becomes the weekday of the first of the month.
        let from_the_first = (self.days_of_week | self.days_of_week << 7) >> first & 0x7f;
        let by_weekday = (from_the_first * EVERY_SEVENTH) << 1;
        let days = match self.days {
            Days::Both => self.days_of_month & by_weekday,
            Days::Either => self.days_of_month | by_weekday,
        };
        days & up_to(u32::from(date.days_in_month().unsigned_abs()))
    }
}

/// The five fields that a word stands for; any other text as it is.
fn expand(text: &str) -> Result<&str, CronError> {
    match text.to_ascii_lowercase().as_str() {
        "@hourly" => Ok("0 * * * *"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@monthly" => Ok("0 0 1 * *"),
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        word if word.starts_with('@') => Err(CronError::UnknownWord { word: text.to_owned() }),
        word if word.starts_with("tz=") || word.starts_with("cron_tz=") => Err(CronError::TimeZoneWithin {
            given: text.split_ascii_whitespace().next().unwrap_or(text).to_owned(),
        }),
        _ => Ok(text),
    }
}

/// Vixie cron's rule: a field that begins with `*` does not restrict, also with a step.
fn is_free(field: &str) -> bool {
    field.starts_with('*')
}

fn whole_minute(time: DateTime) -> Option<DateTime> {
    let minute = Time::new(time.hour(), time.minute(), 0, 0).ok()?;
    let floor = time.date().to_datetime(minute);
    if floor == time {
        Some(floor)
    } else {
        floor.checked_add(jiff::SignedDuration::from_mins(1)).ok()
    }
}

/// The values of a set from `least` (at most 63) on.
const fn at_or_above(set: u64, least: u32) -> u64 {
    set & u64::MAX << least
}

/// The values 0 to `most` (at most 62).
const fn up_to(most: u32) -> u64 {
    (1 << (most + 1)) - 1
}

fn day_bit(date: Date) -> u64 {
    1 << date.day().unsigned_abs()
}

/// The lowest value of a set, if it has any.
fn lowest(set: u64) -> Option<i8> {
    if set == 0 {
        None
    } else {
        i8::try_from(set.trailing_zeros()).ok()
    }
}
