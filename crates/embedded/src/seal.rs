//! Sealed values and blinded keys: what makes the folder unreadable without the data key.

use std::sync::Mutex;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Bytes that sealing adds to a value: the nonce before it and the tag after it.
pub const SEAL_BYTES: usize = NONCE_LEN + TAG_BYTES;
/// Bytes of a blinded text.
pub const BLIND_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
/// Random bytes drawn at a time for nonces.
const NONCE_POOL_BYTES: usize = NONCE_LEN * 256;

/// A value that does not open: altered, moved, or sealed with another key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open")]
pub struct Unsealable;

/// Seals values and blinds keys with one data key.
pub struct Sealer {
    key: LessSafeKey,
    blind: Zeroizing<[u8; 32]>,
    nonces: Mutex<Vec<u8>>,
}

impl Sealer {
    /// A sealer for one data key; the keys it uses are derived from it.
    pub fn new(data_key: &[u8; 32]) -> Sealer {
        let seal = Zeroizing::new(blake3::derive_key("tarn embedded store 1 seal", data_key));
        let key = UnboundKey::new(&AES_256_GCM, seal.as_ref()).expect("32 bytes are an AES-256 key");
        let blind = Zeroizing::new(blake3::derive_key("tarn embedded store 1 blind", data_key));
        Sealer { key: LessSafeKey::new(key), blind, nonces: Mutex::new(Vec::new()) }
    }

    /// `plain`, sealed for the place `space` and `key`: nonce, ciphertext, tag.
    pub fn seal(&self, space: u8, key: &[u8], plain: &[u8]) -> Vec<u8> {
        let nonce = self.nonce();
        let mut sealed = Vec::with_capacity(plain.len() + SEAL_BYTES);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place(space, key)),
                &mut sealed[NONCE_LEN..],
            )
            .expect("a value is shorter than AES-GCM's limit of 64 GiB");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// What was sealed for the place `space` and `key`.
    ///
    /// # Errors
    /// When the bytes were altered, moved from another place, or sealed with another key.
    pub fn open(&self, space: u8, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or(Unsealable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
        let mut plain = rest.to_vec();
        let len = self
            .key
            .open_in_place(nonce, Aad::from(place(space, key)), &mut plain)
            .map_err(|_| Unsealable)?
            .len();
        plain.truncate(len);
        Ok(plain)
    }

    /// A keyed hash that stands for `text` in a key; without the data key it tells nothing.
    pub fn blind(&self, text: &[u8]) -> [u8; BLIND_BYTES] {
        let hash = blake3::keyed_hash(&self.blind, text);
        let mut short = [0; BLIND_BYTES];
        short.copy_from_slice(&hash.as_bytes()[..BLIND_BYTES]);
        short
    }

    /// 96 random bits: among the 2^32 values that a store may seal before its key must change, two are
    /// equal with a chance of 2^-33, whatever was restored or copied in between.
    fn nonce(&self) -> [u8; NONCE_LEN] {
        let mut pool = self.nonces.lock().expect("nothing panics while it holds the nonces");
        if pool.len() < NONCE_LEN {
            pool.resize(NONCE_POOL_BYTES, 0);
            aws_lc_rs::rand::fill(&mut pool).expect("the operating system gives random bytes");
        }
        let rest = pool.len() - NONCE_LEN;
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&pool[rest..]);
        pool.truncate(rest);
        nonce
    }
}

fn place(space: u8, key: &[u8]) -> Vec<u8> {
    let mut place = Vec::with_capacity(key.len() + 1);
    place.push(space);
    place.extend_from_slice(key);
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_in_its_place_and_with_its_key() {
        let sealer = Sealer::new(&[7; 32]);
        let sealed = sealer.seal(1, b"key", b"value");
        assert_eq!(sealer.open(1, b"key", &sealed).unwrap(), b"value");
        assert_eq!(sealer.open(2, b"key", &sealed), Err(Unsealable));
        assert_eq!(sealer.open(1, b"kez", &sealed), Err(Unsealable));
        assert_eq!(Sealer::new(&[8; 32]).open(1, b"key", &sealed), Err(Unsealable));
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(sealer.open(1, b"key", &altered), Err(Unsealable));
            assert_eq!(sealer.open(1, b"key", &sealed[..at]), Err(Unsealable));
        }
    }

    #[test]
    fn a_blinded_key_depends_on_the_data_key_and_every_byte() {
        let sealer = Sealer::new(&[7; 32]);
        assert_eq!(sealer.blind(b"a"), sealer.blind(b"a"));
        assert_ne!(sealer.blind(b"a"), sealer.blind(b"b"));
        assert_ne!(sealer.blind(b"a"), Sealer::new(&[8; 32]).blind(b"a"));
    }
}
