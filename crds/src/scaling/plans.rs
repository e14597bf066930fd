//! Floors by the time of day: what the user knows beforehand, and what usually comes.
//!
//! Shapes and defaults. A cron expression and a time zone are checked by the operator, which says what is wrong in a condition.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::defaults;

/// A floor at times that are known beforehand.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.replicas) != has(self.multiplier)").message("write either replicas (a number of replicas) or multiplier (times the usual load), and not both")
)]
pub struct ScheduleSpec {
    /// Its name in decisions.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("is not a name: write lower-case letters, digits and -, for example registration"))]
    pub name: String,
    /// When it starts: minute, hour, day of month, month, day of week, for example `0 9 1 * *`.
    #[schemars(length(min = 1, max = 200))]
    #[x_kube(validation = Rule::new("self.matches('^(@[a-z]+|[0-9A-Za-z*,/-]+( +[0-9A-Za-z*,/-]+){4})$')").message("is not a cron expression: write five fields (minute hour day-of-month month day-of-week), for example 0 9 1 * *, or @daily"))]
    pub start: String,
    /// Seconds that it lasts.
    #[schemars(range(min = 1, max = 2_678_400))]
    pub duration_seconds: i32,
    /// An IANA time zone, for example `Europe/Berlin`.
    #[serde(default = "default_zone")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$')").message("is not a time zone: write an IANA name, for example Europe/Berlin or UTC"))]
    pub time_zone: String,
    /// Replicas to have at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub replicas: Option<i32>,
    /// The replicas for so many times the usual load of that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self > 0.0 && self <= 1000.0").message("write how many times the usual load is expected, more than 0 and at most 1000"))]
    pub multiplier: Option<f64>,
    /// Seconds before each start from which its floor holds, so that pods are ready in time.
    #[serde(default = "default_lead")]
    #[schemars(range(min = 0, max = 2_678_400))]
    pub lead_seconds: i32,
}

fn default_zone() -> String {
    defaults::SCHEDULE_TIME_ZONE.to_owned()
}

fn default_lead() -> i32 {
    defaults::SCHEDULE_LEAD_SECONDS
}

/// What is made of what usually comes.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForecastSpec {
    /// `Auto` makes it a floor while it has been the better adviser lately; `Disabled` makes nothing of it.
    #[serde(default)]
    pub mode: ForecastMode,
}

/// Whether a forecast is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ForecastMode {
    /// While it has been right lately.
    #[default]
    Auto,
    /// Never.
    Disabled,
}
