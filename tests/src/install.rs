//! Installs the operator by its chart, as an administrator would.

use anyhow::Context;

use crate::{cluster::paths::workspace, suite::kubectl::run};

/// The words for helm that install or upgrade the release `pathfinder` in `pathfinder-system` and wait until it is ready.
///
/// `image` names what is in the operator's image: a changed image of the same tag restarts the operator.
pub fn words(image: &str) -> Vec<String> {
    let chart = workspace().join("charts/pathfinder");
    let chart = chart.to_string_lossy();
    let fixed = "--namespace pathfinder-system --create-namespace --wait --timeout 3m \
                 --set prometheus.endpoints.default.scrapeIntervalSeconds=5 \
                 --set prometheus.endpoints.queries.url=http://prometheus.monitoring.svc:9090 \
                 --set prometheus.endpoints.queries.scrapeIntervalSeconds=5 \
                 --set prometheus.endpoints.queries.userQueries=Allowed";
    let mut words: Vec<String> = ["upgrade", "--install", "pathfinder", &chart]
        .iter()
        .map(|&it| it.to_owned())
        .collect();
    words.extend(fixed.split_whitespace().map(str::to_owned));
    words.extend([
        "--set-string".to_owned(),
        format!("podAnnotations.pathfinder\\.dev/image=i{image}"),
    ]);
    words
}

/// Installs or upgrades the operator from a program that runs inside the cluster's network, with these words more.
///
/// # Errors
/// What helm said.
pub async fn operator(more: &[&str]) -> anyhow::Result<()> {
    let image = std::env::var("PATHFINDER_OPERATOR_IMAGE").unwrap_or_default();
    let fixed = words(&image);
    let mut all: Vec<&str> = fixed.iter().map(String::as_str).collect();
    all.extend(more);
    run("helm", &all, "")
        .await?
        .ok()
        .context("helm upgrade --install pathfinder")?;
    Ok(())
}
