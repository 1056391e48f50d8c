//! Whole request, whole response: the FHIR door over the in-memory store, without sockets.

mod authority;
mod door;
mod limit;
mod read;
mod refuse;
mod write;
