//! CareTeam and CarePlan of a problem that has a plan.

use super::encounter::{host, performer};
use crate::chart::{Scribe, us_core};
use crate::code::{code, snomed};
use crate::life::{Problem, Visit};
use crate::random::Uuid;
use crate::tables::disorder::Plan;

pub(crate) fn write(scribe: &mut Scribe<'_>, visit: &Visit) {
    let Some(problem) = visit.problem.filter(|_| visit.is_first) else { return };
    let problem = &scribe.life.problems[problem];
    let Some(plan) = problem.disorder.plan else { return };
    let team = write_team(scribe, visit, problem);
    write_plan(scribe, visit, problem, plan, team);
}

fn write_team(scribe: &mut Scribe<'_>, visit: &Visit, problem: &Problem) -> Uuid {
    let (id, person, host, performer) =
        (scribe.identity(), scribe.person, host(scribe, visit), performer(scribe, visit));
    let json = scribe.start("CareTeam", id, &[us_core!("careteam")]);
    json.text("status", if problem.end.is_some() { "inactive" } else { "active" });
    let json =
        scribe.about("subject", visit).period("period", problem.onset, problem.end).list("participant");
    json.item(|json| {
        json.concepts("role", &snomed("116154003", "Patient")).reference(
            "member",
            "Patient",
            person.id,
            &person.display(),
        );
    });
    json.item(|json| {
        json.concepts("role", &snomed("223366009", "Healthcare professional (occupation)"));
        json.reference("member", "Practitioner", performer.id, &performer.display);
    });
    json.item(|json| {
        json.concepts("role", &snomed("224891009", "Healthcare services (qualifier value)"));
        json.reference("member", "Organization", host.id, &host.name);
    });
    json.end().concepts("reasonCode", &problem.disorder.code).references(
        "managingOrganization",
        "Organization",
        host.id,
        &host.name,
    );
    scribe.finish();
    id
}

fn write_plan(scribe: &mut Scribe<'_>, visit: &Visit, problem: &Problem, plan: &Plan, team: Uuid) {
    let (id, host) = (scribe.identity(), host(scribe, visit));
    let ended = problem.end.is_some();
    let json = scribe.start("CarePlan", id, &[us_core!("careplan")]);
    json.object("text", |json| {
        let div = format!(
            "<div xmlns=\"http://www.w3.org/1999/xhtml\">{}, because of: {}.</div>",
            plan.code.display, problem.disorder.code.display
        );
        json.text("status", "generated").text("div", &div);
    });
    json.text("status", if ended { "completed" } else { "active" }).text("intent", "order").list("category");
    let assess = code("http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "assess-plan", "");
    json.concept_item(&assess).concept_item(&plan.code).end();
    let json = scribe.about("subject", visit).period("period", problem.onset, problem.end);
    json.references("careTeam", "CareTeam", team, "")
        .references("addresses", "Condition", problem.id, "")
        .list("activity");
    for activity in plan.activities {
        json.item(|json| {
            json.object("detail", |json| {
                json.concept("code", activity)
                    .text("status", if ended { "completed" } else { "in-progress" });
                json.reference("location", "Location", host.location, &host.name);
            });
        });
    }
    json.end();
    scribe.finish();
}
