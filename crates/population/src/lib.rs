//! A seeded generator of synthetic patients: pure, streaming, and the same bytes for the same seed everywhere.
//!
//! A [`Population`] is a seed and an "as of" moment. [`Population::community`] gives the organisations, locations and
//! practitioners that everybody shares; [`Population::patient`] gives everything about the patient of one number.
//! Patients do not depend on each other, so they can be generated in any order, in parallel, and one at a time.
//! The resources have the types, codes, extensions and cross-references that Synthea's output has; every reference
//! names a resource of the community or of the same patient.

mod chart;
mod code;
mod community;
mod json;
mod life;
mod moment;
mod person;
mod random;
mod tables;
mod write;

pub use chart::Chart;

use chart::Scribe;
use community::Community;
use life::Life;
use moment::Moment;
use person::Person;

/// A world of synthetic patients, fixed by its seed.
#[derive(Debug)]
pub struct Population {
    seed: u64,
    as_of: Moment,
    community: Community,
}

impl Population {
    /// The population of `seed`, as it stands at `as_of_s`: seconds since 1970-01-01T00:00:00Z, nothing in it is later.
    pub fn new(seed: u64, as_of_s: i64) -> Population {
        Population { seed, as_of: Moment(as_of_s), community: Community::new(seed) }
    }

    /// The resources that patients refer to and share: Organization, Location, Practitioner, PractitionerRole.
    pub fn community(&self) -> Chart {
        self.community.chart()
    }

    /// Everything about the patient of this number, in an order in which no reference but those of Provenance points ahead.
    pub fn patient(&self, number: u64) -> Chart {
        let mut random = random::Random::new(self.seed, number);
        let mut person = Person::draw(self.seed, number, self.as_of, &self.community, &mut random);
        let life = Life::live(&mut person, self.as_of, &mut random);
        let mut scribe = Scribe::new(self.as_of, &person, &life, &self.community, random);
        write::chart(&mut scribe);
        scribe.into_chart()
    }
}
