//! The fallback: after a time without usable data, at least so many replicas.
//!
//! ```text
//! no fresh load for fallback.afterSeconds   result = max(current, fallback.replicas)
//! ```
//!
//! A time, not a number of failed reads, and replicas, not a value of the metric, so that it is in force when it says and
//! asks for what it says (keda#4249, #7239, KEP-5679). It only raises. Fresh data ends it; decreases then pass their gates.

use jiff::Timestamp;

use crate::policy::Policy;
use crate::span;
use crate::units::Replicas;

/// What to have at least, where there was no usable data since `silent_since`.
pub(crate) fn asks(policy: &Policy, silent_since: Option<Timestamp>, now: Timestamp) -> Option<Replicas> {
    let fallback = policy.fallback()?;
    let silent = span::elapsed(silent_since?, now);
    (silent >= fallback.after).then_some(Replicas::new(fallback.replicas))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::policy::{Fallback, PolicyInput};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[rstest]
    #[case::there_is_data(None, 500, None)]
    #[case::not_yet(Some(100), 279, None)]
    #[case::in_time(Some(100), 280, Some(6))]
    fn it_comes_after_its_time(#[case] since: Option<i64>, #[case] now: i64, #[case] replicas: Option<u32>) {
        let policy = Policy::parse(PolicyInput {
            fallback: Some(Fallback {
                after: Duration::from_secs(180),
                replicas: 6,
            }),
            ..PolicyInput::default()
        })
        .unwrap();
        assert_eq!(asks(&policy, since.map(at), at(now)), replicas.map(Replicas::new));
    }

    #[test]
    fn without_one_silence_changes_nothing() {
        let policy = Policy::parse(PolicyInput::default()).unwrap();
        assert_eq!(asks(&policy, Some(Timestamp::MIN), Timestamp::MAX), None);
    }
}
