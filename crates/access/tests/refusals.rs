//! What is refused, with which AWS exception; and that what our own signer signs is taken.
#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::sync::Arc;

use access::{
    CLOCK_SKEW_SECONDS_MAX, Credentials, HEALTHLAKE, PRESIGNED_SECONDS_MAX, PathForm, Payload, Principal,
    SIGNED_HEADERS_MAX, Secret, Service, SignatureError, SignedRequest, Signer, Verifier, Who,
    claimed_service,
};
use http::{HeaderValue, Request, request::Parts};

const NOW: i64 = 1_795_000_000;
const BODY: &[u8] = b"{\"DatastoreName\":\"one\"}";

fn credentials(session_token: Option<&str>) -> Credentials {
    Credentials {
        access_key_id: "AKIAEXAMPLE".to_owned(),
        secret: Secret::new("secret"),
        session_token: session_token.map(Secret::new),
    }
}

fn verifier(credentials: Credentials, service: Service) -> Verifier {
    let account_id = "123456789012".to_owned();
    let principal = Principal { credentials, account_id, expires_unix_seconds: Some(NOW + 60) };
    Verifier::new(service, Arc::new(principal))
}

fn signed(credentials: &Credentials, uri: &str) -> Parts {
    let request = Request::post(uri)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "HealthLake.CreateFHIRDatastore");
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    let signer = Signer {
        credentials,
        region: "us-east-1",
        service: "healthlake",
        path_form: PathForm::Twice,
        unix_seconds: NOW,
    };
    signer.sign(&mut parts, BODY).unwrap();
    parts
}

fn verify(verifier: &Verifier, parts: &Parts, now: i64) -> Result<(), SignatureError> {
    let request = SignedRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        authority: parts.uri.authority().map(|a| a.as_str()),
        body: BODY,
    };
    let access = verifier.verify(&request, now)?;
    assert_eq!(access.who(), &Who::Owner { access_key_id: "AKIAEXAMPLE".to_owned() });
    Ok(())
}

/// A signed request after `change`, as `name: sentence`, or `taken`.
fn outcome(change: impl FnOnce(&mut Parts)) -> String {
    let key = credentials(None);
    let mut parts = signed(&key, "http://localhost:8080/");
    change(&mut parts);
    match verify(&verifier(key, HEALTHLAKE), &parts, NOW) {
        Ok(()) => "taken".to_owned(),
        Err(error) => format!("{}: {error}", error.name()),
    }
}

fn set(parts: &mut Parts, name: &'static str, value: &str) {
    parts.headers.insert(name, HeaderValue::from_str(value).unwrap());
}

/// Replaces text in the Authorization header.
fn rewrite(parts: &mut Parts, from: &str, to: &str) {
    let text = parts.headers["authorization"].to_str().unwrap().replace(from, to);
    set(parts, "authorization", &text);
}

#[test]
fn what_our_signer_signs_is_taken() {
    let key = credentials(None);
    for uri in [
        "http://localhost:8080/",
        "http://localhost:8080/datastore/1/r4/Patient/$everything?_count=5&code=http://loinc.org|1-8",
        "http://localhost:8080/datastore/1/r4/Patient/%24everything",
        "http://localhost:8080//datastore/./1/../1/r4/Patient/?a=%20&a=+&b",
    ] {
        let parts = signed(&key, uri);
        assert_eq!(verify(&verifier(key.clone(), HEALTHLAKE), &parts, NOW), Ok(()), "{uri}");
        assert_eq!(claimed_service("", &parts.headers).as_deref(), Some("healthlake"));
    }
}

#[test]
fn an_http_2_request_without_host_is_taken_by_its_authority() {
    assert_eq!(outcome(|p| p.headers.remove("host").map(|_| ()).unwrap()), "taken");
}

#[test]
fn each_fault_has_its_aws_exception() {
    let missing = "MissingAuthenticationTokenException: Missing Authentication Token";
    let mismatch = "InvalidSignatureException: The request signature we calculated does not match the signature \
                    you provided. Check your AWS Secret Access Key and signing method. Consult the service \
                    documentation for details.";
    let unsigned = "InvalidSignatureException: 'X-Amz-Date' (or 'Date') and 'X-Amz-Target' must be \
                    'SignedHeader's in the AWS Authorization.";
    type Change = fn(&mut Parts);
    let cases: [(Change, &str); 14] = [
        (|p| p.headers.remove("authorization").map(|_| ()).unwrap(), missing),
        (|p| set(p, "authorization", "Bearer x"), missing),
        (
            |p| set(p, "authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request"),
            "IncompleteSignatureException: Authorization header requires 'Signature' parameter. Authorization \
             header requires 'SignedHeaders' parameter. ",
        ),
        (
            |p| rewrite(p, "/us-east-1", ""),
            "IncompleteSignatureException: Credential must have at least 5 slash-delimited elements, e.g. \
             keyid/date/region/service/term.",
        ),
        (
            |p| rewrite(p, "aws4_request", "aws5_request"),
            "InvalidSignatureException: Credential should be scoped with a valid terminator: 'aws4_request', \
             not 'aws5_request'.",
        ),
        (
            |p| rewrite(p, "/healthlake/", "/s3/"),
            "InvalidSignatureException: Credential should be scoped to correct service: 'healthlake'. ",
        ),
        (
            |p| set(p, "x-amz-date", "20261119T000000Z"),
            "InvalidSignatureException: Date in Credential scope does not match YYYYMMDD from ISO-8601 version \
             of date from HTTP: '20261118' != '20261119', from '20261119T000000Z'.",
        ),
        (
            |p| rewrite(p, "AKIAEXAMPLE", "AKIASTRANGER"),
            "UnrecognizedClientException: The security token included in the request is invalid.",
        ),
        (
            |p| set(p, "x-amz-security-token", "x"),
            "UnrecognizedClientException: The security token included in the request is invalid.",
        ),
        (|p| set(p, "x-amz-target", "HealthLake.DeleteFHIRDatastore"), mismatch),
        (|p| rewrite(p, "Signature=", "Signature=0"), mismatch),
        (|p| rewrite(p, ";x-amz-target", ""), unsigned),
        (|p| rewrite(p, ";x-amz-date", ""), unsigned),
        (
            |p| set(p, "x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
            "InvalidSignatureException: The provided 'x-amz-content-sha256' header does not match what was computed.",
        ),
    ];
    for (n, (change, expected)) in cases.into_iter().enumerate() {
        assert_eq!(outcome(change), expected, "case {n}");
    }
}

#[test]
fn the_clock_may_differ_by_the_skew_and_not_by_a_second_more() {
    let key = Credentials { session_token: None, ..credentials(None) };
    let parts = signed(&key, "http://localhost/");
    let account_id = "123456789012".to_owned();
    let principal = Principal { credentials: key, account_id, expires_unix_seconds: None };
    let verifier = Verifier::new(HEALTHLAKE, Arc::new(principal));
    for skew in [-CLOCK_SKEW_SECONDS_MAX, CLOCK_SKEW_SECONDS_MAX] {
        assert_eq!(verify(&verifier, &parts, NOW + skew), Ok(()));
        let error = verify(&verifier, &parts, NOW + skew + skew.signum()).unwrap_err();
        assert_eq!((error.name(), error.status()), ("InvalidSignatureException", 403));
    }
}

#[test]
fn a_session_needs_its_token_and_ends() {
    let key = credentials(Some("token=="));
    let parts = signed(&key, "http://localhost/");
    let verifier = verifier(key.clone(), HEALTHLAKE);
    assert_eq!(verify(&verifier, &parts, NOW + 59), Ok(()));
    assert_eq!(verify(&verifier, &parts, NOW + 60), Err(SignatureError::ExpiredToken));
    let without = signed(&credentials(None), "http://localhost/");
    assert_eq!(verify(&verifier, &without, NOW), Err(SignatureError::UnrecognizedClient));
}

#[test]
fn an_unsigned_payload_is_taken_only_where_the_service_allows_it() {
    let key = credentials(None);
    let (mut parts, ()) = Request::put("http://localhost/").body(()).unwrap().into_parts();
    set(&mut parts, "x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    let service = Service { payload: Payload::MayBeUnsigned, ..HEALTHLAKE };
    let signer = Signer {
        credentials: &key,
        region: "us-east-1",
        service: "healthlake",
        path_form: PathForm::Twice,
        unix_seconds: NOW,
    };
    signer.sign(&mut parts, BODY).unwrap();
    let refused = verify(&verifier(key.clone(), HEALTHLAKE), &parts, NOW);
    assert_eq!(refused, Err(SignatureError::ContentHashMismatch));
    assert_eq!(verify(&verifier(key, service), &parts, NOW), Ok(()));
}

#[test]
fn a_presigned_life_is_refused_one_second_past_a_week() {
    let day = "20261118T000000Z";
    let verify_with = |expires: i64| {
        let uri = format!(
            "http://localhost/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAEXAMPLE%2F20261118%2F\
             us-east-1%2Fhealthlake%2Faws4_request&X-Amz-Date={day}&X-Amz-Expires={expires}\
             &X-Amz-SignedHeaders=host&X-Amz-Signature=00"
        );
        let (parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
        assert_eq!(
            claimed_service(parts.uri.query().unwrap(), &parts.headers).as_deref(),
            Some("healthlake")
        );
        verify(&verifier(credentials(None), HEALTHLAKE), &parts, NOW - 86_400).unwrap_err().name()
    };
    assert_eq!(verify_with(PRESIGNED_SECONDS_MAX), "InvalidSignatureException");
    assert_eq!(verify_with(PRESIGNED_SECONDS_MAX + 1), "IncompleteSignatureException");
    assert_eq!(verify_with(1), "InvalidSignatureException");
    assert_eq!(verify_with(0), "IncompleteSignatureException");
}

#[test]
fn a_signature_may_name_only_so_many_headers() {
    let named = |count: usize| {
        outcome(|p| {
            let more: String = (0..count - 4).map(|n| format!(";x-{n}")).collect();
            rewrite(p, ";x-amz-target", &format!(";x-amz-target{more}"));
        })
    };
    assert!(named(SIGNED_HEADERS_MAX).contains("is not in the request"));
    assert!(named(SIGNED_HEADERS_MAX + 1).contains("too many headers"));
}
