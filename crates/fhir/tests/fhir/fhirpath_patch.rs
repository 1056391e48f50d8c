//! FHIRPath Patch on resources.

use fhir::{Document, FhirPathPatch, PATCH_OPERATIONS_MAX, PatchError, Time};
use serde_json::{Value, json};

use crate::tree::{Tree, read_tree};

fn patched(resource: &str, operations: &Value) -> Result<Value, PatchError> {
    let parameters = json!({"resourceType": "Parameters", "parameter": operations}).to_string();
    let patch = FhirPathPatch::parse(Document::parse(parameters.into_bytes()).expect("JSON"))?;
    let resource = Document::parse_slice(resource.as_bytes()).expect("a resource");
    let text = patch.apply(&resource, Time::parse("2026-11-23T12:00:00Z").unwrap())?;
    Ok(serde_json::from_slice(&text).expect("JSON"))
}

/// An operation of these parts.
fn operation(kind: &str, path: &str, others: &[Value]) -> Value {
    let mut parts =
        vec![json!({"name": "type", "valueCode": kind}), json!({"name": "path", "valueString": path})];
    parts.extend_from_slice(others);
    json!({"name": "operation", "part": parts})
}

/// A part called `name` with one value.
fn part(name: &str, value: &str, of: &str) -> Value {
    let value: Value = serde_json::from_str(value).expect("JSON");
    json!({"name": name, format!("value{of}"): value})
}

fn in_json(holder: &Tree) -> Vec<u8> {
    fhir::xml::read(holder.inside.trim().as_bytes()).expect("a resource in XML")
}

#[test]
fn the_published_cases_come_out_as_published() {
    let suite = read_tree(include_str!("../data/fhir-patch-tests.xml"));
    let mut count = 0;
    for case in suite.children("case") {
        let [input, diff, output] =
            ["input", "diff", "output"].map(|name| in_json(case.child(name).unwrap()));
        let name = case.attribute("name").unwrap();
        let patch = FhirPathPatch::parse(Document::parse(diff).unwrap()).expect(name);
        let found = patch.apply(&Document::parse(input).unwrap(), Time(0)).expect(name);
        // In the narrative that the patch brings, quotes are written plainly, in the output as entities.
        let parsed = |text: &[u8]| {
            let mut parsed = serde_json::from_slice::<Value>(text).unwrap();
            if let Some(div) = parsed.pointer_mut("/text/div") {
                *div = div.as_str().unwrap().replace("&quot;", "\"").into();
            }
            parsed
        };
        assert_eq!(parsed(&found), parsed(&output), "{name}");
        count += 1;
    }
    assert_eq!(count, 22);
}

#[test]
fn each_operation_changes_what_its_path_names() {
    let patient = r#"{"resourceType":"Patient","id":"1",
        "name":[{"given":["A","B"],"_given":[null,{"id":"b"}]},{"family":"F"}],
        "birthDate":"1970-01-01","_birthDate":{"extension":[{"url":"u","valueCode":"c"}]},
        "deceasedBoolean":true,"contact":[{"gender":"male"}]}"#;
    let table: Vec<Value> =
        serde_json::from_str(include_str!("../data/fhirpath-patch-table.json")).expect("a table");
    for row in &table {
        let (operation, expected) = (&row["operation"], &row["expected"]);
        let found =
            patched(patient, &json!([operation])).unwrap_or_else(|error| panic!("{operation}: {error}"));
        let at = found.pointer(row["at"].as_str().unwrap()).unwrap_or(&Value::Null);
        assert_eq!(at, expected, "{operation}\n{found}");
    }
}

#[test]
fn operations_see_what_those_before_them_made() {
    let add = operation(
        "add",
        "Patient",
        &[part("name", r#""name""#, "String"), part("value", r#"{"text":"a"}"#, "HumanName")],
    );
    let set = operation("replace", "Patient.name.text", &[part("value", r#""b""#, "String")]);
    let found = patched(r#"{"resourceType":"Patient"}"#, &json!([add, set])).expect("it applies");
    assert_eq!(found, json!({"resourceType": "Patient", "name": [{"text": "b"}]}));
}

#[test]
fn what_cannot_be_applied_is_refused_with_the_reason() {
    let patient = r#"{"resourceType":"Patient","name":[{"text":"a"},{"text":"b"}],"gender":"male"}"#;
    let value = || part("value", r#""x""#, "String");
    for (operation, expected) in [
        (operation("replace", "Patient.birthDate", &[value()]), "there is nothing at the path"),
        (operation("replace", "Patient.name.text", &[value()]), "the path leads to more than one element"),
        (operation("delete", "Patient.name", &[]), "the path leads to more than one element"),
        (operation("delete", "Patient", &[]), "the whole resource cannot be changed at once"),
        (operation("delete", "Patient.name.count()", &[]), "something that is no element"),
        (operation("delete", "%context.name.text.first() & 'x'", &[]), "something that is no element"),
        (operation("replace", "Patient.gender", &[part("value", "1", "Integer")]), "a value of this type"),
        (operation("replace", "Patient.gender", &[part("value", "{}", "Period")]), "a value of this type"),
        (
            operation("add", "Patient", &[part("name", r#""gender""#, "String"), value()]),
            "the element is there already",
        ),
        (
            operation("add", "Patient", &[part("name", r#""sex""#, "String"), value()]),
            "no element of this name",
        ),
        (
            operation("add", "Patient.gender", &[part("name", r#""extension""#, "String"), value()]),
            "nothing can be added to a primitive",
        ),
        (
            operation(
                "insert",
                "Patient.name",
                &[part("index", "3", "Integer"), part("value", "{}", "HumanName")],
            ),
            "the list has no such place",
        ),
        (
            operation(
                "insert",
                "Patient.gender",
                &[part("index", "0", "Integer"), part("value", r#""x""#, "Code")],
            ),
            "no list",
        ),
        (
            operation(
                "move",
                "Patient.name",
                &[part("source", "0", "Integer"), part("destination", "2", "Integer")],
            ),
            "the list has no such place",
        ),
        (operation("delete", "Patient.name.where(1 + )", &[]), "The path of operation 0"),
        (operation("delete", "Patient.name.where('a' > 1)", &[]), "The path of operation 0"),
        (operation("remove", "Patient.name", &[]), "its type is none of add"),
        (operation("add", "Patient", &[value()]), "it has no name"),
        (operation("add", "Patient", &[part("name", r#""name""#, "String")]), "it has no value"),
        (operation("insert", "Patient.name", &[value()]), "it has no index"),
        (operation("move", "Patient.name", &[part("source", "0", "Integer")]), "it has no destination"),
        (json!({"name": "operation", "part": [{"name": "type", "valueCode": "delete"}]}), "it has no path"),
        (json!({"name": "change"}), "its name is not 'operation'"),
    ] {
        let error = patched(patient, &json!([operation])).expect_err("it is refused").to_string();
        assert!(error.contains(expected), "{operation}\n{error}");
    }
}

#[test]
fn a_patch_is_bounded() {
    let delete = operation("delete", "Patient.name", &[]);
    let patient = r#"{"resourceType":"Patient"}"#;
    assert!(patched(patient, &json!(vec![delete.clone(); PATCH_OPERATIONS_MAX])).is_ok());
    let error = patched(patient, &json!(vec![delete.clone(); PATCH_OPERATIONS_MAX + 1]));
    assert_eq!(error, Err(PatchError::Limit("PATCH_OPERATIONS_MAX")));
    let large = json!({"resourceType": "Patient", "language": "x".repeat(1_000_000)}).to_string();
    let error = patched(&large, &json!(vec![delete; PATCH_OPERATIONS_MAX]));
    assert_eq!(error, Err(PatchError::Limit("PATCH_WORK_MAX")));
}
