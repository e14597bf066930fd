//! What a cluster puts on the machine beside its files: to look for before, to remove after, and to compare.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::cluster::{
    Engine, kind, network,
    paths::Paths,
    process::{command, read, works},
};

/// What is on the machine, by kind of thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Processes of a cluster.
    pub processes: BTreeSet<String>,
    /// Mount points.
    pub mounts: BTreeSet<String>,
    /// Named network namespaces.
    pub namespaces: BTreeSet<String>,
    /// Control groups.
    pub cgroups: BTreeSet<String>,
    /// Network links.
    pub links: BTreeSet<String>,
    /// Routes.
    pub routes: BTreeSet<String>,
}

impl Machine {
    /// Looks.
    pub fn look() -> Self {
        Self {
            processes: processes().into_iter().map(|(_, name)| name).collect(),
            mounts: mounts().into_iter().collect(),
            namespaces: lines(&["ip", "netns", "list"]),
            cgroups: cgroups()
                .into_iter()
                .map(|path| path.to_string_lossy().into_owned())
                .collect(),
            links: lines(&["ip", "-brief", "link"])
                .iter()
                .map(|line| first(line))
                .collect(),
            routes: lines(&["ip", "route"]),
        }
    }

    /// What is here and was not in `before`.
    pub fn since(&self, before: &Self) -> Vec<String> {
        let parts = [
            ("process", &self.processes, &before.processes),
            ("mount", &self.mounts, &before.mounts),
            ("network namespace", &self.namespaces, &before.namespaces),
            ("cgroup", &self.cgroups, &before.cgroups),
            ("link", &self.links, &before.links),
            ("route", &self.routes, &before.routes),
        ];
        parts
            .iter()
            .flat_map(|(kind, now, then)| now.difference(then).map(move |thing| format!("{kind}: {thing}")))
            .collect()
    }
}

fn lines(words: &[&str]) -> BTreeSet<String> {
    read(command(words))
        .unwrap_or_default()
        .lines()
        .map(|line| line.trim().to_owned())
        .collect()
}

fn first(line: &str) -> String {
    line.split_whitespace().next().unwrap_or_default().to_owned()
}

// Programs that only a cluster of ours runs.
const PROGRAMS: &[&str] = &[
    "conmon",
    "catatonit",
    "aardvark-dns",
    "netavark",
    "containerd",
    "containerd-shim",
    "kubelet",
    "etcd",
    "coredns",
    "kube-apiserver",
    "kube-controller",
    "kube-scheduler",
    "kube-proxy",
    "kind",
    "slirp4netns",
];

fn processes() -> Vec<(u32, String)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            let name = fs::read_to_string(entry.path().join("comm")).ok()?.trim().to_owned();
            PROGRAMS
                .iter()
                .any(|program| name.starts_with(program))
                .then_some((id, name))
        })
        .collect()
}

fn mounts() -> Vec<String> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_whitespace().nth(4))
        .map(str::to_owned)
        .collect()
}

// Groups that Podman made: named so by it, on every hierarchy.
fn cgroups() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            if ["libpod", "conmon", "kubelet", "kubepods", "buildah"]
                .iter()
                .any(|part| name.contains(part))
            {
                found.push(path.clone());
            }
            open.push(path);
        }
    }
    found
}

/// Whether an earlier run left anything: a namespace, nodes, mounts.
pub fn any(paths: &Paths, engine: Engine) -> bool {
    match engine {
        Engine::Docker => {
            read(engine.kind(paths, &["get", "clusters"])).is_ok_and(|text| text.lines().any(|line| line == kind::NAME))
        }
        Engine::Podman => {
            network::exists()
                || paths.kubeconfig().exists()
                || !own_mounts(paths).is_empty()
                || Path::new("/run/netns").join(crate::cluster::engine::NAMESPACE).exists()
        }
    }
}

/// Removes what kind leaves: containers, network, namespace, mounts, processes, groups.
///
/// # Errors
/// What could not be removed.
pub fn remove(paths: &Paths, alive: bool) -> anyhow::Result<()> {
    let engine = Engine::Podman;
    if alive && works(engine.build(paths, &["--version"])) && paths.state.join("storage.conf").exists() {
        // Nodes that kind does not know any more, and its network.
        let _ = works(engine.node(paths, &["rm", "-f", "-a", "-v"]));
        let _ = works(engine.node(paths, &["network", "rm", "-f", "kind"]));
    }
    for (id, _) in processes() {
        if ours(id, paths) {
            let _ = works(command(&["kill", "-KILL", &id.to_string()]));
        }
    }
    for mount in own_mounts(paths).iter().rev() {
        let _ = works(command(&["umount", "-l", mount]));
    }
    network::remove()?;
    remove_cgroups();
    Ok(())
}

// By its command line or its network: nothing else on the machine names our folders or lives in our namespace.
fn ours(id: u32, paths: &Paths) -> bool {
    let words = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&words).into_owned();
    [&paths.state, &paths.cache]
        .iter()
        .any(|folder| words.contains(&*folder.to_string_lossy()))
}

fn own_mounts(paths: &Paths) -> Vec<String> {
    let roots = [
        paths.state.to_string_lossy().into_owned(),
        paths.cache.to_string_lossy().into_owned(),
    ];
    mounts()
        .into_iter()
        .filter(|mount| roots.iter().any(|root| mount.starts_with(root)))
        .collect()
}

fn remove_cgroups() {
    // A group goes only when it is empty, and its processes end a moment after they are killed.
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(5) {
        let mut left = cgroups();
        if left.is_empty() {
            return;
        }
        left.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
        for path in left {
            let mut below: Command = command(&["find"]);
            below
                .arg(&path)
                .args(["-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]);
            let _ = works(below);
        }
        thread::sleep(Duration::from_millis(200));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_since_is_named_by_kind() {
        let before = Machine::look();
        let mut after = before.clone();
        after.links.insert("veth7".into());
        after.mounts.insert("/somewhere".into());
        assert_eq!(after.since(&before), ["mount: /somewhere", "link: veth7"]);
    }
}
