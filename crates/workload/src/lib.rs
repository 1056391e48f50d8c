//! Workloads that measure a tarn server over its own doors, signed, beside yardsticks that need no trust.
//!
//! [`Plan::run`] makes its data, does one workload after the other, and returns a [`Report`]: a table for people, JSON
//! for machines, a section for `bench/RESULTS.md`. It measures a server of its own, which it starts, kills and weighs,
//! or somebody's running one, of which it sees only what a client sees.
#![expect(clippy::disallowed_methods, reason = "measuring is what this crate is for")]

mod connection;
mod data;
mod latencies;
mod load;
mod measure;
mod plan;
mod process;
mod report;
mod sample;
mod server;
mod shapes;
mod table;
mod target;
mod targets;
mod yardstick;

pub use data::{Data, GENERATED_AS_OF_S, PATIENTS_A_100K, Source};
pub use plan::{Plan, Progress, Subject};
pub use process::machine;
pub use report::{Cell, Report, Row, Unit};
pub use server::Server;
pub use target::Target;
