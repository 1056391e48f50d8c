//! Definitions out of packages, read when they are asked for and kept within bounds.

use std::sync::{Arc, Mutex, PoisonError};

use super::kept::Kept;
use super::{Entry, EntryAt, PackageKey, Registry};
use crate::profile::{
    BASES_MAX, DefinitionSource, Pool, ProfileError, SnapshotError, StructureDefinition, generate,
    standard_definition,
};
use crate::{Resource, ResourceError, ResourceType};

/// How many elements of profiles are kept at once, in differentials and snapshots together; some 300 bytes each.
pub const KEPT_ELEMENTS_MAX: usize = 100_000;

/// How many bytes of other resources are kept at once.
pub const KEPT_BYTES_MAX: usize = 64 << 20;

/// Gives the bytes of resources in packages.
pub trait Contents: Send + Sync {
    /// The JSON text of an entry.
    ///
    /// # Errors
    /// If it is not there any more or cannot be read.
    fn read(&self, package: &PackageKey, entry: &Entry) -> Result<Vec<u8>, ContentsError>;
}

/// The bytes of an entry could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentsError(pub String);

impl std::fmt::Display for ContentsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ContentsError {}

/// Why a definition that a canonical means could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LibraryError {
    /// Its bytes could not be had.
    Contents(ContentsError),
    /// It is not a resource.
    Resource(ResourceError),
    /// It is not a definition that can be read.
    Profile(ProfileError),
    /// It has no snapshot and none can be made.
    Snapshot(SnapshotError),
}

impl std::fmt::Display for LibraryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LibraryError::Contents(error) => error.fmt(f),
            LibraryError::Resource(error) => error.fmt(f),
            LibraryError::Profile(error) => error.fmt(f),
            LibraryError::Snapshot(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LibraryError {}

/// A definition and where it comes from.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The definition, with its snapshot.
    pub definition: Arc<StructureDefinition>,
    /// Where it stands; `None` for what the standard itself defines.
    pub at: Option<EntryAt>,
}

impl Profile {
    /// The number of the package it is in, from which what it refers to is to be asked for; `None` for what the standard
    /// itself defines.
    #[must_use]
    pub fn package(&self) -> Option<u32> {
        self.at.map(|at| at.package)
    }
}

/// Packages whose resources can be had by their canonicals.
pub struct Library {
    registry: Registry,
    contents: Box<dyn Contents>,
    kept: Mutex<Shelf>,
}

struct Shelf {
    definitions: Kept<EntryAt, Arc<StructureDefinition>>,
    resources: Kept<EntryAt, Arc<Resource>>,
    pool: Pool,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("packages", &self.registry.packages().len()).finish_non_exhaustive()
    }
}

impl Library {
    /// A library of these packages.
    #[must_use]
    pub fn new(registry: Registry, contents: Box<dyn Contents>) -> Library {
        let shelf = Shelf {
            definitions: Kept::new(KEPT_ELEMENTS_MAX),
            resources: Kept::new(KEPT_BYTES_MAX),
            pool: Pool::new(),
        };
        Library { registry, contents, kept: Mutex::new(shelf) }
    }

    /// A library of no packages: it has what the standard itself defines.
    #[must_use]
    pub fn empty() -> Library {
        Library::new(Registry::default(), Box::new(NoContents))
    }

    /// The packages.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The StructureDefinition that `canonical` means, with its snapshot: that of the package, or one made of its
    /// differential if it has none. Asked from inside a package, that package and what it builds on come first, then
    /// what the standard itself defines, then all packages, as [`Registry::resolve`] says. `None` if nobody has it.
    ///
    /// # Errors
    /// If it is there and cannot be read, or no snapshot can be made of it.
    pub fn definition(&self, canonical: &str, from: Option<u32>) -> Result<Option<Profile>, LibraryError> {
        self.definition_for(canonical, from, &mut Vec::new())
    }

    fn definition_for(
        &self,
        canonical: &str,
        from: Option<u32>,
        open: &mut Vec<EntryAt>,
    ) -> Result<Option<Profile>, LibraryError> {
        let of = ResourceType::parse("StructureDefinition");
        let found = self.registry.resolve(canonical, of, from);
        let is_near = |at: &EntryAt| from.is_some_and(|from| self.registry.is_near(at.package, from));
        if !found.as_ref().is_some_and(is_near)
            && let Some(definition) = standard_definition(canonical)
        {
            return Ok(Some(Profile { definition, at: None }));
        }
        let Some(at) = found else { return Ok(None) };
        let definition = match self.shelf(|shelf| shelf.definitions.get(&at)) {
            Some(definition) => definition,
            None => self.read_definition(at, canonical, open)?,
        };
        Ok(Some(Profile { definition, at: Some(at) }))
    }

    fn read_definition(
        &self,
        at: EntryAt,
        canonical: &str,
        open: &mut Vec<EntryAt>,
    ) -> Result<Arc<StructureDefinition>, LibraryError> {
        if open.contains(&at) {
            return Err(LibraryError::Snapshot(SnapshotError::Cycle(canonical.to_owned())));
        }
        if open.len() >= BASES_MAX {
            return Err(LibraryError::Snapshot(SnapshotError::TooFar(canonical.to_owned())));
        }
        let resource = self.read(at)?;
        let read = self.shelf(|shelf| StructureDefinition::read(&resource, &mut shelf.pool));
        let mut definition = read.map_err(LibraryError::Profile)?;
        drop(resource);
        if definition.snapshot.is_empty() {
            open.push(at);
            let mut scope = Scope { library: self, from: at.package, open };
            let snapshot = generate(&definition, &mut scope, &mut Pool::new());
            open.pop();
            definition.snapshot = snapshot.map_err(LibraryError::Snapshot)?;
        }
        let cost = definition.snapshot.len() + definition.differential.len();
        let definition = Arc::new(definition);
        self.shelf(|shelf| {
            if shelf.definitions.keep(at, Arc::clone(&definition), cost) {
                shelf.pool.sweep();
            }
        });
        Ok(definition)
    }

    /// The resource that `canonical` means, of the type `of` if it is given: a ValueSet, a CodeSystem and so on. `None`
    /// if no package has it.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    pub fn resource(
        &self,
        canonical: &str,
        of: Option<ResourceType>,
        from: Option<u32>,
    ) -> Result<Option<Arc<Resource>>, LibraryError> {
        let Some(at) = self.registry.resolve(canonical, of, from) else { return Ok(None) };
        if let Some(kept) = self.shelf(|shelf| shelf.resources.get(&at)) {
            return Ok(Some(kept));
        }
        let resource = Arc::new(self.read(at)?);
        let bytes = resource.document().bytes().len();
        self.shelf(|shelf| shelf.resources.keep(at, Arc::clone(&resource), bytes));
        Ok(Some(resource))
    }

    fn read(&self, at: EntryAt) -> Result<Resource, LibraryError> {
        let package = &self.registry.package(at.package).key;
        let bytes = self.contents.read(package, self.registry.entry(at)).map_err(LibraryError::Contents)?;
        Resource::parse(bytes).map_err(LibraryError::Resource)
    }

    fn shelf<T>(&self, work: impl FnOnce(&mut Shelf) -> T) -> T {
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A library as seen from inside one of its packages, while snapshots are made.
struct Scope<'a> {
    library: &'a Library,
    from: u32,
    open: &'a mut Vec<EntryAt>,
}

impl DefinitionSource for Scope<'_> {
    fn definition(&mut self, canonical: &str) -> Result<Option<Arc<StructureDefinition>>, SnapshotError> {
        match self.library.definition_for(canonical, Some(self.from), self.open) {
            Ok(found) => Ok(found.map(|profile| profile.definition)),
            Err(LibraryError::Snapshot(error)) => Err(error),
            Err(LibraryError::Profile(error)) => Err(SnapshotError::Malformed(error)),
            Err(LibraryError::Contents(_) | LibraryError::Resource(_)) => {
                Err(SnapshotError::Unknown(canonical.to_owned()))
            }
        }
    }
}

/// The contents of no packages.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoContents;

impl Contents for NoContents {
    fn read(&self, package: &PackageKey, _: &Entry) -> Result<Vec<u8>, ContentsError> {
        Err(ContentsError(format!("there is no package {package}")))
    }
}
