//! The chart as text: it lints, gives no wildcard, and refuses bad values.

use pathfinder_tests::suite::kubectl::run;

fn chart() -> String {
    format!("{}/../charts/pathfinder", env!("CARGO_MANIFEST_DIR"))
}

async fn helm(words: &[&str]) -> String {
    run("helm", words, "").await.unwrap().ok().unwrap()
}

#[tokio::test]
async fn the_chart_lints_and_gives_no_wildcard_in_either_mode() {
    let chart = chart();
    helm(&["lint", "--strict", &chart]).await;
    for mode in [vec![], vec!["--set", "watchNamespaces={shop,blog}"]] {
        let mut words = vec!["template", "pathfinder", &chart, "-n", "pathfinder-system"];
        words.extend(mode);
        let text = helm(&words).await;
        let wildcards: Vec<&str> = text
            .lines()
            .filter(|line| line.contains("\"*\"") || line.contains("'*'") || line.trim() == "- *")
            .collect();
        assert!(wildcards.is_empty(), "{wildcards:?}");
    }
}

#[tokio::test]
async fn bad_values_are_refused_by_the_schema() {
    let chart = chart();
    for (set, message) in [
        ("replicas=many", "replicas"),
        ("replcias=1", "replcias"),
        ("prometheus.endpoints.default.url=ftp://x", "url"),
        ("podMonitors.mode=Perhaps", "podMonitors"),
        ("podMonitors.labels.release=a b", "release"),
    ] {
        let said = run("helm", &["template", "pathfinder", &chart, "--set", set], "")
            .await
            .unwrap();
        assert!(
            !said.worked && said.err.contains(message),
            "{set}: {}{}",
            said.out,
            said.err
        );
    }
}
