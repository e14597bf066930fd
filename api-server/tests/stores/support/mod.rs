//! What the tests against real stores share: servers as child processes on free ports of 127.0.0.1, in directories that
//! go with them, and waits that end. A child is killed when the test's thread ends, whatever ends it.

mod client;
mod person;
mod postgres;
mod redis;
mod server;
mod stack;

use std::fmt::Debug;
use std::fs::{DirBuilder, File};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use uuid::Uuid;

pub(crate) use client::{Answer, call, get};
pub(crate) use person::{PASSWORD, Person};
pub(crate) use postgres::Postgres;
pub(crate) use redis::Redis;
pub(crate) use server::{Server, run};
pub(crate) use stack::{LIST, Stack, in_flight, path_of, problem, read};

/// Long enough for a busy machine; every wait ends long before when it works.
const WAIT: Duration = Duration::from_mins(1);
/// PostgreSQL refuses to run as root: `nobody` runs it instead.
const NOBODY: u32 = 65534;

/// Waits until `look` finds what it looks for; says what it saw last when that never happens.
pub(crate) async fn wait_for<T, S: Debug>(what: &str, mut look: impl AsyncFnMut() -> Result<T, S>) -> T {
    let deadline = Instant::now() + WAIT;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if Instant::now() > deadline => panic!("no {what} within {WAIT:?}; seen last: {seen:?}"),
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .expect("a free port")
        .local_addr()
        .expect("bound")
        .port()
}

/// A directory that its servers own and that goes with this value.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pathfinder-api-{name}-{}", Uuid::new_v4().simple()));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .expect("a temporary directory");
        if is_root() {
            chown(&path, Some(NOBODY), Some(NOBODY)).expect("root may give its directory away");
        }
        Self(path)
    }

    fn log(&self) -> PathBuf {
        self.0.join("log")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}

/// A program of a store. The tests are worthless without it, so its absence is a failure and not a skip.
fn program(name: &str, package: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    debian.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain(debian)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    found.unwrap_or_else(|| {
        panic!("`{name}` is not installed: run `apt-get install --no-install-recommends {package}` (the tests against real stores need the Debian packages postgresql and redis-server)")
    })
}

/// A command that runs as nobody when this is root, and that the kernel kills when the test's thread ends.
fn unprivileged(program: &Path) -> Command {
    let mut command = tied(program);
    if is_root() {
        command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--pdeathsig=KILL"])
            .arg(program);
    }
    command
}

/// A command that the kernel kills when the test's thread ends.
fn tied(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=KILL").arg(program);
    command
}

fn spawn(command: &mut Command, log: &Path) -> Child {
    let log = File::options().create(true).append(true).open(log).expect("a log file");
    let errors = log.try_clone().expect("a second handle");
    let spawned = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
    spawned.unwrap_or_else(|error| panic!("cannot start {command:?} (setpriv is in the package util-linux): {error}"))
}

fn kill(child: &mut Child) {
    let _gone = child.kill();
    let _status = child.wait();
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
