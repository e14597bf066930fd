//! The decision engine: signals in, a floor of replicas and its reasons out.
//!
//! One entry, [`decide`], pure and total: the same policy, memory, observation and time always give the same decision, no
//! input makes it panic, and it allocates nothing. Time is a parameter, memory is a value that goes in and comes out, reasons are enums that
//! [`Record::sentence`] puts into words.
//!
//! This crate must not know Kubernetes, the resource's wire types, Prometheus, a clock, a log or any IO. The maths, the
//! units and the invariants are in `docs/SCALING.md`.

mod burst;
mod capacity;
mod changes;
mod clock;
mod decide;
mod decision;
mod demand;
mod explain;
mod fallback;
mod guard;
mod latency;
mod laws;
mod learning;
mod memory;
mod observation;
mod peaks;
mod plans;
mod policy;
mod record;
mod schedule;
mod signal;
#[cfg(feature = "sim")]
pub mod sim;
mod situation;
mod span;
mod sums;
mod taught;
mod units;
mod window;
mod words;

pub use decide::{decide, decide_scheduled};
pub use decision::{Action, Applies, Decision};
pub use memory::Memory;
pub use observation::{Ceilings, Observation, Rollout, SlowPod, Suspects};
pub use plans::MOST_SCHEDULES;
pub use policy::{CapacityBounds, Fallback, ForecastUse, Mode, Movement, Policy, PolicyError, PolicyInput, SignalRole};
pub use record::{
    Direction, Effect, Forecast, LatencyNotScalable, Limit, Limits, Need, Reason, Record, ScheduleName, Scheduled,
    SignalName, SignalRow, SignalRows, Suspect, Verdict,
};
pub use schedule::{
    Ask, CronError, CronField, Effect as ScheduleEffect, Occurrence, Schedule, ScheduleAsk, ScheduleError,
    ScheduleFloor, ScheduleInput, Upcoming, schedule_floor,
};
pub use signal::{InvalidReason, MissingReason, Signal};
pub use taught::Lesson;
pub use units::{Quantity, Ratio, Replicas, RequestsPerSecond, Seconds, UnitError};
