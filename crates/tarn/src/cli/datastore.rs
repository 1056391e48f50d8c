//! `tarn datastore create|list|describe|delete`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use healthlake::client::Client;
use healthlake::generated::enumerations::{DatastoreStatus, FHIRVersion, PreloadDataType};
use healthlake::generated::structures::{
    CreateFHIRDatastoreRequest, DatastoreProperties, DeleteFHIRDatastoreRequest,
    DescribeFHIRDatastoreRequest, PreloadDataConfig, Tag,
};
use healthlake::shape::Encode;
use serde_json::Value;

use super::connection::{Connection, all_datastores};
use super::progress;

/// How long to wait between looks at a data store that is changing, in milliseconds.
const POLL_MS: u64 = 50;

/// What to do with data stores.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Create one and wait until it is ACTIVE.
    Create {
        /// Its name.
        name: Option<String>,
        /// Fill it with synthetic patients.
        #[arg(long)]
        preload: bool,
        /// A tag, KEY=VALUE; may be given several times.
        #[arg(long = "tag", value_name = "KEY=VALUE")]
        tags: Vec<String>,
        /// Do not wait.
        #[arg(long)]
        no_wait: bool,
        #[command(flatten)]
        connection: Connection,
    },
    /// List them.
    List {
        /// Deleted ones too.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show one.
    Describe {
        /// Its id or name; may be left out if there is only one.
        datastore: Option<String>,
        #[command(flatten)]
        connection: Connection,
    },
    /// Delete one with everything in it, and wait until it is gone.
    Delete {
        /// Its id or name.
        datastore: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        connection: Connection,
    },
}

impl Command {
    /// Does it.
    pub(crate) async fn run(self) -> Result<ExitCode> {
        match self {
            Command::Create { name, preload, tags, no_wait, connection } => {
                let client = connection.client()?;
                let made = client.call(&creation(name, preload, &tags)?).await?;
                let store = match no_wait {
                    true => describe(&client, &made.datastore_id).await?,
                    false => wait(&client, &made.datastore_id, "CREATING", &connection).await?,
                };
                show(&store, &connection);
                Ok(code(store.datastore_status != DatastoreStatus::CreateFailed))
            }
            Command::List { all, connection } => list(all, &connection).await,
            Command::Describe { datastore, connection } => {
                let client = connection.client()?;
                let found = connection.datastore(&client, datastore.as_deref()).await?;
                show(&found, &connection);
                Ok(ExitCode::SUCCESS)
            }
            Command::Delete { datastore, yes, connection } => delete(&datastore, yes, &connection).await,
        }
    }
}

/// The request for a new data store.
pub(crate) fn creation(
    name: Option<String>,
    preload: bool,
    tags: &[String],
) -> Result<CreateFHIRDatastoreRequest> {
    let tag = |text: &String| {
        let (key, value) =
            text.split_once('=').with_context(|| format!("the tag {text} is not KEY=VALUE"))?;
        Ok(Tag { key: key.to_owned(), value: value.to_owned() })
    };
    let tags = tags.iter().map(tag).collect::<Result<Vec<_>>>()?;
    Ok(CreateFHIRDatastoreRequest {
        datastore_type_version: FHIRVersion::R4,
        datastore_name: name,
        preload_data_config: preload
            .then_some(PreloadDataConfig { preload_data_type: PreloadDataType::Synthea }),
        tags: (!tags.is_empty()).then_some(tags),
        ..CreateFHIRDatastoreRequest::default()
    })
}

/// The data store as it is now.
pub(crate) async fn describe(client: &Client, id: &str) -> Result<DatastoreProperties> {
    let request = DescribeFHIRDatastoreRequest { datastore_id: id.to_owned() };
    Ok(client.call(&request).await?.datastore_properties)
}

/// The data store once its status is no longer `transitional`.
pub(crate) async fn wait(
    client: &Client,
    id: &str,
    transitional: &str,
    connection: &Connection,
) -> Result<DatastoreProperties> {
    let spinner = progress::spinner(connection.json, transitional);
    loop {
        let store = describe(client, id).await?;
        if store.datastore_status.encode() != transitional {
            spinner.finish_and_clear();
            return Ok(store);
        }
        tokio::time::sleep(Duration::from_millis(POLL_MS)).await;
    }
}

async fn list(all: bool, connection: &Connection) -> Result<ExitCode> {
    let mut stores = all_datastores(&connection.client()?).await?;
    stores.retain(|store| all || store.datastore_status != DatastoreStatus::Deleted);
    if connection.json {
        println!("{:#}", Value::from_iter(stores.iter().map(Encode::encode)));
    } else if stores.is_empty() {
        println!("no data stores; make one with `tarn datastore create`");
    }
    for store in stores.iter().filter(|_| !connection.json) {
        let name = store.datastore_name.as_deref().unwrap_or("-");
        println!("{}  {:13}  {name}  {}", store.datastore_id, status(store), store.datastore_endpoint);
    }
    Ok(ExitCode::SUCCESS)
}

async fn delete(datastore: &str, yes: bool, connection: &Connection) -> Result<ExitCode> {
    let client = connection.client()?;
    let found = connection.datastore(&client, Some(datastore)).await?;
    if !yes && !confirmed(&found)? {
        bail!("nothing was deleted");
    }
    client.call(&DeleteFHIRDatastoreRequest { datastore_id: found.datastore_id.clone() }).await?;
    let gone = wait(&client, &found.datastore_id, "DELETING", connection).await?;
    show(&gone, connection);
    Ok(code(gone.datastore_status == DatastoreStatus::Deleted))
}

fn confirmed(store: &DatastoreProperties) -> Result<bool> {
    let name = store.datastore_name.as_deref().unwrap_or(&store.datastore_id);
    eprint!("Delete the data store {name} with everything in it? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn show(store: &DatastoreProperties, connection: &Connection) {
    if connection.json {
        println!("{:#}", store.encode());
        return;
    }
    println!("id        {}", store.datastore_id);
    if let Some(name) = &store.datastore_name {
        println!("name      {name}");
    }
    println!("status    {}", status(store));
    println!("endpoint  {}", store.datastore_endpoint);
    println!("arn       {}", store.datastore_arn);
    if let Some(cause) = store.error_cause.as_ref().and_then(|cause| cause.error_message.as_ref()) {
        println!("cause     {cause}");
    }
}

fn status(store: &DatastoreProperties) -> String {
    store.datastore_status.encode().as_str().unwrap_or_default().to_owned()
}

fn code(success: bool) -> ExitCode {
    if success { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
