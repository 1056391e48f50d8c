//! Validation of a resource against the definitions (R4 validation, section 2.23: structure, cardinality, value
//! domains, required bindings, invariants), walking its document once.

use crate::{Issue, Resource, Severity};

mod bound;
mod bundle;
mod contained;
mod extensible;
mod ids;
mod invariant;
mod judge;
mod path;
pub(crate) mod plan;
mod primitive;
mod profile;
mod reference;
mod report;
mod walk;

use walk::Asked;

pub use extensible::review_bindings;
pub use invariant::PROVED_INVARIANTS;
pub use judge::{Rules, VALIDATION_ISSUE, Verdict, judge};
pub use profile::{
    Bindings, CLAIMS_MAX, COMPILED_ELEMENTS_MAX, CONFORMANCE_DEPTH_MAX, GATHERED_ELEMENTS_MAX, Guides,
    PROFILE_DEPTH_MAX, PROFILES_MAX, Packages, ProfileSet, ProfileSetError, Wanted, review_claims,
    review_profile,
};

/// The longest string or markdown, in bytes (R4 datatypes, `string`).
pub const STRING_BYTES_MAX: usize = 1024 * 1024;
/// How many issues are reported; what is wrong beyond them is not looked for.
pub const ISSUES_MAX: usize = 100;

/// How much is demanded of a resource, by HealthLake's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Base R4, the profiles that the resource claims, and the definitions of its extensions.
    #[default]
    Strict,
    /// Base R4 only.
    StructureOnly,
    /// Whatever can be stored: what is wrong with the structure is found, but as warnings.
    Minimal,
}

impl Level {
    /// The level of this name: `strict`, `structure-only` or `minimal`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Level> {
        [Level::Strict, Level::StructureOnly, Level::Minimal].into_iter().find(|level| level.as_str() == name)
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Strict => "strict",
            Level::StructureOnly => "structure-only",
            Level::Minimal => "minimal",
        }
    }
}

/// What is wrong with the resource and what should be better, for somebody who asks: as [`validate`] says, with the
/// warnings of invariants.
#[must_use]
pub fn review(resource: &Resource, level: Level) -> Vec<Issue> {
    match level {
        Level::Minimal => validate(resource, level),
        Level::Strict | Level::StructureOnly => walk::walk(resource, Asked::WithWarnings),
    }
}

/// What is wrong with the resource; nothing if it is valid, which costs no allocation.
///
/// The issues name elements and types but no values. Their order is that of the document.
#[must_use]
pub fn validate(resource: &Resource, level: Level) -> Vec<Issue> {
    let asked = if level == Level::Minimal { Asked::None } else { Asked::Errors };
    let mut issues = walk::walk(resource, asked);
    if level == Level::Minimal {
        issues.iter_mut().for_each(|issue| issue.severity = Severity::Warning);
    }
    issues
}
