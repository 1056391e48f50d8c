//! Request bodies gathered in memory: how large, how slowly, and how many at once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::load::pace::{PacedBody, SENDING, Slow, TooSlow};

/// How long a client waits for room for its body, in milliseconds.
const ROOM_MS_MAX: u64 = 5_000;

/// Bodies up to this many bytes, announced, need no room: with all connections in use they stay within what the
/// large ones may take, and no sender of large ones can hold them up.
const SMALL_BYTES_MAX: u64 = 64 * 1024;

/// Room for large bodies, given out in KiB. It is taken before a signature can be checked, so it must be bounded
/// whoever sends.
pub(crate) struct BodyRoom {
    free: Arc<Semaphore>,
    kib: u32,
}

/// A request with its body in memory, and the room that it takes until it is answered.
pub(crate) struct Gathered {
    /// The request.
    pub(crate) request: Request<Bytes>,
    _room: Option<OwnedSemaphorePermit>,
}

impl BodyRoom {
    /// Room of so many bytes. A body that is larger than all of it waits until it is alone.
    pub(crate) fn new(bytes: u64) -> BodyRoom {
        let kib = u32::try_from(bytes / 1024).unwrap_or(u32::MAX);
        BodyRoom { free: Arc::new(Semaphore::new(kib as usize)), kib }
    }

    /// The request with its body, which holds at most one byte more than the door's limit: the door itself
    /// refuses what is too large, in its own words. A body that announces to be larger is not read at all.
    ///
    /// # Errors
    /// 413, 408 when it arrives too slowly, 503 when there is no room in time, 400 when it breaks off.
    pub(crate) async fn gather<B>(
        &self,
        request: Request<B>,
        bytes_max: usize,
        slow: &Arc<Slow>,
    ) -> Result<Gathered, StatusCode>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        if body.size_hint().lower() > bytes_max as u64 {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if body.is_end_stream() {
            return Ok(Gathered { request: Request::from_parts(parts, Bytes::new()), _room: None });
        }
        let limit = Duration::from_millis(ROOM_MS_MAX);
        let room = tokio::time::timeout(limit, self.room(body.size_hint().upper(), bytes_max));
        let room = room.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        let body = PacedBody::new(body, SENDING, Arc::clone(slow));
        match Limited::new(body, bytes_max + 1).collect().await {
            Ok(collected) => {
                Ok(Gathered { request: Request::from_parts(parts, collected.to_bytes()), _room: room })
            }
            Err(error) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
            Err(error) if error.is::<TooSlow>() => Err(StatusCode::REQUEST_TIMEOUT),
            Err(_) => Err(StatusCode::BAD_REQUEST),
        }
    }

    /// Room for a body of at most `announced` bytes; one that announces nothing may be as large as the door
    /// takes.
    async fn room(&self, announced: Option<u64>, bytes_max: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = announced.unwrap_or(bytes_max as u64);
        if bytes <= SMALL_BYTES_MAX {
            return None;
        }
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(self.kib).min(self.kib);
        Some(Arc::clone(&self.free).acquire_many_owned(kib).await.expect("the semaphore is never closed"))
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
        let room = BodyRoom::new(256 * LARGE as u64);
        assert_eq!(
            room.gather(request(LARGE), LARGE, &Arc::default()).await.unwrap().request.body().len(),
            LARGE
        );
        let refused = room.gather(request(LARGE + 1), LARGE, &Arc::default()).await.err();
        assert_eq!(refused, Some(StatusCode::PAYLOAD_TOO_LARGE));
    }

    #[tokio::test]
    async fn large_bodies_wait_for_room_and_small_ones_do_not() {
        let (room, slow) = (BodyRoom::new(LARGE as u64), Arc::default());
        let first = room.gather(request(LARGE), LARGE, &Arc::default()).await.unwrap();
        let second = room.gather(request(LARGE), LARGE, &slow);
        assert!(tokio::time::timeout(Duration::from_millis(1), second).await.is_err());
        assert!(room.gather(request(SMALL_BYTES_MAX as usize), LARGE, &Arc::default()).await.is_ok());
        drop(first);
        assert!(room.gather(request(LARGE), LARGE, &Arc::default()).await.is_ok());
    }
}
