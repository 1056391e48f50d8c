//! Values that searches can ask for, taken from what the data store holds: through its own door, so that it serves for
//! anybody's data.

use anyhow::Result;
use serde_json::Value;

use crate::target::{Datastore, Target};

/// Patients whose Observations and Encounters are looked at.
const PATIENTS_LOOKED_AT: usize = 60;

/// What a data store holds, in part.
#[derive(Default)]
pub(crate) struct Sample {
    pub(crate) patients: Vec<Patient>,
    pub(crate) observations: Vec<Observation>,
    /// Days of Encounters, as `YYYY-MM-DD`.
    pub(crate) days: Vec<String>,
    /// Ids of Encounters.
    pub(crate) encounters: Vec<String>,
}

/// What searches ask about a Patient.
pub(crate) struct Patient {
    pub(crate) id: String,
    pub(crate) family: String,
    pub(crate) given: String,
    pub(crate) birth_year: String,
    /// System and value.
    pub(crate) identifier: Option<(String, String)>,
}

/// What searches ask about an Observation.
pub(crate) struct Observation {
    pub(crate) id: String,
    pub(crate) patient: String,
    pub(crate) system: String,
    pub(crate) code: String,
    /// Value and unit code, if it is a quantity.
    pub(crate) quantity: Option<(f64, String)>,
}

impl Sample {
    /// Takes a sample of a data store, from all over it: by the letters that names begin with.
    pub(crate) fn take(target: &Target, store: &Datastore) -> Result<Sample> {
        let mut sample = Sample::default();
        for letter in 'a'..='z' {
            let page = target.json(&format!("{}Patient?family={letter}&_count=20", store.base))?;
            sample.patients.extend(resources(&page).filter_map(patient));
        }
        let looked_at = sample.patients.len().div_ceil(PATIENTS_LOOKED_AT).max(1);
        for patient in sample.patients.iter().step_by(looked_at) {
            let of_patient =
                |of: &str| format!("{}{of}?patient=Patient/{}&_count=60", store.base, patient.id);
            let page = target.json(&of_patient("Observation"))?;
            sample.observations.extend(resources(&page).filter_map(|json| observation(json, &patient.id)));
            let page = target.json(&of_patient("Encounter"))?;
            sample.days.extend(resources(&page).filter_map(|json| text(&json["period"]["start"], 10)));
            sample.encounters.extend(resources(&page).filter_map(|json| text(&json["id"], 64)));
        }
        Ok(sample)
    }
}

fn resources(page: &Value) -> impl Iterator<Item = &Value> {
    page["entry"].as_array().into_iter().flatten().map(|entry| &entry["resource"])
}

fn patient(json: &Value) -> Option<Patient> {
    let name = &json["name"][0];
    let identifier = json["identifier"].as_array().into_iter().flatten();
    let mut identifier =
        identifier.filter_map(|one| Some((text(&one["system"], 200)?, text(&one["value"], 200)?)));
    Some(Patient {
        id: text(&json["id"], 64)?,
        family: text(&name["family"], 200)?,
        given: text(&name["given"][0], 200)?,
        birth_year: text(&json["birthDate"], 4)?,
        identifier: identifier.next(),
    })
}

fn observation(json: &Value, patient: &str) -> Option<Observation> {
    let coding = &json["code"]["coding"][0];
    let quantity = &json["valueQuantity"];
    Some(Observation {
        id: text(&json["id"], 64)?,
        patient: patient.to_owned(),
        system: text(&coding["system"], 200)?,
        code: text(&coding["code"], 200)?,
        quantity: quantity["value"].as_f64().zip(text(&quantity["code"], 200)),
    })
}

/// The first characters of a text.
fn text(value: &Value, characters_max: usize) -> Option<String> {
    Some(value.as_str()?.chars().take(characters_max).collect())
}
