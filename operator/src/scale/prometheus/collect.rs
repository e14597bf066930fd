//! From series to what is known of each pod.
//!
//! Pure. Values stay raw: what is not a number in the answer is not a number in the sample, except where a quotient has
//! no meaning, and then it is absent.

use std::{collections::HashMap, time::Duration};

use prometheus_http_query::response::InstantVector;

use crate::{
    config::endpoint::{Endpoint, Histograms, Labels},
    scale::{
        query::{BOUND_LABEL, CONNECTIONS, POSTGRES, RATE, REDIS, SAMPLED, SIGNAL_LABEL, UP},
        sample::{Answer, Beside, Bucket, Look, PodSample, Samples},
        why::Why,
    },
};

type Series = Vec<InstantVector>;

/// The answers to the two questions beside the load.
pub fn beside(endpoint: &Endpoint, of_durations: Result<Series, Why>, of_stores: Result<Series, Why>) -> Beside {
    let labels = &endpoint.labels;
    let mut samples = Samples::new();
    let take = |series| durations(&mut samples, (labels, endpoint.histograms), series);
    let no_durations = of_durations.map(take).err();
    let no_stores = of_stores.map(|series| stores(&mut samples, labels, series)).err();
    Beside {
        samples,
        durations: no_durations,
        stores: no_stores,
    }
}

/// The load, and what is known beside it and how old that is. Without load there are no samples.
pub fn look(endpoint: &Endpoint, of_load: Result<Series, Why>, beside: Option<(&Beside, Duration)>) -> Look {
    let mut samples = Samples::new();
    if let Err(why) = of_load.map(|series| load(&mut samples, &endpoint.labels, series)) {
        return Look::only(Answer::Unreachable(why));
    }
    let Some((beside, beside_age)) = beside else {
        return Look {
            durations: Some(Why::NotYet),
            stores: Some(Why::NotYet),
            ..Look::only(Answer::Samples(samples))
        };
    };
    // A pod that has no load any more has nothing beside it either.
    for (pod, sample) in &mut samples {
        if let Some(known) = beside.samples.get(pod) {
            sample.durations.clone_from(&known.durations);
            (sample.postgres, sample.redis) = (known.postgres, known.redis);
        }
    }
    Look {
        answer: Answer::Samples(samples),
        durations: beside.durations.clone(),
        stores: beside.stores.clone(),
        beside_age,
    }
}

/// Takes in the answer about the load.
fn load(samples: &mut Samples, labels: &Labels, series: Series) {
    for (pod, signal, value) in parts(labels, SIGNAL_LABEL, series) {
        let sample = samples.entry(pod).or_default();
        match signal.as_str() {
            RATE => sample.rate = Some(value),
            UP => sample.up = Some(value),
            SAMPLED => sample.sampled = Some(value),
            _ => {}
        }
    }
}

/// Takes in the answer about durations: afterwards every histogram is cumulative and ascending.
fn durations(samples: &mut Samples, (labels, histograms): (&Labels, Histograms), series: Series) {
    for (pod, bound, rate) in parts(labels, BOUND_LABEL, series) {
        // Prometheus writes +Inf, which Rust reads.
        if let Some(le) = bound.parse::<f64>().ok().filter(|le| !le.is_nan()) {
            samples.entry(pod).or_default().durations.push(Bucket { le, rate });
        }
    }
    for PodSample { durations, .. } in samples.values_mut() {
        durations.sort_by(|one, other| one.le.total_cmp(&other.le));
        // The same bound in two spellings, `1` and `1.0`: two scrapes of different formats.
        durations.dedup_by(|next, kept| {
            let same = next.le.total_cmp(&kept.le).is_eq();
            if same {
                kept.rate += next.rate;
            }
            same
        });
        match histograms {
            Histograms::Classic => {}
            Histograms::Native => rates_of_shares(durations),
        }
    }
}

// The last bucket is the rate of all, those below are shares of it. A share of nothing is 0/0, but its rate is known.
fn rates_of_shares(durations: &mut [Bucket]) {
    let Some((all, shares)) = durations.split_last_mut() else {
        return;
    };
    for share in shares {
        share.rate = if all.rate.to_bits() == 0.0_f64.to_bits() {
            0.0
        } else {
            share.rate * all.rate
        };
    }
}

/// Takes in the answer about the stores.
fn stores(samples: &mut Samples, labels: &Labels, series: Series) {
    for (pod, signal, value) in parts(labels, SIGNAL_LABEL, series) {
        let Some(share) = share(value) else { continue };
        let sample = samples.entry(pod).or_default();
        match signal.as_str() {
            CONNECTIONS | POSTGRES => sample.postgres = Some(sample.postgres.map_or(share, |it| it.max(share))),
            REDIS => sample.redis = Some(share),
            _ => {}
        }
    }
}

// Requests run side by side and ask a store more than once, so their times in it can add up to more than their own.
fn share(value: f64) -> Option<f64> {
    (!value.is_nan()).then(|| value.clamp(0.0, 1.0))
}

type Part = ((String, String), String, f64);

// Series without the labels are about no pod.
fn parts<'a>(labels: &'a Labels, part: &'static str, series: Series) -> impl Iterator<Item = Part> + use<'a> {
    series.into_iter().filter_map(move |one| {
        let (mut metric, sample): (HashMap<String, String>, _) = one.into_inner();
        let namespace = metric.remove(labels.namespace.as_str())?;
        let pod = metric.remove(labels.pod.as_str())?;
        Some(((namespace, pod), metric.remove(part)?, sample.value()))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn series(label: &str, rows: &[(&str, &str)]) -> Series {
        let one = |(name, value): &(&str, &str)| json!({"metric": {"namespace": "shop", "pod": "shop-api-1", label: name}, "value": [1, value]});
        rows.iter()
            .map(|row| serde_json::from_value(one(row)).unwrap())
            .collect()
    }

    fn of(samples: &Samples) -> &PodSample {
        assert_eq!(samples.len(), 1);
        &samples[&("shop".to_owned(), "shop-api-1".to_owned())]
    }

    fn buckets(histograms: Histograms, rows: &[(&str, &str)]) -> Vec<(f64, f64)> {
        let mut samples = Samples::new();
        durations(&mut samples, (&Labels::default(), histograms), series("le", rows));
        of(&samples).durations.iter().map(|it| (it.le, it.rate)).collect()
    }

    #[test]
    fn the_parts_of_a_pod_come_together() {
        let (mut samples, labels) = (Samples::new(), Labels::default());
        load(
            &mut samples,
            &labels,
            series(
                "signal",
                &[("rate", "12.5"), ("up", "1"), ("sampled", "99"), ("new", "7")],
            ),
        );
        stores(&mut samples, &labels, series("signal", &[("redis", "0.25")]));
        let expected = PodSample {
            rate: Some(12.5),
            up: Some(1.0),
            sampled: Some(99.0),
            redis: Some(0.25),
            ..PodSample::default()
        };
        assert_eq!(of(&samples), &expected);
    }

    #[test]
    fn a_rate_that_is_no_number_stays_none() {
        let mut samples = Samples::new();
        load(&mut samples, &Labels::default(), series("signal", &[("rate", "NaN")]));
        assert!(of(&samples).rate.unwrap().is_nan());
    }

    #[test]
    fn buckets_ascend_and_the_infinite_one_is_last() {
        let rows = [("+Inf", "4"), ("0.5", "3"), ("0.05", "1"), ("oops", "9"), ("NaN", "9")];
        assert_eq!(
            buckets(Histograms::Classic, &rows),
            [(0.05, 1.0), (0.5, 3.0), (f64::INFINITY, 4.0)]
        );
    }

    #[test]
    fn one_bound_in_two_spellings_is_one_bucket() {
        // 2 + 3 requests per second took at most a second.
        assert_eq!(buckets(Histograms::Classic, &[("1", "2"), ("1.0", "3")]), [(1.0, 5.0)]);
    }

    #[test]
    fn shares_of_a_native_histogram_become_rates() {
        // A quarter and three quarters of 8 per second.
        let rows = [("0.1", "0.25"), ("1", "0.75"), ("+Inf", "8")];
        assert_eq!(
            buckets(Histograms::Native, &rows),
            [(0.1, 2.0), (1.0, 6.0), (f64::INFINITY, 8.0)]
        );
    }

    #[test]
    fn a_native_histogram_without_requests_has_rates_of_zero() {
        let rows = [("0.1", "NaN"), ("+Inf", "0")];
        assert_eq!(buckets(Histograms::Native, &rows), [(0.1, 0.0), (f64::INFINITY, 0.0)]);
    }

    #[test]
    fn a_classic_bucket_that_is_no_number_is_kept() {
        assert!(buckets(Histograms::Classic, &[("0.1", "NaN")])[0].1.is_nan());
    }

    #[rstest::rstest]
    #[case(&[("connections", "0.3"), ("postgres", "0.6")], Some(0.6))]
    #[case(&[("connections", "0.8"), ("postgres", "0.6")], Some(0.8))]
    #[case(&[("connections", "0.8"), ("postgres", "NaN")], Some(0.8))]
    #[case(&[("postgres", "1.7")], Some(1.0))]
    #[case(&[("postgres", "+Inf")], Some(1.0))]
    #[case(&[("postgres", "-0.1")], Some(0.0))]
    #[case(&[("redis", "0.1")], None)]
    fn postgres_is_as_full_as_its_fuller_side(#[case] rows: &[(&str, &str)], #[case] postgres: Option<f64>) {
        let mut samples = Samples::new();
        stores(&mut samples, &Labels::default(), series("signal", rows));
        assert_eq!(of(&samples).postgres, postgres);
    }

    #[test]
    fn a_share_that_is_no_number_makes_no_sample() {
        let mut samples = Samples::new();
        stores(
            &mut samples,
            &Labels::default(),
            series("signal", &[("postgres", "NaN")]),
        );
        assert!(samples.is_empty());
    }
}
