//! Judging elements by profiles: what a StructureDefinition demands beyond the type that it constrains (R4 section 5.3).

mod bound;
mod claim;
mod compile;
mod discriminate;
mod extension;
mod guides;
mod place;
mod rule;
mod set;
mod surroundings;
mod target;
mod walk;

pub use claim::{CLAIMS_MAX, review_claims};
pub use guides::{COMPILED_ELEMENTS_MAX, GATHERED_ELEMENTS_MAX, Guides, Packages};
pub use set::{PROFILES_MAX, ProfileSet, ProfileSetError};
pub use surroundings::CONFORMANCE_DEPTH_MAX;
pub use walk::{Bindings, Wanted, review_profile};

/// How deep profiles of types may lead to others while one resource is judged.
pub const PROFILE_DEPTH_MAX: usize = 24;
