//! Immunization: what is due at a visit.

use super::Line;
use super::encounter::host;
use crate::chart::{Scribe, us_core};
use crate::code::Code;
use crate::life::Visit;
use crate::tables::disorder::Setting;
use crate::tables::vaccines::{COVID_19, INFLUENZA, SCHEDULE};

/// The price of any one dose.
const DOSE_CENTS: i64 = 14_052;
/// 2021-03-01T00:00:00Z: from here on adults are offered the new vaccine.
const COVID_VACCINE_S: i64 = 1_614_556_800;

/// How many doses of each vaccine of the schedule have been given or missed.
#[derive(Default)]
pub(crate) struct Doses {
    settled: [usize; SCHEDULE.len()],
    covid: usize,
}

pub(crate) fn write_due(scribe: &mut Scribe<'_>, visit: &Visit, doses: &mut Doses, lines: &mut Vec<Line>) {
    if !matches!(visit.setting, Setting::Wellness | Setting::ChildWellness) || visit.problem.is_some() {
        return;
    }
    let months = visit.start.months_since(scribe.person.birth);
    for (vaccine, settled) in SCHEDULE.iter().zip(&mut doses.settled) {
        while vaccine.due_months.get(*settled).is_some_and(|due| due + vaccine.late_months < months) {
            *settled += 1;
        }
        if vaccine.due_months.get(*settled).is_some_and(|due| *due <= months) && scribe.random.chance(9_300) {
            *settled += 1;
            write(scribe, visit, &vaccine.code, lines);
        }
    }
    if months >= 6 && scribe.random.chance(6_500) {
        write(scribe, visit, &INFLUENZA, lines);
    }
    if months >= 216 && visit.start.0 > COVID_VACCINE_S && doses.covid < 3 && scribe.random.chance(5_500) {
        doses.covid += 1;
        write(scribe, visit, &COVID_19, lines);
    }
}

fn write(scribe: &mut Scribe<'_>, visit: &Visit, vaccine: &Code, lines: &mut Vec<Line>) {
    let (id, host) = (scribe.identity(), host(scribe, visit));
    scribe
        .start("Immunization", id, &[us_core!("immunization")])
        .text("status", "completed")
        .concept("vaccineCode", vaccine);
    let json = scribe.about("patient", visit);
    json.date_time("occurrenceDateTime", visit.start).flag("primarySource", true);
    json.reference("location", "Location", host.location, &host.name);
    scribe.finish();
    lines.push(Line { of: "Immunization", id, code: *vaccine, price_cents: DOSE_CENTS });
}
