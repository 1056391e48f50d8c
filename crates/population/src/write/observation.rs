//! Observation: vital signs, smoking status, and the single values of laboratory panels.

use crate::chart::{Scribe, us_core};
use crate::code::{Code, hl7, loinc, snomed};
use crate::life::Visit;
use crate::moment::MONTH_S;
use crate::random::Uuid;
use crate::tables::disorder::Setting;
use crate::tables::panels::Measure;

const VITAL_SIGNS: &str = "http://hl7.org/fhir/StructureDefinition/vitalsigns";

/// A number with its unit.
struct Reading {
    code: Code,
    profile: &'static str,
    value: i64,
    places: u32,
    unit: &'static str,
}

const fn reading(
    id: &'static str,
    display: &'static str,
    profile: &'static str,
    value: i64,
    places: u32,
    unit: &'static str,
) -> Reading {
    Reading { code: loinc(id, display), profile, value, places, unit }
}

/// The vital signs of a visit, as many as its setting asks for.
pub(crate) fn write_vitals(scribe: &mut Scribe<'_>, visit: &Visit) {
    match visit.setting {
        Setting::Wellness | Setting::ChildWellness => write_examination(scribe, visit),
        Setting::FollowUp | Setting::Prenatal => {
            write_weight(scribe, visit);
            write_blood_pressure(scribe, visit);
        }
        Setting::Emergency | Setting::Inpatient => {
            write_temperature(scribe, visit);
            write_blood_pressure(scribe, visit);
            let saturation = scribe.random.between(930, 995);
            write_reading(
                scribe,
                visit,
                &reading("2708-6", "Oxygen saturation in Arterial blood", "oxygensat", saturation, 1, "%"),
            );
        }
        Setting::Office | Setting::Urgent => write_temperature(scribe, visit),
    }
}

fn write_examination(scribe: &mut Scribe<'_>, visit: &Visit) {
    let months = visit.start.months_since(scribe.person.birth);
    let height = scribe.person.height_mm(months);
    write_reading(scribe, visit, &reading("8302-2", "Body Height", "bodyheight", height, 1, "cm"));
    let pain = scribe.random.between(0, 4);
    let pain_code = loinc("72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported");
    write_reading(
        scribe,
        visit,
        &Reading { code: pain_code, profile: "", value: pain, places: 0, unit: "{score}" },
    );
    let index = write_weight(scribe, visit);
    if months < 36 {
        let head = 350 + (months * 5).min(145) + scribe.random.between(-9, 9);
        write_reading(
            scribe,
            visit,
            &reading("9843-4", "Head Occipital-frontal circumference", "headcircum", head, 1, "cm"),
        );
    } else {
        write_reading(scribe, visit, &reading("39156-5", "Body Mass Index", "bmi", index, 2, "kg/m2"));
        write_blood_pressure(scribe, visit);
    }
    let quickness = (36 - months).max(0);
    let heart = 62 + quickness + scribe.random.between(0, 34);
    write_reading(scribe, visit, &reading("8867-4", "Heart rate", "heartrate", heart, 0, "/min"));
    let breath = 12 + quickness / 3 + scribe.random.between(0, 5);
    write_reading(scribe, visit, &reading("9279-1", "Respiratory rate", "resprate", breath, 0, "/min"));
    if months >= 144 {
        write_smoking(scribe, visit);
    }
}

/// Writes the weight and gives the body mass index in hundredths.
fn write_weight(scribe: &mut Scribe<'_>, visit: &Visit) -> i64 {
    let months = visit.start.months_since(scribe.person.birth);
    let height_m = scribe.person.height_mm(months) as f64 / 1_000.0;
    let index = scribe.person.body_mass_index(months) * (1.0 + 0.02 * scribe.random.bell());
    let weight = (index * height_m * height_m * 10.0) as i64;
    write_reading(scribe, visit, &reading("29463-7", "Body Weight", "bodyweight", weight, 1, "kg"));
    (index * 100.0) as i64
}

fn write_temperature(scribe: &mut Scribe<'_>, visit: &Visit) {
    let fever = (365.0 + 12.0 + 9.0 * scribe.random.bell()) as i64;
    write_reading(scribe, visit, &reading("8310-5", "Body temperature", "bodytemp", fever, 1, "Cel"));
}

fn write_reading(scribe: &mut Scribe<'_>, visit: &Visit, reading: &Reading) {
    let id = scribe.identity();
    let own = format!("http://hl7.org/fhir/StructureDefinition/{}", reading.profile);
    let profiles: &[&str] = if reading.profile.is_empty() { &[VITAL_SIGNS] } else { &[&own, VITAL_SIGNS] };
    start(scribe, visit, id, profiles, "vital-signs", &reading.code);
    scribe.sheet.json.quantity("valueQuantity", reading.value, reading.places, reading.unit);
    scribe.finish();
}

fn start(
    scribe: &mut Scribe<'_>,
    visit: &Visit,
    id: Uuid,
    profiles: &[&str],
    category: &'static str,
    code: &Code,
) {
    let json = scribe.start("Observation", id, profiles);
    json.text("status", "final").only("category", |json| {
        json.only("coding", |json| {
            json.coding(&hl7!("observation-category", category, category));
        });
    });
    json.concept("code", code);
    scribe.about("subject", visit).date_time("effectiveDateTime", visit.start).instant("issued", visit.start);
}

fn write_blood_pressure(scribe: &mut Scribe<'_>, visit: &Visit) {
    let years = visit.start.years_since(scribe.person.birth);
    let high = scribe.life.suffers("59621000", visit.start);
    let mean = 100.0 + years.min(75) as f64 * 0.33 + if high { 16.0 } else { 0.0 };
    let systolic = (mean + 8.0 * scribe.random.bell()) as i64;
    let diastolic = (mean * 0.64 + 6.0 * scribe.random.bell()) as i64;
    let id = scribe.identity();
    let profiles = ["http://hl7.org/fhir/StructureDefinition/bp", VITAL_SIGNS];
    start(scribe, visit, id, &profiles, "vital-signs", &loinc("85354-9", "Blood Pressure"));
    let json = scribe.sheet.json.list("component");
    for (id, display, value) in
        [("8462-4", "Diastolic Blood Pressure", diastolic), ("8480-6", "Systolic Blood Pressure", systolic)]
    {
        json.item(|json| {
            json.concept("code", &loinc(id, display)).quantity("valueQuantity", value, 0, "mm[Hg]");
        });
    }
    json.end();
    scribe.finish();
}

fn write_smoking(scribe: &mut Scribe<'_>, visit: &Visit) {
    let of_age = visit.start.months_since(scribe.person.birth) * MONTH_S >= 16 * 12 * MONTH_S;
    let status = if scribe.person.smokes && of_age {
        snomed("449868002", "Current every day smoker")
    } else if scribe.person.tallness > 0.9 && of_age {
        snomed("8517006", "Former smoker")
    } else {
        snomed("266919005", "Never smoker")
    };
    let id = scribe.identity();
    start(
        scribe,
        visit,
        id,
        &[us_core!("smokingstatus")],
        "social-history",
        &loinc("72166-2", "Tobacco smoking status NHIS"),
    );
    scribe.sheet.json.concept("valueCodeableConcept", &status);
    scribe.finish();
}

/// One value of a panel, within its range or, while the disorder that shifts it is there, within that one.
pub(crate) fn write_measure(scribe: &mut Scribe<'_>, visit: &Visit, measure: &Measure) -> Uuid {
    let shift = measure.shifted.filter(|(disorder, ..)| scribe.life.suffers(disorder, visit.start));
    let (low, high) = shift.map_or((measure.low, measure.high), |(_, low, high)| (low, high));
    let drawn = (low + high) as f64 / 2.0 + (high - low) as f64 / 5.0 * scribe.random.bell();
    let value = (drawn as i64).clamp(low, high);
    let id = scribe.identity();
    start(scribe, visit, id, &[us_core!("observation-lab")], "laboratory", &measure.code);
    scribe.sheet.json.quantity("valueQuantity", value, measure.places, measure.unit);
    scribe.finish();
    id
}
