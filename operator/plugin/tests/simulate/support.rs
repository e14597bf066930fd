//! The program in a folder of its own, and what it wrote.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use pathfinder_scaling::sim::{synthetic, trace::Trace};
use serde_json::Value;
use tokio::process::Command;

pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("simulate").join(name);
    // What an earlier run left, if there was one.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) async fn finished(mut command: Command) -> Output {
    let text = format!("{command:?}");
    let output = command.kill_on_drop(true).output();
    tokio::time::timeout(Duration::from_secs(120), output)
        .await
        .unwrap_or_else(|_| panic!("{text} still runs after 120 s"))
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) async fn run(folder: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-pathfinder"));
    command
        .arg("simulate")
        .args(line.split_whitespace())
        .current_dir(folder)
        .env_remove("KUBECONFIG")
        .env("HOME", "/nonexistent");
    finished(command).await
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn document(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_str(&stdout(output)).unwrap_or_else(|error| panic!("{error}: {}", stdout(output)))
}

fn csv(trace: &Trace) -> String {
    let mut text = "seconds,requests_per_second\n".to_owned();
    for bin in trace.bins() {
        writeln!(text, "{},{}", bin.from_second, bin.requests_per_second).unwrap();
    }
    text
}

/// A folder with six hours of steps from 100 to 1000 requests/s and back, and a spec with room for them.
pub(crate) fn with_steps(name: &str) -> PathBuf {
    let folder = folder(name);
    let traces = synthetic::traces(1);
    let step = traces.iter().find(|trace| trace.name() == "step").unwrap();
    fs::write(folder.join("step.csv"), csv(step)).unwrap();
    let spec = "apiVersion: pathfinder.dev/v1alpha1\nkind: PathfinderCluster\nmetadata: {name: shop}\nspec:\n  \
                api: {image: shop}\n  scaling: {minReplicas: 1, maxReplicas: 40, requestsPerSecond: {perReplica: 50}}\n";
    fs::write(folder.join("shop.yaml"), spec).unwrap();
    folder
}
