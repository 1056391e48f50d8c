//! JSON Patch on documents.

use fhir::{Document, JsonPatch, PATCH_OPERATIONS_MAX, PatchError};
use serde_json::Value;

fn patch(document: &str, patch: &str) -> Result<String, PatchError> {
    let document = Document::parse_slice(document.as_bytes()).expect("a document");
    let patched = JsonPatch::parse(patch.as_bytes())?.apply(&document)?;
    Ok(String::from_utf8(patched).expect("UTF-8"))
}

fn unfit(document: &str, operations: &str) {
    let outcome = patch(document, operations);
    assert!(matches!(outcome, Err(PatchError::Unfit(..))), "{operations}: {outcome:?}");
}

#[test]
fn the_published_cases_come_out_as_published() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../data/json-patch-tests.json")).expect("cases");
    assert_eq!(cases.len(), 11);
    for case in &cases {
        let outcome = patch(&case["doc"].to_string(), &case["patch"].to_string());
        match case.get("expected") {
            Some(expected) => {
                let found: Value = serde_json::from_str(&outcome.expect("it applies")).expect("JSON");
                assert_eq!(found, *expected, "{}", case["comment"]);
            }
            None => assert!(matches!(outcome, Err(PatchError::Unfit(..))), "{}", case["comment"]),
        }
    }
}

#[test]
fn order_and_text_stay_where_nothing_is_changed() {
    let document = r#"{"z":1.50, "a" : [1e0,"\u00e9"],"b":{"y":null,"x":true}}"#;
    for (operations, expected) in [
        ("[]", r#"{"z":1.50,"a":[1e0,"\u00e9"],"b":{"y":null,"x":true}}"#),
        (
            r#"[{"op":"replace","path":"/a/0","value":2.00}]"#,
            r#"{"z":1.50,"a":[2.00,"\u00e9"],"b":{"y":null,"x":true}}"#,
        ),
        (
            r#"[{"op":"add","path":"/z","value":{}}]"#,
            r#"{"z":{},"a":[1e0,"\u00e9"],"b":{"y":null,"x":true}}"#,
        ),
        (
            r#"[{"op":"move","from":"/b","path":"/a/1"}]"#,
            r#"{"z":1.50,"a":[1e0,{"y":null,"x":true},"\u00e9"]}"#,
        ),
        (
            r#"[{"op":"copy","from":"/a","path":"/a/-"}]"#,
            r#"{"z":1.50,"a":[1e0,"\u00e9",[1e0,"\u00e9"]],"b":{"y":null,"x":true}}"#,
        ),
        (
            r#"[{"op":"move","from":"/b","path":"/b"}]"#,
            r#"{"z":1.50,"a":[1e0,"\u00e9"],"b":{"y":null,"x":true}}"#,
        ),
        (r#"[{"op":"replace","path":"","value":[7]}]"#, "[7]"),
        (
            r#"[{"op":"add","path":"/q\"","value":"~"}]"#,
            r#"{"z":1.50,"a":[1e0,"\u00e9"],"b":{"y":null,"x":true},"q\"":"~"}"#,
        ),
    ] {
        assert_eq!(patch(document, operations).as_deref(), Ok(expected), "{operations}");
    }
}

#[test]
fn a_test_compares_what_values_mean() {
    let document = r#"{"n":1.50,"s":"\u00e9","o":{"a":1,"b":[true,null]},"zero":-0.0,"big":100}"#;
    for value in [
        r#""/n","value":1.5"#,
        r#""/n","value":15e-1"#,
        r#""/s","value":"é""#,
        r#""/o","value":{"b":[true,null],"a":1.0}"#,
        r#""/zero","value":0"#,
        r#""/big","value":1e2"#,
        r#""/o/b/1","value":null"#,
    ] {
        let operations = format!(r#"[{{"op":"test","path":{value}}}]"#);
        assert!(patch(document, &operations).is_ok(), "{operations}");
    }
    for value in [
        r#""/n","value":"1.5""#,
        r#""/n","value":1.51"#,
        r#""/n","value":-1.5"#,
        r#""/o","value":{"a":1}"#,
        r#""/o","value":{"a":1,"c":[true,null]}"#,
        r#""/o/b","value":[null,true]"#,
        r#""/big","value":10"#,
        r#""/o/b/1","value":false"#,
        r#""/x","value":null"#,
    ] {
        unfit(document, &format!(r#"[{{"op":"test","path":{value}}}]"#));
    }
}

#[test]
fn places_that_are_none_are_refused() {
    let document = r#"{"a":[1,2],"s":"x","01":1,"":{"":3}}"#;
    for operations in [
        r#"[{"op":"add","path":"/a/3","value":1}]"#,
        r#"[{"op":"add","path":"/a/01","value":1}]"#,
        r#"[{"op":"add","path":"/a/+1","value":1}]"#,
        r#"[{"op":"add","path":"/a/99999999999999999999","value":1}]"#,
        r#"[{"op":"remove","path":"/a/-"}]"#,
        r#"[{"op":"replace","path":"/a/2","value":1}]"#,
        r#"[{"op":"add","path":"/s/x","value":1}]"#,
        r#"[{"op":"remove","path":"/none"}]"#,
        r#"[{"op":"remove","path":""}]"#,
        r#"[{"op":"move","from":"/a","path":"/a/0"}]"#,
        r#"[{"op":"move","from":"/none","path":"/none"}]"#,
        r#"[{"op":"copy","from":"/none","path":"/x"}]"#,
    ] {
        unfit(document, operations);
    }
    assert!(patch(document, r#"[{"op":"test","path":"//","value":3},{"op":"remove","path":"/01"}]"#).is_ok());
}

#[test]
fn what_is_no_patch_is_malformed() {
    for operations in
        ["", "null", "{}", "[{}]", r#"[{"op":"ADD","path":"","value":1}]"#, r#"[{"op":"add","path":"/a"}]"#]
    {
        let outcome = patch("{}", operations);
        assert!(matches!(outcome, Err(PatchError::Malformed(..))), "{operations}: {outcome:?}");
    }
    let error = patch("{}", r#"[{"op":"test","path":"","value":{}},{"op":"copy","path":""}]"#).unwrap_err();
    assert_eq!(error, PatchError::Malformed(Some(1), "it has no from"));
    assert_eq!(error.to_string(), "Operation 1 of the patch is malformed: it has no from.");
}

#[test]
fn operations_are_limited() {
    let test = r#"{"op":"test","path":"","value":{}}"#;
    let many = |count: usize| format!("[{}]", vec![test; count].join(","));
    assert!(patch("{}", &many(PATCH_OPERATIONS_MAX)).is_ok());
    assert_eq!(patch("{}", &many(PATCH_OPERATIONS_MAX + 1)), Err(PatchError::Limit("PATCH_OPERATIONS_MAX")));
}

#[test]
fn copies_of_copies_end_before_they_fill_the_memory() {
    let copy = r#"{"op":"copy","from":"/a","path":"/a/-"}"#;
    let operations = format!("[{}]", vec![copy; 60].join(","));
    let outcome = patch(r#"{"a":[1]}"#, &operations);
    // Each copy doubles what there is, and nests it one deeper.
    assert_eq!(outcome, Err(PatchError::Limit("PATCH_WORK_MAX")));
}

#[test]
fn nothing_nests_deeper_than_a_document_may() {
    let mut operations = vec![r#"{"op":"add","path":"/a","value":{}}"#.to_owned()];
    for depth in 1..200 {
        operations.push(format!(r#"{{"op":"add","path":"{}","value":{{}}}}"#, "/a".repeat(depth)));
    }
    unfit("{}", &format!("[{}]", operations.join(",")));
    let inside = r#"{"op":"copy","from":"/a","path":"/a/b"},{"op":"move","from":"/a","path":"/c"},{"op":"move","from":"/c","path":"/a"}"#;
    let outcome = patch(r#"{"a":{}}"#, &format!("[{}]", vec![inside; 140].join(",")));
    assert!(outcome.is_err(), "{outcome:?}");
}
