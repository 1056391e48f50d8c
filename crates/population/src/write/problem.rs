//! Condition and AllergyIntolerance.

use crate::chart::{Scribe, us_core};
use crate::code::{Code, hl7, snomed};
use crate::life::{Problem, Visit};
use crate::moment::YEAR_S;

pub(crate) fn write(scribe: &mut Scribe<'_>, visit: &Visit, problem: &Problem) {
    let (id, ended) = (problem.id, problem.end);
    let json = scribe.start("Condition", id, &[us_core!("condition")]);
    let clinical = if ended.is_some() { "resolved" } else { "active" };
    json.concept("clinicalStatus", &hl7!("condition-clinical", clinical, ""));
    json.concept("verificationStatus", &hl7!("condition-ver-status", "confirmed", ""));
    json.concepts("category", &hl7!("condition-category", "encounter-diagnosis", "Encounter Diagnosis"));
    json.concept("code", &problem.disorder.code);
    let json = scribe.about("subject", visit);
    json.date_time("onsetDateTime", problem.onset);
    if let Some(end) = ended {
        json.date_time("abatementDateTime", end);
    }
    json.date_time("recordedDate", problem.onset);
    scribe.finish();
}

/// An allergen: the allergy, its category, and what it does.
const ALLERGIES: &[(Code, &str, Code)] = &[
    (snomed("300913006", "Shellfish allergy"), "food", snomed("271807003", "Eruption of skin (disorder)")),
    (snomed("91934008", "Allergy to nut"), "food", snomed("39579001", "Anaphylaxis (disorder)")),
    (snomed("417532002", "Allergy to fish"), "food", snomed("126485001", "Urticaria")),
    (snomed("91935009", "Allergy to peanuts"), "food", snomed("39579001", "Anaphylaxis (disorder)")),
    (snomed("425525006", "Allergy to dairy product"), "food", snomed("62315008", "Diarrhea")),
    (snomed("419474003", "Allergy to mould"), "environment", snomed("49727002", "Cough (finding)")),
    (snomed("232350006", "House dust mite allergy"), "environment", snomed("76067001", "Sneezing")),
    (snomed("232347008", "Dander (animal) allergy"), "environment", snomed("76067001", "Sneezing")),
    (snomed("418689008", "Allergy to grass pollen"), "environment", snomed("70076002", "Nasal congestion")),
    (
        snomed("424213003", "Allergy to bee venom"),
        "environment",
        snomed("39579001", "Anaphylaxis (disorder)"),
    ),
    (
        snomed("91936005", "Allergy to penicillin"),
        "medication",
        snomed("271807003", "Eruption of skin (disorder)"),
    ),
];

/// One in eight has some, and those have several.
pub(crate) fn write_allergies(scribe: &mut Scribe<'_>) {
    if !scribe.random.chance(1_250) {
        return;
    }
    let first = scribe.random.below(ALLERGIES.len() as u64) as usize;
    let count = scribe.random.between(1, 4) as usize;
    let recorded = scribe.person.birth.plus(YEAR_S + scribe.random.between(0, YEAR_S));
    if recorded > scribe.person.death.unwrap_or(scribe.as_of) {
        return;
    }
    for place in 0..count {
        let (code, category, manifestation) = &ALLERGIES[(first + place * 3) % ALLERGIES.len()];
        let (id, severe) = (scribe.identity(), manifestation.code == "39579001");
        let patient = scribe.person.id;
        let json = scribe.start("AllergyIntolerance", id, &[us_core!("allergyintolerance")]);
        json.concept("clinicalStatus", &hl7!("allergyintolerance-clinical", "active", ""));
        json.concept("verificationStatus", &hl7!("allergyintolerance-verification", "confirmed", ""));
        json.text("type", "allergy").strings("category", &[category]);
        json.text("criticality", if severe { "high" } else { "low" }).concept("code", code);
        json.reference("patient", "Patient", patient, "").date_time("recordedDate", recorded);
        json.only("reaction", |json| {
            json.concepts("manifestation", manifestation)
                .text("severity", if severe { "severe" } else { "mild" });
        });
        scribe.finish();
    }
}
