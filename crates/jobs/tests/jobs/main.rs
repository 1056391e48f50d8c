//! Jobs over the in-memory store and the in-memory objects.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod awkward;
mod crash;
mod delete;
mod export;
mod faults;
mod queue;
mod reindex;
mod roundtrip;
mod world;
