//! The AWS JSON control plane: an HTTP request of HealthLake's API in, the answer out.

pub mod arn;
pub mod client;
pub mod constraint;
mod datastore;
mod datastore_properties;
pub mod error;
mod export_job;
pub mod generated;
mod idempotency;
mod identity_provider;
mod import_job;
mod job;
pub mod limits;
mod page_token;
pub mod protocol;
mod service;
pub mod shape;
mod tag;

pub use service::{Service, ServiceParts, Settings};
