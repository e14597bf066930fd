//! `kubectl pathfinder`: what Pathfinder runs, and why it runs that many replicas.
//!
//! The shell around the answer: parses, asks, prints, exits. The answer goes to stdout and nothing else does; a failure
//! goes to stderr in one line, and with `-o json` or `-o yaml` to stdout as a document too. Only `pause` and `resume` write.

mod answer;
mod args;
mod failure;
mod fetch;
#[cfg(test)]
mod fixtures;
mod live;
mod model;
mod names;
mod pause;
mod session;
mod simulate;
mod span;
mod text;
mod watch;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use jiff::Timestamp;

use crate::{
    args::{Arguments, Command, ExplainArguments, Format},
    failure::Failure,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // The first is the only one; a second install in the same process changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&failure, &arguments);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(explain) = watches(arguments) {
        return watch::follow(arguments, explain, (&mut io::stdout(), &mut io::stderr())).await;
    }
    write(io::stdout(), &answer::answer(arguments, Timestamp::now()).await?)
}

/// A stream of answers instead of one.
fn watches(arguments: &Arguments) -> Option<&ExplainArguments> {
    if let Command::Explain(explain) = &arguments.command {
        return explain.watch.then_some(explain);
    }
    None
}

/// Best effort: when neither stream can be written, the exit code is all that is left.
fn report(failure: &Failure, arguments: &Arguments) {
    let _ = write(io::stderr(), &format!("error: {failure}\n"));
    let document = match arguments.output {
        Format::Table => return,
        Format::Json if watches(arguments).is_some() => answer::one_line(&failure.document()),
        format @ (Format::Json | Format::Yaml) => answer::print(format, &failure.document(), |_| String::new()),
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
