//! What holds between the entries of a Bundle: one table of Bundles and what is wrong with them.

use fhir::{Level, Resource, validate};

const ONE: &str = "urn:uuid:c757873d-ec9a-4326-a141-000000000001";
const TWO: &str = "urn:uuid:c757873d-ec9a-4326-a141-000000000002";

fn issues(bundle: &str) -> Vec<String> {
    let resource =
        Resource::parse_slice(bundle.as_bytes()).unwrap_or_else(|error| panic!("{error}: {bundle}"));
    let found = validate(&resource, Level::Strict);
    found.iter().map(|issue| format!("{}: {}", issue.expression[0], issue.diagnostics)).collect()
}

fn collection(entries: &str) -> String {
    format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{entries}]}}"#)
}

/// A document whose Composition has these members, and these entries behind it.
fn document(first_url: &str, members: &str, entries: &str) -> String {
    format!(
        r#"{{"resourceType":"Bundle","type":"document","identifier":{{"system":"urn:a","value":"1"}},
        "timestamp":"2020-01-01T00:00:00Z","entry":[{{"fullUrl":"{first_url}","resource":{{"resourceType":"Composition",
        "id":"c","status":"final","type":{{"text":"a"}},"date":"2020","author":[{{"display":"a"}}],"title":"a"
        {members}}}}}{entries}]}}"#
    )
}

fn patient(full_url: &str, members: &str) -> String {
    format!(r#"{{"fullUrl":"{full_url}","resource":{{"resourceType":"Patient","id":"p"{members}}}}}"#)
}

#[test]
fn full_urls_identify_the_resources_of_entries() {
    let without = r#"{"resource":{"resourceType":"Patient","id":"p"}}"#;
    for (entries, expected) in [
        (patient("http://a.example/Patient/p", ""), vec![]),
        (patient(ONE, ""), vec![]),
        (patient("http://a.example/some/page", ""), vec![]),
        (r#"{"resource":{"resourceType":"Patient"}}"#.to_owned(), vec![]),
        (r#"{"resource":{"resourceType":"OperationOutcome","id":"o","issue":[{"severity":"error","code":"value"}]}}"#.to_owned(), vec![]),
        (without.to_owned(), vec!["Bundle.entry[0]: An entry with an identified resource must have a fullUrl"]),
        (
            r#"{"fullUrl":"http://a.example/Patient/p","resource":{"resourceType":"Patient"}}"#.to_owned(),
            vec!["Bundle.entry[0]: The fullUrl must end with the resource's type and id"],
        ),
        (patient("Patient/p", ""), vec!["Bundle.entry[0]: The fullUrl must be an absolute URL"]),
        (
            patient("http://a.example/Patient/q", ""),
            vec!["Bundle.entry[0]: The fullUrl must end with the resource's type and id"],
        ),
        (
            patient("http://a.example/Group/p", ""),
            vec!["Bundle.entry[0]: The fullUrl must end with the resource's type and id"],
        ),
    ] {
        assert_eq!(issues(&collection(&entries)), expected, "{entries}");
    }
    let batch = format!(
        r#"{{"resourceType":"Bundle","type":"batch","entry":[{}]}}"#,
        without.replace(r#"{"resource":"#, r#"{"request":{"method":"PUT","url":"Patient/p"},"resource":"#)
    );
    assert_eq!(issues(&batch), Vec::<String>::new());
}

#[test]
fn references_within_a_bundle_lead_to_the_right_types() {
    let organization =
        format!(r#"{{"fullUrl":"{TWO}","resource":{{"resourceType":"Organization","name":"a"}}}}"#);
    let by = |name: &str| patient(ONE, &format!(r#","{name}":[{{"reference":"{TWO}"}}]"#));
    let good = format!("{},{organization}", by("generalPractitioner"));
    assert_eq!(issues(&collection(&good)), Vec::<String>::new());
    let linked = patient(ONE, &format!(r#","link":[{{"type":"refer","other":{{"reference":"{TWO}"}}}}]"#));
    assert_eq!(
        issues(&collection(&format!("{linked},{organization}"))),
        ["Bundle.entry[0].resource.link[0].other: The property other may not refer to a Organization"]
    );
}

#[test]
fn a_document_holds_what_its_composition_refers_to_and_nothing_else() {
    let subject = |reference: &str| format!(r#","subject":{{"reference":"{reference}"}}"#);
    let base = "http://a.example/fhir/Composition/c";
    let behind = |full_url: &str, members: &str| format!(",{}", patient(full_url, members));
    let missing = "Bundle.entry[0]: Composition.subject refers to a resource that is not in the Bundle";
    let alone = "Bundle.entry[1]: The entry cannot be reached from the document's Composition";
    let back = |reference: &str| {
        format!(
            r#",{{"fullUrl":"{TWO}","resource":{{"resourceType":"Basic","code":{{"text":"a"}},"subject":{{"reference":"{reference}"}}}}}}"#
        )
    };
    for (bundle, expected) in [
        (document(ONE, "", ""), vec![]),
        (document(ONE, &subject(TWO), &behind(TWO, "")), vec![]),
        (document(ONE, &subject("Patient/p"), &behind(TWO, "")), vec![]),
        (document(base, &subject("Patient/p"), &behind("http://a.example/fhir/Patient/p", "")), vec![]),
        (
            document(
                ONE,
                r##","subject":{"reference":"#a"},"contained":[{"resourceType":"Patient","id":"a"}]"##,
                "",
            ),
            vec![],
        ),
        (document(ONE, "", &back(ONE)), vec![]),
        (document(ONE, &subject(TWO), ""), vec![missing]),
        (
            document(base, &subject("Patient/p"), &behind("http://b.example/fhir/Patient/p", "")),
            vec![missing, alone],
        ),
        (document(ONE, "", &back("Patient/other")), vec![alone]),
        (
            document(
                ONE,
                r#","section":[{"title":"a","section":[{"title":"b","entry":[{"reference":"Patient/x"}]}]}]"#,
                "",
            ),
            vec![
                "Bundle.entry[0]: Composition.section.section.entry refers to a resource that is not in the Bundle",
            ],
        ),
        (
            document(ONE, r#","attester":[{"mode":"legal","party":{"reference":"Patient/x"}}]"#, ""),
            vec![
                "Bundle.entry[0]: Composition.attester.party refers to a resource that is not in the Bundle",
            ],
        ),
    ] {
        assert_eq!(issues(&bundle), expected, "{bundle}");
    }
}

#[test]
fn a_reference_to_a_version_wants_that_version() {
    let url = "http://a.example/fhir/Patient/p";
    let subject = format!(r#","subject":{{"reference":"{url}/_history/2"}}"#);
    let entry =
        |version: &str| format!(",{}", patient(url, &format!(r#","meta":{{"versionId":"{version}"}}"#)));
    let both = entry("1") + &entry("2");
    assert_eq!(issues(&document(ONE, &subject, &both)), Vec::<String>::new());
    assert_eq!(issues(&document(ONE, &subject, &entry("1"))).len(), 2);
}

#[test]
fn an_empty_document_has_no_composition_that_comes_first() {
    let empty = r#"{"resourceType":"Bundle","type":"document","identifier":{"system":"urn:a","value":"1"},"timestamp":"2020-01-01T00:00:00Z"}"#;
    assert_eq!(
        issues(empty),
        ["Bundle: Constraint failed: bdl-11: 'A document must have a Composition as the first resource'"]
    );
}

#[test]
fn an_answer_to_a_search_has_each_link_once_and_outcomes_as_such() {
    let answer = |links: &str, resource: &str, mode: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"searchset","link":[{{"relation":"self","url":"http://a.example"}}{links}],
            "entry":[{{"fullUrl":"{ONE}","resource":{resource},"search":{{"mode":"{mode}"}}}}]}}"#
        )
    };
    let outcome = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"value"}]}"#;
    let patient = r#"{"resourceType":"Patient","id":"p"}"#;
    let link = |relation: &str| format!(r#",{{"relation":"{relation}","url":"http://b.example"}}"#);
    let mistaken = "Bundle.entry[0]: An OperationOutcome, and nothing else, is in an answer as outcome";
    for (bundle, expected) in [
        (answer(&link("next"), patient, "match"), vec![]),
        (answer(&(link("edit") + &link("edit")), patient, "include"), vec![]),
        (answer("", outcome, "outcome"), vec![]),
        (answer(&link("self"), patient, "match"), vec!["Bundle: The link self can be there only once"]),
        (answer("", outcome, "match"), vec![mistaken]),
        (answer("", patient, "outcome"), vec![mistaken]),
    ] {
        assert_eq!(issues(&bundle), expected, "{bundle}");
    }
}
