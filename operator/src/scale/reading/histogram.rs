//! A histogram of request durations as rates, summed over pods, and its quantiles.
//!
//! Pure. The quantile is that of Prometheus' `histogram_quantile` (promql/quantile.go, `BucketQuantile`): linear inside a
//! bucket, the last finite bound where it falls into the one without an upper bound. Unlike there a histogram is mended
//! before it is summed, and a bound that one pod lacks is interpolated in that pod, so pods of two versions with other
//! buckets can be added. Knows nothing of pods and of age.

use pathfinder_scaling::{InvalidReason, RequestsPerSecond};

use crate::scale::sample::Bucket;

/// Requests per second by duration: ascending bounds, the last one infinite, rates that never fall.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Histogram(Vec<Bucket>);

impl Histogram {
    /// From raw buckets in any order. `None` without the infinite one: then nobody knows how many requests there were.
    ///
    /// # Errors
    /// For a rate that cannot be one, and for a bound that is not a number.
    pub(super) fn parse(raw: &[Bucket]) -> Result<Option<Self>, InvalidReason> {
        for bucket in raw {
            RequestsPerSecond::new(bucket.rate)?;
            if bucket.le.is_nan() {
                return Err(InvalidReason::NotANumber);
            }
        }
        let mut sorted = raw.to_vec();
        sorted.sort_by(|one, other| one.le.total_cmp(&other.le));
        let mut buckets: Vec<Bucket> = Vec::with_capacity(sorted.len());
        for bucket in sorted {
            match buckets.last_mut() {
                // The same bound in two spellings, `0.1` and `0.10`.
                Some(last) if same(last.le, bucket.le) => last.rate += bucket.rate,
                Some(_) | None => buckets.push(bucket),
            }
        }
        let mut least = 0.0;
        for bucket in &mut buckets {
            // Buckets that were read a moment apart may fall; the largest so far is what was certainly counted.
            bucket.rate = bucket.rate.max(least);
            least = bucket.rate;
        }
        let whole = buckets.last().is_some_and(|last| last.le == f64::INFINITY);
        Ok(whole.then_some(Self(buckets)))
    }

    /// All of these together; `None` of none.
    pub(super) fn sum(all: &[Self]) -> Option<Self> {
        let mut bounds: Vec<f64> = all.iter().flat_map(|it| it.0.iter().map(|bucket| bucket.le)).collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup_by(|one, other| same(*one, *other));
        let buckets: Vec<Bucket> = bounds
            .into_iter()
            .map(|le| Bucket {
                le,
                rate: all.iter().map(|it| it.within(le)).sum(),
            })
            .collect();
        (!buckets.is_empty()).then_some(Self(buckets))
    }

    /// Requests per second, of any duration.
    pub(super) fn total(&self) -> f64 {
        self.0.last().map_or(0.0, |last| last.rate)
    }

    /// Requests in flight on average, by Little's law (L = lambda W): each bucket's requests per second times the middle of
    /// its bounds, in seconds; the last finite bound for what took longer.
    pub(super) fn in_flight(&self) -> f64 {
        let mut below = Bucket { le: 0.0, rate: 0.0 };
        let mut sum = 0.0;
        for bucket in &self.0 {
            let (le, rate) = (bucket.le.max(0.0), bucket.rate);
            let middle = if le.is_finite() {
                f64::midpoint(below.le, le)
            } else {
                below.le
            };
            sum += (rate - below.rate) * middle;
            below = Bucket { le, rate };
        }
        sum
    }

    /// The duration in seconds within which the share `quantile` of the requests ends; `None` where there are no requests,
    /// or no finite bound.
    pub(super) fn quantile(&self, quantile: f64) -> Option<f64> {
        let total = self.total();
        let (_, finite) = self.0.split_last()?;
        let last = finite.last()?;
        if total <= 0.0 {
            return None;
        }
        let rank = quantile.clamp(0.0, 1.0) * total;
        let Some(at) = finite.iter().position(|bucket| bucket.rate >= rank) else {
            return Some(last.le);
        };
        let bucket = finite.get(at)?;
        let below = at.checked_sub(1).and_then(|before| finite.get(before));
        Some(match below {
            None if bucket.le <= 0.0 => bucket.le,
            None => between((0.0, 0.0), (bucket.rate, bucket.le), rank),
            Some(below) => between((below.rate, below.le), (bucket.rate, bucket.le), rank),
        })
    }

    // Requests per second within `le`: interpolated where it is no bound of this histogram. Past the last finite bound
    // only what lies below that bound is certain.
    fn within(&self, le: f64) -> f64 {
        let at = self.0.partition_point(|bucket| bucket.le < le);
        let above = self.0.get(at);
        let below = at.checked_sub(1).and_then(|before| self.0.get(before));
        let (start, least) = below.map_or((0.0, 0.0), |below| (below.le, below.rate));
        match above {
            None => self.total(),
            Some(above) if same(above.le, le) => above.rate,
            Some(above) if above.le.is_infinite() => least,
            Some(above) => between((start, least), (above.le, above.rate), le),
        }
    }
}

// Bounds are the same numbers or others; they are parsed from text, never computed.
fn same(one: f64, other: f64) -> bool {
    one.total_cmp(&other).is_eq()
}

// The line through two points at `x`.
fn between((x0, y0): (f64, f64), (x1, y1): (f64, f64), x: f64) -> f64 {
    if x1 > x0 {
        y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    } else {
        y1
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use rstest::rstest;

    use super::*;

    fn buckets(of: &[(f64, f64)]) -> Vec<Bucket> {
        of.iter().map(|&(le, rate)| Bucket { le, rate }).collect()
    }

    fn histogram(of: &[(f64, f64)]) -> Histogram {
        Histogram::parse(&buckets(of)).unwrap().expect("it is whole")
    }

    const INF: f64 = f64::INFINITY;
    // 60 requests within 0.1 s, 30 more within 0.2 s, 8 more within 0.5 s, 2 longer.
    const USUAL: [(f64, f64); 4] = [(0.1, 60.0), (0.2, 90.0), (0.5, 98.0), (INF, 100.0)];

    #[rstest]
    // Rank 30 is half of the 60 between 0 and 0.1.
    #[case::in_the_first_bucket(&USUAL, 0.3, Some(0.05))]
    // Rank 75 is half of the 30 between 0.1 and 0.2.
    #[case::between_two_bounds(&USUAL, 0.75, Some(0.15))]
    // Rank 95 is 5 of the 8 between 0.2 and 0.5: 0.2 + 0.3 x 5/8.
    #[case::near_the_end(&USUAL, 0.95, Some(0.3875))]
    #[case::beyond_the_last_finite_bound(&USUAL, 0.99, Some(0.5))]
    #[case::exactly_at_a_bound(&USUAL, 0.6, Some(0.1))]
    #[case::all_are_longer(&[(0.1, 0.0), (INF, 5.0)], 0.95, Some(0.1))]
    #[case::nobody_asked(&[(0.1, 0.0), (INF, 0.0)], 0.95, None)]
    #[case::no_finite_bound(&[(INF, 5.0)], 0.95, None)]
    // 0.2 fell below 0.1 and counts as 60 too; rank 95 is 35 of the 38 between 0.2 and 0.5: 0.2 + 0.3 x 35/38.
    #[case::a_bucket_that_fell(&[(0.1, 60.0), (0.2, 50.0), (0.5, 98.0), (INF, 100.0)], 0.95, Some(0.2 + 0.3 * 35.0 / 38.0))]
    #[case::one_bound_in_two_spellings(&[(0.1, 30.0), (0.1, 30.0), (0.2, 60.0), (INF, 60.0)], 0.5, Some(0.05))]
    fn a_quantile_lies_on_the_line_between_its_bounds(
        #[case] of: &[(f64, f64)],
        #[case] quantile: f64,
        #[case] seconds: Option<f64>,
    ) {
        let mut shuffled = of.to_vec();
        shuffled.reverse();
        for order in [of, &shuffled] {
            let found = histogram(order).quantile(quantile);
            let close = found
                .zip(seconds)
                .is_some_and(|(found, seconds)| (found - seconds).abs() < 1e-9);
            assert!(close || found == seconds, "{found:?}");
        }
    }

    #[rstest]
    #[case(f64::NAN, InvalidReason::NotANumber)]
    #[case(INF, InvalidReason::Infinite)]
    #[case(-1.0, InvalidReason::Negative)]
    fn a_rate_that_cannot_be_is_refused(#[case] rate: f64, #[case] reason: InvalidReason) {
        assert_eq!(Histogram::parse(&buckets(&[(0.1, rate), (INF, 1.0)])), Err(reason));
    }

    #[test]
    fn a_bound_that_is_not_a_number_is_refused() {
        let parsed = Histogram::parse(&buckets(&[(f64::NAN, 1.0), (INF, 1.0)]));
        assert_eq!(parsed, Err(InvalidReason::NotANumber));
    }

    #[test]
    fn without_the_infinite_bucket_it_is_no_histogram() {
        assert_eq!(Histogram::parse(&buckets(&[(0.1, 1.0), (0.2, 2.0)])), Ok(None));
        assert_eq!(Histogram::parse(&[]), Ok(None));
    }

    #[test]
    fn histograms_with_the_same_bounds_are_added_bound_by_bound() {
        let sum = Histogram::sum(&[
            histogram(&USUAL),
            histogram(&[(0.1, 1.0), (0.2, 2.0), (0.5, 3.0), (INF, 4.0)]),
        ]);
        assert_eq!(
            sum,
            Some(histogram(&[(0.1, 61.0), (0.2, 92.0), (0.5, 101.0), (INF, 104.0)]))
        );
        assert_eq!(Histogram::sum(&[]), None);
    }

    #[test]
    fn a_bound_that_one_of_them_lacks_is_interpolated_in_it() {
        // The other has 10 up to 0.25, so 4 up to 0.1; past 0.25 only those 10 are certain below 0.5.
        let sum = Histogram::sum(&[
            histogram(&[(0.1, 1.0), (0.5, 2.0), (INF, 2.0)]),
            histogram(&[(0.25, 10.0), (INF, 12.0)]),
        ])
        .expect("there are two");
        // 1 + 4; 1 + (1 x 0.15/0.4) + 10; 2 + 10; 2 + 12.
        for (bucket, (le, rate)) in sum.0.iter().zip([(0.1, 5.0), (0.25, 11.375), (0.5, 12.0), (INF, 14.0)]) {
            assert!(same(bucket.le, le) && (bucket.rate - rate).abs() < 1e-9, "{bucket:?}");
        }
    }

    // Rates bucket by bucket, as three pods with the same bounds count them.
    fn three_pods() -> impl Strategy<Value = Vec<Histogram>> {
        let pod = vec(0.0..100.0_f64, 4).prop_map(|own| {
            let mut rate = 0.0;
            let cumulative = [0.1, 0.2, 0.5, INF].into_iter().zip(own).map(|(le, more)| {
                rate += more;
                (le, rate)
            });
            histogram(&cumulative.collect::<Vec<_>>())
        });
        vec(pod, 3)
    }

    proptest! {
        #[test]
        fn the_quantile_of_all_lies_between_those_of_the_parts(pods in three_pods(), quantile in 0.01..1.0_f64) {
            let parts: Vec<f64> = pods.iter().filter_map(|pod| pod.quantile(quantile)).collect();
            let whole = Histogram::sum(&pods).and_then(|all| all.quantile(quantile));
            prop_assume!(!parts.is_empty());
            let whole = whole.expect("some part has requests");
            let least = parts.iter().copied().fold(INF, f64::min);
            let most = parts.iter().copied().fold(0.0, f64::max);
            prop_assert!(least - 1e-9 <= whole && whole <= most + 1e-9, "{least} {whole} {most}");
        }

        #[test]
        fn a_higher_quantile_is_never_a_shorter_time(
            pods in three_pods(),
            (low, high) in (0.0..1.0_f64, 0.0..1.0_f64),
        ) {
            let all = Histogram::sum(&pods).expect("there are three");
            let (low, high) = (low.min(high), low.max(high));
            if let Some((shorter, longer)) = all.quantile(low).zip(all.quantile(high)) {
                prop_assert!(shorter <= longer + 1e-12, "{shorter} {longer}");
            }
        }
    }
}
