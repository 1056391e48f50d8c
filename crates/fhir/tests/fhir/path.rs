//! FHIRPath: the published suite, and what it leaves open.

use std::collections::BTreeMap;

use proptest::prelude::*;

use fhir::{
    Element, FhirPath, PATH_BYTES_MAX, PATH_DEPTH_MAX, PATH_WORK_PER_BYTE_MAX, PathContext, Resource,
    TemporalKind, Time, Value,
};

use crate::tree::{Tree, read_tree};

/// Cases of the suite that come out otherwise, with the reason.
const EXCEPTIONS: [(&str, &str); 1] = [(
    "HighBoundaryDateTimeMillisecond3",
    "An hour ends with its last minute: 08 may stand for 08:59:59.999, not only for 08:00:59.999.",
)];

struct Case {
    group: String,
    name: String,
    input: String,
    expression: String,
    is_invalid: bool,
    is_predicate: bool,
    outputs: Vec<(Option<String>, String)>,
}

fn cases() -> Vec<Case> {
    let suite = read_tree(include_str!("../data/fhirpath/tests-fhir-r4.xml"));
    let mut cases = Vec::new();
    for group in suite.children("group") {
        for test in group.children("test") {
            let expression = test.child("expression").expect("an expression");
            cases.push(Case {
                group: group.attribute("name").unwrap_or_default().to_owned(),
                name: test.attribute("name").unwrap_or_default().to_owned(),
                input: test.attribute("inputfile").unwrap_or("patient-example.xml").to_owned(),
                expression: expression.text.clone(),
                is_invalid: expression.attribute("invalid").is_some(),
                is_predicate: test.attribute("predicate") == Some("true"),
                outputs: test.children("output").map(output).collect(),
            });
        }
    }
    cases
}

fn output(output: &Tree) -> (Option<String>, String) {
    (output.attribute("type").map(str::to_owned), output.text.clone())
}

fn input(name: &str) -> Resource {
    let path = format!("{}/tests/data/fhirpath/input/{name}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).expect("the input is there");
    let json =
        if name.ends_with(".xml") { fhir::xml::read(&bytes).expect("XML of a resource") } else { bytes };
    Resource::parse(json).expect("a resource")
}

fn now() -> Time {
    Time::parse("2026-11-23T12:00:00Z").unwrap()
}

/// Type and text of a value, as the suite writes them.
fn shown(value: &Value<'_>) -> (String, String) {
    let of = match value {
        Value::Element(element) => element.of.name.to_owned(),
        Value::Boolean(_) => "boolean".to_owned(),
        Value::Integer(_) => "integer".to_owned(),
        Value::Decimal(_) => "decimal".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Temporal(temporal) => format!("{:?}", temporal.kind),
        Value::Quantity(_) => "Quantity".to_owned(),
        Value::Type(_) => "type".to_owned(),
    };
    let text = match value {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Decimal(value) => value.to_string(),
        Value::String(text) => text.to_string(),
        Value::Temporal(time) if time.kind == TemporalKind::Time => format!("@T{time}"),
        Value::Temporal(temporal) => format!("@{temporal}"),
        Value::Quantity(quantity) => quantity.to_string(),
        Value::Type(of) => format!("{}.{}", of.namespace(), of.name()),
        Value::Element(_) => value.to_text().unwrap_or_default().into_owned(),
    };
    (of, text)
}

fn evaluated(expression: &str, resource: &Resource) -> Result<Vec<(String, String)>, String> {
    let of = Element::resource(resource).of;
    let path = FhirPath::compile(expression, of).map_err(|error| error.to_string())?;
    let context = PathContext::new(resource, now());
    let found = path.evaluate(Element::resource(resource), &context);
    found.map(|values| values.iter().map(shown).collect()).map_err(|error| error.to_string())
}

fn agrees(case: &Case, found: &Result<Vec<(String, String)>, String>) -> bool {
    match found {
        Err(_) => case.is_invalid,
        Ok(_) if case.is_invalid => false,
        Ok(found) if case.is_predicate => {
            let is_true = found.len() == 1 && found[0].1 != "false";
            case.outputs.len() == 1 && case.outputs[0].1 == is_true.to_string()
        }
        Ok(found) => {
            found.len() == case.outputs.len()
                && found.iter().zip(&case.outputs).all(|((of, text), (expected_of, expected))| {
                    let of_same_type =
                        expected_of.as_deref().is_none_or(|expected| expected.eq_ignore_ascii_case(of));
                    of_same_type && text.trim_start_matches('@') == expected.trim_start_matches('@')
                })
        }
    }
}

#[test]
fn the_published_suite_comes_out_as_published() {
    let mut inputs: BTreeMap<String, Resource> = BTreeMap::new();
    let cases = cases();
    assert_eq!(cases.len(), 624);
    let mut wrong = Vec::new();
    for case in &cases {
        let resource = inputs.entry(case.input.clone()).or_insert_with(|| input(&case.input));
        let found = evaluated(&case.expression, resource);
        if agrees(case, &found) == EXCEPTIONS.iter().any(|(name, _)| *name == case.name) {
            wrong.push(format!(
                "{}/{}: {}\n    found {found:?}\n    expected {:?}{}",
                case.group,
                case.name,
                case.expression,
                case.outputs,
                if case.is_invalid { " or an error" } else { "" }
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// What a table holds: an expression about the patient of the suite, and its values or `error`.
const TABLE: &str = include_str!("../data/fhirpath/table.txt");

#[test]
fn what_the_suite_leaves_open_is_told_by_a_table() {
    let patient = input("patient-example.xml");
    let mut wrong = Vec::new();
    for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (expression, expected) = line.split_once(" => ").expect("an expression and its values");
        let found = match evaluated(expression, &patient) {
            Ok(values) => values.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" ; "),
            Err(_) => "error".to_owned(),
        };
        if found != expected.trim_end() {
            wrong.push(format!("{expression}\n    {found}\n    {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn expressions_are_read_and_evaluated_within_limits() {
    let patient = input("patient-example.xml");
    let parentheses = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(evaluated(&parentheses(PATH_DEPTH_MAX - 1), &patient).is_ok());
    let children = |count: usize| format!("$this{}", ".children()".repeat(count));
    let conditions = |depth: usize| format!("{}true{}", "name.where(".repeat(depth), ")".repeat(depth));
    let sums = |count: usize| format!("1{}", " + 1".repeat(count));
    let found = evaluated(&sums(PATH_DEPTH_MAX), &patient).expect("a sum");
    assert_eq!(found[0].1, (PATH_DEPTH_MAX + 1).to_string());
    assert!(evaluated(&children(PATH_DEPTH_MAX - 1), &patient).is_ok());
    for (name, text) in [
        ("PATH_DEPTH_MAX", parentheses(PATH_DEPTH_MAX)),
        ("PATH_DEPTH_MAX", parentheses(PATH_BYTES_MAX / 2 - 1)),
        ("PATH_DEPTH_MAX", children(PATH_DEPTH_MAX + 1)),
        ("PATH_DEPTH_MAX", conditions(PATH_DEPTH_MAX)),
        ("PATH_DEPTH_MAX", sums(PATH_DEPTH_MAX + 1)),
        ("PATH_DEPTH_MAX", "-".repeat(PATH_BYTES_MAX)),
        ("PATH_BYTES_MAX", " ".repeat(PATH_BYTES_MAX + 1)),
    ] {
        let error = FhirPath::parse(&text).map(|_| ()).expect_err(name).to_string();
        assert!(error.contains(name), "{name}: {error}");
    }
    for (name, text) in [
        (
            "PATH_WORK_MAX",
            format!(
                "{}.count()",
                "descendants().descendants()".to_owned() + &".select(%resource.descendants())".repeat(4)
            ),
        ),
        ("PATH_WORK_MAX", "(1|2).repeat($this + 1)".to_owned()),
        ("PATH_STRING_BYTES_MAX", format!("'{}'{}", "x".repeat(60_000), ".select($this & $this)".repeat(8))),
        ("PATH_STRING_BYTES_MAX", format!("'{0}'.replace('x', '{0}')", "x".repeat(30_000))),
    ] {
        let error = evaluated(&text, &patient).expect_err(name);
        assert!(error.contains(name), "{name}: {error}");
    }
}

/// Importing a code system of 300,000 concepts was refused as too costly.
#[test]
fn a_large_resource_may_be_gone_through_once() {
    let concepts =
        |count: usize| (0..count).map(|code| format!(r#"{{"code":"{code}"}}"#)).collect::<Vec<_>>();
    let head = r#"{"resourceType":"CodeSystem","url":"http://s","name":"S","status":"active","content":"complete","concept":["#;
    let text = format!("{head}{}]}}", concepts(400_000).join(","));
    let large = Resource::parse(text.into_bytes()).expect("a CodeSystem");
    assert_eq!(fhir::validate(&large, fhir::Level::Strict), []);
    let error =
        evaluated("descendants().select(%resource.descendants().count())", &large).expect_err("too much");
    let most = PATH_WORK_PER_BYTE_MAX * large.document().bytes().len() as u64;
    assert!(error.contains(&format!("PATH_WORK_MAX of {most}")), "{error}");
}

#[test]
fn an_error_names_the_place_or_the_thing() {
    for (text, expected) in [
        ("name.", "at character 6 a name is expected"),
        ("'a", "at character 3 the end of what is quoted is expected"),
        ("name.frist()", "there is no function 'frist'"),
        ("name.where()", "'where' needs one argument"),
        ("given is Sting", "there is no type 'Sting'"),
        ("nmae.given", "Patient has no element 'nmae'"),
        ("99999999999", "at character 1 a number within the range of FHIRPath is expected"),
        ("name.given.matches('(')", "'matches' needs a regular expression"),
    ] {
        let of = fhir::definitions().type_named("Patient").unwrap();
        let error = FhirPath::compile(text, of).map(|_| ()).expect_err(text);
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

#[test]
fn an_invariant_may_ask_what_strict_expressions_may_not() {
    let patient = input("patient-example.xml");
    let element = Element::resource(&patient);
    let context = PathContext::new(&patient, now());
    for (text, expected) in [
        ("descendants().as(uri).exists()", Some(true)),
        ("nmae.exists()", Some(false)),
        ("{}", None),
        ("name.exists() and birthDate <= today()", Some(true)),
    ] {
        let invariant = FhirPath::invariant(text, element.of).expect(text);
        assert_eq!(invariant.holds(element, &context), Ok(expected), "{text}");
    }
}

#[test]
fn references_resolve_within_their_document() {
    let bundle = r##"{"resourceType":"Bundle","type":"collection","entry":[
        {"fullUrl":"http://a.example/Patient/1","resource":{"resourceType":"Patient","id":"1","active":true}},
        {"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},
            "subject":{"reference":"Patient/1"},"performer":[{"reference":"#p"},{"reference":"Practitioner/9"}],
            "contained":[{"resourceType":"Practitioner","id":"p","gender":"male"}]}}]}"##;
    let bundle = Resource::parse(bundle.as_bytes().to_vec()).expect("a Bundle");
    for (text, expected) in [
        ("entry.resource.ofType(Observation).subject.resolve().active", "true"),
        ("entry.resource.ofType(Observation).performer.where(resolve() is Practitioner).count()", "2"),
        ("entry.resource.ofType(Patient).getResourceKey()", "Patient/1"),
        ("entry.resource.ofType(Observation).performer.getReferenceKey(Practitioner)", "error"),
        ("entry.resource.ofType(Observation).performer.getReferenceKey('Practitioner')", "Practitioner/9"),
    ] {
        let found = evaluated(text, &bundle);
        let found = found.map_or("error".to_owned(), |values| {
            values.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" ; ")
        });
        assert_eq!(found, expected, "{text}");
    }
}

/// Words that expressions are made of.
const WORDS: [&str; 60] = [
    "name",
    "given",
    "birthDate",
    "Patient",
    "extension",
    "contained",
    "1",
    "0",
    "2147483647",
    "1.50",
    "0.00000001",
    "'a'",
    "''",
    "'\\u0041'",
    "@2015",
    "@2015-02-04T14:34:28Z",
    "@T10:30",
    "1 year",
    "5 'mg'",
    "{}",
    "true",
    "false",
    "$this",
    "$index",
    "$total",
    "%resource",
    "%context",
    "%`vs-x`",
    "(",
    ")",
    "[",
    "]",
    ".",
    ",",
    "+",
    "-",
    "*",
    "/",
    "div",
    "mod",
    "&",
    "|",
    "=",
    "~",
    "!=",
    "<",
    ">=",
    "in",
    "contains",
    "and",
    "implies",
    "is",
    "as",
    "Integer",
    ".where(",
    ".first()",
    ".count()",
    ".repeat(children())",
    ".toString()",
    ".matches('a*')",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_words_are_evaluated_or_refused(words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 1..24)) {
        let patient = input("patient-example.xml");
        let text = words.join(if words.len() % 2 == 0 { " " } else { "" });
        let _ = evaluated(&text, &patient);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,64}") {
        let _ = FhirPath::parse(&text);
    }

    #[test]
    fn any_function_takes_any_value(
        start in prop::sample::select(vec!["name", "birthDate", "1", "1.5", "'a b'", "@2015-01", "@T10:30", "5 'mg'", "true", "{}", "(1 | 2)", "Patient"]),
        function in prop::sample::select(FUNCTIONS.to_vec()),
        argument in prop::sample::select(vec!["", "1", "-1", "'a'", "''", "{}", "$this", "name", "Integer", "1.5", "5 'g'", "(1|2)", "true"]),
        second in prop::sample::select(vec!["", ", 1", ", 'b'", ", $this"]),
    ) {
        let patient = input("patient-example.xml");
        let _ = evaluated(&format!("{start}.{function}({argument}{second})"), &patient);
    }
}

const FUNCTIONS: [&str; 103] = [
    "empty",
    "exists",
    "all",
    "allTrue",
    "anyTrue",
    "allFalse",
    "anyFalse",
    "subsetOf",
    "supersetOf",
    "count",
    "distinct",
    "isDistinct",
    "where",
    "select",
    "repeat",
    "ofType",
    "aggregate",
    "sort",
    "single",
    "first",
    "last",
    "tail",
    "skip",
    "take",
    "intersect",
    "exclude",
    "union",
    "combine",
    "iif",
    "toBoolean",
    "convertsToBoolean",
    "toInteger",
    "convertsToInteger",
    "toDate",
    "convertsToDate",
    "toDateTime",
    "convertsToDateTime",
    "toTime",
    "convertsToTime",
    "toDecimal",
    "convertsToDecimal",
    "toQuantity",
    "convertsToQuantity",
    "toString",
    "convertsToString",
    "indexOf",
    "lastIndexOf",
    "substring",
    "startsWith",
    "endsWith",
    "contains",
    "upper",
    "lower",
    "replace",
    "matches",
    "matchesFull",
    "replaceMatches",
    "length",
    "toChars",
    "trim",
    "split",
    "join",
    "encode",
    "decode",
    "escape",
    "unescape",
    "abs",
    "ceiling",
    "exp",
    "floor",
    "ln",
    "log",
    "power",
    "round",
    "sqrt",
    "truncate",
    "children",
    "descendants",
    "trace",
    "now",
    "timeOfDay",
    "today",
    "lowBoundary",
    "highBoundary",
    "precision",
    "comparable",
    "is",
    "as",
    "type",
    "not",
    "extension",
    "hasValue",
    "getValue",
    "resolve",
    "memberOf",
    "htmlChecks",
    "checkModifiers",
    "conformsTo",
    "elementDefinition",
    "getReferenceKey",
    "slice",
    "subsumedBy",
    "subsumes",
];
