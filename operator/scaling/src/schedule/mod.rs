//! The schedules' law: at times that the user knows of, a floor that is there before the load is.
//!
//! A schedule starts at the minutes of a cron expression in a time zone. Its floor holds from `lead` before a start until
//! `duration` after it; both are elapsed time, also across a change of clocks. Where occurrences overlap, the one that
//! ends last counts. If day of month and day of week are both restricted, a day that fits either will do; a field that
//! begins with `*` does not restrict (Vixie cron).
//!
//! When clocks are changed (the rule of ISC cron): a fixed time that is skipped happens once, at the first moment after the gap,
//! however long the gap; a fixed time that comes twice happens the first time. If the minute or the hour begins with `*`,
//! starts follow real time: what is skipped does not happen, what comes twice happens twice.
//!
//! Must not know a clock, the machine's zone, or bounds and cooldowns: those are the guard's.

mod cron;
mod error;
mod field;
mod floor;
mod starts;
mod upcoming;
mod zone;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::span;
use cron::Cron;
pub use error::{CronError, ScheduleError};
pub use field::CronField;
pub use floor::{Ask, ScheduleAsk, ScheduleFloor, schedule_floor};
pub use upcoming::Upcoming;

/// The longest duration and the longest lead: 31 days. What lasts longer is a floor, not a schedule.
const LONGEST: Duration = Duration::from_hours(31 * 24);

/// The largest multiplier; what is more is a mistake of units.
const LARGEST_MULTIPLIER: f64 = 1000.0;

/// The most letters of a DNS label (RFC 1123).
const LONGEST_NAME: usize = 63;

/// What a schedule asks for while it is on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// This many replicas; 1 or more.
    Replicas(u32),
    /// The replicas for this many times the usual load; more than 0, at most 1000.
    Multiplier(f64),
}

/// A schedule as the user wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleInput {
    /// Its name in decisions: a DNS label.
    pub name: String,
    /// Five cron fields (minute, hour, day of month, month, day of week), or `@hourly`, `@daily`, `@weekly`, `@monthly`,
    /// `@yearly`.
    pub start: String,
    /// How long it is on; more than 0, at most 31 days.
    pub duration: Duration,
    /// An IANA name, in its usual letters.
    pub time_zone: String,
    /// What it asks for.
    pub effect: Effect,
    /// How long before a start its floor begins to hold, so that pods are ready in time; at most 31 days.
    pub lead: Duration,
}

/// A checked schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    name: String,
    cron: Cron,
    zone: TimeZone,
    duration: Duration,
    effect: Effect,
    lead: Duration,
    times: Times,
}

/// Stands for everything that a schedule's occurrences depend on. A hash: stable for one build of the operator, and where
/// another build's is read, the occurrence is only worked out once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Times(u64);

/// One time that a schedule is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// From here on its floor holds: the start less the lead.
    pub prepare_from: Timestamp,
    /// When the load is expected.
    pub start: Timestamp,
    /// The first moment that is no longer part of it.
    pub end: Timestamp,
}

impl Schedule {
    /// Checks what the user wrote.
    ///
    /// # Errors
    /// The first [`ScheduleError`], in the order of the fields.
    pub fn parse(input: &ScheduleInput) -> Result<Self, ScheduleError> {
        let name = checked_name(&input.name)?;
        let cron = Cron::parse(&input.start).map_err(|cause| ScheduleError::Start {
            name: name.clone(),
            given: input.start.clone(),
            cause,
        })?;
        check_spans(input)?;
        let zone = zone::find(&input.time_zone).map_err(|instead| ScheduleError::TimeZone {
            name: name.clone(),
            given: input.time_zone.clone(),
            instead,
        })?;
        check_effect(input)?;
        Ok(Self {
            name,
            cron,
            zone,
            duration: input.duration,
            effect: input.effect,
            lead: input.lead,
            times: Times::of(&cron, input),
        })
    }

    /// Its name in decisions.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it asks for while it is on.
    pub const fn effect(&self) -> Effect {
        self.effect
    }

    /// The zone of its wall clock, for showing times as the user wrote them.
    pub const fn time_zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The first start after `now`; `None` where there is none within 41 years.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        starts::next(&self.cron, &self.zone, now)
    }

    /// The occurrence whose `[prepare_from, end)` contains `now`; of several the one that ends last.
    pub fn occurrence(&self, now: Timestamp) -> Option<Occurrence> {
        // All last equally long, so the one that ends last is the one that starts last.
        self.last_start(span::before(now, self.duration), span::after(now, self.lead))
            .map(|start| self.occurrence_at(start))
    }

    fn occurrence_at(&self, start: Timestamp) -> Occurrence {
        Occurrence {
            prepare_from: span::before(start, self.lead),
            start,
            end: span::after(start, self.duration),
        }
    }

    /// The last start after `after` and not after `until`.
    ///
    /// There is only a search forwards, so this halves the time that may hold a later one: a daily schedule needs two
    /// searches, one that starts every minute and lasts for 31 days some thirty.
    fn last_start(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let within = |after, until| self.next(after).filter(|start| *start <= until);
        let mut last = within(after, until)?;
        // Nothing starts after `bound` and not after `until`.
        let mut bound = until;
        while let Some(later) = within(last, bound) {
            last = later;
            let middle = midpoint(last, bound);
            match within(middle, bound) {
                Some(later) => last = later,
                None => bound = middle,
            }
        }
        Some(last)
    }
}

impl Times {
    fn of(cron: &Cron, input: &ScheduleInput) -> Self {
        let mut hasher = DefaultHasher::new();
        (cron, &input.time_zone, input.duration, input.lead).hash(&mut hasher);
        Self(hasher.finish())
    }
}

fn midpoint(from: Timestamp, to: Timestamp) -> Timestamp {
    let half: SignedDuration = to.duration_since(from) / 2;
    from.checked_add(half).unwrap_or(to)
}

fn checked_name(given: &str) -> Result<String, ScheduleError> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (1..=LONGEST_NAME).contains(&given.len())
        && given.bytes().all(inner)
        && !given.starts_with('-')
        && !given.ends_with('-');
    if fits {
        Ok(given.to_owned())
    } else {
        Err(ScheduleError::Name {
            given: given.to_owned(),
        })
    }
}

fn check_spans(input: &ScheduleInput) -> Result<(), ScheduleError> {
    if input.duration.is_zero() || input.duration > LONGEST {
        return Err(ScheduleError::Duration {
            name: input.name.clone(),
            given: input.duration,
            most: LONGEST,
        });
    }
    if input.lead > LONGEST {
        return Err(ScheduleError::Lead {
            name: input.name.clone(),
            given: input.lead,
            most: LONGEST,
        });
    }
    Ok(())
}

fn check_effect(input: &ScheduleInput) -> Result<(), ScheduleError> {
    match input.effect {
        Effect::Replicas(0) => Err(ScheduleError::NoReplicas {
            name: input.name.clone(),
        }),
        // NaN and infinity are not within it either.
        Effect::Multiplier(given) if !(given > 0.0 && given <= LARGEST_MULTIPLIER) => Err(ScheduleError::Multiplier {
            name: input.name.clone(),
            given,
            most: LARGEST_MULTIPLIER,
        }),
        Effect::Replicas(_) | Effect::Multiplier(_) => Ok(()),
    }
}
