//! Installs the operator by its chart, as an administrator would.

use anyhow::Context;

use crate::suite::kubectl::run;

/// Installs or upgrades the release `pathfinder` in `pathfinder-system` and waits until it is ready.
///
/// # Errors
/// What helm said.
pub async fn operator(more: &[&str]) -> anyhow::Result<()> {
    let chart = format!("{}/../charts/pathfinder", env!("CARGO_MANIFEST_DIR"));
    let mut words = vec![
        "upgrade",
        "--install",
        "pathfinder",
        &chart,
        "--namespace",
        "pathfinder-system",
        "--create-namespace",
        "--set",
        "prometheus.endpoints.default.scrapeIntervalSeconds=5",
        "--wait",
        "--timeout",
        "3m",
    ];
    words.extend(more);
    // A changed image of the same tag restarts the operator.
    let image = std::env::var("PATHFINDER_OPERATOR_IMAGE").unwrap_or_default();
    let annotation = format!("podAnnotations.pathfinder\\.dev/image=i{image}");
    words.extend(["--set-string", &annotation]);
    run("helm", &words, "")
        .await?
        .ok()
        .context("helm upgrade --install pathfinder")?;
    Ok(())
}
