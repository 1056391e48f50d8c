//! [`Objects`] of a real S3, or of anything that speaks its protocol: by endpoint, region and credentials, as
//! the role that a job names.

use std::{
    collections::HashMap,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt, TryStreamExt};
use object_store::{
    Attribute, Attributes, ClientOptions, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions as StorePutOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AwsCredential, AwsCredentialProvider},
    list::{PaginatedListOptions, PaginatedListStore},
    path::Path,
};
use store::Clock;

use crate::{
    objects::{
        Answer, Content, DataAccess, ObjectPage, ObjectSummary, ObjectWriter, Objects, ObjectsError,
        PAGE_OBJECTS_MAX, PutOptions, check_bucket, check_key,
    },
    s3_role::{AssumeRole, RoleProvider},
    s3_writer::S3Writer,
};

/// Connections to buckets that are kept.
const BUCKETS_KEPT_MAX: usize = 64;
/// Roles of which the credentials are kept.
const ROLES_KEPT_MAX: usize = 256;
/// How often a call is tried again, and for how long.
const RETRIES_MAX: usize = 8;
const RETRY_SECONDS_MAX: u64 = 60;
/// How long one request may take, in seconds. The content of an object that takes longer goes on by range.
const REQUEST_SECONDS_MAX: u64 = 30;
/// How long a connection may take to be there, in seconds.
const CONNECT_SECONDS_MAX: u64 = 5;

/// Where a real S3 is, and how it is spoken to.
#[derive(Clone)]
pub struct S3Options {
    /// The endpoint's URL. `None`: AWS's own of the region.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// Our own key. `None`: the one that the machine's role gives (instance or container metadata).
    pub credentials: Option<S3Credentials>,
    /// Whether buckets stand in the path, as most S3-compatible endpoints want it, or in the host name.
    pub addressing: Addressing,
    /// Whether objects are put with the KMS key that the job names. Endpoints other than AWS rarely have it.
    pub encryption: Encryption,
}

/// An access key of a real S3.
#[derive(Clone)]
pub struct S3Credentials {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: String,
    /// Of a temporary key.
    pub session_token: Option<String>,
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Credentials({}, …)", self.access_key_id)
    }
}

/// Where a request names its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// `https://host/bucket/key`
    Path,
    /// `https://bucket.host/key`
    VirtualHost,
}

/// How objects are encrypted at their endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// As the bucket does by default.
    OfBucket,
    /// With the KMS key that the job names (SSE-KMS).
    OfJob,
}

/// A real S3, as the roles that jobs name.
pub struct S3DataAccess {
    options: S3Options,
    roles: Option<Arc<dyn AssumeRole>>,
    clock: Arc<dyn Clock>,
    kept: Mutex<HashMap<String, Arc<S3Objects>>>,
}

impl S3DataAccess {
    /// `roles` gives the credentials of a role. `None`: the endpoint knows no roles, and every job uses our own
    /// key.
    pub fn new(
        options: S3Options,
        roles: Option<Arc<dyn AssumeRole>>,
        clock: Arc<dyn Clock>,
    ) -> S3DataAccess {
        S3DataAccess { options, roles, clock, kept: Mutex::default() }
    }
}

impl DataAccess for S3DataAccess {
    fn assume(&self, role_arn: &str) -> Arc<dyn Objects> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(objects) = kept.get(role_arn) {
            return objects.clone();
        }
        if kept.len() >= ROLES_KEPT_MAX {
            kept.clear();
        }
        let provider = self.roles.as_ref().map(|roles| -> AwsCredentialProvider {
            Arc::new(RoleProvider::new(role_arn.to_owned(), roles.clone(), self.clock.clone()))
        });
        let objects = Arc::new(S3Objects { options: self.options.clone(), provider, kept: Mutex::default() });
        kept.insert(role_arn.to_owned(), objects.clone());
        objects
    }
}

/// A bucket, and the KMS key that puts into it use.
type Connection = (String, Option<String>);

/// The objects of a real S3 as one key or role sees them.
pub struct S3Objects {
    options: S3Options,
    provider: Option<AwsCredentialProvider>,
    kept: Mutex<HashMap<Connection, Arc<AmazonS3>>>,
}

impl S3Objects {
    /// With our own key.
    pub fn new(options: S3Options) -> S3Objects {
        S3Objects { options, provider: None, kept: Mutex::default() }
    }

    /// The connection to a bucket, with the KMS key that puts use.
    fn bucket(&self, bucket: &str, kms_key_id: Option<String>) -> Result<Arc<AmazonS3>, ObjectsError> {
        check_bucket(bucket)?;
        let kms_key_id = kms_key_id.filter(|_| self.options.encryption == Encryption::OfJob);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (bucket.to_owned(), kms_key_id);
        if let Some(found) = kept.get(&name) {
            return Ok(found.clone());
        }
        if kept.len() >= BUCKETS_KEPT_MAX {
            kept.clear();
        }
        let made = Arc::new(self.connect(bucket, name.1.as_deref()).map_err(error)?);
        kept.insert(name, made.clone());
        Ok(made)
    }

    fn connect(&self, bucket: &str, kms_key_id: Option<&str>) -> object_store::Result<AmazonS3> {
        let options = &self.options;
        let retry = RetryConfig {
            max_retries: RETRIES_MAX,
            retry_timeout: Duration::from_secs(RETRY_SECONDS_MAX),
            ..RetryConfig::default()
        };
        let client = ClientOptions::new()
            .with_timeout(Duration::from_secs(REQUEST_SECONDS_MAX))
            .with_connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX));
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(&options.region)
            .with_retry(retry)
            .with_client_options(client.clone())
            .with_virtual_hosted_style_request(options.addressing == Addressing::VirtualHost);
        if let Some(endpoint) = &options.endpoint {
            // The library wants the bucket in the endpoint where the host names it.
            let url = match (options.addressing, endpoint.split_once("://")) {
                (Addressing::VirtualHost, Some((scheme, host))) => format!("{scheme}://{bucket}.{host}"),
                _ => endpoint.clone(),
            };
            let client = client.with_allow_http(endpoint.starts_with("http://"));
            builder = builder.with_client_options(client).with_endpoint(url);
        }
        if let Some(key) = kms_key_id {
            builder = builder.with_sse_kms_encryption(key);
        }
        builder = match (&self.provider, &options.credentials) {
            (Some(provider), _) => builder.with_credentials(provider.clone()),
            (None, Some(key)) => builder.with_credentials(Arc::new(
                object_store::StaticCredentialProvider::new(AwsCredential {
                    key_id: key.access_key_id.clone(),
                    secret_key: key.secret_access_key.clone(),
                    token: key.session_token.clone(),
                }),
            )),
            (None, None) => builder,
        };
        builder.build()
    }

    /// Tells a missing object from a missing bucket, which a HEAD does not.
    async fn which_is_missing(&self, bucket: &str) -> ObjectsError {
        match self.bucket_exists(bucket).await {
            Ok(true) => ObjectsError::NoSuchKey,
            Ok(false) => ObjectsError::NoSuchBucket,
            Err(error) => error,
        }
    }
}

impl Objects for S3Objects {
    fn bucket_exists<'a>(&'a self, bucket: &'a str) -> Answer<'a, bool> {
        Box::pin(async move {
            let options = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
            match self.bucket(bucket, None)?.list_paginated(None, options).await.map_err(error) {
                // A key in it that the library cannot name proves the bucket as well as any other.
                Ok(_) | Err(ObjectsError::InvalidName(_)) => Ok(true),
                Err(ObjectsError::NoSuchBucket) => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    fn list<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> Answer<'a, ObjectPage> {
        Box::pin(async move {
            let store = self.bucket(bucket, None)?;
            let options = PaginatedListOptions {
                offset: after.map(str::to_owned),
                max_keys: Some(PAGE_OBJECTS_MAX),
                ..PaginatedListOptions::default()
            };
            let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
            let page = store.list_paginated(prefix, options).await.map_err(error)?;
            let last = page.result.objects.last().map(|object| object.location.to_string());
            let mut objects: Vec<ObjectSummary> = Vec::with_capacity(page.result.objects.len());
            for object in page.result.objects {
                let is_repeated = objects.last().is_some_and(|last| last.key == object.location.as_ref());
                if !is_repeated && (object.size > 0 || !is_folder_marker(&store, &object.location).await?) {
                    objects.push(summary(&object));
                }
            }
            Ok(ObjectPage { objects, next: last.filter(|_| page.page_token.is_some()) })
        })
    }

    fn head<'a>(&'a self, bucket: &'a str, key: &'a str) -> Answer<'a, ObjectSummary> {
        Box::pin(async move {
            let path = path(key)?;
            match self.bucket(bucket, None)?.head(&path).await.map_err(error) {
                Ok(found) => Ok(summary(&found)),
                Err(ObjectsError::NoSuchKey) => Err(self.which_is_missing(bucket).await),
                Err(error) => Err(error),
            }
        })
    }

    fn get<'a>(&'a self, bucket: &'a str, key: &'a str, range: Option<Range<u64>>) -> Answer<'a, Content> {
        Box::pin(async move {
            if range.as_ref().is_some_and(Range::is_empty) {
                return Err(ObjectsError::InvalidRange);
            }
            let path = path(key)?;
            let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
            let got = self.bucket(bucket, None)?.get_opts(&path, options).await.map_err(error)?;
            Ok(got.into_stream().map_err(error).boxed())
        })
    }

    fn put<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        options: PutOptions,
    ) -> Answer<'a, Box<dyn ObjectWriter>> {
        Box::pin(async move {
            let path = path(key)?;
            let store = self.bucket(bucket, options.kms_key_id)?;
            let mut attributes = Attributes::new();
            if !options.content_type.is_empty() {
                attributes.insert(Attribute::ContentType, options.content_type.into());
            }
            Ok(Box::new(S3Writer::new(store, path, attributes)) as Box<dyn ObjectWriter>)
        })
    }

    fn delete<'a>(&'a self, bucket: &'a str, key: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let path = path(key)?;
            match self.bucket(bucket, None)?.delete(&path).await.map_err(error) {
                Err(ObjectsError::NoSuchKey) => Ok(()),
                other => other,
            }
        })
    }
}

/// The library leaves out the `/` at the end of a key. What it then shows as an empty object may be the marker
/// of a folder, which is no object that a job could read.
async fn is_folder_marker(store: &AmazonS3, location: &Path) -> Result<bool, ObjectsError> {
    match store.head(location).await.map_err(error) {
        Ok(_) => Ok(false),
        Err(ObjectsError::NoSuchKey) => Ok(true),
        Err(error) => Err(error),
    }
}

fn summary(found: &ObjectMeta) -> ObjectSummary {
    let etag = found.e_tag.as_deref().unwrap_or_default().trim_matches('"').to_owned();
    ObjectSummary { key: found.location.to_string(), size: found.size, etag }
}

/// A key as the library takes it, if that is still the same key.
fn path(key: &str) -> Result<Path, ObjectsError> {
    check_key(key)?;
    let refused = ObjectsError::InvalidName(
        "a key on this endpoint has no empty, . or .. segments and neither starts nor ends with /",
    );
    match Path::parse(key) {
        Ok(path) if path.as_ref() == key => Ok(path),
        _ => Err(refused),
    }
}

/// How a single put or a multipart upload starts.
pub(crate) fn put_options(attributes: Attributes) -> (StorePutOptions, PutMultipartOptions) {
    let multipart = PutMultipartOptions { attributes: attributes.clone(), ..PutMultipartOptions::default() };
    (StorePutOptions { attributes, ..StorePutOptions::default() }, multipart)
}

/// What an error of the library means. Its text names the object and goes to the log's inside detail only as
/// far as the endpoint's own error code.
pub(crate) fn error(error: object_store::Error) -> ObjectsError {
    let text = error.to_string();
    let code = text.split_once("<Code>").and_then(|(_, rest)| Some(rest.split_once("</Code>")?.0));
    match (code, &error) {
        (Some("NoSuchBucket"), _) => ObjectsError::NoSuchBucket,
        (Some("NoSuchKey"), _) => ObjectsError::NoSuchKey,
        (Some("InvalidRange"), _) => ObjectsError::InvalidRange,
        (Some("EntityTooLarge"), _) => ObjectsError::TooLarge,
        (
            Some(
                "AccessDenied"
                | "InvalidAccessKeyId"
                | "SignatureDoesNotMatch"
                | "ExpiredToken"
                | "InvalidToken",
            ),
            _,
        ) => ObjectsError::AccessDenied,
        (_, object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }) => {
            ObjectsError::AccessDenied
        }
        (_, object_store::Error::NotFound { .. }) => ObjectsError::NoSuchKey,
        (_, object_store::Error::InvalidPath { .. }) => {
            ObjectsError::InvalidName("the listing holds keys with empty, . or .. segments")
        }
        (_, object_store::Error::Precondition { .. }) => ObjectsError::Unavailable("precondition".to_owned()),
        _ if text.contains("status code: 403") => ObjectsError::AccessDenied,
        _ if text.contains("status code: 416") => ObjectsError::InvalidRange,
        (Some(code), _) => ObjectsError::Unavailable(code.to_owned()),
        (None, _) => ObjectsError::Unavailable(reason(&format!("{error:?}")).to_owned()),
    }
}

/// What an error without a code of the endpoint's own comes from, as far as its text tells.
fn reason(text: &str) -> &'static str {
    let text = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["timed out", "timeout"]) {
        "the endpoint did not answer in time"
    } else if has(&["connect", "closed", "decoding", "broken pipe", "incomplete", "end of file"]) {
        "the connection to the endpoint broke off"
    } else {
        "the endpoint did not answer as S3 does"
    }
}
