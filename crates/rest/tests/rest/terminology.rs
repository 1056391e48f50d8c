//! The terminology operations: what each answers, and what it refuses.

use serde_json::{Value, json};

use crate::door::{Answer, World};

const GENDERS: &str = "http://hl7.org/fhir/administrative-gender";
const ROLES: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";

/// Animals, their value sets, and what maps them.
pub(crate) fn world() -> World {
    let world = World::open();
    let german = |value: &str| json!([{"language": "de-CH", "use": {"system": "http://u", "code": "syn"}, "value": value}]);
    for (path, resource) in [
        (
            "CodeSystem/animals",
            json!({"resourceType": "CodeSystem", "id": "animals", "url": "http://a", "version": "2", "name": "Animals",
                "status": "active", "content": "complete", "caseSensitive": false,
                "property": [{"code": "legs", "description": "How many legs it has", "type": "integer"},
                    {"code": "food", "type": "Coding"}],
                "concept": [
                    {"code": "animal", "display": "Animal", "property": [{"code": "notSelectable", "valueBoolean": true}],
                        "concept": [
                        {"code": "dog", "display": "Dog", "definition": "Barks.", "designation": german("Hund"),
                            "property": [{"code": "legs", "valueInteger": 4},
                                {"code": "food", "valueCoding": {"system": "http://f", "code": "meat"}}],
                            "concept": [{"code": "pug", "display": "Pug dog"}]},
                        {"code": "cat", "display": "Cat", "designation": german("Katze"),
                            "property": [{"code": "legs", "valueInteger": 4}]},
                        {"code": "dodo", "display": "Dodo",
                            "property": [{"code": "inactive", "valueBoolean": true}, {"code": "legs", "valueInteger": 2}]}]},
                    {"code": "pet", "display": "Pet"},
                    {"code": "fish", "property": [{"code": "parent", "valueCode": "animal"}, {"code": "parent", "valueCode": "pet"}]}]}),
        ),
        ("ValueSet/all", value_set("all", json!({"include": [{"system": "http://a"}]}))),
        (
            "ValueSet/dogs",
            value_set(
                "dogs",
                json!({"include": [{"system": "http://a", "filter": [{"property": "concept", "op": "is-a", "value": "dog"}]}]}),
            ),
        ),
        (
            "ValueSet/listed",
            value_set(
                "listed",
                json!({"inactive": false, "include": [
                    {"system": "http://a", "version": "2", "concept": [{"code": "cat", "display": "Pussycat"}, {"code": "dodo"}]},
                    {"valueSet": ["http://v/dogs"]}],
                    "exclude": [{"system": "http://a", "concept": [{"code": "pug"}]}]}),
            ),
        ),
        ("ValueSet/unknown", value_set("unknown", json!({"include": [{"system": "http://nowhere"}]}))),
        (
            "ConceptMap/sounds",
            json!({"resourceType": "ConceptMap", "id": "sounds", "url": "http://m", "version": "1", "status": "active", "date": "2020",
                "sourceUri": "http://v/all", "targetUri": "http://v/sounds", "group": [
                {"source": "http://a", "target": "http://s", "targetVersion": "3", "element": [
                    {"code": "dog", "target": [{"code": "bark", "display": "Barking", "equivalence": "wider",
                        "product": [{"property": "http://p", "system": "http://l", "value": "loud"}]}]},
                    {"code": "pug", "target": [
                        {"code": "snore", "equivalence": "equivalent", "dependsOn": [{"property": "http://age", "value": "old"}]}]},
                    {"code": "fish", "target": [{"equivalence": "unmatched", "comment": "mute"}]}],
                    "unmapped": {"mode": "fixed", "code": "noise", "display": "Some noise"}},
                {"source": "http://a", "target": "http://same", "element": [{"code": "x", "target": [{"code": "y", "equivalence": "equal"}]}],
                    "unmapped": {"mode": "provided"}},
                {"source": "http://b", "target": "http://s", "element": [{"code": "x", "target": [{"code": "y", "equivalence": "equal"}]}],
                    "unmapped": {"mode": "other-map", "url": "http://m2"}}]}),
        ),
        (
            "ConceptMap/other",
            json!({"resourceType": "ConceptMap", "id": "other", "url": "http://m2", "status": "draft", "group": [
                {"source": "http://b", "target": "http://s", "element": [{"code": "q", "target": [{"code": "r", "equivalence": "equal"}]}]}]}),
        ),
    ] {
        let answer = world.put(path, &resource);
        assert_eq!(answer.status, 201, "{path}: {}", answer.json());
    }
    world
}

pub(crate) fn value_set(id: &str, compose: Value) -> Value {
    json!({"resourceType": "ValueSet", "id": id, "url": format!("http://v/{id}"), "version": "1", "status": "active",
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}, "compose": compose})
}

/// The codes of an expansion, those below others in brackets.
pub(crate) fn codes(contains: &Value) -> String {
    let all = contains.as_array().map(Vec::as_slice).unwrap_or_default().iter();
    all.map(|code| match codes(&code["contains"]) {
        below if below.is_empty() => code["code"].as_str().unwrap().to_owned(),
        below => format!("{}({below})", code["code"].as_str().unwrap()),
    })
    .collect::<Vec<_>>()
    .join(" ")
}

/// A Parameters resource of names and values: those of objects by what they are.
pub(crate) fn parameters(all: Value) -> Value {
    let one = |(name, value): (&String, &Value)| {
        let member = match (name.as_str(), value) {
            ("valueSet" | "codeSystem" | "conceptMap", _) => "resource",
            ("url" | "system" | "source" | "target", _) => "valueUri",
            (_, Value::Bool(_)) => "valueBoolean",
            (_, Value::Number(_)) => "valueInteger",
            (_, Value::Object(object)) if object.contains_key("coding") => "valueCodeableConcept",
            (_, Value::Object(_)) => "valueCoding",
            (_, Value::Array(_)) => "part",
            _ => "valueString",
        };
        json!({"name": name, member: value})
    };
    json!({"resourceType": "Parameters", "parameter": all.as_object().unwrap().iter().map(one).collect::<Vec<_>>()})
}

/// A parameter of an answer.
pub(crate) fn named(answer: &Answer, name: &str) -> Value {
    let json = answer.json();
    assert_eq!(json["resourceType"], "Parameters", "{json}");
    let mut all = json["parameter"].as_array().unwrap().iter();
    let found = all.find(|one| one["name"] == name).cloned().unwrap_or_default();
    let object = found.as_object().cloned().unwrap_or_default();
    object
        .into_iter()
        .find(|(member, _)| member.starts_with("value"))
        .map(|(_, value)| value)
        .unwrap_or_default()
}

#[test]
fn a_value_set_is_expanded_as_asked() {
    let world = world();
    for (query, total, expected) in [
        ("all/$expand", 7, "animal(dog(pug) cat dodo fish) pet"),
        ("all/$expand?excludeNested=true", 7, "animal dog pug cat dodo pet fish"),
        ("all/$expand?count=2&offset=1", 7, "dog pug"),
        ("all/$expand?count=0", 7, ""),
        ("all/$expand?offset=7", 7, ""),
        ("all/$expand?filter=DOG", 2, "dog pug"),
        ("all/$expand?filter=dog%20pu", 1, "pug"),
        ("all/$expand?filter=katz", 1, "cat"),
        ("all/$expand?filter=none", 0, ""),
        ("all/$expand?activeOnly=true&excludeNotForUI=true", 5, "dog pug cat pet fish"),
        ("all/$expand?exclude-system=http://a", 0, ""),
        ("dogs/$expand", 2, "dog(pug)"),
        ("$expand?url=http://v/dogs&excludeNested=true", 2, "dog pug"),
        ("$expand?url=http://v/dogs%7C1&excludeNested=true", 2, "dog pug"),
        ("$expand?url=http://v/dogs&valueSetVersion=1&excludeNested=true", 2, "dog pug"),
        ("listed/$expand", 2, "cat dog"),
    ] {
        let answer = world.get(&format!("ValueSet/{query}"));
        let json = answer.json();
        assert_eq!(answer.status, 200, "{query}: {json}");
        assert_eq!(codes(&json["expansion"]["contains"]), expected, "{query}");
        assert_eq!(json["expansion"]["total"], total, "{query}");
    }
}

#[test]
fn an_expansion_tells_of_itself_and_of_its_codes() {
    let world = world();
    let query = "listed/$expand?includeDesignations=true&includeDefinition=true&count=10&displayLanguage=de";
    let json = world.get(&format!("ValueSet/{query}")).json();
    assert_eq!((&json["url"], &json["status"]), (&json!("http://v/listed"), &json!("active")));
    assert!(json["compose"].is_object() && json.get("text").is_none(), "{json}");
    let expansion = &json["expansion"];
    assert!(expansion["identifier"].as_str().unwrap().starts_with("urn:uuid:"));
    assert_eq!(expansion["timestamp"], "2026-11-23T00:00:00.000Z");
    assert_eq!(expansion["offset"], 0);
    let told = expansion["parameter"].as_array().unwrap();
    assert!(told.contains(&json!({"name": "count", "valueInteger": 10})), "{told:?}");
    assert!(told.contains(&json!({"name": "includeDesignations", "valueBoolean": true})), "{told:?}");
    assert!(told.contains(&json!({"name": "version", "valueUri": "http://a|2"})), "{told:?}");
    let german =
        json!([{"language": "de-CH", "use": {"system": "http://u", "code": "syn"}, "value": "Katze"}]);
    let cat = json!({"system": "http://a", "version": "2", "code": "cat", "display": "Katze", "designation": german});
    assert_eq!(expansion["contains"][0], cat);
    let all = world.get("ValueSet/all/$expand").json();
    let animal = &all["expansion"]["contains"][0];
    assert_eq!((&animal["abstract"], &animal["display"]), (&json!(true), &json!("Animal")));
    assert_eq!(animal["contains"][2]["inactive"], true);
    assert!(all.get("compose").is_none() && all["expansion"].get("offset").is_none());
}

#[test]
fn value_sets_of_the_standard_and_of_the_request_are_expanded() {
    let world = world();
    let answer = world.get(
        "ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender&includeDefinition=true",
    );
    let json = answer.json();
    assert_eq!(codes(&json["expansion"]["contains"]), "male female other unknown", "{json}");
    assert_eq!(json["expansion"]["contains"][0]["display"], "Male");
    assert_eq!(json["compose"]["include"][0]["system"], GENDERS);
    assert_eq!((&json["name"], &json["status"]), (&json!("AdministrativeGender"), &json!("active")));
    let sent = value_set(
        "sent",
        json!({"include": [{"system": GENDERS, "filter": [{"property": "code", "op": "regex", "value": "m.*"}]}]}),
    );
    for body in [sent.clone(), parameters(json!({"valueSet": sent}))] {
        let answer = world.post("ValueSet/$expand", &body);
        assert_eq!(codes(&answer.json()["expansion"]["contains"]), "male", "{}", answer.json());
    }
    let xml = world.ask("GET ValueSet/dogs/$expand", &[("accept", "application/fhir+xml")], "");
    let text = String::from_utf8(xml.body.to_vec()).unwrap();
    assert!(text.contains("<contains>") && text.contains("<total value=\"2\""), "{text}");
    // Whatever is answered is a valid resource.
    assert_eq!(world.post("ValueSet", &json).status, 201);
}

#[test]
fn what_cannot_be_expanded_is_refused_by_name() {
    let world = world();
    for (line, refusal, words) in [
        ("GET ValueSet/$expand", (400, "invalid"), "url"),
        ("GET ValueSet/$expand?url=http://none", (404, "not-found"), "http://none"),
        ("GET ValueSet/$expand?url=http://v/dogs%7C9", (404, "not-found"), "http://v/dogs|9"),
        ("GET ValueSet/none/$expand", (404, "not-found"), "ValueSet/none"),
        ("GET ValueSet/unknown/$expand", (404, "not-found"), "http://nowhere"),
        ("GET ValueSet/dogs/$expand?url=http://v/dogs", (400, "invalid"), "url"),
        ("GET ValueSet/dogs/$expand?count=x", (400, "value"), "count"),
        ("GET ValueSet/dogs/$expand?offset=-1", (400, "value"), "offset"),
        ("GET ValueSet/dogs/$expand?activeOnly=perhaps", (400, "value"), "activeOnly"),
        ("GET ValueSet/dogs/$expand?date=2020", (400, "invalid"), "displayLanguage"),
        ("GET ValueSet/$expand?url=http://v/dogs&url=http://v/all", (400, "value"), "url"),
        ("GET ValueSet/$expand?valueSetVersion=1", (400, "invalid"), "valueSetVersion"),
        ("GET Patient/$expand", (400, "not-supported"), "ValueSet/$expand"),
    ] {
        let answer = world.ask(line, &[], "");
        let (status, code) = answer.refusal();
        assert_eq!((status, code.as_str()), refusal, "{line}: {}", answer.diagnostics());
        assert!(answer.diagnostics().contains(words), "{line}: {}", answer.diagnostics());
    }
    let patient = parameters(json!({"valueSet": {"resourceType": "Patient"}}));
    assert_eq!(world.post("ValueSet/$expand", &patient).refusal(), (400, "invalid".to_owned()));
    assert_eq!(world.ask("DELETE ValueSet/dogs", &[], "").status, 204);
    assert_eq!(world.get("ValueSet/dogs/$expand").refusal(), (410, "deleted".to_owned()));
}

#[test]
fn an_expansion_that_is_too_large_is_asked_for_page_by_page() {
    let world = world();
    let max = search::limits::EXPANSION_CODES_MAX;
    let listed = |count: usize| {
        let concepts: Vec<Value> = (0..count).map(|code| json!({"code": code.to_string()})).collect();
        value_set("large", json!({"include": [{"system": "http://large", "concept": concepts}]}))
    };
    assert_eq!(world.post("ValueSet/$expand", &listed(max)).status, 200);
    let large = listed(max + 1);
    let answer = world.post("ValueSet/$expand", &large);
    assert_eq!(answer.refusal(), (400, "too-costly".to_owned()));
    assert!(answer.diagnostics().contains("EXPANSION_CODES_MAX"));
    let page = world.post(&format!("ValueSet/$expand?count=1&offset={max}"), &large).json();
    assert_eq!(
        (codes(&page["expansion"]["contains"]), &page["expansion"]["total"]),
        (max.to_string(), &json!(max + 1))
    );
}

#[test]
fn a_code_is_looked_up() {
    let world = world();
    let coding =
        parameters(json!({"coding": {"system": "http://a", "code": "DOG"}, "displayLanguage": "de"}));
    for (answer, display) in [
        (world.get("CodeSystem/$lookup?system=http://a&code=dog"), "Dog"),
        (world.get("CodeSystem/$lookup?system=http://a&version=2&code=dog&displayLanguage=de"), "Hund"),
        (world.post("CodeSystem/$lookup", &coding), "Hund"),
    ] {
        assert_eq!(answer.status, 200, "{}", answer.json());
        assert_eq!(named(&answer, "name"), "Animals");
        assert_eq!(named(&answer, "version"), "2");
        assert_eq!(named(&answer, "display"), display);
        let text = answer.json().to_string();
        for part in [
            r#"{"name":"code","valueCode":"legs"},{"name":"value","valueInteger":4},{"name":"description","valueString":"How many legs it has"}"#,
            r#"{"name":"value","valueCoding":{"code":"meat","system":"http://f"}}"#,
            r#"{"name":"code","valueCode":"parent"},{"name":"value","valueCode":"animal"},{"name":"description","valueString":"Animal"}"#,
            r#"{"name":"code","valueCode":"child"},{"name":"value","valueCode":"pug"}"#,
            r#"{"name":"code","valueCode":"definition"},{"name":"value","valueString":"Barks."}"#,
            r#"{"name":"language","valueCode":"de-CH"}"#,
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    let some =
        world.get("CodeSystem/$lookup?system=http://a&code=dog&property=child&property=lang.de-CH").json();
    let names: Vec<&Value> = some["parameter"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["name", "version", "display", "designation", "property"]);
    let standard = world.get(&format!("CodeSystem/$lookup?system={ROLES}&code=NMTH"));
    assert_eq!(named(&standard, "display"), "natural mother");
}

#[test]
fn what_cannot_be_looked_up_is_refused_by_name() {
    let world = world();
    for (query, refusal, words) in [
        ("", (400, "invalid"), "code"),
        ("code=dog", (400, "invalid"), "system"),
        ("system=http://a", (400, "invalid"), "code"),
        ("system=http://a&code=", (400, "invalid"), "code"),
        ("system=http://a&code=cow", (404, "not-found"), "http://a"),
        ("system=http://none&code=cow", (404, "not-found"), "http://none"),
        ("system=http://a&version=9&code=dog", (404, "not-found"), "http://a|9"),
        ("coding=http://a%7Cdog", (400, "invalid"), "coding"),
        ("system=http://a&code=dog&colour=red", (400, "invalid"), "displayLanguage"),
    ] {
        let answer = world.get(&format!("CodeSystem/$lookup?{query}"));
        let (status, code) = answer.refusal();
        assert_eq!((status, code.as_str()), refusal, "{query}: {}", answer.diagnostics());
        assert!(answer.diagnostics().contains(words), "{query}: {}", answer.diagnostics());
    }
}

#[test]
fn codes_are_compared() {
    let world = world();
    for (a, b, expected) in [
        ("dog", "DOG", "equivalent"),
        ("animal", "pug", "subsumes"),
        ("pug", "animal", "subsumed-by"),
        ("fish", "pet", "subsumed-by"),
        ("dog", "cat", "not-subsumed"),
    ] {
        let of_type = world.get(&format!("CodeSystem/$subsumes?system=http://a&codeA={a}&codeB={b}"));
        let of_instance = world.get(&format!("CodeSystem/animals/$subsumes?codeA={a}&codeB={b}"));
        let coding = |code: &str| json!({"system": "http://a", "code": code});
        let posted = world
            .post("CodeSystem/$subsumes", &parameters(json!({"codingA": coding(a), "codingB": coding(b)})));
        for answer in [of_type, of_instance, posted] {
            assert_eq!(named(&answer, "outcome"), expected, "{a} {b}: {}", answer.json());
        }
    }
    for (query, status) in [
        ("codeA=dog&codeB=cat", 400),
        ("system=http://a&codeA=dog", 400),
        ("system=http://a&codeA=dog&codeB=cow", 404),
        ("system=http://none&codeA=dog&codeB=cat", 404),
    ] {
        assert_eq!(world.get(&format!("CodeSystem/$subsumes?{query}")).refusal().0, status, "{query}");
    }
}

/// What is asked of `$validate-code`, whether it is so, and what the message says.
const CHECKED: &[(&str, bool, &str)] = &[
    ("ValueSet/dogs/$validate-code?system=http://a&code=pug", true, ""),
    ("ValueSet/dogs/$validate-code?system=http://a&code=PUG", true, ""),
    ("ValueSet/dogs/$validate-code?system=http://a&code=cat", false, "not in the value set"),
    ("ValueSet/dogs/$validate-code?system=http://b&code=pug", false, "not in the value set"),
    ("ValueSet/$validate-code?url=http://v/dogs&system=http://a&code=pug&display=pug%20%20DOG", true, ""),
    ("ValueSet/$validate-code?url=http://v/dogs&system=http://a&code=pug&display=Poodle", false, "Pug dog"),
    ("ValueSet/$validate-code?url=http://v/all&system=http://a&code=dog&display=Hund", true, ""),
    ("ValueSet/$validate-code?url=http://v/all&system=http://a&code=cow", false, "not in http://a|2"),
    ("ValueSet/$validate-code?url=http://v/all&system=http://a&code=animal", false, "groups"),
    ("ValueSet/$validate-code?url=http://v/all&system=http://a&code=animal&abstract=true", true, ""),
    ("ValueSet/$validate-code?url=http://v/all&system=http://a&code=dodo", true, "no longer"),
    ("ValueSet/$validate-code?url=http://v/listed&system=http://a&code=dodo", false, "not in the value set"),
    ("ValueSet/$validate-code?url=http://v/listed&system=http://a&code=cat&display=pussycat", true, ""),
    ("ValueSet/$validate-code?url=http://v/unknown&system=http://nowhere&code=x", false, "not known here"),
    ("CodeSystem/$validate-code?url=http://a&code=dog", true, ""),
    ("CodeSystem/animals/$validate-code?code=dog&display=Dog", true, ""),
    ("CodeSystem/animals/$validate-code?code=dog&display=Cat", false, "'Dog'"),
    ("CodeSystem/$validate-code?url=http://a&version=2&code=cow", false, "not in http://a|2"),
];

#[test]
fn codes_are_checked() {
    let world = world();
    for (line, expected, words) in CHECKED {
        let answer = world.get(line);
        assert_eq!(answer.status, 200, "{line}: {}", answer.json());
        assert_eq!(named(&answer, "result"), *expected, "{line}: {}", answer.json());
        let message = named(&answer, "message").as_str().unwrap_or_default().to_owned();
        assert!(message.contains(words) && message.is_empty() == words.is_empty(), "{line}: {message}");
    }
    let coding = |code: &str| json!({"system": "http://a", "code": code});
    let concept =
        |codes: &[&str]| json!({"coding": codes.iter().map(|code| coding(code)).collect::<Vec<_>>()});
    for (path, body, expected) in [
        ("ValueSet/dogs/$validate-code", json!({"coding": coding("dog")}), true),
        ("ValueSet/dogs/$validate-code", json!({"coding": {"code": "dog"}}), false),
        ("ValueSet/dogs/$validate-code", json!({"codeableConcept": concept(&["cat", "dog"])}), true),
        ("ValueSet/dogs/$validate-code", json!({"codeableConcept": concept(&["cat", "fish"])}), false),
        (
            "ValueSet/$validate-code",
            json!({"coding": coding("cat"), "valueSet": value_set("x", json!({"include": [{"valueSet": ["http://v/listed"]}]}))}),
            true,
        ),
        ("CodeSystem/$validate-code", json!({"coding": coding("cat")}), true),
        (
            "CodeSystem/$validate-code",
            json!({"coding": {"system": "http://b", "code": "cat"}, "url": "http://a"}),
            false,
        ),
        (
            "CodeSystem/$validate-code",
            json!({"code": "new", "codeSystem": {"resourceType": "CodeSystem", "status": "draft", "content": "complete", "concept": [{"code": "new"}]}}),
            true,
        ),
    ] {
        let answer = world.post(path, &parameters(body.clone()));
        assert_eq!(named(&answer, "result"), expected, "{path} {body}: {}", answer.json());
    }
}

#[test]
fn what_cannot_be_checked_is_refused_by_name() {
    let world = world();
    for (line, status, words) in [
        ("ValueSet/dogs/$validate-code", 400, "code"),
        ("ValueSet/dogs/$validate-code?code=dog", 400, "system"),
        ("ValueSet/$validate-code?system=http://a&code=dog", 400, "valueSet"),
        ("ValueSet/$validate-code?url=http://none&system=http://a&code=dog", 404, "http://none"),
        ("ValueSet/dogs/$validate-code?codeableConcept=x", 400, "codeableConcept"),
        ("CodeSystem/$validate-code?code=dog", 400, "url"),
        ("CodeSystem/$validate-code?url=http://none&code=dog", 404, "http://none"),
        ("CodeSystem/$validate-code?url=http://a&code=dog&system=http://a", 400, "codeSystem"),
    ] {
        let answer = world.get(line);
        assert_eq!(answer.refusal().0, status, "{line}: {}", answer.diagnostics());
        assert!(answer.diagnostics().contains(words), "{line}: {}", answer.diagnostics());
    }
}

#[test]
fn what_packages_hold_is_there_unless_the_data_store_has_its_own() {
    let world = world();
    let expanded =
        || codes(&world.get("ValueSet/$expand?url=http://packaged/vs").json()["expansion"]["contains"]);
    assert_eq!(expanded(), "b");
    assert_eq!(named(&world.get("CodeSystem/$lookup?system=http://packaged&code=a"), "name"), "Packaged");
    assert_eq!(world.get("CodeSystem/$lookup?system=http://packaged%7C1&code=a").status, 200);
    let observation = json!({"resourceType": "Observation", "id": "o", "status": "final",
        "code": {"coding": [{"system": "http://packaged", "code": "b"}]}});
    assert_eq!(world.put("Observation/o", &observation).status, 201);
    assert_eq!(world.get("Observation?code:in=http://packaged/vs").entries("/resource/id"), ["o"]);
    let own =
        value_set("own", json!({"include": [{"system": "http://packaged", "concept": [{"code": "a"}]}]}));
    let own = json!({"url": "http://packaged/vs", "resourceType": "ValueSet", "status": "active", "compose": own["compose"]});
    assert_eq!(world.post("ValueSet", &own).status, 201);
    assert_eq!(expanded(), "a");
}

#[test]
fn what_a_value_set_of_a_package_names_is_that_of_its_package() {
    let world = world();
    for (url, expected) in [
        ("http://scoped/vs", "new"),
        ("http://scoped/vs%7C2.0.0", "new"),
        ("http://scoped/vs%7C1.0.0", "old"),
        ("http://scoped/inner%7C1.0.0", "old"),
    ] {
        let json = world.get(&format!("ValueSet/$expand?url={url}")).json();
        assert_eq!(codes(&json["expansion"]["contains"]), expected, "{url}: {json}");
    }
    // What the data store has itself goes before, wherever it is asked from.
    let own = json!({"resourceType": "CodeSystem", "url": "http://scoped", "status": "active", "content": "complete",
        "concept": [{"code": "own"}]});
    assert_eq!(world.post("CodeSystem", &own).status, 201);
    let json = world.get("ValueSet/$expand?url=http://scoped/vs%7C1.0.0").json();
    assert_eq!(codes(&json["expansion"]["contains"]), "own");
}

#[test]
fn terminology_is_asked_in_bundles_too() {
    let world = world();
    let entry = |method: &str, url: &str| json!({"request": {"method": method, "url": url}});
    let mut posted = entry("POST", "ValueSet/dogs/$validate-code");
    posted["resource"] = parameters(json!({"coding": {"system": "http://a", "code": "dog"}}));
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        entry("GET", "ValueSet/dogs/$expand"), entry("GET", "CodeSystem/$lookup?system=http://a&code=cow"), posted]});
    let answer = world.post("", &bundle);
    assert_eq!(
        answer.entries("/response/status").iter().map(|status| &status[..3]).collect::<Vec<_>>(),
        ["200", "404", "200"]
    );
    let json = answer.json();
    assert_eq!(json["entry"][0]["resource"]["expansion"]["total"], 2);
    assert_eq!(json["entry"][2]["resource"]["parameter"][0]["valueBoolean"], true);
}

#[test]
fn the_statement_of_terminology_is_valid_and_lists_what_expand_takes() {
    let world = world();
    let statement = world.get("metadata?mode=terminology").json();
    assert_eq!(statement["resourceType"], "TerminologyCapabilities");
    assert_eq!(world.post("TerminologyCapabilities", &statement).status, 201, "{statement}");
    crate::supplement::store(&world);
    for parameter in statement["expansion"]["parameter"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        let value = match name {
            "count" | "offset" => "1",
            "useSupplement" => "http://french",
            "filter" | "designation" | "displayLanguage" | "exclude-system" => "a",
            _ => "true",
        };
        assert_eq!(world.get(&format!("ValueSet/dogs/$expand?{name}={value}")).status, 200, "{name}");
    }
    assert_eq!(world.get("metadata?mode=full").json()["resourceType"], "CapabilityStatement");
    assert_eq!(world.get("metadata?mode=other").status, 400);
    let types = world.get("metadata").json()["rest"][0]["resource"].clone();
    let of = |name: &str| {
        types.as_array().unwrap().iter().find(|of| of["type"] == name).unwrap()["operation"].to_string()
    };
    assert!(of("CodeSystem").contains("OperationDefinition/CodeSystem-validate-code"));
    assert!(of("ValueSet").contains("OperationDefinition/ValueSet-validate-code"));
}

/// A large code system was read again for every question.
#[test]
fn a_large_code_system_is_kept_until_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::on_disk(folder.path());
    let large = |display: &str| {
        let concepts: Vec<Value> =
            (0..3000).map(|code| json!({"code": code.to_string(), "display": display})).collect();
        json!({"resourceType": "CodeSystem", "id": "large", "url": "http://large", "status": "active", "content": "complete", "concept": concepts})
    };
    let shown = || named(&world.get("CodeSystem/$lookup?system=http://large&code=7"), "display");
    for display in ["first", "second", "third"] {
        assert!(world.put("CodeSystem/large", &large(display)).status < 300);
        assert_eq!(shown(), display);
        world.clock.advance_ms(10);
        assert_eq!((shown(), shown()), (json!(display), json!(display)));
    }
    let mut other = large("other");
    other["id"] = json!("other");
    assert_eq!(world.put("CodeSystem/other", &other).status, 201);
    assert_eq!(shown(), "other");
    world.clock.advance_ms(10);
    assert_eq!(shown(), "other");
    assert_eq!(world.ask("DELETE CodeSystem/other", &[], "").status, 204);
    assert_eq!(shown(), "third");
    assert_eq!(world.ask("DELETE CodeSystem/large", &[], "").status, 204);
    assert_eq!(world.get("CodeSystem/$lookup?system=http://large&code=7").status, 404);
}
