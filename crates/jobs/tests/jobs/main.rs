//! Jobs over the in-memory store and the in-memory objects.

mod awkward;
mod crash;
mod faults;
mod queue;
mod roundtrip;
mod world;
