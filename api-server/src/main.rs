//! The `pathfinder-api` program: installs the one crypto provider, reads flags and environment, and runs the command.
//! Everything else is in the library, where tests reach it.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::Parser;
use mimalloc::MiMalloc;
use pathfinder_api::auth::password;
use pathfinder_api::config::{Cli, Command, Config, DatabaseConfig};
use pathfinder_api::http::openapi;
use pathfinder_api::store::migrations;
use pathfinder_api::store::seed::{self, Amounts};
use pathfinder_api::{router, serve, telemetry};

// A password's hash takes 19 MiB for a moment, on whichever thread is free: glibc would keep that much for every thread that
// ever made one. Built without huge pages, which are a fifth more memory here; how soon it gives memory back is set where the
// program is (Dockerfile), because it reads that before `main`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow!("another crypto provider is already installed"))?;
    let cli = Cli::parse();
    let traces = match &cli.command {
        Command::Serve(args) => Some(&args.edge.traces),
        _ => None,
    };
    let telemetry = telemetry::install(&cli.log, traces)?;
    let ended = run(cli.command).await;
    telemetry.end();
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "stopped");
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => Ok(serve::serve(Config::try_from(*args)?).await?),
        Command::Seed(args) => {
            let amounts = Amounts {
                users: args.users,
                tournaments: args.tournaments,
            };
            let wait = args.migrate.wait();
            let config = DatabaseConfig::try_from(args.migrate)?;
            let hash = password::hash(&seed::PASSWORD.into())?;
            migrations::apply_within(&config, wait).await?;
            Ok(seed::fill(&config, amounts, &hash).await?)
        }
        Command::Openapi => {
            let text = openapi::text(&router::document())?;
            Ok(std::io::stdout().write_all(text.as_bytes())?)
        }
        Command::Migrate(args) => {
            let wait = args.wait();
            Ok(migrations::apply_within(&DatabaseConfig::try_from(args)?, wait).await?)
        }
    }
}
