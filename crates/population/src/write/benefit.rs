//! ExplanationOfBenefit: what the insurer made of a claim.

use super::Line;
use super::claim::total_cents;
use super::encounter::{host, performer};
use crate::chart::Scribe;
use crate::code::{Code, code, hl7};
use crate::json::Json;
use crate::life::Visit;
use crate::moment::YEAR_S;
use crate::person::Person;
use crate::random::Uuid;

const VARIABLES: &str = "https://bluebutton.cms.gov/resources/variables";

pub(crate) fn write(scribe: &mut Scribe<'_>, visit: &Visit, claim: Uuid, lines: &[Line]) {
    let (id, person) = (scribe.identity(), scribe.person);
    let (host, performer) = (host(scribe, visit), performer(scribe, visit));
    let json = scribe.start("ExplanationOfBenefit", id, &[]);
    write_contained(json, person, performer.id);
    json.list("identifier").item(|json| {
        json.text("system", &format!("{VARIABLES}/clm_id")).id("value", claim);
    });
    json.item(|json| {
        json.text("system", "https://bluebutton.cms.gov/resources/identifier/claim-group")
            .text("value", "99999999999");
    });
    json.end().text("status", "active");
    json.concept(
        "type",
        &hl7!("claim-type", if visit.setting.is_hospital() { "institutional" } else { "professional" }, ""),
    );
    json.text("use", "claim").reference("patient", "Patient", person.id, "");
    json.period("billablePeriod", visit.end, Some(visit.end.plus(YEAR_S))).date_time("created", visit.end);
    json.object("insurer", |json| {
        json.text("display", person.insurer);
    });
    json.reference("provider", "Practitioner", performer.id, "").object("referral", |json| {
        json.text("reference", "#referral");
    });
    json.reference("facility", "Location", host.location, &host.name).reference("claim", "Claim", claim, "");
    json.text("outcome", "complete").only("careTeam", |json| {
        json.number("sequence", 1).reference("provider", "Practitioner", performer.id, "");
        json.concept("role", &hl7!("claimcareteamrole", "primary", "Primary Care Practitioner"));
    });
    json.only("insurance", |json| {
        json.flag("focal", true).object("coverage", |json| {
            json.text("reference", "#coverage").text("display", person.insurer);
        });
    });
    write_items(json, visit, lines);
    let total = total_cents(visit, lines);
    json.only("total", |json| {
        json.concept("category", &hl7!("adjudication", "submitted", "Submitted Amount"))
            .money("amount", total);
    });
    json.object("payment", |json| {
        json.money("amount", total * 8 / 10);
    });
    scribe.finish();
}

fn write_contained(json: &mut Json, person: &Person, performer: Uuid) {
    json.list("contained").item(|json| {
        json.text("resourceType", "ServiceRequest")
            .text("id", "referral")
            .text("status", "completed")
            .text("intent", "order");
        json.reference("subject", "Patient", person.id, "").reference(
            "requester",
            "Practitioner",
            performer,
            "",
        );
        json.references("performer", "Practitioner", performer, "");
    });
    json.item(|json| {
        json.text("resourceType", "Coverage").text("id", "coverage").text("status", "active").object(
            "type",
            |json| {
                json.text("text", person.insurer);
            },
        );
        json.reference("beneficiary", "Patient", person.id, "").only("payor", |json| {
            json.text("display", person.insurer);
        });
    });
    json.end();
}

fn write_items(json: &mut Json, visit: &Visit, lines: &[Line]) {
    write_item(json, visit, 1, &visit.setting.kind(), 0);
    for (index, line) in lines.iter().enumerate() {
        write_item(json, visit, index as i64 + 2, &line.code, line.price_cents);
    }
    json.end();
}

fn write_item(json: &mut Json, visit: &Visit, sequence: i64, service: &Code, cents: i64) {
    if sequence == 1 {
        json.list("item");
    }
    let place = if visit.setting.is_hospital() {
        ("21", "Inpatient Hospital")
    } else {
        ("19", "Off Campus-Outpatient Hospital")
    };
    json.item(|json| {
        json.number("sequence", sequence);
        json.concept(
            "category",
            &code(
                "https://bluebutton.cms.gov/resources/variables/line_cms_type_srvc_cd",
                "1",
                "Medical care",
            ),
        );
        json.concept("productOrService", service).period("servicedPeriod", visit.start, Some(visit.end));
        json.concept("locationCodeableConcept", &hl7!("ex-serviceplace", place.0, place.1));
        if sequence == 1 {
            json.references("encounter", "Encounter", visit.encounter, "");
        }
        if cents > 0 {
            json.money("net", cents);
            write_adjudications(json, cents);
        }
    });
}

fn write_adjudications(json: &mut Json, cents: i64) {
    const SYSTEM: &str = "https://bluebutton.cms.gov/resources/codesystem/adjudication";
    let amounts: [(&'static str, &'static str, i64); 5] = [
        (
            "https://bluebutton.cms.gov/resources/variables/line_coinsrnc_amt",
            "Line Beneficiary Coinsurance Amount",
            cents * 2 / 10,
        ),
        (
            "https://bluebutton.cms.gov/resources/variables/line_prvdr_pmt_amt",
            "Line Provider Payment Amount",
            cents * 8 / 10,
        ),
        (
            "https://bluebutton.cms.gov/resources/variables/line_sbmtd_chrg_amt",
            "Line Submitted Charge Amount",
            cents,
        ),
        (
            "https://bluebutton.cms.gov/resources/variables/line_alowd_chrg_amt",
            "Line Allowed Charge Amount",
            cents,
        ),
        (
            "https://bluebutton.cms.gov/resources/variables/line_bene_ptb_ddctbl_amt",
            "Line Beneficiary Part B Deductible Amount",
            0,
        ),
    ];
    json.list("adjudication");
    for (variable, display, amount) in amounts {
        json.item(|json| {
            json.concept("category", &code(SYSTEM, variable, display)).money("amount", amount);
        });
    }
    json.end();
}
