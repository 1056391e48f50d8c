//! What a server judges by: its packages, with what was worked out of them once.

use std::sync::{Arc, Mutex, PoisonError};

use super::compile::CompiledProfile;
use super::set::{ProfileSet, ProfileSetError};
use super::walk::Bindings;
use crate::package::{EntryAt, Kept, Library, LibraryError};

/// How many elements of profiles that are ready to judge by are kept at once; some 500 bytes each.
pub const COMPILED_ELEMENTS_MAX: usize = 150_000;

/// How many elements the profiles that were gathered may lead to, counting again what several lead to.
pub const GATHERED_ELEMENTS_MAX: usize = 2_000_000;

/// The packages of a server as they are at one moment, with the profiles that were made of them and their vocabulary.
pub struct Guides {
    compiled: Compiled,
    bindings: Box<dyn Bindings>,
    gathered: Mutex<Kept<Asked, Gathered>>,
}

type Asked = (Box<str>, Option<u32>);
type Gathered = Result<Arc<ProfileSet>, ProfileSetError>;

/// Where a server's guides are found, as they are at the moment.
pub trait Packages: Send + Sync {
    /// The guides. The answer stays as it is while it is held; ask again for each piece of work.
    fn current(&self) -> Arc<Guides>;
}

/// Guides that stay as they are.
impl Packages for Arc<Guides> {
    fn current(&self) -> Arc<Guides> {
        Arc::clone(self)
    }
}

impl std::fmt::Debug for Guides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guides").field("library", &self.compiled.library).finish_non_exhaustive()
    }
}

impl Guides {
    /// The guides of a library; `bindings` says what its value sets hold.
    #[must_use]
    pub fn new(library: Arc<Library>, bindings: Box<dyn Bindings>) -> Guides {
        let compiled = Compiled { library, kept: Mutex::new(Kept::new(COMPILED_ELEMENTS_MAX)) };
        Guides { compiled, bindings, gathered: Mutex::new(Kept::new(GATHERED_ELEMENTS_MAX)) }
    }

    /// What the standard itself defines, without vocabulary.
    #[must_use]
    pub fn standard() -> Guides {
        Guides::new(Arc::new(Library::empty()), Box::new(NoVocabulary))
    }

    /// The packages and their definitions.
    #[must_use]
    pub fn library(&self) -> &Arc<Library> {
        &self.compiled.library
    }

    /// What the value sets of the standard and of the packages hold.
    #[must_use]
    pub fn bindings(&self) -> &dyn Bindings {
        &*self.bindings
    }

    /// The profile of a canonical, asked for from a package or from none, with all that it leads to.
    ///
    /// # Errors
    /// If it is not known or cannot be used, or if it leads to more than [`PROFILES_MAX`](crate::PROFILES_MAX).
    pub fn profile(&self, canonical: &str, from: Option<u32>) -> Gathered {
        let asked = (canonical.into(), from);
        let gathered = || self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = gathered().get(&asked) {
            return known;
        }
        let found = ProfileSet::gather(canonical, from, &self.compiled).map(Arc::new);
        // Whoever sends resources can name what nobody knows, as often as they like.
        if !matches!(found, Err(ProfileSetError::Unknown(_))) {
            let cost = found.as_ref().map_or(1, |set| set.elements());
            gathered().keep(asked, found.clone(), cost);
        }
        found
    }

    /// The canonical with the version that a data store means by it whose default versions of guides are these
    /// (`us-core-6.1.0`, HealthLake's ProfileConfiguration); the canonical itself if they do not tell.
    #[must_use]
    pub fn pinned(&self, canonical: &str, defaults: &[String]) -> String {
        let found = if defaults.is_empty() || canonical.contains('|') {
            None
        } else {
            self.library().registry().version_among(canonical, defaults)
        };
        found.map_or_else(|| canonical.to_owned(), |version| format!("{canonical}|{version}"))
    }
}

/// Profiles that were made ready.
pub(super) struct Compiled {
    library: Arc<Library>,
    kept: Mutex<Kept<Origin, Arc<CompiledProfile>>>,
}

/// Where a definition comes from: a place in a package, or a URL of the standard.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Origin {
    Package(EntryAt),
    Standard(Arc<str>),
}

impl Compiled {
    /// The profile that a canonical means, asked for from a package; nothing if nobody has it, or if it is of something
    /// that R4 has not.
    pub(super) fn profile(
        &self,
        canonical: &str,
        from: Option<u32>,
    ) -> Result<Option<Arc<CompiledProfile>>, LibraryError> {
        let Some(found) = self.library.definition(canonical, from)? else { return Ok(None) };
        let origin = match found.at {
            Some(at) => Origin::Package(at),
            None => Origin::Standard(Arc::clone(&found.definition.url)),
        };
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept().get(&origin) {
            return Ok(Some(known));
        }
        let package = found.package();
        let Some(compiled) = CompiledProfile::new(found.definition, package) else { return Ok(None) };
        let compiled = Arc::new(compiled);
        kept().keep(origin, Arc::clone(&compiled), compiled.nodes.len());
        Ok(Some(compiled))
    }
}

/// Of no value set it is known what it holds.
struct NoVocabulary;

impl Bindings for NoVocabulary {
    fn member_of(&self, _: Option<&str>, _: &str, _: &str, _: Option<u32>) -> Option<bool> {
        None
    }
}
