//! What value sets of packages hold, as a small guide has them.

use fhir::Resource;
use fhir::package::{Contents, ContentsError, Entry, Manifest, PackageKey, Registry};

use super::*;

/// Two versions of a guide that builds on vocabulary.
const PACKAGES: &[(&str, &str, &[&str])] = &[
    (
        r#"{"name":"test.terms","version":"1.0.0","fhirVersions":["4.0.1"]}"#,
        "",
        &[
            r#"{"resourceType":"CodeSystem","url":"http://t/kind","status":"active","content":"complete","concept":[{"code":"animal","concept":[{"code":"dog"},{"code":"cat"}]},{"code":"plant"}]}"#,
            r#"{"resourceType":"CodeSystem","url":"http://t/part","status":"active","content":"fragment","caseSensitive":false,"concept":[{"code":"one"}]}"#,
            r#"{"resourceType":"CodeSystem","url":"http://t/none","status":"active","content":"not-present"}"#,
        ],
    ),
    (
        r#"{"name":"test.guide","version":"1.0.0","fhirVersions":["4.0.1"],"dependencies":{"test.terms":"1.0.0"}}"#,
        "1",
        &[
            r#"{"resourceType":"ValueSet","url":"http://g/versioned","version":"1.0.0","status":"active","compose":{"include":[{"system":"http://g/own","concept":[{"code":"old"}]}]}}"#,
            r#"{"resourceType":"ValueSet","url":"http://g/over","status":"active","compose":{"include":[{"valueSet":["http://g/versioned"]}]}}"#,
            r#"{"resourceType":"ValueSet","url":"http://hl7.org/fhir/ValueSet/administrative-gender","version":"9","status":"active","compose":{"include":[{"system":"http://g/own","concept":[{"code":"theirs"}]}]}}"#,
        ],
    ),
    (
        r#"{"name":"test.guide","version":"2.0.0","fhirVersions":["4.0.1"],"dependencies":{"test.terms":"1.0.0"}}"#,
        "2",
        &[
            r#"{"resourceType":"ValueSet","url":"http://g/versioned","version":"2.0.0","status":"active","compose":{"include":[{"system":"http://g/own","concept":[{"code":"new"}]}]}}"#,
            r#"{"resourceType":"ValueSet","url":"http://g/over","version":"2.0.0","status":"active","compose":{"include":[{"valueSet":["http://g/versioned"]}]}}"#,
            r#"{"resourceType":"ValueSet","url":"http://g/whole","status":"active","compose":{"include":[{"system":"http://t/kind"}],"exclude":[{"system":"http://t/kind","concept":[{"code":"cat"}]}]}}"#,
            r#"{"resourceType":"ValueSet","url":"http://g/below","status":"active","compose":{"include":[{"system":"http://t/kind","filter":[{"property":"concept","op":"is-a","value":"animal"}]}]}}"#,
            r#"{"resourceType":"ValueSet","url":"http://g/odd","status":"active","compose":{"include":[{"system":"http://t/kind","filter":[{"property":"concept","op":"sounds-like","value":"animal"}]},{"system":"http://t/kind","concept":[{"code":"dog"}]}],"exclude":[{"system":"http://t/kind","concept":[{"code":"plant"}]}]}}"#,
            r#"{"resourceType":"ValueSet","url":"http://g/partly","status":"active","compose":{"include":[{"system":"http://t/absent"},{"system":"http://t/absent","concept":[{"code":"listed"}]},{"system":"http://t/part"},{"system":"http://t/none"},{"valueSet":["http://g/below"]}]}}"#,
            r#"{"resourceType":"ValueSet","url":"http://g/both","status":"active","compose":{"include":[{"system":"http://t/kind","valueSet":["http://g/whole","http://g/lost"]}]}}"#,
            r#"{"resourceType":"ValueSet","url":"http://g/lost-too","status":"active","compose":{"include":[{"valueSet":["http://g/lost"]},{"system":"http://t/kind","concept":[{"code":"dog"}]}]}}"#,
            r#"{"resourceType":"ValueSet","url":"http://g/circle","status":"active","compose":{"include":[{"system":"http://t/kind","concept":[{"code":"dog"}]},{"valueSet":["http://g/circle"]},{"valueSet":["http://g/circle"]}]}}"#,
            r#"{"resourceType":"ValueSet","url":"http://g/less","status":"active","compose":{"include":[{"system":"http://t/kind"}],"exclude":[{"valueSet":["http://g/lost"]}]}}"#,
            r#"{"resourceType":"ValueSet","url":"http://g/ready","status":"active","compose":{"include":[{"system":"http://t/absent"}]},"expansion":{"timestamp":"2020-01-01","contains":[{"system":"http://t/absent","code":"x"}]}}"#,
            r#"{"resourceType":"ValueSet","url":"http://g/genders","status":"active","compose":{"include":[{"valueSet":["http://hl7.org/fhir/ValueSet/administrative-gender"]}]}}"#,
            r#"{"resourceType":"ValueSet","url":"http://g/terms","status":"active","compose":{"include":[{"system":"http://snomed.info/sct"},{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","filter":[{"property":"concept","op":"is-a","value":"_ActEncounterCode"}]}]}}"#,
        ],
    ),
];

struct Lines;

impl Contents for Lines {
    fn read(&self, package: &PackageKey, entry: &Entry) -> Result<Vec<u8>, ContentsError> {
        let is_it =
            |text: &str| text.contains(&format!(r#""{}","version":"{}""#, package.name, package.version));
        let lines = PACKAGES.iter().find(|(manifest, ..)| is_it(manifest)).map(|(.., lines)| lines);
        let line = lines.and_then(|lines| lines.get(entry.place.start as usize));
        line.map(|line| line.as_bytes().to_vec()).ok_or(ContentsError("no such line".to_owned()))
    }
}

fn library() -> Arc<Library> {
    let packages = PACKAGES.iter().map(|(manifest, _, lines)| {
        let entries = lines.iter().zip(0..).map(|(line, number)| {
            Entry::of(&Resource::parse_slice(line.as_bytes()).unwrap(), number..number + 1).unwrap()
        });
        (Manifest::read(manifest.as_bytes()).unwrap(), entries.collect())
    });
    Arc::new(Library::new(Registry::new(packages.collect()), Box::new(Lines)))
}

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);
const ONE: Option<u32> = Some(1);
const TWO: Option<u32> = Some(2);

/// Value set, the package that asks, system and code; whether it has it.
type Case = (&'static str, Option<u32>, &'static str, &'static str, Option<bool>);

const CASES: &[Case] = &[
    ("http://g/versioned", ONE, "http://g/own", "old", YES),
    ("http://g/versioned", ONE, "http://g/own", "new", NO),
    ("http://g/versioned", TWO, "http://g/own", "new", YES),
    ("http://g/versioned", TWO, "http://g/own", "old", NO),
    ("http://g/versioned|1.0.0", TWO, "http://g/own", "old", YES),
    ("http://g/versioned", None, "http://g/own", "new", YES),
    ("http://g/over", ONE, "http://g/own", "old", YES),
    ("http://g/over", ONE, "http://g/own", "new", NO),
    ("http://g/over", TWO, "http://g/own", "new", YES),
    ("http://g/whole", TWO, "http://t/kind", "dog", YES),
    ("http://g/whole", TWO, "http://t/kind", "cat", NO),
    ("http://g/whole", TWO, "http://t/kind", "stone", NO),
    ("http://g/whole", TWO, "http://t/other", "dog", NO),
    ("http://g/whole", TWO, "", "plant", YES),
    ("http://g/whole", TWO, "", "stone", NO),
    ("http://g/below", TWO, "http://t/kind", "cat", YES),
    ("http://g/below", TWO, "http://t/kind", "plant", NO),
    ("http://g/odd", TWO, "http://t/kind", "dog", YES),
    ("http://g/odd", TWO, "http://t/kind", "cat", None),
    ("http://g/odd", TWO, "http://t/kind", "plant", NO),
    ("http://g/odd", TWO, "http://t/other", "dog", NO),
    ("http://g/partly", TWO, "http://t/absent", "listed", YES),
    ("http://g/partly", TWO, "http://t/absent", "other", None),
    ("http://g/partly", TWO, "http://t/part", "one", YES),
    ("http://g/partly", TWO, "http://t/part", "ONE", YES),
    ("http://g/partly", TWO, "http://t/part", "two", None),
    ("http://g/partly", TWO, "http://t/none", "x", None),
    ("http://g/partly", TWO, "http://t/kind", "dog", YES),
    ("http://g/partly", TWO, "http://t/kind", "plant", NO),
    ("http://g/partly", TWO, "http://t/other", "x", NO),
    ("http://g/partly", TWO, "", "dog", YES),
    ("http://g/partly", TWO, "", "x", None),
    ("http://g/both", TWO, "http://t/kind", "dog", None),
    ("http://g/both", TWO, "http://t/kind", "cat", NO),
    ("http://g/both", TWO, "http://t/other", "dog", NO),
    ("http://g/lost-too", TWO, "http://t/kind", "dog", YES),
    ("http://g/lost-too", TWO, "http://t/kind", "cat", None),
    ("http://g/lost-too", TWO, "http://t/other", "x", None),
    ("http://g/lost", TWO, "http://t/kind", "dog", None),
    ("http://g/circle", TWO, "http://t/kind", "dog", YES),
    ("http://g/circle", TWO, "http://t/kind", "cat", None),
    ("http://g/less", TWO, "http://t/kind", "dog", None),
    ("http://g/less", TWO, "http://t/other", "x", NO),
    ("http://g/ready", TWO, "http://t/absent", "x", YES),
    ("http://g/ready", TWO, "http://t/absent", "y", NO),
    ("http://g/genders", TWO, "http://hl7.org/fhir/administrative-gender", "male", YES),
    ("http://g/genders", TWO, "http://hl7.org/fhir/administrative-gender", "man", NO),
    ("http://hl7.org/fhir/ValueSet/administrative-gender", TWO, "", "female", YES),
    ("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1", TWO, "", "woman", NO),
    ("http://hl7.org/fhir/ValueSet/administrative-gender", ONE, "http://g/own", "theirs", YES),
    ("http://hl7.org/fhir/ValueSet/administrative-gender", None, "", "female", YES),
    ("http://g/terms", TWO, "http://snomed.info/sct", "22298006", None),
    ("http://g/terms", TWO, "http://terminology.hl7.org/CodeSystem/v3-ActCode", "AMB", YES),
    ("http://g/terms", TWO, "http://terminology.hl7.org/CodeSystem/v3-ActCode", "ALLC", NO),
];

fn ask(codes: &PackagedCodes, case: &Case) -> Option<bool> {
    let (value_set, from, system, code, _) = case;
    codes.member_of(Some(*system).filter(|system| !system.is_empty()), code, value_set, *from)
}

#[test]
fn a_value_set_of_a_package_has_its_codes_as_far_as_they_are_known() {
    let codes = PackagedCodes::new(library());
    for case in CASES.iter().chain(CASES) {
        assert_eq!(ask(&codes, case), case.4, "{case:?}");
    }
}

#[test]
fn codes_of_packages_and_of_the_standard_subsume_others() {
    let codes = PackagedCodes::new(library());
    let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    for (system, code, other, expected) in [
        ("http://t/kind", "animal", "dog", YES),
        ("http://t/kind", "dog", "dog", YES),
        ("http://t/kind", "dog", "animal", NO),
        ("http://t/kind", "dog", "stone", None),
        ("http://t/absent", "a", "a", None),
        (act, "_ActEncounterCode", "AMB", YES),
        (act, "AMB", "_ActEncounterCode", NO),
    ] {
        assert_eq!(codes.subsumes(system, code, other, TWO), expected, "{system} {code} {other}");
    }
}

#[test]
fn what_is_kept_is_bounded_and_answers_stay_the_same() {
    let library = library();
    for bytes_max in [0, 600, 2_000, 20_000, PACKAGED_CODES_BYTES_MAX] {
        let codes = PackagedCodes::within(Arc::clone(&library), bytes_max);
        for case in CASES.iter().chain(CASES) {
            let answer = ask(&codes, case);
            let is_too_large = answer.is_none() && bytes_max < 20_000;
            assert!(answer == case.4 || is_too_large, "{bytes_max}: {case:?}");
            assert!(bytes(&codes.kept.read().unwrap()) <= bytes_max, "{bytes_max}");
        }
    }
}

#[test]
fn a_value_set_is_kept_up_to_the_limit_and_not_beyond() {
    let library = library();
    let asked = ("http://g/versioned", Some("http://g/own"), "new");
    let own = Reading::new(&library).membership(asked.0, TWO).memory_bytes(&mut HashSet::new());
    for (bytes_max, expected) in [(own, YES), (own - 1, None)] {
        let codes = PackagedCodes::within(Arc::clone(&library), bytes_max);
        assert_eq!(codes.has(asked.1, asked.2, asked.0, TWO), expected, "{bytes_max}");
    }
}

#[test]
fn many_threads_ask_the_same() {
    let codes = PackagedCodes::within(library(), 5_000);
    std::thread::scope(|scope| {
        for start in 0..4 {
            let codes = &codes;
            scope.spawn(move || {
                for case in CASES.iter().skip(start).chain(CASES).chain(CASES) {
                    let answer = ask(codes, case);
                    assert!(answer.is_none() || answer == case.4, "{case:?}");
                }
            });
        }
    });
}

#[test]
fn of_the_standards_examples_some_codes_should_be_others_and_none_must() {
    let examples = include_bytes!("../../../../fhir/tests/data/examples.ndjson.zst");
    let text = String::from_utf8(zstd::decode_all(&examples[..]).unwrap()).unwrap();
    let codes = PackagedCodes::new(Arc::new(Library::empty()));
    let resources = text.lines().filter_map(|line| Resource::parse_slice(line.as_bytes()).ok());
    let issues: Vec<fhir::Issue> =
        resources.flat_map(|resource| fhir::review_bindings(&resource, &codes)).collect();
    assert!(issues.iter().all(|issue| issue.severity == fhir::Severity::Warning), "{issues:?}");
    let of = |set: &str| issues.iter().filter(|issue| issue.diagnostics.contains(set)).count();
    // Populations of measures are given without a system, and relationships of subscribers too.
    for (set, count) in [
        ("", 313),
        ("/measure-population|", 134),
        ("/subscriber-relationship|", 7),
        ("/observation-interpretation|", 1),
        ("/defined-types|", 0),
        ("There is no code", 0),
        ("form", 0),
    ] {
        assert_eq!(of(set), count, "{set}");
    }
}
