//! What chains, `_has`, `_list` and includes mean, and searches of several types.

use fhir::{Id, ResourceType, Time};

use super::*;
use crate::limits::{CHAIN_DEPTH_MAX, CHAIN_LINKS_MAX, INCLUDES_MAX};
use crate::{Hierarchy, Link, ReferenceTest, SortKey, Test};

fn of(name: &str) -> ResourceType {
    ResourceType::parse(name).unwrap()
}

fn within(scope: &SearchScope, query: &[(&str, &str)]) -> Result<Compiled, Vec<SearchError>> {
    let parameters = ParameterSet::r4();
    let context = Context {
        of: of("Patient"),
        parameters: &parameters,
        vocabulary: &crate::Vocabulary::new(),
        base: "https://tarn.example/r4/",
        now: Time(0),
        handling: Handling::Strict,
    };
    compile_within(query, scope, &context)
}

fn ask(name: &str, parameter: &str, value: &str) -> Result<Compiled, SearchError> {
    let found = within(&SearchScope::Type(of(name)), &[(parameter, value)]);
    found.map_err(|mut errors| errors.remove(0))
}

fn filter(name: &str, parameter: &str, value: &str) -> Filter {
    ask(name, parameter, value).unwrap().filter_of(of(name))
}

/// A filter in short: `subject>Patient(…)`, `<Observation.patient(…)`, a parameter's code for a test; without what
/// chains ask of contained resources.
fn short(filter: &Filter) -> String {
    let code = |param: &ParamId| match *param {
        ParamId::LISTED => "entry".to_owned(),
        param => ParameterSet::r4().code(param).unwrap().to_owned(),
    };
    let all = |filters: &[Filter], between| {
        let all: Vec<String> = filters.iter().map(short).filter(|one| !one.is_empty()).collect();
        all.join(between)
    };
    match filter {
        Filter::Refers { param, of, filter } => format!("{}>{of}({})", code(param), short(filter)),
        Filter::ReferredBy { by, param, filter } => format!("<{by}.{}({})", code(param), short(filter)),
        Filter::Has(ParamId::CONTAINED, _) | Filter::Contains(_) => String::new(),
        Filter::Has(param, _) => code(param),
        Filter::Missing(param) => format!("no {}", code(param)),
        Filter::Not(filter) => format!("not {}", short(filter)),
        Filter::Ids(ids) => ids.iter().map(Id::as_str).collect::<Vec<_>>().join(","),
        Filter::Or(filters) => all(filters, " | "),
        Filter::And(filters) => all(filters, " & "),
        Filter::Updated(..) => "updated".to_owned(),
        Filter::RefersWithin { param, hierarchy } => {
            let way = if hierarchy.direction == Direction::Below { "/" } else { "\\" };
            let Hierarchy { of, parent, root, .. } = &**hierarchy;
            let root = match root {
                ReferenceTest::Key(key) => key.id.to_string(),
                ReferenceTest::Id(text) | ReferenceTest::Url(text) => text.to_string(),
                other => format!("{other:?}"),
            };
            format!("{}{way}{of}.{}({root})", code(param), code(parent))
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn a_chain_leads_to_what_it_asks() {
    for (name, parameter, value, expected) in [
        ("Observation", "subject:Patient.name", "x", "subject>Patient(name)"),
        ("Observation", "patient.name", "x", "patient>Patient(name)"),
        ("Observation", "patient.name:exact", "x,y", "patient>Patient(name | name)"),
        ("Observation", "patient.gender:not", "male", "patient>Patient(not gender)"),
        ("Observation", "patient.deceased:missing", "true", "patient>Patient(no deceased)"),
        ("Observation", "patient._id", "a,b", "patient>Patient(a,b)"),
        ("Observation", "patient._lastUpdated", "2020", "patient>Patient(updated)"),
        ("Observation", "patient.identifier", "s|x", "patient>Patient(identifier)"),
        ("Observation", "subject.birthdate", "2000", "subject>Patient(birthdate)"),
        (
            "Observation",
            "subject.identifier",
            "x",
            "subject>Device(identifier) | subject>Group(identifier) | subject>Location(identifier) | \
             subject>Patient(identifier)",
        ),
        (
            "DiagnosticReport",
            "result.subject:Patient.organization.name",
            "x",
            "result>Observation(subject>Patient(organization>Organization(name)))",
        ),
        ("Observation", "patient._has:Group:member:_id", "g", "patient>Patient(<Group.member(g))"),
        ("Observation", "patient._list", "l", "patient>Patient(<List.entry(l))"),
    ] {
        assert_eq!(short(&filter(name, parameter, value)), expected, "{parameter}");
    }
}

#[test]
fn a_chain_goes_on_inside_contained_resources_but_never_back_to_them() {
    let inside = |parameter, value| match filter("Observation", parameter, value) {
        Filter::Or(filters) => filters.into_iter().find_map(|one| match one {
            Filter::And(filters) => filters.into_iter().find_map(|one| match one {
                Filter::Contains(contained) => Some(contained.types),
                _ => None,
            }),
            _ => None,
        }),
        _ => None,
    };
    let short = |types: Vec<(ResourceType, Filter)>| {
        let all = types.iter().map(|(of, filter)| format!("{of}({})", short(filter)));
        all.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(inside("patient.name", "x").map(short).as_deref(), Some("Patient(name)"));
    let all = "Device(identifier) Group(identifier) Location(identifier) Patient(identifier)";
    assert_eq!(inside("subject.identifier", "x").map(short).as_deref(), Some(all));
    let further = inside("patient.organization.name", "x").map(short);
    assert_eq!(further.as_deref(), Some("Patient(organization>Organization(name))"));
    assert_eq!(inside("patient._has:Group:member:_id", "g"), None);
    assert_eq!(inside("patient._list", "l"), None);
    assert_eq!(inside("code", "x"), None);
}

#[test]
fn has_leads_back_and_may_be_nested_and_mixed() {
    for (name, parameter, expected) in [
        ("Patient", "_has:Observation:patient:code", "<Observation.patient(code)"),
        ("Patient", "_has:Observation:subject:code:not", "<Observation.subject(not code)"),
        (
            "Patient",
            "_has:Observation:patient:_has:AuditEvent:entity:agent-name",
            "<Observation.patient(<AuditEvent.entity(agent-name))",
        ),
        (
            "Practitioner",
            "_has:Patient:general-practitioner:_has:Observation:patient:performer:Organization.name",
            "<Patient.general-practitioner(<Observation.patient(performer>Organization(name)))",
        ),
        ("Patient", "_has:Group:member:_id", "<Group.member(x)"),
    ] {
        assert_eq!(short(&filter(name, parameter, "x")), expected, "{parameter}");
    }
    assert_eq!(short(&filter("Patient", "_list", "a,List/b")), "<List.entry(a,b)");
}

#[test]
fn a_reference_may_lead_into_a_hierarchy() {
    for (name, parameter, value, expected) in [
        ("Procedure", "location:below", "Location/42", "location/Location.partof(42)"),
        ("Procedure", "location:below", "42", "location/Location.partof(42)"),
        (
            "Procedure",
            "location:below",
            "https://tarn.example/r4/Location/42",
            "location/Location.partof(42)",
        ),
        (
            "Procedure",
            "location:below",
            "http://a/Location/4",
            "location/Location.partof(http://a/Location/4)",
        ),
        ("Location", "partof:above", "42", "partof\\Location.partof(42)"),
        ("MedicationAdministration", "context:above", "Encounter/21", "context\\Encounter.part-of(21)"),
        ("MedicationAdministration", "context:below", "21", "context/Encounter.part-of(21)"),
        ("CarePlan", "replaces:below", "1", "replaces/CarePlan.replaces(1)"),
        ("Task", "part-of:below", "1", "part-of/Task.part-of(1)"),
        ("Observation", "subject:below", "Patient/1", "subject"),
        ("Observation", "subject:below", "1", "subject/Location.partof(1)"),
        ("Procedure", "location:below", "1,2", "location/Location.partof(1) | location/Location.partof(2)"),
        (
            "Observation",
            "patient.organization:below",
            "1",
            "patient>Patient(organization/Organization.partof(1))",
        ),
        (
            "Location",
            "_has:Encounter:location:location:below",
            "1",
            "<Encounter.location(location/Location.partof(1))",
        ),
        ("Procedure", "_filter", "location ss 42", "location/Location.partof(42)"),
        ("Procedure", "_filter", "location.partof sb 42", "location>Location(partof\\Location.partof(42))"),
        ("QuestionnaireResponse", "questionnaire:below", "http://q", "questionnaire"),
        ("QuestionnaireResponse", "questionnaire:below", "http://q|1.0", "questionnaire"),
    ] {
        assert_eq!(short(&filter(name, parameter, value)), expected, "{parameter}={value}");
    }
    let versions = filter("QuestionnaireResponse", "questionnaire:below", "http://q|1.0");
    assert!(
        matches!(versions, Filter::Has(_, Test::Reference(ReferenceTest::UrlVersions(_)))),
        "{versions:?}"
    );
}

#[test]
fn a_reference_without_a_hierarchy_says_what_it_has() {
    let has = |name, parameter| match ask(name, parameter, "1").unwrap_err().reason {
        Reason::Modifier { has, .. } => has,
        other => panic!("{other:?}"),
    };
    assert_eq!(has("Observation", "patient:below"), ["missing", "identifier", "Patient"]);
    assert_eq!(
        has("QuestionnaireResponse", "questionnaire:above"),
        ["missing", "identifier", "below", "Questionnaire"]
    );
    assert!(has("Procedure", "location:nonsense").contains(&"above"));
    let version = ask("Procedure", "location:below", "Location/1/_history/2").unwrap_err();
    assert!(matches!(version.reason, Reason::Value(_)));
}

#[test]
fn a_chain_is_limited_in_depth() {
    let chain = |links: usize| format!("{}name", "link:Patient.".repeat(links));
    assert!(ask("Patient", &chain(CHAIN_DEPTH_MAX), "x").is_ok());
    let error = ask("Patient", &chain(CHAIN_DEPTH_MAX + 1), "x").unwrap_err();
    assert_eq!(error.reason, Reason::Limit("CHAIN_DEPTH_MAX", CHAIN_DEPTH_MAX));
    let has = |links: usize| format!("{}name", "_has:Patient:link:".repeat(links));
    assert!(ask("Patient", &has(CHAIN_DEPTH_MAX), "x").is_ok());
    assert!(ask("Patient", &has(CHAIN_DEPTH_MAX + 1), "x").is_err());
}

#[test]
fn a_chain_that_may_lead_everywhere_is_limited_in_number() {
    let chain = |links: usize| format!("{}_id", "focus.".repeat(links));
    assert!(ask("Task", &chain(1), "x").is_ok() && ask("Task", &chain(2), "x").is_ok());
    let error = ask("Task", &chain(CHAIN_DEPTH_MAX), "x").unwrap_err();
    assert_eq!(error.reason, Reason::Limit("CHAIN_LINKS_MAX", CHAIN_LINKS_MAX));
    let parts = vec![("focus._id", "x"); CHAIN_LINKS_MAX / ResourceType::all().count()];
    let task = SearchScope::Type(of("Task"));
    assert!(within(&task, &parts).is_ok());
    let one_more = [parts, vec![("focus._id", "x")]].concat();
    assert!(within(&task, &one_more).is_err(), "the links of all chains count");
}

#[test]
fn an_error_of_a_chain_repeats_no_value() {
    let error = ask("Observation", "subject:Patient.birthdate", "secret-marker").unwrap_err();
    assert!(!error.to_string().contains("secret-marker"), "{error}");
}

fn links(name: &str, parameter: &str, value: &str) -> Vec<String> {
    let code = |param: ParamId| ParameterSet::r4().code(param).unwrap().to_owned();
    let named = |of: Option<ResourceType>| of.map_or("*", ResourceType::name);
    let one = |include: Include| {
        let again = if include.iterate { "+" } else { "" };
        match include.link {
            Link::Forward { from, param, target } => {
                format!("{again}{}.{}>{}", named(from), param.map_or("*".into(), code), named(target))
            }
            Link::Reverse { by, param, target } => format!("{again}{}<{by}.{}", named(target), code(param)),
        }
    };
    ask(name, parameter, value).unwrap().include.into_iter().map(one).collect()
}

#[test]
fn includes_have_many_forms() {
    for (parameter, value, expected) in [
        ("_include", "Observation:patient", "Observation.patient>*"),
        ("_include", "Observation:subject:Group", "Observation.subject>Group"),
        ("_include", "Observation:*", "Observation.*>*"),
        ("_include", "Observation:*:Patient", "Observation.*>Patient"),
        ("_include", "*", "*.*>*"),
        ("_include:iterate", "Patient:link", "+Patient.link>*"),
        ("_include:recurse", "Patient:link", "+Patient.link>*"),
        ("_revinclude", "Provenance:target", "*<Provenance.target"),
        ("_revinclude", "Provenance:target:Observation", "Observation<Provenance.target"),
        ("_revinclude:iterate", "Provenance:target", "+*<Provenance.target"),
    ] {
        assert_eq!(links("Observation", parameter, value), [expected], "{parameter}={value}");
    }
    let two = links("Observation", "_include", "Observation:patient,Observation:device");
    assert_eq!(two, ["Observation.patient>*", "Observation.device>*"]);
}

#[test]
fn a_wildcard_back_means_every_reference_that_may_lead_here() {
    let back = links("Patient", "_revinclude", "Observation:*");
    let has = |all: &[String], link: &str| all.iter().any(|other| other == link);
    assert!(has(&back, "*<Observation.patient") && has(&back, "*<Observation.subject"), "{back:?}");
    assert!(!has(&back, "*<Observation.encounter") && !has(&back, "*<Observation.specimen"), "{back:?}");
    for any in ["*", "*:*"] {
        let all = links("Patient", "_revinclude", any);
        assert!(has(&all, "*<Encounter.patient") && !has(&all, "*<Encounter.appointment"), "{all:?}");
    }
    let again = links("Patient", "_revinclude:iterate", "*");
    assert!(again.len() < INCLUDES_MAX && has(&again, "+*<Encounter.appointment"), "{}", again.len());
}

#[test]
fn a_search_of_several_types_asks_each_for_itself() {
    let query = [("_type", "Observation,Condition,Group"), ("_sort", "-code,_type"), ("code", "x")];
    let found = within(&SearchScope::System, &query).unwrap();
    let types: Vec<&str> = found.types.iter().map(|(of, _)| of.name()).collect();
    assert_eq!(types, ["Condition", "Group", "Observation"]);
    assert!(found.types.iter().all(|(_, filter)| short(filter) == "code"));
    assert!(found.sort[0].descending && found.sort[1].by == SortKey::Type);
    let scope = SearchScope::Compartment { of: of("Patient"), id: Id::parse("1").unwrap(), inner: None };
    let found = within(&scope, &[("_type", "Patient,Condition,Medication"), ("_id", "1")]).unwrap();
    let types: Vec<&str> = found.types.iter().map(|(of, _)| of.name()).collect();
    assert_eq!(types, ["Condition", "Patient"]);
    assert!(found.types.iter().all(|(_, filter)| matches!(filter, Filter::And(all) if all.len() == 2)));
    let system = within(&SearchScope::System, &[("_lastUpdated", "gt2020"), ("_tag", "x")]).unwrap();
    assert_eq!(system.types.len(), ResourceType::all().count());
    assert!(within(&SearchScope::System, &[("code", "x")]).is_err());
}
