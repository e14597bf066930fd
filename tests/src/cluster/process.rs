//! Runs programs: their output goes to a log, and when one fails its last lines are the error.
//!
//! Each runs in a process group of its own with a deadline: when it is late, or dev is interrupted, the group ends.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::Context;

use crate::cluster::interrupt;

/// The words of a command as a person would type them.
pub fn words(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

/// Longer than any one command of ours takes on two slow cores; who knows better says so.
pub const LONGEST: Duration = Duration::from_secs(45 * 60);
/// For commands that answer a question.
const ANSWER: Duration = Duration::from_secs(10 * 60);

/// Runs a command with its output in `log`, at most [`LONGEST`].
///
/// # Errors
/// When it cannot be started, fails, takes too long or is interrupted: the command, its last lines, and where the rest is.
pub fn run(command: Command, log: &Path) -> anyhow::Result<()> {
    run_within(command, log, LONGEST)
}

/// Runs a command with its output in `log`, and ends it and its children after `deadline`.
///
/// # Errors
/// As [`run`].
pub fn run_within(mut command: Command, log: &Path, deadline: Duration) -> anyhow::Result<()> {
    let from = say_into(&mut command, log)?;
    let text = words(&command);
    let ended = match start(command).and_then(|child| interrupt::wait(child, deadline)) {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => format!("ended with {status}"),
        Err(error) => format!("{error:#}"),
    };
    let bytes = fs::read(log)?;
    let said = String::from_utf8_lossy(&bytes[usize::try_from(from)?.min(bytes.len())..]).into_owned();
    let lines: Vec<&str> = said.lines().rev().take(15).collect();
    let tail = lines.into_iter().rev().collect::<Vec<_>>().join("\n    ");
    anyhow::bail!(
        "{text}\n  {ended}; its last lines:\n    {tail}\n  all of it: {}",
        log.display()
    )
}

/// Lets a command say everything at the end of `log`; gives where that begins, in bytes.
///
/// # Errors
/// When the log cannot be opened.
pub fn say_into(command: &mut Command, log: &Path) -> anyhow::Result<u64> {
    let file = File::options().create(true).append(true).open(log)?;
    let from = file.metadata()?.len();
    command.stdout(file.try_clone()?).stderr(file);
    Ok(from)
}

/// Runs a command and gives what it printed.
///
/// # Errors
/// When it cannot be started, fails, takes too long or is interrupted: the command and what it said.
pub fn read(command: Command) -> anyhow::Result<String> {
    read_within(command, ANSWER)
}

/// Runs a command and gives what it printed, at most `deadline`.
///
/// # Errors
/// As [`read`].
pub fn read_within(mut command: Command, deadline: Duration) -> anyhow::Result<String> {
    let text = words(&command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = start(command)?;
    // Both at once: a program that fills one pipe waits for its reader.
    let (out, err) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let status = interrupt::wait(child, deadline).with_context(|| text.clone())?;
    let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    anyhow::ensure!(status.success(), "{text} ended with {status}: {}", err.trim());
    Ok(out)
}

/// Whether a command ends with 0; what it prints is nobody's business.
pub fn works(mut command: Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    start(command)
        .and_then(|child| interrupt::wait(child, ANSWER))
        .is_ok_and(|status| status.success())
}

/// Starts a command in a process group of its own, so that what it starts ends with it: see [`interrupt::wait`].
///
/// # Errors
/// When it cannot be started, or a signal came.
pub fn start(mut command: Command) -> anyhow::Result<Child> {
    interrupt::check()?;
    let text = words(&command);
    command
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("starting {text}"))
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before an error is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A command of these words.
pub fn command(words: &[&str]) -> Command {
    let mut command = Command::new(words.first().copied().unwrap_or("true"));
    command.args(words.get(1..).unwrap_or_default());
    command
}

#[cfg(test)]
mod tests {
    use std::{env, time::Instant};

    use super::*;
    use crate::cluster::step::until;

    fn shell(script: &str) -> Command {
        command(&["sh", "-c", script])
    }

    #[test]
    fn a_command_that_fails_is_named_with_what_it_said() {
        let log = env::temp_dir().join(format!("pathfinder-run-{}", std::process::id()));
        fs::write(&log, "of an earlier command\n").unwrap();
        let error = run(shell("echo why it failed; exit 3"), &log).unwrap_err().to_string();
        assert!(error.contains("why it failed") && error.contains('3'), "{error}");
        assert!(!error.contains("of an earlier command"), "{error}");
        fs::remove_file(&log).unwrap();
    }

    #[test]
    fn a_command_that_is_late_ends_with_its_children() {
        let folder = env::temp_dir().join(format!("pathfinder-late-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let child = folder.join("child");
        let started = Instant::now();
        let script = format!("sleep 600 & echo $! > {}; wait", child.display());
        let error = run_within(shell(&script), &folder.join("log"), Duration::from_millis(500)).unwrap_err();
        assert!(error.to_string().contains("more than"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(30));
        let child = fs::read_to_string(&child).unwrap();
        let stat = format!("/proc/{}/stat", child.trim());
        until("the child to be gone", Duration::from_secs(10), || {
            let state = fs::read_to_string(&stat).unwrap_or_default();
            if state.is_empty() || state.contains(") Z") {
                Ok(())
            } else {
                Err(state)
            }
        })
        .unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_a_command_prints_on_both_pipes_is_read_however_much_it_is() {
        let text = read(shell(
            "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero | tr '\\0' x",
        ))
        .unwrap();
        assert_eq!(text.len(), 300_000);
    }
}
