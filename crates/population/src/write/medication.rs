//! MedicationRequest, the pharmacy's Claim for it, and MedicationAdministration.

use super::claim;
use super::encounter::performer;
use crate::chart::{Scribe, us_core};
use crate::life::{Problem, Visit};
use crate::random::Uuid;
use crate::tables::disorder::{Course, Setting};
use crate::tables::drugs::{self, Drug};

/// Fillings that one visit prescribes when a drug is taken for good.
const REFILLS: i64 = 3;

pub(crate) fn write_all(scribe: &mut Scribe<'_>, visit: &Visit) {
    let Some(problem) = visit.problem else { return };
    let problem = &scribe.life.problems[problem];
    let stays = matches!(problem.disorder.course, Course::Chronic { .. });
    // What begins with one drug is stepped up over the years.
    let years = visit.start.years_since(problem.onset) as usize;
    let count = if stays { 1 + years / 3 } else { problem.disorder.drugs.len() };
    for drug in problem.disorder.drugs.iter().take(count) {
        let request = write(scribe, visit, problem, drug, stays);
        claim::write_pharmacy(scribe, visit, request, drug);
    }
    if visit.is_first && visit.setting.is_hospital() {
        let given = match visit.setting {
            Setting::Inpatient => &drugs::ENOXAPARIN,
            _ => problem.disorder.drugs.first().unwrap_or(&drugs::EPINEPHRINE),
        };
        write_administration(scribe, visit, problem, given);
    }
}

fn write(scribe: &mut Scribe<'_>, visit: &Visit, problem: &Problem, drug: &Drug, stays: bool) -> Uuid {
    let (id, performer) = (scribe.identity(), performer(scribe, visit));
    let current = stays && scribe.as_of.months_since(visit.start) < 14 && scribe.person.death.is_none();
    let json = scribe.start("MedicationRequest", id, &[us_core!("medicationrequest")]);
    json.text("status", if current { "active" } else { "stopped" }).text("intent", "order");
    json.concept("medicationCodeableConcept", &drug.code);
    let json = scribe.about("subject", visit);
    json.date_time("authoredOn", visit.start).reference(
        "requester",
        "Practitioner",
        performer.id,
        &performer.display,
    );
    json.references("reasonReference", "Condition", problem.id, "").only("dosageInstruction", |json| {
        json.number("sequence", 1);
        if drug.doses_a_day == 0 {
            json.flag("asNeededBoolean", true);
            return;
        }
        json.object("timing", |json| {
            json.object("repeat", |json| {
                json.number("frequency", drug.doses_a_day).decimal("period", 10, 1).text("periodUnit", "d");
            });
        });
        json.flag("asNeededBoolean", false).only("doseAndRate", |json| {
            json.concept("type", &crate::code::hl7!("dose-rate-type", "ordered", "Ordered")).object(
                "doseQuantity",
                |json| {
                    json.decimal("value", 10, 1);
                },
            );
        });
    });
    if stays {
        json.object("dispenseRequest", |json| {
            json.number("numberOfRepeatsAllowed", REFILLS);
        });
    }
    scribe.finish();
    id
}

fn write_administration(scribe: &mut Scribe<'_>, visit: &Visit, problem: &Problem, drug: &Drug) {
    let (id, patient) = (scribe.identity(), scribe.person.id);
    let json = scribe.start("MedicationAdministration", id, &[]);
    json.text("status", "completed").concept("medicationCodeableConcept", &drug.code);
    json.reference("subject", "Patient", patient, "").reference("context", "Encounter", visit.encounter, "");
    json.date_time("effectiveDateTime", visit.start.plus(1_800)).references(
        "reasonReference",
        "Condition",
        problem.id,
        "",
    );
    scribe.finish();
}
