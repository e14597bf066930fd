//! What can happen to a node: its power is cut, it freezes, its network cable is pulled. And how it comes back.

use std::time::Duration;

use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::Value;

use crate::cluster::{
    Engine,
    mend::{self, Cable},
    network,
    paths::Paths,
    process::{self, read},
    step::until,
};

// A node that comes back takes seconds; one that does not in this time never will.
const READY: Duration = Duration::from_secs(120);

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
        Fault::Partition => mend::cable(&paths, engine, (node, Cable::Down)),
        Fault::Heal => mend::cable(&paths, engine, (node, Cable::Up)),
        Fault::Start => {
            let since = Timestamp::now();
            process::run(engine.node(&paths, &["start", node]), &log)?;
            ready_again(&paths, engine, (node, since))?;
            // It came back with another address.
            network::route(engine)
        }
    }
}

fn known(paths: &Paths, engine: Engine, node: &str) -> anyhow::Result<()> {
    let nodes = mend::nodes(paths, engine);
    anyhow::ensure!(
        !nodes.is_empty(),
        "there is no cluster; start one with: cargo dev cluster up"
    );
    anyhow::ensure!(
        nodes.iter().any(|name| name == node),
        "there is no node {node}; there are: {}",
        nodes.join(", ")
    );
    Ok(())
}

/// Waits until a node that was started at `since` is Ready again, at its present address.
///
/// # Errors
/// What it said last.
pub fn ready_again(paths: &Paths, engine: Engine, (node, since): (&str, Timestamp)) -> anyhow::Result<()> {
    let columns = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let address = read(engine.node(paths, &["inspect", "-f", columns, node]))?;
    until(&format!("{node} to be Ready again"), READY, || {
        let look = || {
            let lease = get(engine, &["lease", node, "-n", "kube-node-lease"])?;
            anyhow::Ok((get(engine, &["node", node])?, lease))
        };
        let (object, lease) = look().map_err(|error| format!("{error:#}"))?;
        is_back(&object, &lease, (address.trim(), since))
    })
}

fn get(engine: Engine, words: &[&str]) -> anyhow::Result<Value> {
    let mut command = engine.inside("kubectl");
    command.args(["get", "-o", "json", "--request-timeout=2s"]).args(words);
    Ok(serde_json::from_str(&read(command)?)?)
}

// A node that was only just lost still says Ready, and gives its old address: its kubelet must have spoken since.
fn is_back(node: &Value, lease: &Value, (address, since): (&str, Timestamp)) -> Result<(), String> {
    let renewed = time(&lease["spec"]["renewTime"]);
    if renewed.is_none_or(|renewed| renewed <= since) {
        return Err(format!("its lease was renewed at {renewed:?}, it started at {since}"));
    }
    let addresses = node["status"]["addresses"].as_array().cloned().unwrap_or_default();
    if !addresses
        .iter()
        .any(|it| it["type"] == "InternalIP" && it["address"] == address)
    {
        return Err(format!("its address is {address}, but it says {addresses:?}"));
    }
    let conditions = node["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let ready = conditions
        .iter()
        .find(|it| it["type"] == "Ready")
        .unwrap_or(&Value::Null);
    // The kubelet gives whole seconds.
    let spoken = time(&ready["lastHeartbeatTime"]).is_some_and(|at| at.as_second() >= since.as_second());
    if spoken && ready["status"] == "True" {
        Ok(())
    } else {
        Err(format!("it started at {since} and says {ready}"))
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SINCE: &str = "2030-01-01T00:00:10.5Z";

    fn node(address: &str, (status, heartbeat): (&str, &str)) -> Value {
        json!({"status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": "n"}],
            "conditions": [{"type": "Ready", "status": status, "lastHeartbeatTime": heartbeat}],
        }})
    }

    fn back(node: &Value, renewed: &str) -> Result<(), String> {
        let lease = json!({"spec": {"renewTime": renewed}});
        is_back(node, &lease, ("198.19.255.9", SINCE.parse().unwrap()))
    }

    #[test]
    fn a_node_is_back_when_its_kubelet_spoke_since_the_start_with_its_present_address() {
        let well = node("198.19.255.9", ("True", "2030-01-01T00:00:10Z"));
        assert_eq!(back(&well, "2030-01-01T00:00:12.000000Z"), Ok(()));
    }

    #[test]
    fn what_a_node_said_before_it_was_lost_does_not_count() {
        let after = "2030-01-01T00:00:12.000000Z";
        let well = node("198.19.255.9", ("True", "2030-01-01T00:00:12Z"));
        assert!(back(&well, "2030-01-01T00:00:09.000000Z").is_err());
        assert!(back(&node("198.19.255.4", ("True", "2030-01-01T00:00:12Z")), after).is_err());
        assert!(back(&node("198.19.255.9", ("True", "2030-01-01T00:00:04Z")), after).is_err());
        assert!(back(&node("198.19.255.9", ("Unknown", "2030-01-01T00:00:12Z")), after).is_err());
    }
}
