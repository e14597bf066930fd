//! What can happen to a node: its power is cut, it freezes, its network cable is pulled. And how it comes back.

use std::{thread, time::Duration};

use anyhow::Context;
use clap::ValueEnum;
use serde_json::Value;

use crate::cluster::{
    Engine, kind, network,
    paths::Paths,
    process::{self, read},
    step::until,
};

/// Something that happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// Cut its power: every process of the node is gone at once.
    Crash,
    /// Freeze all its processes.
    Freeze,
    /// Let a frozen node go on.
    Thaw,
    /// Pull its network cable.
    Partition,
    /// Plug its network cable in again.
    Heal,
    /// Give a crashed node power again.
    Start,
}

/// Makes it happen.
///
/// # Errors
/// When there is no such node (with those that there are), or the engine refuses.
pub fn inflict(fault: Fault, node: &str) -> anyhow::Result<()> {
    let paths = Paths::from_env();
    let engine = Engine::current(&paths);
    known(&paths, engine, node)?;
    let log = paths.logs().join("faults.log");
    match fault {
        Fault::Crash => process::run(engine.node(&paths, &["kill", "-s", "KILL", node]), &log),
        Fault::Freeze => process::run(engine.node(&paths, &["pause", node]), &log),
        Fault::Thaw => process::run(engine.node(&paths, &["unpause", node]), &log),
        Fault::Partition => cable(&paths, engine, (node, "down")),
        Fault::Heal => cable(&paths, engine, (node, "up")),
        Fault::Start => {
            process::run(engine.node(&paths, &["start", node]), &log)?;
            // It comes back with another address.
            ready_again(&paths, engine, node)?;
            network::route(engine)
        }
    }
}

fn known(paths: &Paths, engine: Engine, node: &str) -> anyhow::Result<()> {
    let text = read(engine.kind(paths, &["get", "nodes", "--name", kind::NAME]))?;
    let nodes: Vec<&str> = text.lines().collect();
    anyhow::ensure!(
        nodes.contains(&node),
        "there is no node {node}; there are: {}",
        nodes.join(", ")
    );
    Ok(())
}

fn ready_again(paths: &Paths, engine: Engine, node: &str) -> anyhow::Result<()> {
    until(&format!("{node} to be Ready again"), Duration::from_secs(120), || {
        let status = kind::status(paths, engine);
        // A node that was only just lost still says Ready; its kubelet must have spoken since.
        thread::sleep(Duration::from_millis(500));
        if status.ready.iter().any(|name| name == node) {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    })
}

// The bridge's side of the cable: taking the link down inside the node would lose the node's routes.
fn cable(paths: &Paths, engine: Engine, (node, state): (&str, &str)) -> anyhow::Result<()> {
    let index = read(engine.node(paths, &["exec", node, "cat", "/sys/class/net/eth0/iflink"]))?;
    let index: u64 = index.trim().parse().context("the index of the node's link")?;
    let mut list = engine.inside("ip");
    list.args(["-j", "link"]);
    let links: Value = serde_json::from_str(&read(list)?)?;
    let link = links
        .as_array()
        .into_iter()
        .flatten()
        .find(|link| link["ifindex"].as_u64() == Some(index))
        .and_then(|link| link["ifname"].as_str())
        .with_context(|| format!("no link of index {index}"))?;
    let mut set = engine.inside("ip");
    set.args(["link", "set", link, state]);
    read(set).map(drop)
}
