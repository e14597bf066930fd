//! Where the replicas stand, and who asked for them, in words.
//!
//! Pure. What is computed and not published by the HPA is called an estimate every time.

use crate::{
    model::replicas::{AskedBy, Metric, Replicas},
    text::{NONE, figure, lines, table::table},
};

/// The HPA's figures, its metrics, and who asked.
pub(crate) fn render(replicas: &Replicas) -> String {
    let Replicas {
        hpa,
        floor,
        maximum,
        current,
        desired,
        metrics,
        asked_by: _,
        inactive,
    } = replicas;
    let metrics = match metrics.as_slice() {
        [] => String::new(),
        metrics => {
            let rows: Vec<_> = metrics.iter().map(cells).collect();
            table("    ", ["HPA METRIC", "VALUE", "TARGET", "ASKS FOR (ESTIMATE)"], &rows)
        }
    };
    let head = [
        Some(format!(
            "  HPA {hpa}: floor {floor}, maximum {maximum}, current {current}, desired {desired}"
        )),
        Some(format!("  {}", who_asked(replicas))),
        inactive.as_ref().map(|why| format!("  the HPA cannot act: {why}")),
    ];
    lines(head.into_iter().flatten()) + &metrics
}

fn cells(metric: &Metric) -> [String; 4] {
    let percent = |value: i64| format!("{value}%");
    [
        metric.resource.clone(),
        metric.utilization_percent.map_or_else(|| NONE.to_owned(), percent),
        percent(metric.target_percent),
        figure(metric.estimated_replicas),
    ]
}

/// One line: the floor or the HPA's own metrics.
pub(crate) fn who_asked(replicas: &Replicas) -> String {
    let floor = replicas.floor;
    let desired = replicas.desired;
    let metrics = match replicas.strongest() {
        Some((resource, wish)) => format!("the HPA's own metrics ask for {wish} ({resource}, estimate)"),
        None => "the HPA has no figures of its own".to_owned(),
    };
    match replicas.asked_by {
        AskedBy::Floor | AskedBy::FloorAlone => format!("the floor ({floor}) asked for it; {metrics}"),
        AskedBy::Both => format!("the floor ({floor}) asked for it, and so do others: {metrics}"),
        AskedBy::Metrics => format!("not the floor ({floor}) asked for it: {metrics}"),
        AskedBy::EarlierMetrics => {
            format!(
                "not the floor ({floor}): the HPA still holds an earlier wish of its own for {desired}; now {metrics}"
            )
        }
        AskedBy::MetricsWantMore if desired >= replicas.maximum => {
            format!("the maximum ({}) limits it: {metrics}", replicas.maximum)
        }
        AskedBy::MetricsWantMore => format!("the floor is {floor}; {metrics} and it has not acted on that yet"),
        AskedBy::FloorNotFollowedYet => {
            format!("the floor was raised to {floor}; the HPA has not looked at it yet (it does every 15s)")
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::fixtures;

    #[rstest]
    // cpu: ceil(6 * 20 / 70) = 2, memory: ceil(6 * 10 / 80) = 1
    #[case::floor(6, [6, 6], Some([20, 10]), "the floor (6) asked for it; the HPA's own metrics ask for 2 (cpu, estimate)")]
    #[case::no_figures(6, [6, 6], None, "the floor (6) asked for it; the HPA has no figures of its own")]
    // cpu at its target: no change
    #[case::both(6, [6, 6], Some([70, 10]), "the floor (6) asked for it, and so do others: the HPA's own metrics ask for 6 (cpu, estimate)")]
    // cpu: ceil(4 * 140 / 70) = 8
    #[case::metrics(2, [4, 8], Some([140, 10]), "not the floor (2) asked for it: the HPA's own metrics ask for 8 (cpu, estimate)")]
    // memory: ceil(8 * 40 / 80) = 4
    #[case::earlier(2, [8, 8], Some([10, 40]), "not the floor (2): the HPA still holds an earlier wish of its own for 8; now the HPA's own metrics ask for 4 (memory, estimate)")]
    // cpu: ceil(10 * 140 / 70) = 20
    #[case::maximum(2, [10, 10], Some([140, 10]), "the maximum (10) limits it: the HPA's own metrics ask for 20 (cpu, estimate)")]
    #[case::not_yet(6, [2, 2], Some([20, 10]), "the floor was raised to 6; the HPA has not looked at it yet (it does every 15s)")]
    fn it_is_said_who_asked(
        #[case] floor: i32,
        #[case] current_and_desired: [i32; 2],
        #[case] utilization: Option<[i32; 2]>,
        #[case] expected: &str,
    ) {
        let replicas = Replicas::of(&fixtures::hpa("shop", floor, current_and_desired, utilization));
        assert_eq!(who_asked(&replicas), expected);
    }

    #[test]
    fn an_hpa_that_cannot_act_is_said_to() {
        let mut hpa = fixtures::hpa("shop", 2, [2, 2], None);
        fixtures::fail_hpa(&mut hpa, "FailedGetResourceMetric", "no metrics");
        let expected = "  \
  HPA shop-api: floor 2, maximum 10, current 2, desired 2
  the floor (2) asked for it; the HPA has no figures of its own
  the HPA cannot act: FailedGetResourceMetric: no metrics
    HPA METRIC  VALUE  TARGET  ASKS FOR (ESTIMATE)
    cpu         -      70%     -
    memory      -      80%     -
";
        assert_eq!(render(&Replicas::of(&hpa)), expected);
    }
}
