//! The cluster itself: up, down, status. `up` heals whatever an earlier run left behind.

use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};

use anyhow::Context;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::cluster::{
    Engine, addons, faults, interrupt, leftovers, mend, network, node_image, packages,
    paths::{Paths, recipe, remove},
    process::{self, command, read, works},
    programs,
    step::{say, step, until},
};

/// Name of the cluster and stem of its nodes' names.
pub const NAME: &str = "pathfinder";

const START: Duration = Duration::from_secs(180);
// For nodes that thaw or get their cable back.
const MEND: Duration = Duration::from_secs(90);
const DELETE: Duration = Duration::from_secs(120);

// What belongs to a cluster in the state folder.
const STATE: [&str; 10] = [
    "kubeconfig",
    "audit-policy.yaml",
    "kind.yaml",
    "addons.yaml",
    "loaded.json",
    "audit",
    "run",
    "networks",
    "engine",
    "boot",
];

/// What to bring up.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Nodes in all, the control plane among them.
    pub nodes: usize,
    /// What runs them.
    pub engine: Engine,
}

/// What is there.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Whether the API server answers.
    pub up: bool,
    /// Nodes that are Ready.
    pub ready: Vec<String>,
    /// Nodes that are not.
    pub not_ready: Vec<String>,
    /// Where the kubeconfig is.
    pub kubeconfig: String,
}

/// Only one `up` or `down` at a time; released when dropped, also by a crash.
///
/// # Errors
/// When the lock file cannot be made.
pub fn lock(paths: &Paths) -> anyhow::Result<File> {
    paths.create()?;
    let file = File::create(paths.state.join("lock"))?;
    if file.try_lock().is_err() {
        // Asked again and again: a lock that blocks would not hear Ctrl-C.
        step("waiting for another run of cargo dev", || {
            until("the other run to end", process::LONGEST, || {
                file.try_lock().map_err(|error| error.to_string())
            })
        })?;
    }
    Ok(file)
}

/// Makes sure that the cluster runs with everything in it.
///
/// # Errors
/// The step that failed, with the last lines of its output.
pub fn up(paths: &Paths, wanted: Wanted) -> anyhow::Result<()> {
    let _lock = lock(paths)?;
    let engine = wanted.engine;
    let remembered = Engine::current(paths);
    anyhow::ensure!(
        remembered == engine || !status(paths, remembered).up,
        "a cluster runs with {}: cargo dev cluster down first, or leave --engine out",
        remembered.program()
    );
    let there = status(paths, engine);
    let whole = there.up && there.ready.len() == wanted.nodes && there.not_ready.is_empty();
    // A node that was lost a moment ago still says Ready: the engine knows better.
    if whole && mend::all_run(paths, engine, &there.ready) && addons::ready(engine) {
        return Ok(());
    }
    refuse_other_size(&there, (wanted, mend::nodes(paths, engine).len()))?;
    if engine == Engine::Podman {
        packages::ensure(paths, packages::CLUSTER)?;
    }
    engine.configure(paths)?;
    programs::ensure(paths, engine)?;
    if !mended(paths, wanted) {
        interrupt::check()?;
        create(paths, wanted)?;
        wait_ready(paths, wanted, START)?;
    }
    network::route(engine)?;
    addons::ensure(paths, engine)
}

// A whole cluster is somebody's: it is never removed for one of another size.
fn refuse_other_size(there: &Status, (wanted, nodes): (Wanted, usize)) -> anyhow::Result<()> {
    let ready = there.ready.len();
    let is_whole = there.up && there.not_ready.is_empty() && ready == nodes && ready > 0;
    anyhow::ensure!(
        !is_whole || ready == wanted.nodes,
        "a cluster of {ready} nodes runs, and {} are wanted: cargo dev cluster down first",
        wanted.nodes
    );
    Ok(())
}

// A cluster that cannot be mended is made again: that always works, and costs a minute.
fn mended(paths: &Paths, wanted: Wanted) -> bool {
    let engine = wanted.engine;
    let there = mend::nodes(paths, engine);
    if there.len() != wanted.nodes || (engine == Engine::Podman && !network::exists()) {
        return false;
    }
    let since = Timestamp::now();
    let mending = step("mending the nodes", || {
        let started = mend::all(paths, engine, &there)?;
        // Until then such a node says what it was: Ready, at its old address.
        started
            .iter()
            .try_for_each(|node| faults::ready_again(paths, engine, (node, since)))
    })
    .and_then(|()| wait_ready(paths, wanted, MEND));
    if let Err(error) = &mending {
        say(&format!("{error:#}"));
    }
    mending.is_ok()
}

fn wait_ready(paths: &Paths, wanted: Wanted, deadline: Duration) -> anyhow::Result<()> {
    step(&format!("waiting for {} Ready nodes", wanted.nodes), || {
        until("every node to be Ready", deadline, || {
            let now = status(paths, wanted.engine);
            if now.ready.len() == wanted.nodes {
                Ok(())
            } else {
                Err(format!("{now:?}"))
            }
        })
    })
}

fn create(paths: &Paths, wanted: Wanted) -> anyhow::Result<()> {
    let engine = wanted.engine;
    let image = match engine {
        Engine::Docker => None,
        Engine::Podman => Some(node_image::ensure(paths, engine)?),
    };
    if leftovers::any(paths, engine) {
        step("removing what an earlier run left behind", || clear(paths, engine))?;
    }
    paths.create()?;
    engine.configure(paths)?;
    network::ensure(paths, engine)?;
    // A copy: the node keeps it mounted, and a checkout may go away before the cluster does.
    fs::copy(recipe().join("audit-policy.yaml"), paths.audit_policy())?;
    let config = paths.state.join("kind.yaml");
    fs::write(&config, configuration(paths, wanted))?;
    let created = step(&format!("creating a kind cluster of {} nodes", wanted.nodes), || {
        let (config, kubeconfig) = (config.to_string_lossy(), paths.kubeconfig());
        let kubeconfig = kubeconfig.to_string_lossy();
        let mut words = vec![
            "create",
            "cluster",
            "--config",
            &config,
            "--kubeconfig",
            &kubeconfig,
            "--wait",
            "180s",
        ];
        if let Some(image) = &image {
            words.extend(["--image", image]);
        }
        process::run(engine.kind(paths, &words), &paths.logs().join("kind.log"))
    });
    // kind removes its nodes when it fails, but not when it is interrupted.
    if created.is_err() && interrupt::came() {
        interrupt::cleaning(|| step("removing what is half made", || clear(paths, engine)))?;
    }
    created
}

fn configuration(paths: &Paths, wanted: Wanted) -> String {
    let workers = "- role: worker\n".repeat(wanted.nodes.saturating_sub(1));
    include_str!("../../cluster/kind.yaml")
        .replace("{{audit-policy}}", &paths.audit_policy().to_string_lossy())
        .replace("{{audit-log}}", &paths.audit().to_string_lossy())
        .replace("{{pods}}", network::PODS)
        .replace("{{services}}", network::SERVICES)
        + &workers
}

/// Removes the cluster and everything that it put on the machine; the cache stays.
///
/// # Errors
/// What could not be removed.
pub fn down(paths: &Paths) -> anyhow::Result<()> {
    let _lock = lock(paths)?;
    let engine = Engine::current(paths);
    step("removing the cluster", || clear(paths, engine))
}

fn clear(paths: &Paths, engine: Engine) -> anyhow::Result<()> {
    // Podman finds its storage by its configuration, and starts only in its namespace: both may have been lost.
    engine.configure(paths)?;
    if engine == Engine::Podman && works(command(&["podman", "--version"])) {
        network::namespace()?;
    }
    let kind = paths.bin().join("kind");
    if kind.exists() {
        let kubeconfig = paths.kubeconfig();
        let kubeconfig = kubeconfig.to_string_lossy();
        let words = ["delete", "cluster", "--name", NAME, "--kubeconfig", &kubeconfig];
        let deleted = process::run_within(engine.kind(paths, &words), &paths.logs().join("kind.log"), DELETE);
        match (engine, deleted) {
            // Nothing else removes the nodes with Docker.
            (Engine::Docker, Err(error)) => return Err(error),
            (Engine::Podman, Err(error)) => say(&format!("{error:#}\n  going on without kind")),
            (Engine::Docker | Engine::Podman, Ok(())) => {}
        }
    }
    if engine == Engine::Podman {
        leftovers::remove(paths)?;
    }
    for name in STATE {
        remove(&paths.state.join(name))?;
    }
    Ok(())
}

/// What is there now; quick, and never an error.
pub fn status(paths: &Paths, engine: Engine) -> Status {
    let kubeconfig = paths.kubeconfig();
    let mut status = Status {
        up: false,
        ready: Vec::new(),
        not_ready: Vec::new(),
        kubeconfig: kubeconfig.to_string_lossy().into_owned(),
    };
    if !kubeconfig.exists() || (engine == Engine::Podman && !network::exists()) {
        return status;
    }
    let Ok(nodes) = nodes(engine) else { return status };
    status.up = true;
    for (name, ready) in nodes {
        if ready {
            status.ready.push(name);
        } else {
            status.not_ready.push(name);
        }
    }
    status
}

fn nodes(engine: Engine) -> anyhow::Result<Vec<(String, bool)>> {
    let mut command = engine.inside("kubectl");
    command.args(["get", "nodes", "-o", "json", "--request-timeout=2s"]);
    let list: Value = serde_json::from_str(&read(command)?)?;
    let items = list["items"].as_array().context("no list of nodes")?;
    Ok(items
        .iter()
        .map(|node| {
            let name = node["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let conditions = node["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let ready = conditions
                .iter()
                .any(|it| it["type"] == "Ready" && it["status"] == "True");
            (name, ready)
        })
        .collect())
}

/// Loads an image archive into every node.
///
/// # Errors
/// What kind said.
pub fn load(paths: &Paths, engine: Engine, archive: &Path) -> anyhow::Result<()> {
    let words = ["load", "image-archive", &archive.to_string_lossy(), "--name", NAME];
    process::run(engine.kind(paths, &words), &paths.logs().join("load.log"))
}

/// Whether the API server answers at once.
pub fn answers(engine: Engine) -> bool {
    let mut command = engine.inside("kubectl");
    command.args(["get", "--raw", "/readyz", "--request-timeout=2s"]);
    works(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(ready: usize, not_ready: usize) -> Status {
        let names = |count: usize| (0..count).map(|number| format!("node{number}")).collect();
        Status {
            up: ready + not_ready > 0,
            ready: names(ready),
            not_ready: names(not_ready),
            kubeconfig: String::new(),
        }
    }

    fn refused(there: &Status, nodes: usize) -> Option<String> {
        let wanted = Wanted {
            nodes: 3,
            engine: Engine::Podman,
        };
        let checked = refuse_other_size(there, (wanted, nodes));
        checked.err().map(|error| error.to_string())
    }

    #[test]
    fn a_whole_cluster_of_another_size_is_left_alone_and_what_is_broken_is_not() {
        assert_eq!(refused(&there(3, 0), 3), None);
        assert_eq!(
            refused(&there(5, 0), 5).unwrap(),
            "a cluster of 5 nodes runs, and 3 are wanted: cargo dev cluster down first"
        );
        // One that lost a node, one whose creation was ended, none.
        assert_eq!(refused(&there(4, 1), 5), None);
        assert_eq!(refused(&there(1, 0), 2), None);
        assert_eq!(refused(&there(0, 0), 0), None);
    }
}
