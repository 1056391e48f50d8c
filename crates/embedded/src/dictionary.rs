//! The dictionaries that bodies are compressed with: text that resources of a type have in common, made of generated
//! patients and the specification's examples (`xtask/src/dictionaries.rs`), so that no body of anybody's is in them and
//! nothing of what is erased can stay behind.
//!
//! They are part of the format: what was written with one needs it for ever. A new generation is added beside the ones
//! before.

use std::sync::OnceLock;

use fhir::ResourceType;
use zstd::zstd_safe::{CDict, DDict};

/// The generation that is written.
pub(crate) const GENERATION: u8 = 1;

/// The types of the first generation with a dictionary of their own; all others share one.
const FIRST: [(&str, &[u8]); 15] = [
    ("AllergyIntolerance", include_bytes!("../dictionaries/AllergyIntolerance-1.zdict")),
    ("CarePlan", include_bytes!("../dictionaries/CarePlan-1.zdict")),
    ("CareTeam", include_bytes!("../dictionaries/CareTeam-1.zdict")),
    ("Claim", include_bytes!("../dictionaries/Claim-1.zdict")),
    ("Condition", include_bytes!("../dictionaries/Condition-1.zdict")),
    ("DiagnosticReport", include_bytes!("../dictionaries/DiagnosticReport-1.zdict")),
    ("Encounter", include_bytes!("../dictionaries/Encounter-1.zdict")),
    ("ExplanationOfBenefit", include_bytes!("../dictionaries/ExplanationOfBenefit-1.zdict")),
    ("ImagingStudy", include_bytes!("../dictionaries/ImagingStudy-1.zdict")),
    ("Immunization", include_bytes!("../dictionaries/Immunization-1.zdict")),
    ("MedicationAdministration", include_bytes!("../dictionaries/MedicationAdministration-1.zdict")),
    ("MedicationRequest", include_bytes!("../dictionaries/MedicationRequest-1.zdict")),
    ("Observation", include_bytes!("../dictionaries/Observation-1.zdict")),
    ("Patient", include_bytes!("../dictionaries/Patient-1.zdict")),
    ("Procedure", include_bytes!("../dictionaries/Procedure-1.zdict")),
];

/// The one of all other types.
const FIRST_OF_ANY: &[u8] = include_bytes!("../dictionaries/any-1.zdict");

/// One dictionary, made ready for either way when it is first needed.
pub(crate) struct Dictionary {
    bytes: &'static [u8],
    packing: OnceLock<CDict<'static>>,
    unpacking: OnceLock<DDict<'static>>,
}

impl Dictionary {
    /// The dictionary of a type's bodies of a generation; `None` if this release has no such generation.
    pub(crate) fn of(generation: u8, of: u16) -> Option<&'static Dictionary> {
        static FIRST_READY: OnceLock<(Vec<Dictionary>, Vec<usize>)> = OnceLock::new();
        if generation != GENERATION {
            return None;
        }
        let (dictionaries, by_type) = FIRST_READY.get_or_init(first);
        dictionaries.get(by_type.get(usize::from(of)).copied().unwrap_or(0))
    }

    /// The same, of the generation that is written.
    pub(crate) fn newest_of(of: u16) -> &'static Dictionary {
        Dictionary::of(GENERATION, of).expect("this release has the generation that it writes")
    }

    /// The dictionary for compressing at a level; the first caller's level stays.
    pub(crate) fn packing(&self, level: i32) -> &CDict<'static> {
        self.packing.get_or_init(|| CDict::create(self.bytes, level))
    }

    /// The dictionary for decompressing.
    pub(crate) fn unpacking(&self) -> &DDict<'static> {
        self.unpacking.get_or_init(|| DDict::create(self.bytes))
    }

    const fn new(bytes: &'static [u8]) -> Dictionary {
        Dictionary { bytes, packing: OnceLock::new(), unpacking: OnceLock::new() }
    }
}

/// The first generation: the dictionaries, that of any type in front, and which one each type number has.
fn first() -> (Vec<Dictionary>, Vec<usize>) {
    let own = FIRST.iter().map(|(_, bytes)| Dictionary::new(bytes));
    let dictionaries = std::iter::once(Dictionary::new(FIRST_OF_ANY)).chain(own).collect();
    let place =
        |of: ResourceType| FIRST.iter().position(|(name, _)| *name == of.name()).map_or(0, |at| at + 1);
    (dictionaries, ResourceType::all().map(place).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries_are_frozen() {
        let mut hasher = blake3::Hasher::new();
        FIRST.iter().for_each(|(name, bytes)| {
            assert!(ResourceType::parse(name).is_some(), "{name}");
            hasher.update(name.as_bytes()).update(bytes);
        });
        hasher.update(FIRST_OF_ANY);
        let hash = hasher.finalize().to_hex();
        assert_eq!(
            &hash[..32],
            "2fb00c9e6a3e005665de3dfeedc9fe73",
            "what was written with the old ones cannot be read any more"
        );
    }

    #[test]
    fn a_type_has_its_own_dictionary_or_that_of_any() {
        let number = |name: &str| ResourceType::parse(name).unwrap().number();
        let bytes = |of: u16| Dictionary::newest_of(of).bytes;
        assert_eq!(bytes(number("Patient")), FIRST[13].1);
        assert_eq!(bytes(number("Basic")), FIRST_OF_ANY);
        assert_eq!(bytes(u16::MAX), FIRST_OF_ANY);
        assert!(Dictionary::of(0, 0).is_none() && Dictionary::of(GENERATION + 1, 0).is_none());
    }
}
