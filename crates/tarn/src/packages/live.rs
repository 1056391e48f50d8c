//! The packages of a running server: read on first use, and again when the folder has changed.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::Result;
use fhir::package::PackageKey;
use fhir::{Guides, Packages, Time};
use indicatif::ProgressBar;
use store::Clock;

use super::{Shelf, archive};

/// How long what was seen of the folder is taken to be so, in microseconds.
const LOOK_US: i64 = 1_000_000;

/// The packages in a folder that others change while the server runs. The folder is looked at when packages are asked
/// for, at most once a second, and read again if any came, went or was replaced.
pub(crate) struct LivePackages {
    shelf: Shelf,
    clock: Arc<dyn Clock>,
    seen: Mutex<Option<Seen>>,
}

struct Seen {
    at: Time,
    keys: Vec<(PackageKey, SystemTime)>,
    guides: Arc<Guides>,
}

impl LivePackages {
    /// The packages of a shelf; nothing is read yet.
    pub(crate) fn new(shelf: Shelf, clock: Arc<dyn Clock>) -> LivePackages {
        LivePackages { shelf, clock, seen: Mutex::new(None) }
    }

    /// Adds the packages in `folder` that are not there yet, one after the other. What cannot be added is logged.
    pub(crate) fn add_from(&self, folder: &Path) {
        let sources = match archive::find(folder) {
            Ok(sources) => sources,
            Err(error) => return tracing::warn!("packages: {error:#}"),
        };
        for source in sources {
            match self.add_if_new(&source) {
                Ok(Some(key)) => tracing::info!("package {key} is added from {}", source.display()),
                Ok(None) => {}
                Err(error) => tracing::warn!("{} is not added: {error:#}", source.display()),
            }
        }
    }

    fn add_if_new(&self, source: &Path) -> Result<Option<PackageKey>> {
        let key = archive::read_manifest(source)?.key;
        if self.shelf.keys()?.iter().any(|(known, _)| *known == key) {
            return Ok(None);
        }
        Ok(Some(self.shelf.add(source, &ProgressBar::hidden())?.written.manifest.key))
    }

    fn read(&self, seen: Option<&Seen>, at: Time) -> Result<Seen> {
        let keys = self.shelf.keys()?;
        if let Some(seen) = seen.filter(|seen| seen.keys == keys) {
            return Ok(Seen { at, keys, guides: Arc::clone(&seen.guides) });
        }
        let (library, faults) = self.shelf.library()?;
        for fault in faults {
            tracing::warn!("a package cannot be used: {fault}");
        }
        let registry = library.registry();
        tracing::info!("{} packages with {} definitions", registry.packages().len(), registry.entries());
        Ok(Seen { at, keys, guides: Arc::new(guides::with_vocabulary(library)) })
    }
}

impl Packages for LivePackages {
    fn current(&self) -> Arc<Guides> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if let Some(seen) = seen.as_ref().filter(|seen| (0..LOOK_US).contains(&(now.0 - seen.at.0))) {
            return Arc::clone(&seen.guides);
        }
        match self.read(seen.as_ref(), now) {
            Ok(new) => Arc::clone(&seen.insert(new).guides),
            Err(error) => {
                tracing::warn!("the packages cannot be read: {error:#}");
                seen.as_ref().map_or_else(|| Arc::new(guides::guides()), |seen| Arc::clone(&seen.guides))
            }
        }
    }
}
