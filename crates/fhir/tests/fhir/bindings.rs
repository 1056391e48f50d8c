//! Codes that should come from value sets, or must though these cannot be listed: what somebody who asks hears.

use fhir::{Bindings, Resource, review_bindings};

/// Every value set has the code `in` of `http://s`; nobody knows the codes of other systems, but that there is none
/// without a name.
struct Known;

impl Bindings for Known {
    fn member_of(&self, system: Option<&str>, code: &str, _: &str, _: Option<u32>) -> Option<bool> {
        match system {
            Some("http://s") => Some(code == "in"),
            Some("") => Some(false),
            _ => None,
        }
    }
}

fn issues(text: &str) -> Vec<String> {
    let resource = Resource::parse_slice(text.as_bytes()).unwrap();
    let shown = |issue: &fhir::Issue| {
        let words = issue.diagnostics.replace("http://hl7.org/fhir/ValueSet/", "");
        format!("{} {}: {words}", issue.severity.as_str(), issue.expression[0])
    };
    review_bindings(&resource, &Known).iter().map(shown).collect()
}

#[test]
fn a_code_should_be_from_an_extensible_value_set_if_one_fits() {
    const NONE: &str =
        "No code is from the value set marital-status|4.0.1; one from it should be used unless none fits";
    const SILENT: &str =
        "There is no code; one from the value set marital-status|4.0.1 should be used if it fits";
    for (concept, expected) in [
        (r#"{"coding":[{"system":"http://s","code":"in"}]}"#, None),
        (r#"{"coding":[{"system":"http://s","code":"out"},{"system":"http://s","code":"in"}]}"#, None),
        (r#"{"coding":[{"system":"http://s","code":"out"},{"system":"http://t","code":"x"}]}"#, None),
        (r#"{"coding":[{"system":"http://s","code":"out"}]}"#, Some(NONE)),
        (r#"{"coding":[{"system":"http://s","code":"out"}],"text":"x"}"#, Some(NONE)),
        (r#"{"coding":[{"code":"in"}]}"#, Some(NONE)),
        (r#"{"text":"x"}"#, None),
        (r#"{"coding":[{"display":"x"}],"text":"x"}"#, None),
        (r#"{"coding":[{"display":"x"}]}"#, Some(SILENT)),
        (r#"{"id":"x"}"#, Some(SILENT)),
    ] {
        let found = issues(&format!(r#"{{"resourceType":"Patient","maritalStatus":{concept}}}"#));
        let expected: Vec<String> =
            expected.into_iter().map(|words| format!("warning Patient.maritalStatus: {words}")).collect();
        assert_eq!(found, expected, "{concept}");
    }
}

#[test]
fn a_code_of_a_set_that_cannot_be_listed_has_its_form() {
    let attachment = |of: &str| {
        format!(r#"{{"resourceType":"Patient","photo":[{{"title":"a"}},{{"contentType":"{of}"}}]}}"#)
    };
    let currency = |code: &str| {
        format!(
            r#"{{"resourceType":"Observation","extension":[{{"url":"u","valueMoney":{{"currency":"{code}"}}}}]}}"#
        )
    };
    let malformed = |at: &str, set: &str| {
        vec![format!("warning {at}: The code does not have the form of those of the value set {set}|4.0.1")]
    };
    for fine in [
        "text/plain",
        "application/fhir+json; charset=utf-8",
        "application/vnd.oasis.opendocument.text",
        "xml",
    ] {
        assert_eq!(issues(&attachment(fine)), Vec::<String>::new(), "{fine}");
    }
    for wrong in ["plain", "text/", "/plain", "text/pl ain", "a/b/c", "+a/b"] {
        assert_eq!(
            issues(&attachment(wrong)),
            malformed("Patient.photo[1].contentType", "mimetypes"),
            "{wrong}"
        );
    }
    assert_eq!(issues(&currency("EUR")), Vec::<String>::new());
    for wrong in ["eur", "EURO", "E1R", "€"] {
        let at = "Observation.extension[0].value.ofType(Money).currency";
        assert_eq!(issues(&currency(wrong)), malformed(at, "currencies"), "{wrong}");
    }
}

#[test]
fn a_code_must_be_from_a_required_value_set_though_it_cannot_be_listed() {
    const AT: &str = "EffectEvidenceSynthesis.effectEstimate[0].unitOfMeasure";
    for (concept, expected) in [
        (r#"{"coding":[{"system":"http://unitsofmeasure.org","code":"mm[Hg]"}]}"#, None),
        (r#"{"coding":[{"system":"http://unitsofmeasure.org","code":"[pH]"}],"text":"x"}"#, None),
        (
            r#"{"coding":[{"system":"http://unitsofmeasure.org","code":"mm[Hg"}]}"#,
            Some("warning: The code does not have the form of those of the value set ucum-units|4.0.1"),
        ),
        (
            r#"{"coding":[{"system":"http://s","code":"out"}]}"#,
            Some("error: No code is from the value set ucum-units|4.0.1, as is required"),
        ),
        (
            r#"{"text":"x"}"#,
            Some("error: A code from the value set ucum-units|4.0.1 is required, and there is none"),
        ),
    ] {
        let text = format!(
            r#"{{"resourceType":"EffectEvidenceSynthesis","effectEstimate":[{{"unitOfMeasure":{concept}}}]}}"#
        );
        let expected = expected.map(|expected| expected.replacen(": ", &format!(" {AT}: "), 1));
        assert_eq!(issues(&text), expected.into_iter().collect::<Vec<_>>(), "{concept}");
    }
}

#[test]
fn codes_are_looked_at_wherever_resources_stand() {
    let bundle = r#"{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:x"},{"resource":
        {"resourceType":"Patient","contained":[{"resourceType":"Patient","maritalStatus":{"coding":[{"code":"x"}]}}],
        "contact":[{"relationship":[{"text":"a"},{"coding":[{"system":"http://s","code":"y"}]}]}]}}]}"#;
    let places: Vec<String> =
        issues(bundle).iter().map(|issue| issue.split(": ").next().unwrap().to_owned()).collect();
    assert_eq!(
        places,
        [
            "warning Bundle.entry[1].resource.contained[0].maritalStatus",
            "warning Bundle.entry[1].resource.contact[0].relationship[1]",
        ]
    );
}

#[test]
fn no_more_is_said_than_the_limit() {
    let concepts = vec![r#"{"coding":[{"system":"http://s","code":"y"}]}"#; fhir::ISSUES_MAX + 1];
    let text = |count: usize| {
        format!(
            r#"{{"resourceType":"Patient","contact":[{{"relationship":[{}]}}]}}"#,
            concepts[..count].join(",")
        )
    };
    for count in [fhir::ISSUES_MAX, fhir::ISSUES_MAX + 1] {
        assert_eq!(issues(&text(count)).len(), fhir::ISSUES_MAX);
    }
}
