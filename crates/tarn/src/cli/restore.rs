//! `tarn restore`: a new data store of a backup, whole or not at all.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use clap::Args;
use serde_json::json;
use store::{Keyring, SystemRandom};

use super::backup::manifest::{self, Manifest};
use super::backup::target::{S3Arguments, Target};
use super::backup::wire::{self, Wire};
use super::connection::Connection;
use super::progress;
use crate::folder::read_root_key;
use crate::transfer::{OpenRestore, Restoring};

/// What to restore.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The folder or s3://bucket/prefix where the backups are.
    target: String,
    /// The id of the data store that was backed up; may be left out if there is only one in the target.
    #[arg(long)]
    datastore: Option<String>,
    /// The backup, by the name that `tarn backup` told; without it, the newest.
    #[arg(long)]
    backup: Option<String>,
    /// The name of the new data store; without it, as the other one was named.
    #[arg(long)]
    name: Option<String>,
    /// The root.key of the server that made the backup, if it is another one than this server's.
    #[arg(long)]
    root_key: Option<PathBuf>,
    /// No server runs: write to the data folder that --data names.
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    s3: S3Arguments,
    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    /// Restores.
    pub(crate) async fn run(mut self) -> Result<ExitCode> {
        if !self.offline {
            return self.restore().await;
        }
        wire::offline(&mut self.connection.clone(), async |connection| {
            self.connection = connection;
            self.restore().await
        })
        .await
    }

    async fn restore(&self) -> Result<ExitCode> {
        let target = Target::parse(&self.target, &self.s3, &self.connection)?;
        let manifest = self.manifest(&target).await?;
        let wire = Wire::new(&self.connection)?;
        let asked = OpenRestore {
            datastore_id: manifest.datastore_id.clone(),
            wrapped_key: self.wrapped_key(&manifest)?,
            sealed: manifest.sealed.clone(),
            name: self.name.clone(),
        };
        let opened: Restoring = wire.call("OpenRestore", "", &asked).await?;
        let put = self.put(&target, &wire, &manifest, &opened.transfer_id).await;
        if put.is_err() {
            // It would be given up later by itself.
            let _ = wire.post("CloseTransfer", &opened.transfer_id, None, Bytes::new()).await;
        }
        put?;
        let spinner = progress::spinner(self.connection.json, "checking");
        let done: Result<Restoring> = wire.call("CompleteRestore", &opened.transfer_id, &json!({})).await;
        spinner.finish_and_clear();
        self.tell(&manifest, &done?);
        Ok(ExitCode::SUCCESS)
    }

    async fn manifest(&self, target: &Target) -> Result<Manifest> {
        let datastore = match &self.datastore {
            Some(id) => id.clone(),
            None => {
                let mut found = target.folders().await?;
                ensure!(
                    found.len() < 2,
                    "there are backups of several data stores: say which with --datastore"
                );
                found.pop().context("there is no backup")?
            }
        };
        let name = match &self.backup {
            Some(name) => name.clone(),
            None => Manifest::names(target, &datastore)
                .await?
                .pop()
                .context("there is no backup of this data store")?,
        };
        Manifest::read(target, &datastore, &name).await
    }

    /// The wrapped key as the server can open it: wrapped anew if the backup was made under another root key.
    fn wrapped_key(&self, manifest: &Manifest) -> Result<String> {
        let Some(path) = &self.root_key else { return Ok(manifest.wrapped_key.clone()) };
        let wrapped = BASE64_STANDARD.decode(&manifest.wrapped_key).context("the manifest is damaged")?;
        let owner = &manifest.datastore_id;
        let Ok(key) = Keyring::new(&read_root_key(path)?).unwrap(owner, &wrapped) else {
            bail!("the backup was made under another root key than {}", path.display());
        };
        let own = read_root_key(&self.connection.data.join("root.key"))
            .context("--root-key needs this server's data folder too: name it with --data")?;
        Ok(BASE64_STANDARD.encode(Keyring::new(&own).wrap(owner, &key, &SystemRandom)))
    }

    async fn put(&self, target: &Target, wire: &Wire, manifest: &Manifest, transfer: &str) -> Result<()> {
        let bar = progress::bytes(self.connection.json, manifest.bytes(), "restoring");
        for piece in &manifest.pieces {
            let path = format!("{}/{}", manifest::pieces(&manifest.datastore_id), piece.name);
            let bytes = target.get(&path).await?.with_context(|| format!("the piece {path} is missing"))?;
            wire.post("PutRestorePiece", transfer, Some(&piece.name), bytes).await?;
            bar.inc(piece.bytes);
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn tell(&self, manifest: &Manifest, done: &Restoring) {
        let Restoring { datastore_id, resources, notices, .. } = done;
        if self.connection.json {
            let from = &manifest.datastore_id;
            let told = json!({
                "datastoreId": datastore_id, "from": from, "backup": manifest.name(),
                "resources": resources, "notices": notices,
            });
            println!("{told:#}");
            return;
        }
        println!("{datastore_id}: {resources} current resources, checked and ACTIVE");
        notices.iter().for_each(|notice| println!("  {notice}"));
    }
}
