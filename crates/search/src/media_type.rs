//! Media types below one another (R4 search §3.1.1.4.10.1): those of a type, and those with parameters.

/// Whether `code` is the media type `below`, that type with parameters, or, where `below` names no subtype, one
/// of its subtypes.
pub(crate) fn is_below(code: &str, below: &str) -> bool {
    let Some(rest) = code.strip_prefix(below) else { return false };
    let has_parameters = rest.trim_start().starts_with(';');
    let has_subtype = rest.starts_with('/') && !below.contains('/');
    rest.is_empty() || has_parameters || has_subtype
}

/// The media type that somebody asks below: `image`, `image/` and `image/*` are the same.
pub(crate) fn asked_below(typed: &str) -> &str {
    let typed = typed.strip_suffix('*').unwrap_or(typed);
    typed.strip_suffix('/').unwrap_or(typed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_media_type() {
        for (code, typed, expected) in [
            ("text/xml", "text/xml", true),
            ("text/xml; charset=UTF-8", "text/xml", true),
            ("text/xml;charset=UTF-8;fhirVersion=4.0", "text/xml;charset=UTF-8", true),
            ("text/xml ;charset=UTF-8", "text/xml", true),
            ("text/xml;charset=UTF-8", "text/xml;charset=UTF", false),
            ("text/xml-external-parsed-entity", "text/xml", false),
            ("text/xml", "text/xml; charset=UTF-8", false),
            ("image/png", "image", true),
            ("image/png", "image/", true),
            ("image/png", "image/*", true),
            ("imagery/png", "image", false),
            ("application/fhir+xml", "application/fhir", false),
            ("image/png", "png", false),
        ] {
            assert_eq!(is_below(code, asked_below(typed)), expected, "{code} below {typed}");
        }
    }
}
