//! The forms of a literal reference (R4 references, section 2.3.0.2).

use crate::id::is_id;
use crate::{Id, ResourceKey, ResourceType};

/// What the text of `Reference.reference` says, without copying it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    /// `Patient/1` or `Patient/1/_history/2`: a resource of the same server.
    Relative {
        /// Its type.
        of: ResourceType,
        /// Its logical id, well formed.
        id: &'a str,
        /// The version, if the reference names one.
        version: Option<&'a str>,
    },
    /// `http://example.org/fhir/Patient/1`: by the form of the URL a resource of some RESTful server.
    Absolute {
        /// The service base URL, without the slash before the type.
        base: &'a str,
        /// Its type.
        of: ResourceType,
        /// Its logical id, well formed.
        id: &'a str,
        /// The version, if the reference names one.
        version: Option<&'a str>,
    },
    /// Some other absolute URL, or a canonical one.
    Url(&'a str),
    /// `urn:uuid:…`, `urn:oid:…` and other URNs, whole.
    Urn(&'a str),
    /// `#id`: a contained resource, by its id; empty for the resource that contains.
    Contained(&'a str),
    /// `Patient?identifier=…`: a search that a transaction replaces by what it finds.
    Conditional {
        /// The type searched.
        of: ResourceType,
        /// The query, without its question mark.
        query: &'a str,
    },
    /// None of the forms.
    Malformed(&'a str),
}

impl<'a> Reference<'a> {
    /// Tells which form a reference has.
    #[must_use]
    pub fn parse(text: &'a str) -> Reference<'a> {
        // Most references are relative, and a whole one cannot be anything else.
        if let Some((None, of, id, version)) = local(text) {
            return Reference::Relative { of, id, version };
        }
        if let Some(id) = text.strip_prefix('#') {
            return if id.is_empty() || is_id(id) {
                Reference::Contained(id)
            } else {
                Reference::Malformed(text)
            };
        }
        if text.starts_with("urn:") {
            return if has_space(text) { Reference::Malformed(text) } else { Reference::Urn(text) };
        }
        // The query may hold a URL, so this comes before the scheme.
        if let Some((of, query)) = text.split_once('?')
            && let Some(of) = ResourceType::parse(of)
        {
            return if query.is_empty() {
                Reference::Malformed(text)
            } else {
                Reference::Conditional { of, query }
            };
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return absolute(text, scheme, rest);
        }
        Reference::Malformed(text)
    }

    /// The type of what it refers to, if the text says so.
    #[must_use]
    pub fn of(&self) -> Option<ResourceType> {
        match *self {
            Reference::Relative { of, .. }
            | Reference::Absolute { of, .. }
            | Reference::Conditional { of, .. } => Some(of),
            _ => None,
        }
    }

    /// The version that it names, if it does.
    #[must_use]
    pub fn version(&self) -> Option<&'a str> {
        match *self {
            Reference::Relative { version, .. } | Reference::Absolute { version, .. } => version,
            _ => None,
        }
    }

    /// The key of what it refers to, for relative references and those to some server.
    #[must_use]
    pub fn key(&self) -> Option<ResourceKey> {
        match *self {
            Reference::Relative { of, id, .. } | Reference::Absolute { of, id, .. } => {
                Some(ResourceKey { of, id: Id::parse(id)? })
            }
            _ => None,
        }
    }
}

fn has_space(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_whitespace())
}

fn absolute<'a>(text: &'a str, scheme: &str, rest: &str) -> Reference<'a> {
    let scheme_ok = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !scheme_ok || rest.is_empty() || has_space(text) {
        return Reference::Malformed(text);
    }
    match local(text) {
        Some((Some(base), of, id, version)) if base.len() > scheme.len() + 3 => {
            Reference::Absolute { base, of, id, version }
        }
        _ => Reference::Url(text),
    }
}

/// Splits `[base/]Type/id[/_history/version]` from its end.
fn local(text: &str) -> Option<(Option<&str>, ResourceType, &str, Option<&str>)> {
    let (path, last) = at_last_slash(text)?;
    let (path, id, version) = match path.strip_suffix("/_history") {
        Some(versioned) => {
            let (path, id) = at_last_slash(versioned)?;
            (path, id, Some(last))
        }
        None => (path, last, None),
    };
    let (base, of) = at_last_slash(path).map_or((None, path), |(base, of)| (Some(base), of));
    if !is_id(id) || !version.is_none_or(is_id) {
        return None;
    }
    Some((base, ResourceType::parse(of)?, id, version))
}

fn at_last_slash(text: &str) -> Option<(&str, &str)> {
    let at = memchr::memrchr(b'/', text.as_bytes())?;
    Some((&text[..at], &text[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        match Reference::parse(text) {
            Reference::Relative { of, id, version } => format!("relative {of} {id} {version:?}"),
            Reference::Absolute { base, of, id, version } => format!("absolute {base} {of} {id} {version:?}"),
            Reference::Url(_) => "url".into(),
            Reference::Urn(_) => "urn".into(),
            Reference::Contained(id) => format!("contained {id}"),
            Reference::Conditional { of, query } => format!("conditional {of} {query}"),
            Reference::Malformed(_) => "malformed".into(),
        }
    }

    #[test]
    fn each_form_is_recognised() {
        for (text, expected) in [
            ("Patient/1", "relative Patient 1 None"),
            ("Patient/1/_history/2", "relative Patient 1 Some(\"2\")"),
            ("http://a.example/fhir/Patient/1", "absolute http://a.example/fhir Patient 1 None"),
            ("https://a.example/Patient/1/_history/x", "absolute https://a.example Patient 1 Some(\"x\")"),
            ("http://a.example/ValueSet/", "url"),
            ("http://a.example/fhir/Patience/1", "url"),
            ("http://Patient/1", "url"),
            ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "urn"),
            ("urn:oid:1.2.3", "urn"),
            ("#p1", "contained p1"),
            ("#", "contained "),
            ("Patient?identifier=http://a|b", "conditional Patient identifier=http://a|b"),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
    }

    #[test]
    fn other_texts_are_malformed() {
        for text in [
            "",
            "Patient",
            "Patient/",
            "/Patient/1",
            "a/Patient/1",
            "Patience/1",
            "Patient/a b",
            "Patient/1/",
            "Patient/1/_history",
            "Patient/1/_history/",
            "Patient?",
            "patient/1",
            "http://",
            "1://a",
            "#a b",
            "http://a.example/a b",
            "urn:uuid:a b",
        ] {
            assert_eq!(show(text), "malformed", "{text}");
        }
    }
}
