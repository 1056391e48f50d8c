//! Procedure: what is done during a visit.

use super::Line;
use super::encounter::host;
use crate::chart::{Scribe, us_core};
use crate::code::Code;
use crate::life::Visit;
use crate::moment::Moment;
use crate::random::Uuid;
use crate::tables::disorder::{Setting, Treatment, treatment};

const RECONCILIATION: Treatment = treatment("430193006", "Medication Reconciliation (procedure)", 15, 74_518);
const DEPRESSION_SCREENING: Treatment = treatment("171207006", "Depression screening", 10, 9_400);
const FETAL_HEART: Treatment = treatment("225158009", "Auscultation of the fetal heart", 5, 4_300);
const FUNDAL_HEIGHT: Treatment = treatment("274804006", "Evaluation of uterine fundal height", 5, 4_300);
const COLONOSCOPY: Treatment = treatment("73761001", "Colonoscopy", 60, 128_000);

pub(crate) fn write_all(scribe: &mut Scribe<'_>, visit: &Visit, lines: &mut Vec<Line>) {
    let life = scribe.life;
    let years = visit.start.years_since(scribe.person.birth);
    let mut at = visit.start;
    if let (true, Some(problem)) = (visit.is_first, visit.problem) {
        let problem = &life.problems[problem];
        for treatment in problem.disorder.treatments {
            at =
                write(scribe, visit, treatment, at, Some((problem.id, problem.disorder.code.display)), lines);
        }
    }
    match visit.setting {
        Setting::Wellness => {
            if years >= 40 && scribe.random.chance(3_500) {
                at = write(scribe, visit, &RECONCILIATION, at, None, lines);
            }
            if scribe.random.chance(2_000) {
                at = write(scribe, visit, &DEPRESSION_SCREENING, at, None, lines);
            }
            if (50..76).contains(&years) && scribe.random.chance(1_000) {
                write(scribe, visit, &COLONOSCOPY, at, None, lines);
            }
        }
        Setting::Prenatal => {
            at = write(scribe, visit, &FUNDAL_HEIGHT, at, None, lines);
            write(scribe, visit, &FETAL_HEART, at, None, lines);
        }
        _ => {}
    }
}

fn write(
    scribe: &mut Scribe<'_>,
    visit: &Visit,
    treatment: &Treatment,
    start: Moment,
    reason: Option<(Uuid, &str)>,
    lines: &mut Vec<Line>,
) -> Moment {
    let end = start.plus(treatment.minutes * 60);
    let id = write_code(scribe, visit, &treatment.code, (start, end), reason);
    lines.push(Line { of: "Procedure", id, code: treatment.code, price_cents: treatment.price_cents });
    end
}

/// Writes a procedure and gives its identity.
pub(crate) fn write_code(
    scribe: &mut Scribe<'_>,
    visit: &Visit,
    code: &Code,
    (start, end): (Moment, Moment),
    reason: Option<(Uuid, &str)>,
) -> Uuid {
    let (id, host) = (scribe.identity(), host(scribe, visit));
    scribe.start("Procedure", id, &[us_core!("procedure")]).text("status", "completed").concept("code", code);
    let json = scribe.about("subject", visit);
    json.period("performedPeriod", start, Some(end)).reference(
        "location",
        "Location",
        host.location,
        &host.name,
    );
    if let Some((condition, display)) = reason {
        json.references("reasonReference", "Condition", condition, display);
    }
    scribe.finish();
    id
}
