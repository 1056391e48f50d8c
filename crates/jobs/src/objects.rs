//! Objects by bucket and key, as jobs see them: the promise that a local folder and a real S3 both keep, and
//! the names (`s3://bucket/key`) by which requests speak of them.

use std::{fmt, future::Future, ops::Range, pin::Pin, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{TryStreamExt, stream::BoxStream};

/// The longest object key, in bytes of UTF-8.
pub const KEY_BYTES_MAX: usize = 1024;
/// The shortest and the longest bucket name, in characters.
pub const BUCKET_CHARACTERS: std::ops::RangeInclusive<usize> = 3..=63;
/// The most objects that one page of a listing holds.
pub const PAGE_OBJECTS_MAX: usize = 1000;
/// The largest object that can be written, in bytes (5 TiB).
pub const OBJECT_BYTES_MAX: u64 = 5 << 40;

/// A future that a trait object can return.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ObjectsError>> + Send + 'a>>;
/// The bytes of an object, in order. An error ends it.
pub type Content = BoxStream<'static, Result<Bytes, ObjectsError>>;

/// Why a call on objects was not done. Its sentences name neither keys nor content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectsError {
    /// There is no bucket of that name.
    #[error("The specified bucket does not exist")]
    NoSuchBucket,
    /// The bucket is there, the object is not.
    #[error("The specified key does not exist")]
    NoSuchKey,
    /// The caller, or the role that it assumed, may not do this.
    #[error("Access Denied")]
    AccessDenied,
    /// A bucket name, key or URI that cannot name anything; the text says what is wrong with its form.
    #[error("{0}")]
    InvalidName(&'static str),
    /// The range starts at or after the end of the object.
    #[error("The requested range is not satisfiable")]
    InvalidRange,
    /// More bytes than an object may hold.
    #[error("The object is larger than the maximum allowed object size")]
    TooLarge,
    /// What is stored cannot be opened: it was damaged, or sealed with another key.
    #[error("The stored object is damaged")]
    Damaged,
    /// The endpoint or the disk did not do it this time; trying again may help. Holds inside detail for the log.
    #[error("The object store is unavailable")]
    Unavailable(String),
}

/// What a listing and a `head` tell of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectSummary {
    /// The whole key.
    pub key: String,
    /// Bytes of content.
    pub size: u64,
    /// The entity tag without its quotation marks.
    pub etag: String,
}

/// One page of a listing, in ascending order of the keys' UTF-8 bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectPage {
    /// At most [`PAGE_OBJECTS_MAX`].
    pub objects: Vec<ObjectSummary>,
    /// Where the next page goes on: hand it to `list` as `after`. `None`: this was the last page.
    pub next: Option<String>,
}

/// How an object is to be kept, besides its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// The Content-Type; empty: none is recorded.
    pub content_type: String,
    /// The KMS key that a real S3 shall encrypt it with (`OutputDataConfig.S3Configuration.KmsKeyId`).
    pub kms_key_id: Option<String>,
}

/// Buckets of objects.
pub trait Objects: Send + Sync {
    /// Whether the bucket is there. A bucket that we may not look at is `AccessDenied`.
    fn bucket_exists<'a>(&'a self, bucket: &'a str) -> Answer<'a, bool>;

    /// One page of the objects whose key starts with `prefix` (any string, not a folder) and is greater than
    /// `after`. Fails with `NoSuchBucket`; a prefix that nothing starts with is an empty page.
    fn list<'a>(&'a self, bucket: &'a str, prefix: &'a str, after: Option<&'a str>)
    -> Answer<'a, ObjectPage>;

    /// An object's size and tag. Fails with `NoSuchBucket` or `NoSuchKey`.
    fn head<'a>(&'a self, bucket: &'a str, key: &'a str) -> Answer<'a, ObjectSummary>;

    /// An object's content, or the bytes of `range` (half open, cut off at the end of the object).
    fn get<'a>(&'a self, bucket: &'a str, key: &'a str, range: Option<Range<u64>>) -> Answer<'a, Content>;

    /// Starts to write an object. Nothing is visible under the key before [`ObjectWriter::finish`].
    fn put<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        options: PutOptions,
    ) -> Answer<'a, Box<dyn ObjectWriter>>;

    /// Deletes an object; one that is not there is deleted already.
    fn delete<'a>(&'a self, bucket: &'a str, key: &'a str) -> Answer<'a, ()>;
}

/// An object being written. One that is dropped leaves no object; call [`ObjectWriter::abort`] to also free
/// what a remote endpoint keeps of it.
pub trait ObjectWriter: Send {
    /// Appends bytes. Waits while too much is under way, so that memory stays flat.
    fn write<'a>(&'a mut self, bytes: Bytes) -> Answer<'a, ()>;
    /// Makes the object visible, whole and durable, in place of any earlier one of the key.
    fn finish(self: Box<Self>) -> Answer<'static, ObjectSummary>;
    /// Gives it up.
    fn abort(self: Box<Self>) -> Answer<'static, ()>;
}

/// Gives out the objects that a job may use: those that its `DataAccessRoleArn` opens.
pub trait DataAccess: Send + Sync {
    /// The objects as the role sees them. That the role cannot be assumed shows in the first call on them, as
    /// `AccessDenied`.
    fn assume(&self, role_arn: &str) -> Arc<dyn Objects>;
}

/// Writes a whole object at once.
pub async fn put_bytes(
    objects: &dyn Objects,
    uri: &S3Uri,
    options: PutOptions,
    bytes: impl Into<Bytes>,
) -> Result<ObjectSummary, ObjectsError> {
    let mut writer = objects.put(uri.bucket(), uri.key(), options).await?;
    if let Err(error) = writer.write(bytes.into()).await {
        // The first error is the one worth telling; the endpoint's own clean-up covers a failed abort.
        let _ = writer.abort().await;
        return Err(error);
    }
    writer.finish().await
}

/// Reads an object, or a range of it, into memory. Fails with `TooLarge` past `bytes_max`.
pub async fn get_bytes(
    objects: &dyn Objects,
    bucket: &str,
    key: &str,
    range: Option<Range<u64>>,
    bytes_max: usize,
) -> Result<Bytes, ObjectsError> {
    let mut content = objects.get(bucket, key, range).await?;
    let mut bytes = BytesMut::new();
    while let Some(chunk) = content.try_next().await? {
        if bytes.len() + chunk.len() > bytes_max {
            return Err(ObjectsError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// A bucket and a key or prefix in it: `s3://bucket/key`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct S3Uri {
    bucket: String,
    key: String,
}

impl S3Uri {
    /// Parses `s3://bucket`, `s3://bucket/` or `s3://bucket/key`; the key is taken as it stands, without
    /// percent-decoding, as the AWS CLI does.
    pub fn parse(text: &str) -> Result<S3Uri, ObjectsError> {
        let rest =
            text.strip_prefix("s3://").ok_or(ObjectsError::InvalidName("an S3 URI starts with s3://"))?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        check_bucket(bucket)?;
        if !key.is_empty() {
            check_key(key)?;
        }
        Ok(S3Uri { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key or prefix; empty for the whole bucket.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// This URI taken as a folder (a `/` is added where none stands), with `name` in it.
    pub fn join(&self, name: &str) -> S3Uri {
        let slash = if self.key.is_empty() || self.key.ends_with('/') { "" } else { "/" };
        S3Uri { bucket: self.bucket.clone(), key: format!("{}{slash}{name}", self.key) }
    }
}

impl fmt::Display for S3Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

impl fmt::Debug for S3Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A key can hold a person's name, so what may reach a log shows the bucket only.
        write!(f, "s3://{}/…", self.bucket)
    }
}

/// Whether `name` can be a bucket: 3 to 63 lower-case letters, digits, dots and hyphens, starting and ending
/// with a letter or digit, no two dots together, not formed as an IPv4 address.
pub fn check_bucket(name: &str) -> Result<(), ObjectsError> {
    let bad = |why| Err(ObjectsError::InvalidName(why));
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    if !BUCKET_CHARACTERS.contains(&bytes.len()) {
        return bad("a bucket name has 3 to 63 characters");
    }
    if !bytes.iter().all(|b| alphanumeric(b) || matches!(b, b'.' | b'-')) {
        return bad("a bucket name has only lower-case letters, digits, dots and hyphens");
    }
    if !bytes.first().is_some_and(alphanumeric) || !bytes.last().is_some_and(alphanumeric) {
        return bad("a bucket name starts and ends with a letter or digit");
    }
    if name.contains("..") || name.parse::<std::net::Ipv4Addr>().is_ok() {
        return bad("a bucket name has no two dots together and is not an IP address");
    }
    Ok(())
}

/// Whether `key` can name an object: 1 to [`KEY_BYTES_MAX`] bytes, without the character NUL.
pub fn check_key(key: &str) -> Result<(), ObjectsError> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(ObjectsError::InvalidName("a key has 1 to 1024 bytes"));
    }
    if key.contains('\0') {
        return Err(ObjectsError::InvalidName("a key has no NUL"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_a_bucket_and_a_key() {
        let cases = [
            ("s3://abc", Some(("abc", ""))),
            ("s3://abc/", Some(("abc", ""))),
            ("s3://my-bucket.1/in/a b%20.ndjson", Some(("my-bucket.1", "in/a b%20.ndjson"))),
            ("s3://abc//x", Some(("abc", "/x"))),
            ("S3://abc/x", None),
            ("https://abc/x", None),
            ("s3:///x", None),
            ("s3://ab/x", None),
            ("s3://Abc/x", None),
            ("s3://-abc/x", None),
            ("s3://abc-/x", None),
            ("s3://a..b/x", None),
            ("s3://10.0.0.1/x", None),
            ("s3://a_b/x", None),
            ("s3://abc/x\0", None),
        ];
        for (text, expected) in cases {
            let parsed = S3Uri::parse(text).ok();
            assert_eq!(parsed.as_ref().map(|u| (u.bucket(), u.key())), expected, "{text}");
        }
    }

    #[test]
    fn names_are_refused_one_past_their_limit() {
        assert!(check_bucket(&"a".repeat(63)).is_ok() && check_bucket(&"a".repeat(64)).is_err());
        assert!(
            check_key(&"k".repeat(KEY_BYTES_MAX)).is_ok()
                && check_key(&"k".repeat(KEY_BYTES_MAX + 1)).is_err()
        );
    }

    #[test]
    fn joining_adds_one_slash_where_none_stands() {
        let join = |uri: &str| S3Uri::parse(uri).unwrap().join("n/m.json").to_string();
        assert_eq!(join("s3://abc"), "s3://abc/n/m.json");
        assert_eq!(join("s3://abc/out"), "s3://abc/out/n/m.json");
        assert_eq!(join("s3://abc/out/"), "s3://abc/out/n/m.json");
    }
}
