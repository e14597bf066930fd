//! What limits a change: cooldowns, steps, pauses, and what to have without data.
//!
//! Shapes and defaults; the gates are the engine's.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::defaults;

/// Limits on increases.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleUpSpec {
    /// Seconds between two routine increases. An increase that present demand asks for never waits.
    #[serde(default = "default_up_cooldown")]
    #[schemars(range(min = 0, max = 86400))]
    pub cooldown_seconds: i32,
    /// The most percent of what is ordered that may come on top at once; at least one replica may.
    #[serde(default = "default_up_percent")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_percent: i32,
    /// Signals add no replicas. `minReplicas` still does.
    #[serde(default)]
    pub paused: bool,
}

impl Default for ScaleUpSpec {
    fn default() -> Self {
        Self {
            cooldown_seconds: defaults::SCALE_UP_COOLDOWN_SECONDS,
            max_percent: defaults::SCALE_UP_MAX_PERCENT,
            paused: false,
        }
    }
}

fn default_up_cooldown() -> i32 {
    defaults::SCALE_UP_COOLDOWN_SECONDS
}

fn default_up_percent() -> i32 {
    defaults::SCALE_UP_MAX_PERCENT
}

/// Limits on decreases.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleDownSpec {
    /// Seconds after the last routine increase before anything is lowered, and the longest time that a peak is held.
    /// Without it, what was learned of the workload decides, up to 600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86400))]
    pub cooldown_seconds: Option<i32>,
    /// The most percent of what is ordered that may go at once; at least one replica may.
    #[serde(default = "default_down_percent")]
    #[schemars(range(min = 1, max = 100))]
    pub max_percent: i32,
    /// Signals take no replicas away. `maxReplicas` still does.
    #[serde(default)]
    pub paused: bool,
}

impl Default for ScaleDownSpec {
    fn default() -> Self {
        Self {
            cooldown_seconds: None,
            max_percent: defaults::SCALE_DOWN_MAX_PERCENT,
            paused: false,
        }
    }
}

fn default_down_percent() -> i32 {
    defaults::SCALE_DOWN_MAX_PERCENT
}

/// What to have at least without usable data.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FallbackSpec {
    /// Seconds without usable data before it holds.
    #[serde(default = "default_after")]
    #[schemars(range(min = 1, max = 86400))]
    pub after_seconds: i32,
    /// The replicas to have at least then. It only raises.
    #[schemars(range(min = 1, max = 1000))]
    pub replicas: i32,
}

fn default_after() -> i32 {
    defaults::FALLBACK_AFTER_SECONDS
}
