//! Whole request, whole response: the FHIR door over the in-memory store, without sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod agreement;
mod authority;
mod batch;
mod conditional;
mod contained;
mod cors;
mod door;
mod explain;
mod export;
mod history;
mod hostile;
mod limit;
mod linked;
mod meta;
mod once;
mod one_by_one;
mod operation;
mod packages;
mod packing;
mod parity;
mod patch;
mod race;
mod read;
mod refuse;
mod representation;
mod scope;
mod search;
mod supplement;
mod terminology;
mod transaction;
mod translation;
mod validate;
mod write;
mod xml;
