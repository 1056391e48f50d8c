//! Structural validation: one table of resources and what is wrong with them.

use std::fmt::Write;

use fhir::{ISSUES_MAX, IssueCode, Level, Resource, STRING_BYTES_MAX, Severity, validate};

fn issues(text: &str) -> String {
    let resource = Resource::parse_slice(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
    validate(&resource, Level::Strict).iter().fold(String::new(), |mut all, issue| {
        let at = issue.expression.join(",");
        writeln!(all, "{} {at}: {}", issue.code.as_str(), issue.diagnostics).unwrap();
        all
    })
}

fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let expected: String = expected.lines().map(|line| line.trim().to_owned() + "\n").collect();
        assert_eq!(issues(text), expected, "{text}");
    }
}

#[test]
fn what_the_standard_allows_is_valid() {
    for text in [
        r#"{"resourceType":"Patient"}"#,
        r#"{"resourceType":"Patient","birthDate":"1970","_birthDate":{"extension":[{"url":"urn:u","valueDateTime":"1970-01-01T01:02:03Z"}]}}"#,
        r#"{"resourceType":"Patient","_birthDate":{"id":"a"},"deceasedBoolean":false,"_deceasedBoolean":{"id":"b"}}"#,
        r#"{"resourceType":"Patient","name":[{"given":["a",null],"_given":[null,{"id":"b"}]},{"_given":[{"id":"c"}]}]}"#,
        r##"{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"n"}],"managingOrganization":{"reference":"#o"}}"##,
        r##"{"resourceType":"Patient","contained":[{"resourceType":"Binary","id":"b","contentType":"image/png","data":"aGk="}],"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><img src=\"#b\"/></div>"}}"##,
        r#"{"resourceType":"Patient","text":{"status":"empty","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">None</div>"}}"#,
        r#"{"resourceType":"Patient","extension":[{"url":"urn:u","extension":[{"url":"v","_valueCode":{"id":"x"}}]}]}"#,
        r#"{"resourceType":"Patient","managingOrganization":{"reference":"Organization?identifier=a"},"link":[{"other":{"reference":"urn:uuid:1"},"type":"refer"}]}"#,
        r#"{"resourceType":"Observation","_status":{"extension":[{"url":"urn:u","valueCode":"unknown"}]},"code":{"text":"x"}}"#,
        r#"{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"group","item":[{"linkId":"2","type":"string"}]}]}"#,
        r#"{"resourceType":"Parameters","parameter":[{"name":"a","part":[{"name":"b","valueInteger":1}]},{"name":"c","resource":{"resourceType":"Patient"}}]}"#,
        r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Bundle","type":"batch"}}]}"#,
        r#"{"resourceType":"Binary","contentType":"text/plain","data":"aGk="}"#,
    ] {
        assert_eq!(issues(text), "", "{text}");
    }
}

#[test]
fn unknown_members_are_named() {
    check(&[
        (r#"{"resourceType":"Patient","nope":1}"#, "structure Patient: Unrecognised property 'nope'"),
        (r#"{"resourceType":"Patient","status":"a"}"#, "structure Patient: Unrecognised property 'status'"),
        (r#"{"resourceType":"Patient","_nope":{}}"#, "structure Patient: Unrecognised property '_nope'"),
        (r#"{"resourceType":"Patient","_name":[]}"#, "structure Patient: Unrecognised property '_name'"),
        (
            r#"{"resourceType":"Patient","_resourceType":{}}"#,
            "structure Patient: Unrecognised property '_resourceType'",
        ),
        (
            r#"{"resourceType":"Patient","name":[{"resourceType":"a","text":"b"}]}"#,
            "structure Patient.name[0]: Unrecognised property 'resourceType'",
        ),
        (
            r#"{"resourceType":"Patient","deceased":true}"#,
            "structure Patient: Unrecognised property 'deceased'",
        ),
        (
            r#"{"resourceType":"Patient","deceasedString":"a"}"#,
            "structure Patient: Unrecognised property 'deceasedString'",
        ),
        (
            r#"{"resourceType":"Patient","born 1970 in Ulm":1}"#,
            "structure Patient: Unrecognised property '…'",
        ),
    ]);
}

#[test]
fn json_kinds_are_checked() {
    check(&[
        (
            r#"{"resourceType":"Patient","active":"true"}"#,
            "structure Patient.active: The property active must be a Boolean, not a String",
        ),
        (
            r#"{"resourceType":"Patient","birthDate":1970}"#,
            "structure Patient.birthDate: The property birthDate must be a String, not a Number",
        ),
        (
            r#"{"resourceType":"Patient","multipleBirthInteger":"1"}"#,
            "structure Patient.multipleBirth.ofType(integer): The property multipleBirthInteger must be a Number, not a String",
        ),
        (
            r#"{"resourceType":"Patient","name":{"text":"a"}}"#,
            "structure Patient.name: The property name must be a JSON Array, not an Object",
        ),
        (
            r#"{"resourceType":"Patient","name":["a"]}"#,
            "structure Patient.name[0]: The property name must be an Object, not a String",
        ),
        (
            r#"{"resourceType":"Patient","name":[null]}"#,
            "structure Patient.name[0]: The property name must be an Object, not null",
        ),
        (
            r#"{"resourceType":"Patient","gender":["male"]}"#,
            "structure Patient.gender: The property gender must be a String, not an Array",
        ),
        (
            r#"{"resourceType":"Patient","gender":null}"#,
            "structure Patient.gender: The property gender must be a String, not null",
        ),
        (
            r#"{"resourceType":"Patient","maritalStatus":[{"text":"a"}]}"#,
            "structure Patient.maritalStatus: The property maritalStatus must be an Object, not an Array",
        ),
        (r#"{"resourceType":"Patient","name":[]}"#, "structure Patient.name: An array must not be empty"),
        (
            r#"{"resourceType":"Patient","name":[{}]}"#,
            "structure Patient.name[0]: An object must have some content",
        ),
    ]);
}

#[test]
fn cardinalities_are_checked() {
    let from = "(from http://hl7.org/fhir/StructureDefinition";
    check(&[
        (
            r#"{"resourceType":"Observation"}"#,
            &format!(
                "required Observation: Observation.status: minimum required = 1, but only found 0 {from}/Observation|4.0.1)
                 required Observation: Observation.code: minimum required = 1, but only found 0 {from}/Observation|4.0.1)"
            ),
        ),
        (
            r#"{"resourceType":"Patient","link":[{"type":"refer"}]}"#,
            &format!("required Patient.link[0]: Patient.link.other: minimum required = 1, but only found 0 {from}/Patient|4.0.1)"),
        ),
        (
            r#"{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{"display":"a"}}"#,
            &format!("required MedicationRequest: MedicationRequest.medication[x]: minimum required = 1, but only found 0 {from}/MedicationRequest|4.0.1)"),
        ),
        (
            r#"{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"2020"}"#,
            "structure Patient.deceased.ofType(dateTime): Only one type of deceased[x] may be present",
        ),
        (
            r#"{"resourceType":"Patient","deceasedBoolean":true,"_deceasedDateTime":{"id":"a"}}"#,
            "structure Patient.deceased.ofType(dateTime): Only one type of deceased[x] may be present",
        ),
    ]);
}

#[test]
fn formats_and_codes_are_checked() {
    check(&[
        (
            r#"{"resourceType":"Patient","birthDate":"1970-02-30"}"#,
            "value Patient.birthDate: The value of birthDate (date) is not a date (YYYY, YYYY-MM or YYYY-MM-DD)",
        ),
        (
            r#"{"resourceType":"Patient","deceasedDateTime":"2020-01-01T10:00:00"}"#,
            "value Patient.deceased.ofType(dateTime): The value of deceasedDateTime (dateTime) has a time, so it must have seconds and a timezone",
        ),
        (
            r#"{"resourceType":"Patient","language":""}"#,
            "value Patient.language: The value of language (code) is empty",
        ),
        (
            r#"{"resourceType":"Patient","name":[{"given":["a","b\u0000"]}]}"#,
            "value Patient.name[0].given[1]: The value of given (string) has a control character",
        ),
        (
            r#"{"resourceType":"Patient","gender":"Male"}"#,
            "code-invalid Patient.gender: The value provided was not found in the value set http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1, and a code from it is required",
        ),
        (
            r#"{"resourceType":"Patient","text":{"status":"generated","div":"hello"}}"#,
            "value Patient.text.div: The value of div (xhtml) is not XHTML with a div around it",
        ),
        (
            r#"{"resourceType":"AllergyIntolerance","patient":{"display":"a"},"clinicalStatus":{"coding":[{"system":"http://example.org","code":"active"}]}}"#,
            "code-invalid AllergyIntolerance.clinicalStatus: The value provided was not found in the value set http://hl7.org/fhir/ValueSet/allergyintolerance-clinical|4.0.1, and a code from it is required",
        ),
        (
            r#"{"resourceType":"AllergyIntolerance","patient":{"display":"a"},"clinicalStatus":{"text":"active"}}"#,
            "code-invalid AllergyIntolerance.clinicalStatus: No code provided, and a code from the value set http://hl7.org/fhir/ValueSet/allergyintolerance-clinical|4.0.1 is required",
        ),
    ]);
    let good = r#"{"resourceType":"AllergyIntolerance","patient":{"display":"a"},"clinicalStatus":{"coding":[{"code":"x"},{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]}}"#;
    assert_eq!(issues(good), "");
}

#[test]
fn primitives_and_their_twins_go_together() {
    check(&[
        (
            r#"{"resourceType":"Patient","_birthDate":"a"}"#,
            "structure Patient.birthDate: The property birthDate must be an Object beside its value, not a String",
        ),
        (
            r#"{"resourceType":"Patient","_birthDate":{}}"#,
            "structure Patient.birthDate: An object must have some content",
        ),
        (
            r#"{"resourceType":"Patient","_birthDate":{"url":"a"}}"#,
            "structure Patient.birthDate: Unrecognised property 'url'\nstructure Patient.birthDate: An object must have some content",
        ),
        (
            r#"{"resourceType":"Patient","name":[{"given":["a",null]}]}"#,
            "structure Patient.name[0].given: null may only stand where the property with _ has an object",
        ),
        (
            r#"{"resourceType":"Patient","name":[{"given":[null],"_given":[null]}]}"#,
            "structure Patient.name[0].given[0]: null may only stand where the property without _ has a value",
        ),
        (
            r#"{"resourceType":"Patient","name":[{"_given":[null,{"id":"a"}]}]}"#,
            "structure Patient.name[0].given[0]: null may only stand where the property without _ has a value",
        ),
        (
            r#"{"resourceType":"Patient","name":[{"given":["a","b"],"_given":[{"id":"c"}]}]}"#,
            "structure Patient.name[0].given: The properties given and _given must have the same length",
        ),
        (
            r#"{"resourceType":"Patient","name":[{"given":["a"],"_given":{"id":"c"}}]}"#,
            "structure Patient.name[0].given: The property given must be a JSON Array, not an Object",
        ),
        (
            r#"{"resourceType":"Patient","name":[{"given":["a"],"_given":[]}]}"#,
            "structure Patient.name[0].given: An array must not be empty",
        ),
    ]);
}

#[test]
fn references_have_a_form_and_a_type() {
    check(&[
        (
            r#"{"resourceType":"Patient","managingOrganization":{"reference":"some org"}}"#,
            "value Patient.managingOrganization: The reference has none of the forms of a literal reference",
        ),
        (
            r#"{"resourceType":"Patient","managingOrganization":{"reference":"Patient/1"}}"#,
            "structure Patient.managingOrganization: The property managingOrganization may not refer to a Patient",
        ),
        (
            r#"{"resourceType":"Patient","managingOrganization":{"reference":"http://a.example/Patient/1"}}"#,
            "structure Patient.managingOrganization: The property managingOrganization may not refer to a Patient",
        ),
        (
            r#"{"resourceType":"Patient","generalPractitioner":[{"reference":"Practitioner/1","type":"Organization"}]}"#,
            "structure Patient.generalPractitioner[0]: The type of the reference is not Practitioner",
        ),
        (
            r##"{"resourceType":"Patient","managingOrganization":{"reference":"#o"}}"##,
            "not-found Patient.managingOrganization: The reference is to a contained resource that is not there",
        ),
    ]);
}

#[test]
fn resources_within_resources_are_checked() {
    check(&[
        (r#"{"resourceType":"Patient","contained":[{"resourceType":"Organization","name":"a"}]}"#, "required Patient.contained[0]: A contained resource must have an id"),
        (
            r##"{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"a","name":"a","contained":[{"resourceType":"Organization","id":"b","name":"b","partOf":{"reference":"#"}}]}],"managingOrganization":{"reference":"#a"}}"##,
            "structure Patient.contained[0]: A contained resource must not contain others",
        ),
        (r##"{"resourceType":"Patient","contained":[{"id":"a"}],"managingOrganization":{"reference":"#a"}}"##, "structure Patient.contained[0]: The resource has no resourceType"),
        (r#"{"resourceType":"Patient","contained":[1]}"#, "structure Patient.contained[0]: The property contained must be an Object, not a Number"),
        (
            r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Nope"}},{"resource":{"resourceType":"Patient","id":"a_b","active":1},"fullUrl":"urn:a"}]}"#,
            "structure Bundle.entry[0].resource: The resourceType is not a resource type of FHIR R4
             value Bundle.entry[1].resource.id: The value of id (id) is not an id (1 to 64 of A-Z, a-z, 0-9, - and .)
             structure Bundle.entry[1].resource.active: The property active must be a Boolean, not a Number",
        ),
        (
            r##"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"n","partOf":{"reference":"#o"}}]}},{"resource":{"resourceType":"Patient","managingOrganization":{"reference":"#o"}}}]}"##,
            "not-found Bundle.entry[1].resource.managingOrganization: The reference is to a contained resource that is not there",
        ),
        (r#"{"resourceType":"Parameters","parameter":[{"name":"a","resource":{"resourceType":"Patient","x":1}}]}"#, "structure Parameters.parameter[0].resource: Unrecognised property 'x'"),
    ]);
}

#[test]
fn references_to_what_is_contained_are_found_among_few_and_among_many() {
    for count in [1, 16, 17, 20_000] {
        let ids = || (0..count).map(|number| format!("c{number}"));
        let contained: Vec<String> =
            ids().map(|id| format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#)).collect();
        let entries: Vec<String> =
            ids().rev().map(|id| format!(r##"{{"item":{{"reference":"#{id}"}}}}"##)).collect();
        let list = format!(
            r##"{{"resourceType":"List","status":"current","mode":"working","contained":[{}],"entry":[{},{{"item":{{"reference":"#none"}}}}]}}"##,
            contained.join(","),
            entries.join(",")
        );
        let missing = format!(
            "not-found List.entry[{count}].item: The reference is to a contained resource that is not there"
        );
        assert_eq!(issues(&list).trim_end(), missing);
    }
}

#[test]
fn extensions_have_a_url_and_either_a_value_or_extensions() {
    let missing = "minimum required = 1, but only found 0 (from http://hl7.org/fhir/StructureDefinition/Extension|4.0.1)";
    check(&[
        (
            r#"{"resourceType":"Patient","extension":[{"valueString":"a"}]}"#,
            &format!("required Patient.extension[0]: Extension.url: {missing}"),
        ),
        (
            r#"{"resourceType":"Patient","extension":[{"url":"urn:u"}]}"#,
            "structure Patient.extension[0]: An extension must have a value or extensions",
        ),
        (
            r#"{"resourceType":"Patient","extension":[{"url":"urn:u","valueString":"a","extension":[{"url":"v","valueCode":"b"}]}]}"#,
            "structure Patient.extension[0]: An extension must not have both a value and extensions",
        ),
        (
            r#"{"resourceType":"Patient","extension":[{"url":"urn:u","valueString":"a","valueCode":"b"}]}"#,
            "structure Patient.extension[0].value.ofType(code): Only one type of value[x] may be present",
        ),
    ]);
}

#[test]
fn addresses_of_extensions_are_absolute_but_within_extensions() {
    check(&[
        (
            r#"{"resourceType":"Patient","extension":[{"url":"u","valueCode":"a"}]}"#,
            "value Patient.extension[0].url: The url of an extension must be an absolute URL",
        ),
        (
            r#"{"resourceType":"Patient","name":[{"modifierExtension":[]}],"_birthDate":{"extension":[{"url":"u","valueCode":"a"}]}}"#,
            "structure Patient.name[0]: Unrecognised property 'modifierExtension'
             structure Patient.name[0]: An object must have some content
             value Patient.birthDate.extension[0].url: The url of an extension must be an absolute URL",
        ),
        (
            r#"{"resourceType":"Patient","extension":[{"url":"urn:u","extension":[{"url":"v","valuePeriod":{"start":"2020","extension":[{"url":"w","valueCode":"a"}]}}]}]}"#,
            "value Patient.extension[0].extension[0].value.ofType(Period).extension[0].url: The url of an extension must be an absolute URL",
        ),
    ]);
}

#[test]
fn ids_of_elements_are_there_once_in_a_resource() {
    check(&[
        (
            r#"{"resourceType":"Patient","id":"a","name":[{"id":"a","text":"x"},{"id":"b","text":"y"}],"_birthDate":{"id":"b"},"gender":"male","_gender":{"id":"a"}}"#,
            "value Patient.birthDate.id: Another element of the resource has the same id
             value Patient.gender.id: Another element of the resource has the same id",
        ),
        (
            r#"{"resourceType":"Patient","name":[{"id":"a b","text":"x"}]}"#,
            "value Patient.name[0].id: The value of id (string) has a space, which an element's id must not have",
        ),
    ]);
    // What is contained has ids of its own, and so have the resources of a Bundle.
    let twice = r##"{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"n","address":[{"id":"a","text":"x"}]}],"managingOrganization":{"reference":"#o","id":"a"}}"##;
    assert_eq!(issues(twice), "");
}

#[test]
fn issues_never_hold_a_value() {
    let marker = "MARKER-1970";
    for template in [
        r#"{"resourceType":"Patient","birthDate":"@","gender":"@","name":"@","@ x":1,"active":"@","photo":[{"data":"@","url":"@ @"}]}"#,
        r#"{"resourceType":"Patient","managingOrganization":{"reference":"@ @"},"contained":[{"resourceType":"@"}],"_active":"@"}"#,
    ] {
        let text = template.replace('@', marker);
        let found = issues(&text);
        assert!(found.lines().count() > 2 && !found.contains(marker), "{found}");
    }
}

#[test]
fn issues_end_at_their_limit() {
    let patient =
        |count: usize| format!(r#"{{"resourceType":"Patient","name":[{}]}}"#, vec!["{}"; count].join(","));
    assert_eq!(issues(&patient(ISSUES_MAX - 1)).lines().count(), ISSUES_MAX - 1);
    assert_eq!(issues(&patient(ISSUES_MAX + 1)).lines().count(), ISSUES_MAX);
}

#[test]
fn strings_end_at_their_limit() {
    let patient = |length: usize| {
        format!(r#"{{"resourceType":"Patient","name":[{{"text":"{}"}}]}}"#, "a".repeat(length))
    };
    assert_eq!(issues(&patient(STRING_BYTES_MAX)), "");
    let resource = Resource::parse(patient(STRING_BYTES_MAX + 1).into_bytes()).unwrap();
    let found = validate(&resource, Level::StructureOnly);
    assert_eq!((found.len(), found[0].code, found[0].severity), (1, IssueCode::TooLong, Severity::Error));
}

#[test]
fn minimal_only_warns() {
    let resource = Resource::parse_slice(br#"{"resourceType":"Patient","nope":1}"#).unwrap();
    let severities =
        |level| validate(&resource, level).iter().map(|issue| issue.severity).collect::<Vec<_>>();
    assert_eq!(severities(Level::Minimal), [Severity::Warning]);
    assert_eq!(severities(Level::StructureOnly), [Severity::Error]);
    for level in [Level::Strict, Level::StructureOnly, Level::Minimal] {
        assert_eq!(Level::parse(level.as_str()), Some(level));
    }
    assert_eq!(Level::parse("STRICT"), None);
}

#[test]
fn invariants_are_asked() {
    let obs = |rest: &str| {
        format!(r#"{{"resourceType":"Observation","status":"final","code":{{"text":"c"}}{rest}}}"#)
    };
    let patient = |rest: &str| format!(r#"{{"resourceType":"Patient"{rest}}}"#);
    for (text, expected) in [
        (obs(r#","valueString":"a","dataAbsentReason":{"text":"b"}"#), "Observation: obs-6"),
        (
            obs(r#","code":{"coding":[{"system":"s","code":"c"}]},"component":[{"code":{"coding":[{"system":"s","code":"c"}]}}],"valueString":"a""#)
                .replacen(r#","code":{"text":"c"}"#, "", 1),
            "Observation: obs-7",
        ),
        (obs(r#","referenceRange":[{"age":{"low":{"value":1}}}]"#), "Observation.referenceRange[0]: obs-3"),
        (obs(r#","valueQuantity":{"value":1,"code":"mg"}"#), "Observation.value.ofType(Quantity): qty-3"),
        (
            obs(r#","referenceRange":[{"low":{"value":1,"comparator":"<"}}]"#),
            "Observation.referenceRange[0].low: sqty-1",
        ),
        (patient(r#","contact":[{"gender":"male"}]"#), "Patient.contact[0]: pat-1"),
        (patient(r#","name":[{"period":{"start":"2020","end":"2019"}}]"#), "Patient.name[0].period: per-1"),
        (patient(r#","telecom":[{"value":"1"}]"#), "Patient.telecom[0]: cpt-2"),
        (
            patient(r#","contained":[{"resourceType":"Organization","id":"o","name":"n"}]"#),
            "Patient: dom-3",
        ),
        (
            patient(r##","contained":[{"resourceType":"Organization","id":"o","name":"n","meta":{"versionId":"1"}}],"managingOrganization":{"reference":"#o"}"##),
            "Patient: dom-4",
        ),
        (
            patient(r##","contained":[{"resourceType":"Organization","id":"o"}],"managingOrganization":{"reference":"#o"}"##),
            "Patient.contained[0]: org-1",
        ),
        (patient(r#","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"> </div>"}"#), "Patient.text.div: txt-2"),
        (patient(r#","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><script>1</script></div>"}"#), "Patient.text.div: txt-1"),
        (
            r#"{"resourceType":"Bundle","type":"collection","total":1}"#.to_owned(),
            "Bundle: bdl-1",
        ),
        (
            r#"{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient"}}]}"#.to_owned(),
            "Bundle: bdl-3",
        ),
        (
            r#"{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"string"},{"linkId":"1","type":"string"}]}"#.to_owned(),
            "Questionnaire: que-2",
        ),
        (
            r#"{"resourceType":"ValueSet","status":"draft","expansion":{"timestamp":"2020","contains":[{"display":"a"}]}}"#.to_owned(),
            "ValueSet.expansion.contains[0]: vsd-9",
        ),
        (
            r#"{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"string","enableWhen":[{"question":"2","operator":"exists","answerBoolean":true},{"question":"3","operator":"exists","answerBoolean":true}]}]}"#.to_owned(),
            "Questionnaire.item[0]: que-12",
        ),
        (
            r#"{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"string","enableWhen":[{"question":"2","operator":"exists","answerString":"a"}]}]}"#.to_owned(),
            "Questionnaire.item[0].enableWhen[0]: que-7",
        ),
    ] {
        let expected: String = expected.replace(": ", ": Constraint failed: ") + ":";
        let found = issues(&text);
        let stripped = found.strip_prefix("invariant ").unwrap_or_default();
        assert!(stripped.starts_with(&expected) && found.lines().count() == 1, "{text}\n{found}");
    }
}

#[test]
fn invariants_that_hold_are_not_told() {
    let obs = |rest: &str| {
        format!(r#"{{"resourceType":"Observation","status":"final","code":{{"text":"c"}}{rest}}}"#)
    };
    let patient = |rest: &str| format!(r#"{{"resourceType":"Patient"{rest}}}"#);
    for text in [
        obs(r#","valueString":"a""#),
        patient(r##","contained":[{"resourceType":"Provenance","id":"p","target":[{"reference":"#"}],"recorded":"2020-01-01T00:00:00Z","agent":[{"who":{"display":"a"}}]}]"##),
        patient(r#","name":[{"period":{"start":"2020-05","end":"2020-05-02"}}]"#),
        r#"{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"string","enableWhen":[{"question":"2","operator":"exists","answerBoolean":true}]}]}"#.to_owned(),
    ] {
        assert_eq!(issues(&text), "", "{text}");
    }
}

#[test]
fn no_invariant_of_the_standard_asks_for_the_time() {
    let rules = include_str!("../../data/rules.txt");
    assert!(rules.contains(" constraint per-1 "));
    for function in ["now()", "today()", "timeOfDay()"] {
        assert!(!rules.contains(function), "{function}");
    }
}
