//! Where things live: a cache that may be kept for ever, a state folder for what belongs to the running cluster.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use sha2::{Digest, Sha256};

/// The two folders, and what is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Programs, image archives, container storage.
    pub cache: PathBuf,
    /// kubeconfig, audit log, what is running.
    pub state: PathBuf,
}

impl Paths {
    /// `PATHFINDER_CACHE` or `~/.cache/pathfinder`; `PATHFINDER_STATE` or `~/.local/state/pathfinder`.
    pub fn from_env() -> Self {
        let home = env::var_os("HOME").map_or_else(|| PathBuf::from("/root"), PathBuf::from);
        let folder = |name: &str, default: &str| env::var_os(name).map_or_else(|| home.join(default), PathBuf::from);
        Self {
            cache: folder("PATHFINDER_CACHE", ".cache/pathfinder"),
            state: folder("PATHFINDER_STATE", ".local/state/pathfinder"),
        }
    }

    /// Makes both folders.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn create(&self) -> anyhow::Result<()> {
        for folder in [self.bin(), self.logs(), self.audit()] {
            fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        }
        Ok(())
    }

    /// kubectl, helm, the plugin and kind.
    pub fn bin(&self) -> PathBuf {
        self.cache.join("bin")
    }

    /// The whole output of every step.
    pub fn logs(&self) -> PathBuf {
        self.state.join("logs")
    }

    /// Podman's networks.
    pub fn networks(&self) -> PathBuf {
        self.state.join("networks")
    }

    /// What Podman expects to be gone after a reboot.
    pub fn run(&self) -> PathBuf {
        self.state.join("run")
    }

    /// The kubeconfig of the cluster.
    pub fn kubeconfig(&self) -> PathBuf {
        self.state.join("kubeconfig")
    }

    /// The folder that the API server writes its audit log to.
    pub fn audit(&self) -> PathBuf {
        self.state.join("audit")
    }

    /// What the API server logs.
    pub fn audit_policy(&self) -> PathBuf {
        self.state.join("audit-policy.yaml")
    }

    /// The audit log.
    pub fn audit_log(&self) -> PathBuf {
        self.audit().join("audit.log")
    }

    /// `PATH` with our programs first.
    pub fn path_variable(&self) -> String {
        format!("{}:{}", self.bin().display(), env::var("PATH").unwrap_or_default())
    }
}

/// The checkout that this program was built from.
pub fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// The folder of the node image's recipe.
pub fn recipe() -> PathBuf {
    workspace().join("tests/cluster")
}

/// A short hash of texts and of the contents of files (folders: all files below, by name).
///
/// # Errors
/// When a file cannot be read.
pub fn fingerprint(texts: &[&str], files: &[PathBuf]) -> anyhow::Result<String> {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update(text.as_bytes());
        hasher.update([0]);
    }
    for file in files {
        add(&mut hasher, file)?;
    }
    Ok(hasher
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

fn add(hasher: &mut Sha256, path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        let mut below: Vec<PathBuf> = fs::read_dir(path)?
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<_>>()?;
        below.sort();
        return below.iter().try_for_each(|path| add(hasher, path));
    }
    let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    hasher.update(path.file_name().unwrap_or_default().as_encoded_bytes());
    hasher.update(bytes.len().to_le_bytes());
    hasher.update(&bytes);
    Ok(())
}

/// Runs `make` into a temporary path beside `target` and renames it, unless `target` is there already.
///
/// # Errors
/// What `make` said; the temporary path is removed before each attempt.
pub fn once(target: &Path, make: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
    if target.exists() {
        return Ok(());
    }
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = target.with_file_name(name);
    remove(&part)?;
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    make(&part)?;
    fs::rename(&part, target).with_context(|| format!("renaming {} into place", part.display()))
}

/// Removes a file or a folder, if it is there.
///
/// # Errors
/// When it cannot be removed.
pub fn remove(path: &Path) -> anyhow::Result<()> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_fails_leaves_no_result_and_the_next_one_makes_it() {
        let folder = env::temp_dir().join(format!("pathfinder-once-{}", std::process::id()));
        let target = folder.join("result");
        let failed = once(&target, |part| {
            fs::write(part, "half")?;
            anyhow::bail!("interrupted")
        });
        assert!(failed.is_err() && !target.exists());
        once(&target, |part| Ok(fs::write(part, "whole")?)).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "whole");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_fingerprint_changes_with_the_contents_of_a_file() {
        let file = env::temp_dir().join(format!("pathfinder-print-{}", std::process::id()));
        fs::write(&file, "a").unwrap();
        let before = fingerprint(&["x"], std::slice::from_ref(&file)).unwrap();
        fs::write(&file, "b").unwrap();
        assert_ne!(before, fingerprint(&["x"], std::slice::from_ref(&file)).unwrap());
        fs::remove_file(&file).unwrap();
    }
}
