//! `cargo dev bench`: what can be measured, and the way to each.

mod api;
mod decide;
mod document;
mod plot;
mod progress;
mod reaction;
mod scaling;
mod step;
mod tables;
mod tick;
mod traces;

use std::process::ExitCode;

use clap::CommandFactory;
use pathfinder_tests::cluster::Paths;

use crate::args::{Args, Bench};

pub(crate) fn run(paths: &Paths, bench: Option<&Bench>) -> anyhow::Result<ExitCode> {
    match bench {
        Some(Bench::Reaction(options)) => return reaction::run(paths, options),
        Some(Bench::Scaling(options)) => scaling::run(options)?,
        Some(Bench::Step { output, write_docs }) => step::run(*output, *write_docs)?,
        Some(Bench::Api(options)) => api::run(paths, options)?,
        Some(Bench::Tick { output, write_docs }) => tick::run(paths, *output, *write_docs)?,
        Some(Bench::Decide { output }) => decide::run(*output)?,
        None => println!("{}", listed()),
    }
    Ok(ExitCode::SUCCESS)
}

// As the command line says it, so that none is forgotten.
fn listed() -> String {
    let command = Args::command();
    let benches = command
        .find_subcommand("bench")
        .into_iter()
        .flat_map(clap::Command::get_subcommands);
    benches
        .map(|bench| {
            let about = bench.get_about().map(ToString::to_string).unwrap_or_default();
            format!("cargo dev bench {:<10} {about}", bench.get_name())
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_every_bench() {
        assert!(
            listed().starts_with("cargo dev bench scaling    Every autoscaler"),
            "{}",
            listed()
        );
    }
}
