//! How bodies are packed for transport (RFC 9110, section 8.4).

use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};

use super::{media_type, parameter, texts};
use crate::outcome::Refusal;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::negotiate::headers;

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
}
