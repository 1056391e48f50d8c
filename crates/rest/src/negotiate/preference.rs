//! Preferences, levels and keys: what a request asks of the way it is done (RFC 7240), and the headers that are
//! refused where they mean nothing.

use fhir::Level;
use http::{HeaderMap, HeaderName};

use super::texts;
use crate::interaction::{Handling, Preferences, Returning};
use crate::outcome::Refusal;

const VALIDATION_LEVEL: &str = "x-amzn-healthlake-fhir-validation-level";

const IDEMPOTENCY_KEY: &str = "x-amz-fhir-idempotency-key";

/// The key under which a create happens only once, in lower case.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().map(|key| key.trim().to_ascii_lowercase());
    let key = key.filter(|key| is_uuid(key) && values.next().is_none());
    let sentence = || Refusal::value(format!("{IDEMPOTENCY_KEY} must be a UUID."));
    key.map(Some).ok_or_else(sentence)
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// What the client would rather have. What is not understood is left aside, as `Prefer` (RFC 7240) demands.
pub(crate) fn preferences(headers: &HeaderMap) -> Preferences {
    let explains = headers.get("x-tarn-explain").is_some_and(|value| value == "true");
    let mut preferences = Preferences { explains, ..Preferences::default() };
    let prefer = HeaderName::from_static("prefer");
    for text in texts(headers, &prefer).flat_map(|text| text.split([',', ';'])) {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let value = value.trim().trim_matches('"');
        match (name.trim().to_ascii_lowercase().as_str(), value) {
            ("handling", "lenient") => preferences.handling = Handling::Lenient,
            ("handling", "strict") => preferences.handling = Handling::Strict,
            ("return", "minimal") => preferences.returning = Returning::Minimal,
            ("return", "representation") => preferences.returning = Returning::Representation,
            ("return", "OperationOutcome") => preferences.returning = Returning::Outcome,
            _ => {}
        }
    }
    // What is none of the levels is refused where a write is routed.
    let level = headers.get(VALIDATION_LEVEL).and_then(|level| Level::parse(level.to_str().ok()?.trim()));
    preferences.level = level.unwrap_or_default();
    preferences
}

/// Whether the client would rather have the answer later.
pub(crate) fn is_async(headers: &HeaderMap) -> bool {
    let prefer = HeaderName::from_static("prefer");
    let mut all = texts(headers, &prefer).flat_map(|text| text.split([',', ';']));
    all.any(|text| text.trim().eq_ignore_ascii_case("respond-async"))
}

/// What a write answers, if the client says so.
pub(crate) fn returning(headers: &HeaderMap) -> Option<Returning> {
    let prefer = HeaderName::from_static("prefer");
    let mut parts = texts(headers, &prefer).flat_map(|text| text.split([',', ';']));
    let is_said = parts.any(|part| part.trim_start().to_ascii_lowercase().starts_with("return="));
    is_said.then(|| preferences(headers).returning)
}

/// Refuses a key under which a Bundle would be processed only once: it is for creating one resource.
pub(crate) fn check_no_idempotency(headers: &HeaderMap) -> Result<(), Refusal> {
    if !headers.contains_key(IDEMPOTENCY_KEY) {
        return Ok(());
    }
    Err(Refusal::not_supported("x-amz-fhir-idempotency-key goes with the creation of one resource only."))
}

/// Headers as text, for work that goes on when the request is answered.
pub(crate) fn to_kept(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |(name, value): (&HeaderName, &http::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    headers.iter().filter_map(text).collect()
}

/// The headers that were kept as this text.
pub(crate) fn of_kept(kept: &[(String, String)]) -> HeaderMap {
    let header = |(name, value): &(String, String)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value.parse().ok()?))
    };
    kept.iter().filter_map(header).collect()
}

/// The headers of a request with a Bundle that mean each of its entries.
pub(crate) fn entry_headers(headers: &HeaderMap) -> HeaderMap {
    const SHARED: [HeaderName; 2] = [
        HeaderName::from_static("x-amzn-healthlake-fhir-validation-level"),
        HeaderName::from_static("x-amz-fhir-history-consistency-level"),
    ];
    let value = |name: HeaderName| Some((name.clone(), headers.get(name)?.clone()));
    SHARED.into_iter().filter_map(value).collect()
}

/// Refuses headers of features that would do harm if they were overlooked.
pub(crate) fn check_absent_features(headers: &HeaderMap) -> Result<(), Refusal> {
    if texts(headers, &HeaderName::from_static("prefer")).any(|text| text.contains("respond-async")) {
        return Err(Refusal::not_supported("Prefer: respond-async is not supported here."));
    }
    check_levels(headers)
}

/// Checks that the levels of validation and of consistency are such.
pub(crate) fn check_levels(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name: &'static str| headers.get(name).map(|value| value.to_str().unwrap_or_default().trim());
    if text(VALIDATION_LEVEL).is_some_and(|level| Level::parse(level).is_none()) {
        let sentence = format!("{VALIDATION_LEVEL} must be strict, structure-only or minimal.");
        return Err(Refusal::value(sentence));
    }
    match text("x-amz-fhir-history-consistency-level") {
        None | Some("strong" | "eventual") => Ok(()),
        Some(_) => Err(Refusal::value("x-amz-fhir-history-consistency-level must be strong or eventual.")),
    }
}

/// Refuses headers that mean something for a create only, on any other write.
pub(crate) fn check_no_create(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key("if-none-exist") {
        return Err(Refusal::invalid("If-None-Exist goes with a create only (POST to a type)."));
    }
    if headers.contains_key(IDEMPOTENCY_KEY) {
        return Err(Refusal::invalid(format!("{IDEMPOTENCY_KEY} goes with a create only (POST to a type).")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::negotiate::headers;

    #[test]
    fn preferences_are_found_among_others() {
        let found = preferences(&headers("prefer", "wait=10, return=minimal; handling=\"lenient\""));
        assert_eq!(
            found,
            Preferences {
                handling: Handling::Lenient,
                returning: Returning::Minimal,
                ..Preferences::default()
            }
        );
        assert_eq!(preferences(&headers("prefer", "return=all")), Preferences::default());
    }
}
