//! Content on its way in and out: written by an async caller piece by piece, read as a stream. The disk and the
//! ciphers run where waiting is allowed, a megabyte at a time.

use std::{ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream, stream::BoxStream};

use crate::{
    checksum::{Digested, Digests},
    description::{Checksum, Description, Headers},
    error::FolderError,
    folder::{Bucket, Condition, Folder, to_json},
    seal::{SealedReader, SealedWriter, Unfinished},
};

/// Bytes gathered before they are sealed and written.
const GATHERED_BYTES: usize = 1 << 20;
/// Segments read at a time.
const SEGMENTS_READ: u64 = 4;

/// Runs what may wait for the disk.
pub(crate) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FolderError> + Send + 'static,
) -> Result<T, FolderError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(stopped) => Err(FolderError::Io(std::io::Error::other(stopped))),
    }
}

/// Content being written to a temporary file. Dropped, it leaves nothing.
pub(crate) struct Incoming {
    folder: Arc<Folder>,
    sink: Option<Sink>,
    gathered: BytesMut,
    size: u64,
    bytes_max: u64,
}

struct Sink {
    file: SealedWriter,
    digests: Digests,
}

/// Content that is all there, in a temporary file that lacks its description.
pub(crate) struct Received {
    file: SealedWriter,
    pub size: u64,
    pub digested: Digested,
}

impl Incoming {
    /// Starts, taking these digests.
    pub(crate) async fn start(
        folder: Arc<Folder>,
        digests: Digests,
        bytes_max: u64,
    ) -> Result<Incoming, FolderError> {
        let of = folder.clone();
        let file = on_disk(move || Ok(of.temporary()?)).await?;
        let sink = Some(Sink { file, digests });
        Ok(Incoming { folder, sink, gathered: BytesMut::new(), size: 0, bytes_max })
    }

    /// Appends bytes.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), FolderError> {
        self.size += bytes.len() as u64;
        if self.size > self.bytes_max {
            return Err(FolderError::TooLarge);
        }
        self.gathered.extend_from_slice(&bytes);
        if self.gathered.len() >= GATHERED_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), FolderError> {
        let gathered = self.gathered.split().freeze();
        let broken = || FolderError::Io(std::io::Error::other("an earlier write failed"));
        let mut sink = self.sink.take().ok_or_else(broken)?;
        let written = on_disk(move || {
            sink.digests.update(&gathered);
            sink.file.write(&gathered)?;
            Ok(sink)
        });
        self.sink = Some(written.await?);
        Ok(())
    }

    /// Ends the content.
    pub(crate) async fn end(mut self) -> Result<(Arc<Folder>, Received), FolderError> {
        self.flush().await?;
        let sink = self.sink.take().expect("a flush that went well leaves the sink");
        let received = Received { file: sink.file, size: self.size, digested: sink.digests.finish() };
        Ok((self.folder, received))
    }
}

impl Received {
    /// Writes a description behind the content.
    pub(crate) fn describe(self, description: &[u8]) -> Result<Unfinished, FolderError> {
        Ok(self.file.finish(description)?)
    }

    /// What was received while running on the disk's side already.
    pub(crate) fn of(file: SealedWriter, digests: Digests) -> Received {
        Received { size: file.size(), file, digested: digests.finish() }
    }

    /// Makes it an object.
    pub(crate) fn commit(
        self,
        folder: &Folder,
        bucket: &Bucket,
        named: Named,
        condition: &Condition,
    ) -> Result<Description, FolderError> {
        let description = Description {
            bucket: bucket.name.clone(),
            key: named.key,
            size: self.size,
            etag: named.etag.unwrap_or_else(|| hex::encode(self.digested.md5)),
            modified_us: folder.now_us(),
            headers: named.headers,
            checksum: Some(named.checksum.unwrap_or_else(|| self.digested.kept.clone())),
            parts: named.parts,
        };
        let file = self.describe(&to_json(&description))?;
        folder.commit(bucket, file, &description, condition)?;
        Ok(description)
    }
}

/// What an object is to be, besides its content.
#[derive(Default)]
pub(crate) struct Named {
    pub key: String,
    pub headers: Headers,
    /// The entity tag, where it is not the content's MD5.
    pub etag: Option<String>,
    /// The checksum, where it is not that of the whole content.
    pub checksum: Option<Checksum>,
    pub parts: Vec<u64>,
}

/// The bytes of `range`, which lies within the content, as a stream.
pub(crate) fn outgoing(
    reader: SealedReader,
    range: Range<u64>,
) -> BoxStream<'static, Result<Bytes, FolderError>> {
    let step = async |(mut reader, range): (SealedReader, Range<u64>)| {
        if range.is_empty() {
            return Ok(None);
        }
        let read = on_disk(move || {
            let mut out = Vec::new();
            reader.read(range.clone(), SEGMENTS_READ, &mut out)?;
            let rest = range.start + out.len() as u64..range.end;
            Ok((Bytes::from(out), (reader, rest)))
        });
        read.await.map(Some)
    };
    stream::try_unfold((reader, range), step).boxed()
}
