//! `tarn demo`: a server with patients in it, and what to try next.

use anyhow::{Context, Result, ensure};
use healthlake::generated::enumerations::DatastoreStatus;

use super::connection::Connection;
use super::datastore;
use crate::config::Settings;
use crate::folder::PROFILE;
use crate::serve::{Server, stopped};

/// The name of the demo's data store.
const NAME: &str = "demo";

/// Serves, makes sure that the data store `demo` is there, prints what to try, and stays until Ctrl-C.
pub(crate) async fn run(settings: Settings) -> Result<()> {
    let stop = stopped()?;
    let (data, region, patients) =
        (settings.data.clone(), settings.region.clone(), settings.preload_patients);
    let server = Server::start(settings).await?;
    let endpoint = format!("http://{}", server.address()?);
    let connection = Connection {
        endpoint: endpoint.clone(),
        credentials: Some(data.join("credentials")),
        data,
        profile: PROFILE.to_owned(),
        region,
        json: false,
    };
    let guide = async {
        if let Err(error) = guide(&connection, patients).await {
            tracing::error!("the demo could not be prepared: {error:#}");
        }
        std::future::pending::<()>().await;
    };
    let stop = async {
        tokio::select! {
            () = stop => {}
            () = guide => {}
        }
    };
    server.until(stop).await
}

async fn guide(connection: &Connection, patients: u32) -> Result<()> {
    let client = connection.client()?;
    let there = super::connection::all_datastores(&client).await?;
    let there = there.into_iter().find(|store| {
        store.datastore_name.as_deref() == Some(NAME) && store.datastore_status == DatastoreStatus::Active
    });
    let store = match there {
        Some(store) => store,
        None => {
            eprintln!("Making a data store of {patients} synthetic patients …");
            let made = client.call(&datastore::creation(Some(NAME.to_owned()), true, &[])?).await?;
            datastore::wait(&client, &made.datastore_id, "CREATING", connection).await?
        }
    };
    ensure!(
        store.datastore_status == DatastoreStatus::Active,
        "the data store is {:?}",
        store.datastore_status
    );
    let credentials = connection.credentials.as_ref().context("the demo knows its credentials file")?;
    let credentials = std::fs::canonicalize(credentials)?;
    print!(
        "{}",
        text(connection, &credentials.display().to_string(), &store.datastore_endpoint, &store.datastore_id)
    );
    Ok(())
}

fn text(connection: &Connection, credentials: &str, base: &str, id: &str) -> String {
    let (endpoint, region) = (&connection.endpoint, &connection.region);
    format!(
        r#"
tarn is running, and the data store "{NAME}" has patients in it. In another terminal:

  export AWS_SHARED_CREDENTIALS_FILE={credentials}
  export AWS_PROFILE={PROFILE} AWS_REGION={region} AWS_DEFAULT_REGION={region} AWS_ENDPOINT_URL={endpoint}

The AWS CLI, as it is (older ones want --endpoint-url {endpoint} too):

  aws healthlake list-fhir-datastores
  aws healthlake describe-fhir-datastore --datastore-id {id}
  aws s3 mb s3://my-bucket && aws s3 ls

FHIR, signed by curl:

  export KEYS="$(awk -F' = ' '/key_id/{{i=$2}} /secret/{{s=$2}} END{{print i":"s}}' $AWS_SHARED_CREDENTIALS_FILE)"
  curl -s --aws-sigv4 aws:amz:{region}:healthlake -u "$KEYS" '{base}Patient?_count=3'
  curl -s --aws-sigv4 aws:amz:{region}:healthlake -u "$KEYS" '{base}Observation?code=8480-6,85354-9&_sort=-date&_count=3'

The FHIR base is {base}
Ctrl-C ends it; what you stored stays.
"#
    )
}
