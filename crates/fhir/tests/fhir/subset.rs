//! `_summary` and `_elements`: what is shown of a resource, by cases and over the standard's examples.

use fhir::{Document, Elements, Subset, definitions, pretty};
use serde_json::{Value, json};

use crate::examples::examples;

fn shown(subset: &Subset, resource: &Value) -> Value {
    let document = Document::parse(resource.to_string().into_bytes()).unwrap();
    let mut out = Vec::new();
    subset.push(document.root(), &mut out);
    let mut shown: Value = serde_json::from_slice(&out).unwrap();
    if resource["resourceType"] != "OperationOutcome" && shown["meta"]["tag"].is_array() {
        let tags = shown["meta"]["tag"].as_array_mut().unwrap();
        let mark = tags.pop().unwrap();
        assert_eq!(mark["system"], fhir::SUBSETTED_SYSTEM);
        assert_eq!(mark["code"], "SUBSETTED");
        assert!(!tags.contains(&mark), "marked twice");
        shown["marked"] = true.into();
    }
    shown
}

fn elements(list: &str) -> Subset {
    Subset::Elements(Elements::parse(list).unwrap())
}

fn observation() -> Value {
    json!({
        "resourceType": "Observation", "id": "1", "meta": {"versionId": "3"}, "language": "en",
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>"},
        "contained": [{"resourceType": "Patient", "id": "p"}],
        "extension": [{"url": "http://a", "valueString": "b"}],
        "modifierExtension": [{"url": "http://m", "valueBoolean": true}],
        "status": "final", "_status": {"id": "s"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "1"}], "text": "One",
            "extension": [{"url": "http://c", "valueString": "d"}]},
        "note": [{"text": "private"}],
        "valueQuantity": {"value": 1.00, "unit": "g"},
        "component": [
            {"id": "c", "code": {"text": "Two"}, "valueString": "x", "interpretation": [{"text": "high"}]},
        ],
    })
}

#[test]
fn a_summary_is_what_the_definitions_mark_and_demand() {
    let found = shown(&Subset::Summary, &observation());
    let expected = json!({
        "resourceType": "Observation", "id": "1", "meta": {"versionId": "3", "tag": []}, "marked": true,
        "modifierExtension": [{"url": "http://m", "valueBoolean": true}],
        "status": "final", "_status": {"id": "s"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "1"}], "text": "One",
            "extension": [{"url": "http://c", "valueString": "d"}]},
        "valueQuantity": {"value": 1.00, "unit": "g"},
        "component": [{"code": {"text": "Two"}, "valueString": "x"}],
    });
    assert_eq!(found, expected);
}

#[test]
fn what_nothing_is_left_of_is_left_out() {
    let document = json!({
        "resourceType": "DocumentReference", "status": "current",
        "content": [{"attachment": {"data": "AAAA"}}, {"attachment": {"data": "AAAA", "title": "t"}}],
        "context": {"encounter": [{"reference": "Encounter/1"}]},
    });
    let found = shown(&Subset::Summary, &document);
    assert_eq!(found["content"], json!([{"attachment": {"title": "t"}}]));
    assert_eq!(found["context"], Value::Null);
}

#[test]
fn text_is_the_narrative_and_what_is_demanded() {
    let found = shown(&Subset::Text, &observation());
    let names: Vec<&String> = found.as_object().unwrap().keys().collect();
    let expected =
        ["_status", "code", "id", "marked", "meta", "modifierExtension", "resourceType", "status", "text"];
    assert_eq!(names, expected);
}

#[test]
fn data_is_all_but_the_narrative() {
    let mut expected = observation();
    expected.as_object_mut().unwrap().remove("text");
    expected["meta"]["tag"] = json!([]);
    expected["marked"] = true.into();
    assert_eq!(shown(&Subset::Data, &observation()), expected);
}

#[test]
fn elements_are_named_by_path_by_stem_and_by_type() {
    let names = |list: &str| {
        let found = shown(&elements(list), &observation());
        let names = found.as_object().unwrap().keys().filter(|name| {
            !["resourceType", "id", "meta", "modifierExtension", "status", "_status", "code", "marked"]
                .contains(&name.as_str())
        });
        names.cloned().collect::<Vec<_>>()
    };
    assert_eq!(names("value"), ["valueQuantity"]);
    assert_eq!(names("value[x]"), ["valueQuantity"]);
    assert_eq!(names("valueQuantity"), ["valueQuantity"]);
    assert_eq!(names("valueString"), Vec::<String>::new());
    assert_eq!(names("note, nonsense,Observation.value,Patient.component"), ["note", "valueQuantity"]);
    assert_eq!(shown(&elements("value.unit"), &observation())["valueQuantity"], json!({"unit": "g"}));
    let found = shown(&elements("component.value"), &observation());
    assert_eq!(found["component"], json!([{"code": {"text": "Two"}, "valueString": "x"}]));
    assert_eq!(found["code"], observation()["code"], "what is demanded is whole");
    assert_eq!(shown(&elements("code.text"), &observation())["code"]["coding"], Value::Null);
}

#[test]
fn a_list_for_other_types_leaves_a_resource_whole_and_unmarked() {
    assert_eq!(shown(&elements("Patient.name"), &observation()), observation());
}

#[test]
fn an_outcome_is_never_shown_in_part() {
    let outcome = json!({"resourceType": "OperationOutcome", "issue": [], "text": {}});
    for subset in [Subset::Summary, Subset::Data, elements("id")] {
        assert_eq!(shown(&subset, &outcome), outcome);
    }
}

#[test]
fn a_mark_that_is_there_is_not_doubled_and_other_tags_stay() {
    let mark = json!({"system": fhir::SUBSETTED_SYSTEM, "code": "SUBSETTED"});
    let other = json!({"system": "http://a", "code": "b"});
    let patient = json!({"resourceType": "Patient", "meta": {"tag": [mark, other], "source": "http://s"}});
    let found = shown(&Subset::Data, &patient);
    assert_eq!(found["meta"], json!({"source": "http://s", "tag": [other]}));
}

#[test]
fn lists_of_elements_have_a_form_and_a_limit() {
    for bad in ["", "a,,b", "a.", ".a", "Patient.", " "] {
        assert_eq!(Elements::parse(bad), None, "{bad}");
    }
    let names = |count| vec!["a"; count].join(",");
    assert!(Elements::parse(&names(fhir::ELEMENTS_MAX)).is_some());
    assert!(Elements::parse(&names(fhir::ELEMENTS_MAX + 1)).is_none());
}

#[test]
fn a_result_is_shown_entry_by_entry() {
    let entry = |mode: &str| json!({"resource": observation(), "search": {"mode": mode}});
    let bundle = json!({
        "resourceType": "Bundle", "type": "searchset", "total": 1,
        "entry": [entry("match"), entry("include"), entry("outcome"), {"response": {"status": "204"}}],
    });
    let document = Document::parse(bundle.to_string().into_bytes()).unwrap();
    let counts = |subset: &Subset| {
        let mut out = Vec::new();
        subset.push_result(document.root(), &mut out);
        let found: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(found["total"], 1);
        assert_eq!(found["meta"], Value::Null);
        assert_eq!(found["entry"][3], bundle["entry"][3]);
        [0, 1, 2].map(|at| found["entry"][at]["resource"] == observation())
    };
    assert_eq!(counts(&Subset::Summary), [false, false, true]);
    assert_eq!(counts(&elements("note")), [false, true, true]);
}

/// Of every example, each part is again a document in which nothing demanded at the top is missing.
#[test]
fn parts_of_the_standards_examples_keep_what_is_demanded() {
    for line in examples() {
        let whole: Value = serde_json::from_str(&line).unwrap();
        let of = definitions().type_named(whole["resourceType"].as_str().unwrap()).unwrap();
        for subset in [Subset::Summary, Subset::Text, Subset::Data, elements("id")] {
            let found = shown(&subset, &whole);
            for (name, value) in whole.as_object().unwrap() {
                let Some(member) = of.member(name) else { continue };
                if member.element.min > 0 {
                    assert!(found.get(name).is_some(), "{name} {value} {subset:?}");
                }
            }
            assert!(!found.to_string().contains("{}"), "{subset:?} {found}");
        }
    }
}

#[test]
fn pretty_changes_white_space_only() {
    for line in examples().into_iter().step_by(7) {
        let document = Document::parse(line.clone().into_bytes()).unwrap();
        let text = pretty(&document);
        assert_eq!(
            serde_json::from_slice::<Value>(&text).unwrap(),
            serde_json::from_str::<Value>(&line).unwrap()
        );
    }
    let document = Document::parse(b"{\"a\":[1.0,{}],\"b\":\"\\n\"}".to_vec()).unwrap();
    assert_eq!(pretty(&document), b"{\n  \"a\": [\n    1.0,\n    {}\n  ],\n  \"b\": \"\\n\"\n}\n");
}
