//! How the command line reaches a running server: its address, its credentials, and the way there.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use access::{Credentials, PathForm, Signer};
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use clap::Args;
use healthlake::client::{Client, Sent, Transport, TransportError};
use healthlake::generated::enumerations::DatastoreStatus;
use healthlake::generated::structures::{DatastoreProperties, ListFHIRDatastoresRequest};
use jobs::{Objects, S3Objects};
use store::{Clock, SystemClock};

use crate::config::RemoteObjects;
use crate::folder::PROFILE;
use crate::objects;

/// How long a server may take to accept a connection, in milliseconds.
const CONNECT_MS_MAX: u64 = 5_000;

/// Where the server is and who asks.
#[derive(Args, Clone, Debug)]
pub(crate) struct Connection {
    /// The server's address.
    #[arg(long, env = "TARN_ENDPOINT", default_value = "http://127.0.0.1:8080", global = true)]
    pub(crate) endpoint: String,
    /// The server's data folder, for the credentials file in it.
    #[arg(long, env = "TARN_DATA", default_value = "tarn-data", global = true)]
    pub(crate) data: PathBuf,
    /// A credentials file elsewhere.
    #[arg(long, env = "AWS_SHARED_CREDENTIALS_FILE", global = true)]
    pub(crate) credentials: Option<PathBuf>,
    /// The profile in it.
    #[arg(long, default_value = PROFILE, global = true)]
    pub(crate) profile: String,
    /// The region that requests are signed for.
    #[arg(long, env = "TARN_REGION", default_value = "us-east-1", global = true)]
    pub(crate) region: String,
    /// Write JSON for programs instead of lines and bars for people.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

struct Web(reqwest::Client);

impl Transport for Web {
    fn send(&self, request: http::Request<Bytes>) -> Sent<'_> {
        Box::pin(
            async move { fetch(&self.0, request).await.map_err(|error| TransportError(plainly(&error))) },
        )
    }
}

/// Sends a request and waits for the whole answer.
pub(crate) async fn fetch(
    web: &reqwest::Client,
    request: http::Request<Bytes>,
) -> reqwest::Result<http::Response<Bytes>> {
    let response = web.execute(request.try_into()?).await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut answer = http::Response::new(response.bytes().await?);
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    Ok(answer)
}

fn plainly(error: &reqwest::Error) -> String {
    if error.is_connect() {
        return "no tarn answers there; start one with `tarn serve`, or name another with --endpoint"
            .to_owned();
    }
    error.to_string()
}

impl Connection {
    /// The server's owner, as its credentials file says.
    pub(crate) fn credentials(&self) -> Result<Credentials> {
        let path = self.credentials.clone().unwrap_or_else(|| self.data.join("credentials"));
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("read {}; name the server's data folder with --data", path.display()))?;
        Credentials::read(&text, &self.profile).with_context(|| format!("in {}", path.display()))
    }

    /// A client of the control plane.
    pub(crate) fn client(&self) -> Result<Client> {
        Ok(Client {
            endpoint: self.endpoint.trim_end_matches('/').to_owned(),
            region: self.region.clone(),
            credentials: self.credentials()?,
            clock: Arc::new(SystemClock),
            transport: Arc::new(Web(web()?)),
        })
    }

    /// The objects of the server's S3 endpoint.
    pub(crate) fn objects(&self) -> Result<Arc<dyn Objects>> {
        let credentials = self.credentials()?;
        Ok(Arc::new(S3Objects::new(objects::options(&RemoteObjects {
            endpoint: self.endpoint.trim_end_matches('/').to_owned(),
            region: self.region.clone(),
            access_key_id: credentials.access_key_id.clone(),
            secret_access_key: credentials.secret.expose().to_owned(),
            path_style: true,
            job_keys: false,
            sts_endpoint: None,
        }))))
    }

    /// Makes a bucket of the server's S3 endpoint, if it is not there.
    pub(crate) async fn make_bucket(&self, bucket: &str) -> Result<()> {
        let uri = format!("{}/{bucket}", self.endpoint.trim_end_matches('/'));
        let request =
            http::Request::put(uri).header("x-amz-content-sha256", EMPTY_SHA256).body(Bytes::new())?;
        let (mut parts, body) = request.into_parts();
        let credentials = self.credentials()?;
        let signer = Signer {
            credentials: &credentials,
            region: &self.region,
            service: "s3",
            path_form: PathForm::Once,
            unix_seconds: SystemClock.now().0.div_euclid(1_000_000),
        };
        signer.sign(&mut parts, &body)?;
        let answer = fetch(&web()?, http::Request::from_parts(parts, body)).await?;
        let there = String::from_utf8_lossy(answer.body()).contains("BucketAlreadyOwnedByYou");
        ensure!(
            answer.status().is_success() || there,
            "the bucket {bucket} was refused: {}",
            answer.status()
        );
        Ok(())
    }

    /// The data store that `named` means: an id, a name, or, when nothing is named, the only ACTIVE one.
    pub(crate) async fn datastore(
        &self,
        client: &Client,
        named: Option<&str>,
    ) -> Result<DatastoreProperties> {
        let mut found = all_datastores(client).await?;
        found.retain(|store| match named {
            Some(named) => store.datastore_id == named || store.datastore_name.as_deref() == Some(named),
            None => store.datastore_status == DatastoreStatus::Active,
        });
        if named.is_some() && found.len() > 1 {
            found.retain(|store| store.datastore_status == DatastoreStatus::Active);
        }
        match (found.len(), named) {
            (1, _) => Ok(found.remove(0)),
            (0, Some(named)) => bail!("there is no data store {named}"),
            (0, None) => bail!("there is no ACTIVE data store; make one with `tarn datastore create`"),
            (_, Some(named)) => bail!("several data stores are named {named}; give the id"),
            (_, None) => bail!("there are several data stores; say which with --datastore"),
        }
    }
}

/// The SHA-256 of nothing.
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A web client.
pub(crate) fn web() -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder().connect_timeout(Duration::from_millis(CONNECT_MS_MAX));
    builder.build().context("make a web client")
}

/// All data stores of the server, page by page.
pub(crate) async fn all_datastores(client: &Client) -> Result<Vec<DatastoreProperties>> {
    let mut all = Vec::new();
    let mut request = ListFHIRDatastoresRequest::default();
    loop {
        let page = client.call(&request).await?;
        all.extend(page.datastore_properties_list);
        match page.next_token {
            Some(token) => request.next_token = Some(token),
            None => return Ok(all),
        }
    }
}
