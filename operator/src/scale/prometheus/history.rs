//! A look into the past in pieces that Prometheus accepts, and the pieces together again.
//!
//! Pure. A gap stays a gap: no point is made up between two others.

use std::{ops::Range, time::Duration};

use jiff::Timestamp;
use prometheus_http_query::response::Data;

use crate::scale::why::Why;

/// Unix seconds, and requests per second at that time.
pub type Point = (f64, f64);

/// Prometheus refuses a range query that has more points than this.
const MOST_POINTS_PER_CHUNK: u64 = 11_000;
/// A week at steps of 7 s, or four weeks at steps of 25 s.
pub const MOST_POINTS: u64 = 100_000;

/// One range query: both ends are Unix seconds and both are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The first point.
    pub start: i64,
    /// The last one, at most.
    pub end: i64,
}

/// The whole seconds of a step, at least one.
pub fn step_seconds(step: Duration) -> u64 {
    step.as_secs().max(1)
}

/// The queries that cover `range` at steps of `step`.
///
/// # Errors
/// When these are more points than one look may have.
pub fn chunks(range: &Range<Timestamp>, step: Duration) -> Result<Vec<Chunk>, Why> {
    let (start, end) = (range.start.as_second(), range.end.as_second());
    let step = step_seconds(step);
    let Ok(span) = u64::try_from(end - start) else {
        return Ok(vec![]);
    };
    let points = span / step + 1;
    if points > MOST_POINTS {
        return Err(Why::TooManyPoints {
            asked: points,
            most: MOST_POINTS,
        });
    }
    let stride = i64::try_from(MOST_POINTS_PER_CHUNK * step).unwrap_or(i64::MAX);
    let last = i64::try_from((MOST_POINTS_PER_CHUNK - 1) * step).unwrap_or(i64::MAX);
    let starts = std::iter::successors(Some(start), |at| at.checked_add(stride));
    Ok(starts
        .take_while(|at| *at <= end)
        .map(|at| Chunk {
            start: at,
            end: at.saturating_add(last).min(end),
        })
        .collect())
}

/// The points of one range query of one series.
///
/// # Errors
/// When the result is of another type or has more series.
pub fn points(data: Data) -> Result<Vec<Point>, Why> {
    let mut series = data.into_matrix().map_err(|_| Why::ResultType("a range"))?;
    match (series.pop(), series.is_empty()) {
        (None, _) => Ok(vec![]),
        (Some(one), true) => Ok(one
            .samples()
            .iter()
            .map(|sample| (sample.timestamp(), sample.value()))
            .filter(|(_, rate)| rate.is_finite())
            .collect()),
        (Some(_), false) => Err(Why::ResultType("one series")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn range(start: i64, end: i64) -> Range<Timestamp> {
        Timestamp::from_second(start).unwrap()..Timestamp::from_second(end).unwrap()
    }

    // Points: one; none; 11,000, the most of a piece; one more; a week at steps of 7 s, 86,401 = 7 x 11,000 + 9,401.
    #[rstest]
    #[case(100, 100, 5, 1)]
    #[case(100, 99, 5, 0)]
    #[case(0, 10_999 * 5 + 4, 5, 1)]
    #[case(0, 11_000 * 5, 5, 2)]
    #[case(3, 7 * 86_400 + 3, 7, 8)]
    fn no_piece_is_longer_than_prometheus_takes_and_no_point_is_asked_twice(
        #[case] start: i64,
        #[case] end: i64,
        #[case] step: u32,
        #[case] pieces: usize,
    ) {
        let cut = chunks(&range(start, end), Duration::from_secs(step.into())).unwrap();
        let points = |from, to| (from..=to).step_by(usize::try_from(step).unwrap());
        let asked: Vec<i64> = cut.iter().flat_map(|it| points(it.start, it.end)).collect();
        assert_eq!(asked, points(start, end).collect::<Vec<i64>>());
        assert_eq!(cut.len(), pieces);
        assert!(cut.iter().all(|it| points(it.start, it.end).count() <= 11_000));
    }

    #[test]
    fn a_look_that_is_too_fine_says_so() {
        // 200,000 s at steps of 1 s.
        let why = chunks(&range(0, 199_999), Duration::from_secs(1)).unwrap_err();
        let expected = Why::TooManyPoints {
            asked: 200_000,
            most: MOST_POINTS,
        };
        assert_eq!(why, expected);
    }

    #[test]
    fn a_gap_stays_a_gap() {
        let matrix = json!({"resultType": "matrix", "result": [{"metric": {}, "values": [[10, "1.5"], [20, "NaN"], [50, "2"]]}]});
        let read = points(serde_json::from_value(matrix).unwrap()).unwrap();
        assert_eq!(read, [(10.0, 1.5), (50.0, 2.0)]);
    }

    #[test]
    fn a_cluster_without_history_has_no_points() {
        let matrix = json!({"resultType": "matrix", "result": []});
        assert_eq!(points(serde_json::from_value(matrix).unwrap()), Ok(vec![]));
    }

    #[test]
    fn anything_else_than_one_series_is_refused() {
        let vector = json!({"resultType": "vector", "result": []});
        assert_eq!(
            points(serde_json::from_value(vector).unwrap()),
            Err(Why::ResultType("a range"))
        );
        let one = json!({"metric": {}, "values": [[10, "1"]]});
        let matrix = json!({"resultType": "matrix", "result": [one, one]});
        assert_eq!(
            points(serde_json::from_value(matrix).unwrap()),
            Err(Why::ResultType("one series"))
        );
    }
}
