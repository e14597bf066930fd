//! A trace of a file: its table, its figures, and what is refused.

use std::fs;

use rstest::rstest;
use serde_json::Value;
use tokio::process::Command;

use crate::support::{document, finished, folder, run, stderr, stdout, with_steps};

#[tokio::test]
async fn a_trace_becomes_a_table_of_all_policies_and_its_rules() {
    let folder = with_steps("table");
    let output = run(&folder, "--trace step.csv --spec shop.yaml").await;
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.starts_with("step: 6h, mean "), "{text}");
    assert!(
        text.contains(
            "\n1 to 40 replicas, 50 requests/s per replica, a pod is ready 30s after its order (spec: shop.yaml)\n"
        ),
        "{text}"
    );
    let rows: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("POLICY"))
        .skip(1)
        .take(4)
        .map(|line| line.split_whitespace().next().unwrap_or_default())
        .collect();
    assert_eq!(rows, ["ours", "hpa", "keda", "kpa"], "{text}");
    // 50 / 0.7 = 71.4
    assert!(
        text.contains("a pod serves 50 requests/s well and saturates at 71.4;"),
        "{text}"
    );
    assert_eq!(stderr(&output), "", "no progress where nobody looks");
}

#[tokio::test]
async fn stdin_is_a_trace_too_and_the_policies_come_in_the_order_asked_for() {
    let folder = with_steps("stdin");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-pathfinder"));
    command
        .args(["simulate", "--trace", "-", "--policy", "kpa,ours,kpa", "-o", "json"])
        .stdin(fs::File::open(folder.join("step.csv")).unwrap());
    let document = document(&finished(command).await);
    assert_eq!(document["load"]["name"], "stdin");
    let policies: Vec<&Value> = document["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["policy"])
        .collect();
    assert_eq!(policies, ["kpa", "ours"]);
}

#[tokio::test]
async fn as_json_figures_are_numbers_with_their_units_in_their_names() {
    let folder = with_steps("json");
    let document = document(&run(&folder, "--trace step.csv --spec shop.yaml --pod-start 90s -o json").await);
    assert_eq!(document["setup"]["perReplica"], 50.0);
    assert_eq!(document["setup"]["maxReplicas"], 40);
    assert_eq!(document["setup"]["podStartSeconds"], 90);
    assert_eq!(document["load"]["seconds"], 21_600);
    assert_eq!(document["load"]["scale"], 1.0);
    // Rates are used as they are: the steps are of 1000 requests/s with noise of a few percent.
    let peak = document["load"]["peakRequestsPerSecond"].as_f64().unwrap();
    assert!((1000.0..1200.0).contains(&peak), "{peak}");
    for policy in document["policies"].as_array().unwrap() {
        let share = policy["violationShare"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&share), "{policy}");
        // At least one replica for six hours, at most forty.
        let hours = policy["replicaHours"].as_f64().unwrap();
        assert!((6.0..=240.0).contains(&hours), "{policy}");
        assert!(
            policy["changesPerHour"].is_number() && policy["secondsToSafe"].is_number(),
            "{policy}"
        );
    }
    assert!(document.get("page").is_none());
}

#[tokio::test]
async fn the_peak_can_be_scaled_to_a_number_of_replicas() {
    let folder = with_steps("scaled");
    let document = document(&run(&folder, "--trace step.csv --spec shop.yaml --peak-replicas 30 -o json").await);
    // 30 replicas serve 30 x 50 = 1500 requests/s well.
    let peak = document["load"]["peakRequestsPerSecond"].as_f64().unwrap();
    assert!((peak - 1500.0).abs() < 1.0, "{peak}");
}

#[tokio::test]
async fn a_peak_that_the_bounds_do_not_allow_is_told() {
    let folder = with_steps("bounds");
    let output = run(&folder, "--trace step.csv --peak-replicas 40 --policy hpa").await;
    assert!(
        stdout(&output).contains("and maxReplicas is 10: no policy can serve it"),
        "{}",
        stdout(&output)
    );
}

#[rstest]
#[case::header(
    "--trace bad.csv",
    "bad.csv: line 1: expected the header `seconds,requests_per_second`, found `time,load`"
)]
#[case::row(
    "--trace row.csv",
    "row.csv: line 3: expected `SECONDS,REQUESTS_PER_SECOND` such as `300,12.5`, found `5;2`"
)]
#[case::nan("--trace nan.csv", "nan.csv: line 2: `NaN` is no rate")]
#[case::missing("--trace none.csv", "cannot read none.csv: ")]
#[case::spec(
    "--trace step.csv --spec bad.csv",
    "bad.csv: has no document of kind PathfinderCluster"
)]
#[case::directory("--trace step.csv --html pages", "cannot write the page pages: it is a directory")]
#[case::folder(
    "--trace step.csv --html none/a.html",
    "cannot write the page none/a.html: there is no directory none"
)]
#[tokio::test]
async fn what_cannot_be_used_is_named_with_its_line(#[case] line: &str, #[case] expected: &str) {
    let folder = with_steps(&format!("refused-{}", line.replace([' ', '/', '-'], "")));
    fs::write(folder.join("bad.csv"), "time,load\n0,1\n").unwrap();
    fs::write(folder.join("row.csv"), "seconds,requests_per_second\n0,1\n5;2\n").unwrap();
    fs::write(folder.join("nan.csv"), "seconds,requests_per_second\n0,NaN\n").unwrap();
    fs::create_dir(folder.join("pages")).unwrap();
    let output = run(&folder, line).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with(&format!("error: {expected}")),
        "{}",
        stderr(&output)
    );
    assert_eq!(stdout(&output), "");
}

#[tokio::test]
async fn an_unknown_policy_ends_with_those_that_exist() {
    let output = run(&folder("unknown"), "--trace step.csv --policy vpa").await;
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("[possible values: ours, hpa, keda, kpa]"),
        "{}",
        stderr(&output)
    );
}
