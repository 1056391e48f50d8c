//! Patience with object stores: what may pass is tried again, for a while.

use std::time::Duration;

use crate::objects::{Answer, ObjectsError};

/// How often a call on objects is tried before its error counts.
pub(crate) const TRIES_MAX: u32 = 6;
/// The pause after the first failure, in milliseconds; it doubles with each one.
pub(crate) const PAUSE_MS: u64 = 100;

/// What `call` answers, tried again while the object store is unavailable.
pub(crate) async fn patiently<'a, T>(call: impl Fn() -> Answer<'a, T>) -> Result<T, ObjectsError> {
    let mut tries = 1;
    loop {
        match call().await {
            Err(ObjectsError::Unavailable(_)) if tries < TRIES_MAX => pause(tries).await,
            answer => return answer,
        }
        tries += 1;
    }
}

/// Waits after the `tries`th failure in a row.
pub(crate) async fn pause(tries: u32) {
    tokio::time::sleep(Duration::from_millis(PAUSE_MS << (tries - 1).min(10))).await;
}
