//! What a cluster puts on the machine beside its files: to look for before, to remove after, and to compare.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
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
    all_processes()
        .into_iter()
        .filter_map(|id| {
            // One that has ended and waits for its parent has no words any more.
            fs::read(format!("/proc/{id}/cmdline"))
                .ok()
                .filter(|words| !words.is_empty())?;
            let name = fs::read_to_string(format!("/proc/{id}/comm")).ok()?.trim().to_owned();
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

const GROUPS: &str = "/sys/fs/cgroup";
// Groups that Podman, buildah and a node's kubelet make are named so by them, on every hierarchy.
const GROUP_NAMES: &[&str] = &["libpod", "conmon", "kubelet", "kubepods", "buildah"];

// The topmost ones: what is below belongs to them.
fn cgroups() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from(GROUPS)];
    while let Some(folder) = open.pop() {
        for path in folders(&folder) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if GROUP_NAMES.iter().any(|part| name.contains(part)) {
                found.push(path);
            } else {
                open.push(path);
            }
        }
    }
    found
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

// A folder's folders before itself, as they must be removed.
fn deepest_first(folder: PathBuf) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = folders(&folder).into_iter().flat_map(deepest_first).collect();
    all.push(folder);
    all
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
                || !containers(paths).is_empty()
                || Path::new("/run/netns").join(crate::cluster::engine::NAMESPACE).exists()
        }
    }
}

/// Removes what kind leaves: containers, network, processes, mounts, namespace, groups. The namespace must be there, and
/// Podman's configuration; what does not go at first goes once nothing runs and nothing is mounted any more.
///
/// # Errors
/// What could not be removed.
pub fn remove(paths: &Paths) -> anyhow::Result<()> {
    let podman = works(command(&["podman", "--version"]));
    // Named now: afterwards nothing tells whose their groups are.
    let containers = containers(paths);
    if podman {
        let _ = remove_containers(paths);
    }
    end_processes(paths, &containers);
    unmount(paths);
    let removed = if podman { remove_containers(paths) } else { Ok(()) };
    if podman {
        let _ = works(Engine::Podman.node(paths, &["network", "rm", "-f", "kind"]));
    }
    // Every call of Podman mounts its storage again, and its name server ends on its own time.
    end_processes(paths, &containers);
    unmount(paths);
    network::remove()?;
    remove_cgroups();
    // Last, so that one container which does not go keeps nothing else here.
    removed
}

fn unmount(paths: &Paths) {
    for mount in own_mounts(paths).iter().rev() {
        let _ = works(command(&["umount", "-l", mount]));
    }
}

fn remove_containers(paths: &Paths) -> anyhow::Result<()> {
    read(Engine::Podman.node(paths, &["rm", "-f", "-a", "-v", "-t", "0"])).map(drop)
}

// Containers of our storage, by their folders: also those that Podman does not know any more.
fn containers(paths: &Paths) -> BTreeSet<String> {
    folders(&paths.cache.join("containers/overlay-containers"))
        .iter()
        .filter_map(|folder| Some(folder.file_name()?.to_string_lossy().into_owned()))
        .collect()
}

// A process that is ending may start another one, so it looks until there are none.
fn end_processes(paths: &Paths, containers: &BTreeSet<String>) {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) {
        let ours = ours(paths, containers);
        if ours.is_empty() {
            return;
        }
        let ids: Vec<String> = ours.iter().map(u32::to_string).collect();
        let _ = works(command(&["sh", "-c", &format!("kill -KILL {}", ids.join(" "))]));
        thread::sleep(Duration::from_millis(100));
    }
}

// By network namespace, by control group, and for Podman's own helpers by the folders that they are told; never this
// program and what started it.
fn ours(paths: &Paths, containers: &BTreeSet<String>) -> BTreeSet<u32> {
    let mut found = grouped(containers);
    if let Some(inode) = network::inode() {
        found.extend(all_processes().into_iter().filter(|id| namespace(*id) == Some(inode)));
    }
    let helpers = processes().into_iter().map(|(id, _)| id);
    found.extend(helpers.filter(|id| is_told(*id, paths)));
    let (mut parent, mut left) = (std::process::id(), 64);
    while parent > 1 && left > 0 {
        found.remove(&parent);
        parent = parent_of(parent).unwrap_or_default();
        left -= 1;
    }
    found
}

fn all_processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn namespace(id: u32) -> Option<u64> {
    fs::metadata(format!("/proc/{id}/ns/net")).ok().map(|file| file.ino())
}

fn parent_of(id: u32) -> Option<u32> {
    parent_in(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

// "12 (a name (with brackets)) S 7 ...": the parent is the second word after the name.
fn parent_in(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn is_told(id: u32, paths: &Paths) -> bool {
    let words = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&words).into_owned();
    [&paths.state, &paths.cache]
        .iter()
        .any(|folder| words.contains(&*folder.to_string_lossy()))
}

// Everything in the groups of these containers: the nodes, and what runs in them.
fn grouped(containers: &BTreeSet<String>) -> BTreeSet<u32> {
    let groups = cgroups().into_iter().flat_map(deepest_first);
    groups
        .filter(|group| is_of(group, containers))
        .filter_map(|group| fs::read_to_string(group.join("cgroup.procs")).ok())
        .flat_map(|text| text.lines().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>())
        // 0 is a process of a namespace that we do not see.
        .filter(|id| *id > 1)
        .collect()
}

fn is_of(group: &Path, containers: &BTreeSet<String>) -> bool {
    group.iter().any(|part| {
        let part = part.to_string_lossy();
        let id = part.strip_prefix("libpod-").map(|id| id.trim_end_matches(".scope"));
        id.is_some_and(|id| containers.contains(id))
    })
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
        let left = cgroups();
        if left.is_empty() {
            return;
        }
        for group in left.into_iter().flat_map(deepest_first) {
            // One that is in use stays: it is of somebody else, or its processes are ending.
            let _ = fs::remove_dir(group);
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

    #[test]
    fn a_group_is_ours_by_the_container_that_it_is_named_after_and_so_is_all_below() {
        let containers = BTreeSet::from(["abc".to_owned()]);
        let node = "/sys/fs/cgroup/memory/libpod_parent/libpod-abc";
        assert!(is_of(Path::new(node), &containers));
        assert!(is_of(&Path::new(node).join("kubelet.slice/x.scope"), &containers));
        assert!(is_of(
            Path::new("/sys/fs/cgroup/machine.slice/libpod-abc.scope"),
            &containers
        ));
        assert!(!is_of(
            Path::new("/sys/fs/cgroup/memory/libpod_parent/libpod-def"),
            &containers
        ));
        assert!(!is_of(Path::new("/sys/fs/cgroup/memory/libpod_parent"), &containers));
    }

    #[test]
    fn a_parent_is_found_whatever_the_name_of_the_process() {
        assert_eq!(parent_in("12 (a name (odd) S 3) S 7 12 12"), Some(7));
        assert_eq!(parent_of(std::process::id()), Some(std::os::unix::process::parent_id()));
    }

    #[test]
    fn this_program_and_what_started_it_are_never_ended() {
        let found = ours(&Paths::from_env(), &BTreeSet::new());
        assert!(!found.contains(&std::process::id()));
        assert!(!found.contains(&std::os::unix::process::parent_id()));
    }

    #[test]
    fn a_folder_comes_after_what_is_in_it() {
        let folder = std::env::temp_dir().join(format!("pathfinder-deep-{}", std::process::id()));
        fs::create_dir_all(folder.join("a/b")).unwrap();
        let found = deepest_first(folder.clone());
        assert_eq!(found, [folder.join("a/b"), folder.join("a"), folder.clone()]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
