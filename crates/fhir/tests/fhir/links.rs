//! Links are found wherever the element tables let one stand, and changed without touching anything else.

use fhir::{Document, LinkPlace, bundle_entries, links, relinked};
use proptest::prelude::*;

use crate::examples::examples;

/// Each link of a resource: its place and text.
fn found(json: &str) -> Vec<(LinkPlace, String)> {
    let document = Document::parse(json.as_bytes().to_vec()).unwrap();
    let mut all = Vec::new();
    links(document.root(), &mut |link| all.push((link.place, link.text.into_owned())));
    all
}

/// The resource with `to` at every link whose text is `from`.
fn changed(json: &str, from: &str, to: &str) -> String {
    let document = Document::parse(json.as_bytes().to_vec()).unwrap();
    let mut new = Vec::new();
    links(document.root(), &mut |link| {
        if link.text == from {
            new.push((link.at, to.to_owned()));
        }
    });
    String::from_utf8(relinked(document.root(), &new)).unwrap()
}

#[test]
fn a_link_is_found_in_every_place_that_the_standard_names() {
    for (json, place) in [
        (r#"{"resourceType":"Observation","subject":{"reference":"u:u"}}"#, LinkPlace::Reference),
        (r#"{"resourceType":"Observation","performer":[{"reference":"u:u"}]}"#, LinkPlace::Reference),
        (
            r#"{"resourceType":"Basic","extension":[{"valueReference":{"reference":"u:u"}}]}"#,
            LinkPlace::Reference,
        ),
        (
            r#"{"resourceType":"Basic","modifierExtension":[{"extension":[{"valueUri":"u:u"}]}]}"#,
            LinkPlace::Uri,
        ),
        (r#"{"resourceType":"Basic","extension":[{"valueUrl":"u:u"}]}"#, LinkPlace::Uri),
        (r#"{"resourceType":"Patient","_birthDate":{"extension":[{"valueUri":"u:u"}]}}"#, LinkPlace::Uri),
        (
            r#"{"resourceType":"Patient","name":[{"_given":[null,{"extension":[{"valueUri":"u:u"}]}]}]}"#,
            LinkPlace::Uri,
        ),
        (
            r#"{"resourceType":"Basic","contained":[{"resourceType":"Basic","subject":{"reference":"u:u"}}]}"#,
            LinkPlace::Reference,
        ),
        (r#"{"resourceType":"DocumentReference","content":[{"attachment":{"url":"u:u"}}]}"#, LinkPlace::Uri),
        (
            r#"{"resourceType":"Basic","text":{"div":"<div><p>x <a href=\"u:u\">y</a></p></div>"}}"#,
            LinkPlace::Narrative,
        ),
        (
            r#"{"resourceType":"Basic","text":{"div":"<div><img alt='' src = 'u:u' /></div>"}}"#,
            LinkPlace::Narrative,
        ),
        (
            r#"{"resourceType":"Basic","text":{"div":"\u003cdiv><!-- <a --><a\n id=\"1\" href=\"u:u\"/></div>"}}"#,
            LinkPlace::Narrative,
        ),
        (
            r#"{"resourceType":"Questionnaire","item":[{"item":[{"answerOption":[{"valueReference":{"reference":"u:u"}}]}]}]}"#,
            LinkPlace::Reference,
        ),
    ] {
        assert_eq!(found(json), [(place, "u:u".to_owned())], "{json}");
        let expected = json.replace("u:u", "Patient/1").replace("\\u003c", "<");
        assert_eq!(changed(json, "u:u", "Patient/1"), expected, "{json}");
    }
}

#[test]
fn what_only_looks_like_a_link_is_none() {
    for json in [
        r#"{"resourceType":"Patient","name":[{"text":"u:u"}],"identifier":[{"value":"u:u"}]}"#,
        r#"{"resourceType":"QuestionnaireResponse","questionnaire":"u:u"}"#,
        r#"{"resourceType":"Basic","extension":[{"valueString":"u:u"},{"valueUuid":"u:u"},{"valueOid":"u:u"}]}"#,
        r#"{"resourceType":"Basic","subject":{"display":"u:u","type":1,"reference":2}}"#,
        r#"{"resourceType":"Basic","foo":{"reference":"u:u"}}"#,
        r#"{"resourceType":"Bundle","link":[{"url":"u:u"}],"entry":[{"fullUrl":"u:u","resource":{"resourceType":"Basic","subject":{"reference":"u:u"}}}]}"#,
        r#"{"resourceType":"Basic","text":{"div":"<div><abbr href=\"u:u\"/><a name=\"u:u\"/><a href>U</a> href=\"u:u\"</div>"}}"#,
        r#"{"resourceType":"Basic","text":{"div":"<div><!-- <a href=\"u:u\"/></div>"}}"#,
        r#"{"resourceType":"Unknown","subject":{"reference":"u:u"}}"#,
        "[]",
    ] {
        assert_eq!(found(json), [], "{json}");
    }
}

#[test]
fn all_else_stays_as_it_was_written() {
    let json = " {\"resourceType\":\"Observation\" , \"valueDecimal\":1.50, \"note\":[{\"text\":\"\\u0041\\/\"}],\
                \"subject\":{ \"reference\" : \"urn:x\" },\"text\":{\"div\":\"<div><a href='a'>&amp;</a><a \
                href='urn:x'>\\n</a></div>\"}}";
    assert_eq!(changed(json, "urn:x", "P/\"1"), {
        let trimmed = json.trim_start();
        trimmed.replacen("\"urn:x\"", "\"P/\\\"1\"", 1).replace("'urn:x'", "'P/&quot;1'")
    });
}

#[test]
fn addresses_in_narrative_are_read_and_written_as_xml() {
    let json = r#"{"resourceType":"Basic","text":{"div":"<div><a href=\"P?a=1&amp;b=2\"/></div>"}}"#;
    assert_eq!(found(json)[0].1, "P?a=1&b=2");
    assert_eq!(changed(json, "P?a=1&b=2", "P?a=1&b=3"), json.replace("b=2", "b=3"));
}

#[test]
fn examples_have_the_links_that_a_walk_without_tables_finds() {
    /// The member `reference` of every object that looks like a Reference.
    fn references(json: &serde_json::Value, all: &mut Vec<String>) {
        match json {
            serde_json::Value::Object(members) => {
                let known = ["reference", "type", "identifier", "display", "id", "extension"];
                if members.keys().all(|name| known.contains(&name.as_str())) {
                    all.extend(json["reference"].as_str().map(str::to_owned));
                }
                members.values().for_each(|value| references(value, all));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| references(item, all)),
            _ => {}
        }
    }
    let mut count = 0;
    for json in examples() {
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        if ["Bundle", "Parameters"].contains(&value["resourceType"].as_str().unwrap_or_default()) {
            continue;
        }
        let mut expected = Vec::new();
        references(&value, &mut expected);
        let mut actual = Vec::new();
        for (place, link) in found(&json) {
            if place == LinkPlace::Reference {
                actual.push(link);
            }
        }
        expected.sort();
        actual.sort();
        assert_eq!(actual, expected, "{json}");
        assert_eq!(changed(&json, "nothing is called this", ""), json);
        count += actual.len();
    }
    assert!(count > 1000, "{count}");
}

#[test]
fn entries_are_read_each_for_itself() {
    let bundle = r#"{"resourceType":"Bundle","type":"batch","entry":[
        {"fullUrl":"urn:uuid:1","resource":{"resourceType":"Basic"},"request":{"method":"POST","url":"Basic","ifNoneExist":"a=1"}},
        {"request":{"method":"GET"}},
        {"request":{"method":"GET","url":1}},
        {"resource":[]},
        {"foo":1},
        7,
        {"request":{"method":"PUT","url":"Basic/1","ifMatch":"W/\"1\"","foo":1}}
    ]}"#;
    let document = Document::parse(bundle.as_bytes().to_vec()).unwrap();
    let entries: Vec<_> = bundle_entries(document.root()).unwrap().collect();
    let first = entries[0].as_ref().unwrap();
    assert_eq!(first.full_url.as_deref(), Some("urn:uuid:1"));
    assert_eq!(first.request.as_ref().unwrap().if_none_exist.as_deref(), Some("a=1"));
    let wrong: Vec<_> =
        entries[1..].iter().map(|entry| entry.as_ref().unwrap_err().expression[0].as_str()).collect();
    assert_eq!(
        wrong,
        [
            "Bundle.entry[1].request.url",
            "Bundle.entry[2].request.url",
            "Bundle.entry[3].resource",
            "Bundle.entry[4]",
            "Bundle.entry[5]",
            "Bundle.entry[6].request",
        ]
    );
    let object = Document::parse(br#"{"entry":{}}"#.to_vec()).unwrap();
    assert!(bundle_entries(object.root()).is_err());
    let none = Document::parse(b"{}".to_vec()).unwrap();
    assert_eq!(bundle_entries(none.root()).unwrap().len(), 0);
}

proptest! {
    /// Narrative is whatever a client sends.
    #[test]
    fn no_narrative_breaks_the_search_for_addresses(div in "[<>!a-c\"'=&; \\-\\nhrefsimgé]{0,60}") {
        let json = serde_json::json!({"resourceType": "Basic", "text": {"div": div}}).to_string();
        let document = Document::parse(json.clone().into_bytes()).unwrap();
        let mut new = Vec::new();
        links(document.root(), &mut |link| new.push((link.at, "X".to_owned())));
        let out = relinked(document.root(), &new);
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        prop_assert!(value["text"]["div"].is_string());
        if new.is_empty() {
            prop_assert_eq!(out, json.into_bytes());
        }
    }
}
