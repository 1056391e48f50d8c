//! AWS HealthLake that you can own.

mod body;
mod cli;
mod components;
mod config;
mod doors;
mod folder;
mod load;
mod log;
mod memory;
mod metrics;
mod objects;
mod packages;
mod serve;
mod transfer;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a shell calls a command that a pipe ended: 128 and the number of SIGPIPE.
const ENDED_BY_PIPE: i32 = 141;

fn main() -> std::process::ExitCode {
    end_with_the_reader();
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tarn: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

/// Ends quietly when nobody reads the output any more (`tarn package list | head -1`), as other commands do; the
/// standard library panics there.
fn end_with_the_reader() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload().downcast_ref::<String>();
        if message.is_some_and(|message| message.starts_with("failed printing to stdout: Broken pipe")) {
            std::process::exit(ENDED_BY_PIPE);
        }
        tell(panic);
    }));
}
