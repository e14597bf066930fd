//! A folder of a child process: its data, its log, and the way to start and end it.
//!
//! PostgreSQL refuses to run as root, so root's children run as nobody, in a folder that is nobody's.

use std::{
    env,
    fs::{self, File},
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::Context;

use crate::{cluster::packages::is_root, loopback};

const NOBODY: u32 = 65534;

/// A folder that goes with this value.
#[derive(Debug)]
pub struct Folder(loopback::Folder);

impl Folder {
    /// A new one, empty.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let folder = Self(loopback::Folder::new(name).with_context(|| format!("making a folder for {name}"))?);
        give(folder.path())?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file that its children can read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.path().join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        give(&path)?;
        Ok(path)
    }

    /// What its children said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    /// Starts a command whose words end in the log.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self, mut command: Command) -> anyhow::Result<Child> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path().join("log"))?;
        let errors = log.try_clone()?;
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        command
            .spawn()
            .with_context(|| format!("starting {command:?} (setpriv is in the package util-linux)"))
    }
}

// Nobody else than root can give a file away, and nobody else needs to.
fn give(path: &Path) -> anyhow::Result<()> {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).with_context(|| format!("giving {} away", path.display()))?;
    }
    Ok(())
}

/// A command that runs as nobody when we are root, and that the kernel kills when the thread ends that started it.
pub fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    }
    command.arg("--pdeathsig=KILL").arg(program).current_dir("/");
    command
}

/// A command that the kernel kills when the thread ends that started it.
pub fn tied(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=KILL").arg(program);
    command
}

/// Kills a child and waits for its end.
pub fn kill(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

/// Sends a signal to a process.
///
/// # Errors
/// When it is not there.
pub fn signal(child: &Child, name: &str) -> anyhow::Result<()> {
    let script = format!("kill -s {name} {}", child.id());
    let sent = Command::new("sh").args(["-c", &script]).status()?;
    anyhow::ensure!(sent.success(), "process {} did not take {name}", child.id());
    Ok(())
}

/// A program of a store, on PATH or where Debian puts PostgreSQL's.
///
/// # Errors
/// When it is not installed: the tests are worthless without it.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    debian.sort();
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(debian.into_iter().rev())
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .with_context(|| {
            format!("{name} is not installed: apt-get install --no-install-recommends postgresql redis-server")
        })
}
