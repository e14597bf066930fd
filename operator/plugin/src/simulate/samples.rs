//! From Prometheus's answers to a trace: what is a rate, where data are missing, and what is made of that.
//!
//! Pure. No data is not no load: a short hole is bridged by a straight line and told, a long one is refused.

use jiff::Timestamp;
use pathfinder_scaling::sim::trace::Bin;
use serde::Deserialize;

use crate::{simulate::trouble::Trouble, span};

/// The longest hole that is bridged, in seconds.
const LONGEST_BRIDGE: i64 = 3600;

/// What the HTTP API answers to a range query, as far as it is read.
#[derive(Debug, Deserialize)]
struct Answer {
    status: String,
    error: Option<String>,
    data: Option<Data>,
}

#[derive(Debug, Deserialize)]
struct Data {
    result: Vec<Series>,
}

#[derive(Debug, Deserialize)]
struct Series {
    values: Vec<(f64, String)>,
}

/// A rate at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// Unix time in seconds.
    pub(crate) at: i64,
    /// Requests per second.
    pub(crate) rate: f64,
}

/// What an answer's body says.
///
/// # Errors
/// In words, when it is none, or none of a sum.
pub(crate) fn read(body: &[u8]) -> Result<Vec<(i64, String)>, String> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|cause| format!("not an answer of Prometheus: {cause}"))?;
    if answer.status != "success" {
        return Err(answer.error.unwrap_or(answer.status));
    }
    let mut series = answer.data.map(|data| data.result).unwrap_or_default();
    match (series.pop(), series.len()) {
        (None, _) => Ok(Vec::new()),
        (Some(only), 0) => Ok(only.values.into_iter().map(|(at, value)| (whole(at), value)).collect()),
        (Some(_), more) => Err(format!("{} series instead of one sum", more + 1)),
    }
}

/// The values as rates.
///
/// # Errors
/// [`Trouble::NoRate`] for the first that is none: NaN, infinite, negative.
pub(crate) fn rates(values: Vec<(i64, String)>) -> Result<Vec<Sample>, Trouble> {
    values
        .into_iter()
        .map(|(at, value)| match value.parse::<f64>() {
            Ok(rate) if rate.is_finite() && rate >= 0.0 => Ok(Sample { at, rate }),
            _ => Err(Trouble::NoRate {
                found: value,
                at: moment(at),
            }),
        })
        .collect()
}

/// Bins of `step` seconds from the first sample on, holes bridged, and what has to be told about them.
///
/// # Errors
/// [`Trouble::Hole`] for a hole that is too long.
pub(crate) fn bins(samples: &[Sample], step: i64) -> Result<(Vec<Bin>, Vec<String>), Trouble> {
    let Some(first) = samples.first() else {
        return Ok((Vec::new(), Vec::new()));
    };
    let mut holes = Holes::default();
    let mut bins = vec![bin(first.at, first.at, first.rate)];
    for pair in samples.windows(2) {
        let [before, after] = pair else { continue };
        let gap = after.at - before.at;
        if gap > step {
            holes.take(before, after, step, samples)?;
        }
        let steps = (gap / step).max(1);
        bins.extend((1..=steps).map(|index| {
            let share = float(index) / float(steps);
            let at = if index == steps {
                after.at
            } else {
                before.at + index * step
            };
            bin(first.at, at, before.rate + (after.rate - before.rate) * share)
        }));
    }
    Ok((bins, holes.notes()))
}

#[derive(Debug, Default)]
struct Holes {
    count: u32,
    missing: i64,
    longest: i64,
}

impl Holes {
    fn take(&mut self, before: &Sample, after: &Sample, step: i64, samples: &[Sample]) -> Result<(), Trouble> {
        let missing = after.at - before.at - step;
        if missing > LONGEST_BRIDGE {
            let last = samples.last().map_or(after.at, |last| last.at);
            return Err(Trouble::Hole {
                from: moment(before.at),
                to: moment(after.at),
                since: span::seconds(last - after.at),
            });
        }
        self.count += 1;
        self.missing += missing;
        self.longest = self.longest.max(missing);
        Ok(())
    }

    fn notes(&self) -> Vec<String> {
        if self.count == 0 {
            return Vec::new();
        }
        let (holes, are) = if self.count == 1 {
            ("hole", "is")
        } else {
            ("holes", "are")
        };
        vec![format!(
            "Prometheus's data have {} {holes}, together {} and the longest {}: they {are} bridged by straight lines, not by \
             zero load",
            self.count,
            span::seconds(self.missing),
            span::seconds(self.longest)
        )
        .replace("they is", "it is")
        .replace("straight lines", if self.count == 1 { "a straight line" } else { "straight lines" })]
    }
}

fn bin(start: i64, at: i64, rate: f64) -> Bin {
    Bin {
        from_second: u32::try_from(at - start).unwrap_or_default(),
        requests_per_second: rate,
    }
}

/// A Unix time; what no calendar has becomes its beginning.
pub(crate) fn moment(at: i64) -> Timestamp {
    Timestamp::from_second(at).unwrap_or_default()
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
fn whole(seconds: f64) -> i64 {
    seconds.round() as i64
}

#[expect(clippy::cast_precision_loss, reason = "a count of samples")]
fn float(count: i64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn sample(at: i64, rate: f64) -> Sample {
        Sample { at, rate }
    }

    #[test]
    fn one_series_is_read() {
        let body = br#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[60,"1.5"],[120.0,"2"]]}]}}"#;
        assert_eq!(read(body).unwrap(), [(60, "1.5".to_owned()), (120, "2".to_owned())]);
    }

    #[rstest]
    #[case(br#"{"status":"error","errorType":"bad_data","error":"parse error"}"#.as_slice(), "parse error")]
    #[case(b"<html>".as_slice(), "not an answer of Prometheus")]
    #[case(
        br#"{"status":"success","data":{"result":[{"values":[]},{"values":[]}]}}"#.as_slice(),
        "2 series instead of one sum"
    )]
    fn what_is_no_answer_is_told(#[case] body: &[u8], #[case] expected: &str) {
        let error = read(body).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }

    #[rstest]
    #[case("NaN")]
    #[case("+Inf")]
    #[case("-1")]
    #[case("many")]
    fn what_is_no_rate_is_refused_with_its_time(#[case] value: &str) {
        let error = rates(vec![(0, "5".to_owned()), (86_400, value.to_owned())]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("Prometheus answered {value} at 1970-01-02T00:00:00Z: ")),
            "{error}"
        );
    }

    #[test]
    fn samples_without_holes_are_bins_from_zero_on() {
        let (bins, notes) = bins(&[sample(600, 1.0), sample(660, 2.0), sample(720, 4.0)], 60).unwrap();
        let plain: Vec<_> = bins
            .iter()
            .map(|bin| (bin.from_second, bin.requests_per_second))
            .collect();
        assert_eq!(plain, [(0, 1.0), (60, 2.0), (120, 4.0)]);
        assert!(notes.is_empty());
    }

    #[test]
    fn a_hole_is_a_straight_line_and_is_told() {
        // Two samples are missing, at 120 and 180: from 10 to 40 in three steps.
        let (bins, notes) = bins(&[sample(60, 10.0), sample(240, 40.0)], 60).unwrap();
        let plain: Vec<_> = bins
            .iter()
            .map(|bin| (bin.from_second, bin.requests_per_second))
            .collect();
        assert_eq!(plain, [(0, 10.0), (60, 20.0), (120, 30.0), (180, 40.0)]);
        assert_eq!(
            notes,
            [
                "Prometheus's data have 1 hole, together 2m and the longest 2m: it is bridged by a straight line, not by zero load"
            ]
        );
    }

    #[test]
    fn a_hole_of_hours_is_refused_and_says_what_is_left() {
        let error = bins(
            &[
                sample(0, 10.0),
                sample(7200, 10.0),
                sample(7260, 10.0),
                sample(10_800, 1.0),
            ],
            60,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "Prometheus has no data from 1970-01-01T00:00:00Z to 1970-01-01T02:00:00Z, and no data is not no load: pass a \
             shorter --from-prometheus (since then there are 1h)"
        );
    }
}
