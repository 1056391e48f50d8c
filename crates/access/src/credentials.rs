//! Access keys: their values, the shared-credentials file that AWS tools read them from, and where a verifier
//! looks them up.

use std::{collections::BTreeMap, fmt};

use aws_lc_rs::constant_time;
use base64::{Engine, prelude::BASE64_STANDARD};
use store::Random;
use zeroize::Zeroize;

/// Random bytes in a new access key id, of which each gives one character.
const KEY_ID_CHARACTERS: usize = 16;
/// Random bytes in a new secret; as base64 they have the 40 characters of an AWS secret.
const SECRET_BYTES: usize = 30;
/// The characters of access key ids after their prefix.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A secret access key or session token. Overwritten when dropped, never printed, compared in constant time.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes the text of a secret.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text, for deriving keys and for writing the credentials file.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        constant_time::verify_slices_are_equal(self.0.as_bytes(), other.0.as_bytes()).is_ok()
    }
}

impl Eq for Secret {}

/// An access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Public: names the key in requests.
    pub access_key_id: String,
    /// Signs requests.
    pub secret: Secret,
    /// Must come with every request of a temporary key.
    pub session_token: Option<Secret>,
}

/// Why a credentials file gives no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The file has no section of that name.
    #[error("the credentials file has no profile [{0}]")]
    NoProfile(String),
    /// The section lacks a line.
    #[error("the profile has no {0}")]
    Missing(&'static str),
    /// A line is neither a section, nor a setting, nor a comment.
    #[error("line {0} of the credentials file is not understood")]
    Malformed(usize),
}

impl Credentials {
    /// Makes a new key. `random` must be fit for keys.
    pub fn generate(random: &dyn Random) -> Credentials {
        let mut id = [0; KEY_ID_CHARACTERS];
        let mut secret = [0; SECRET_BYTES];
        random.fill(&mut id);
        random.fill(&mut secret);
        let id: String = id.iter().map(|byte| char::from(BASE32[usize::from(byte % 32)])).collect();
        let text = BASE64_STANDARD.encode(secret);
        secret.zeroize();
        Credentials { access_key_id: format!("AKIA{id}"), secret: Secret::new(text), session_token: None }
    }

    /// Reads a profile from the text of a shared-credentials file.
    pub fn read(text: &str, profile: &str) -> Result<Credentials, CredentialsError> {
        let settings = settings(text, profile)?;
        let get = |name: &'static str| settings.get(name).copied().ok_or(CredentialsError::Missing(name));
        Ok(Credentials {
            access_key_id: get("aws_access_key_id")?.to_owned(),
            secret: Secret::new(get("aws_secret_access_key")?),
            session_token: settings.get("aws_session_token").map(|token| Secret::new(*token)),
        })
    }

    /// A shared-credentials file with this key as its one profile.
    pub fn write(&self, profile: &str) -> String {
        let token = self.session_token.as_ref();
        let token = token.map(|t| format!("aws_session_token = {}\n", t.expose())).unwrap_or_default();
        format!(
            "[{profile}]\naws_access_key_id = {}\naws_secret_access_key = {}\n{token}",
            self.access_key_id,
            self.secret.expose()
        )
    }
}

/// The settings of one section of a credentials file; in it, as in AWS's tools, the last of a name counts.
fn settings<'a>(text: &'a str, profile: &str) -> Result<BTreeMap<&'a str, &'a str>, CredentialsError> {
    let mut found = None;
    let mut inside = false;
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            inside = name.trim() == profile;
            if inside {
                found.get_or_insert_with(BTreeMap::new);
            }
            continue;
        }
        let (name, value) = line.split_once('=').ok_or(CredentialsError::Malformed(n + 1))?;
        if let (true, Some(settings)) = (inside, &mut found) {
            settings.insert(name.trim(), value.trim());
        }
    }
    found.ok_or_else(|| CredentialsError::NoProfile(profile.to_owned()))
}

/// Whose an access key is.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The key.
    pub credentials: Credentials,
    /// The twelve digits of the account.
    pub account_id: String,
    /// When the key stops to be good, in seconds since 1970. `None`: never.
    pub expires_unix_seconds: Option<i64>,
}

/// Where a verifier looks up access keys.
pub trait CredentialStore: Send + Sync {
    /// Who has this access key; `None`: nobody.
    fn find(&self, access_key_id: &str) -> Option<Principal>;
}

/// A single owner is a store of one key.
impl CredentialStore for Principal {
    fn find(&self, access_key_id: &str) -> Option<Principal> {
        (access_key_id == self.credentials.access_key_id).then(|| self.clone())
    }
}

#[cfg(test)]
mod tests {
    use store::SeededRandom;

    use super::*;

    #[test]
    fn a_written_profile_reads_back() {
        let made = Credentials::generate(&SeededRandom::new(7));
        assert_eq!((made.access_key_id.len(), made.secret.expose().len()), (20, 40));
        assert_eq!(Credentials::read(&made.write("tarn"), "tarn"), Ok(made.clone()));
        let session = Credentials { session_token: Some(Secret::new("t==")), ..made };
        assert_eq!(Credentials::read(&session.write("tarn"), "tarn"), Ok(session));
    }

    #[test]
    fn a_profile_is_found_among_others() {
        let text = "# mine\n[default]\naws_access_key_id=A\naws_secret_access_key=a\n\n\
                    [ tarn ]\n; second\naws_access_key_id = B\naws_secret_access_key = b=b/+\nregion = x\n[z]\n";
        let read = Credentials::read(text, "tarn").unwrap();
        assert_eq!((&*read.access_key_id, read.secret.expose()), ("B", "b=b/+"));
        assert_eq!(Credentials::read(text, "no"), Err(CredentialsError::NoProfile("no".into())));
        assert_eq!(Credentials::read(text, "z"), Err(CredentialsError::Missing("aws_access_key_id")));
        assert_eq!(Credentials::read("[tarn]\nx", "tarn"), Err(CredentialsError::Malformed(2)));
    }

    #[test]
    fn a_secret_is_never_printed() {
        assert!(!format!("{:?}", Secret::new("hush")).contains("hush"));
    }
}
