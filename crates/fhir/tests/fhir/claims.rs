//! What resources claim in `meta.profile`, and the extensions that they have.

use fhir::{CLAIMS_MAX, Level, Resource, Rules, Time, Verdict, Wanted, review_claims};

use super::judge::guides;

const AT: &str = "http://example.org/StructureDefinition/";

fn claimed(text: &str, wanted: Wanted) -> Vec<String> {
    let guides = guides();
    let rules = Rules { level: Level::Strict, guides: &guides, defaults: &[], now: Time(0) };
    let resource = Resource::parse_slice(text.replace("AT/", AT).as_bytes()).unwrap();
    let issues = review_claims(&resource, &rules, guides.bindings(), wanted);
    let shown = issues.iter().map(|issue| {
        let words = issue.diagnostics.split(" (from").next().unwrap();
        format!("{} {}: {words}", issue.severity.as_str(), issue.expression[0])
    });
    shown.collect()
}

fn patient(rest: &str) -> String {
    format!(r#"{{"resourceType":"Patient",{rest}}}"#)
}

fn observation(profile: &str, rest: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","meta":{{"profile":["AT/{profile}"]}},"status":"final","code":{{"text":"x"}},{rest}}}"#
    )
}

#[test]
fn an_extension_stands_where_its_definition_says() {
    const NOWHERE: &str = "The extension may not be used here";
    let at = |place: &str, url: &str| {
        patient(&place.replace("EXT", &format!(r#""extension":[{{"url":"AT/{url}","valueString":"x"}}]"#)))
    };
    for (text, expected) in [
        (at(r#""address":[{EXT}]"#, "of-address"), None),
        (at(r#""contact":[{"name":{EXT}}]"#, "of-address"), None),
        (at(r#""contact":[{"address":{EXT}}]"#, "of-address"), None),
        (at(r#""name":[{EXT}]"#, "of-address"), Some("Patient.name[0].extension[0]")),
        (at("EXT", "of-address"), Some("Patient.extension[0]")),
        (at("EXT", "of-any"), None),
        (at(r#""birthDate":"2020","_birthDate":{EXT}"#, "of-any"), None),
        (at(r#""_birthDate":{EXT}"#, "of-active"), Some("Patient.birthDate.extension[0]")),
        (at(r#""name":[{"use":"official",EXT}]"#, "of-official"), None),
        (
            at(r#""name":[{"use":"official"},{"use":"usual",EXT}]"#, "of-official"),
            Some("Patient.name[1].extension[0]"),
        ),
        (at("EXT", "inside"), Some("Patient.extension[0]")),
        (
            at(r#""contained":[{"resourceType":"Patient","id":"a",EXT}]"#, "of-address"),
            Some("Patient.contained[0].extension[0]"),
        ),
    ] {
        let expected: Vec<String> =
            expected.map(|place| format!("error {place}: {NOWHERE}")).into_iter().collect();
        assert_eq!(claimed(&text, Wanted::Errors), expected, "{text}");
    }
    let choice =
        r#""valueString":"a","_valueString":{"extension":[{"url":"AT/of-choice","valueString":"x"}]}"#;
    assert!(claimed(&observation("observation-none", choice), Wanted::Errors)[0].contains("not known"));
    let bare = observation("x", choice).replace(r#""meta":{"profile":["AT/x"]},"#, "");
    assert_eq!(claimed(&bare, Wanted::Errors), Vec::<String>::new());
}

#[test]
fn an_extension_is_what_its_definition_says() {
    for (rest, expected) in [
        (
            r#""extension":[{"url":"AT/eye-colour","valueString":"x"}]"#,
            vec![
                "error Patient.extension[0].value.ofType(string): The type string is not allowed here: code",
            ],
        ),
        (r#""extension":[{"url":"AT/eye-colour","valueCode":"x"}]"#, vec![]),
        (
            r#""extension":[{"url":"AT/patient","valueCode":"x"}]"#,
            vec![
                "error Patient.extension[0]: http://example.org/StructureDefinition/patient|1.0.0 does not define an extension",
            ],
        ),
        (
            r#""extension":[{"url":"relative","valueCode":"x"}]"#,
            vec!["error Patient.extension[0]: The URL of an extension must be absolute"],
        ),
        (
            r#""extension":[{"url":"AT/modifier","valueString":"x"}]"#,
            vec!["error Patient.extension[0]: This extension belongs into modifierExtension"],
        ),
        (r#""modifierExtension":[{"url":"AT/modifier","valueString":"x"}]"#, vec![]),
        (
            r#""modifierExtension":[{"url":"AT/of-any","valueString":"x"}]"#,
            vec!["error Patient.modifierExtension[0]: This extension belongs into extension"],
        ),
        (
            r#""active":false,"extension":[{"url":"AT/of-active","valueString":"x"}]"#,
            vec!["error Patient.extension[0]: What must hold where the extension is used does not"],
        ),
        (r#""active":true,"extension":[{"url":"AT/of-active","valueString":"x"}]"#, vec![]),
        (
            r#""extension":[{"url":"AT/of-any","extension":[{"url":"AT/inside","valueString":"x"}]}]"#,
            vec!["error Patient.extension[0]: Extension.value[x]: minimum required = 1, but only found 0"],
        ),
        (r#""extension":[{"url":"http://unknown.org/x","valueString":"x"}]"#, vec![]),
    ] {
        assert_eq!(claimed(&patient(rest), Wanted::Errors), expected, "{rest}");
    }
    let unusable =
        claimed(&patient(r#""extension":[{"url":"AT/unusable","valueString":"x"}]"#), Wanted::Errors);
    assert!(unusable.len() == 1 && unusable[0].contains("unusable cannot be used"), "{unusable:?}");
    let unknown =
        claimed(&patient(r#""extension":[{"url":"http://unknown.org/x","valueString":"x"}]"#), Wanted::All);
    assert_eq!(unknown, ["information Patient.extension[0]: The extension is not known here"]);
}

#[test]
fn a_value_keeps_to_its_least_and_greatest() {
    let kilos = |value: &str, code: &str| {
        format!(r#""valueQuantity":{{"value":{value},"system":"http://unitsofmeasure.org","code":"{code}"}}"#)
    };
    for (rest, is_fine) in [
        (kilos("1", "kg"), true),
        (kilos("2.5", "kg"), true),
        (kilos("2.51", "kg"), false),
        (kilos("999", "g"), false),
        (kilos("1000", "g"), true),
        (kilos("1", "m"), true),
        (r#""effectiveDateTime":"2020-05""#.to_owned(), true),
        (r#""effectiveDateTime":"2019-12-31""#.to_owned(), false),
        (r#""effectiveDateTime":"2021""#.to_owned(), false),
        // Whether this is before or after is not decided.
        (r#""effectiveDateTime":"2020""#.to_owned(), true),
    ] {
        let found = claimed(&observation("bounded", &rest), Wanted::Errors);
        assert_eq!(found.is_empty(), is_fine, "{rest}: {found:?}");
        assert!(found.iter().all(|issue| issue.contains("The value must be at")), "{found:?}");
    }
}

#[test]
fn what_references_lead_to_in_the_same_document_meets_a_profile() {
    let one = r#"{"resourceType":"Patient","id":"p","photo":[{"title":"a"}],"identifier":[{"system":"http://example.org/one","value":"1"}]}"#;
    let subject = |contained: &str| format!(r##""contained":[{contained}],"subject":{{"reference":"#p"}}"##);
    let none = "error Observation.subject: What the reference leads to meets none of \
                http://example.org/StructureDefinition/patient, http://hl7.org/fhir/StructureDefinition/Group";
    for (rest, expected) in [
        (subject(one), vec![]),
        (subject(r#"{"resourceType":"Patient","id":"p"}"#), vec![none]),
        (subject(r#"{"resourceType":"Group","id":"p","type":"person","actual":true}"#), vec![]),
        (
            subject(r#"{"resourceType":"Device","id":"p"}"#),
            vec!["error Observation.subject: The reference may not lead to a Device"],
        ),
        (r#""subject":{"reference":"Patient/elsewhere"}"#.to_owned(), vec![]),
        (
            r#""encounter":{"reference":"Encounter/1"}"#.to_owned(),
            vec!["error Observation.encounter: The reference must name a version"],
        ),
        (r#""encounter":{"reference":"Encounter/1/_history/2"}"#.to_owned(), vec![]),
        (
            r#""device":{"reference":"Device/1"}"#.to_owned(),
            vec!["error Observation.device: The reference may not lead out of the document"],
        ),
        (
            r##""contained":[{"resourceType":"Device","id":"d"}],"device":{"reference":"#d"}"##.to_owned(),
            vec![],
        ),
    ] {
        assert_eq!(claimed(&observation("referring", &rest), Wanted::Errors), expected, "{rest}");
    }
}

#[test]
fn resources_that_refer_to_each_other_are_judged_once() {
    let one = |id: &str, other: &str, status: &str| {
        format!(
            r##"{{"resourceType":"Observation","id":"{id}",{status}"code":{{"text":"x"}},"focus":[{{"reference":"#{other}"}}]}}"##
        )
    };
    let status = r#""status":"final","#;
    let many: Vec<String> =
        (0..60).map(|number| one(&number.to_string(), &((number + 1) % 60).to_string(), status)).collect();
    let rest = format!(r##""contained":[{}],"focus":[{{"reference":"#0"}}]"##, many.join(","));
    let found = claimed(&observation("referring", &rest), Wanted::Errors);
    assert!(found.iter().all(|issue| issue.contains("What the reference leads to")), "{found:?}");
}

#[test]
fn slices_are_told_apart_through_slices_of_what_they_hold() {
    let component =
        |code: &str| format!(r#""component":[{{"code":{{"coding":[{{"code":"x"}},{{"code":"{code}"}}]}}}}]"#);
    assert_eq!(claimed(&observation("sliced-code", &component("1")), Wanted::Errors), Vec::<String>::new());
    assert_eq!(
        claimed(&observation("sliced-code", &component("2")), Wanted::Errors),
        [
            "error Observation.component[0]: This element does not match any known slice of Observation.component",
            "error Observation: Observation.component:one: minimum required = 1, but only found 0",
        ]
    );
}

#[test]
fn claims_are_judged_wherever_resources_stand_and_unknown_ones_are_named() {
    let claim = |profile: &str| format!(r#""meta":{{"profile":["{profile}"]}}"#);
    let bad = patient(&claim("AT/patient"));
    let missing = "Patient.identifier: minimum required = 1, but only found 0";
    for (text, place) in [
        (bad.clone(), "Patient"),
        (patient(&claim("AT/imposing")), "Patient"),
        (patient(&format!(r#""contained":[{bad}]"#)), "Patient.contained[0]"),
        (
            format!(
                r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"fullUrl":"urn:x"}},{{"resource":{bad}}}]}}"#
            ),
            "Bundle.entry[1].resource",
        ),
        (
            format!(
                r#"{{"resourceType":"Parameters","parameter":[{{"name":"a","part":[{{"name":"b","resource":{bad}}}]}}]}}"#
            ),
            "Parameters.parameter[0].part[0].resource",
        ),
    ] {
        assert_eq!(claimed(&text, Wanted::Errors)[0], format!("error {place}: {missing}"), "{text}");
    }
    let unknown = r#""meta":{"profile":["http://hl7.org/fhir/StructureDefinition/Patient","http://none|1"]}"#;
    assert_eq!(
        claimed(&patient(unknown), Wanted::Errors),
        ["error Patient.meta.profile[1]: The profile http://none|1 is not known here."]
    );
    let other = claimed(&patient(&claim("AT/observation")), Wanted::Errors);
    assert_eq!(
        other,
        [
            "error Patient: The profile http://example.org/StructureDefinition/observation|1.0.0 is of Observation."
        ]
    );
}

#[test]
fn so_many_profiles_may_be_claimed_and_each_counts_once() {
    let text = |count: usize| {
        let claims: Vec<String> =
            (0..count).map(|number| format!(r#""AT/patient{}""#, ["", "|1.0.0"][number % 2])).collect();
        patient(&format!(r#""meta":{{"profile":[{}]}}"#, claims.join(",")))
    };
    let at_limit = claimed(&text(CLAIMS_MAX), Wanted::Errors);
    assert_eq!(at_limit.len(), 2 * claimed(&text(1), Wanted::Errors).len());
    let beyond = claimed(&text(CLAIMS_MAX + 1), Wanted::Errors);
    assert_eq!(
        beyond,
        ["error Patient.meta.profile: More profiles are claimed than the limit CLAIMS_MAX of 64"]
    );
}

#[test]
fn hostile_numbers_of_extensions_are_judged_in_little_time() {
    let one = r#"{"url":"AT/eye-colour","valueString":"x"}"#;
    let many = vec![one; 20_000].join(",");
    let found = claimed(
        &patient(&format!(r#""meta":{{"profile":["AT/patient"]}},"extension":[{many}]"#)),
        Wanted::Errors,
    );
    assert_eq!(found.len(), fhir::ISSUES_MAX);
}

#[test]
fn only_the_strict_level_asks_what_is_claimed() {
    let guides = guides();
    let text = patient(r#""meta":{"profile":["http://none"]}"#);
    for (level, is_taken) in [(Level::Strict, false), (Level::StructureOnly, true), (Level::Minimal, true)] {
        let rules = Rules { level, guides: &guides, defaults: &[], now: Time(0) };
        let verdict = fhir::judge(Resource::parse_slice(text.as_bytes()).unwrap(), &rules);
        assert_eq!(matches!(verdict, Verdict::Valid(_)), is_taken, "{}", level.as_str());
    }
}
