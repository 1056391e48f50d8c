//! Profiles with all that they lead to, gathered before anything is judged by them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::compile::CompiledProfile;
use super::guides::Compiled;
use crate::package::LibraryError;

/// How many profiles one profile may lead to.
pub const PROFILES_MAX: usize = 2_000;

/// A profile with all that it leads to, each by the canonical and the package from which it was asked for.
#[derive(Debug, Default)]
pub struct ProfileSet {
    all: Vec<Arc<CompiledProfile>>,
    by_canonical: HashMap<(Arc<str>, Option<u32>), usize>,
    /// The one asked for first.
    root: Option<usize>,
}

/// Why profiles could not be gathered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileSetError {
    /// Nobody knows the profile of this canonical.
    Unknown(String),
    /// The definition of this canonical cannot be used.
    Unusable(String, LibraryError),
    /// It leads to more than [`PROFILES_MAX`].
    TooMany,
}

impl std::fmt::Display for ProfileSetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ProfileSetError::Unknown(canonical) => write!(f, "The profile {canonical} is not known here."),
            ProfileSetError::Unusable(canonical, error) => {
                write!(f, "The profile {canonical} cannot be used: {error}.")
            }
            ProfileSetError::TooMany => {
                write!(f, "The profile leads to more than the limit PROFILES_MAX of {PROFILES_MAX}.")
            }
        }
    }
}

impl std::error::Error for ProfileSetError {}

impl ProfileSet {
    /// The profile of a canonical, asked for from a package, with all that it leads to: the profiles of types, the
    /// targets of references and the profiles that it imposes. What it leads to and nobody knows is left out, and told
    /// when a value needs it.
    ///
    /// # Errors
    /// If the canonical is not known or cannot be used, or if it leads to too many.
    pub(super) fn gather(
        canonical: &str,
        from: Option<u32>,
        compiled: &Compiled,
    ) -> Result<ProfileSet, ProfileSetError> {
        let mut set = ProfileSet::default();
        let asked = (Arc::from(canonical), from);
        let root = set.add(&asked, compiled)?;
        set.root = Some(root.ok_or_else(|| ProfileSetError::Unknown(canonical.to_owned()))?);
        let mut wanted: VecDeque<_> = set.all.iter().flat_map(|root| root.leads_to()).collect();
        while let Some(asked) = wanted.pop_front() {
            if set.by_canonical.contains_key(&asked) {
                continue;
            }
            if set.all.len() == PROFILES_MAX {
                return Err(ProfileSetError::TooMany);
            }
            if let Some(number) = set.add(&asked, compiled)? {
                wanted.extend(set.all[number].leads_to());
            }
        }
        Ok(set)
    }

    fn add(
        &mut self,
        asked: &(Arc<str>, Option<u32>),
        compiled: &Compiled,
    ) -> Result<Option<usize>, ProfileSetError> {
        let found = compiled.profile(&asked.0, asked.1);
        let found = found.map_err(|error| ProfileSetError::Unusable(asked.0.to_string(), error))?;
        let Some(found) = found else { return Ok(None) };
        let number = self.all.len();
        self.all.push(found);
        self.by_canonical.insert(asked.clone(), number);
        Ok(Some(number))
    }

    /// The profile of a canonical, asked for from a package.
    pub(super) fn get(&self, canonical: &Arc<str>, from: Option<u32>) -> Option<&CompiledProfile> {
        self.by_canonical.get(&(Arc::clone(canonical), from)).map(|number| &*self.all[*number])
    }

    /// The profile that was asked for first.
    pub(super) fn root(&self) -> Option<&CompiledProfile> {
        self.root.map(|number| &*self.all[number])
    }

    /// The package that the profile asked for first is in.
    pub(super) fn package(&self) -> Option<u32> {
        self.root()?.package
    }

    /// How many elements all profiles have.
    pub(super) fn elements(&self) -> usize {
        self.all.iter().map(|profile| profile.nodes.len()).sum()
    }
}
