//! The published AWS SigV4 test suite, through the crate's one door: a request goes in, `Access` comes out.
#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::{collections::BTreeMap, sync::Arc};

use access::{
    Credentials, PathForm, Payload, Principal, Secret, Service, SignatureError, SignedRequest, Verifier,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// 2015-08-30T12:36:00Z, when the whole suite was signed.
const SIGNED_AT: i64 = 1_440_938_160;

/// A case of the suite.
#[derive(Default)]
struct Case {
    name: String,
    files: BTreeMap<String, String>,
}

/// A request of the suite, taken apart.
struct Request {
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: String,
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for section in include_str!("data/aws-signing-test-suite-v4.txt").split("==== ").skip(1) {
        let (title, text) = section.split_once('\n').unwrap();
        let (name, file) = title.split_once('/').unwrap();
        if cases.last().is_none_or(|case| case.name != name) {
            cases.push(Case { name: name.to_owned(), ..Case::default() });
        }
        cases.last_mut().unwrap().files.insert(file.to_owned(), text.to_owned());
    }
    cases
}

impl Request {
    fn parse(text: &str) -> Request {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        // HTTP has no folded lines any more; a server that still takes them sees one space.
        let unfolded = head.replace("\n ", " ");
        let mut lines = unfolded.lines();
        let line = lines.next().unwrap();
        let (method, target) = line.strip_suffix(" HTTP/1.1").unwrap().split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = HeaderMap::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap();
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: body.trim_end_matches('\n').to_owned(),
        }
    }

    fn verify(&self, verifier: &Verifier, now: i64) -> Result<(), SignatureError> {
        let request = SignedRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            authority: None,
            body: self.body.as_bytes(),
        };
        verifier.verify(&request, now).map(|access| assert_eq!(access.account_id(), "123456789012"))
    }
}

impl Case {
    /// A verifier that knows the key of the case. The path is written as the case says.
    fn verifier(&self, secret: Option<&str>) -> Verifier {
        let context: serde_json::Value = serde_json::from_str(&self.files["context.json"]).unwrap();
        let text = |name: &str| context["credentials"][name].as_str();
        let credentials = Credentials {
            access_key_id: text("access_key_id").unwrap().to_owned(),
            secret: Secret::new(secret.or(text("secret_access_key")).unwrap()),
            session_token: text("token").map(Secret::new),
        };
        let account_id = "123456789012".to_owned();
        let principal = Principal { credentials, account_id, expires_unix_seconds: None };
        let service = Service { name: "service", path_form: PathForm::Twice, payload: Payload::Signed };
        Verifier::new(service, Arc::new(principal))
    }
}

const FORMS: [(&str, i64); 2] = [("header-signed-request.txt", 900), ("query-signed-request.txt", 3600)];

#[test]
fn every_published_request_verifies_in_both_forms() {
    let cases = cases();
    assert_eq!(cases.len(), 38);
    for case in &cases {
        for (form, good_seconds) in FORMS {
            let request = Request::parse(&case.files[form]);
            for now in [SIGNED_AT, SIGNED_AT - 900, SIGNED_AT + good_seconds] {
                let verified = request.verify(&case.verifier(None), now);
                assert_eq!(verified, Ok(()), "{} {form} at {now}", case.name);
            }
        }
    }
}

#[test]
fn a_published_request_is_refused_one_second_outside_its_time() {
    for case in &cases() {
        for (form, good_seconds) in FORMS {
            let request = Request::parse(&case.files[form]);
            for (now, word) in
                [(SIGNED_AT - 901, "not yet current"), (SIGNED_AT + good_seconds + 1, "expired")]
            {
                let error = request.verify(&case.verifier(None), now).unwrap_err();
                assert_eq!(error.name(), "InvalidSignatureException");
                assert!(error.to_string().contains(word), "{} {form}: {error}", case.name);
            }
        }
    }
}

#[test]
fn a_published_request_is_refused_with_another_secret() {
    for case in &cases() {
        for (form, _) in FORMS {
            let request = Request::parse(&case.files[form]);
            let error = request.verify(&case.verifier(Some("another")), SIGNED_AT).unwrap_err();
            assert!(
                error.to_string().starts_with("The request signature we calculated"),
                "{} {form}",
                case.name
            );
        }
    }
}

#[test]
fn a_published_request_is_refused_when_anything_that_it_covers_changes() {
    for case in &cases() {
        for (form, _) in FORMS {
            let verifier = case.verifier(None);
            let sent = || Request::parse(&case.files[form]);
            let changes: [fn(&mut Request); 5] = [
                |r| r.method = "DELETE".to_owned(),
                |r| r.path.push('x'),
                |r| r.query.push_str("&x=1"),
                |r| r.body.push('x'),
                |r| r.headers.insert("host", HeaderValue::from_static("x")).map(|_| ()).unwrap(),
            ];
            for (n, change) in changes.iter().enumerate() {
                let mut request = sent();
                change(&mut request);
                let error = request.verify(&verifier, SIGNED_AT).unwrap_err();
                assert_eq!(error.name(), "InvalidSignatureException", "{} {form} {n}", case.name);
            }
        }
    }
}
