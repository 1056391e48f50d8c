//! Profiles as data: StructureDefinitions in a compact form, their snapshots, and the definitions that the
//! standard itself brings (R4 section 5.3, <http://hl7.org/fhir/R4/profiling.html>).

mod base;
mod element;
mod error;
mod pool;
mod read;
mod read_element;
mod rules;
mod snapshot;
mod standard;
mod structure;
mod written;

pub(crate) use base::VALUE_SETS;
pub use base::base_definition;
pub use element::{
    Aggregation, Binding, BindingStrength, Constraint, Discriminator, DiscriminatorType, Element, Max,
    SlicedBy, Slicing, SlicingRules, TypeRule, Value, Versioning,
};
pub use error::{ProfileError, ProfileReason};
pub use pool::Pool;
pub use read::{DIFFERENTIAL_ELEMENTS_MAX, SNAPSHOT_ELEMENTS_MAX};
pub(crate) use rules::{ConstraintLine, rules};
pub use snapshot::{BASES_MAX, DefinitionSource, SNAPSHOT_DEPTH_MAX, SnapshotError, generate};
pub use standard::{StandardDefinitions, standard_definition, standard_urls};
pub use structure::{
    ContextType, Derivation, ExtensionContext, IMPOSE_PROFILE, StructureDefinition, StructureKind,
};
pub(crate) use written::element_document;

#[cfg(test)]
mod tests;
