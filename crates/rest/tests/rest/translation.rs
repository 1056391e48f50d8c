//! `$translate`: what it answers, and what it refuses.

use serde_json::{Value, json};

use crate::door::Answer;
use crate::terminology::{named, parameters, world};

/// The matches of an answer: equivalence and target.
fn matches(answer: &Answer) -> String {
    let json = answer.json();
    let all = json["parameter"].as_array().unwrap().iter().filter(|one| one["name"] == "match");
    let part = |one: &Value, name: &str| {
        let mut parts = one["part"].as_array().unwrap().iter();
        parts.find(|part| part["name"] == name).cloned().unwrap_or_default()
    };
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let one = |one: &Value| {
        let concept = &part(one, "concept")["valueCoding"];
        format!(
            "{} {}|{}",
            text(&part(one, "equivalence")["valueCode"]),
            text(&concept["system"]),
            text(&concept["code"])
        )
    };
    all.map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn codes_are_translated() {
    let world = world();
    for (query, result, expected) in [
        (
            "ConceptMap/sounds/$translate?system=http://a&code=dog",
            true,
            "wider http://s|bark, equal http://same|dog",
        ),
        (
            "ConceptMap/$translate?url=http://m&system=http://a&code=dog&targetsystem=http://s",
            true,
            "wider http://s|bark",
        ),
        (
            "ConceptMap/$translate?url=http://m%7C1&system=http://a&code=dog&target=http://v/sounds&targetsystem=http://s",
            true,
            "wider http://s|bark",
        ),
        ("ConceptMap/$translate?url=http://m&system=http://a&code=dog&target=http://v/other", false, ""),
        ("ConceptMap/$translate?system=http://a&code=dog&targetsystem=http://s", true, "wider http://s|bark"),
        (
            "ConceptMap/$translate?system=http://a&code=cat&targetsystem=http://s",
            true,
            "inexact http://s|noise",
        ),
        ("ConceptMap/$translate?system=http://a&code=fish&targetsystem=http://s", false, "unmatched -|-"),
        (
            "ConceptMap/$translate?system=http://a&code=pug&targetsystem=http://s",
            true,
            "inexact http://s|noise",
        ),
        ("ConceptMap/$translate?url=http://m&system=http://b&code=q", true, "equal http://s|r"),
        ("ConceptMap/$translate?url=http://m&system=http://b&code=none", false, ""),
        (
            "ConceptMap/$translate?url=http://m&system=http://s&code=bark&reverse=true",
            true,
            "narrower http://a|dog",
        ),
        (
            "ConceptMap/$translate?system=http://s&code=bark&reverse=true&source=http://v/sounds",
            true,
            "narrower http://a|dog",
        ),
    ] {
        let answer = world.get(query);
        assert_eq!(answer.status, 200, "{query}: {}", answer.json());
        assert_eq!(
            (named(&answer, "result"), matches(&answer)),
            (json!(result), expected.to_owned()),
            "{query}"
        );
    }
    let old = json!([{"name": "element", "valueUri": "http://age"},
        {"name": "concept", "valueCodeableConcept": {"coding": [{"code": "old"}]}}]);
    let body = json!({"coding": {"system": "http://a", "code": "pug"}, "targetsystem": "http://s", "dependency": old});
    assert_eq!(matches(&world.post("ConceptMap/$translate", &parameters(body))), "equivalent http://s|snore");
    let text = world.get("ConceptMap/sounds/$translate?system=http://a&code=dog").json().to_string();
    for part in [
        r#"{"name":"source","valueUri":"http://m|1"}"#,
        r#"{"name":"element","valueUri":"http://p"}"#,
        r#""version":"3""#,
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn what_cannot_be_translated_is_refused_by_name() {
    let world = world();
    for (query, status, words) in [
        ("code=dog&url=http://m", 400, "system"),
        ("system=http://a&url=http://m", 400, "code"),
        ("system=http://a&code=dog", 400, "targetsystem"),
        ("system=http://a&code=dog&url=http://none", 404, "http://none"),
        ("system=http://none&code=dog&target=http://x", 404, "ConceptMap"),
        ("system=http://a&code=dog&url=http://m&reverse=x", 400, "reverse"),
    ] {
        let answer = world.get(&format!("ConceptMap/$translate?{query}"));
        assert_eq!(answer.refusal().0, status, "{query}: {}", answer.diagnostics());
        assert!(answer.diagnostics().contains(words), "{query}: {}", answer.diagnostics());
    }
}
