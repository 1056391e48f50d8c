//! Puts as a server makes them: a resource, and what extraction finds in it.

use bytes::Bytes;
use fhir::{Id, Resource, ResourceKey};
use search::{Entries, Extractor, ParameterSet};
use serde_json::{Value as Json, json};
use store::{Operation, Put};

use super::{CODES, Dice, SYSTEMS, TEXTS, URIS, key, optional};

/// Where the server was reached when a resource was written.
const BASES: [&str; 3] = ["http://one.example/r4", "http://two.example:8080/r4/", ""];

/// A put of this resource by a server whose FHIR base URL is `base`.
pub(crate) fn extracted(base: &str, id: &str, json: &Json) -> Put {
    let resource = Resource::parse(serde_json::to_vec(json).unwrap()).unwrap();
    let key = ResourceKey { of: resource.of(), id: Id::parse(id).unwrap() };
    let mut entries = Entries::new();
    Extractor::new(base, &ParameterSet::r4()).extract(&resource, &key, &mut entries).unwrap();
    let body = Bytes::from(fhir::body(&resource, &key.id));
    Put { key, body, entries, operation: Operation::Update }
}

/// A put of a resource by chance, under a base by chance.
pub(crate) fn extracted_put(dice: &mut Dice, ids: u64) -> Put {
    let key = key(dice, ids);
    let mut json = json!({
        "resourceType": key.of.name(),
        "meta": { "source": dice.pick(&URIS), "tag": codings(dice) },
        "identifier": [{
            "type": { "coding": codings(dice) },
            "system": optional(dice, &SYSTEMS),
            "value": dice.pick(&TEXTS),
        }],
    });
    match key.of.name() {
        "Patient" => json["name"] = json!([{ "family": dice.pick(&TEXTS) }]),
        "Observation" => {
            json["subject"] = reference(dice, ids);
            json["focus"] = json!([reference(dice, ids), reference(dice, ids)]);
            json["code"] = json!({ "coding": codings(dice) });
            json["effectiveDateTime"] = instant(dice);
            json["valueQuantity"] = quantity(dice);
        }
        _ => {
            json["subject"] = reference(dice, ids);
            json["period"] = json!({ "start": instant(dice), "end": instant(dice) });
        }
    }
    extracted(dice.pick(&BASES), key.id.as_str(), &json)
}

fn codings(dice: &mut Dice) -> Json {
    (0..1 + dice.below(2))
        .map(|_| {
            json!({
                "system": optional(dice, &SYSTEMS),
                "code": optional(dice, &CODES),
                "display": optional(dice, &TEXTS),
            })
        })
        .collect()
}

fn reference(dice: &mut Dice, ids: u64) -> Json {
    let key = key(dice, ids);
    let version = if dice.one_in(3) { "/_history/2" } else { "" };
    let literal = match dice.pick(&BASES).trim_end_matches('/') {
        "" => format!("{key}{version}"),
        base => format!("{base}/{key}{version}"),
    };
    json!({ "reference": literal, "identifier": { "value": optional(dice, &TEXTS) } })
}

fn instant(dice: &mut Dice) -> Json {
    json!(format!("1970-01-01T00:00:00.{:03}Z", dice.below(40)))
}

fn quantity(dice: &mut Dice) -> Json {
    let value = dice.below(4);
    json!({ "value": value, "unit": "m", "system": "http://unitsofmeasure.org", "code": dice.pick(&["m", "cm"]) })
}
