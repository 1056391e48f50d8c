//! Claim: what a visit or a filled prescription costs.

use super::Line;
use super::encounter::host;
use crate::chart::Scribe;
use crate::code::hl7;
use crate::json::Json;
use crate::life::Visit;
use crate::random::Uuid;
use crate::tables::drugs::Drug;

fn start(scribe: &mut Scribe<'_>, visit: &Visit, id: Uuid, kind: &'static str) {
    let (person, host) = (scribe.person, host(scribe, visit));
    let json = scribe.start("Claim", id, &[]);
    json.text("status", "active").concept("type", &hl7!("claim-type", kind, "")).text("use", "claim");
    json.reference("patient", "Patient", person.id, &format!("{} {}", person.given, person.family));
    json.period("billablePeriod", visit.start, Some(visit.end)).date_time("created", visit.end);
    json.reference("provider", "Organization", host.id, &host.name);
    json.concept("priority", &hl7!("processpriority", "normal", ""));
}

fn write_insurance(json: &mut Json, insurer: &str) {
    json.only("insurance", |json| {
        json.number("sequence", 1).flag("focal", true).object("coverage", |json| {
            json.text("display", insurer);
        });
    });
}

/// The sum that a visit's claim asks for.
pub(crate) fn total_cents(visit: &Visit, lines: &[Line]) -> i64 {
    visit.setting.price_cents() + lines.iter().map(|line| line.price_cents).sum::<i64>()
}

/// Which member of a Claim lists a line's resource, and which member of an item points there.
fn listed(of: &str) -> (&'static str, &'static str) {
    match of {
        "Condition" => ("diagnosis", "diagnosisSequence"),
        "Procedure" => ("procedure", "procedureSequence"),
        _ => ("supportingInfo", "informationSequence"),
    }
}

/// The claim of a visit; gives its identity.
pub(crate) fn write(scribe: &mut Scribe<'_>, visit: &Visit, lines: &[Line]) -> Uuid {
    let (id, person, host) = (scribe.identity(), scribe.person, host(scribe, visit));
    start(scribe, visit, id, if visit.setting.is_hospital() { "institutional" } else { "professional" });
    let json = scribe.sheet.json.reference("facility", "Location", host.location, &host.name);
    for member in ["supportingInfo", "diagnosis", "procedure"] {
        write_list(json, member, lines);
    }
    write_insurance(json, person.insurer);
    json.list("item").item(|json| {
        json.number("sequence", 1).concept("productOrService", &visit.setting.kind());
        json.references("encounter", "Encounter", visit.encounter, "");
    });
    for (index, line) in lines.iter().enumerate() {
        let (member, sequence) = listed(line.of);
        let place = lines[..=index].iter().filter(|other| listed(other.of).0 == member).count() as i64;
        json.item(|json| {
            json.number("sequence", index as i64 + 2)
                .list(sequence)
                .out
                .extend_from_slice(place.to_string().as_bytes());
            json.end().concept("productOrService", &line.code);
            if line.price_cents > 0 {
                json.money("net", line.price_cents);
            }
        });
    }
    json.end().money("total", total_cents(visit, lines));
    scribe.finish();
    id
}

fn write_list(json: &mut Json, member: &str, lines: &[Line]) {
    let mut chosen = lines.iter().filter(|line| listed(line.of).0 == member).peekable();
    if chosen.peek().is_none() {
        return;
    }
    json.list(member);
    for (index, line) in chosen.enumerate() {
        json.item(|json| {
            json.number("sequence", index as i64 + 1);
            match member {
                "diagnosis" => json.reference("diagnosisReference", line.of, line.id, ""),
                "procedure" => json.reference("procedureReference", line.of, line.id, ""),
                _ => json.concept("category", &hl7!("claiminformationcategory", "info", "")).reference(
                    "valueReference",
                    line.of,
                    line.id,
                    "",
                ),
            };
        });
    }
    json.end();
}

/// The pharmacy's claim for one filling.
pub(crate) fn write_pharmacy(scribe: &mut Scribe<'_>, visit: &Visit, request: Uuid, drug: &Drug) {
    let (id, insurer) = (scribe.identity(), scribe.person.insurer);
    start(scribe, visit, id, "pharmacy");
    let json = scribe.sheet.json.reference("prescription", "MedicationRequest", request, "");
    write_insurance(json, insurer);
    json.only("item", |json| {
        json.number("sequence", 1).concept("productOrService", &drug.code).references(
            "encounter",
            "Encounter",
            visit.encounter,
            "",
        );
    });
    json.money("total", drug.price_cents);
    scribe.finish();
}
