//! The meaning of a FHIR search: two streams meet here, URL → [`Filter`] and resource → [`Entries`].
//!
//! Pure: no I/O, no clock, no async. A backend may answer a search any way it likes, as long as it
//! answers what [`Filter::matches`] says.

mod cancellation;
mod clause;
mod compile;
mod contained;
mod entries;
mod error;
mod extract;
mod filter;
mod hierarchy;
pub mod limits;
mod link;
mod media_type;
mod near;
mod normalize;
mod param_id;
mod parameter_set;
mod registry;
mod request;
mod scope;
mod sort;
mod test;
mod text;
mod token_set;
mod value;
mod visible;
mod vocabulary;
mod words;

pub use cancellation::Cancellation;
pub use clause::{Clause, Step};
pub use compile::{Compiled, Context, FilterFault, Handling, compile, compile_within};
pub use contained::{Contained, Containment, SelectedContents};
pub use entries::Entries;
pub use error::{Reason, SearchError};
pub use extract::{ExtractError, Extractor, NotIndexed};
pub use fhir::{CanonicalUnit, UCUM, canonical_unit};
pub use filter::{Filter, Graph, Row, Within, references, updated_matches};
pub use hierarchy::{Direction, Hierarchy};
pub use link::{Address, addresses, canonical_types, named_by, refers_to};
pub use near::Near;
pub use normalize::normalize;
pub use param_id::ParamId;
pub use parameter_set::{OwnParameter, ParameterError, ParameterSet, RecordError, Restrictions};
pub use registry::{Registry, registry};
pub use request::{Include, Link, Position, Search, Total};
pub use scope::SearchScope;
pub use sort::{End, Sort, SortKey, SortValue};
pub use test::{Prefix, QuantityTest, ReferenceTest, StringTest, SystemTest, Test, UriTest};
pub use text::{TextQuery, TextWithin};
pub use token_set::{Codes, TokenSet};
pub use value::{Canonical, Parts, QuantityValue, Target, Value};
pub use visible::Visible;
pub use vocabulary::{
    Checked, CodeSystem, Coded, Concept, ConceptMap, ConceptProperty, Definition, Dependency, Designation,
    ExpandedCode, Expansion, ExpansionAsked, Mapping, PACKAGED_CODES_BYTES_MAX, PackagedCodes, Product,
    PropertyKind, Subsumption, TranslationAsked, Vocabulary, VocabularyError, VocabularyFault,
    VocabularyNeed, vocabulary_needed,
};
pub use words::{include_words, sort_words, words};
