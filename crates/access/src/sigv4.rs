//! Verifies AWS Signature Version 4: who sent a request, in its header form and its presigned (query) form.

use std::sync::Arc;

use aws_lc_rs::hmac;
use http::HeaderMap;

use crate::{
    Access,
    canonical::{self, Canonical, PathForm},
    claim::{Claim, Form},
    credentials::{CredentialStore, Principal},
    key::{self, KeyCache},
    signature_error::{MISMATCH, SignatureError, incomplete, invalid},
    timestamp,
};

/// How far a signature's time may lie from ours, in seconds.
pub const CLOCK_SKEW_SECONDS_MAX: i64 = 15 * 60;
/// The longest that a presigned request may be good for, in seconds (seven days).
pub const PRESIGNED_SECONDS_MAX: i64 = 604_800;
/// The most headers that a signature may name.
pub const SIGNED_HEADERS_MAX: usize = 100;

const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// What a service asks of signatures.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// Its name in credential scopes: `healthlake`.
    pub name: &'static str,
    /// How its clients write the path they sign.
    pub path_form: PathForm,
    /// Whether a client may leave the payload out of the signature.
    pub payload: Payload,
}

/// Whether a signature covers the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// It always does.
    Signed,
    /// `x-amz-content-sha256: UNSIGNED-PAYLOAD` is taken.
    MayBeUnsigned,
}

/// AWS HealthLake: control plane and FHIR.
pub const HEALTHLAKE: Service =
    Service { name: "healthlake", path_form: PathForm::Twice, payload: Payload::Signed };

/// The parts of an HTTP request that a signature speaks of, as they were received.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// `GET`, `POST`, …
    pub method: &'a str,
    /// The path as sent, neither decoded nor normalized.
    pub path: &'a str,
    /// The query as sent, without the `?`; empty if there is none.
    pub query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The `:authority` of HTTP/2, for requests without a `Host`.
    pub authority: Option<&'a str>,
    /// The body as sent, before any decompression.
    pub body: &'a [u8],
}

/// Verifies the requests of one service.
pub struct Verifier {
    service: Service,
    store: Arc<dyn CredentialStore>,
    keys: KeyCache,
}

impl Verifier {
    /// A verifier for a service, with the keys that it knows.
    pub fn new(service: Service, store: Arc<dyn CredentialStore>) -> Verifier {
        Verifier { service, store, keys: KeyCache::default() }
    }

    /// Who sent the request. `now_unix_seconds` is our clock.
    pub fn verify(
        &self,
        request: &SignedRequest<'_>,
        now_unix_seconds: i64,
    ) -> Result<Access, SignatureError> {
        let claim = Claim::of(request)?;
        self.check_scope(&claim)?;
        check_time(&claim, now_unix_seconds)?;
        let principal = self.store.find(&claim.access_key_id).ok_or(SignatureError::UnrecognizedClient)?;
        check_session(&principal, &claim, now_unix_seconds)?;
        self.check_signature(request, &claim, &principal)?;
        Ok(Access::owner(&principal))
    }

    fn check_scope(&self, claim: &Claim) -> Result<(), SignatureError> {
        if claim.scope.service != self.service.name {
            let name = self.service.name;
            return Err(invalid(format!("Credential should be scoped to correct service: '{name}'. ")));
        }
        let (in_scope, time) = (&claim.scope.date, &claim.timestamp);
        match time.get(..8) {
            Some(date) if date == in_scope => Ok(()),
            date => Err(invalid(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{in_scope}' != '{}', from '{time}'.",
                date.unwrap_or_default()
            ))),
        }
    }

    fn check_signature(
        &self,
        request: &SignedRequest<'_>,
        claim: &Claim,
        principal: &Principal,
    ) -> Result<(), SignatureError> {
        let names: Vec<&str> = claim.signed_headers.split(';').collect();
        check_signed_headers(request.headers, claim, &names)?;
        let missing = || invalid("A header that the signature names is not in the request.".to_owned());
        let payload_hash = self.payload_hash(request)?;
        let canonical = Canonical {
            method: request.method,
            headers: canonical::headers(&names, request.headers, request.authority).ok_or_else(missing)?,
            signed_headers: &claim.signed_headers,
            payload_hash: &payload_hash,
        };
        let secret = &principal.credentials.secret;
        let signature = hex::decode(&claim.signature).map_err(|_| invalid(MISMATCH.to_owned()))?;
        let (key, is_kept) = self.keys.get(&claim.access_key_id, secret, &claim.scope);
        let matches = |path: &str, query: &str| {
            let text = key::string_to_sign(&claim.timestamp, &claim.scope, &canonical.bytes(path, query));
            hmac::verify(&key, text.as_bytes(), &signature).is_ok()
        };
        let mut paths = canonical::paths(request.path, self.service.path_form);
        if !paths.any(|path| claim.canonical_queries(request.query).any(|query| matches(&path, &query))) {
            return Err(invalid(MISMATCH.to_owned()));
        }
        if !is_kept {
            self.keys.keep(&claim.access_key_id, secret, &claim.scope, &key);
        }
        Ok(())
    }

    /// The hash that stands in the canonical request. It is computed here: what the client says it is must agree.
    fn payload_hash(&self, request: &SignedRequest<'_>) -> Result<String, SignatureError> {
        let said = request.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
        if said == Some(UNSIGNED_PAYLOAD) && self.service.payload == Payload::MayBeUnsigned {
            return Ok(UNSIGNED_PAYLOAD.to_owned());
        }
        let computed = key::hex_sha256(request.body);
        match said {
            Some(said) if !said.eq_ignore_ascii_case(&computed) => Err(SignatureError::ContentHashMismatch),
            _ => Ok(computed),
        }
    }
}

/// Whether the signature's time is now, within the skew, or for a presigned request within its life.
fn check_time(claim: &Claim, now: i64) -> Result<(), SignatureError> {
    let signed = claim.unix_seconds;
    let good_seconds = match claim.form {
        Form::Header => CLOCK_SKEW_SECONDS_MAX,
        Form::Presigned { good_seconds } => good_seconds,
    };
    let time = &claim.timestamp;
    if now > signed.saturating_add(good_seconds) {
        let earliest = timestamp::format(now - good_seconds);
        let how = match claim.form {
            Form::Header => format!("{} - 15 min.", timestamp::format(now)),
            Form::Presigned { .. } => format!("{} - {good_seconds} s", timestamp::format(now)),
        };
        return Err(invalid(format!("Signature expired: {time} is now earlier than {earliest} ({how})")));
    }
    if signed > now.saturating_add(CLOCK_SKEW_SECONDS_MAX) {
        let (latest, now) = (timestamp::format(now + CLOCK_SKEW_SECONDS_MAX), timestamp::format(now));
        return Err(invalid(format!(
            "Signature not yet current: {time} is still later than {latest} ({now} + 15 min.)"
        )));
    }
    Ok(())
}

/// Whether the key's session is the one named and still on. A permanent key takes no token.
fn check_session(principal: &Principal, claim: &Claim, now: i64) -> Result<(), SignatureError> {
    if principal.credentials.session_token != claim.session_token {
        return Err(SignatureError::UnrecognizedClient);
    }
    match principal.expires_unix_seconds {
        Some(end) if now >= end => Err(SignatureError::ExpiredToken),
        _ => Ok(()),
    }
}

/// Whether the signature covers the headers that say where, when and what: without them it could be replayed
/// to another host, at another time, or as another action.
fn check_signed_headers(headers: &HeaderMap, claim: &Claim, names: &[&str]) -> Result<(), SignatureError> {
    if names.len() > SIGNED_HEADERS_MAX {
        return Err(incomplete("The signature names too many headers."));
    }
    if !names.contains(&"host") {
        return Err(invalid(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned(),
        ));
    }
    let must = |name: &str| headers.contains_key(name) && !names.contains(&name);
    let is_time_unsigned = matches!(claim.form, Form::Header) && (must("x-amz-date") || !has_time(names));
    if is_time_unsigned || must("x-amz-target") {
        return Err(invalid(
            "'X-Amz-Date' (or 'Date') and 'X-Amz-Target' must be 'SignedHeader's in the AWS Authorization."
                .to_owned(),
        ));
    }
    Ok(())
}

fn has_time(names: &[&str]) -> bool {
    names.iter().any(|name| matches!(*name, "x-amz-date" | "date"))
}
