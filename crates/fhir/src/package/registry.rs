//! Which resource of which package a canonical means.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::{Entry, Manifest, PackageKey, compare_versions, covers};
use crate::ResourceType;

/// The versions whose definitions a canonical without version means, where they are there: as HealthLake has it. Of
/// any other package the newest is meant.
pub const DEFAULT_VERSIONS: [(&str, &str); 11] = [
    ("hl7.fhir.us.core", "3.1.1"),
    ("hl7.fhir.us.carin-bb", "1.1.0"),
    ("hl7.fhir.us.davinci-pdex", "1.0.0"),
    ("hl7.fhir.us.davinci-hrex", "0.2.0"),
    ("hl7.fhir.us.davinci-pdex-plan-net", "1.1.0"),
    ("hl7.fhir.us.davinci-drug-formulary", "1.1.0"),
    ("hl7.fhir.us.davinci-cdex", "2.1.0"),
    ("hl7.fhir.us.davinci-pas", "2.1.0"),
    ("hl7.fhir.uv.ips", "2.0.0-ballot"),
    ("hl7.fhir.us.cqfmeasures", "5.0.0"),
    ("hl7.fhir.uv.genomics-reporting", "3.0.0"),
];

/// The place of an entry in a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryAt {
    /// The number of its package.
    pub package: u32,
    /// Its number in the package.
    pub entry: u32,
}

/// Packages, side by side in any number of versions, and what their canonicals mean.
#[derive(Debug, Default)]
pub struct Registry {
    packages: Vec<Package>,
    by_url: HashMap<Box<str>, Vec<EntryAt>>,
}

#[derive(Debug)]
struct Package {
    manifest: Manifest,
    entries: Vec<Entry>,
    /// The package itself and what it builds on, however far, nearest first.
    scope: Vec<u32>,
    /// Whether canonicals without version mean this version of the package.
    is_default: bool,
}

impl Registry {
    /// The registry of these packages.
    #[must_use]
    pub fn new(packages: Vec<(Manifest, Vec<Entry>)>) -> Registry {
        let mut registry = Registry::default();
        for (manifest, entries) in packages {
            let is_default = DEFAULT_VERSIONS.contains(&(&*manifest.key.name, &*manifest.key.version));
            registry.packages.push(Package { manifest, entries, scope: Vec::new(), is_default });
        }
        for number in 0..registry.packages.len() {
            registry.packages[number].scope = registry.scope(number);
            for (entry, at) in registry.packages[number].entries.iter().zip(0..) {
                let at = EntryAt { package: position(number), entry: at };
                registry.by_url.entry(entry.url.clone()).or_default().push(at);
            }
        }
        registry
    }

    /// The packages, in the order they were given.
    pub fn packages(&self) -> impl ExactSizeIterator<Item = &Manifest> {
        self.packages.iter().map(|package| &package.manifest)
    }

    /// How many definitions the packages have.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.packages.iter().map(|package| package.entries.len()).sum()
    }

    /// The entry at a place that this registry gave.
    #[must_use]
    pub fn entry(&self, at: EntryAt) -> &Entry {
        &self.packages[at.package as usize].entries[at.entry as usize]
    }

    /// The package of this number.
    #[must_use]
    pub fn package(&self, number: u32) -> &Manifest {
        &self.packages[number as usize].manifest
    }

    /// Whether the package is `from` or one that it builds on, however far.
    #[must_use]
    pub fn is_near(&self, package: u32, from: u32) -> bool {
        self.packages.get(from as usize).is_some_and(|from| from.scope.contains(&package))
    }

    /// What `canonical` means, among resources of the type `of`, if it is given.
    ///
    /// With a version (`url|version`) it means the newest whose own version, or whose package's, is that or begins
    /// with its segments. Without one it means the default version ([`DEFAULT_VERSIONS`]) where that is there, and
    /// else the newest. Asked from inside the package `from`, that package and what it builds on come first.
    #[must_use]
    pub fn resolve(&self, canonical: &str, of: Option<ResourceType>, from: Option<u32>) -> Option<EntryAt> {
        let canonical = canonical.split('#').next().unwrap_or_default();
        let (url, version) = match canonical.split_once('|') {
            Some((url, version)) => (url, Some(version).filter(|version| !version.is_empty())),
            None => (canonical, None),
        };
        let all = self.by_url.get(url)?;
        let fits = |at: &&EntryAt| {
            let entry = self.entry(**at);
            of.is_none_or(|of| entry.of == of)
                && version.is_none_or(|wanted| {
                    covers(wanted, &entry.version) || covers(wanted, &self.package(at.package).key.version)
                })
        };
        let found: Vec<EntryAt> = all.iter().filter(fits).copied().collect();
        let near = from.and_then(|from| {
            let scope = &self.packages.get(from as usize)?.scope;
            scope.iter().find_map(|near| self.newest(found.iter().filter(|at| at.package == *near)))
        });
        let default = || {
            let defaults = found.iter().filter(|at| self.packages[at.package as usize].is_default);
            if version.is_none() { self.newest(defaults) } else { None }
        };
        near.or_else(default).or_else(|| self.newest(found.iter()))
    }

    /// The version in which a data store means this URL whose default versions of guides are these (`us-core-6.1.0`,
    /// HealthLake's ProfileConfiguration): of several the newest, nothing if none of them has it.
    #[must_use]
    pub fn version_among(&self, url: &str, defaults: &[String]) -> Option<&str> {
        let is_meant = |at: &&EntryAt| {
            let key = &self.package(at.package).key;
            defaults.iter().any(|slug| is_slug_of(slug, key))
        };
        let at = self.newest(self.by_url.get(url)?.iter().filter(is_meant))?;
        Some(&self.package(at.package).key.version)
    }

    fn newest<'a>(&self, among: impl Iterator<Item = &'a EntryAt>) -> Option<EntryAt> {
        among.copied().max_by(|one, other| {
            let version = |at: &EntryAt| &*self.entry(*at).version;
            let package = |at: &EntryAt| &self.package(at.package).key;
            compare_versions(version(one), version(other))
                .then_with(|| compare_versions(&package(one).version, &package(other).version))
                .then_with(|| package(other).name.cmp(&package(one).name))
        })
    }

    fn scope(&self, of: usize) -> Vec<u32> {
        let mut scope = vec![position(of)];
        let mut at = 0;
        while let Some(number) = scope.get(at) {
            for wanted in &self.packages[*number as usize].manifest.dependencies {
                if let Some(found) = self.dependency(wanted).filter(|found| !scope.contains(found)) {
                    scope.push(found);
                }
            }
            at += 1;
        }
        scope
    }

    /// The newest package that a dependency allows.
    fn dependency(&self, wanted: &PackageKey) -> Option<u32> {
        let numbers = (0..self.packages.len()).filter(|number| {
            let key = &self.packages[*number].manifest.key;
            key.name == wanted.name && (covers(&wanted.version, &key.version) || wanted.version == "current")
        });
        let newest = numbers.max_by(|one, other| -> Ordering {
            let version = |number: &usize| &self.packages[*number].manifest.key.version;
            compare_versions(version(one), version(other))
        });
        newest.map(position)
    }
}

/// Whether a default of HealthLake's form means a package: its version behind the last part of its name, or behind the
/// last two (`carin-bb-2.0.0`, `us-core-6.1.0`).
fn is_slug_of(slug: &str, key: &PackageKey) -> bool {
    let name = slug.strip_suffix(&*key.version).and_then(|rest| rest.strip_suffix('-'));
    let parts: Vec<&str> = key.name.split('.').collect();
    let last = |count: usize| parts[parts.len().saturating_sub(count)..].join("-");
    name.is_some_and(|name| name == last(1) || name == last(2))
}

fn position(number: usize) -> u32 {
    u32::try_from(number).expect("nobody has four billion packages")
}
