//! The network that everything runs in with Podman: a namespace of its own, so that nothing of the machine changes.

use std::{fs, path::Path};

use crate::cluster::{
    Engine,
    engine::NAMESPACE,
    paths::Paths,
    process::{self, command, read, works},
};

/// Pods; from the block that is reserved for tests (198.18.0.0/15).
pub const PODS: &str = "198.18.0.0/16";
/// Services.
pub const SERVICES: &str = "198.19.0.0/17";
/// Nodes: outside the pod network, or a ClusterIP answers only where its endpoint is local.
pub const NODES: &str = "198.19.255.0/24";

// With fewer the third node's kubelet loops and the cluster still says Ready.
const INOTIFY: (&str, u32) = ("/proc/sys/fs/inotify/max_user_instances", 1024);

/// Makes the namespace and Podman's network, unless they are there.
///
/// # Errors
/// When one of them cannot be made.
pub fn ensure(paths: &Paths, engine: Engine) -> anyhow::Result<()> {
    match engine {
        Engine::Docker => Ok(()),
        Engine::Podman => {
            let (file, least) = INOTIFY;
            if fs::read_to_string(file)?.trim().parse::<u32>().unwrap_or_default() < least {
                fs::write(file, least.to_string())?;
            }
            fs::create_dir_all("/lib/modules")?;
            if !exists() {
                read(command(&["ip", "netns", "add", NAMESPACE]))?;
            }
            read(inside(&["ip", "link", "set", "lo", "up"]))?;
            if !works(engine.node(paths, &["network", "exists", "kind"])) {
                let words = ["network", "create", "-d", "bridge", "--subnet", NODES, "kind"];
                process::run(engine.node(paths, &words), &paths.logs().join("network.log"))?;
            }
            Ok(())
        }
    }
}

/// Whether the namespace is there.
pub fn exists() -> bool {
    Path::new("/run/netns").join(NAMESPACE).exists() && works(inside(&["true"]))
}

/// Removes the namespace and with it every link, route and rule in it.
///
/// # Errors
/// When it does not go.
pub fn remove() -> anyhow::Result<()> {
    let file = Path::new("/run/netns").join(NAMESPACE);
    if !file.exists() {
        return Ok(());
    }
    // A file that is no namespace any more (after a reboot) cannot be deleted by ip.
    if !works(command(&["ip", "netns", "del", NAMESPACE])) {
        let _ = works(command(&["umount", "-l", &file.to_string_lossy()]));
        fs::remove_file(&file)?;
    }
    Ok(())
}

/// Routes from the namespace to pods (by their node) and Services (by any node), so that the harness reaches both.
///
/// # Errors
/// When a route cannot be set.
pub fn route(engine: Engine) -> anyhow::Result<()> {
    if engine == Engine::Docker {
        return Ok(());
    }
    let columns = "jsonpath={range .items[*]}{.spec.podCIDR} {.status.addresses[?(@.type==\"InternalIP\")].address}{\"\\n\"}{end}";
    let mut nodes = engine.inside("kubectl");
    nodes.args(["get", "nodes", "-o", columns]);
    for line in read(nodes)?.lines() {
        if let Some((pods, address)) = line
            .split_once(' ')
            .filter(|(pods, address)| !pods.is_empty() && !address.is_empty())
        {
            read(inside(&["ip", "route", "replace", pods, "via", address]))?;
            read(inside(&["ip", "route", "replace", SERVICES, "via", address]))?;
        }
    }
    Ok(())
}

fn inside(words: &[&str]) -> std::process::Command {
    let mut command = command(&["nsenter", &format!("--net=/run/netns/{NAMESPACE}")]);
    command.args(words);
    command
}
