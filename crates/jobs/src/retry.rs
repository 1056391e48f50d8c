//! Patience with object stores: what may pass is tried again, for a while.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::objects::{Answer, ObjectsError};

/// How often a call on objects is tried before its error counts. Each try is several requests to a real S3.
pub(crate) const TRIES_MAX: u32 = 8;
/// The pause after the first failure, in milliseconds; it doubles with each one, and is up to half as long again.
pub(crate) const PAUSE_MS: u64 = 100;
/// No call is tried again that began so long ago, in milliseconds: an endpoint may also hang.
pub(crate) const PATIENCE_MS_MAX: u64 = 60_000;

/// What is left of the patience with one call.
pub(crate) struct Patience {
    tries: u32,
    since: Instant,
}

impl Patience {
    /// All of it.
    pub(crate) fn new() -> Patience {
        Patience { tries: 0, since: Instant::now() }
    }

    /// Waits after one more failure. `false`: without waiting, since the error counts now.
    pub(crate) async fn wait(&mut self) -> bool {
        self.tries += 1;
        if self.tries >= TRIES_MAX || self.since.elapsed() > Duration::from_millis(PATIENCE_MS_MAX) {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(pause_ms(self.tries, RandomState::new().hash_one(0)))).await;
        true
    }
}

/// The pause after the `tries`th failure in a row. Many that failed together shall not come back together.
fn pause_ms(tries: u32, chance: u64) -> u64 {
    let pause_ms = PAUSE_MS << (tries - 1).min(10);
    pause_ms + chance % (pause_ms / 2)
}

/// What `call` answers, tried again while the object store is unavailable.
pub(crate) async fn patiently<'a, T>(call: impl Fn() -> Answer<'a, T>) -> Result<T, ObjectsError> {
    let mut patience = Patience::new();
    loop {
        match call().await {
            Err(ObjectsError::Unavailable(detail)) => {
                if !patience.wait().await {
                    return Err(ObjectsError::Unavailable(detail));
                }
            }
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn pauses_double_and_are_spread() {
        for tries in 1..=20 {
            let whole = PAUSE_MS << (tries - 1).min(10);
            for chance in [0, 1, u64::MAX, 12_345_678_901] {
                assert!((whole..whole + whole / 2).contains(&pause_ms(tries, chance)));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_tried_so_often_and_what_hangs_only_so_long() {
        let unavailable = || ObjectsError::Unavailable("x".to_owned());
        let calls = Cell::new(0);
        let mut patience = Patience::new();
        while patience.wait().await {
            calls.set(calls.get() + 1);
        }
        assert_eq!(calls.get() + 1, TRIES_MAX);
        let mut patience = Patience::new();
        tokio::time::sleep(Duration::from_millis(PATIENCE_MS_MAX + 1)).await;
        assert!(!patience.wait().await);
        let failed: Result<(), _> = patiently(|| Box::pin(async move { Err(unavailable()) })).await;
        assert_eq!(failed, Err(unavailable()));
        let denied: Result<(), _> = patiently(|| Box::pin(async { Err(ObjectsError::AccessDenied) })).await;
        assert_eq!(denied, Err(ObjectsError::AccessDenied));
    }
}
