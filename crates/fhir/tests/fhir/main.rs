//! What the crate promises, as claims over data.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bindings;
mod cases;
mod claims;
mod datetime;
mod decimal;
mod examples;
mod fhirpath_patch;
mod guide_examples;
mod json;
mod judge;
mod links;
mod oracle;
mod outcome;
mod patch;
mod path;
mod profiles;
mod resource;
mod subset;
mod tree;
mod validate;
mod validate_bundle;
mod xml;
