//! What the headers ask: formats, preferences, conditions (R4 http, sections 3.1.0.1.4, 3.1.0.1.10, 3.1.0.5).

use fhir::{Level, Time};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
};
use http::{HeaderMap, HeaderName};

use crate::interaction::{Handling, Parameters, Preferences, Returning, Unless, When};
use crate::outcome::Refusal;
use crate::route::parse_query;

/// Media types that mean FHIR in JSON.
const JSON_TYPES: [&str; 3] = ["application/fhir+json", "application/json", "text/json"];

const VALIDATION_LEVEL: &str = "x-amzn-healthlake-fhir-validation-level";
const IDEMPOTENCY_KEY: &str = "x-amz-fhir-idempotency-key";

/// Media types that mean FHIR in XML.
const XML_TYPES: [&str; 3] = ["application/fhir+xml", "application/xml", "text/xml"];

/// Media types that a browser asks for, which prefers XML where it can have no page: people want JSON.
const PAGE_TYPES: [&str; 2] = ["text/html", "application/xhtml+xml"];

/// How FHIR is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// In JSON.
    #[default]
    Json,
    /// In XML.
    Xml,
}

impl Format {
    /// The format that a media type or a short name means; a raw `+` in a query reads as a space.
    fn named(name: &str) -> Option<Format> {
        let name = name.replace(' ', "+");
        match &*name {
            "json" => Some(Format::Json),
            "xml" => Some(Format::Xml),
            name if JSON_TYPES.contains(&name) => Some(Format::Json),
            name if XML_TYPES.contains(&name) => Some(Format::Xml),
            _ => None,
        }
    }

    fn media_types(self) -> [&'static str; 3] {
        match self {
            Format::Json => JSON_TYPES,
            Format::Xml => XML_TYPES,
        }
    }
}

/// The format that the client takes best. `format` is `_format`, which goes before the header. Of formats
/// taken equally, JSON.
pub(crate) fn answer_format(headers: &HeaderMap, format: Option<&str>) -> Result<Format, Refusal> {
    if let Some(format) = format {
        let (name, version) = media_type(format);
        let found = Format::named(&name).filter(|_| version.is_none_or(is_r4));
        return found.ok_or_else(Refusal::not_acceptable);
    }
    let ranges: Vec<Range<'_>> =
        texts(headers, &ACCEPT).flat_map(|text| text.split(',')).filter_map(Range::parse).collect();
    let is_browser = ranges.iter().any(|range| PAGE_TYPES.contains(&&*range.name) && range.weight > 0.0);
    if ranges.is_empty() || is_browser {
        return Ok(Format::Json);
    }
    let (json, xml) = (weight(&ranges, Format::Json), weight(&ranges, Format::Xml));
    match (json, xml) {
        _ if json <= 0.0 && xml <= 0.0 => Err(Refusal::not_acceptable()),
        _ if xml > json => Ok(Format::Xml),
        _ => Ok(Format::Json),
    }
}

/// A media range of an `Accept` header (RFC 9110, section 12.5.1).
struct Range<'a> {
    name: String,
    version: Option<&'a str>,
    weight: f32,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Range<'a>> {
        if text.trim().is_empty() {
            return None;
        }
        let (name, version) = media_type(text);
        let weight = parameter(text, "q").map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
        Some(Range { name, version, weight })
    }
}

/// How much a format is wanted: what the most precise range says of each of its media types, at best.
fn weight(ranges: &[Range<'_>], format: Format) -> f32 {
    let of_type = |name: &str| {
        let (kind, _) = name.split_once('/').unwrap_or((name, ""));
        let precision = |range: &Range<'_>| match &*range.name {
            found if found == name => 3,
            "*/*" => 1,
            found if found.strip_suffix("/*") == Some(kind) => 2,
            _ => 0,
        };
        let fitting = ranges.iter().filter(|range| range.version.is_none_or(is_r4));
        let best = fitting.map(|range| (precision(range), range.weight)).filter(|(precise, _)| *precise > 0);
        best.max_by_key(|(precise, _)| *precise).map_or(0.0, |(_, weight)| weight)
    };
    format.media_types().into_iter().map(of_type).fold(0.0, f32::max)
}

/// The format that the body of a resource is said to be in; JSON if nothing is said.
pub(crate) fn body_format(headers: &HeaderMap) -> Result<Format, Refusal> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(Format::Json) };
    let text = value.to_str().map_err(|_| Refusal::media_type())?;
    let (name, version) = media_type(text);
    let charset = parameter(text, "charset").unwrap_or("utf-8");
    let is_utf8 = charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("us-ascii");
    let format = Format::named(&name).filter(|_| name.contains('/') && version.is_none_or(is_r4) && is_utf8);
    format.ok_or_else(Refusal::media_type)
}

/// Checks that the body is said to be in a format that is read, or said to be nothing.
pub(crate) fn check_body_format(headers: &HeaderMap) -> Result<(), Refusal> {
    body_format(headers).map(|_| ())
}

/// How a body is packed for transport (`Content-Encoding`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Not at all.
    Identity,
    /// By gzip (RFC 1952).
    Gzip,
}

/// How the body is packed. Only one packing is undone.
pub(crate) fn body_coding(headers: &HeaderMap) -> Result<Coding, Refusal> {
    let mut coding = Coding::Identity;
    for value in headers.get_all(CONTENT_ENCODING) {
        let text = value.to_str().map_err(|_| Refusal::media_type())?;
        for name in text.split(',').map(|name| name.trim().to_ascii_lowercase()) {
            match (name.as_str(), coding) {
                ("" | "identity", _) => {}
                ("gzip" | "x-gzip", Coding::Identity) => coding = Coding::Gzip,
                _ => return Err(Refusal::media_type()),
            }
        }
    }
    Ok(coding)
}

/// Whether the client takes answers packed by gzip (RFC 9110, section 12.5.3).
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let weight_of = |wanted: &str| {
        let codings = texts(headers, &ACCEPT_ENCODING).flat_map(|text| text.split(','));
        let mut found = codings.filter(|coding| media_type(coding).0 == wanted);
        found.next().map(|coding| parameter(coding, "q").map_or(1.0, |q| q.parse().unwrap_or(0.0_f32)))
    };
    weight_of("gzip")
        .or_else(|| weight_of("x-gzip"))
        .or_else(|| weight_of("*"))
        .is_some_and(|weight| weight > 0.0)
}

/// Checks that the body is said to be a patch of a form that is understood.
pub(crate) fn check_patch_format(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match text.map(|text| media_type(text).0).as_deref() {
        Some("application/json-patch+json") => Ok(()),
        Some("application/fhir+json" | "application/fhir+xml") => {
            Err(Refusal::not_supported("FHIRPath Patch is not supported; send application/json-patch+json."))
        }
        _ => Err(Refusal::media_type()),
    }
}

/// The criteria under which nothing is to be created (`If-None-Exist`): a query, with or without the question
/// mark before it.
pub(crate) fn if_none_exist(headers: &HeaderMap) -> Result<Option<Parameters>, Refusal> {
    const FORM: &str = "If-None-Exist must hold the criteria of a search, as after the ? of its URL.";
    let name = HeaderName::from_static("if-none-exist");
    let Some(text) = condition(headers, &name).map_err(|()| Refusal::invalid(FORM))? else {
        return Ok(None);
    };
    let query = text.trim();
    let query =
        query.split_once('?').filter(|(path, _)| !path.contains('=')).map_or(query, |(_, query)| query);
    let criteria = parse_query(query)?;
    if criteria.is_empty() || headers.get_all(&name).iter().count() > 1 {
        return Err(Refusal::invalid(FORM));
    }
    Ok(Some(criteria))
}

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

/// The condition on a write.
pub(crate) fn when(headers: &HeaderMap) -> Result<When, Refusal> {
    const VERSIONS: &str = "If-Match must hold versions of the form W/\"1\".";
    const STAR: &str = "On a write, If-None-Match takes only *.";
    let matches = condition(headers, &IF_MATCH).map_err(|()| Refusal::invalid(VERSIONS))?;
    let none = condition(headers, &IF_NONE_MATCH).map_err(|()| Refusal::invalid(STAR))?;
    match (matches.as_deref().map(str::trim), none.as_deref().map(str::trim)) {
        (None, None) => Ok(When::Always),
        (Some("*"), None) => Ok(When::Exists),
        (None, Some("*")) => Ok(When::New),
        (None, Some(_)) => Err(Refusal::invalid(STAR)),
        (Some(tags), None) => versions(tags).map(When::Version).ok_or_else(|| Refusal::invalid(VERSIONS)),
        _ => Err(Refusal::invalid("If-Match and If-None-Match exclude each other.")),
    }
}

/// All values of a header that sets a condition. One that is no text is an error: a write must not become
/// unconditional because its condition cannot be read.
fn condition(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, ()> {
    let values: Result<Vec<&str>, _> = headers.get_all(name).iter().map(|value| value.to_str()).collect();
    let values = values.map_err(|_| ())?;
    Ok((!values.is_empty()).then(|| values.join(",")))
}

/// What the client has already. Tags that are not ours match nothing, and a date that is none is left aside
/// (RFC 9110, section 13.1.3).
pub(crate) fn unless(headers: &HeaderMap) -> Unless {
    let tags = texts(headers, &IF_NONE_MATCH).flat_map(|text| text.split(','));
    let versions: Vec<u64> = tags.filter_map(version).collect();
    let has_tags = headers.contains_key(IF_NONE_MATCH);
    let since = headers.get(IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
    let any = texts(headers, &IF_NONE_MATCH).any(|text| text.trim() == "*");
    Unless { versions, any, modified_since: since.filter(|_| !has_tags).and_then(parse_http_date) }
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

/// The values of a header that are text.
fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

/// The name of a media type in lower case, and its `fhirVersion`.
fn media_type(text: &str) -> (String, Option<&str>) {
    let name = text.split(';').next().unwrap_or_default();
    (name.trim().to_ascii_lowercase(), parameter(text, "fhirversion"))
}

fn parameter<'a>(media_type: &'a str, name: &str) -> Option<&'a str> {
    media_type.split(';').skip(1).find_map(|parameter| {
        let (found, value) = parameter.split_once('=')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

fn is_r4(version: &str) -> bool {
    matches!(version, "4.0" | "4.0.1")
}

fn versions(tags: &str) -> Option<Vec<u64>> {
    tags.split(',').map(version).collect()
}

/// The version in `W/"3"`, `"3"` or `3`.
fn version(tag: &str) -> Option<u64> {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let digits = match tag.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => tag,
    };
    parse_version(digits)
}

/// A version id: decimal digits without a leading zero.
pub(crate) fn parse_version(digits: &str) -> Option<u64> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    is_number.then(|| digits.parse().ok()).flatten()
}

fn parse_http_date(text: &str) -> Option<Time> {
    let time = httpdate::parse_http_date(text).ok()?;
    let since = time.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()?;
    Some(Time(i64::try_from(since.as_micros()).ok()?))
}

/// A time as HTTP headers write it, to the second (RFC 9110, section 5.6.7).
pub(crate) fn http_date(time: Time) -> String {
    let seconds = u64::try_from(time.0.div_euclid(1_000_000)).unwrap_or(0);
    httpdate::fmt_http_date(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
    }

    fn accepted(accept: &str) -> Option<Format> {
        answer_format(&headers("accept", accept), None).ok()
    }

    #[test]
    fn the_format_that_a_client_takes_best_is_given() {
        for json in [
            "application/fhir+json",
            "application/json",
            "text/json;q=0.5",
            "*/*",
            "text/*",
            "application/fhir+xml;q=0.1, application/fhir+json;q=0.9",
            "application/fhir+xml, application/fhir+json",
            "application/fhir+json; fhirVersion=4.0",
            "application/fhir+xml; fhirVersion=3.0, */*;q=0.1",
            "application/xml;q=0.2, application/*;q=0.3",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html",
            "image/png, */*;q=0.01",
        ] {
            assert_eq!(accepted(json), Some(Format::Json), "{json}");
        }
        for xml in [
            "application/fhir+xml",
            "Application/XML",
            "text/xml; charset=utf-8",
            "application/fhir+xml;q=0.9, application/fhir+json;q=0.1",
            "application/fhir+json;fhirVersion=3.0, application/fhir+xml;fhirVersion=4.0",
            "application/json;q=0, application/fhir+json;q=0, text/json;q=0, */*",
        ] {
            assert_eq!(accepted(xml), Some(Format::Xml), "{xml}");
        }
        for bad in [
            "image/png",
            "text/turtle",
            "application/json;q=0",
            "application/fhir+json;q=x",
            "application/fhir+json;fhirVersion=3.0",
            "text/html;q=0",
        ] {
            assert_eq!(accepted(bad), None, "{bad}");
        }
        assert_eq!(answer_format(&HeaderMap::new(), None), Ok(Format::Json));
    }

    #[test]
    fn format_goes_before_accept() {
        let (xml, json) =
            (headers("accept", "application/fhir+xml"), headers("accept", "application/fhir+json"));
        for name in ["json", "application/fhir+json", "application/fhir json", "text/json"] {
            assert_eq!(answer_format(&xml, Some(name)), Ok(Format::Json), "{name}");
        }
        for name in ["xml", "application/fhir+xml", "application/fhir xml", "text/xml", "application/xml"] {
            assert_eq!(answer_format(&json, Some(name)), Ok(Format::Xml), "{name}");
        }
        for bad in ["ttl", "text/turtle", "html", "", "application/fhir+json; fhirVersion=5.0"] {
            assert!(answer_format(&json, Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_body_is_json_or_xml_in_utf_8_or_unsaid() {
        assert_eq!(check_body_format(&HeaderMap::new()), Ok(()));
        for good in ["application/fhir+json", "Application/JSON; charset=UTF-8", "text/json"] {
            assert_eq!(check_body_format(&headers("content-type", good)), Ok(()), "{good}");
        }
        for good in ["application/fhir+xml", "text/xml; charset=utf-8"] {
            assert_eq!(body_format(&headers("content-type", good)), Ok(Format::Xml), "{good}");
        }
        for bad in ["text/turtle", "text/plain", "application/json; charset=latin1", "json", ""] {
            assert!(check_body_format(&headers("content-type", bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn packing_is_gzip_once_or_none() {
        for (text, coding) in
            [("gzip", Coding::Gzip), ("identity, X-GZIP", Coding::Gzip), ("", Coding::Identity)]
        {
            assert_eq!(body_coding(&headers("content-encoding", text)), Ok(coding), "{text}");
        }
        for bad in ["br", "gzip, gzip", "deflate", "gzip;q=1"] {
            assert!(body_coding(&headers("content-encoding", bad)).is_err(), "{bad}");
        }
        for good in ["gzip", "deflate, gzip;q=0.5", "*", "br, x-gzip"] {
            assert!(takes_gzip(&headers("accept-encoding", good)), "{good}");
        }
        for bad in ["", "br", "gzip;q=0", "gzip;q=0, *", "*;q=0", "identity", "gzip;q=x"] {
            assert!(!takes_gzip(&headers("accept-encoding", bad)), "{bad}");
        }
    }

    #[test]
    fn conditions_on_writes_are_read_or_refused() {
        for (text, versions) in [("W/\"3\"", vec![3]), ("\"3\"", vec![3]), ("W/\"1\", W/\"12\"", vec![1, 12])]
        {
            assert_eq!(when(&headers("if-match", text)), Ok(When::Version(versions)), "{text}");
        }
        assert_eq!(when(&headers("if-match", "*")), Ok(When::Exists));
        assert_eq!(when(&headers("if-none-match", "*")), Ok(When::New));
        assert_eq!(when(&HeaderMap::new()), Ok(When::Always));
        for text in ["W/\"x\"", "W/\"03\"", "W/\"3", "-1", "W/\"99999999999999999999\""] {
            assert!(when(&headers("if-match", text)).is_err(), "{text}");
        }
        assert!(when(&headers("if-none-match", "W/\"1\"")).is_err());
    }

    #[test]
    fn a_condition_that_cannot_be_read_is_not_overlooked() {
        for name in ["if-match", "if-none-match"] {
            let unreadable = HeaderValue::from_bytes(b"W/\"\xe4\"").unwrap();
            for value in [unreadable, HeaderValue::from_static("")] {
                let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value)]);
                assert!(when(&headers).is_err(), "{headers:?}");
            }
        }
    }

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

    #[test]
    fn http_dates_go_back_and_forth() {
        let text = http_date(Time(1_700_000_000_123_456));
        assert_eq!(text, "Tue, 14 Nov 2023 22:13:20 GMT");
        assert_eq!(parse_http_date(&text), Some(Time(1_700_000_000_000_000)));
    }
}
