//! Why vocabulary cannot be used.

use std::fmt;

use fhir::IssueCode;

/// Why a value set, code system or concept map cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VocabularyFault {
    /// There is no such value set.
    NoValueSet,
    /// There is no such code system.
    NoCodeSystem,
    /// There is no such concept map.
    NoConceptMap,
    /// There is no such supplement.
    NoSupplement,
    /// The code system only supplements another.
    Supplement,
    /// The codes of the code system are not known: it is stored without them.
    NoCodes,
    /// A filter of the value set is not understood.
    Filter,
    /// A limit of this name and size was exceeded.
    Limit(&'static str, usize),
}

/// The same with the canonical name of what cannot be used: a name of vocabulary, never of a patient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VocabularyError {
    /// Why.
    pub fault: VocabularyFault,
    /// What.
    pub name: String,
}

impl VocabularyFault {
    /// This fault of what has this name.
    pub(crate) fn of(self, name: &str) -> VocabularyError {
        VocabularyError { fault: self, name: name.to_owned() }
    }

    /// What kind of issue it is.
    pub fn code(&self) -> IssueCode {
        match self {
            VocabularyFault::Filter => IssueCode::NotSupported,
            VocabularyFault::Supplement => IssueCode::Invalid,
            VocabularyFault::Limit(..) => IssueCode::TooCostly,
            _ => IssueCode::NotFound,
        }
    }
}

impl VocabularyError {
    /// Whether there is nothing of that name.
    pub fn is_unknown(&self) -> bool {
        use VocabularyFault::{NoCodeSystem, NoConceptMap, NoSupplement, NoValueSet};
        matches!(self.fault, NoValueSet | NoCodeSystem | NoConceptMap | NoSupplement)
    }
}

impl fmt::Display for VocabularyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VocabularyFault::NoValueSet => {
                f.write_str("a ValueSet that is neither stored here nor in a package, nor defined by FHIR R4")
            }
            VocabularyFault::NoCodeSystem => f.write_str(
                "a CodeSystem that is neither stored here nor in a package, nor defined by FHIR R4",
            ),
            VocabularyFault::NoConceptMap => {
                f.write_str("a ConceptMap that is neither stored here nor in a package")
            }
            VocabularyFault::NoSupplement => {
                f.write_str("a supplement that is neither stored here nor in a package")
            }
            VocabularyFault::Supplement => f.write_str("a supplement, which has no codes of its own"),
            VocabularyFault::NoCodes => f.write_str("a CodeSystem whose codes are not stored with it"),
            VocabularyFault::Filter => f.write_str("a ValueSet with a filter that is not supported"),
            VocabularyFault::Limit(name, size) => {
                write!(f, "more vocabulary than the limit {name} of {size} allows")
            }
        }
    }
}
