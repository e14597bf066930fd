//! The cluster itself: up, down, status. `up` heals whatever an earlier run left behind.

use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};

use anyhow::Context;
use serde::Serialize;
use serde_json::Value;

use crate::cluster::{
    Engine, addons, leftovers, network, node_image, packages,
    paths::{Paths, recipe, remove},
    process::{self, read, works},
    programs,
    step::{step, until},
};

/// Name of the cluster and stem of its nodes' names.
pub const NAME: &str = "pathfinder";

const START: Duration = Duration::from_secs(180);

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
        step("waiting for another run of cargo dev", || Ok(file.lock()?))?;
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
    let there = status(paths, engine);
    if there.up && there.ready.len() == wanted.nodes && there.not_ready.is_empty() && addons::ready(engine) {
        return Ok(());
    }
    if engine == Engine::Podman {
        packages::ensure(paths, packages::CLUSTER)?;
    }
    engine.configure(paths)?;
    programs::ensure(paths, engine)?;
    let usable = there.up && there.ready.len() + there.not_ready.len() == wanted.nodes;
    if !usable {
        create(paths, wanted)?;
    }
    step(&format!("waiting for {} Ready nodes", wanted.nodes), || {
        until("every node to be Ready", START, || {
            let now = status(paths, engine);
            if now.ready.len() == wanted.nodes {
                Ok(())
            } else {
                Err(format!("{now:?}"))
            }
        })
    })?;
    network::route(engine)?;
    addons::ensure(paths, engine)
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
    let config = paths.state.join("kind.yaml");
    fs::write(&config, configuration(paths, wanted))?;
    step(&format!("creating a kind cluster of {} nodes", wanted.nodes), || {
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
    })
}

fn configuration(paths: &Paths, wanted: Wanted) -> String {
    let workers = "- role: worker\n".repeat(wanted.nodes.saturating_sub(1));
    let policy = recipe().join("audit-policy.yaml");
    include_str!("../../cluster/kind.yaml")
        .replace("{{audit-policy}}", &policy.to_string_lossy())
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
    let kind = paths.bin().join("kind");
    let alive = engine == Engine::Docker || network::exists();
    if kind.exists() && alive {
        let kubeconfig = paths.kubeconfig();
        let words = [
            "delete",
            "cluster",
            "--name",
            NAME,
            "--kubeconfig",
            &kubeconfig.to_string_lossy(),
        ];
        process::run(engine.kind(paths, &words), &paths.logs().join("kind.log"))?;
    }
    if engine == Engine::Podman {
        leftovers::remove(paths, alive)?;
    }
    for name in ["kubeconfig", "kind.yaml", "loaded.json", "audit", "run", "engine"] {
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
