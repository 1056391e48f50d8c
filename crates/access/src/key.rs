//! Signing keys: the credential scope, the key derived for it, and a bounded cache of them.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::{digest, hmac};

use crate::credentials::Secret;

/// The word that closes a credential scope.
pub(crate) const TERMINATOR: &str = "aws4_request";
/// The algorithm's name in headers, queries and the string to sign.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Signing keys kept. A key serves one access key on one day in one region for one service.
const CACHED_KEYS_MAX: usize = 256;

/// What a signing key is derived for: a day (`YYYYMMDD`), a region and a service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    pub date: String,
    pub region: String,
    pub service: String,
}

impl Scope {
    /// As it stands in a credential and in the string to sign.
    pub(crate) fn text(&self) -> String {
        format!("{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service)
    }
}

/// The string to sign: what the signature is a MAC of.
pub(crate) fn string_to_sign(timestamp: &str, scope: &Scope, canonical_request: &[u8]) -> String {
    [ALGORITHM, timestamp, &scope.text(), &hex_sha256(canonical_request)].join("\n")
}

/// The lower-case hexadecimal SHA-256 of some bytes.
pub(crate) fn hex_sha256(bytes: &[u8]) -> String {
    let mut text = [0; 2 * digest::SHA256_OUTPUT_LEN];
    let hash = digest::digest(&digest::SHA256, bytes);
    hex::encode_to_slice(hash, &mut text).expect("the text has two digits for each byte");
    String::from_utf8_lossy(&text).into_owned()
}

/// Derives the signing key of a scope: four MACs, each keyed by the one before.
pub(crate) fn derive(secret: &Secret, scope: &Scope) -> hmac::Key {
    let mut key = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{}", secret.expose()).as_bytes());
    for part in [&*scope.date, &scope.region, &scope.service, TERMINATOR] {
        key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
    }
    key
}

/// Signing keys already derived, so that a request costs one MAC and not five.
#[derive(Default)]
pub(crate) struct KeyCache {
    keys: Mutex<HashMap<(String, Scope), (Secret, hmac::Key)>>,
}

impl KeyCache {
    /// The signing key, and whether it was kept; a derived one is kept only by [`KeyCache::keep`].
    pub(crate) fn get(&self, access_key_id: &str, secret: &Secret, scope: &Scope) -> (hmac::Key, bool) {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        match keys.get(&(access_key_id.to_owned(), scope.clone())) {
            // A key id whose secret was changed must not go on verifying with the old one.
            Some((of, key)) if of == secret => (key.clone(), true),
            _ => (derive(secret, scope), false),
        }
    }

    /// Keeps a key that verified a signature: strangers, who choose the scope freely, never fill the cache.
    pub(crate) fn keep(&self, access_key_id: &str, secret: &Secret, scope: &Scope, key: &hmac::Key) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= CACHED_KEYS_MAX {
            keys.clear();
        }
        keys.insert((access_key_id.to_owned(), scope.clone()), (secret.clone(), key.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(date: usize) -> Scope {
        Scope { date: date.to_string(), region: "us-east-1".into(), service: "iam".into() }
    }

    #[test]
    fn a_changed_secret_is_not_answered_from_the_cache() {
        let (old, new) = (Secret::new("old"), Secret::new("new"));
        let cache = KeyCache::default();
        cache.keep("AKID", &old, &scope(1), &derive(&old, &scope(1)));
        let mac = hmac::sign(&cache.get("AKID", &new, &scope(1)).0, b"x");
        assert!(hmac::verify(&derive(&new, &scope(1)), b"x", mac.as_ref()).is_ok());
    }

    #[test]
    fn the_cache_stays_within_its_limit() {
        let secret = Secret::new("s");
        let cache = KeyCache::default();
        for date in 0..=CACHED_KEYS_MAX * 2 {
            cache.keep("AKID", &secret, &scope(date), &derive(&secret, &scope(date)));
            assert!(cache.keys.lock().unwrap().len() <= CACHED_KEYS_MAX);
        }
    }
}
