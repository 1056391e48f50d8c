//! Conditions of reads and writes: versions, times and criteria (R4 http, sections 3.1.0.1.4 and 3.1.0.5).

use fhir::Time;
use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName};

use super::texts;
use crate::interaction::{Parameters, Unless, When};
use crate::outcome::Refusal;
use crate::route::parse_query;

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
    use crate::negotiate::headers;

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
    fn http_dates_go_back_and_forth() {
        let text = http_date(Time(1_700_000_000_123_456));
        assert_eq!(text, "Tue, 14 Nov 2023 22:13:20 GMT");
        assert_eq!(parse_http_date(&text), Some(Time(1_700_000_000_000_000)));
    }
}
