//! DiagnosticReport: a laboratory panel with its observations.

use super::encounter::host;
use super::observation::write_measure;
use crate::chart::{Scribe, us_core};
use crate::code::hl7;
use crate::life::Visit;
use crate::tables::disorder::Setting;
use crate::tables::panels::{BLOOD_COUNT, LIPIDS, Panel};

/// The panels that a visit orders.
pub(crate) fn write_all(scribe: &mut Scribe<'_>, visit: &Visit, index: usize) {
    if let Some(problem) = visit.problem {
        for panel in scribe.life.problems[problem].disorder.panels {
            write(scribe, visit, panel);
        }
        return;
    }
    let years = visit.start.years_since(scribe.person.birth);
    if visit.setting == Setting::Wellness && index % 4 == 1 {
        let panel = if years >= 35 && scribe.random.chance(6_000) { &LIPIDS } else { &BLOOD_COUNT };
        write(scribe, visit, panel);
    }
}

fn write(scribe: &mut Scribe<'_>, visit: &Visit, panel: &'static Panel) {
    let results: Vec<_> = panel
        .measures
        .iter()
        .map(|measure| (write_measure(scribe, visit, measure), measure.code.display))
        .collect();
    let (id, host) = (scribe.identity(), host(scribe, visit));
    let json = scribe.start("DiagnosticReport", id, &[us_core!("diagnosticreport-lab")]);
    json.text("status", "final").only("category", |json| {
        json.only("coding", |json| {
            json.coding(&hl7!("v2-0074", "LAB", "Laboratory"));
        });
    });
    json.concept("code", &panel.code);
    let json = scribe.about("subject", visit);
    json.date_time("effectiveDateTime", visit.start).instant("issued", visit.start);
    json.references("performer", "Organization", host.id, &host.name).list("result");
    for (id, display) in results {
        json.reference_item("Observation", id, display);
    }
    json.end();
    scribe.finish();
}
