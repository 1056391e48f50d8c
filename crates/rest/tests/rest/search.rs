//! Search by GET and POST: what is found, how it is paged, what is refused.

use serde_json::{Value, json};

use crate::door::{Answer, PUBLIC, STORE, World};

fn base() -> String {
    format!("{PUBLIC}/datastore/{STORE}/r4/")
}

fn world() -> World {
    let world = World::open();
    let patients = [("a", "Ann", "1990-05-01"), ("b", "Bob", "1970-01-01"), ("c", "Cäcilie", "1990-07-01")];
    for (id, given, born) in patients {
        let patient = json!({"resourceType": "Patient", "id": id, "birthDate": born,
            "identifier": [{"system": "urn:mrn", "value": format!("mrn-{id}")}],
            "name": [{"given": [given], "family": "O'Hara, jr"}]});
        assert_eq!(world.put(&format!("Patient/{id}"), &patient).status, 201);
        world.clock.advance_ms(1000);
    }
    for (id, value) in [("o1", 5.4), ("o2", 6.1)] {
        let observation = json!({"resourceType": "Observation", "id": id, "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "15074-8"}]},
            "subject": {"reference": "Patient/a"}, "effectiveDateTime": "2020-01-02T03:04:05Z",
            "valueQuantity": {"value": value, "unit": "mmol/L", "system": "http://unitsofmeasure.org",
                "code": "mmol/L"}});
        assert_eq!(world.put(&format!("Observation/{id}"), &observation).status, 201);
    }
    world
}

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.entries("/resource/id")
}

/// All ids, following `next` to the end.
fn all_pages(world: &World, first: &str) -> Vec<Vec<String>> {
    let mut answer = world.get(first);
    let mut pages = vec![ids(&answer)];
    while let Some(next) = answer.link("next") {
        answer = world.get(&next);
        pages.push(ids(&answer));
    }
    pages
}

#[test]
fn a_searchset_holds_matches_with_their_addresses() {
    let world = world();
    let answer = world.get("Patient?given=ann");
    let json = answer.json();
    assert_eq!((&json["resourceType"], &json["type"]), (&json!("Bundle"), &json!("searchset")));
    assert_eq!(json["total"], 1);
    assert_eq!(answer.entries("/fullUrl"), [format!("{}Patient/a", base())]);
    assert_eq!(answer.entries("/search/mode"), ["match"]);
    assert_eq!(answer.entries("/resource/meta/versionId"), ["1"]);
    assert_eq!(json["entry"][0]["resource"], world.get("Patient/a").json());
    assert_eq!(answer.link("self"), Some(format!("{}Patient?given=ann", base())));
    let none = world.get("Patient?given=zoe").json();
    assert_eq!((none.get("entry"), &none["total"]), (None, &json!(0)));
}

#[test]
fn every_kind_of_parameter_finds_what_it_should() {
    let world = world();
    for (query, expected) in [
        ("Patient", vec!["a", "b", "c"]),
        ("Patient?_id=a,c", vec!["a", "c"]),
        ("Patient?given=CACILIE", vec!["c"]),
        ("Patient?birthdate=1990", vec!["a", "c"]),
        ("Patient?birthdate=ge1990-06", vec!["c"]),
        ("Patient?birthdate=1990&given=Ann", vec!["a"]),
        ("Patient?identifier=urn:mrn%7Cmrn-b", vec!["b"]),
        ("Patient?identifier=mrn-a,mrn-b", vec!["a", "b"]),
        ("Patient?family=o'hara%5C,", vec!["a", "b", "c"]),
        ("Patient?_lastUpdated=lt2026-11-23T00:00:01Z", vec!["a"]),
        ("Observation?subject=Patient/a", vec!["o1", "o2"]),
        ("Observation?subject=Patient/b", vec![]),
        ("Observation?patient=a&code=15074-8", vec!["o1", "o2"]),
        ("Observation?value-quantity=gt6%7Chttp://unitsofmeasure.org%7Cmmol/L", vec!["o2"]),
        ("Observation?code-value-quantity=http://loinc.org%7C15074-8%24lt6", vec!["o1"]),
        ("Observation?date=2020-01-02", vec!["o1", "o2"]),
    ] {
        assert_eq!(ids(&world.get(query)), expected, "{query}");
    }
}

#[test]
fn resources_are_found_by_when_they_came_to_be() {
    let world = World::open();
    let patient = |id: &str| json!({"resourceType": "Patient", "id": id});
    let put = |resource: Value| {
        let [of, id] = ["resourceType", "id"].map(|name| resource[name].as_str().unwrap());
        assert!(world.put(&format!("{of}/{id}"), &resource).status < 300);
        world.clock.advance_ms(1000);
    };
    // At seconds 0 to 4 and 456 microseconds.
    ["a", "b", "a"].iter().for_each(|id| put(patient(id)));
    put(json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
        "subject": {"reference": "Patient/b"}}));
    world.ask("DELETE Patient/b", &[], "");
    put(patient("b"));
    for (query, expected) in [
        ("Patient?createdAt=2026-11-23T00:00:00.000Z", vec!["a"]),
        ("Patient?createdAt=2026-11-23T00:00:00Z", vec!["a"]),
        ("Patient?createdAt=2026-11-23", vec!["a", "b"]),
        ("Patient?createdAt=ne2026-11-23T00:00:00Z", vec!["b"]),
        ("Patient?createdAt=gt2026-11-23T00:00:00Z", vec!["b"]),
        ("Patient?createdAt=ge2026-11-23T00:00:00Z", vec!["a", "b"]),
        ("Patient?createdAt=lt2026-11-23T00:00:04Z", vec!["a"]),
        ("Patient?createdAt=le2026-11-23T00:00:04Z", vec!["a", "b"]),
        ("Patient?createdAt=sa2026-11-23T00:00:00Z", vec!["b"]),
        ("Patient?createdAt=eb2026-11-23T00:00:04Z", vec!["a"]),
        ("Patient?createdAt=ap2026-11-23", vec!["a", "b"]),
        ("Patient?createdAt=2020,2026", vec!["a", "b"]),
        ("Patient?createdAt:missing=true", vec![]),
        ("Patient?_sort=createdAt", vec!["a", "b"]),
        ("Patient?_sort=-createdAt", vec!["b", "a"]),
        ("?_type=Patient,Observation&_sort=createdAt", vec!["a", "o", "b"]),
        ("Observation?patient.createdAt=gt2026-11-23T00:00:03Z", vec!["o"]),
        ("Patient?_filter=createdAt%20gt%202026-11-23T00:00:00Z", vec!["b"]),
    ] {
        assert_eq!(ids(&world.get(query)), expected, "{query}");
    }
    for query in ["Patient?createdAt=soon", "Patient?createdAt:exact=2020"] {
        assert_eq!(world.get(query).status, 400, "{query}");
    }
}

#[test]
fn a_search_by_form_is_the_search_by_url() {
    let world = world();
    let form = "birthdate=1990&_sort=-given&_count=10";
    let posted =
        world.ask("POST Patient/_search", &[("content-type", "application/x-www-form-urlencoded")], form);
    let got = world.get(&format!("Patient?{form}"));
    assert_eq!(posted.json(), got.json());
    assert_eq!(ids(&posted), ["c", "a"]);
    for label in ["application/fhir+json", "text/plain"] {
        let posted = world.ask("POST Patient/_search", &[("content-type", label)], form);
        assert_eq!(ids(&posted), ["c", "a"], "{label}");
    }
    let mixed = world.ask("POST Patient/_search?_sort=-given", &[], "birthdate=1990");
    assert_eq!(ids(&mixed), ["c", "a"]);
    assert_eq!(ids(&world.ask("POST Patient/_search", &[], "")), ["a", "b", "c"]);
}

#[test]
fn results_are_sorted_by_several_keys_and_both_ways() {
    let world = world();
    assert_eq!(ids(&world.get("Patient?_sort=birthdate")), ["b", "a", "c"]);
    assert_eq!(ids(&world.get("Patient?_sort=-birthdate")), ["c", "a", "b"]);
    assert_eq!(ids(&world.get("Patient?_sort=family,-_id")), ["c", "b", "a"]);
    assert_eq!(ids(&world.get("Patient?_sort=-_lastUpdated")), ["c", "b", "a"]);
}

#[test]
fn pages_give_every_match_once_and_next_is_a_get() {
    let world = world();
    for query in ["Patient?_count=1", "Patient?_count=1&_sort=-given", "Patient?_count=1&birthdate=lt2000"] {
        let pages = all_pages(&world, query);
        assert!(pages[..3].iter().all(|page| page.len() == 1), "{query}");
        let mut seen = pages.concat();
        seen.sort();
        assert_eq!(seen, ["a", "b", "c"], "{query}");
    }
    let posted = world.ask("POST Patient/_search", &[], "family=o'hara&_count=2");
    let next = posted.link("next").unwrap();
    assert!(next.starts_with(&format!("{}Patient?_count=2&page=", base())), "{next}");
    assert!(!next.contains("hara"), "a search may name a patient");
    let last = world.get(&next);
    assert_eq!((ids(&last), last.link("self"), last.link("next")), (vec!["c".to_owned()], Some(next), None));
}

#[test]
fn a_page_token_is_good_for_its_own_search_alone() {
    let world = world();
    let next = world.get("Patient?_count=1").link("next").unwrap();
    let changed = |from: &str, to: &str| next.replacen(from, to, 1);
    for wrong in [
        changed("_count=1", "_count=2"),
        changed("Patient", "Observation"),
        changed("page=", "page=A"),
        format!("{}Patient?page=", base()),
        format!("{}Patient?page=AAAA", base()),
    ] {
        let answer = world.get(&wrong);
        assert_eq!((answer.status, &*answer.diagnostics()), (400, "Invalid pagination token."), "{wrong}");
    }
    assert_eq!(world.get(&format!("{next}&given=Ann")).refusal(), (400, "invalid".into()));
    assert_eq!(world.get(&changed("_count=1&", "")).status, 200);
    let other = "1".repeat(32);
    world.datastore(&other, |_| {});
    assert_eq!(world.get(&changed(STORE, &other)).diagnostics(), "Invalid pagination token.");
}

#[test]
fn a_page_goes_on_where_it_stopped_whatever_is_written_in_between() {
    let world = world();
    let first = world.get("Patient?_count=2");
    assert_eq!(ids(&first), ["a", "b"]);
    assert_eq!(world.ask("DELETE Patient/b", &[], "").status, 204);
    world.put("Patient/d", &json!({"resourceType": "Patient", "id": "d"}));
    let second = ids(&world.get(&first.link("next").unwrap()));
    assert_eq!(second[0], "c", "{second:?}");
    assert!(!second.contains(&"a".to_owned()) && !second.contains(&"b".to_owned()), "{second:?}");
}

#[test]
fn a_total_is_told_when_asked_or_when_it_is_known_anyway() {
    let world = world();
    let total = |query: &str| world.get(&format!("Patient?{query}")).json().get("total").cloned();
    assert_eq!(total("_count=1"), None);
    assert_eq!(total("_count=1&_total=none"), None);
    assert_eq!(total("_count=1&_total=accurate"), Some(json!(3)));
    assert_eq!(total("_count=3"), Some(json!(3)));
    assert_eq!(world.get("Patient?_total=many").refusal(), (400, "invalid".into()));
}

#[test]
fn an_unknown_parameter_is_named_with_the_nearest_known() {
    let world = world();
    let answer = world.get("Patient?brithdate=1990&giben=Ann");
    assert_eq!(answer.status, 400);
    let json = answer.json();
    let text = |at: usize| json["issue"][at]["diagnostics"].as_str().unwrap_or_default().to_owned();
    assert!(text(0).contains("'brithdate'") && text(0).contains("birthdate"), "{}", text(0));
    assert!(text(1).contains("'giben'") && text(1).contains("given"), "{}", text(1));
}

#[test]
fn a_lenient_search_leaves_out_what_is_unknown_and_says_so() {
    let world = world();
    let lenient =
        |query: &str| world.ask(&format!("GET Patient?{query}"), &[("prefer", "handling=lenient")], "");
    let answer = lenient("giben=Bob&given=Ann&given=&_include=Patient:lynk");
    assert_eq!(ids(&answer), ["a"]);
    assert_eq!(answer.link("self"), Some(format!("{}Patient?given=Ann", base())));
    let paged = lenient("foo=1&_count=2");
    assert_eq!(paged.link("self"), Some(format!("{}Patient?_count=2", base())));
    assert_eq!(ids(&world.get(&paged.link("next").unwrap())), ["c"]);
    assert_eq!(lenient("_count=5000").link("self"), Some(format!("{}Patient?_count=100", base())));
    assert_eq!(lenient("birthdate=yesterday").refusal(), (400, "invalid".into()));
    assert_eq!(lenient("given:sounds=Ann").status, 400, "leaving out a modifier would change what is asked");
}

#[test]
fn a_count_is_within_its_limits() {
    let world = world();
    for (count, status) in [("1", 200), ("100", 200), ("101", 400), ("0", 200), ("-1", 400), ("x", 400)] {
        assert_eq!(world.get(&format!("Patient?_count={count}")).status, status, "{count}");
    }
    for at in 0..101 {
        world.put(
            &format!("Basic/{at}"),
            &json!({"resourceType": "Basic", "id": at.to_string(), "code": {"text": "x"}}),
        );
    }
    let lengths: Vec<usize> = all_pages(&world, "Basic").iter().map(Vec::len).collect();
    assert_eq!(lengths, [100, 1]);
}

#[test]
fn deleted_resources_are_not_found_and_updated_ones_as_they_are_now() {
    let world = world();
    world.ask("DELETE Patient/a", &[], "");
    world.put("Patient/b", &json!({"resourceType": "Patient", "id": "b", "name": [{"given": ["Bea"]}]}));
    assert_eq!(ids(&world.get("Patient?given=ann")), Vec::<String>::new());
    assert_eq!(ids(&world.get("Patient?given=bob")), Vec::<String>::new());
    assert_eq!(ids(&world.get("Patient?given=bea")), ["b"]);
}

#[test]
fn what_was_typed_comes_back_in_the_self_link_readable_by_a_url_parser() {
    let world = world();
    let answer = world.get("Patient?given:exact=A%26B%20%2B%3D%23&identifier=urn:mrn%7Cx%2Cy");
    let expected = "Patient?given:exact=A%26B%20%2B%3D%23&identifier=urn:mrn%7Cx,y";
    assert_eq!(answer.link("self"), Some(format!("{}{expected}", base())));
}

#[test]
fn every_search_parameter_that_is_claimed_is_understood() {
    let world = World::open();
    let statement = world.get("metadata").json();
    let mut claims = 0;
    for resource in statement["rest"][0]["resource"].as_array().unwrap() {
        let of = resource["type"].as_str().unwrap();
        for parameter in resource["searchParam"].as_array().unwrap() {
            let name = parameter["name"].as_str().unwrap();
            let value = match parameter["type"].as_str().unwrap() {
                "number" | "quantity" => "1",
                "date" => "2020",
                "composite" => continue,
                "special" => "1%7C2",
                _ => "x",
            };
            claims += 1;
            let answer = world.get(&format!("{of}?{name}={value}"));
            assert_eq!(answer.status, 200, "{of}?{name}={value}: {}", answer.diagnostics());
        }
    }
    assert!(claims > 1500, "{claims}");
}

#[test]
fn the_types_that_are_claimed_have_their_common_parameters() {
    let statement = World::open().get("metadata").json();
    for resource in statement["rest"][0]["resource"].as_array().unwrap() {
        let names: Vec<&Value> =
            resource["searchParam"].as_array().unwrap().iter().map(|parameter| &parameter["name"]).collect();
        for common in ["_id", "_lastUpdated", "createdAt", "_tag", "_profile", "_security", "_source"] {
            assert!(names.contains(&&json!(common)), "{}: {common}", resource["type"]);
        }
        assert!(names.contains(&&json!("_content")));
    }
}

#[test]
fn hierarchies_of_resources_are_asked() {
    let world = World::open();
    for (id, whole) in [("house", None), ("floor", Some("house")), ("ward", Some("floor"))] {
        let mut location = json!({"resourceType": "Location", "id": id, "name": id});
        if let Some(whole) = whole {
            location["partOf"] = json!({"reference": format!("Location/{whole}")});
        }
        assert_eq!(world.put(&format!("Location/{id}"), &location).status, 201);
        let encounter = json!({"resourceType": "Encounter", "id": id, "status": "finished",
            "class": {"code": "IMP"}, "subject": {"reference": "Patient/1"},
            "location": [{"location": {"reference": format!("Location/{id}")}}]});
        assert_eq!(world.put(&format!("Encounter/{id}"), &encounter).status, 201);
    }
    for (query, expected) in [
        ("Encounter?location:below=Location/floor", vec!["floor", "ward"]),
        ("Encounter?location:above=floor", vec!["house", "floor"]),
        ("Encounter?location.partof:below=house", vec!["floor", "ward"]),
        ("Encounter?_filter=location%20ss%20floor", vec!["floor", "ward"]),
        ("Patient/1/Encounter?location:below=floor", vec!["floor", "ward"]),
        ("Location?_has:Encounter:location:location:below=floor", vec!["floor", "ward"]),
        ("Location?partof:above=ward", vec!["floor", "ward"]),
    ] {
        assert_eq!(ids(&world.get(query)), expected, "{query}");
    }
    let deleted = world.ask("DELETE Encounter?location:below=ward", &[], "");
    assert_eq!(
        (deleted.status, ids(&world.get("Encounter?location:below=floor"))),
        (204, vec!["floor".into()])
    );
}

#[test]
fn value_sets_of_the_data_store_are_asked() {
    let world = World::open();
    let system = json!({"resourceType": "CodeSystem", "id": "s", "url": "http://s", "status": "active",
        "content": "complete", "concept": [{"code": "animal", "concept": [{"code": "dog"}]}, {"code": "oak"}]});
    let set = json!({"resourceType": "ValueSet", "id": "v", "url": "http://v", "version": "2", "status": "active",
        "compose": {"include": [{"system": "http://s",
            "filter": [{"property": "concept", "op": "is-a", "value": "animal"}]}]}});
    assert_eq!(world.put("CodeSystem/s", &system).status, 201);
    assert_eq!(world.put("ValueSet/v", &set).status, 201);
    for code in ["animal", "dog", "oak"] {
        let observation = json!({"resourceType": "Observation", "id": code, "status": "final",
            "code": {"coding": [{"system": "http://s", "code": code}]}});
        assert_eq!(world.put(&format!("Observation/{code}"), &observation).status, 201);
    }
    for (query, expected) in [
        ("code:in=http://v", vec!["animal", "dog"]),
        ("code:in=http://v%7C2", vec!["animal", "dog"]),
        ("code:in=ValueSet/v", vec!["animal", "dog"]),
        ("code:not-in=ValueSet/v", vec!["oak"]),
        ("code:below=http://s%7Canimal", vec!["animal", "dog"]),
        ("code:above=http://s%7Cdog", vec!["animal", "dog"]),
        ("_filter=code%20in%20http://v%20and%20not(code%20eq%20dog)", vec!["animal"]),
    ] {
        assert_eq!(ids(&world.get(&format!("Observation?{query}"))), expected, "{query}");
    }
    for unknown in ["code:in=http://v%7C3", "code:in=ValueSet/w", "code:below=http://t%7Cx"] {
        assert_eq!(
            world.get(&format!("Observation?{unknown}")).refusal(),
            (400, "not-found".to_owned()),
            "{unknown}"
        );
    }
}
