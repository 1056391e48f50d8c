//! AWS HealthLake that you can own.

mod body;
mod cli;
mod components;
mod config;
mod doors;
mod folder;
mod log;
mod metrics;
mod objects;
mod packages;
mod serve;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tarn: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
