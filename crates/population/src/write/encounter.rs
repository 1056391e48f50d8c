//! Encounter: the visit itself.

use crate::chart::{Scribe, us_core};
use crate::code::{Code, code, hl7};
use crate::community::{Organization, Practitioner};
use crate::life::Visit;

/// The organisation that a visit is at.
pub(crate) fn host<'p>(scribe: &Scribe<'p>, visit: &Visit) -> &'p Organization {
    let person = scribe.person;
    scribe.community.organization(if visit.setting.is_hospital() { person.hospital } else { person.clinic })
}

/// Who sees the patient.
pub(crate) fn performer<'p>(scribe: &Scribe<'p>, visit: &Visit) -> &'p Practitioner {
    let host = host(scribe, visit);
    &host.practitioners[scribe.person.physician % host.practitioners.len()]
}

pub(crate) fn write(scribe: &mut Scribe<'_>, visit: &Visit) {
    let (person, host, performer) = (scribe.person, host(scribe, visit), performer(scribe, visit));
    let reason: Option<Code> = visit.problem.map(|problem| scribe.life.problems[problem].disorder.code);
    let json = scribe.start("Encounter", visit.encounter, &[us_core!("encounter")]);
    json.only("identifier", |json| {
        json.text("use", "official")
            .text("system", "https://github.com/synthetichealth/synthea")
            .id("value", visit.encounter);
    });
    json.text("status", "finished").object("class", |json| {
        json.coding(&visit.setting.class());
    });
    json.concepts("type", &visit.setting.kind()).reference(
        "subject",
        "Patient",
        person.id,
        &person.display(),
    );
    json.only("participant", |json| {
        json.concepts("type", &hl7!("v3-ParticipationType", "PPRF", "primary performer"));
        json.period("period", visit.start, Some(visit.end)).reference(
            "individual",
            "Practitioner",
            performer.id,
            &performer.display,
        );
    });
    json.period("period", visit.start, Some(visit.end));
    if let Some(reason) = &reason {
        json.concepts("reasonCode", reason);
    }
    if visit.setting == crate::tables::disorder::Setting::Inpatient {
        let home = code(
            "http://www.nubc.org/patient-discharge",
            "01",
            "Discharged to home care or self care (routine discharge)",
        );
        json.object("hospitalization", |json| {
            json.concept("dischargeDisposition", &home);
        });
    }
    json.only("location", |json| {
        json.reference("location", "Location", host.location, &host.name);
    });
    json.reference("serviceProvider", "Organization", host.id, &host.name);
    scribe.finish();
}
