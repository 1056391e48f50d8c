//! What the headers of a request ask: formats, packing, conditions, preferences.

use http::{HeaderMap, HeaderName};

mod coding;
mod condition;
mod format;
mod preference;

pub(crate) use coding::{Coding, body_coding, takes_gzip};
pub(crate) use condition::{http_date, if_none_exist, parse_version, unless, when};
pub(crate) use format::{Format, PatchFormat, answer_format, body_format, check_body_format, patch_format};
pub(crate) use preference::{
    check_absent_features, check_levels, check_no_create, check_no_idempotency, entry_headers,
    idempotency_key, is_async, of_kept, preferences, returning, to_kept,
};

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

/// One header.
#[cfg(test)]
fn headers(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
}
