//! The AWS JSON control plane.

pub mod constraint;
pub mod error;
pub mod generated;
pub mod shape;
