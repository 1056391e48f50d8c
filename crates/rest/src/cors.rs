//! Which web pages may call this server from a browser (WHATWG Fetch, CORS protocol).
//!
//! Preflights are answered alike for every address, before anybody is known: they tell nothing of what there is.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, HOST, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use http::{Response, StatusCode};

use crate::outcome::Refusal;

/// The methods that some address here has.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// The headers that a page may send.
const SENT: HeaderValue = HeaderValue::from_static(
    "Accept, Authorization, Content-Encoding, Content-Type, If-Match, If-Modified-Since, If-None-Exist, \
     If-None-Match, Prefer, X-Amz-Content-Sha256, X-Amz-Date, X-Amz-Security-Token, X-Amz-User-Agent, \
     Amz-Sdk-Invocation-Id, Amz-Sdk-Request, X-Amz-Fhir-Idempotency-Key, \
     X-Amz-Fhir-History-Consistency-Level, X-Amzn-Healthlake-Fhir-Validation-Level, X-Tarn-Explain",
);

/// The headers of an answer that a page may read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Allow, Content-Location, ETag, Expires, Last-Modified, Location, Retry-After, X-Progress, \
     X-Amzn-Errortype, X-Amzn-Requestid, X-Amzn-Healthlake-Validation-Issues",
);

/// How long a browser may remember the answer to a preflight, in seconds.
const MAX_AGE_SECONDS: u32 = 600;

/// The origins whose pages may call: `https://app.example.org`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    list: Vec<String>,
    is_any: bool,
}

impl Origins {
    /// None but the server's own.
    pub fn none() -> Origins {
        Origins::default()
    }

    /// Those of a list separated by commas; `*` for any. `None` if something in it is not an origin: a scheme,
    /// a host and perhaps a port, without a path.
    pub fn parse(list: &str) -> Option<Origins> {
        let mut origins = Origins::default();
        for origin in list.split(',').map(str::trim).filter(|origin| !origin.is_empty()) {
            if origin == "*" {
                origins.is_any = true;
            } else if is_origin(origin) {
                origins.list.push(origin.to_ascii_lowercase());
            } else {
                return None;
            }
        }
        Some(origins)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && !self.is_any
    }

    fn allow(&self, origin: &HeaderValue) -> bool {
        let is_listed = |origin: &str| self.list.contains(&origin.to_ascii_lowercase());
        self.is_any || origin.to_str().is_ok_and(is_listed)
    }
}

fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else { return false };
    matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        && text.split_once("://").is_some_and(|(_, rest)| !rest.contains(['/', '?', '#']))
}

/// The answer to any OPTIONS request.
pub(crate) fn options() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, METHODS);
    response
}

/// Tells the browser whether the page that asked may have the answer. `is_preflight` is of an OPTIONS request.
pub(crate) fn share<B>(response: &mut Response<B>, origins: &Origins, asked: &HeaderMap, is_preflight: bool) {
    if origins.is_empty() {
        return;
    }
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = asked.get(ORIGIN).filter(|origin| origins.allow(origin)) else { return };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    if is_preflight {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, SENT);
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(MAX_AGE_SECONDS));
    } else {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

/// Refuses an unsigned request that a page of another origin makes. A door that is open to this machine is
/// open to every page that its browsers show: what such a page may do must be said.
pub(crate) fn check_unsigned(origins: &Origins, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let own = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    if origins.allow(origin) || (own.is_some() && own == host) {
        return Ok(());
    }
    let message = "Unsigned requests from pages of other origins are refused unless cors-origins names them.";
    Err(Refusal::denied("AccessDeniedException", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_a_scheme_a_host_and_perhaps_a_port() {
        for good in
            ["https://a.example", "http://localhost:3000, HTTPS://B.example", "*", "", " http://[::1]:8 "]
        {
            assert!(Origins::parse(good).is_some(), "{good}");
        }
        for bad in
            ["a.example", "https://a.example/", "ftp://a", "https://", "https://u@a", "null", "https://*.a/b"]
        {
            assert!(Origins::parse(bad).is_none(), "{bad}");
        }
        assert!(Origins::parse("").unwrap().is_empty());
        assert!(!Origins::parse("*").unwrap().is_empty());
    }
}
