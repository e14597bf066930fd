//! Progress: what is being done, for how long already, and how long it took.
#![allow(
    clippy::print_stderr,
    reason = "progress is for the person at the terminal; standard output is for results"
)]

use std::{
    io::{IsTerminal, Write, stderr},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::cluster::interrupt;

// Long enough that a log of a machine stays short, short enough that a person sees life.
const TELL_EVERY: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_secs(1);

/// Runs one step and tells how it goes: a line that counts on a terminal, a line now and then in a log.
///
/// # Errors
/// What the step said.
pub fn step<T>(what: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let started = Instant::now();
    let (done, waiting) = mpsc::channel::<()>();
    let text = what.to_owned();
    let teller = thread::spawn(move || tell(&text, started, &waiting));
    let result = work();
    drop(done);
    let _ = teller.join();
    let mark = if result.is_ok() { "ok" } else { "FAILED" };
    let clear = if stderr().is_terminal() { "\r\x1b[K" } else { "" };
    eprintln!("{clear}  {what}: {mark} ({:.1} s)", started.elapsed().as_secs_f64());
    result
}

/// Says something between two steps.
pub fn say(text: &str) {
    eprintln!("  {text}");
}

fn tell(what: &str, started: Instant, waiting: &mpsc::Receiver<()>) {
    let every = if stderr().is_terminal() { TICK } else { TELL_EVERY };
    while waiting.recv_timeout(every) == Err(mpsc::RecvTimeoutError::Timeout) {
        let seconds = started.elapsed().as_secs();
        if stderr().is_terminal() {
            eprint!("\r\x1b[K  {what} ... {seconds} s");
            let _ = stderr().flush();
        } else {
            eprintln!("  {what} ... {seconds} s");
        }
    }
}

/// Polls until `look` is `Ok`, at most `deadline`.
///
/// # Errors
/// What was awaited and what was seen last.
pub fn until<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Result<T, String>) -> anyhow::Result<T> {
    let started = Instant::now();
    loop {
        match look() {
            Ok(value) => return Ok(value),
            Err(saw) if started.elapsed() >= deadline => {
                anyhow::bail!("waited {} s for {what}; last seen: {saw}", deadline.as_secs())
            }
            Err(_) => {
                interrupt::check()?;
                thread::sleep(Duration::from_millis(300));
            }
        }
    }
}
