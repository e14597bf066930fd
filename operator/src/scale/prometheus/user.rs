//! The answer to a query that a user wrote: one number, or what it is instead.
//!
//! Pure. Whether the number makes sense is for `reading` to say.

use prometheus_http_query::response::Data;

use crate::scale::why::Why;

/// What a user's query gave.
#[derive(Clone, Debug, PartialEq)]
pub enum UserAnswer {
    /// One number, raw: NaN and infinities are kept.
    Value(f64),
    /// No series.
    Empty,
    /// So many series, where one is needed.
    Several(usize),
    /// The endpoint takes no queries of users: its administrator has not allowed it.
    Forbidden,
    /// The administrator did not define the endpoint.
    Unknown,
    /// It gave no answer, or refused the query.
    Unreachable(Why),
    /// It has not answered yet.
    NotYet,
}

/// What the data of an instant query say.
pub fn value(data: Result<Data, Why>) -> UserAnswer {
    match data {
        Ok(Data::Scalar(sample)) => UserAnswer::Value(sample.value()),
        Ok(Data::Vector(series)) => match series.as_slice() {
            [] => UserAnswer::Empty,
            [one] => UserAnswer::Value(one.sample().value()),
            several => UserAnswer::Several(several.len()),
        },
        Ok(Data::Matrix(_)) => UserAnswer::Unreachable(Why::ResultType(
            "a number or one series: take the range ([...]) off the end",
        )),
        Err(why) => UserAnswer::Unreachable(why),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    #[rstest]
    #[case(json!({"resultType": "scalar", "result": [1, "2.5"]}), UserAnswer::Value(2.5))]
    #[case(json!({"resultType": "vector", "result": []}), UserAnswer::Empty)]
    #[case(json!({"resultType": "vector", "result": [{"metric": {}, "value": [1, "+Inf"]}]}), UserAnswer::Value(f64::INFINITY))]
    #[case(json!({"resultType": "vector", "result": [{"metric": {"a": "1"}, "value": [1, "1"]}, {"metric": {}, "value": [1, "2"]}]}), UserAnswer::Several(2))]
    fn the_shape_decides(#[case] data: Value, #[case] expected: UserAnswer) {
        assert_eq!(value(Ok(serde_json::from_value(data).unwrap())), expected);
    }

    #[test]
    fn a_range_says_what_to_take_off() {
        let matrix = serde_json::from_value(json!({"resultType": "matrix", "result": []})).unwrap();
        let UserAnswer::Unreachable(why) = value(Ok(matrix)) else {
            panic!("a range is no number");
        };
        assert!(why.to_string().contains("[...]"), "{why}");
    }
}
