//! `kubectl pathfinder`: what Pathfinder runs, and why it runs that many replicas.
//!
//! The shell around the answer: parses, asks, prints, exits. The answer goes to stdout and nothing else does; a failure
//! goes to stderr in one line, and with `-o json` or `-o yaml` to stdout as a document too. Only reads the cluster.

mod answer;
mod args;
mod failure;
mod fetch;
#[cfg(test)]
mod fixtures;
mod live;
mod model;
mod names;
mod session;
mod simulate;
mod span;
mod text;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use jiff::Timestamp;

use crate::{
    args::{Arguments, Format},
    failure::Failure,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // The first is the only one; a second install in the same process changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments = Arguments::parse();
    let printed = match answer::answer(&arguments, Timestamp::now()).await {
        Ok(text) => write(io::stdout(), &text),
        Err(failure) => Err(failure),
    };
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&failure, arguments.output);
            ExitCode::FAILURE
        }
    }
}

/// Best effort: when neither stream can be written, the exit code is all that is left.
fn report(failure: &Failure, format: Format) {
    let _ = write(io::stderr(), &format!("error: {failure}\n"));
    let document = match format {
        Format::Table => return,
        Format::Json | Format::Yaml => answer::print(format, &failure.document(), |_| String::new()),
    };
    let _ = document.and_then(|text| write(io::stdout(), &text));
}

/// A reader that went away (`| head`) has seen what it wanted.
fn write(mut stream: impl Write, text: &str) -> Result<(), Failure> {
    match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}
