//! Why a StructureDefinition could not be read.

/// Why a StructureDefinition could not be read, and at which element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileError {
    /// The id (or path, or number from 0) of the element at fault; `None` for the definition itself.
    pub element: Option<String>,
    /// What is wrong.
    pub reason: ProfileReason,
}

/// What can be wrong with a StructureDefinition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileReason {
    /// It is another resource.
    NotAStructureDefinition,
    /// A member that must be there is not, or is not of the form that it has.
    Member(&'static str),
    /// A code that the standard does not have stands in this member.
    Code(&'static str),
    /// Its path does not begin with the type, or its parent is not before it.
    Place,
    /// Its id stands twice.
    Twice,
    /// More elements than a limit allows.
    TooMany {
        /// The limit.
        elements_max: usize,
    },
    /// A constraint, a type list or a discriminator list longer than this crate reads.
    TooLong(&'static str),
}

impl ProfileError {
    pub(super) fn definition(reason: ProfileReason) -> ProfileError {
        ProfileError { element: None, reason }
    }

    pub(super) fn at(element: impl Into<String>, reason: ProfileReason) -> ProfileError {
        ProfileError { element: Some(element.into()), reason }
    }
}

impl std::fmt::Display for ProfileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.element {
            Some(element) => write!(f, "element {element}: {}", self.reason),
            None => write!(f, "{}", self.reason),
        }
    }
}

impl std::fmt::Display for ProfileReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ProfileReason::NotAStructureDefinition => {
                f.write_str("the resource is not a StructureDefinition")
            }
            ProfileReason::Member(name) => write!(f, "{name} is missing or malformed"),
            ProfileReason::Code(name) => write!(f, "{name} has a code that R4 does not have"),
            ProfileReason::Place => f.write_str("its path does not fit the elements before it"),
            ProfileReason::Twice => f.write_str("its id stands twice"),
            ProfileReason::TooMany { elements_max } => {
                write!(f, "there are more than {elements_max} elements")
            }
            ProfileReason::TooLong(name) => write!(f, "{name} has more entries than are read"),
        }
    }
}

impl std::error::Error for ProfileError {}
