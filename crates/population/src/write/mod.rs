//! A patient's chart, resource type by resource type.

mod benefit;
mod care;
mod claim;
mod device;
mod encounter;
mod imaging;
mod medication;
mod observation;
mod patient;
mod problem;
mod procedure;
mod report;
mod vaccination;

use crate::chart::{Scribe, us_core};
use crate::code::{Code, code, hl7};
use crate::random::Uuid;

/// What a claim asks money for, in the order of the visit.
pub(crate) struct Line {
    pub(crate) of: &'static str,
    pub(crate) id: Uuid,
    pub(crate) code: Code,
    pub(crate) price_cents: i64,
}

/// Writes the patient, every visit with what came of it, and the provenance of it all.
pub(crate) fn chart(scribe: &mut Scribe<'_>) {
    patient::write(scribe);
    problem::write_allergies(scribe);
    let life = scribe.life;
    let mut doses = vaccination::Doses::default();
    for (index, visit) in life.visits.iter().enumerate() {
        let mut lines = Vec::new();
        encounter::write(scribe, visit);
        if let (true, Some(problem)) = (visit.is_first, visit.problem) {
            let problem = &life.problems[problem];
            problem::write(scribe, visit, problem);
            lines.push(Line { of: "Condition", id: problem.id, code: problem.disorder.code, price_cents: 0 });
        }
        observation::write_vitals(scribe, visit);
        report::write_all(scribe, visit, index);
        vaccination::write_due(scribe, visit, &mut doses, &mut lines);
        procedure::write_all(scribe, visit, &mut lines);
        imaging::write(scribe, visit, &mut lines);
        device::write(scribe, visit);
        medication::write_all(scribe, visit);
        care::write(scribe, visit);
        let claim = claim::write(scribe, visit, &lines);
        benefit::write(scribe, visit, claim, &lines);
    }
    write_provenance(scribe);
}

fn write_provenance(scribe: &mut Scribe<'_>) {
    let id = scribe.identity();
    let targets = std::mem::take(&mut scribe.written);
    let clinic = scribe.community.organization(scribe.person.clinic);
    let physician = &clinic.practitioners[scribe.person.physician];
    let as_of = scribe.as_of;
    let json = scribe.start("Provenance", id, &[us_core!("provenance")]);
    json.list("target");
    for (of, id) in targets {
        json.reference_item(of, id, "");
    }
    json.end().instant("recorded", as_of).list("agent");
    let author = hl7!("provenance-participant-type", "author", "Author");
    let transmitter = code(
        "http://hl7.org/fhir/us/core/CodeSystem/us-core-provenance-participant-type",
        "transmitter",
        "Transmitter",
    );
    for role in [author, transmitter] {
        json.item(|json| {
            json.concept("type", &role).reference("who", "Practitioner", physician.id, &physician.display);
            json.reference("onBehalfOf", "Organization", clinic.id, &clinic.name);
        });
    }
    json.end();
    scribe.finish();
}
