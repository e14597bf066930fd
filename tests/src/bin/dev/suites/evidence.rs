//! What a failed cluster suite leaves to be read when its cluster is gone.

use std::fs;

use pathfinder_tests::cluster::{Engine, Paths, paths::remove, process};

// Each file, and the words of kubectl that fill it. A failed test leaves its namespace as it was.
const FILES: &[(&str, &[&str])] = &[
    ("clusters.yaml", &["get", "pathfinderclusters", "-A", "-o", "yaml"]),
    ("pods.txt", &["get", "pods", "-A", "-o", "wide"]),
    ("events.txt", &["get", "events", "-A", "--sort-by=.lastTimestamp"]),
    (
        "operator.log",
        &[
            "-n",
            "pathfinder-system",
            "logs",
            "-l",
            "app.kubernetes.io/name=pathfinder-operator",
            "--prefix",
            "--tail=-1",
        ],
    ),
];

/// Writes what the cluster knows into the folder `failed` of the logs, in place of what an earlier failure left there.
pub(super) fn keep(paths: &Paths, engine: Engine) {
    let folder = paths.logs().join("failed");
    if remove(&folder).is_err() || fs::create_dir_all(&folder).is_err() {
        return;
    }
    for (file, words) in FILES {
        let mut kubectl = engine.inside("kubectl");
        kubectl.args(*words);
        let text = process::read(kubectl).unwrap_or_else(|error| format!("{error:#}\n"));
        // Already failing: that a file cannot be written changes nothing.
        let _ = fs::write(folder.join(file), text);
    }
    println!("   what the cluster knew: {}", folder.display());
}
