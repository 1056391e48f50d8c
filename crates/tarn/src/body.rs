//! Request bodies gathered in memory: how large, how long, and how many at once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a client may take to send a body, and to wait for room for it, in milliseconds.
const BODY_MS_MAX: u64 = 60_000;

/// Bodies up to this many bytes, announced, need no room: with all connections in use they stay within what the
/// large ones may take, and no sender of large ones can hold them up.
const SMALL_BYTES_MAX: u64 = 64 * 1024;

/// Memory that large bodies may take at once, in KiB. It is taken before a signature can be checked, so it must
/// be bounded whoever sends.
const ROOM_KIB: u32 = 256 * 1024;

/// Room for large bodies.
pub(crate) struct BodyRoom(Arc<Semaphore>);

/// A request with its body in memory, and the room that it takes until it is answered.
pub(crate) struct Gathered {
    /// The request.
    pub(crate) request: Request<Bytes>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Default for BodyRoom {
    fn default() -> Self {
        BodyRoom(Arc::new(Semaphore::new(ROOM_KIB as usize)))
    }
}

impl BodyRoom {
    /// The request with its body, which holds at most one byte more than the door's limit: the door itself
    /// refuses what is too large, in its own words. A body that announces to be larger is not read at all.
    ///
    /// # Errors
    /// 413, 408 when it does not arrive in time, 503 when there is no room in time, 400 when it breaks off.
    pub(crate) async fn gather<B>(
        &self,
        request: Request<B>,
        bytes_max: usize,
    ) -> Result<Gathered, StatusCode>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        if body.size_hint().lower() > bytes_max as u64 {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let limit = Duration::from_millis(BODY_MS_MAX);
        let room = tokio::time::timeout(limit, self.room(body.size_hint().upper(), bytes_max));
        let room = room.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        match tokio::time::timeout(limit, Limited::new(body, bytes_max + 1).collect()).await {
            Ok(Ok(collected)) => {
                Ok(Gathered { request: Request::from_parts(parts, collected.to_bytes()), _room: room })
            }
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
            Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
            Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
        }
    }

    /// Room for a body of at most `announced` bytes; one that announces nothing may be as large as the door
    /// takes.
    async fn room(&self, announced: Option<u64>, bytes_max: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = announced.unwrap_or(bytes_max as u64);
        if bytes <= SMALL_BYTES_MAX {
            return None;
        }
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(ROOM_KIB).min(ROOM_KIB);
        Some(Arc::clone(&self.0).acquire_many_owned(kib).await.expect("the semaphore is never closed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;

    const LARGE: usize = 1024 * 1024;

    fn request(bytes: usize) -> Request<Full<Bytes>> {
        Request::new(Full::new(Bytes::from(vec![b'x'; bytes])))
    }

    #[tokio::test]
    async fn a_body_at_the_limit_passes_and_one_byte_more_does_not() {
        let room = BodyRoom::default();
        assert_eq!(room.gather(request(LARGE), LARGE).await.unwrap().request.body().len(), LARGE);
        let refused = room.gather(request(LARGE + 1), LARGE).await.err();
        assert_eq!(refused, Some(StatusCode::PAYLOAD_TOO_LARGE));
    }

    #[tokio::test]
    async fn large_bodies_wait_for_room_and_small_ones_do_not() {
        let room = BodyRoom(Arc::new(Semaphore::new(LARGE / 1024)));
        let first = room.gather(request(LARGE), LARGE).await.unwrap();
        let second = room.gather(request(LARGE), LARGE);
        assert!(tokio::time::timeout(Duration::from_millis(1), second).await.is_err());
        assert!(room.gather(request(SMALL_BYTES_MAX as usize), LARGE).await.is_ok());
        drop(first);
        assert!(room.gather(request(LARGE), LARGE).await.is_ok());
    }
}
