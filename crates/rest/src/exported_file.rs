//! The files of exports that are served from here: fetched by a signed request, or by an address that carries its own
//! proof and expires.

use std::io::Write;

use access::{Action, SignatureError};
use aws_lc_rs::hmac;
use bytes::Bytes;
use fhir::Time;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::TryStreamExt;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, VARY};
use http::{Method, Request, Response};
use jobs::{Content, ObjectsError};
use store::{ExportTarget, JobId, JobKind, uuid};

use crate::cors;
use crate::gate::{self, Entered};
use crate::operation::export::{EXPORT, status::is_told_of};
use crate::outcome::Refusal;
use crate::representation::Representation;
use crate::route::{Call, value};
use crate::{Service, Unsigned, negotiate, reply};

const NDJSON: HeaderValue = HeaderValue::from_static("application/fhir+ndjson");

/// Makes and checks the proofs in addresses of files.
pub(crate) struct FileLinks {
    key: hmac::Key,
}

/// The address of a file, taken apart.
pub(crate) struct FileCall<'c> {
    call: &'c Call<'c>,
    job: &'c str,
    name: &'c str,
}

impl FileLinks {
    /// Proofs under a key that follows from this one.
    pub(crate) fn new(key: &[u8; 32]) -> FileLinks {
        let purpose = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"files of exports");
        FileLinks { key: hmac::Key::new(hmac::HMAC_SHA256, purpose.as_ref()) }
    }

    /// The query that opens one file until it expires.
    pub(crate) fn token(&self, datastore: &str, job: &str, name: &str, expires: Time) -> String {
        let seconds = expires.0.div_euclid(1_000_000);
        let tag = hmac::sign(&self.key, message(datastore, job, name, seconds).as_bytes());
        format!("expires={seconds}&signature={}", hex::encode(tag))
    }

    /// Whether a query opens a file now.
    fn opens(&self, file: &FileCall<'_>, expires: &str, signature: &str, now: Time) -> bool {
        let (Ok(seconds), Ok(tag)) = (expires.parse::<i64>(), hex::decode(signature)) else { return false };
        let message = message(&file.call.datastore, file.job, file.name, seconds);
        hmac::verify(&self.key, message.as_bytes(), &tag).is_ok() && now.0.div_euclid(1_000_000) < seconds
    }
}

/// No part can hold a line feed: the first two are hexadecimal or name nothing, the name is one of the job's files.
fn message(datastore: &str, job: &str, name: &str, seconds: i64) -> String {
    format!("{datastore}\n{job}\n{name}\n{seconds}")
}

impl<'c> FileCall<'c> {
    /// The file that a call is about, if it is about one.
    pub(crate) fn of(call: &'c Call<'c>) -> Option<FileCall<'c>> {
        match *call.segments() {
            [EXPORT, job, name] => Some(FileCall { call, job, name }),
            _ => None,
        }
    }
}

impl Service {
    /// Answers a request for a file of an export, as a stream; `None` for every other request, which is for
    /// [`Service::handle`].
    pub async fn exported_file(&self, request: &Request<Bytes>) -> Option<Response<Content>> {
        let call = Call::of(request)?;
        let file = FileCall::of(&call).filter(|_| request.method() != Method::OPTIONS)?;
        let mut response = match self.open_file(request, &file).await {
            Ok(response) => response,
            Err(refusal) => {
                let refused = reply::refused(refusal, request.method(), &Representation::default());
                refused.map(whole)
            }
        };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        cors::share(&mut response, &self.settings.origins, request.headers(), false);
        reply::identify(&mut response, &uuid(&*self.parts.random));
        Some(response)
    }

    async fn open_file(
        &self,
        request: &Request<Bytes>,
        file: &FileCall<'_>,
    ) -> Result<Response<Content>, Refusal> {
        let now = self.parts.clock.now();
        let entered = self.enter_for_file(request, file, now).await?;
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Refusal::method("GET, HEAD"));
        }
        gate::check_action(&entered.access, Action::fhir("GetExportedFile"))?;
        let none = || Refusal::no_such_address("There is no such file, or it is over and was removed.");
        let (datastore, id) = (&entered.datastore.id, JobId::parse(file.job).ok_or_else(none)?);
        let job = self.parts.catalog.job(datastore, JobKind::Export, &id).await?.ok_or_else(none)?.record;
        let export = job.export.as_deref().filter(|_| is_told_of(&job, now)).ok_or_else(none)?;
        let is_its = export.files.iter().any(|found| found.name == file.name);
        if export.target != ExportTarget::Here || !is_its || export.expires.is_none() {
            return Err(none());
        }
        let (size, content) = self.parts.files.open(datastore, &id, file.name).await.map_err(not_opened)?;
        let is_packed = negotiate::takes_gzip(request.headers());
        let body = match *request.method() {
            Method::HEAD => whole(Bytes::new()),
            _ if is_packed => packed(content),
            _ => content,
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, NDJSON);
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        if is_packed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        } else {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
        }
        Ok(response)
    }

    /// Lets in who signed, and who has an address that opens the file.
    async fn enter_for_file(
        &self,
        request: &Request<Bytes>,
        file: &FileCall<'_>,
        now: Time,
    ) -> Result<Entered, Refusal> {
        let query = file.call.parameters()?;
        let proof = value(&query, "expires").zip(value(&query, "signature"));
        let verified = self.verify(request);
        match (&verified, proof) {
            (Err(SignatureError::MissingAuthenticationToken), Some((expires, signature))) => {
                if self.file_links.opens(file, expires, signature, now) {
                    return self.enter_proven(&file.call.datastore).await;
                }
                Err(Refusal::denied("AccessDeniedException", "The address has expired or was changed."))
            }
            _ => {
                if verified.is_err() && self.settings.unsigned == Unsigned::Taken {
                    cors::check_unsigned(&self.settings.origins, request.headers())?;
                }
                self.enter(verified, &file.call.datastore).await
            }
        }
    }
}

fn not_opened(error: ObjectsError) -> Refusal {
    match error {
        ObjectsError::NoSuchKey | ObjectsError::NoSuchBucket => {
            Refusal::no_such_address("There is no such file, or it is over and was removed.")
        }
        error => {
            tracing::error!(%error, "a file of an export was not opened");
            store::StoreError::Failed(error.to_string()).into()
        }
    }
}

/// The content packed by gzip as it goes.
fn packed(content: Content) -> Content {
    let encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let failed = |error: std::io::Error| ObjectsError::Unavailable(error.to_string());
    let pieces =
        futures::stream::try_unfold((content, Some(encoder)), move |(mut content, encoder)| async move {
            let Some(mut encoder) = encoder else { return Ok(None) };
            Ok(Some(match content.try_next().await? {
                Some(bytes) => {
                    encoder.write_all(&bytes).map_err(failed)?;
                    (Bytes::from(std::mem::take(encoder.get_mut())), (content, Some(encoder)))
                }
                None => (Bytes::from(encoder.finish().map_err(failed)?), (content, None)),
            }))
        });
    Box::pin(pieces.try_filter(|piece| std::future::ready(!piece.is_empty())))
}

fn whole(bytes: Bytes) -> Content {
    Box::pin(futures::stream::iter((!bytes.is_empty()).then_some(Ok(bytes))))
}
