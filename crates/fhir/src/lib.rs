//! The FHIR R4 standard as tables and pure functions: no files, no clock, no network.

mod bundle;
mod datetime;
mod decimal;
mod definitions;
mod document;
mod id;
mod links;
mod names;
mod outcome;
pub mod package;
mod patch;
mod path;
mod pretty;
pub mod profile;
mod reference;
mod resource;
mod resource_type;
mod subset;
mod symbol;
mod unit;
mod validate;
pub mod xml;

pub use bundle::{BundleEntry, EntryRequest, bundle_entries};
pub use datetime::{Span, Time, parse_date, parse_date_time};
pub use decimal::Decimal;
pub use definitions::{
    CodeSet, CodeSystemDefinition, Compartment, ComponentDefinition, ConceptDefinition, Definitions,
    ElementDefinition, JsonForm, Member, Membership, ParameterKind, SearchParameterDefinition,
    TypeDefinition, TypeKind, TypeReference, ValueSetDefinition, ValueSetPart, code_system, definitions,
    value_set,
};
pub use document::{
    DEPTH_MAX, DOCUMENT_BYTES_MAX, Document, Items, Json, Kind, Members, NAME_BYTES_MAX, Name, ParseError,
    ParseReason, push_json_string,
};
pub use id::{ID_BYTES_MAX, Id, ResourceKey};
pub use links::{Link, LinkAt, LinkPlace, links, relinked};
pub use outcome::{Issue, IssueCode, Outcome, Severity};
pub use patch::{FhirPathPatch, JsonPatch, PATCH_OPERATIONS_MAX, PATCH_WORK_MAX, PatchError};
pub use path::{
    Element, FhirPath, Flow, NoSurroundings, PATH_BYTES_MAX, PATH_DEPTH_MAX, PATH_STRING_BYTES_MAX,
    PATH_WORK_MAX, PATH_WORK_PER_BYTE_MAX, PathContext, PathError, Precision, Quantity, Surroundings,
    SystemType, Temporal, TemporalKind, TypeInfo, Value,
};
pub use pretty::pretty;
pub use reference::Reference;
pub use resource::{Resource, ResourceError, body, emit, meta_at};
pub use resource_type::ResourceType;
pub use subset::{ELEMENTS_MAX, Elements, SUBSETTED, SUBSETTED_SYSTEM, Subset};
pub use symbol::Symbol;
pub(crate) use unit::is_unit;
pub use unit::{CanonicalUnit, UCUM, canonical_unit, decimal_product};
pub use validate::{
    Bindings, CLAIMS_MAX, COMPILED_ELEMENTS_MAX, CONFORMANCE_DEPTH_MAX, GATHERED_ELEMENTS_MAX, Guides,
    ISSUES_MAX, Level, PROFILE_DEPTH_MAX, PROFILES_MAX, PROVED_INVARIANTS, Packages, ProfileSet,
    ProfileSetError, Rules, STRING_BYTES_MAX, VALIDATION_ISSUE, Verdict, Wanted, judge, review,
    review_bindings, review_claims, review_profile, validate,
};
