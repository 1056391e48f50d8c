//! Supplements of code systems: what they add, and where.

use serde_json::json;

use crate::door::World;
use crate::terminology::{codes, named, value_set, world};

/// Stores what French adds to the animals, and a value set that depends on it.
pub(crate) fn store(world: &World) {
    let french = json!({"resourceType": "CodeSystem", "url": "http://french", "version": "1", "status": "active", "language": "fr",
        "content": "supplement", "supplements": "http://a|2", "concept": [
            {"code": "dog", "display": "Chien", "definition": "Never read.",
                "designation": [{"language": "fr-CA", "value": "Pitou"}],
                "property": [{"code": "sound", "valueString": "ouaf"}]},
            {"code": "cat", "display": "Chat", "definition": "Miaule."}, {"code": "cow", "display": "Vache"}]});
    let other = json!({"resourceType": "CodeSystem", "url": "http://later", "status": "active", "content": "supplement",
        "supplements": "http://a|3", "concept": [{"code": "dog", "display": "Later"}]});
    let mut set = value_set("french", json!({"include": [{"system": "http://a"}]}));
    set["extension"] = json!([{"url": "http://hl7.org/fhir/StructureDefinition/valueset-supplement", "valueCanonical": "http://french"}]);
    let mut lost = set.clone();
    (lost["id"], lost["url"]) = (json!("lost"), json!("http://v/lost"));
    lost["extension"][0]["valueCanonical"] = json!("http://lost");
    for (path, resource) in [("ValueSet/french", &set), ("ValueSet/lost", &lost)] {
        assert_eq!(world.put(path, resource).status, 201);
    }
    for resource in [&french, &other] {
        assert_eq!(world.post("CodeSystem", resource).status, 201);
    }
}

#[test]
fn a_supplement_adds_what_concepts_are_called_where_it_is_asked_for() {
    let world = world();
    store(&world);
    let lookup = |code: &str, rest: &str| {
        world.get(&format!("CodeSystem/$lookup?system=http://a&code={code}&displayLanguage=fr{rest}"))
    };
    for (code, rest, display) in [
        ("dog", "", "Dog"),
        ("dog", "&useSupplement=http://french", "Chien"),
        ("dog", "&useSupplement=http://french%7C1", "Chien"),
        ("dog", "&useSupplement=http://later", "Dog"),
        ("pet", "&useSupplement=http://french", "Pet"),
    ] {
        let answer = lookup(code, rest);
        assert_eq!(named(&answer, "display"), display, "{code} {rest}: {}", answer.json());
    }
    let dog = lookup("dog", "&useSupplement=http://french").json().to_string();
    for part in [
        r#""valueString":"Hund""#,
        r#"{"name":"language","valueCode":"fr"},{"name":"value","valueString":"Chien"}"#,
        r#""valueString":"Pitou""#,
        r#"{"name":"code","valueCode":"sound"},{"name":"value","valueString":"ouaf"}"#,
        r#""valueString":"Barks.""#,
    ] {
        assert!(dog.contains(part), "{part} in {dog}");
    }
    assert!(lookup("cat", "&useSupplement=http://french").json().to_string().contains("Miaule."));
    assert!(!lookup("dog", "").json().to_string().contains("ouaf"));
    for (query, expected) in [
        ("all/$expand?filter=chien", ""),
        ("all/$expand?filter=chien&useSupplement=http://french", "dog"),
        ("french/$expand?filter=pitou", "dog"),
        ("french/$expand?filter=katze", "cat"),
        ("french/$expand?filter=vache", ""),
    ] {
        let json = world.get(&format!("ValueSet/{query}")).json();
        assert_eq!(codes(&json["expansion"]["contains"]), expected, "{query}: {json}");
    }
    let json =
        world.get("ValueSet/french/$expand?count=2&displayLanguage=fr&useSupplement=http://later").json();
    let expansion = &json["expansion"];
    assert_eq!(expansion["contains"][1]["display"], "Chien");
    let told = expansion["parameter"].as_array().unwrap();
    assert!(told.contains(&json!({"name": "used-supplement", "valueUri": "http://french|1"})), "{told:?}");
    assert_eq!(told.iter().filter(|one| one["name"] == "used-supplement").count(), 1, "{told:?}");
    for (line, expected) in [
        ("ValueSet/french/$validate-code?system=http://a&code=dog&display=Chien", true),
        ("ValueSet/all/$validate-code?system=http://a&code=dog&display=Chien", false),
        (
            "ValueSet/all/$validate-code?system=http://a&code=dog&display=Chien&useSupplement=http://french",
            true,
        ),
        ("CodeSystem/animals/$validate-code?code=dog&display=pitou&useSupplement=http://french", true),
        ("CodeSystem/animals/$validate-code?code=dog&display=pitou", false),
        ("ValueSet/french/$validate-code?system=http://a&code=cow", false),
    ] {
        let answer = world.get(line);
        assert_eq!(named(&answer, "result"), expected, "{line}: {}", answer.json());
    }
}

#[test]
fn what_is_no_supplement_is_refused_and_so_is_a_supplement_as_a_code_system() {
    let world = world();
    store(&world);
    for (line, refusal, words) in [
        ("ValueSet/all/$expand?useSupplement=http://none", (404, "not-found"), "http://none"),
        ("ValueSet/all/$expand?useSupplement=http://a", (404, "not-found"), "supplement"),
        ("ValueSet/lost/$expand", (404, "not-found"), "http://lost"),
        ("ValueSet/lost/$validate-code?system=http://a&code=dog", (404, "not-found"), "http://lost"),
        (
            "CodeSystem/$lookup?system=http://a&code=dog&useSupplement=http://none",
            (404, "not-found"),
            "http://none",
        ),
        ("CodeSystem/$lookup?system=http://french&code=dog", (400, "invalid"), "supplement"),
        ("CodeSystem/$subsumes?system=http://french&codeA=dog&codeB=cat", (400, "invalid"), "supplement"),
    ] {
        let answer = world.get(line);
        let (status, code) = answer.refusal();
        assert_eq!((status, code.as_str()), refusal, "{line}: {}", answer.diagnostics());
        assert!(answer.diagnostics().contains(words), "{line}: {}", answer.diagnostics());
    }
    // A search needs none of it.
    assert_eq!(world.get("Observation?code:in=http://v/lost").status, 200);
}
