//! Who a patient is: drawn once, before the life begins.

use crate::code::{Code, code, hl7};
use crate::community::{Community, numbered, phone};
use crate::moment::{DAY_S, Moment, YEAR_S};
use crate::random::{Random, Uuid};
use crate::tables::disorder::Concerns;
use crate::tables::names::{FAMILY, FEMALE, INSURERS, MALE, STREET_KINDS, STREETS};
use crate::tables::places::{TOWNS, Town};

/// People in 1,000 by decade of age.
const AGES: [u32; 10] = [112, 122, 134, 136, 126, 128, 120, 78, 36, 8];

const OMB: &str = "urn:oid:2.16.840.1.113883.6.238";
const RACES: &[(Code, u32)] = &[
    (code(OMB, "2106-3", "White"), 72),
    (code(OMB, "2054-5", "Black or African American"), 12),
    (code(OMB, "2028-9", "Asian"), 8),
    (code(OMB, "1002-5", "American Indian or Alaska Native"), 1),
    // US Core's race has no other codes for those whose race is none of the census's.
    (code("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK", "Unknown"), 7),
];
const HISPANIC: Code = code(OMB, "2135-2", "Hispanic or Latino");
const NOT_HISPANIC: Code = code(OMB, "2186-5", "Not Hispanic or Latino");

/// What a patient is, as opposed to what happens to them.
#[derive(Debug)]
pub(crate) struct Person {
    seed: u64,
    number: u64,
    pub(crate) id: Uuid,
    pub(crate) is_female: bool,
    pub(crate) birth: Moment,
    pub(crate) death: Option<Moment>,
    pub(crate) race: Code,
    pub(crate) ethnicity: Code,
    pub(crate) language: Code,
    pub(crate) family: String,
    pub(crate) given: String,
    pub(crate) mother: String,
    pub(crate) town: &'static Town,
    pub(crate) birth_town: &'static Town,
    pub(crate) street: String,
    pub(crate) phone: String,
    pub(crate) marriage: Option<Code>,
    pub(crate) is_twin: bool,
    pub(crate) insurer: &'static str,
    pub(crate) smokes: bool,
    /// Standard deviations above the mean height.
    pub(crate) tallness: f64,
    /// Body mass index as an adult.
    pub(crate) bulk: f64,
    pub(crate) clinic: usize,
    pub(crate) hospital: usize,
    pub(crate) physician: usize,
}

impl Person {
    /// Draws the person of this number.
    pub(crate) fn draw(
        seed: u64,
        number: u64,
        as_of: Moment,
        community: &Community,
        random: &mut Random,
    ) -> Person {
        let is_female = random.chance(5_080);
        let age_s =
            random.weighted(AGES.iter().copied()) as i64 * 10 * YEAR_S + random.between(DAY_S, 10 * YEAR_S);
        let age = age_s / YEAR_S;
        let hispanic = random.chance(1_250);
        let town = &TOWNS[random.weighted(TOWNS.iter().map(|town| town.share))];
        let mother = format!("{} {}", numbered(random.pick(FEMALE)), numbered(random.pick(FAMILY)));
        Person {
            seed,
            number,
            id: Uuid::of(seed, number, 0),
            is_female,
            birth: Moment(as_of.0 - age_s),
            death: None,
            race: RACES[random.weighted(RACES.iter().map(|race| race.1))].0,
            ethnicity: if hispanic { HISPANIC } else { NOT_HISPANIC },
            language: language(hispanic, random),
            family: numbered(random.pick(FAMILY)),
            given: numbered(random.pick(if is_female { FEMALE } else { MALE })),
            mother,
            town,
            birth_town: &TOWNS[random.weighted(TOWNS.iter().map(|town| town.share))],
            street: format!(
                "{} {} {}",
                random.between(1, 999),
                random.pick(STREETS),
                random.pick(STREET_KINDS)
            ),
            phone: phone(random),
            marriage: marriage(age, random),
            is_twin: random.chance(320),
            insurer: if age >= 65 {
                "Medicare"
            } else {
                INSURERS[random.weighted(INSURERS.iter().map(|insurer| insurer.1))].0
            },
            smokes: age >= 16 && random.chance(1_400),
            tallness: random.bell(),
            bulk: (27.0 + 5.0 * random.bell()).max(17.5),
            clinic: community.clinic(town, random),
            hospital: Community::hospital(random),
            physician: random.below(2) as usize,
        }
    }

    /// The identity of the `index`th thing of this patient's; 0 is the patient.
    pub(crate) fn identity(&self, index: u64) -> Uuid {
        Uuid::of(self.seed, self.number, index)
    }

    /// Whether a disorder that concerns some people concerns this one.
    pub(crate) fn is_concerned(&self, concerns: Concerns) -> bool {
        match concerns {
            Concerns::Everybody => true,
            Concerns::Women => self.is_female,
            Concerns::Men => !self.is_female,
        }
    }

    /// Title and names, as references show them.
    pub(crate) fn display(&self) -> String {
        format!("{} {} {}", self.title(), self.given, self.family)
    }

    pub(crate) fn title(&self) -> &'static str {
        match (self.is_female, &self.marriage) {
            (false, _) => "Mr.",
            (true, Some(marriage)) if marriage.code == "M" => "Mrs.",
            (true, _) => "Ms.",
        }
    }

    /// Height in millimetres at an age in months.
    pub(crate) fn height_mm(&self, months: i64) -> i64 {
        /// Mean heights in millimetres at birth, 1, 2, 4, 8, 12, 16 and 20 years: girls, boys.
        const GROWTH: [(i64, [f64; 2]); 8] = [
            (0, [491.0, 499.0]),
            (12, [740.0, 757.0]),
            (24, [857.0, 871.0]),
            (48, [1_010.0, 1_023.0]),
            (96, [1_275.0, 1_280.0]),
            (144, [1_515.0, 1_490.0]),
            (192, [1_625.0, 1_735.0]),
            (240, [1_632.0, 1_768.0]),
        ];
        let sex = usize::from(!self.is_female);
        let after = GROWTH.iter().position(|(at, _)| *at > months).unwrap_or(GROWTH.len() - 1).max(1);
        let ((from, low), (to, high)) = (GROWTH[after - 1], GROWTH[after]);
        let share = (months.min(240) - from) as f64 / (to - from) as f64;
        let mean = low[sex] + (high[sex] - low[sex]) * share;
        (mean * (1.0 + 0.04 * self.tallness)) as i64
    }

    /// Body mass index at an age in months, before the noise of a single visit.
    pub(crate) fn body_mass_index(&self, months: i64) -> f64 {
        let grown = (months.min(300) as f64 - 72.0).max(0.0) / 228.0;
        let child = 15.6 + (self.bulk - 27.0) * 0.2;
        child + (self.bulk - child) * grown
    }
}

fn language(hispanic: bool, random: &mut Random) -> Code {
    let (tag, display) = match random.below(100) {
        0..60 if hispanic => ("es", "Spanish"),
        0..3 => ("pt", "Portuguese"),
        3..5 => ("zh", "Chinese"),
        5..6 => ("vi", "Vietnamese"),
        _ => ("en-US", "English"),
    };
    code("urn:ietf:bcp:47", tag, display)
}

fn marriage(age: i64, random: &mut Random) -> Option<Code> {
    let married = match age {
        ..18 => return None,
        18..25 => 12,
        25..35 => 48,
        _ => 66,
    };
    let (status, display) = match random.below(100) {
        drawn if drawn < married => ("M", "Married"),
        drawn if drawn < married + 12 && age > 28 => ("D", "Divorced"),
        drawn if drawn < married + 26 && age > 68 => ("W", "Widowed"),
        _ => ("S", "Never Married"),
    };
    Some(hl7!("v3-MaritalStatus", status, display))
}
