//! What becomes of SearchParameters, and what is refused.

use fhir::{Id, Resource, ResourceKey, ResourceType, Time};

use super::*;
use crate::limits::{EXPRESSION_BYTES_MAX, OWN_PARAMETERS_MAX};
use crate::vocabulary::Vocabulary;
use crate::{Context, Entries, Extractor, Handling, Reason, compile};

fn of(name: &str) -> ResourceType {
    ResourceType::parse(name).unwrap()
}

fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

/// A SearchParameter on Patient; `rest` are more members.
fn patient(code: &str, kind: &str, expression: &str, rest: &str) -> Resource {
    parameter(code, kind, "Patient", expression, rest)
}

fn parameter(code: &str, kind: &str, base: &str, expression: &str, rest: &str) -> Resource {
    let json = format!(
        r#"{{"resourceType":"SearchParameter","url":"http://x/{code}","name":"N","status":"active",
        "description":"d","code":"{code}","base":["{base}"],"type":"{kind}","expression":"{expression}"{rest}}}"#
    );
    Resource::parse(json.into_bytes()).unwrap()
}

fn add(set: &ParameterSet, name: &str, resource: &Resource) -> Result<ParameterSet, ParameterError> {
    set.changed(&id(name), Some(resource))
}

fn ready(set: &ParameterSet) -> ParameterSet {
    set.indexed(set.extraction(), &ResourceType::all().collect::<Vec<_>>())
}

fn eye() -> Resource {
    patient("eye", "token", "Patient.extension.where(url='http://x/eye').value", "")
}

#[test]
fn a_parameter_is_extracted_at_once_and_asked_when_ready() {
    let set = add(&ParameterSet::r4(), "p", &eye()).unwrap();
    let json =
        br#"{"resourceType":"Patient","id":"1","extension":[{"url":"http://x/eye","valueCode":"blue"}]}"#;
    let (resource, key) = (Resource::parse_slice(json).unwrap(), ResourceKey::parse("Patient/1").unwrap());
    let mut entries = Entries::new();
    Extractor::new("", &set).extract(&resource, &key, &mut entries).unwrap();
    let param = set.own()[0].param;
    assert_eq!((entries.of(param).count(), entries.extraction()), (1, 1));
    let ask = |set: &ParameterSet, name: &str| {
        let context = Context {
            of: of("Patient"),
            parameters: set,
            vocabulary: &Vocabulary::default(),
            base: "",
            now: Time(0),
            handling: Handling::Strict,
        };
        compile(&[(name, "blue")], &context).map_err(|mut errors| errors.remove(0).reason)
    };
    assert_eq!(ask(&set, "eye"), Err(Reason::Awaited("eye".to_owned())));
    assert_eq!(set.unsettled(), [of("Patient")]);
    let set = ready(&set);
    assert!(ask(&set, "eye").is_ok() && ask(&set, "_sort").is_err() && set.unsettled().is_empty());
    assert!(set.of(of("Patient")).any(|one| one.code == "eye"));
    assert!(set.named(of("Practitioner"), "eye").is_none());
}

#[test]
fn a_number_stands_for_one_meaning_until_its_rows_are_gone() {
    let first = ready(&add(&ParameterSet::r4(), "p", &eye()).unwrap());
    let again = add(&first, "p", &eye()).unwrap();
    assert_eq!((again.extraction(), again.own()[0].is_ready), (first.extraction(), true));
    let other = add(&again, "p", &patient("eye", "string", "Patient.name.text", "")).unwrap();
    assert!(other.own()[0].param != first.own()[0].param && !other.own()[0].is_ready);
    let gone = other.changed(&id("p"), None).unwrap();
    assert!(gone.own().is_empty() && gone.unsettled() == [of("Patient")]);
    let third = add(&gone, "q", &patient("third", "string", "Patient.name.text", "")).unwrap();
    assert_eq!(third.own()[0].param.0, ParamId::FIRST_CUSTOM + 2);
    let early = third.indexed(gone.extraction(), &[of("Patient")]);
    assert!(!early.own()[0].is_ready);
    assert_eq!(add(&early, "r", &eye()).unwrap().own()[1].param.0, ParamId::FIRST_CUSTOM);
}

#[test]
fn a_set_is_its_record() {
    let set = add(&ParameterSet::r4(), "p", &eye()).unwrap();
    let set =
        ready(&add(&set, "q", &patient("nick", "string", "Patient.name", r#","multipleOr":false"#)).unwrap());
    let set = set.changed(&id("p"), None).unwrap();
    assert_eq!(ParameterSet::of_record(&set.record()).unwrap(), set);
    let record = set.record();
    for cut in 0..record.len() {
        assert!(ParameterSet::of_record(&record[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn what_is_no_walk_along_names_is_evaluated() {
    let json = r##"{"resourceType":"Patient","id":"1","birthDate":"1980-05-06","active":true,
        "name":[{"use":"official","family":"Beck","given":["Ann","Bea"]},{"family":"Cole"}],
        "contained":[{"resourceType":"Organization","id":"o","name":"O"}],"managingOrganization":{"reference":"#o"},
        "generalPractitioner":[{"reference":"Practitioner/2"}],
        "extension":[{"url":"http://x/n","valueDecimal":1.50},{"url":"http://x/n","valueDecimal":2}]}"##;
    for (kind, expression, expected) in [
        ("string", "Patient.name.first().given", r#"String("Ann") String("Bea")"#),
        ("string", "Patient.name.where(use.empty()).family", r#"String("Cole")"#),
        ("string", "Patient.name.family.first() & '-' & Patient.name.given.first()", r#"String("Beck-Ann")"#),
        ("token", "Patient.name.count() > 1", r#"Token { system: None, code: Some("true") }"#),
        ("token", "Patient.name.given.substring(0, 1)", ""),
        (
            "token",
            "Patient.name.given.select($this.substring(0, 1))",
            r#"Token { system: None, code: Some("A") } Token { system: None, code: Some("B") }"#,
        ),
        (
            "number",
            "Patient.extension('http://x/n').value.ofType(decimal).aggregate($this + $total, 0)",
            "low: 3.5",
        ),
        ("date", "Patient.birthDate.where($this < @2000-01-01)", "Span"),
        ("date", "Patient.birthDate.where($this < @1970-01-01)", ""),
        (
            "reference",
            "Patient.generalPractitioner.where(reference.startsWith('Practitioner'))",
            "Practitioner",
        ),
        ("date", "Patient.name.first().family", ""),
    ] {
        let set = add(&ParameterSet::r4(), "p", &patient("own", kind, expression, "")).unwrap();
        let (resource, key) =
            (Resource::parse_slice(json.as_bytes()).unwrap(), ResourceKey::parse("Patient/1").unwrap());
        let mut entries = Entries::new();
        Extractor::new("", &set).extract(&resource, &key, &mut entries).unwrap();
        let found: Vec<String> = entries.of(set.own()[0].param).map(|value| format!("{value:?}")).collect();
        let found = found.join(" ");
        assert!(
            found == expected || !expected.is_empty() && found.contains(expected),
            "{expression}: {found}"
        );
    }
}

#[test]
fn an_expression_that_takes_too_much_work_keeps_a_resource_out() {
    let expression = "Patient.descendants().select(%resource.descendants().count()).count()";
    let set = add(&ParameterSet::r4(), "p", &patient("own", "number", expression, "")).unwrap();
    let names = vec![r#"{"family":"a","given":["b","c","d"]}"#; 2000].join(",");
    let json = format!(r#"{{"resourceType":"Patient","id":"1","name":[{names}]}}"#);
    let (resource, key) =
        (Resource::parse(json.into_bytes()).unwrap(), ResourceKey::parse("Patient/1").unwrap());
    let outcome = Extractor::new("", &set).extract(&resource, &key, &mut Entries::new());
    assert_eq!(outcome, Err(crate::ExtractError::TooMuchWork));
}

#[test]
fn what_cannot_be_served_is_refused_with_its_place() {
    let long = "x".repeat(EXPRESSION_BYTES_MAX);
    for (resource, at) in [
        (patient("name", "string", "Patient.contact.name", ""), "SearchParameter.code"),
        (patient("a:b", "string", "Patient.name", ""), "SearchParameter.code"),
        (patient("x", "special", "Patient.name", ""), "SearchParameter.type"),
        (patient("x", "string", "Patient.name.first() +", ""), "SearchParameter.expression"),
        (patient("x", "string", "Patient.name.first().frob()", ""), "SearchParameter.expression"),
        (patient("x", "date", "Patient.birthDate.where($this < today())", ""), "SearchParameter.expression"),
        (patient("x", "string", "Patient.frob", ""), "SearchParameter.expression"),
        (patient("x", "string", &long, ""), "SearchParameter.expression"),
        (patient("x", "date", "Patient.name", ""), "SearchParameter.expression"),
        (parameter("x", "string", "Frob", "Patient.name", ""), "SearchParameter.base"),
        (parameter("x", "string", "Observation", "Patient.name", ""), "SearchParameter.expression"),
        (patient("x", "string", "Patient.name", r#","xpathUsage":"phonetic""#), "SearchParameter.xpathUsage"),
        (patient("x", "reference", "Patient.link.other", r#","target":["Frob"]"#), "SearchParameter.target"),
        (patient("x", "composite", "Patient", ""), "SearchParameter.component"),
    ] {
        let error = add(&ParameterSet::r4(), "p", &resource).unwrap_err();
        assert_eq!(error.at, at, "{error}");
    }
    let set = add(&ParameterSet::r4(), "p", &eye()).unwrap();
    let clash = patient("eye", "string", "Patient.name", "");
    assert!(add(&set, "q", &clash).is_err() && add(&set, "p", &clash).is_ok());
    assert!(add(&set, "q", &parameter("eye", "string", "Person", "Person.name", "")).is_err(), "one address");
}

#[test]
fn what_r4_has_or_nobody_uses_adds_nothing() {
    let r4 = ParameterSet::r4();
    let same = patient("birthdate", "date", "Patient.birthDate", "");
    assert_eq!(add(&r4, "p", &same).unwrap(), r4);
    let retired = Resource::parse_slice(
        br#"{"resourceType":"SearchParameter","status":"retired","code":"x","type":"special"}"#,
    );
    assert_eq!(add(&r4, "p", &retired.unwrap()).unwrap(), r4);
}

#[test]
fn a_composite_keeps_its_parts() {
    let component = |url: &str, path: &str| format!(r#"{{"definition":"{url}","expression":"{path}"}}"#);
    let parts = format!(
        r#","component":[{},{}]"#,
        component("http://x/eye", "extension.where(url='http://x/eye').value"),
        component("http://hl7.org/fhir/SearchParameter/individual-gender", "gender")
    );
    let composite = patient("eye-gender", "composite", "Patient", &parts);
    assert!(add(&ParameterSet::r4(), "c", &composite).is_err());
    let set = add(&ParameterSet::r4(), "p", &eye()).unwrap();
    let set = add(&set, "c", &composite).unwrap();
    let error = set.changed(&id("p"), None).unwrap_err();
    assert_eq!(error.at, "SearchParameter.component[0].definition");
}

#[test]
fn the_number_of_parameters_is_limited() {
    let mut set = ParameterSet::r4();
    for at in 0..OWN_PARAMETERS_MAX {
        set =
            add(&set, &format!("p{at}"), &patient(&format!("c{at}"), "string", "Patient.name", "")).unwrap();
    }
    let one_more = patient("more", "string", "Patient.name", "");
    assert!(add(&set, "more", &one_more).unwrap_err().reason.contains("OWN_PARAMETERS_MAX"));
    assert!(add(&set, "p0", &one_more).is_ok());
}

#[test]
fn restrictions_are_kept() {
    let rest = r#","multipleOr":false,"multipleAnd":false,"modifier":["missing"],"comparator":["ge"]"#;
    let set =
        ready(&add(&ParameterSet::r4(), "p", &patient("met", "date", "Patient.birthDate", rest)).unwrap());
    let asked = |query: &[(&str, &str)]| {
        let context = Context {
            of: of("Patient"),
            parameters: &set,
            vocabulary: &Vocabulary::default(),
            base: "",
            now: Time(0),
            handling: Handling::Strict,
        };
        compile(query, &context).map_err(|mut errors| errors.remove(0).reason)
    };
    assert!(asked(&[("met", "ge2000")]).is_ok() && asked(&[("met:missing", "true")]).is_ok());
    for query in [&[("met", "2000,2001")][..], &[("met", "2000"), ("met", "2001")], &[("met", "lt2000")]] {
        assert!(matches!(asked(query), Err(Reason::Restricted(_))), "{query:?}");
    }
}

#[test]
fn what_an_older_release_extracted_waits_for_its_contents() {
    let older = ParameterSet::r4().of_older_release();
    assert!(!older.is_settled(ParamId::CONTAINED) && older.is_settled(ParamId::COMPARTMENT));
    assert!(ParameterSet::r4().is_settled(ParamId::CONTAINED));
    assert_eq!(older.extraction(), 1);
    let all: Vec<ResourceType> = ResourceType::all().collect();
    assert_eq!(older.unsettled(), all);
    assert!(!older.indexed(1, &all[1..]).is_settled(ParamId::CONTAINED));
    assert!(!older.indexed(0, &all).is_settled(ParamId::CONTAINED));
    assert!(older.indexed(1, &all).is_settled(ParamId::CONTAINED));
    assert!(older.indexed(1, &[of("List")]).is_settled(ParamId::LISTED));
    let read = |set: &ParameterSet, form: u8| {
        let mut record = set.record();
        record[0] = form;
        ParameterSet::of_record(&record)
    };
    assert_eq!(read(&ParameterSet::r4(), 1).as_ref(), Ok(&older));
    assert_eq!(read(&ParameterSet::r4(), 2), Ok(ParameterSet::r4()));
    assert_eq!(read(&older, 2).as_ref(), Ok(&older));
    assert_eq!(read(&older, 3), Err(RecordError));
    let context = Context {
        of: of("Patient"),
        parameters: &older,
        vocabulary: &Vocabulary::new(),
        base: "",
        now: Time(0),
        handling: Handling::Lenient,
    };
    for (name, value) in [("_contained", "true"), ("_list", "1")] {
        let error = compile(&[(name, value)], &context).unwrap_err().remove(0);
        assert_eq!(error.reason, Reason::Awaited(name.to_owned()));
    }
}

#[test]
fn created_at_can_be_asked_of_all_types_unless_older_resources_lack_it() {
    let [patient, basic] = ["Patient", "Basic"].map(of);
    let named = |set: &ParameterSet, of| set.named(of, "createdAt").map(|(param, _)| param);
    let r4 = ParameterSet::r4();
    assert!(ResourceType::all().all(|of| named(&r4, of) == Some(ParamId::CREATED)));
    let waiting = r4.awaiting_created(vec![patient]);
    let waiting = ParameterSet::of_record(&waiting.record()).unwrap();
    assert_eq!((named(&waiting, patient), named(&waiting, basic)), (None, Some(ParamId::CREATED)));
    assert!(waiting.is_awaited(patient, "createdAt") && !waiting.is_awaited(basic, "createdAt"));
    assert!(!waiting.of(patient).any(|one| one.code == "createdAt") && !waiting.is_settled(ParamId::CREATED));
    assert_eq!(waiting.unsettled(), [patient]);
    assert_eq!(named(&waiting.indexed(r4.extraction(), &[patient]), patient), None, "that began before");
    let done = waiting.indexed(waiting.extraction(), &[patient]);
    assert!(
        named(&done, patient).is_some() && done.is_settled(ParamId::CREATED) && done.unsettled().is_empty()
    );
    let own = add(&r4, "p", &self::patient("createdAt", "date", "Patient.birthDate", "")).unwrap_err();
    assert_eq!(own.at, "SearchParameter.code");
}

#[test]
fn when_a_resource_came_to_be_is_said_once() {
    let mut entries = Entries::new();
    for time in [1_999, 5_678] {
        entries.set_created(Time(time));
    }
    let found: Vec<_> = entries.iter().collect();
    let span = fhir::Span { from: Time(5_000), to: Time(5_001) };
    assert_eq!(found, [(ParamId::CREATED, crate::Value::Date(span))]);
}
