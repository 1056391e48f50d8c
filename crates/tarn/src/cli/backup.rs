//! `tarn backup`: a consistent copy of running data stores, of which only what is new is written.

pub(crate) mod manifest;
pub(crate) mod target;
pub(crate) mod wire;

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::Args;
use embedded::PieceEntry;
use healthlake::generated::enumerations::DatastoreStatus;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use self::manifest::Manifest;
use self::target::{S3Arguments, Target};
use self::wire::Wire;
use super::connection::{Connection, all_datastores};
use super::progress;
use crate::transfer::{BackupEnded, BackupOpened, OpenBackup};

/// What to back up, and where to.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// A folder, made if it is absent, or s3://bucket/prefix. Several backups of several data stores may share one.
    target: String,
    /// The data store's id or name; may be left out if there is only one.
    #[arg(long, conflicts_with = "all")]
    datastore: Option<String>,
    /// Back up every ACTIVE data store, one after the other.
    #[arg(long)]
    all: bool,
    /// Keep only so many backups of each data store, the newest, and remove what only others need.
    #[arg(long, value_name = "N")]
    prune: Option<usize>,
    /// No server runs: read the data folder that --data names.
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    s3: S3Arguments,
    #[command(flatten)]
    connection: Connection,
}

/// What a backup did.
struct Done {
    manifest: Manifest,
    pieces_written: usize,
    bytes_written: u64,
}

impl Arguments {
    /// Backs up.
    pub(crate) async fn run(mut self) -> Result<ExitCode> {
        ensure!(self.prune != Some(0), "--prune keeps at least 1 backup");
        if !self.offline {
            return self.back_up().await;
        }
        wire::offline(&mut self.connection.clone(), async |connection| {
            self.connection = connection;
            self.back_up().await
        })
        .await
    }

    async fn back_up(&self) -> Result<ExitCode> {
        let client = self.connection.client()?;
        let mut ids = Vec::new();
        if self.all {
            let stores = all_datastores(&client).await?.into_iter();
            let active = stores.filter(|store| store.datastore_status == DatastoreStatus::Active);
            ids.extend(active.map(|store| store.datastore_id));
        } else {
            ids.push(self.connection.datastore(&client, self.datastore.as_deref()).await?.datastore_id);
        }
        let target = Target::parse(&self.target, &self.s3, &self.connection)?;
        let mut told = Vec::new();
        for id in ids {
            let done =
                self.one(&target, &id).await.with_context(|| format!("back up the data store {id}"))?;
            let removed = match self.prune {
                Some(keep) => prune(&target, &id, keep).await?,
                None => 0,
            };
            told.push(self.tell(&done, removed));
        }
        if self.connection.json {
            println!("{:#}", Value::Array(told));
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn one(&self, target: &Target, id: &str) -> Result<Done> {
        let wire = Wire::new(&self.connection)?;
        let asked = OpenBackup { datastore_id: id.to_owned() };
        let opened: BackupOpened = wire.call("OpenBackup", "", &asked).await?;
        let bar = progress::spinner(self.connection.json, "backing up");
        let done = copy(&wire, target, id, &opened, &bar).await;
        bar.finish_and_clear();
        // It would be given up later by itself.
        let _ = wire.post("CloseTransfer", &opened.transfer_id, None, Bytes::new()).await;
        done
    }

    fn tell(&self, done: &Done, removed: usize) -> Value {
        let Done { manifest, pieces_written, bytes_written } = done;
        let (id, pieces, bytes) = (&manifest.datastore_id, manifest.pieces.len(), manifest.bytes());
        if !self.connection.json {
            println!(
                "{id}: {pieces} pieces, {bytes} bytes; new: {pieces_written} pieces, {bytes_written} bytes; \
                 removed: {removed} files; {}",
                manifest.name()
            );
        }
        json!({
            "datastoreId": id,
            "backup": manifest.name(),
            "pieces": pieces,
            "bytes": bytes,
            "piecesWritten": pieces_written,
            "bytesWritten": bytes_written,
            "filesRemoved": removed,
        })
    }
}

/// Writes the pieces that the target lacks, and last the manifest, without which none of them counts.
async fn copy(
    wire: &Wire,
    target: &Target,
    id: &str,
    opened: &BackupOpened,
    bar: &ProgressBar,
) -> Result<Done> {
    let folder = manifest::pieces(id);
    let known: HashMap<String, u64> = target.list(&folder).await?.into_iter().collect();
    let (mut entries, mut written) = (Vec::<PieceEntry>::new(), HashSet::new());
    let mut bytes_written = 0;
    let sealed = loop {
        let next = wire.post("NextBackupPiece", &opened.transfer_id, None, Bytes::new()).await?;
        if let Ok(ended) = serde_json::from_slice::<BackupEnded>(&next) {
            break ended.sealed;
        }
        let entry: PieceEntry = serde_json::from_slice(&next).context("the server names a piece")?;
        if known.get(&entry.name) != Some(&entry.bytes) && written.insert(entry.name.clone()) {
            let bytes = wire.post("GetBackupPiece", &opened.transfer_id, None, Bytes::new()).await?;
            ensure!(
                blake3::hash(&bytes).to_hex().as_str() == entry.name,
                "a piece was damaged on its way; try again"
            );
            bytes_written += entry.bytes;
            target.put(&format!("{folder}/{}", entry.name), bytes).await?;
        }
        entries.push(entry);
        bar.set_message(format!("{} pieces, {} of them new", entries.len(), written.len()));
    };
    let manifest = Manifest::new(id.to_owned(), opened.began_us, opened.wrapped_key.clone(), sealed, entries);
    manifest.write(target).await?;
    Ok(Done { manifest, pieces_written: written.len(), bytes_written })
}

/// Removes all but the newest backups of a data store, and the pieces that only those needed. Returns how many files.
async fn prune(target: &Target, id: &str, keep: usize) -> Result<usize> {
    let names = Manifest::names(target, id).await?;
    let (old, kept) = names.split_at(names.len().saturating_sub(keep));
    // All that is kept must be known before anything goes.
    let mut needed = HashSet::new();
    for name in kept {
        let manifest = Manifest::read(target, id, name).await?;
        needed.extend(manifest.pieces.into_iter().map(|piece| piece.name));
    }
    for name in old {
        target.remove(&format!("{id}/manifests/{name}")).await?;
    }
    let mut removed = old.len();
    for (name, _) in target.list(&manifest::pieces(id)).await? {
        if !needed.contains(&name) {
            target.remove(&format!("{}/{name}", manifest::pieces(id))).await?;
            removed += 1;
        }
    }
    Ok(removed)
}
