//! What every response gets last: packing, and what caches may do with it.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, HeaderMap, HeaderValue, VARY};
use http::{Method, Response};

use crate::limits::GZIP_BYTES_MIN;
use crate::negotiate;

/// What resources with a version may do in a cache: lie there for their owner, and be asked after each time.
const REVALIDATED: HeaderValue = HeaderValue::from_static("private, no-cache");
/// Everything else is kept nowhere.
const KEPT_NOWHERE: HeaderValue = HeaderValue::from_static("no-store");
/// The headers of a request that choose among representations.
const CHOOSING: HeaderValue = HeaderValue::from_static("Accept, Accept-Encoding");

/// Packs the body if the client takes that and it is worth it, and says what caches may do.
pub(crate) fn finish(response: &mut Response<Bytes>, method: &Method, asked: &HeaderMap) {
    let is_versioned = matches!(*method, Method::GET | Method::HEAD) && response.headers().contains_key(ETAG);
    let caching = if is_versioned { REVALIDATED } else { KEPT_NOWHERE };
    response.headers_mut().insert(CACHE_CONTROL, caching);
    response.headers_mut().append(VARY, CHOOSING);
    if response.body().len() < GZIP_BYTES_MIN
        || response.headers().contains_key(CONTENT_ENCODING)
        || !negotiate::takes_gzip(asked)
    {
        return;
    }
    if let Some(packed) = packed(response.body()) {
        *response.body_mut() = packed;
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response.headers_mut().remove(CONTENT_LENGTH);
    }
}

/// The bytes packed by gzip, at the speed of a server; `None` if that does not make them fewer.
fn packed(bytes: &Bytes) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes).ok()?;
    let packed = encoder.finish().ok()?;
    (packed.len() < bytes.len()).then(|| packed.into())
}
