//! What to do: the floor, whether signals may be acted on, and the record of why.
//!
//! Says what should be, never how it is written.

use serde::{Deserialize, Serialize};

use crate::guard;
use crate::observation::Observation;
use crate::policy::{Mode, Policy};
use crate::record::{Limit, Record};
use crate::units::Replicas;

/// The outcome of one call of [`decide`](crate::decide).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The floor that belongs under the HPA now, within the policy's bounds. Bring the cluster to it whenever it differs,
    /// whatever `action` says (an earlier write may have failed). In mode Observe it is `minReplicas`, in mode Paused the
    /// floor as it stands: in both it depends on no signal, so bringing the cluster to it writes nothing that a signal asked for.
    pub floor: Replicas,
    /// How `floor` differs from the floor before. Always [`Action::Hold`] where signals are only explained.
    pub action: Action,
    /// Whether the record's result is the floor, or only an explanation of what it would be.
    pub applies: Applies,
    /// Why. Its `result` is what mode Auto would order, in every mode.
    pub record: Record,
}

impl Decision {
    /// What of the record may be done in the policy's mode.
    pub(crate) fn under(policy: &Policy, observation: &Observation, mut record: Record) -> Self {
        let kept = match policy.mode() {
            Mode::Auto => return Self::written(record),
            Mode::Observe => policy.min_replicas(),
            Mode::Paused => policy.clamp(observation.standing().unwrap_or(policy.min_replicas())),
        };
        guard::push(&mut record.limits, Limit::Mode { mode: policy.mode() });
        Self {
            floor: kept,
            action: Action::Hold,
            applies: Applies::OnlyExplain,
            record,
        }
    }

    fn written(record: Record) -> Self {
        Self {
            floor: record.result,
            action: record.action(),
            applies: Applies::Write,
            record,
        }
    }
}

/// How a floor differs from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Action {
    /// More than before.
    Raise,
    /// As before.
    Hold,
    /// Fewer than before.
    Lower,
}

impl Action {
    /// The step from one floor to the next.
    pub fn between(previous: Replicas, result: Replicas) -> Self {
        match result.cmp(&previous) {
            std::cmp::Ordering::Greater => Self::Raise,
            std::cmp::Ordering::Equal => Self::Hold,
            std::cmp::Ordering::Less => Self::Lower,
        }
    }

    /// The name, for labels of metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raise => "Raise",
            Self::Hold => "Hold",
            Self::Lower => "Lower",
        }
    }
}

/// Whether what the signals ask for may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Applies {
    /// Mode Auto: the floor is the record's result.
    Write,
    /// Mode Observe or Paused: the result is explained and nothing that a signal asked for is written.
    OnlyExplain,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::policy::PolicyInput;
    use crate::record::{Limits, Reason, SignalRows, Verdict};

    /// A result of 6 under `mode`, where the floor stands at `standing`.
    fn decision(mode: Mode, standing: Option<u32>) -> Decision {
        let policy = Policy::parse(PolicyInput {
            mode,
            ..PolicyInput::default()
        })
        .unwrap();
        let observation = Observation {
            floor: standing.map(Replicas::new),
            ..Observation::default()
        };
        let at = jiff::Timestamp::UNIX_EPOCH;
        let record = Record {
            at,
            signals: SignalRows::new(),
            limits: Limits::new(),
            result: Replicas::new(6),
            previous: Replicas::new(4),
            reason: Reason::NoData {
                cause: Verdict::Stale,
                since: at,
            },
            latency_not_scalable: None,
        };
        Decision::under(&policy, &observation, record)
    }

    #[rstest]
    #[case::auto_orders_the_result(Mode::Auto, Some(4), (6, Action::Raise, Applies::Write))]
    #[case::observe_keeps_the_minimum(Mode::Observe, Some(4), (2, Action::Hold, Applies::OnlyExplain))]
    #[case::paused_keeps_what_stands(Mode::Paused, Some(4), (4, Action::Hold, Applies::OnlyExplain))]
    #[case::paused_from_creation_starts_at_the_minimum(Mode::Paused, None, (2, Action::Hold, Applies::OnlyExplain))]
    #[case::paused_obeys_the_bounds(Mode::Paused, Some(30), (10, Action::Hold, Applies::OnlyExplain))]
    fn the_mode_says_what_may_be_done(
        #[case] mode: Mode,
        #[case] standing: Option<u32>,
        #[case] expected: (u32, Action, Applies),
    ) {
        let decision = decision(mode, standing);
        assert_eq!((decision.floor.get(), decision.action, decision.applies), expected);
        assert_eq!(
            decision.record.result,
            Replicas::new(6),
            "every mode explains the same result"
        );
    }
}
