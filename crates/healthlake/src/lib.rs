//! The AWS JSON control plane.
