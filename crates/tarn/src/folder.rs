//! The data folder: what lies in it, made on the first start, one server at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use access::Credentials;
use anyhow::{Context, Result, bail, ensure};
use store::{Random, RootKey};

/// The profile of the credentials file.
pub(crate) const PROFILE: &str = "tarn";

const ROOT_KEY_BYTES: usize = 32;

/// An open data folder. Holds its lock until dropped, so that no second server writes to it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

/// What a data folder keeps secret.
pub(crate) struct Secrets {
    /// The owner's access key.
    pub(crate) credentials: Credentials,
    /// The key that wraps every data key.
    pub(crate) root_key: RootKey,
}

impl Folder {
    /// Opens the folder at `path`, making it (mode 0700) if it is absent. Fails if another process has it.
    pub(crate) fn open(path: &Path) -> Result<Folder> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("make the data folder {}", path.display()))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("lock"))
            .with_context(|| format!("write to the data folder {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Folder { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => bail!("another tarn uses the data folder {}", path.display()),
            Err(TryLockError::Error(error)) => Err(error).context("lock the data folder"),
        }
    }

    /// Reads the secrets, making those that are absent. A data folder that holds data but no root key is
    /// refused: a new key could not open it.
    pub(crate) fn secrets(&self, random: &dyn Random) -> Result<Secrets> {
        let root_key = match self.read("root.key")? {
            Some(text) => parse_root_key(&text)?,
            None => {
                ensure!(
                    !self.catalog().exists(),
                    "{} holds data but no root.key, and without it the data cannot be opened",
                    self.path.display()
                );
                let key = RootKey::generate(random);
                self.write_secret("root.key", &format!("{}\n", hex::encode(key.bytes())))?;
                key
            }
        };
        let credentials = match self.read("credentials")? {
            Some(text) => Credentials::read(&text, PROFILE).context("read the credentials file")?,
            None => {
                let made = Credentials::generate(random);
                self.write_secret("credentials", &made.write(PROFILE))?;
                made
            }
        };
        Ok(Secrets { credentials, root_key })
    }

    /// Where the folder is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the records of data stores and jobs lie.
    pub(crate) fn catalog(&self) -> PathBuf {
        self.path.join("catalog")
    }

    /// Where the embedded S3 endpoint keeps its buckets.
    pub(crate) fn objects(&self) -> PathBuf {
        self.path.join("objects")
    }

    /// Where the files of exports that are served from here lie.
    pub(crate) fn exports(&self) -> PathBuf {
        self.path.join("exports")
    }

    /// Where FHIR packages lie.
    pub(crate) fn packages(&self) -> PathBuf {
        packages_of(&self.path)
    }

    fn read(&self, name: &str) -> Result<Option<String>> {
        let path = self.path.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => {
                let mode = fs::metadata(&path)?.permissions().mode() & 0o777;
                ensure!(
                    mode & 0o077 == 0,
                    "{} may be read by others (mode {mode:o}): chmod 600 it",
                    path.display()
                );
                Ok(Some(text))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
        }
    }

    /// Writes a file that only the owner reads: whole and durable, or not at all.
    fn write_secret(&self, name: &str, text: &str) -> Result<()> {
        let (path, draft) = (self.path.join(name), self.path.join(format!("{name}.new")));
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&draft)
            .with_context(|| format!("write {}", draft.display()))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        File::open(&self.path)?.sync_all()?;
        Ok(())
    }
}

/// Where the FHIR packages of the data folder at `data` lie, whether a server has it or not.
pub(crate) fn packages_of(data: &Path) -> PathBuf {
    data.join("packages")
}

/// The root key in a file.
pub(crate) fn read_root_key(path: &Path) -> Result<RootKey> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    parse_root_key(&text).with_context(|| format!("in {}", path.display()))
}

fn parse_root_key(text: &str) -> Result<RootKey> {
    let bytes = hex::decode(text.trim()).context("root.key is not hexadecimal")?;
    let bytes = <[u8; ROOT_KEY_BYTES]>::try_from(bytes).ok().context("root.key has the wrong length")?;
    Ok(RootKey::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::SeededRandom;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_first_start_makes_secrets_that_only_the_owner_reads_and_the_second_finds_them() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data");
        let random = SeededRandom::new(1);
        let first = Folder::open(&path).unwrap().secrets(&random).unwrap();
        for name in ["credentials", "root.key"] {
            assert_eq!(mode(&path.join(name)), 0o600, "{name}");
        }
        assert_eq!(mode(&path), 0o700);
        let second = Folder::open(&path).unwrap().secrets(&random).unwrap();
        assert_eq!(first.credentials, second.credentials);
        assert_eq!(first.root_key.bytes(), second.root_key.bytes());
    }

    #[test]
    fn a_second_server_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let first = Folder::open(home.path()).unwrap();
        assert!(Folder::open(home.path()).unwrap_err().to_string().contains("another tarn"));
        drop(first);
        assert!(Folder::open(home.path()).is_ok());
    }

    #[test]
    fn a_lost_root_key_is_not_replaced_while_there_is_data() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(home.path()).unwrap();
        let random = SeededRandom::new(1);
        folder.secrets(&random).unwrap();
        fs::create_dir(folder.catalog()).unwrap();
        fs::remove_file(home.path().join("root.key")).unwrap();
        assert!(folder.secrets(&random).is_err());
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(home.path()).unwrap();
        let random = SeededRandom::new(1);
        folder.secrets(&random).unwrap();
        fs::set_permissions(home.path().join("credentials"), fs::Permissions::from_mode(0o644)).unwrap();
        let refused = folder.secrets(&random).err().unwrap().to_string();
        assert!(refused.contains("credentials") && refused.contains("600"), "{refused}");
    }
}
