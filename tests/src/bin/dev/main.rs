//! `cargo dev`: the one tool that a person needs to run, break and test Pathfinder.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool prints")]

mod args;
mod bench;
mod demo;
mod suites;

use std::{
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
    time::Duration,
};

use anyhow::Context;
use clap::{CommandFactory, Parser};
use pathfinder_tests::cluster::{
    Engine, Paths, faults, images, interrupt,
    kind::{self, Wanted},
    paths::workspace,
    process,
};

use crate::args::{Action, Args, ClusterAction, Output};

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(_) | Err(_) if interrupt::came() => {
            eprintln!("interrupted; the same command goes on where this one stopped");
            ExitCode::from(interrupt::EXIT_CODE)
        }
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> anyhow::Result<ExitCode> {
    let paths = Paths::from_env();
    if args.action.cleans_up() {
        interrupt::listen()?;
    }
    match args.action {
        Action::Cluster { action } => cluster(&paths, &action),
        Action::Kubectl { words } => through(&paths, "kubectl", &words),
        Action::Helm { words } => through(&paths, "helm", &words),
        Action::Images => {
            let engine = running(&paths)?;
            images::all(&paths, engine)?;
            println!("every node has the images of this checkout");
            Ok(ExitCode::SUCCESS)
        }
        Action::Node { fault, node } => {
            faults::inflict(fault, &node)?;
            println!("{fault:?} {node}: done");
            Ok(ExitCode::SUCCESS)
        }
        Action::Demo(options) => demo::run(&paths, &options),
        Action::Test { suite, filter } => suites::run(&paths, suite, &filter),
        Action::Bench { bench } => bench::run(&paths, bench.as_ref()),
        Action::Fmt => cargo(&["fmt", "--all"]),
        Action::Lint => cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        Action::Crds => cargo(&["run", "-q", "-p", "pathfinder-crds", "--bin", "crdgen", "--", "--write"]),
        Action::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "cargo-dev", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn cluster(paths: &Paths, action: &ClusterAction) -> anyhow::Result<ExitCode> {
    match action {
        ClusterAction::Up { nodes, engine } => {
            let engine = engine.unwrap_or_else(|| Engine::current(paths));
            kind::up(
                paths,
                Wanted {
                    nodes: usize::from(*nodes),
                    engine,
                },
            )?;
            println!("up: {nodes} nodes Ready; cargo dev kubectl -- get nodes");
        }
        ClusterAction::Down => {
            kind::down(paths)?;
            println!(
                "down: nothing of the cluster is left; the cache is in {}",
                paths.cache.display()
            );
        }
        ClusterAction::Status { output } => {
            let status = kind::status(paths, Engine::current(paths));
            match output {
                Output::Json => println!("{}", serde_json::to_string_pretty(&status)?),
                Output::Table if !status.up => println!("down; start it with: cargo dev cluster up"),
                Output::Table => {
                    println!("up; Ready: {}", status.ready.join(", "));
                    if !status.not_ready.is_empty() {
                        println!("not Ready: {}", status.not_ready.join(", "));
                    }
                    println!("KUBECONFIG={}", status.kubeconfig);
                }
            }
            if !status.up {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

// The engine of the cluster that is up.
fn running(paths: &Paths) -> anyhow::Result<Engine> {
    let engine = Engine::current(paths);
    anyhow::ensure!(
        kind::status(paths, engine).up,
        "the cluster is down; start it with: cargo dev cluster up"
    );
    Ok(engine)
}

// A program of the cluster, with the person's terminal.
fn through(paths: &Paths, program: &str, words: &[String]) -> anyhow::Result<ExitCode> {
    let engine = running(paths)?;
    let mut command = engine.inside(program);
    command.args(words);
    // In our place: its exit code, its signals and its terminal are the person's.
    let error = command.exec();
    Err(error).with_context(|| format!("starting {}", process::words(&command)))
}

fn cargo(words: &[&str]) -> anyhow::Result<ExitCode> {
    let mut command = images::cargo();
    command.args(words).current_dir(workspace());
    finish(command)
}

// A program with the person's terminal, whose exit code becomes ours.
fn finish(mut command: Command) -> anyhow::Result<ExitCode> {
    let text = process::words(&command);
    let child = command.spawn().with_context(|| format!("starting {text}"))?;
    let status = interrupt::wait(child, Duration::MAX).context(text)?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
