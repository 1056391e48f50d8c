//! What the service model says, as Rust; written by `cargo xtask service-model`.

pub mod actions;
pub(crate) mod constraints;
pub mod enumerations;
pub mod structures;
