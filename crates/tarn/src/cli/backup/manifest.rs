//! What a target says of one backup, and the names of its files.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use embedded::PieceEntry;
use serde::{Deserialize, Serialize};

use super::target::Target;

/// What a manifest says that it is.
const FORMAT: &str = "tarn-backup";
/// The form of manifests and pieces that is written, and the only one that is read.
const VERSION: u32 = 1;

/// One backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Manifest {
    format: String,
    version: u32,
    /// The data store that was backed up.
    pub(crate) datastore_id: String,
    /// When it began, in microseconds since 1970.
    pub(crate) began_us: i64,
    /// The key of the data store, wrapped by the root key, in base 64.
    pub(crate) wrapped_key: String,
    /// The record of the data store and the checksum of the list of pieces, sealed, in base 64.
    pub(crate) sealed: String,
    /// The pieces, in order.
    pub(crate) pieces: Vec<PieceEntry>,
}

impl Manifest {
    /// A manifest of these.
    pub(crate) fn new(
        datastore_id: String,
        began_us: i64,
        wrapped_key: String,
        sealed: String,
        pieces: Vec<PieceEntry>,
    ) -> Manifest {
        Manifest {
            format: FORMAT.to_owned(),
            version: VERSION,
            datastore_id,
            began_us,
            wrapped_key,
            sealed,
            pieces,
        }
    }

    /// The bytes of the data store.
    pub(crate) fn bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.bytes).sum()
    }

    /// Under which name it is kept.
    pub(crate) fn name(&self) -> String {
        format!("{:020}.json", self.began_us)
    }

    /// Writes it.
    pub(crate) async fn write(&self, target: &Target) -> Result<()> {
        let json = serde_json::to_vec_pretty(self).context("write a manifest")?;
        target.put(&format!("{}/{}", folder(&self.datastore_id), self.name()), Bytes::from(json)).await
    }

    /// Reads the one of this name.
    pub(crate) async fn read(target: &Target, datastore: &str, name: &str) -> Result<Manifest> {
        let path = format!("{}/{name}", folder(datastore));
        let json = target.get(&path).await?.with_context(|| format!("there is no backup {path}"))?;
        let manifest: Manifest =
            serde_json::from_slice(&json).with_context(|| format!("{path} is no manifest, or damaged"))?;
        ensure!(
            manifest.format == FORMAT && manifest.version == VERSION,
            "{path} is of another release of tarn"
        );
        Ok(manifest)
    }

    /// The names of the manifests of a data store, the oldest first.
    pub(crate) async fn names(target: &Target, datastore: &str) -> Result<Vec<String>> {
        let files = target.list(&folder(datastore)).await?;
        Ok(files.into_iter().map(|(name, _)| name).filter(|name| name.ends_with(".json")).collect())
    }
}

fn folder(datastore: &str) -> String {
    format!("{datastore}/manifests")
}

/// The folder of the pieces of a data store.
pub(crate) fn pieces(datastore: &str) -> String {
    format!("{datastore}/pieces")
}
