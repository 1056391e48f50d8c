//! The endpoint: an HTTP request in, an HTTP response out, signatures checked on the way.

use std::sync::Arc;

use access::{CredentialStore, Principal};
use bytes::Bytes;
use s3s::{
    S3Error, S3ErrorCode, S3Result,
    access::{S3Access, S3AccessContext},
    auth::{S3Auth, SecretKey},
    host::{S3Host, VirtualHost},
    service::{S3Service, S3ServiceBuilder},
};
use store::Clock;

use crate::{door::Door, folder::Folder};

/// The body of a response. It streams.
pub type Body = s3s::Body;
/// Why a body broke off.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// What the endpoint is, besides its folder.
#[derive(Debug, Clone)]
pub struct EndpointOptions {
    /// The region that its buckets are said to be in.
    pub region: String,
    /// The host, with its port, under which `bucket.host` names a bucket. `None`: buckets are in paths only.
    pub domain: Option<String>,
}

/// An S3 endpoint over a folder.
#[derive(Clone)]
pub struct Endpoint {
    service: S3Service,
    folder: Arc<Folder>,
}

impl Endpoint {
    /// An endpoint that the keys of `credentials` open.
    pub fn new(
        folder: Arc<Folder>,
        credentials: Arc<dyn CredentialStore>,
        clock: Arc<dyn Clock>,
        options: EndpointOptions,
    ) -> Endpoint {
        let mut builder = S3ServiceBuilder::new(Door { folder: folder.clone(), region: options.region });
        let keys = AccessKeys { credentials, clock };
        builder.set_auth(keys.clone());
        builder.set_access(keys);
        builder.set_host(Hosts { domain: options.domain });
        Endpoint { service: builder.build(), folder }
    }

    /// Answers a request. Neither body is gathered in memory.
    pub async fn call<B>(&self, request: http::Request<B>) -> http::Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        BodyError: From<B::Error>,
    {
        let answered = self.service.call(request.map(Body::http_body_unsync)).await;
        self.identified(answered.unwrap_or_else(|_| {
            let mut response = http::Response::new(Body::empty());
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            response
        }))
    }

    /// The answer to a request that is refused because more came than can be served, whatever it asks: 503 SlowDown,
    /// to be tried again after so many seconds.
    pub fn slow_down(&self, retry_after_seconds: u64) -> http::Response<Body> {
        let mut response = http::Response::new(Body::from(SLOW_DOWN.to_owned()));
        *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        let headers = response.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/xml"));
        headers.insert(http::header::RETRY_AFTER, retry_after_seconds.into());
        self.identified(response)
    }

    fn identified(&self, mut response: http::Response<Body>) -> http::Response<Body> {
        if let Ok(id) = http::HeaderValue::try_from(self.folder.random_name().to_uppercase()) {
            response.headers_mut().insert("x-amz-request-id", id);
        }
        response
    }
}

/// What a client reads that asked too much.
const SLOW_DOWN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code>\
                         <Message>Please reduce your request rate.</Message></Error>";

/// The keys that open the endpoint.
#[derive(Clone)]
struct AccessKeys {
    credentials: Arc<dyn CredentialStore>,
    clock: Arc<dyn Clock>,
}

impl AccessKeys {
    fn find(&self, access_key: &str) -> S3Result<Principal> {
        let found = self.credentials.find(access_key).ok_or(S3ErrorCode::InvalidAccessKeyId)?;
        let now = self.clock.now().0.div_euclid(1_000_000);
        match found.expires_unix_seconds {
            Some(end) if now >= end => Err(S3ErrorCode::ExpiredToken.into()),
            _ => Ok(found),
        }
    }
}

#[async_trait::async_trait]
impl S3Auth for AccessKeys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        Ok(SecretKey::from(self.find(access_key)?.credentials.secret.expose()))
    }
}

#[async_trait::async_trait]
impl S3Access for AccessKeys {
    /// The protocol library checks the signature; that a temporary key came with its token is checked here.
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let signed = context.credentials().ok_or(S3ErrorCode::AccessDenied)?;
        let principal = self.find(&signed.access_key)?;
        let in_header = context.headers().get("x-amz-security-token").and_then(|value| value.to_str().ok());
        let in_query = || access::query_parameter(context.uri().query()?, "X-Amz-Security-Token");
        let token = in_header.map(str::to_owned).or_else(in_query).map(access::Secret::new);
        match token == principal.credentials.session_token {
            true => Ok(()),
            false => Err(S3Error::new(S3ErrorCode::InvalidToken)),
        }
    }
}

/// Which hosts name buckets. Any other host has its buckets in paths: the server answers to every name.
struct Hosts {
    domain: Option<String>,
}

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let bucket =
            self.domain.as_ref().and_then(|domain| host.strip_suffix(domain.as_str())?.strip_suffix('.'));
        Ok(match bucket {
            Some(bucket) => VirtualHost::new(host).with_bucket(bucket),
            None => VirtualHost::new(host),
        })
    }
}
