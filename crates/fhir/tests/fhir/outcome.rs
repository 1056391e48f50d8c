//! OperationOutcome as JSON.

use fhir::{Issue, IssueCode, Outcome, Severity};

#[test]
fn an_outcome_is_a_resource() {
    let issue = Issue::error(IssueCode::Structure, "Unrecognised property 'a\"b'").at("Patient.name[0]");
    let text = String::from_utf8(Outcome::from(issue).to_json()).unwrap();
    let expected = serde_json::json!({"resourceType": "OperationOutcome", "issue": [{
        "severity": "error", "code": "structure", "diagnostics": "Unrecognised property 'a\"b'",
        "location": ["Patient.name[0]"], "expression": ["Patient.name[0]"]}]});
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), expected);
}

#[test]
fn control_characters_are_escaped() {
    let issue = Issue::error(IssueCode::Invalid, "a\u{1}\u{1f}\n\r\t\\é");
    let text = String::from_utf8(Outcome::from(issue.clone()).to_json()).unwrap();
    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read["issue"][0]["diagnostics"], issue.diagnostics);
}

#[test]
fn only_errors_are_errors() {
    let issue = |severity| Issue { severity, ..Issue::error(IssueCode::Informational, "x") };
    let all = [Severity::Fatal, Severity::Error, Severity::Warning, Severity::Information];
    let verdicts = all.map(|severity| Outcome(vec![issue(severity)]).has_errors());
    assert_eq!(verdicts, [true, true, false, false]);
    assert_eq!(IssueCode::ALL.len(), 31);
}
