//! ImagingStudy: a series of images with the procedure that took them.

use super::Line;
use super::encounter::host;
use super::procedure::write_code;
use crate::chart::Scribe;
use crate::life::Visit;

/// What a study costs.
const STUDY_CENTS: i64 = 51_800;
/// The root under which example object identifiers are given out.
const ROOT: &str = "1.2.840.99999999";

pub(crate) fn write(scribe: &mut Scribe<'_>, visit: &Visit, lines: &mut Vec<Line>) {
    let Some(problem) = visit.problem.filter(|_| visit.is_first) else { return };
    let problem = &scribe.life.problems[problem];
    let Some(imaging) = problem.disorder.imaging else { return };
    let taken = (visit.start, visit.start.plus(1_200));
    let procedure = write_code(
        scribe,
        visit,
        &imaging.procedure,
        taken,
        Some((problem.id, problem.disorder.code.display)),
    );
    lines.push(Line { of: "Procedure", id: procedure, code: imaging.procedure, price_cents: STUDY_CENTS });
    let (id, host) = (scribe.identity(), host(scribe, visit));
    let number = scribe.random.between(10_000_000, 99_999_999);
    let stamp = visit.start.0.unsigned_abs();
    let json = scribe.start("ImagingStudy", id, &[]);
    json.only("identifier", |json| {
        json.text("use", "official")
            .text("system", "urn:dicom:uid")
            .text("value", &format!("urn:oid:{ROOT}.{number}.{stamp}"));
    });
    json.text("status", "available");
    let json = scribe.about("subject", visit);
    json.date_time("started", visit.start)
        .number("numberOfSeries", 1)
        .number("numberOfInstances", imaging.instances);
    json.reference("procedureReference", "Procedure", procedure, "")
        .concepts("procedureCode", &imaging.procedure);
    json.reference("location", "Location", host.location, &host.name).only("series", |json| {
        json.text("uid", &format!("{ROOT}.1.{number}.{stamp}")).number("number", 1);
        json.object("modality", |json| {
            json.coding(&imaging.modality);
        });
        json.number("numberOfInstances", imaging.instances).object("bodySite", |json| {
            json.coding(&imaging.body_site);
        });
        json.date_time("started", visit.start).list("instance");
        for instance in 1..=imaging.instances {
            json.item(|json| {
                json.text("uid", &format!("{ROOT}.1.{instance}.{number}.{stamp}")).object(
                    "sopClass",
                    |json| {
                        json.text("system", "urn:ietf:rfc:3986")
                            .text("code", &format!("urn:oid:{}", imaging.sop_class));
                    },
                );
                json.number("number", instance).text("title", imaging.title);
            });
        }
        json.end();
    });
    scribe.finish();
}
