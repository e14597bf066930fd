//! The network that everything runs in with Podman: a namespace of its own, so that nothing of the machine changes.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

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

// Where named namespaces are, for ip and for Podman.
const FOLDER: &str = "/run/netns";

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
            namespace()?;
            if !works(engine.node(paths, &["network", "exists", "kind"])) {
                let words = ["network", "create", "-d", "bridge", "--subnet", NODES, "kind"];
                process::run(engine.node(paths, &words), &paths.logs().join("network.log"))?;
            }
            Ok(())
        }
    }
}

/// Makes the namespace, unless it is there; a file that is no namespace any more (after a reboot) is replaced.
///
/// # Errors
/// When it cannot be made.
pub fn namespace() -> anyhow::Result<()> {
    if !exists() {
        remove()?;
        read(command(&["ip", "netns", "add", NAMESPACE]))?;
    }
    read(inside(&["ip", "link", "set", "lo", "up"])).map(drop)
}

/// Whether the namespace is there.
pub fn exists() -> bool {
    file().exists() && works(inside(&["true"]))
}

/// Removes the namespace and with it every link, route and rule in it.
///
/// # Errors
/// When it does not go.
pub fn remove() -> anyhow::Result<()> {
    let file = file();
    // A file that is no namespace any more (after a reboot) cannot be deleted by ip.
    if file.exists() && !works(command(&["ip", "netns", "del", NAMESPACE])) {
        let _ = works(command(&["umount", "-l", &file.to_string_lossy()]));
        fs::remove_file(&file)?;
    }
    unmount_folder()
}

// The first `ip netns add` makes the folder a mount point, and nothing ever undoes it.
fn unmount_folder() -> anyhow::Result<()> {
    let empty = fs::read_dir(FOLDER).is_ok_and(|mut entries| entries.next().is_none());
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    if empty && is_mount_point(&table, FOLDER) {
        read(command(&["umount", FOLDER]))?;
    }
    Ok(())
}

fn is_mount_point(table: &str, folder: &str) -> bool {
    table.lines().any(|line| line.split_whitespace().nth(4) == Some(folder))
}

/// The number of the namespace, which every process in it carries; `None` when there is none.
pub fn inode() -> Option<u64> {
    if exists() {
        fs::metadata(file()).ok().map(|file| file.ino())
    } else {
        None
    }
}

fn file() -> PathBuf {
    Path::new(FOLDER).join(NAMESPACE)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_is_told_from_what_is_mounted_below_it() {
        let table = "22 43 0:4 net:[4026532201] /run/netns/pathfinder rw shared:2 - nsfs nsfs rw\n";
        assert!(!is_mount_point(table, FOLDER));
        let table = format!("21 42 254:0 /run/netns /run/netns rw shared:1 - ext4 /dev/vda rw\n{table}");
        assert!(is_mount_point(&table, FOLDER));
    }
}
