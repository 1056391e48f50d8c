//! Kills tarn, watches it for long, and tells whether anything was lost.
#![expect(clippy::disallowed_methods, reason = "what this tool measures is the real time of a real process")]

mod crash;
mod dice;
mod door;
mod history;
mod server;
mod soak;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Proves that tarn loses nothing.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Kills the server at random moments under mixed load and checks everything that it had acknowledged.
    Crash(crash::Arguments),
    /// Has many clients fight for few resources, kills the server, and checks that what they saw is linearizable.
    History(history::Arguments),
    /// Loads the server steadily for long, and plots memory, latency and rate.
    Soak(soak::Arguments),
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Crash(arguments) => crash::run(arguments).await,
        Command::History(arguments) => history::run(arguments).await,
        Command::Soak(arguments) => soak::run(arguments).await,
    }
}
