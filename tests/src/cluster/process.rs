//! Runs programs: their output goes to a log, and when one fails its last lines are the error.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Output, Stdio},
};

use anyhow::Context;

/// The words of a command as a person would type them.
pub fn words(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

/// Runs a command with its output in `log`.
///
/// # Errors
/// When it cannot be started, or fails: the command, its last lines, and where the rest is.
pub fn run(mut command: Command, log: &Path) -> anyhow::Result<()> {
    let file = File::options().create(true).append(true).open(log)?;
    let from = file.metadata()?.len();
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let text = words(&command);
    let status = command.status().with_context(|| format!("starting {text}"))?;
    if status.success() {
        return Ok(());
    }
    let bytes = fs::read(log)?;
    let said = String::from_utf8_lossy(&bytes[usize::try_from(from)?.min(bytes.len())..]).into_owned();
    let lines: Vec<&str> = said.lines().rev().take(15).collect();
    let tail = lines.into_iter().rev().collect::<Vec<_>>().join("\n    ");
    anyhow::bail!(
        "{text}\n  ended with {status}; its last lines:\n    {tail}\n  all of it: {}",
        log.display()
    )
}

/// Runs a command and gives what it printed.
///
/// # Errors
/// When it cannot be started, or fails: the command and what it said.
pub fn read(mut command: Command) -> anyhow::Result<String> {
    let text = words(&command);
    let Output { status, stdout, stderr } = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {text}"))?;
    anyhow::ensure!(
        status.success(),
        "{text} ended with {status}: {}",
        String::from_utf8_lossy(&stderr).trim()
    );
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// Whether a command ends with 0; what it prints is nobody's business.
pub fn works(mut command: Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|it| it.success())
}

/// A command of these words.
pub fn command(words: &[&str]) -> Command {
    let mut command = Command::new(words.first().copied().unwrap_or("true"));
    command.args(words.get(1..).unwrap_or_default());
    command
}
