//! Debian packages: installed when we are root, named when we are not.

use std::{path::Path, process::Command};

use crate::cluster::{paths::Paths, process, step::step};

/// What the cluster with Podman needs.
pub const CLUSTER: &[&str] = &[
    "podman",
    // Only recommended by podman; without them nodes cannot resolve each other.
    "netavark",
    "aardvark-dns",
    "mmdebstrap",
    "containerd",
    "runc",
    "containernetworking-plugins",
    "conntrack",
    "nftables",
    "iptables",
    "iproute2",
    "catatonit",
    "busybox-static",
    "util-linux",
];

/// What the tests beside the code need: real stores on loopback.
pub const STORES: &[&str] = &["postgresql", "redis-server"];

/// What the fuzzer of the API needs: Python comes with it.
pub const FUZZER: &[&str] = &["python3-venv"];

/// What the bench of the API needs: a load generator that is quicker than what it measures.
pub const BENCH: &[&str] = &["wrk"];

/// What the peer of that bench needs, unless npm came otherwise.
pub const NODE: &[&str] = &["nodejs", "npm"];

/// What the tests and benches need that ask a real Prometheus: the server and promtool.
pub const PROMETHEUS: &[&str] = &["prometheus"];

/// What the tests need that look at pages: a browser without a screen.
pub const BROWSERS: &[&str] = &["chromium"];

/// Whether this process is root.
pub fn is_root() -> bool {
    process::read(process::command(&["id", "-u"])).is_ok_and(|id| id.trim() == "0")
}

/// Makes sure that these packages are installed.
///
/// # Errors
/// When they are missing and cannot be installed: which, and the command that installs them.
pub fn ensure(paths: &Paths, packages: &[&str]) -> anyhow::Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    let by_hand = format!("apt-get install --no-install-recommends {list}");
    anyhow::ensure!(
        is_root(),
        "these Debian packages are missing: {list}\n  as root: {by_hand}"
    );
    anyhow::ensure!(
        Path::new("/usr/bin/apt-get").exists(),
        "these packages are missing, and there is no apt-get: {list}"
    );
    step(&format!("installing Debian packages: {list}"), || {
        let log = paths.logs().join("packages.log");
        process::run(apt(&["update"]), &log)?;
        let mut words = vec!["install", "-y", "--no-install-recommends"];
        words.extend(missing);
        let mut install = apt(&words);
        // A package must not start a server on this machine: RUNLEVEL=1 makes invoke-rc.d refuse to.
        install.env("RUNLEVEL", "1");
        process::run(install, &log)
    })
}

fn apt(words: &[&str]) -> Command {
    let mut command = process::command(&["apt-get", "-qq"]);
    command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn installed(package: &str) -> bool {
    let query = process::command(&["dpkg-query", "-W", "-f", "${db:Status-Status}", package]);
    process::read(query).is_ok_and(|status| status == "installed")
}
