//! Patches: any operations on any paths with any values.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{config, nasty, send, world};

fn pointer() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "",
        "/",
        "/name",
        "/name/0",
        "/name/0/given/-",
        "/name/-",
        "/name/00",
        "/name/1e0",
        "/id",
        "/resourceType",
        "/meta",
        "/meta/versionId",
        "/text/div",
        "/~0",
        "/~1",
        "/~2",
        "/name/99999999999999999999",
        "name",
        "/name/0/given/0",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => nasty(), 1 => nasty().prop_map(|text| format!("/{text}"))]
}

fn operation() -> impl Strategy<Value = Value> {
    let op = prop::sample::select(vec!["add", "remove", "replace", "move", "copy", "test", "nonsense", ""]);
    let value = prop_oneof![
        Just(json!(null)),
        Just(json!([])),
        Just(json!({})),
        Just(json!("a")),
        Just(json!(1.0)),
        Just(json!("Patient")),
        Just(json!([{"family": "Z"}])),
        nasty().prop_map(Value::from),
    ];
    (op, pointer(), pointer(), value, any::<[bool; 3]>()).prop_map(|(op, path, from, value, has)| {
        let mut operation = json!({"op": op, "path": path});
        if has[0] {
            operation["from"] = from.into();
        }
        if has[1] {
            operation["value"] = value;
        }
        if has[2] && op.is_empty() {
            operation = Value::from(op);
        }
        operation
    })
}

fn fhirpath_operation() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec!["add", "insert", "delete", "replace", "move", "nonsense", ""]);
    let path = prop_oneof![
        4 => prop::sample::select(vec![
            "Patient", "Patient.name", "Patient.name[0]", "name.given", "Patient.name.given[1]", "Patient.id", "Patient.meta",
            "Patient.deceased", "Patient.text.div", "Patient.name.count()", "descendants()", "%resource", "1", "", "Patient.",
            "Patient.name.where(1)", "contained",
        ])
        .prop_map(str::to_owned),
        1 => nasty(),
    ];
    let name = prop::sample::select(vec![
        "name",
        "given",
        "deceased",
        "deceased[x]",
        "deceasedBoolean",
        "id",
        "contact",
        "nonsense",
        "",
    ]);
    let value = prop::sample::select(vec![
        json!({"name": "value", "valueString": "a"}),
        json!({"name": "value", "valueHumanName": {"family": "Z"}}),
        json!({"name": "value", "valueBoolean": true, "_valueBoolean": {"id": "x"}}),
        json!({"name": "value", "part": [{"name": "gender", "valueCode": "male"}, {"name": "part"}]}),
        json!({"name": "value", "part": []}),
        json!({"name": "value", "resource": {"resourceType": "Basic"}}),
        json!({"name": "value", "valueString": null}),
        json!({"name": "value"}),
    ]);
    (kind, path, name, value, -1_i64..4, 0_i64..4).prop_map(|(kind, path, name, value, from, to)| {
        json!({"name": "operation", "part": [
            {"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}, {"name": "name", "valueString": name},
            {"name": "index", "valueInteger": from}, {"name": "source", "valueInteger": from},
            {"name": "destination", "valueInteger": to}, value]})
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_fhirpath_patch_is_applied_or_refused(operations in prop::collection::vec(fhirpath_operation(), 0..6)) {
        let world = world();
        let body = json!({"resourceType": "Parameters", "parameter": operations}).to_string();
        send(&world, "PATCH", "Patient/1", &[("content-type", b"application/fhir+json")], Bytes::from(body));
        let after = world.get("Patient/1");
        prop_assert_eq!((after.status, after.json()["id"].clone()), (200, json!("1")));
    }

    #[test]
    fn any_patch_is_applied_or_refused(
        operations in prop::collection::vec(operation(), 0..8),
        target in prop::sample::select(vec!["Patient/1", "Patient?name=A", "Patient/none", "Patient?nonsense=1", "Patient"]),
        kind in prop::sample::select(vec!["application/json-patch+json", "application/fhir+json", "text/plain", ""]),
    ) {
        let world = world();
        let body = Bytes::from(Value::from(operations).to_string());
        send(&world, "PATCH", target, &[("content-type", kind.as_bytes())], body);
        let after = world.get("Patient/1");
        prop_assert_eq!((after.status, after.json()["id"].clone()), (200, json!("1")));
    }

    #[test]
    fn doubling_patches_stay_bounded(times in 1_usize..40) {
        let grow = json!({"op": "copy", "from": "/name", "path": "/name/0/extension"});
        let body = Value::from(vec![grow; times]).to_string();
        send(&world(), "PATCH", "Patient/1", &[("content-type", b"application/json-patch+json")], body.into());
    }
}
