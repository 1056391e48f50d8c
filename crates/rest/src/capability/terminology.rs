//! The TerminologyCapabilities: what is really there of terminology (R4 terminologycapabilities).

use fhir::Time;
use serde_json::{Value, json};

use crate::links::Base;

/// The parameters of `$expand` that the statement lists, with what each does.
const EXPANSION: [(&str, &str); 13] = [
    ("filter", "Words that code, display or designations must hold."),
    ("offset", "How many codes to pass over."),
    ("count", "How many codes to show at the most."),
    ("includeDesignations", "Shows designations."),
    ("designation", "Shows the designations of a use or language."),
    ("includeDefinition", "Shows the compose of the value set."),
    ("activeOnly", "Leaves out codes that are no longer for use."),
    ("excludeNested", "Shows no code below another."),
    ("excludeNotForUI", "Leaves out abstract codes and shows no code below another."),
    ("excludePostCoordinated", "Changes nothing: there are no post-coordinated codes."),
    ("displayLanguage", "The language of displays, where there is a designation in it."),
    ("exclude-system", "Leaves out the codes of a system."),
    ("useSupplement", "Adds what a supplement says of the codes of its code system."),
];

/// The statement of a data store at `base`, of a server that runs `since`, in JSON.
pub(super) fn statement(since: Time, base: &Base) -> Vec<u8> {
    let parameters: Vec<Value> = EXPANSION
        .iter()
        .map(|(name, documentation)| json!({ "name": name, "documentation": documentation }))
        .collect();
    let statement = json!({
        "resourceType": "TerminologyCapabilities",
        "status": "active",
        "date": since.to_instant(),
        "kind": "instance",
        "software": { "name": "tarn", "version": env!("CARGO_PKG_VERSION") },
        "implementation": { "description": "A HealthLake data store", "url": base.as_str() },
        "codeSearch": "explicit",
        "expansion": {
            "hierarchical": true,
            "paging": true,
            "incomplete": false,
            "parameter": parameters,
            "textFilter": "The words of the filter, in any order and without case and accents, must each be part of the \
                           code, its display or one of its designations."
        },
        "validateCode": { "translations": true },
        "translation": { "needsMap": false }
    });
    statement.to_string().into_bytes()
}
