//! A chart: resources one after the other in one buffer, and the scribe who writes them.

use std::ops::Range;

use crate::community::Community;
use crate::json::Json;
use crate::life::{Life, Visit};
use crate::moment::Moment;
use crate::person::Person;
use crate::random::{Random, Uuid};

/// Resources as JSON text, in the order written.
#[derive(Debug, Default)]
pub struct Chart {
    bytes: Vec<u8>,
    entries: Vec<(&'static str, Range<usize>)>,
}

impl Chart {
    /// Each resource's type name and its JSON, without line breaks.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = (&'static str, &[u8])> {
        self.entries.iter().map(|(of, range)| (*of, &self.bytes[range.clone()]))
    }

    /// How many resources there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// A buffer that resources are started and finished in.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    pub(crate) json: Json,
    entries: Vec<(&'static str, Range<usize>)>,
}

impl Sheet {
    /// Opens a resource and writes what all begin with; profiles go into `meta`.
    pub(crate) fn start(&mut self, of: &'static str, id: Uuid, profiles: &[&str]) -> &mut Json {
        self.json.out.push(b'\n');
        let at = self.json.out.len();
        self.entries.push((of, at..at));
        self.json.open().text("resourceType", of).id("id", id);
        if !profiles.is_empty() {
            self.json.profile(profiles);
        }
        &mut self.json
    }

    /// Closes the resource that was started last.
    pub(crate) fn finish(&mut self) {
        self.json.close();
        let end = self.json.out.len();
        if let Some((_, range)) = self.entries.last_mut() {
            range.end = end;
        }
    }

    pub(crate) fn into_chart(self) -> Chart {
        Chart { bytes: self.json.out, entries: self.entries }
    }
}

/// Writes one patient's chart.
pub(crate) struct Scribe<'p> {
    pub(crate) sheet: Sheet,
    pub(crate) as_of: Moment,
    pub(crate) person: &'p Person,
    pub(crate) life: &'p Life,
    pub(crate) community: &'p Community,
    pub(crate) random: Random,
    /// Everything that the closing Provenance speaks for.
    pub(crate) written: Vec<(&'static str, Uuid)>,
    next: u64,
}

impl<'p> Scribe<'p> {
    pub(crate) fn new(
        as_of: Moment,
        person: &'p Person,
        life: &'p Life,
        community: &'p Community,
        random: Random,
    ) -> Self {
        let next = life.identities;
        Scribe { sheet: Sheet::default(), as_of, person, life, community, random, written: Vec::new(), next }
    }

    /// A fresh identity of this patient's.
    pub(crate) fn identity(&mut self) -> Uuid {
        self.next += 1;
        self.person.identity(self.next)
    }

    /// Opens a resource; it will be a target of the Provenance.
    pub(crate) fn start(&mut self, of: &'static str, id: Uuid, profiles: &[&str]) -> &mut Json {
        self.written.push((of, id));
        self.sheet.start(of, id, profiles)
    }

    pub(crate) fn finish(&mut self) {
        self.sheet.finish();
    }

    /// Writes `subject` (or what `name` says) and the encounter of `visit`.
    pub(crate) fn about(&mut self, subject: &str, visit: &Visit) -> &mut Json {
        let patient = self.person.id;
        self.sheet.json.reference(subject, "Patient", patient, "").reference(
            "encounter",
            "Encounter",
            visit.encounter,
            "",
        )
    }

    pub(crate) fn into_chart(self) -> Chart {
        self.sheet.into_chart()
    }
}

/// The address of a US Core profile.
macro_rules! us_core {
    ($name:literal) => {
        concat!("http://hl7.org/fhir/us/core/StructureDefinition/us-core-", $name)
    };
}
pub(crate) use us_core;
