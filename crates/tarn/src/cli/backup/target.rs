//! Where backups are kept: a folder, or a prefix of a bucket.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Args;
use jobs::{Objects, ObjectsError, PutOptions, S3Objects, S3Uri};
use jobs::{get_bytes, put_bytes};

use crate::cli::connection::Connection;
use crate::config::RemoteObjects;
use crate::objects;

/// The largest file of a backup that is read, in bytes.
const FILE_BYTES_MAX: usize = 1 << 30;

/// The S3 endpoint of a target `s3://…`.
#[derive(Args, Clone, Debug)]
pub(crate) struct S3Arguments {
    /// S3 endpoint of s3://… targets; without one, that of the tarn server itself.
    #[arg(long, env = "TARN_S3_ENDPOINT")]
    s3_endpoint: Option<String>,
    /// Region of that endpoint.
    #[arg(long, env = "TARN_S3_REGION", default_value = "us-east-1")]
    s3_region: String,
    /// Access key id for that endpoint.
    #[arg(long, env = "TARN_S3_ACCESS_KEY_ID")]
    s3_access_key_id: Option<String>,
    /// Secret access key for that endpoint.
    #[arg(long, env = "TARN_S3_SECRET_ACCESS_KEY", hide_env_values = true)]
    s3_secret_access_key: Option<String>,
}

/// A place for files with names like `a/b`.
pub(crate) enum Target {
    /// A folder.
    Folder(PathBuf),
    /// A prefix of a bucket.
    Bucket(Arc<dyn Objects>, S3Uri),
}

impl Target {
    /// The place that `text` names.
    pub(crate) fn parse(text: &str, s3: &S3Arguments, connection: &Connection) -> Result<Target> {
        if !text.starts_with("s3://") {
            return Ok(Target::Folder(PathBuf::from(text)));
        }
        let uri = S3Uri::parse(text)?;
        let Some(endpoint) = &s3.s3_endpoint else { return Ok(Target::Bucket(connection.objects()?, uri)) };
        let (Some(key), Some(secret)) = (&s3.s3_access_key_id, &s3.s3_secret_access_key) else {
            bail!("s3-endpoint needs s3-access-key-id and s3-secret-access-key");
        };
        let remote = RemoteObjects {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            region: s3.s3_region.clone(),
            access_key_id: key.clone(),
            secret_access_key: secret.clone(),
            path_style: true,
            job_keys: false,
            sts_endpoint: None,
        };
        Ok(Target::Bucket(Arc::new(S3Objects::new(objects::options(&remote))), uri))
    }

    /// The files under `folder`, with their sizes in bytes, in order of their names.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<(String, u64)>> {
        match self {
            Target::Folder(path) => list_folder(&path.join(folder)),
            Target::Bucket(objects, uri) => {
                let prefix = uri.join(&format!("{folder}/"));
                let (mut found, mut after) = (Vec::new(), None::<String>);
                loop {
                    let page = objects.list(prefix.bucket(), prefix.key(), after.as_deref()).await?;
                    found.extend(page.objects.into_iter().filter_map(|object| {
                        Some((object.key.strip_prefix(prefix.key())?.to_owned(), object.size))
                    }));
                    match page.next {
                        Some(next) => after = Some(next),
                        None => return Ok(found),
                    }
                }
            }
        }
    }

    /// The names of the folders in this place.
    pub(crate) async fn folders(&self) -> Result<Vec<String>> {
        let mut names: Vec<String> = match self {
            Target::Folder(path) => std::fs::read_dir(path)
                .with_context(|| format!("read {}", path.display()))?
                .filter_map(|entry| {
                    entry.ok().filter(|entry| entry.path().is_dir())?.file_name().into_string().ok()
                })
                .collect(),
            Target::Bucket(objects, uri) => {
                let prefix = uri.join("");
                let (mut found, mut after) = (Vec::new(), None::<String>);
                loop {
                    let page = objects.list(prefix.bucket(), prefix.key(), after.as_deref()).await?;
                    let names =
                        page.objects.iter().filter_map(|object| object.key.strip_prefix(prefix.key()));
                    found.extend(names.filter_map(|name| Some(name.split_once('/')?.0.to_owned())));
                    match page.next {
                        Some(next) => after = Some(next),
                        None => break found,
                    }
                }
            }
        };
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// A file; `None` if it is not there.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        match self {
            Target::Folder(path) => match std::fs::read(path.join(name)) {
                Ok(bytes) => Ok(Some(bytes.into())),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error).with_context(|| format!("read {name}")),
            },
            Target::Bucket(objects, uri) => {
                let uri = uri.join(name);
                match get_bytes(&**objects, uri.bucket(), uri.key(), None, FILE_BYTES_MAX).await {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(ObjectsError::NoSuchKey) => Ok(None),
                    Err(error) => Err(error).with_context(|| format!("read {name}")),
                }
            }
        }
    }

    /// Writes a file: whole and durable, or not at all.
    pub(crate) async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        match self {
            Target::Folder(path) => write_whole(&path.join(name), &bytes),
            Target::Bucket(objects, uri) => {
                put_bytes(&**objects, &uri.join(name), PutOptions::default(), bytes)
                    .await
                    .map(drop)
                    .map_err(Into::into)
            }
        }
        .with_context(|| format!("write {name}"))
    }

    /// Removes a file.
    pub(crate) async fn remove(&self, name: &str) -> Result<()> {
        match self {
            Target::Folder(path) => std::fs::remove_file(path.join(name))?,
            Target::Bucket(objects, uri) => {
                let uri = uri.join(name);
                objects.delete(uri.bucket(), uri.key()).await?;
            }
        }
        Ok(())
    }
}

fn list_folder(folder: &Path) -> Result<Vec<(String, u64)>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("read {}", folder.display())),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().filter(|name| !name.ends_with(".part"));
        found.extend(name.map(|name| Ok::<_, std::io::Error>((name, entry.metadata()?.len()))).transpose()?);
    }
    found.sort();
    Ok(found)
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let parent = path.parent().context("a file of a backup is in a folder")?;
    std::fs::create_dir_all(parent)?;
    let draft = path.with_extension("part");
    let mut file = std::fs::File::create(&draft)?;
    std::io::Write::write_all(&mut file, bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    std::fs::File::open(parent)?.sync_all()?;
    Ok(())
}
