//! `docs/parity.md` says of FHIR what the door does: every feature once, and each claim tried.

use std::collections::BTreeMap;

use crate::door::World;

const PARITY: &str = include_str!("../../../../docs/parity.md");

/// What is tried: a request, with a header where the feature is one.
type Try = (&'static str, Option<(&'static str, &'static str)>);

const PATCH: Option<(&str, &str)> = Some(("content-type", "application/json-patch+json"));

/// Features that are there, with requests that succeed (any status below 400). Those without a request are
/// held by a test of their own.
const THERE: &[(&str, &[Try])] = &[
    ("capabilities", &[("GET metadata", None)]),
    ("create", &[("POST Patient", None)]),
    ("read", &[("GET Patient/1", None)]),
    ("conditional read", &[("GET Patient/1", Some(("if-none-match", "W/\"1\"")))]),
    ("vread", &[("GET Patient/1/_history/1", None)]),
    ("history of an instance", &[("GET Patient/1/_history?_count=2&_since=2020", None)]),
    ("history of a type", &[("GET Patient/_history?_count=2&_since=2020", None)]),
    ("history of the system", &[("GET _history?_at=2027", None)]),
    ("update", &[("PUT Patient/1", None)]),
    ("version conditions on writes", &[("PUT Patient/1", Some(("if-match", "*")))]),
    ("patch", &[("PATCH Patient/1", PATCH), ("PATCH Patient?_id=1", PATCH)]),
    ("delete", &[("DELETE Patient/none", None)]),
    ("conditional create", &[("POST Patient", Some(("if-none-exist", "identifier=1")))]),
    ("conditional update", &[("PUT Patient?_id=1", None)]),
    ("conditional delete", &[("DELETE Patient?_id=1", None), ("DELETE Patient?identifier=1&_count=2", None)]),
    ("$meta", &[("GET Patient/1/$meta", None), ("GET Patient/$meta", None), ("GET $meta", None)]),
    ("$meta-add and $meta-delete", &[]),
    (
        "$everything",
        &[
            ("GET Patient/1/$everything?_type=Patient&_count=1&_since=2020", None),
            ("GET Patient/1/$everything?start=2020&end=2021&since=2020", None),
        ],
    ),
    ("$bulk-delete", &[("POST Basic/$bulk-delete?isHardDelete=true", None)]),
    ("$purge", &[("POST Patient/1/$purge?deleteAuditEvent=true&start=2020", None)]),
    ("$erase", &[("POST Patient/1/$erase", None)]),
    (
        "$reindex",
        &[("POST $reindex", None), ("POST Patient/$reindex", None), ("POST Patient/1/$reindex", None)],
    ),
    ("$validate", &[("POST Patient/1/$validate", None), ("GET Patient/1/$validate", None)]),
    ("custom search parameters", &[]),
    ("$document", &[("GET Composition/1/$document", None), ("POST Composition/1/$document", None)]),
    ("terminology capabilities", &[("GET metadata?mode=terminology", None)]),
    (
        "$expand",
        &[
            (
                "GET ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender&filter=a&count=1&offset=1",
                None,
            ),
            (
                "POST ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender&activeOnly=true",
                None,
            ),
        ],
    ),
    (
        "$lookup",
        &[("GET CodeSystem/$lookup?system=http://hl7.org/fhir/administrative-gender&code=male", None)],
    ),
    (
        "$validate-code",
        &[
            ("GET CodeSystem/$validate-code?url=http://hl7.org/fhir/administrative-gender&code=male", None),
            (
                "GET ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/administrative-gender\
                 &system=http://hl7.org/fhir/administrative-gender&code=male",
                None,
            ),
        ],
    ),
    (
        "$subsumes",
        &[(
            "GET CodeSystem/$subsumes?system=http://terminology.hl7.org/CodeSystem/v3-RoleCode&codeA=MTH&codeB=NMTH",
            None,
        )],
    ),
    ("$translate", &[]),
    (
        "idempotency key",
        &[("POST Patient", Some(("x-amz-fhir-idempotency-key", "0b2c3d4e-0000-4000-8000-000000000000")))],
    ),
    (
        "validation level minimal",
        &[("POST Patient", Some(("x-amzn-healthlake-fhir-validation-level", "minimal")))],
    ),
    ("resource types", &[("GET SubstanceNucleicAcid", None)]),
    ("batch and transaction", &[]),
    ("asynchronous transaction", &[]),
    ("AuditEvent", &[("GET AuditEvent", None)]),
    ("validation", &[("POST Patient", Some(("x-amzn-healthlake-fhir-validation-level", "strict")))]),
    (
        "history consistency level",
        &[("PUT Patient/1", Some(("x-amz-fhir-history-consistency-level", "strong")))],
    ),
    ("packages", &[]),
    ("size of a body", &[]),
    ("Prefer: return", &[("PUT Patient/1", Some(("prefer", "return=minimal")))]),
    ("JSON", &[("GET Patient/1?_format=json", None), ("GET Patient/1", Some(("accept", "text/json")))]),
    (
        "XML",
        &[("GET Patient/1?_format=xml", None), ("GET Patient/1", Some(("accept", "application/fhir+xml")))],
    ),
    (
        "OPTIONS and CORS",
        &[("OPTIONS Patient", None), ("GET Patient", Some(("origin", crate::door::ORIGIN)))],
    ),
    ("explain", &[("GET Patient?_explain=true", None), ("GET Patient", Some(("x-tarn-explain", "true")))]),
    ("gzip", &[("GET metadata", Some(("accept-encoding", "gzip")))]),
    ("caches", &[("GET Patient/1", None)]),
    (
        "_summary and _elements",
        &[
            ("GET Patient/1?_summary=true", None),
            ("GET Patient?_summary=text", None),
            ("GET Patient?_summary=data", None),
            ("GET Patient?_summary=false", None),
            ("GET Patient?_elements=name", None),
        ],
    ),
    (
        "$export",
        &[
            ("GET $export", Some(("prefer", "respond-async"))),
            ("POST $export", Some(("prefer", "respond-async"))),
            ("GET Patient/$export?_type=Patient", None),
        ],
    ),
    ("HEAD", &[("HEAD Patient/1", None)]),
    ("doubled slashes", &[("GET /Patient//1", None)]),
    ("signatures on requests", &[]),
    ("unknown data store", &[]),
    ("data store that is not ACTIVE", &[]),
    ("search by GET", &[("GET Patient", None)]),
    ("search by POST", &[("POST Patient/_search", None)]),
    (
        "search across types",
        &[("GET ", None), ("GET ?_id=1&_type=Patient,Observation", None), ("POST _search", None)],
    ),
    (
        "search in a compartment",
        &[
            ("GET Patient/1/Observation?code=1", None),
            ("GET Patient/1/*", None),
            ("POST Patient/1/Observation/_search", None),
            ("POST Patient/1/_search", None),
        ],
    ),
    (
        "parameters of every kind",
        &[
            ("GET RiskAssessment?probability=0.5", None),
            ("GET Patient?birthdate=2000", None),
            ("GET Patient?name=a", None),
            ("GET Patient?gender=male", None),
            ("GET Patient?general-practitioner=Practitioner/1", None),
            ("GET Observation?code-value-quantity=a$1", None),
            ("GET Observation?value-quantity=1", None),
            ("GET ValueSet?url=http://a", None),
            ("GET Bundle?type=document", None),
        ],
    ),
    (
        "common parameters",
        &[(
            "GET Basic?_id=1&_lastUpdated=gt2020&createdAt=gt2020&_tag=a&_profile=http://a&_security=a&_source=http://a",
            None,
        )],
    ),
    ("createdAt", &[("GET Patient?createdAt=gt2020&_sort=-createdAt", None)]),
    (
        "comparison prefixes",
        &[
            ("GET Observation?date=eq2020&date=ne2020&date=gt2020&date=lt2020&date=ge2020&date=le2020", None),
            ("GET Observation?date=sa2020&date=eb2020&date=ap2020", None),
        ],
    ),
    ("string comparison", &[]),
    ("quantities", &[("GET Observation?value-quantity=1%7Chttp://unitsofmeasure.org%7Cg", None)]),
    ("or by comma, and by repetition", &[("GET Patient?name=a,b&name=c%5C,d", None)]),
    (
        "modifiers missing, exact, contains, not",
        &[("GET Patient?name:missing=true&name:exact=A&name:contains=b&gender:not=male", None)],
    ),
    (
        "modifiers text, of-type, identifier, [type]",
        &[
            ("GET Observation?code:text=a", None),
            ("GET Patient?identifier:of-type=a%7Cb%7Cc", None),
            ("GET Observation?subject:identifier=a&subject:Patient=1", None),
        ],
    ),
    ("modifiers above and below on uri", &[("GET ValueSet?url:above=http://a&url:below=http://a", None)]),
    (
        "chained parameters",
        &[
            ("GET Observation?subject.name=a", None),
            ("GET Observation?subject:Patient.name:exact=a", None),
            ("GET DiagnosticReport?result.subject:Patient.organization.name=a", None),
        ],
    ),
    (
        "reverse chaining",
        &[
            ("GET Patient?_has:Observation:patient:code=a", None),
            ("GET Patient?_has:Observation:patient:_has:AuditEvent:entity:agent=Practitioner/1", None),
        ],
    ),
    (
        "_include and _revinclude",
        &[
            ("GET Observation?_include=*", None),
            ("GET Observation?_include=Observation:subject:Patient", None),
            ("GET Observation?_include:iterate=Patient:link&_include=Observation:*", None),
            ("GET Patient?_revinclude=Observation:patient&_revinclude:iterate=*", None),
        ],
    ),
    ("_list", &[("GET Patient?_list=a", None)]),
    (
        "modifiers in and not-in",
        &[(
            "GET Observation?code:in=http://hl7.org/fhir/ValueSet/observation-codes\
             &category:not-in=http://hl7.org/fhir/ValueSet/observation-category",
            None,
        )],
    ),
    (
        "modifiers above and below on token",
        &[(
            "GET RelatedPerson?relationship:below=http://terminology.hl7.org/CodeSystem/v3-RoleCode%7CMTH\
             &relationship:above=http://terminology.hl7.org/CodeSystem/v3-RoleCode%7CNMTH",
            None,
        )],
    ),
    (
        "modifiers above and below on reference",
        &[
            ("GET Encounter?location:below=Location/1&part-of:above=2", None),
            ("GET QuestionnaireResponse?questionnaire:below=http://q%7C1", None),
        ],
    ),
    (
        "_text and _content",
        &[("GET Patient?_text=a%20OR%20%22b%20c%22", None), ("GET Patient?_content=a", None)],
    ),
    ("near", &[("GET Location?near=1%7C2%7C3%7Ckm", None)]),
    ("_filter", &[("GET Patient?_filter=name%20co%20a%20and%20not(birthdate%20gt%202000)", None)]),
    (
        "_contained and _containedType",
        &[
            ("GET Medication?_contained=true&code=a", None),
            ("GET Medication?_contained=both&_containedType=contained", None),
        ],
    ),
    ("unknown parameters", &[("GET Patient?foo=1", Some(("prefer", "handling=lenient")))]),
    ("_count", &[("GET Patient?_count=1", None), ("GET Patient?_count=100", None)]),
    ("_count=0", &[("GET Patient?_count=0", None), ("GET Patient?_summary=count", None)]),
    ("_sort", &[("GET Patient?_sort=name,-birthdate,_id", None), ("GET ?_sort=_type", None)]),
    ("_total", &[("GET Patient?_total=none", None), ("GET Patient?_total=accurate", None)]),
    ("paging", &[]),
    ("consistency", &[]),
];

/// Features that are absent, with requests that are refused.
const ABSENT: &[(&str, &[Try])] = &[
    ("other operations", &[("POST Patient/$member-match", None), ("GET Patient/$everything", None)]),
    ("SMART on FHIR and customer managed keys", &[("GET .well-known/smart-configuration", None)]),
    (
        "other result parameters",
        &[
            ("GET Patient?_query=a", None),
            ("GET Patient?_score=a", None),
            ("GET Patient?_type=a", None),
            ("GET Patient?_list=$current-problems", None),
        ],
    ),
];

/// Feature to status, of the sections on FHIR.
fn documented() -> BTreeMap<&'static str, &'static str> {
    let sections = PARITY
        .split("\n## ")
        .filter(|section| section.starts_with("FHIR interactions\n") || section.starts_with("Search\n"));
    let mut found = BTreeMap::new();
    for line in sections.flat_map(str::lines).filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if cells[0] != "feature" {
            assert_eq!(found.insert(cells[0], cells[1]), None, "{} stands twice", cells[0]);
        }
    }
    found
}

fn world() -> World {
    let world = World::open();
    let made = world.ask("PUT Patient/1", &[], "{\"resourceType\":\"Patient\",\"id\":\"1\",\"active\":true}");
    assert_eq!(made.status, 201);
    assert_eq!(world.put("Composition/1", &crate::operation::composition()).status, 201);
    world
}

fn attempt((line, header): &Try) -> crate::door::Answer {
    let world = world();
    let body = match line.split_once(' ') {
        Some(("PATCH", _)) => "[]",
        Some(("PUT" | "POST", path)) if !path.contains("_search") && !path.contains('$') => {
            "{\"resourceType\":\"Patient\",\"id\":\"1\",\"active\":true}"
        }
        _ => "",
    };
    world.ask(line, header.as_slice(), body)
}

#[test]
fn every_feature_is_documented_once_with_its_status() {
    let mut known = BTreeMap::new();
    for (feature, _) in THERE {
        assert_eq!(known.insert(*feature, true), None, "{feature}");
    }
    for (feature, _) in ABSENT {
        assert_eq!(known.insert(*feature, false), None, "{feature}");
    }
    let documented = documented();
    for (feature, status) in &documented {
        let is_there = known.get(feature).unwrap_or_else(|| panic!("{feature} is documented and not tried"));
        let expected: &[&str] = if *is_there { &["same", "differs"] } else { &["absent"] };
        assert!(expected.contains(status), "{feature}: {status}");
    }
    let missing: Vec<_> = known.keys().filter(|feature| !documented.contains_key(*feature)).collect();
    assert!(missing.is_empty(), "not documented: {missing:?}");
}

#[test]
fn what_is_documented_as_there_is_done() {
    for (feature, tries) in THERE {
        for one in *tries {
            let answer = attempt(one);
            assert!(answer.status < 400, "{feature}: {one:?}: {} {}", answer.status, answer.json());
        }
    }
}

#[test]
fn what_is_documented_as_absent_is_refused_by_name() {
    for (feature, tries) in ABSENT {
        assert!(!tries.is_empty(), "{feature}");
        for one in *tries {
            let (status, code) = attempt(one).refusal();
            assert!((400..500).contains(&status), "{feature}: {one:?}: {status}");
            assert_eq!(code, "not-supported", "{feature}: {one:?}");
        }
    }
}
