//! kubectl, as a person uses it: the suites see the messages that a person sees.

use std::process::Stdio;

use anyhow::Context;
use tokio::{io::AsyncWriteExt, process::Command};

/// What a run of kubectl said.
#[derive(Debug)]
pub struct Said {
    /// Whether it exited with 0.
    pub worked: bool,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// Standard output of a run that worked.
    ///
    /// # Errors
    /// What kubectl said instead.
    pub fn ok(self) -> anyhow::Result<String> {
        anyhow::ensure!(self.worked, "kubectl failed: {}{}", self.err, self.out);
        Ok(self.out)
    }
}

/// Runs kubectl with these words.
///
/// # Errors
/// When it cannot be started.
pub async fn kubectl(words: &[&str]) -> anyhow::Result<Said> {
    kubectl_with(words, "").await
}

/// Runs kubectl with `input` on its standard input.
///
/// # Errors
/// When it cannot be started.
pub async fn kubectl_with(words: &[&str], input: &str) -> anyhow::Result<Said> {
    run("kubectl", words, input).await
}

/// Runs a program of the harness (`kubectl`, `helm`) found on PATH.
///
/// # Errors
/// When it cannot be started.
pub async fn run(program: &str, words: &[&str], input: &str) -> anyhow::Result<Said> {
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {program}: run the suite with `cargo dev test cluster`"))?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(input.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    Ok(Said {
        worked: output.status.success(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
