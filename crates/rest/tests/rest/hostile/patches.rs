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

proptest! {
    #![proptest_config(config())]

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
