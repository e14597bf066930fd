//! A node that stopped, froze, or lost its cable is brought back, whoever did it: `up` starts here, and so do faults.
//!
//! It asks the engine what the nodes are, never Kubernetes: a node that was lost a moment ago still says Ready there.

use anyhow::Context;
use serde_json::Value;

use crate::cluster::{
    Engine, kind,
    paths::Paths,
    process::{self, read},
};

/// Which end of a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cable {
    /// Plugged in.
    Up,
    /// Pulled.
    Down,
}

/// What brings a node back from what the engine says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cure {
    Start,
    Thaw,
    Plug,
}

fn cure(state: &str) -> Cure {
    match state {
        "running" => Cure::Plug,
        "paused" => Cure::Thaw,
        // exited, created, stopped: the engines have more words than this for a node that does not run.
        _ => Cure::Start,
    }
}

/// Names of the cluster's nodes, running or not; none when there is no cluster.
pub fn nodes(paths: &Paths, engine: Engine) -> Vec<String> {
    let text = read(engine.kind(paths, &["get", "nodes", "--name", kind::NAME])).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Whether the engine says that all these nodes run.
pub fn all_run(paths: &Paths, engine: Engine, nodes: &[String]) -> bool {
    let mut words = vec!["inspect", "-f", "{{.State.Status}}"];
    words.extend(nodes.iter().map(String::as_str));
    read(engine.node(paths, &words)).is_ok_and(|states| states.lines().all(|state| state == "running"))
}

/// Brings all these nodes back; does nothing to one that is well. Gives those that had to be started.
///
/// # Errors
/// What the engine said.
pub fn all<'a>(paths: &Paths, engine: Engine, nodes: &'a [String]) -> anyhow::Result<Vec<&'a String>> {
    let log = paths.logs().join("faults.log");
    let mut started = Vec::new();
    for node in nodes {
        let state = read(engine.node(paths, &["inspect", "-f", "{{.State.Status}}", node]))?;
        match cure(state.trim()) {
            Cure::Start => {
                process::run(engine.node(paths, &["start", node]), &log)?;
                started.push(node);
            }
            Cure::Thaw => process::run(engine.node(paths, &["unpause", node]), &log)?,
            Cure::Plug => {}
        }
        cable(paths, engine, (node, Cable::Up))?;
    }
    Ok(started)
}

/// Pulls a node's network cable, or plugs it in: the bridge's side of it, because taking the link down inside the node
/// would lose the node's routes.
///
/// # Errors
/// When the node does not run, or its link is not found.
pub fn cable(paths: &Paths, engine: Engine, (node, state): (&str, Cable)) -> anyhow::Result<()> {
    let index = read(engine.node(paths, &["exec", node, "cat", "/sys/class/net/eth0/iflink"]))?;
    let index: u64 = index.trim().parse().context("the index of the node's link")?;
    let mut list = engine.inside("ip");
    list.args(["-j", "link"]);
    let links: Value = serde_json::from_str(&read(list)?)?;
    let link = name_of(&links, index).with_context(|| format!("no link of index {index}"))?;
    let state = match state {
        Cable::Up => "up",
        Cable::Down => "down",
    };
    let mut set = engine.inside("ip");
    set.args(["link", "set", link, state]);
    read(set).map(drop)
}

fn name_of(links: &Value, index: u64) -> Option<&str> {
    let links = links.as_array()?;
    links.iter().find(|link| link["ifindex"].as_u64() == Some(index))?["ifname"].as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_state_has_its_cure() {
        for (state, expected) in [
            ("running", Cure::Plug),
            ("paused", Cure::Thaw),
            ("exited", Cure::Start),
            ("stopped", Cure::Start),
            ("created", Cure::Start),
        ] {
            assert_eq!(cure(state), expected, "{state}");
        }
    }

    #[test]
    fn a_link_is_found_by_its_index() {
        let links = json!([{"ifindex": 1, "ifname": "lo"}, {"ifindex": 7, "ifname": "veth3"}]);
        assert_eq!(name_of(&links, 7), Some("veth3"));
        assert_eq!(name_of(&links, 9), None);
    }
}
