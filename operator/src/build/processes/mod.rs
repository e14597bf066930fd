//! The scripts and settings of the stores, run for real: PostgreSQL's and Redis's own programs on this machine.
//!
//! Tests only. They run as a user without rights and, so that a kill takes every process at once as it does in a
//! container, in a process namespace of their own. That needs root, and the programs: where either is missing a test says
//! so and passes, because what it proves cannot be shown there.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::config;
use crate::names::Component;

mod postgres;
mod redis;

const DEADLINE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(5);
// `nobody`: initdb wants a user that has a name.
const UID: u32 = 65_534;
const PASSWORD: &str = "app-password";

/// A directory of its own for one test, removed afterwards.
struct Sandbox {
    root: PathBuf,
    programs: PathBuf,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

static SANDBOXES: AtomicU32 = AtomicU32::new(0);

impl Sandbox {
    /// None where the machine lacks what the test needs.
    fn with(program: &str, of: Component) -> Option<Self> {
        // Root alone may give a namespace of its own to a user without rights.
        let may_contain = Command::new("unshare").args(["--pid", "--fork", "true"]).status();
        let may_contain = may_contain.is_ok_and(|status| status.success());
        let Some(programs) = directory_of(program).filter(|_| may_contain) else {
            println!("not shown here: needs unshare as root, and {program}");
            return None;
        };
        let number = SANDBOXES.fetch_add(1, Ordering::Relaxed);
        // Short, because a unix socket's path holds 107 bytes at most.
        let root = PathBuf::from(format!("/tmp/pf-{}-{number}", std::process::id()));
        let sandbox = Self { root, programs };
        for directory in ["", "run", "data", "config"] {
            fs::create_dir_all(sandbox.path(directory)).expect("the temporary folder is writable");
            chown(sandbox.path(directory), Some(UID), Some(UID)).expect("root may give away");
        }
        for (name, text) in config::files(of) {
            fs::write(sandbox.path("config").join(name), sandbox.moved(text)).expect("the folder is writable");
        }
        Some(sandbox)
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// Settings with the pod's paths replaced by ours.
    fn moved(&self, text: &str) -> String {
        let run = self.path("run");
        text.replace(super::postgres::RUN_DIRECTORY, &run.to_string_lossy())
            .replace(super::redis::RUN_DIRECTORY, &run.to_string_lossy())
            .replace("dir /data", &format!("dir {}", self.path("data").display()))
    }

    /// A command as the first process of a namespace: when it is killed, all of its children are.
    fn contained(&self, words: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "setpriv"]);
        command.args([
            &format!("--reuid={UID}"),
            &format!("--regid={UID}"),
            "--clear-groups",
            "--pdeathsig=KILL",
        ]);
        command
            .args(words)
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.programs.display()));
        command.env("RUN_DIRECTORY", self.path("run")).current_dir("/");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

fn directory_of(program: &str) -> Option<PathBuf> {
    let mut places: Vec<PathBuf> = ["/usr/bin", "/bin", "/usr/local/bin"].map(PathBuf::from).to_vec();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    places.extend(versions.map(|version| version.path().join("bin")));
    places.into_iter().find(|place| place.join(program).exists())
}

fn await_condition(what: &str, mut condition: impl FnMut() -> bool) {
    let since = Instant::now();
    while !condition() {
        assert!(since.elapsed() < DEADLINE, "after {DEADLINE:?} still not: {what}");
        thread::sleep(POLL);
    }
}

/// A server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    // The namespace's first process, which is `unshare`'s only child.
    fn first_process(&self) -> u32 {
        let children = format!("/proc/{0}/task/{0}/children", self.0.id());
        let children = fs::read_to_string(children).expect("unshare runs");
        children
            .split_whitespace()
            .next()
            .and_then(|pid| pid.parse().ok())
            .expect("it has a child")
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.first_process().to_string()])
            .status();
        assert!(status.expect("kill starts").success());
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
    listener.local_addr().expect("it is bound").port()
}

#[test]
fn scripts_are_written_for_any_posix_shell() {
    for (name, text) in [Component::Postgres, Component::Redis]
        .into_iter()
        .flat_map(config::files)
    {
        if Path::new(name).extension().is_some_and(|extension| extension == "sh") {
            let output = Command::new("sh").args(["-n", "-c", text]).output().expect("sh starts");
            assert!(
                output.status.success(),
                "{name}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}
