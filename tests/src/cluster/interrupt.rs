//! Ctrl-C and its kin: the first ends the commands that run and lets dev clean up, the second ends dev at once.
//!
//! It knows process groups and nothing of what runs in them. Programs that do not call [`listen`] end as usual.

use std::{
    process::{Child, ExitStatus},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use tokio::signal::unix::{SignalKind, signal};

/// What a shell reports for a program that Ctrl-C ended.
pub const EXIT_CODE: u8 = 130;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static CLEANING: AtomicBool = AtomicBool::new(false);

// Time for a group to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Listens for SIGINT, SIGTERM and SIGHUP from now on.
///
/// # Errors
/// When no signal handler can be set.
pub fn listen() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        )
    };
    thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = signals.0.recv() => {}
                    _ = signals.1.recv() => {}
                    _ = signals.2.recv() => {}
                }
                if INTERRUPTED.swap(true, SeqCst) {
                    std::process::exit(i32::from(EXIT_CODE));
                }
            }
        });
    });
    Ok(())
}

/// Whether a signal came.
pub fn came() -> bool {
    INTERRUPTED.load(SeqCst)
}

/// An error once a signal came, unless what runs is the cleaning up.
///
/// # Errors
/// That it was interrupted.
pub fn check() -> anyhow::Result<()> {
    anyhow::ensure!(!came() || CLEANING.load(SeqCst), "interrupted");
    Ok(())
}

/// Runs `clean` although a signal came: it removes what is half made.
pub fn cleaning<T>(clean: impl FnOnce() -> T) -> T {
    CLEANING.store(true, SeqCst);
    let result = clean();
    CLEANING.store(false, SeqCst);
    result
}

/// Waits for the leader of a process group; ends the group when it is late or a signal comes.
///
/// # Errors
/// That it was late or interrupted.
pub fn wait(mut child: Child, deadline: Duration) -> anyhow::Result<ExitStatus> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let late = started.elapsed() >= deadline;
        let interrupted = check();
        if late || interrupted.is_err() {
            end(&mut child)?;
            interrupted?;
            anyhow::bail!("took more than {} s", deadline.as_secs_f64());
        }
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Ends a child and, where it leads one, its process group: asked first, killed after a while.
///
/// # Errors
/// When its end cannot be awaited.
pub fn end(child: &mut Child) -> anyhow::Result<()> {
    // A child in our own group leads none: it is asked alone.
    if !send("TERM", &format!("-{}", child.id())) {
        send("TERM", &child.id().to_string());
    }
    let started = Instant::now();
    while child.try_wait()?.is_none() && started.elapsed() < GRACE {
        thread::sleep(LONGEST_PAUSE);
    }
    // Also when the leader went by itself: its children may not have.
    send("KILL", &format!("-{}", child.id()));
    child.kill()?;
    child.wait()?;
    Ok(())
}

// The shell's own kill: the program of that name is not on every machine, and a system call would be unsafe code.
fn send(signal: &str, target: &str) -> bool {
    let script = format!("kill -s {signal} -- {target} 2>/dev/null");
    let sent = std::process::Command::new("sh").args(["-c", &script]).status();
    sent.is_ok_and(|status| status.success())
}
