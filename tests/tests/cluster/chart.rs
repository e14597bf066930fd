//! The chart, as an administrator uses it: lint, upgrade, uninstall, install again. The CRD and every stack survive.

use pathfinder_tests::{
    install,
    suite::{Stack, exclusive, kubectl::run, shared},
};

fn chart() -> String {
    format!("{}/../charts/pathfinder", env!("CARGO_MANIFEST_DIR"))
}

async fn helm(words: &[&str]) -> String {
    run("helm", words, "").await.unwrap().ok().unwrap()
}

#[tokio::test]
async fn the_chart_lints_and_gives_no_wildcard_in_either_mode() {
    let _turn = shared().await;
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
    let _turn = shared().await;
    let chart = chart();
    for (set, message) in [
        ("replicas=many", "replicas"),
        ("replcias=1", "replcias"),
        ("prometheus.endpoints.default.url=ftp://x", "url"),
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

#[tokio::test]
async fn a_stack_survives_upgrade_uninstall_and_install_of_the_operator() {
    let _turn = exclusive().await;
    let stack = Stack::fresh("chart").await.unwrap();
    stack.apply(&stack.small()).await.unwrap();
    stack.wait_ready().await.unwrap();
    let before: Vec<_> = stack
        .pods("api")
        .await
        .unwrap()
        .into_iter()
        .map(|pod| pod.metadata.uid)
        .collect();
    install::operator(&["--set", "maxConcurrentReconciles=4"])
        .await
        .unwrap();
    helm(&[
        "uninstall",
        "pathfinder",
        "-n",
        "pathfinder-system",
        "--wait",
        "--timeout",
        "2m",
    ])
    .await;
    assert!(stack.get().await.is_ok(), "the CRD and the resource are kept");
    install::operator(&[]).await.unwrap();
    stack.wait_ready().await.unwrap();
    let after: Vec<_> = stack
        .pods("api")
        .await
        .unwrap()
        .into_iter()
        .map(|pod| pod.metadata.uid)
        .collect();
    assert_eq!(before, after, "no pod was replaced");
    stack.remove().await.unwrap();
}
