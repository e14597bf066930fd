//! What is asked for by the time of day: the schedules of the spec, and what usually comes.
//!
//! Schedules are the user's word and ask for what they say; the forecast is learned and asks only while it has been the
//! better adviser. Both are floors. Knows the wall's time; decides nothing.

use arrayvec::{ArrayString, ArrayVec};

use crate::demand;
use crate::memory::Memory;
use crate::record::{Forecast, Scheduled};
use crate::schedule::{Schedule, Upcoming, schedule_floor};
use crate::situation::Situation;

/// The most schedules of one cluster; those beyond are not looked at, which the resource's own rules forbid.
pub const MOST_SCHEDULES: usize = 16;

/// Where each schedule stands, so that it is not worked out at every tick.
pub(crate) type Calendar = ArrayVec<Upcoming, MOST_SCHEDULES>;

/// What is asked for by the time of day, not by the present.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plans {
    /// The schedule that asks for the most.
    pub(crate) schedule: Option<Scheduled>,
    /// What is usual soon.
    pub(crate) forecast: Option<Forecast>,
    /// Whether the time is an ordinary one.
    pub(crate) time: Time,
}

/// Whether a schedule is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Time {
    /// None is: the load is what it usually is.
    #[default]
    Ordinary,
    /// One is, or is prepared for.
    Scheduled,
}

impl Plans {
    /// Looks at the calendar and at what was learned.
    pub(crate) fn of(situation: &Situation<'_>, memory: &mut Memory, schedules: &[Schedule]) -> Self {
        let wall = situation.clock.wall;
        memory.calendar.truncate(schedules.len());
        while memory.calendar.len() < schedules.len() && !memory.calendar.is_full() {
            memory.calendar.push(Upcoming::default());
        }
        let mut time = Time::Ordinary;
        let on = schedules
            .iter()
            .zip(&mut memory.calendar)
            .filter_map(|(schedule, upcoming)| {
                let occurrence = upcoming.at(schedule, wall)?;
                time = Time::Scheduled;
                Some((schedule, occurrence))
            });
        let floor = schedule_floor(on, memory.learning.usual(), situation.capacity, demand::replicas);
        let schedule = floor
            .largest
            .zip(floor.replicas())
            .map(|(asked, (replicas, until))| Scheduled {
                name: ArrayString::from(asked.schedule.name()).unwrap_or_default(),
                replicas,
                until,
            });
        Self {
            schedule,
            forecast: forecast(situation, memory),
            time,
        }
    }
}

/// What usually comes within the horizon, where that has been the better adviser lately.
fn forecast(situation: &Situation<'_>, memory: &Memory) -> Option<Forecast> {
    let wall = situation.clock.wall;
    let usually = memory.learning.usually(situation.policy, wall, situation.horizon())?;
    Some(Forecast {
        replicas: demand::replicas(usually.load, situation.capacity),
        at: usually.at,
    })
}
