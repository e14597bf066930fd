//! The `pathfinder-api` program: installs the one crypto provider, reads flags and environment, and runs the command.
//! Everything else is in the library, where tests reach it.

use std::process::ExitCode;

use anyhow::anyhow;
use clap::Parser;
use pathfinder_api::config::{Cli, Command, Config, DatabaseConfig};
use pathfinder_api::store::migrations;
use pathfinder_api::{serve, telemetry};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow!("another crypto provider is already installed"))?;
    let cli = Cli::parse();
    telemetry::install(&cli.log)?;
    match run(cli.command).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "stopped");
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => Ok(serve::serve(Config::try_from(args)?).await?),
        Command::Migrate(args) => {
            let wait = args.wait();
            Ok(migrations::apply_within(&DatabaseConfig::try_from(args)?, wait).await?)
        }
    }
}
