//! In which format a body comes and an answer goes (R4 http, section 3.1.0.1.10).

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};

use super::{is_r4, media_type, parameter, texts};
use crate::outcome::Refusal;

/// Media types that mean FHIR in JSON.
const JSON_TYPES: [&str; 3] = ["application/fhir+json", "application/json", "text/json"];

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

/// The form of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchFormat {
    /// JSON Patch.
    Json,
    /// FHIRPath Patch, a Parameters resource in this format.
    FhirPath(Format),
}

/// The form that the body of a patch is said to be in. Only FHIR's own media types are a FHIRPath Patch: plain JSON
/// could be meant as either.
pub(crate) fn patch_format(headers: &HeaderMap) -> Result<PatchFormat, Refusal> {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match text.map(|text| media_type(text).0).as_deref() {
        Some("application/json-patch+json") => Ok(PatchFormat::Json),
        Some("application/fhir+json" | "application/fhir+xml") => {
            body_format(headers).map(PatchFormat::FhirPath)
        }
        _ => Err(Refusal::media_type()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::negotiate::headers;

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
}
