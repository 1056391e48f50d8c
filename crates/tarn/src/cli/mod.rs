//! The command line: the server, and a client of it for people.

mod backup;
mod bench;
mod check;
mod connection;
mod datastore;
mod demo;
mod export;
mod import;
mod job;
mod package;
mod population;
mod progress;
mod restore;
mod staging;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::config::Options;
use crate::{log, serve};

/// AWS HealthLake that you can own: a FHIR R4 data store with HealthLake's control plane, in one binary.
#[derive(Parser, Debug)]
#[command(version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Serve data stores until told to stop.
    Serve(Options),
    /// Serve, with a data store of synthetic patients ready to try.
    Demo(Options),
    /// Create, list, describe and delete data stores.
    #[command(subcommand)]
    Datastore(datastore::Command),
    /// Import NDJSON: a file, a folder, or s3://bucket/prefix.
    Import(import::Arguments),
    /// Export a data store as NDJSON: into a folder, or to s3://bucket/prefix.
    Export(export::Arguments),
    /// Write synthetic patients as NDJSON, a file per resource type.
    Population(population::Arguments),
    /// Add, list and remove FHIR packages: profiles, extensions, value sets, code systems.
    #[command(subcommand)]
    Package(package::Command),
    /// Copy data stores, as they are at one moment, to a folder or s3://bucket/prefix.
    Backup(backup::Arguments),
    /// Make a new data store of a backup.
    Restore(restore::Arguments),
    /// Verify a data folder: every seal, every index against its bodies.
    Check(check::Arguments),
    /// Measure a server of its own, or a running one, beside what the machine does without it.
    Bench(bench::Arguments),
}

impl Cli {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Serve(options) => {
                log::start();
                let settings = options.settle()?;
                runtime()?.block_on(serve::run(settings))?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Demo(options) => {
                log::start();
                runtime()?.block_on(demo::run(options.settle()?))?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Datastore(command) => runtime()?.block_on(command.run()),
            Command::Import(arguments) => runtime()?.block_on(arguments.run()),
            Command::Export(arguments) => runtime()?.block_on(arguments.run()),
            Command::Population(arguments) => arguments.run(),
            Command::Package(command) => command.run(),
            Command::Backup(arguments) => runtime()?.block_on(arguments.run()),
            Command::Restore(arguments) => runtime()?.block_on(arguments.run()),
            Command::Check(arguments) => arguments.run(),
            Command::Bench(arguments) => arguments.run(),
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")
}
