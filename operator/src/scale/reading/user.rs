//! What a query of the user's own said, as a signal.
//!
//! Pure, and the same for a load and for a latency. One series with one number is a value; anything else is said for what
//! it is. An answer without a series is never 0: `sum()` of nothing is nothing, and a query with a typing error looks the
//! same.

use std::time::Duration;

use pathfinder_scaling::{InvalidReason, MissingReason, Quantity, Signal};

/// What an own query said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OwnQuery {
    /// One number, raw.
    Value(f64),
    /// No series.
    Empty,
    /// So many series instead of one.
    Several(usize),
    /// The administrator allows no own queries, so it was not asked.
    Forbidden,
    /// The administrator did not define the endpoint.
    Unknown,
    /// The endpoint did not answer, in time or in form, or refused the query.
    Unreachable,
    /// It has not answered yet.
    NotYet,
}

/// The signal that an own query gave, its newest sample being `age` old.
///
/// A source does not say how old the samples behind an expression are, only when it was evaluated; `age` is what is known
/// of that.
pub fn own_query<Q: Quantity>(said: OwnQuery, (age, max_age): (Duration, Duration)) -> Signal<Q> {
    let missing = |reason| Signal::Missing { reason };
    match said {
        OwnQuery::Value(raw) => Signal::classify(raw, age, max_age),
        OwnQuery::Several(_) => Signal::Invalid {
            reason: InvalidReason::SeveralSeries,
        },
        OwnQuery::Empty => missing(MissingReason::NoSeries),
        OwnQuery::Forbidden => missing(MissingReason::QueryForbidden),
        OwnQuery::Unknown => missing(MissingReason::SourceUnknown),
        OwnQuery::Unreachable => missing(MissingReason::SourceUnreachable),
        OwnQuery::NotYet => missing(MissingReason::NotAskedYet),
    }
}

#[cfg(test)]
mod tests {
    use pathfinder_scaling::{RequestsPerSecond, Seconds};
    use rstest::rstest;

    use super::*;

    const AGE: Duration = Duration::from_secs(2);
    const MAX_AGE: Duration = Duration::from_secs(15);

    #[rstest]
    #[case(OwnQuery::Value(f64::NAN), Signal::Invalid { reason: InvalidReason::NotANumber })]
    #[case(OwnQuery::Value(f64::INFINITY), Signal::Invalid { reason: InvalidReason::Infinite })]
    #[case(OwnQuery::Value(-1.0), Signal::Invalid { reason: InvalidReason::Negative })]
    #[case(OwnQuery::Several(2), Signal::Invalid { reason: InvalidReason::SeveralSeries })]
    #[case(OwnQuery::Empty, Signal::Missing { reason: MissingReason::NoSeries })]
    #[case(OwnQuery::Forbidden, Signal::Missing { reason: MissingReason::QueryForbidden })]
    #[case(OwnQuery::Unknown, Signal::Missing { reason: MissingReason::SourceUnknown })]
    #[case(OwnQuery::Unreachable, Signal::Missing { reason: MissingReason::SourceUnreachable })]
    #[case(OwnQuery::NotYet, Signal::Missing { reason: MissingReason::NotAskedYet })]
    fn what_is_no_value_says_why(#[case] said: OwnQuery, #[case] signal: Signal) {
        assert_eq!(own_query::<RequestsPerSecond>(said, (AGE, MAX_AGE)), signal);
    }

    #[test]
    fn a_number_is_a_value_of_whatever_it_counts_and_zero_is_one() {
        let load: Signal = own_query(OwnQuery::Value(0.0), (AGE, MAX_AGE));
        assert_eq!(load.fresh(), Some(RequestsPerSecond::default()));
        let latency: Signal<Seconds> = own_query(OwnQuery::Value(0.25), (AGE, MAX_AGE));
        assert_eq!(latency.fresh(), Seconds::new(0.25).ok());
    }

    #[test]
    fn an_old_value_is_stale() {
        let signal: Signal = own_query(OwnQuery::Value(5.0), (MAX_AGE * 2, MAX_AGE));
        assert_eq!(signal, Signal::Stale { age: MAX_AGE * 2 });
    }
}
