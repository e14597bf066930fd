//! Docker or Podman: the one place that turns an action into a command line.
//!
//! With Docker, kind's own node image is pulled and nothing else is needed. With Podman everything runs as root in a
//! network namespace of its own, so that no bridge, rule or route of the machine changes.

use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Command};

use clap::ValueEnum;

use crate::cluster::{
    packages,
    paths::{Paths, remove},
    process::{command, works},
};

/// The network namespace that everything of the cluster runs in, with Podman.
pub const NAMESPACE: &str = "pathfinder";

/// What runs the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// Docker.
    Docker,
    /// Podman, as root.
    Podman,
}

impl Engine {
    /// Docker where a daemon answers, else Podman.
    pub fn detect() -> Self {
        if works(command(&["docker", "info"])) {
            Self::Docker
        } else {
            Self::Podman
        }
    }

    /// The engine of the cluster that is up, or the one that would be used.
    pub fn current(paths: &Paths) -> Self {
        match fs::read_to_string(paths.state.join("engine")).as_deref() {
            Ok("docker") => Self::Docker,
            Ok("podman") => Self::Podman,
            Ok(_) | Err(_) => Self::detect(),
        }
    }

    /// Its program.
    pub fn program(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }

    /// A command of the engine itself, outside the cluster's network: builds, archives.
    pub fn build(self, paths: &Paths, words: &[&str]) -> Command {
        self.prepared(paths, Command::new(self.program()), words)
    }

    /// A command of the engine that starts or changes nodes: inside the cluster's network.
    pub fn node(self, paths: &Paths, words: &[&str]) -> Command {
        let command = self.inside(self.program());
        self.prepared(paths, command, words)
    }

    /// kind, inside the cluster's network.
    pub fn kind(self, paths: &Paths, words: &[&str]) -> Command {
        let command = self.inside(&paths.bin().join("kind").to_string_lossy());
        self.prepared(paths, command, words)
    }

    /// Any program that talks to the cluster: inside its network, with its kubeconfig and our programs first on PATH.
    pub fn inside(self, program: &str) -> Command {
        let paths = Paths::from_env();
        let mut command = match self {
            Self::Docker => Command::new(program),
            Self::Podman => {
                let mut command = Command::new("nsenter");
                command.arg(format!("--net=/run/netns/{NAMESPACE}")).arg(program);
                command
            }
        };
        command
            .env("KUBECONFIG", paths.kubeconfig())
            .env("PATH", paths.path_variable())
            .env("PATHFINDER_CACHE", &paths.cache)
            .env("PATHFINDER_STATE", &paths.state);
        command
    }

    fn prepared(self, paths: &Paths, mut command: Command, words: &[&str]) -> Command {
        command.args(words);
        match self {
            Self::Docker => {}
            Self::Podman => {
                command
                    .env("CONTAINERS_CONF", paths.state.join("containers.conf"))
                    .env("CONTAINERS_STORAGE_CONF", paths.state.join("storage.conf"))
                    .env("KIND_EXPERIMENTAL_PROVIDER", "podman");
            }
        }
        command
    }

    /// Writes the engine's configuration and remembers which engine it is.
    ///
    /// # Errors
    /// When Podman is asked for without root, or a file cannot be written.
    pub fn configure(self, paths: &Paths) -> anyhow::Result<()> {
        if self == Self::Podman {
            anyhow::ensure!(
                packages::is_root(),
                "Podman needs root here: run as root, or start Docker and use --engine docker"
            );
            if forget_earlier_boot(paths)? {
                forget_stale_folders()?;
            }
            forget_lost_name_server(Path::new(NAME_SERVER))?;
            fs::create_dir_all(paths.networks())?;
            fs::write(paths.state.join("containers.conf"), containers_conf(paths))?;
            fs::write(paths.state.join("storage.conf"), storage_conf(paths))?;
        }
        fs::write(paths.state.join("engine"), self.program())?;
        Ok(())
    }
}

// Without CAP_SYS_RESOURCE higher limits are refused; systemd and journald are not asked. The backend is named, because
// Podman remembers in its storage which one it found first, and CNI resolves no names.
fn containers_conf(paths: &Paths) -> String {
    format!(
        "[containers]\ndefault_ulimits = [\"nofile=20000:20000\", \"nproc=32768:32768\"]\n\
         [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n\
         [network]\nnetwork_backend = \"netavark\"\nnetwork_config_dir = \"{}\"\n",
        paths.networks().display(),
    )
}

fn storage_conf(paths: &Paths) -> String {
    format!(
        "[storage]\ndriver = \"overlay\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
        paths.cache.join("containers").display(),
        paths.run().display(),
    )
}

// Podman expects its run folders on a tmpfs: where they are on a disk, it would take the containers of the boot before
// for running ones, and their mounts for mounted.
fn forget_earlier_boot(paths: &Paths) -> anyhow::Result<bool> {
    let now = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let file = paths.state.join("boot");
    let remembered = fs::read_to_string(&file).unwrap_or_default();
    let rebooted = !remembered.is_empty() && remembered != now;
    if rebooted {
        remove(&paths.run())?;
    }
    fs::write(file, now)?;
    Ok(rebooted)
}

fn forget_stale_folders() -> anyhow::Result<()> {
    ["/run/libpod", "/run/containers/networks"]
        .map(Path::new)
        .into_iter()
        .filter(|folder| older_than_boot(folder))
        .try_for_each(remove)
}

// Where netavark keeps the process id of its name server.
const NAME_SERVER: &str = "/run/containers/networks/aardvark-dns/aardvark.pid";

// netavark takes whatever process has this id for its name server, and starts none: one that was killed leaves its id
// behind, ids are given out again, and then no node finds another by its name.
fn forget_lost_name_server(file: &Path) -> anyhow::Result<()> {
    let Ok(id) = fs::read_to_string(file) else {
        return Ok(());
    };
    let name = fs::read_to_string(format!("/proc/{}/comm", id.trim())).unwrap_or_default();
    if name.trim() == "aardvark-dns" {
        Ok(())
    } else {
        remove(file)
    }
}

// Others' Podman uses these folders too: what it made since the machine started is not touched.
fn older_than_boot(folder: &Path) -> bool {
    let booted = fs::read_to_string("/proc/stat")
        .ok()
        .and_then(|stat| boot_seconds(&stat));
    let newest = fs::read_dir(folder).ok().and_then(|entries| {
        entries
            .flatten()
            .filter_map(|entry| entry.metadata().ok())
            .map(|file| file.mtime())
            .max()
    });
    matches!((newest, booted), (Some(newest), Some(booted)) if newest < booted)
}

fn boot_seconds(stat: &str) -> Option<i64> {
    stat.lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::cluster::process::words;

    fn paths() -> Paths {
        Paths {
            cache: PathBuf::from("/c"),
            state: PathBuf::from("/s"),
        }
    }

    #[test]
    fn docker_is_called_as_it_is_with_no_namespace_and_no_configuration() {
        let command = Engine::Docker.node(&paths(), &["kill", "-s", "KILL", "pathfinder-worker"]);
        assert_eq!(words(&command), "docker kill -s KILL pathfinder-worker");
        assert!(command.get_envs().all(|(name, _)| name != "CONTAINERS_CONF"));
        assert_eq!(
            words(&Engine::Docker.build(&paths(), &["build", "."])),
            "docker build ."
        );
        assert_eq!(
            words(&Engine::Docker.kind(&paths(), &["get", "clusters"])),
            "/c/bin/kind get clusters"
        );
    }

    #[test]
    fn podman_runs_nodes_inside_the_namespace_and_builds_outside_of_it() {
        let node = Engine::Podman.node(&paths(), &["pause", "pathfinder-worker"]);
        assert_eq!(
            words(&node),
            "nsenter --net=/run/netns/pathfinder podman pause pathfinder-worker"
        );
        let build = Engine::Podman.build(&paths(), &["build", "."]);
        assert_eq!(words(&build), "podman build .");
        for command in [node, build] {
            let storage = command.get_envs().find(|(name, _)| *name == "CONTAINERS_STORAGE_CONF");
            assert_eq!(
                storage.and_then(|(_, value)| value),
                Some(std::ffi::OsStr::new("/s/storage.conf"))
            );
        }
    }

    #[test]
    fn podman_keeps_its_networks_below_the_state_folder_and_resolves_names() {
        let text = containers_conf(&paths());
        assert!(text.contains("network_config_dir = \"/s/networks\""), "{text}");
        assert!(text.contains("network_backend = \"netavark\""), "{text}");
    }

    #[test]
    fn a_process_that_took_the_id_of_a_killed_name_server_is_not_taken_for_one() {
        let file = std::env::temp_dir().join(format!("pathfinder-name-server-{}", std::process::id()));
        fs::write(&file, std::process::id().to_string()).unwrap();
        forget_lost_name_server(&file).unwrap();
        assert!(!file.exists());
        forget_lost_name_server(&file).unwrap();
    }

    #[test]
    fn a_run_folder_of_an_earlier_boot_is_forgotten_and_one_of_this_boot_is_kept() {
        let folder = std::env::temp_dir().join(format!("pathfinder-boot-{}", std::process::id()));
        let paths = Paths {
            cache: folder.join("cache"),
            state: folder.join("state"),
        };
        let mark = paths.run().join("mark");
        fs::create_dir_all(paths.run()).unwrap();
        fs::write(&mark, "").unwrap();
        assert!(!forget_earlier_boot(&paths).unwrap());
        assert!(!forget_earlier_boot(&paths).unwrap());
        assert!(mark.exists());
        fs::write(paths.state.join("boot"), "another").unwrap();
        assert!(forget_earlier_boot(&paths).unwrap());
        assert!(!mark.exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_start_of_the_machine_is_read_from_its_statistics() {
        assert_eq!(
            boot_seconds("cpu 1 2\nbtime 1700000000\nprocesses 3\n"),
            Some(1_700_000_000)
        );
        assert_eq!(boot_seconds("cpu 1 2\n"), None);
    }
}
