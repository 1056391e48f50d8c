//! A root key wraps data keys: each data store has its own, and forgetting it shreds the store.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Random;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// The key that wraps all data keys of an installation.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct RootKey([u8; KEY_BYTES]);

/// The key of one data store, in the clear.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DataKey([u8; KEY_BYTES]);

/// A wrapped key that could not be opened: another root key, another owner, or damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the data key cannot be unwrapped")]
pub struct WrapError;

/// Wraps and unwraps data keys with one root key (AES-256-GCM, random nonce, bound to the owner's name).
pub struct Keyring {
    key: LessSafeKey,
}

impl RootKey {
    /// A root key of these bytes.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        RootKey(bytes)
    }

    /// A fresh root key.
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = [0; KEY_BYTES];
        random.fill(&mut bytes);
        RootKey(bytes)
    }

    /// The bytes, to be kept where only the owner reads.
    pub fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl DataKey {
    /// A fresh data key.
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = [0; KEY_BYTES];
        random.fill(&mut bytes);
        DataKey(bytes)
    }

    /// The bytes, for deriving working keys.
    pub fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl Keyring {
    /// A keyring over this root key.
    pub fn new(root: &RootKey) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, &root.0).expect("a root key has the cipher's length");
        Keyring { key: LessSafeKey::new(key) }
    }

    /// `key` wrapped for `owner`: nonce, sealed key, tag.
    pub fn wrap(&self, owner: &str, key: &DataKey, random: &dyn Random) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        random.fill(&mut nonce);
        let mut sealed = key.0.to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(owner.as_bytes()),
                &mut sealed,
            )
            .expect("a key is short enough to seal");
        [&nonce[..], &sealed].concat()
    }

    /// The key that was wrapped for `owner`. Fails for another owner, another root key, or damage.
    pub fn unwrap(&self, owner: &str, wrapped: &[u8]) -> Result<DataKey, WrapError> {
        let (nonce, sealed) = wrapped.split_at_checked(NONCE_BYTES).ok_or(WrapError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| WrapError)?;
        let mut sealed = sealed.to_vec();
        let opened =
            self.key.open_in_place(nonce, Aad::from(owner.as_bytes()), &mut sealed).map_err(|_| WrapError)?;
        let key = <[u8; KEY_BYTES]>::try_from(&*opened).map(DataKey).map_err(|_| WrapError);
        sealed.zeroize();
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRandom;

    #[test]
    fn a_wrapped_key_opens_only_for_its_owner_under_its_root_key() {
        let random = SeededRandom::new(1);
        let keyring = Keyring::new(&RootKey::generate(&random));
        let key = DataKey::generate(&random);
        let wrapped = keyring.wrap("one", &key, &random);
        assert_eq!(keyring.unwrap("one", &wrapped).unwrap().bytes(), key.bytes());
        assert!(keyring.unwrap("two", &wrapped).is_err());
        assert!(Keyring::new(&RootKey::generate(&random)).unwrap("one", &wrapped).is_err());
        assert!(keyring.unwrap("one", &wrapped[..20]).is_err());
        assert!(keyring.unwrap("one", &[]).is_err());
    }
}
