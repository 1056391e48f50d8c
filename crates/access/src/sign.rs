//! Signs requests with Signature Version 4: what our own clients send.

use aws_lc_rs::hmac;
use http::{
    HeaderName, HeaderValue,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
    request::Parts,
};

use crate::{
    canonical::{self, Canonical, PathForm},
    credentials::Credentials,
    key::{self, ALGORITHM, Scope},
    timestamp,
};

/// What a request is signed with and for.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// The key.
    pub credentials: &'a Credentials,
    /// The region of the scope, such as `us-east-1`.
    pub region: &'a str,
    /// The service of the scope, such as `healthlake`.
    pub service: &'a str,
    /// How the service writes the path that is signed.
    pub path_form: PathForm,
    /// The time of the signature, in seconds since 1970.
    pub unix_seconds: i64,
}

/// Why a request could not be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Neither a `Host` header nor a URI that names a host.
    #[error("the request names no host")]
    NoHost,
    /// A credential or a host holds characters that a header cannot.
    #[error("a credential cannot stand in a header")]
    BadValue,
}

impl Signer<'_> {
    /// Adds `Host` (where it is absent), `X-Amz-Date`, `X-Amz-Security-Token` and `Authorization` to a request
    /// with this body. Signed are the host, the content type and every `x-amz-` header. A request that already
    /// has `x-amz-content-sha256` is signed with what that says of the body.
    pub fn sign(&self, request: &mut Parts, body: &[u8]) -> Result<(), SignError> {
        let timestamp = timestamp::format(self.unix_seconds);
        self.add_headers(request, &timestamp)?;
        let mut names: Vec<&str> = request.headers.keys().map(HeaderName::as_str).collect();
        names.retain(|name| name.starts_with("x-amz-") || *name == HOST || *name == CONTENT_TYPE);
        names.sort_unstable();
        let signed_headers = names.join(";");
        let said = request.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
        let payload_hash = said.map_or_else(|| key::hex_sha256(body), str::to_owned);
        let canonical = Canonical {
            method: request.method.as_str(),
            headers: canonical::headers(&names, &request.headers, None).ok_or(SignError::NoHost)?,
            signed_headers: &signed_headers,
            payload_hash: &payload_hash,
        };
        let path = canonical::path_to_sign(request.uri.path(), self.path_form);
        let query = canonical::query(request.uri.query().unwrap_or_default(), &[]);
        let date = timestamp[..8].to_owned();
        let scope = Scope { date, region: self.region.to_owned(), service: self.service.to_owned() };
        let text = key::string_to_sign(&timestamp, &scope, &canonical.bytes(&path, &query));
        let signature =
            hex::encode(hmac::sign(&key::derive(&self.credentials.secret, &scope), text.as_bytes()));
        let (id, scope) = (&self.credentials.access_key_id, scope.text());
        let value = format!(
            "{ALGORITHM} Credential={id}/{scope}, SignedHeaders={signed_headers}, Signature={signature}"
        );
        let value = HeaderValue::try_from(value).map_err(|_| SignError::BadValue)?;
        request.headers.insert(AUTHORIZATION, value);
        Ok(())
    }

    fn add_headers(&self, request: &mut Parts, timestamp: &str) -> Result<(), SignError> {
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| SignError::BadValue);
        if !request.headers.contains_key(HOST) {
            let authority = request.uri.authority().ok_or(SignError::NoHost)?;
            request.headers.insert(HOST, value(authority.as_str())?);
        }
        request.headers.insert(HeaderName::from_static("x-amz-date"), value(timestamp)?);
        if let Some(token) = &self.credentials.session_token {
            let mut token = value(token.expose())?;
            token.set_sensitive(true);
            request.headers.insert(HeaderName::from_static("x-amz-security-token"), token);
        }
        Ok(())
    }
}
