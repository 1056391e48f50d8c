//! The command line's end of backups and restorations: signed requests, piece by piece.

use std::path::Path;

use access::{Credentials, PathForm, Signer};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::{Clock, SystemClock};

use crate::cli::connection::{Connection, fetch, web};
use crate::config::Options;
use crate::serve::Server;
use crate::transfer::{PIECE, TARGET_PREFIX, TRANSFER};

/// The way to a server.
pub(crate) struct Wire {
    endpoint: String,
    region: String,
    credentials: Credentials,
    web: reqwest::Client,
}

impl Wire {
    /// The way to the server of this connection.
    pub(crate) fn new(connection: &Connection) -> Result<Wire> {
        Ok(Wire {
            endpoint: connection.endpoint.trim_end_matches('/').to_owned(),
            region: connection.region.clone(),
            credentials: connection.credentials()?,
            web: web()?,
        })
    }

    /// Asks in JSON and is answered so.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        action: &str,
        transfer: &str,
        asked: &impl Serialize,
    ) -> Result<T> {
        let body = serde_json::to_vec(asked).context("write a request")?;
        let answer = self.post(action, transfer, None, body.into()).await?;
        serde_json::from_slice(&answer).context("the server answers otherwise than expected")
    }

    /// Sends a body, perhaps a piece of this name, and gets one.
    pub(crate) async fn post(
        &self,
        action: &str,
        transfer: &str,
        piece: Option<&str>,
        body: Bytes,
    ) -> Result<Bytes> {
        let mut request = http::Request::post(format!("{}/", self.endpoint))
            .header(healthlake::protocol::TARGET, format!("{TARGET_PREFIX}{action}"))
            .header(CONTENT_TYPE, healthlake::protocol::CONTENT_TYPE_JSON);
        for (name, value) in [(TRANSFER, Some(transfer)), (PIECE, piece)] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                request = request.header(name, value);
            }
        }
        let (mut parts, body) = request.body(body)?.into_parts();
        let signer = Signer {
            credentials: &self.credentials,
            region: &self.region,
            service: "healthlake",
            path_form: PathForm::Twice,
            unix_seconds: SystemClock.now().0.div_euclid(1_000_000),
        };
        signer.sign(&mut parts, &body)?;
        let answer = fetch(&self.web, http::Request::from_parts(parts, body))
            .await
            .with_context(|| format!("reach the server at {}", self.endpoint))?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        let told: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let message = told["Message"].as_str().unwrap_or("the server refuses");
        bail!("{message} ({})", answer.status())
    }
}

/// Does something with a server over the data folder of `connection` that runs only for this: when no other does.
pub(crate) async fn offline<T>(
    connection: &mut Connection,
    work: impl AsyncFnOnce(Connection) -> Result<T>,
) -> Result<T> {
    check_there(&connection.data)?;
    let options = Options {
        listen: Some(([127, 0, 0, 1], 0).into()),
        data: Some(connection.data.clone()),
        region: Some(connection.region.clone()),
        ..Options::default()
    };
    let server = Server::start(options.settle()?).await?;
    connection.endpoint = format!("http://{}", server.address()?);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.until(async {
        let _ = stopped.await;
    }));
    let outcome = work(connection.clone()).await;
    let _ = stop.send(());
    serving.await.context("stop")??;
    outcome
}

fn check_there(data: &Path) -> Result<()> {
    if !data.exists() {
        bail!("there is no data folder {}", data.display());
    }
    Ok(())
}
