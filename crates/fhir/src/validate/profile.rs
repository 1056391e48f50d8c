//! Judging elements by profiles: what a StructureDefinition demands beyond the type that it constrains (R4 section 5.3).

mod compile;
mod discriminate;
mod rule;
mod set;
mod walk;

pub use set::{PROFILES_MAX, ProfileSet, ProfileSetError};
pub use walk::{Bindings, review_profiles};

/// How deep profiles of types may lead to others while one resource is judged.
pub const PROFILE_DEPTH_MAX: usize = 24;
