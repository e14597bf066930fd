//! The decision engine: signals in, a floor of replicas and its reasons out.
//!
//! One entry, [`decide`], pure and total: the same policy, memory, observation and time always give the same decision, and
//! no input makes it panic. Time is a parameter, memory is a value that goes in and comes out, reasons are enums that
//! [`Record::sentence`] puts into words.
//!
//! This crate must not know Kubernetes, the resource's wire types, Prometheus, a clock, a log or any IO. The maths, the
//! units and the invariants are in `docs/SCALING.md`.

mod decide;
mod decision;
mod demand;
mod explain;
mod guard;
mod memory;
mod observation;
mod policy;
mod record;
mod schedule;
mod signal;
#[cfg(feature = "sim")]
pub mod sim;
mod span;
mod units;
mod window;
mod words;

pub use decide::decide;
pub use decision::{Action, Applies, Decision};
pub use memory::Memory;
pub use observation::{Observation, Rollout};
pub use policy::{Mode, Policy, PolicyError, PolicyInput};
pub use record::{Limit, Need, Reason, Record, SignalName, SignalRow, Verdict};
pub use schedule::{
    Ask, CronError, CronField, Effect, Occurrence, Schedule, ScheduleAsk, ScheduleError, ScheduleFloor, ScheduleInput,
    Upcoming, schedule_floor,
};
pub use signal::{InvalidReason, MissingReason, Signal};
pub use units::{Replicas, RequestsPerSecond, UnitError};
