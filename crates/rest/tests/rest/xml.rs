//! FHIR in XML through the door: bodies, answers, refusals.

use crate::door::{Answer, World};

const XML: (&str, &str) = ("content-type", "application/fhir+xml; charset=utf-8");
const WANTED: (&str, &str) = ("accept", "application/fhir+xml");

const PATIENT: &str = "<?xml version=\"1.0\"?><Patient xmlns=\"http://hl7.org/fhir\"><id value=\"1\"/>\
    <text><status value=\"generated\"/><div xmlns=\"http://www.w3.org/1999/xhtml\">a <b>c</b></div></text>\
    <active value=\"true\"/><name><family value=\"A\"/></name></Patient>";

fn text(answer: &Answer) -> &str {
    assert_eq!(answer.header("content-type"), "application/fhir+xml;charset=utf-8");
    std::str::from_utf8(&answer.body).unwrap()
}

fn world() -> World {
    let world = World::open();
    let made = world.ask("PUT Patient/1", &[XML], PATIENT);
    assert_eq!((made.status, made.header("etag")), (201, "W/\"1\""));
    world
}

#[test]
fn what_is_written_in_xml_is_read_in_either_format() {
    let world = world();
    let json = world.get("Patient/1").json();
    assert_eq!(json["text"]["div"], "<div xmlns=\"http://www.w3.org/1999/xhtml\">a <b>c</b></div>");
    assert_eq!((&json["active"], &json["name"][0]["family"]), (&true.into(), &"A".into()));
    let expected = PATIENT.replace("\"1.0\"", "\"1.0\" encoding=\"UTF-8\"").replace(
        "<text>",
        "<meta><versionId value=\"1\"/><lastUpdated value=\"2026-11-23T00:00:00.000Z\"/></meta><text>",
    );
    for (path, header) in [
        ("Patient/1", WANTED),
        ("Patient/1?_format=xml", ("accept", "application/fhir+json")),
        ("Patient/1?_format=application/fhir+xml", ("accept", "*/*")),
        ("Patient/1/_history/1", ("accept", "text/xml")),
    ] {
        assert_eq!(text(&world.ask(&format!("GET {path}"), &[header], "")), expected, "{path}");
    }
}

#[test]
fn bundles_and_parts_come_in_xml_and_links_carry_the_format_on() {
    let world = world();
    world.ask("PUT Patient/2", &[XML], &PATIENT.replace("<id value=\"1\"/>", "<id value=\"2\"/>"));
    let page = world.get("Patient?_format=xml&_count=1&_summary=text");
    let page = text(&page);
    assert!(
        page.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Bundle xmlns=\"http://hl7.org/fhir\">")
    );
    assert!(page.contains("<mode value=\"match\"/>") && page.contains("SUBSETTED"));
    assert!(!page.contains("<active"), "{page}");
    let next =
        page.split("<relation value=\"next\"/><url value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(next.ends_with("&amp;_format=xml&amp;_summary=text"), "{next}");
    assert!(text(&world.get(&next.replace("&amp;", "&"))).contains("<Bundle"));
    assert!(text(&world.get("Patient/1/_history?_format=xml")).contains("<etag value=\"W/&quot;1&quot;\"/>"));
    assert!(text(&world.get("metadata?_format=xml")).contains("<CapabilityStatement"));
    assert!(
        text(&world.get("Patient/1?_format=xml&_pretty=true")).contains("\n  <active value=\"true\"/>\n")
    );
}

#[test]
fn writes_answer_in_the_format_that_is_wanted() {
    let world = world();
    let answer = world.ask("POST Patient", &[XML, WANTED], PATIENT);
    assert_eq!(answer.status, 201);
    assert!(text(&answer).contains("<versionId value=\"1\"/>"));
    assert_eq!(world.ask("POST Patient", &[XML], PATIENT).json()["active"], true);
    let outcome = world.ask("PUT Patient/1", &[XML, WANTED, ("prefer", "return=OperationOutcome")], PATIENT);
    assert!(text(&outcome).contains("<OperationOutcome"));
}

#[test]
fn refusals_come_in_xml_when_that_is_wanted() {
    let world = world();
    for (line, status) in [
        ("GET Patient/none", 404),
        ("GET Patient?nonsense=1", 400),
        ("PUT Patient/2", 400),
        ("GET Patient?_summary=nonsense&_format=xml", 400),
    ] {
        let answer = world.ask(line, &[WANTED], "");
        assert_eq!(answer.status, status, "{line}");
        assert!(text(&answer).contains("<OperationOutcome xmlns=\"http://hl7.org/fhir\"><issue>"), "{line}");
    }
}

#[test]
fn a_body_that_is_no_resource_in_xml_is_refused_where_it_is_wrong() {
    let world = world();
    for (body, told) in [
        (
            PATIENT.replace("<name>", "\n<name><given/>"),
            "line 2: The element has neither a value nor an extension.",
        ),
        (
            PATIENT.replace("?>", "?><!DOCTYPE Patient SYSTEM \"file:///etc/passwd\">"),
            "line 1: A document type declaration is not allowed.",
        ),
        ("{}".into(), "line 1: Text is not allowed outside a narrative."),
        (PATIENT.replace("</Patient>", ""), "line 1: The document ends too early."),
    ] {
        let answer = world.ask("PUT Patient/1", &[XML], &body);
        assert_eq!(answer.refusal(), (400, "structure".into()), "{body}");
        assert_eq!(answer.diagnostics(), format!("The body is not a resource in XML: {told}"));
    }
    let invalid = world.ask("PUT Patient/1", &[XML], &PATIENT.replace("\"true\"", "\"yes\""));
    assert_eq!(invalid.refusal(), (400, "processing".into()));
    assert_eq!(invalid.json()["issue"][1]["expression"][0], "Patient.active");
    let json = world.ask("PUT Patient/1", &[("content-type", "application/json")], PATIENT);
    assert_eq!(json.refusal(), (400, "invalid".into()));
}
