//! The implementation guides that come along: those of HealthLake's list whose packages are free (`data/README.md`),
//! reduced to what resources are judged by. Nothing is unpacked before it is asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use fhir::Guides;
use fhir::package::{
    Contents, ContentsError, Entry, Library, Manifest, NoContents, PackageKey, Registry, read_index_line,
};
use search::PackagedCodes;

/// The most bytes of a guide's definitions.
const CONTENTS_BYTES_MAX: usize = 64 << 20;

/// A guide as it is committed: its `package.json` and its index, and its definitions, a line each, compressed.
struct Packed {
    index: &'static str,
    contents: &'static [u8],
}

macro_rules! packed {
    ($($key:literal)*) => {
        [$(Packed {
            index: include_str!(concat!("../data/", $key, ".index")),
            contents: include_bytes!(concat!("../data/", $key, ".zst")),
        }),*]
    };
}

static PACKED: [Packed; 8] = packed! {
    "hl7.fhir.us.carin-bb@1.1.0"
    "hl7.fhir.us.carin-bb@2.0.0"
    "hl7.fhir.us.core@3.1.1"
    "hl7.fhir.us.core@4.0.0"
    "hl7.fhir.us.core@5.0.1"
    "hl7.fhir.us.core@6.1.0"
    "hl7.fhir.us.core@7.0.0"
    "hl7.fhir.us.davinci-pdex@2.0.0"
};

/// The definitions of a guide, unpacked when the first is read.
type Unpacked = LazyLock<Bytes, Box<dyn FnOnce() -> Bytes + Send>>;

type Bytes = Result<Vec<u8>, ContentsError>;

/// The definitions of packages, and behind them those of the guides that come along.
pub struct GuideContents {
    installed: Box<dyn Contents>,
    unpacked: BTreeMap<PackageKey, Unpacked>,
}

/// The guides that come along: what each says of itself, and what is in it.
#[must_use]
pub fn packages() -> Vec<(Manifest, Vec<Entry>)> {
    PACKED.iter().map(Packed::read).collect()
}

/// The guides that come along and nothing else, with their vocabulary.
#[must_use]
pub fn guides() -> Guides {
    let contents = GuideContents::new(Box::new(NoContents), &[]);
    with_vocabulary(Library::new(Registry::new(packages()), Box::new(contents)))
}

/// The guides of a library, with the vocabulary that its packages and the standard have.
#[must_use]
pub fn with_vocabulary(library: Library) -> Guides {
    let library = Arc::new(library);
    let codes = PackagedCodes::new(Arc::clone(&library));
    Guides::new(library, Box::new(codes))
}

impl GuideContents {
    /// The definitions of the guides that come along but for those that `installed` replaces, and those of `installed`,
    /// which has the packages of these keys.
    #[must_use]
    pub fn new(installed: Box<dyn Contents>, keys: &[PackageKey]) -> GuideContents {
        let unpacked = PACKED.iter().map(|packed| {
            let unpack: Box<dyn FnOnce() -> Bytes + Send> = Box::new(|| packed.unpack());
            (packed.read().0.key, LazyLock::new(unpack))
        });
        GuideContents { installed, unpacked: unpacked.filter(|(key, _)| !keys.contains(key)).collect() }
    }
}

impl Contents for GuideContents {
    fn read(&self, package: &PackageKey, entry: &Entry) -> Result<Vec<u8>, ContentsError> {
        let Some(unpacked) = self.unpacked.get(package) else { return self.installed.read(package, entry) };
        let contents = unpacked.as_ref().map_err(Clone::clone)?;
        let place = usize::try_from(entry.place.start).ok().zip(usize::try_from(entry.place.end).ok());
        let bytes = place.and_then(|(start, end)| contents.get(start..end));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| ContentsError(format!("{} is not in {package}", entry.url)))
    }
}

impl Packed {
    fn read(&self) -> (Manifest, Vec<Entry>) {
        let (manifest, lines) =
            self.index.split_once('\n').expect("a committed index has lines, as the tests show");
        let manifest = Manifest::read(manifest.as_bytes());
        let entries = lines.lines().map(read_index_line).collect::<Result<_, _>>();
        (
            manifest.expect("a committed index begins with a package.json, as the tests show"),
            entries.expect("the other lines are entries, as the tests show"),
        )
    }

    fn unpack(&self) -> Result<Vec<u8>, ContentsError> {
        zstd::bulk::decompress(self.contents, CONTENTS_BYTES_MAX)
            .map_err(|error| ContentsError(format!("a guide cannot be unpacked: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_an_index_is_a_definition_of_its_url() {
        let contents = GuideContents::new(Box::new(NoContents), &[]);
        for (manifest, entries) in packages() {
            assert!(manifest.is_r4() && entries.len() > 40, "{}", manifest.key);
            for entry in entries {
                let bytes = contents.read(&manifest.key, &entry).unwrap();
                let resource = fhir::Resource::parse(bytes).unwrap();
                assert_eq!(Entry::of(&resource, entry.place.clone()), Some(entry));
            }
        }
    }

    #[test]
    fn a_data_store_may_choose_the_version_that_a_canonical_means() {
        const PATIENT: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient";
        const C4BB: &str = "http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-Patient";
        let guides = guides();
        for (canonical, defaults, expected) in [
            (PATIENT, vec![], ""),
            (PATIENT, vec!["us-core-6.1.0"], "|6.1.0"),
            (PATIENT, vec!["carin-bb-2.0.0", "us-core-4.0.0"], "|4.0.0"),
            (PATIENT, vec!["us-core-4.0.0", "us-core-5.0.1"], "|5.0.1"),
            (PATIENT, vec!["us-core-9.9.9", "core", "-6.1.0", "e-6.1.0"], ""),
            (C4BB, vec!["carin-bb-2.0.0"], "|2.0.0"),
        ] {
            let defaults: Vec<String> = defaults.into_iter().map(str::to_owned).collect();
            assert_eq!(guides.pinned(canonical, &defaults), format!("{canonical}{expected}"), "{defaults:?}");
        }
        let versioned = format!("{PATIENT}|3.1.1");
        assert_eq!(guides.pinned(&versioned, &["us-core-6.1.0".to_owned()]), versioned);
    }

    #[test]
    fn every_profile_of_the_guides_can_be_judged_by() {
        let guides = guides();
        for (number, (manifest, entries)) in (0..).zip(packages()) {
            for entry in entries.iter().filter(|entry| entry.of.name() == "StructureDefinition") {
                let found = guides.profile(&entry.url, Some(number));
                assert!(found.is_ok(), "{} of {}: {:?}", entry.url, manifest.key, found.err());
            }
        }
    }
}
