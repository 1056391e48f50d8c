//! Takes in the body of a request, and compares it with the digests that the client sent with it.

use base64::{Engine, prelude::BASE64_STANDARD};
use futures::TryStreamExt;
use http::HeaderMap;
use s3s::{
    S3Error, S3ErrorCode, S3Result, TrailingHeaders,
    dto::{ChecksumAlgorithm, StreamingBlob},
};

use super::{Door, convert};
use crate::{
    checksum::{ALGORITHMS, Digests},
    content::{Incoming, Received},
    description::Algorithm,
    error::FolderError,
    uploads::PART_BYTES_MAX,
};

/// What a client says of a body.
pub(super) struct Said {
    /// In base64.
    md5: Option<String>,
    algorithm: Option<Algorithm>,
    checksum: Sent,
}

/// Where the client sends its checksum, in base64.
enum Sent {
    Nowhere,
    InHeader(String),
    InTrailer(Option<TrailingHeaders>),
}

impl Said {
    /// Reads it from the request. `values` are the checksums in the order of [`ALGORITHMS`].
    pub(super) fn new(
        values: [Option<String>; 5],
        named: Option<&ChecksumAlgorithm>,
        md5: Option<String>,
        headers: &HeaderMap,
        trailers: Option<TrailingHeaders>,
    ) -> S3Result<Said> {
        let given = ALGORITHMS.into_iter().zip(values).find_map(|(of, value)| Some((of, value?)));
        if let Some((algorithm, checksum)) = given {
            return Ok(Said { md5, algorithm: Some(algorithm), checksum: Sent::InHeader(checksum) });
        }
        let trailer = headers.get("x-amz-trailer").and_then(|value| value.to_str().ok()).map(str::trim);
        let in_trailer = ALGORITHMS.into_iter().find(|of| trailer == Some(of.header()));
        match in_trailer {
            Some(_) => Ok(Said { md5, algorithm: in_trailer, checksum: Sent::InTrailer(trailers) }),
            None => Ok(Said { md5, algorithm: convert::algorithm(named)?, checksum: Sent::Nowhere }),
        }
    }

    /// The checksum that the client chose.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    fn check(self, received: &Received) -> S3Result<()> {
        if let Some(md5) = &self.md5 {
            let sent = BASE64_STANDARD.decode(md5).map_err(|_| S3ErrorCode::InvalidDigest)?;
            if sent != received.digested.md5 {
                return Err(FolderError::BadDigest("Content-MD5").into());
            }
        }
        let Some(algorithm) = self.algorithm else { return Ok(()) };
        let sent = match self.checksum {
            Sent::Nowhere => return Ok(()),
            Sent::InHeader(value) => Some(value),
            Sent::InTrailer(trailers) => trailers
                .and_then(|trailers| trailers.take())
                .and_then(|trailers| Some(trailers.get(algorithm.header())?.to_str().ok()?.to_owned())),
        };
        // A trailer that was announced and did not come is as wrong as one that does not match.
        let computed = received.digested.of(algorithm).map(|checksum| checksum.value.as_str());
        match sent.is_some() && sent.as_deref() == computed {
            true => Ok(()),
            false => Err(FolderError::BadDigest(algorithm.name()).into()),
        }
    }
}

impl Door {
    /// Takes a body in. `kept` is the checksum that stays with it.
    pub(super) async fn receive(
        &self,
        body: Option<StreamingBlob>,
        said: Said,
        kept: Algorithm,
    ) -> S3Result<Received> {
        let digests = Digests::new(kept, said.algorithm);
        let mut incoming = Incoming::start(self.folder.clone(), digests, PART_BYTES_MAX).await?;
        if let Some(mut body) = body {
            // Whatever ends a body early (the client, a chunk with a bad signature), it is not whole.
            let broken = |_| S3Error::from(FolderError::IncompleteBody);
            while let Some(bytes) = body.try_next().await.map_err(broken)? {
                incoming.write(bytes).await?;
            }
        }
        let (_, received) = incoming.end().await?;
        said.check(&received)?;
        Ok(received)
    }
}
