//! Backups and restorations over the wire: data stores go out and come in piece by piece, to and from the command line,
//! which keeps the pieces. Actions of tarn's own beside HealthLake's, signed as those are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use access::{Action, HEALTHLAKE, Principal, SignatureError, SignedRequest, Verifier};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use embedded::{BackupReader, EmbeddedCatalog, Piece, PieceEntry, Restoration, RestoreError};
use fhir::Time;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Catalog, Clock, Datastore, DatastoreId, DatastoreStatus, Random, StoreError, uuid};

/// What stands before the names of these actions in `X-Amz-Target`.
pub(crate) const TARGET_PREFIX: &str = "Tarn.";
/// The header that names the backup or restoration that a piece is of.
pub(crate) const TRANSFER: &str = "x-amz-tarn-transfer";
/// The header that names a piece.
pub(crate) const PIECE: &str = "x-amz-tarn-piece";
/// The largest piece that is taken, in bytes.
pub(crate) const PIECE_BODY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Backups and restorations that may be under way at once.
const TRANSFERS_MAX: usize = 8;
/// After how long without a request one is given up, in microseconds.
const IDLE_US_MAX: i64 = 5 * 60 * 1_000_000;
/// How often it is looked for such, in milliseconds.
const LOOK_MS: u64 = 30_000;

/// A backup or a restoration under way.
enum Transfer {
    Backup { reader: BackupReader, datastore: Box<Datastore>, held: Option<Piece>, entries: Vec<PieceEntry> },
    Restore { restoration: Box<Restoration>, id: DatastoreId, name: Option<String> },
    Over,
}

struct Held {
    transfer: Arc<Mutex<Transfer>>,
    used: Time,
}

/// What the door works with.
pub(crate) struct Transfers {
    catalog: Arc<EmbeddedCatalog>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    verifier: Verifier,
    under_way: Mutex<HashMap<String, Held>>,
}

/// What is asked to begin a backup.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OpenBackup {
    /// The data store.
    pub(crate) datastore_id: String,
}

/// What is told of a backup that has begun.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BackupOpened {
    /// The backup, for [`TRANSFER`].
    pub(crate) transfer_id: String,
    /// The key of the data store, wrapped by the root key, in base 64.
    pub(crate) wrapped_key: String,
    /// When it began, in microseconds since 1970.
    pub(crate) began_us: i64,
}

/// What is told after the last piece.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BackupEnded {
    /// The record of the data store and the checksum of the list of pieces, sealed, in base 64.
    pub(crate) sealed: String,
}

/// What is asked to begin a restoration.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OpenRestore {
    /// The data store that was backed up.
    pub(crate) datastore_id: String,
    /// See [`BackupOpened`].
    pub(crate) wrapped_key: String,
    /// See [`BackupEnded`].
    pub(crate) sealed: String,
    /// The name of the new data store; `None`: as the other one was named.
    pub(crate) name: Option<String>,
}

/// What is told of a restoration that has begun, and of one that has ended.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Restoring {
    /// The restoration, for [`TRANSFER`].
    pub(crate) transfer_id: String,
    /// The new data store.
    pub(crate) datastore_id: String,
    /// Current resources that it holds, once it has ended.
    pub(crate) resources: u64,
    /// What [`embedded::check`] told, once it has ended; none of it is a fault of the copy.
    pub(crate) notices: Vec<String>,
}

/// Why it was not done: the status, the name of an exception, and a sentence.
struct Fault(u16, &'static str, String);

impl Fault {
    fn validation(sentence: impl Into<String>) -> Fault {
        Fault(400, "ValidationException", sentence.into())
    }

    fn internal(error: &dyn std::error::Error) -> Fault {
        tracing::error!(%error, "a backup or restoration failed");
        Fault(500, "InternalServerException", format!("The service failed: {error}"))
    }
}

impl From<SignatureError> for Fault {
    fn from(error: SignatureError) -> Fault {
        Fault(403, error.name(), error.to_string())
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        match error {
            StoreError::Absent => {
                Fault(400, "ResourceNotFoundException", "There is no such data store".into())
            }
            error => Fault::internal(&error),
        }
    }
}

impl From<RestoreError> for Fault {
    fn from(error: RestoreError) -> Fault {
        match error {
            RestoreError::Storage(error) => Fault::internal(&error),
            error => Fault::validation(error.to_string()),
        }
    }
}

type Outcome = Result<Response<Bytes>, Fault>;

impl Transfers {
    /// A door over this catalog for this owner.
    pub(crate) fn new(
        catalog: Arc<EmbeddedCatalog>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        owner: Arc<Principal>,
    ) -> Transfers {
        let verifier = Verifier::new(HEALTHLAKE, owner as _);
        Transfers { catalog, clock, random, verifier, under_way: Mutex::default() }
    }

    /// Answers a request whose target begins with [`TARGET_PREFIX`].
    pub(crate) async fn handle(self: &Arc<Self>, request: Request<Bytes>) -> Response<Bytes> {
        let this = Arc::clone(self);
        let outcome = tokio::task::spawn_blocking(move || this.answer(&request)).await;
        let outcome = outcome.unwrap_or_else(|error| Err(Fault::internal(&error)));
        outcome.unwrap_or_else(|Fault(status, name, message)| {
            let mut response = json_response(&json!({ "__type": name, "Message": message }));
            *response.status_mut() =
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            response
        })
    }

    /// Gives up what its client has left. Never ends.
    pub(crate) async fn tend(self: Arc<Self>) {
        loop {
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
            let this = Arc::clone(&self);
            if let Err(error) = tokio::task::spawn_blocking(move || this.give_up_idle()).await {
                tracing::warn!(%error, "backups that were left could not be given up");
            }
        }
    }

    fn answer(&self, request: &Request<Bytes>) -> Outcome {
        self.authenticate(request)?;
        let target = header(request, healthlake::protocol::TARGET.as_str())?;
        match target.strip_prefix(TARGET_PREFIX).unwrap_or_default() {
            "OpenBackup" => self.open_backup(parse(request)?),
            "NextBackupPiece" => self.with(request, next_piece),
            "GetBackupPiece" => self.with(request, held_piece),
            "OpenRestore" => self.open_restore(parse(request)?),
            "PutRestorePiece" => {
                let name = header(request, PIECE)?;
                self.with(request, |transfer| put_piece(transfer, name, request.body()))
            }
            "CompleteRestore" => {
                let done = self.with(request, |transfer| self.complete(transfer));
                self.end(request);
                done
            }
            "CloseTransfer" => {
                self.end(request);
                Ok(json_response(&json!({})))
            }
            _ => {
                Err(Fault(400, "UnknownOperationException", "X-Amz-Target names no action of tarn's".into()))
            }
        }
    }

    fn authenticate(&self, request: &Request<Bytes>) -> Result<(), Fault> {
        let uri = request.uri();
        let signed = SignedRequest {
            method: request.method().as_str(),
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            headers: request.headers(),
            authority: uri.authority().map(http::uri::Authority::as_str),
            body: request.body(),
        };
        let access = self.verifier.verify(&signed, self.clock.now().0.div_euclid(1_000_000))?;
        if access.may(Action::control("BackupDatastore")) {
            return Ok(());
        }
        Err(Fault(403, "AccessDeniedException", "The caller may not back up or restore".into()))
    }

    fn open_backup(&self, asked: OpenBackup) -> Outcome {
        let datastore = self.active(&asked.datastore_id)?;
        let begun = self.catalog.begin_backup(&datastore.id)?;
        let began_us = self.clock.now().0;
        let transfer = Transfer::Backup {
            reader: begun.reader,
            datastore: Box::new(datastore),
            held: None,
            entries: Vec::new(),
        };
        let transfer_id = self.keep(transfer)?;
        let wrapped_key = BASE64_STANDARD.encode(begun.wrapped_key);
        answer_of(&BackupOpened { transfer_id, wrapped_key, began_us })
    }

    fn active(&self, id: &str) -> Result<Datastore, Fault> {
        let found = DatastoreId::parse(id).map(|id| store_wait(self.catalog.datastore(&id))).transpose()?;
        let record = found.flatten().ok_or(StoreError::Absent)?.record;
        if record.status != DatastoreStatus::Active {
            return Err(Fault::validation(format!("The data store is {}, not ACTIVE", record.status.name())));
        }
        Ok(record)
    }

    fn open_restore(&self, asked: OpenRestore) -> Outcome {
        let base64 = |text: &str| {
            BASE64_STANDARD.decode(text).map_err(|_| Fault::validation("The manifest is damaged"))
        };
        let from = DatastoreId::parse(&asked.datastore_id);
        let from = from.ok_or_else(|| Fault::validation("The manifest names no data store"))?;
        let id = DatastoreId::generate(&*self.random);
        let (wrapped, sealed) = (base64(&asked.wrapped_key)?, base64(&asked.sealed)?);
        let restoration = Box::new(self.catalog.begin_restore(&id, &from, &wrapped, &sealed)?);
        let transfer_id = self
            .keep(Transfer::Restore { restoration, id: id.clone(), name: asked.name })
            .inspect_err(|_| {
                let _ = self.catalog.give_up(&id);
            })?;
        answer_of(&Restoring {
            transfer_id,
            datastore_id: id.as_str().to_owned(),
            resources: 0,
            notices: vec![],
        })
    }

    /// Ends a restoration: only what is whole becomes a data store.
    fn complete(&self, transfer: &mut Transfer) -> Outcome {
        let Transfer::Restore { restoration, id, name } = std::mem::replace(transfer, Transfer::Over) else {
            return Err(not_of_this_kind());
        };
        let restored = restoration.finish(self.catalog.clock());
        let (restored, report) = restored.inspect_err(|_| self.forget(&id))?;
        let before = restored.datastore.clone();
        let record = Datastore {
            id: id.clone(),
            name: name.or_else(|| before.name.clone()),
            status: DatastoreStatus::Active,
            created: self.clock.now(),
            ..before
        };
        self.catalog.adopt(&restored, record).inspect_err(|_| self.forget(&id))?;
        // What was being erased when the backup was made is erased to its end here.
        let store = store_wait(self.catalog.open(&id))?;
        store_wait(store.scrub())?;
        answer_of(&Restoring {
            transfer_id: String::new(),
            datastore_id: id.as_str().to_owned(),
            resources: report.current,
            notices: report.problems,
        })
    }

    fn forget(&self, id: &DatastoreId) {
        if let Err(error) = self.catalog.give_up(id) {
            tracing::warn!(%error, "what was not restored is removed at the next start");
        }
    }

    fn keep(&self, transfer: Transfer) -> Result<String, Fault> {
        let mut under_way = self.lock();
        if under_way.len() >= TRANSFERS_MAX {
            return Err(Fault(
                400,
                "ThrottlingException",
                "Too many backups and restorations are under way".into(),
            ));
        }
        let id = uuid(&*self.random);
        under_way
            .insert(id.clone(), Held { transfer: Arc::new(Mutex::new(transfer)), used: self.clock.now() });
        Ok(id)
    }

    fn with(&self, request: &Request<Bytes>, work: impl FnOnce(&mut Transfer) -> Outcome) -> Outcome {
        let id = header(request, TRANSFER)?;
        let transfer = {
            let mut under_way = self.lock();
            let held = under_way.get_mut(id);
            let held =
                held.ok_or_else(|| Fault::validation("There is no such backup or restoration under way"))?;
            held.used = self.clock.now();
            Arc::clone(&held.transfer)
        };
        let mut transfer = transfer.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = work(&mut transfer);
        if let Some(held) = self.lock().get_mut(id) {
            held.used = self.clock.now();
        }
        outcome
    }

    /// Ends one; what it was restoring, if it is not done, is removed.
    fn end(&self, request: &Request<Bytes>) {
        let held = header(request, TRANSFER).ok().and_then(|id| self.lock().remove(id));
        self.drop_all(held);
    }

    fn give_up_idle(&self) {
        let now = self.clock.now();
        let mut idle = Vec::new();
        self.lock().retain(|_, held| {
            // What is at work has another holder.
            let is_idle = now.0 - held.used.0 > IDLE_US_MAX && Arc::strong_count(&held.transfer) == 1;
            if is_idle {
                idle.push(Held { transfer: Arc::clone(&held.transfer), used: held.used });
            }
            !is_idle
        });
        self.drop_all(idle);
    }

    fn drop_all(&self, held: impl IntoIterator<Item = Held>) {
        for held in held {
            let mut transfer = held.transfer.lock().unwrap_or_else(PoisonError::into_inner);
            if let Transfer::Restore { restoration, id, .. } =
                std::mem::replace(&mut *transfer, Transfer::Over)
            {
                drop(restoration);
                self.forget(&id);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Held>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn next_piece(transfer: &mut Transfer) -> Outcome {
    let Transfer::Backup { reader, datastore, held, entries } = transfer else {
        return Err(not_of_this_kind());
    };
    let piece = reader.next_piece().map_err(|error| Fault::internal(&error))?;
    match piece {
        Some(piece) => {
            entries.push(piece.entry.clone());
            let answer = answer_of(&piece.entry);
            *held = Some(piece);
            answer
        }
        None => {
            *held = None;
            answer_of(&BackupEnded { sealed: BASE64_STANDARD.encode(reader.seal(datastore, entries)) })
        }
    }
}

fn held_piece(transfer: &mut Transfer) -> Outcome {
    let Transfer::Backup { held: Some(piece), .. } = transfer else { return Err(not_of_this_kind()) };
    let mut response = Response::new(Bytes::from(piece.bytes.clone()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Ok(response)
}

fn put_piece(transfer: &mut Transfer, name: &str, bytes: &[u8]) -> Outcome {
    let Transfer::Restore { restoration, .. } = transfer else { return Err(not_of_this_kind()) };
    restoration.put(name, bytes)?;
    Ok(json_response(&json!({})))
}

fn not_of_this_kind() -> Fault {
    Fault::validation("This is not what was begun")
}

fn header<'r>(request: &'r Request<Bytes>, name: &str) -> Result<&'r str, Fault> {
    let value = request.headers().get(name).and_then(|value| value.to_str().ok());
    value.ok_or_else(|| Fault::validation(format!("The header {name} is missing")))
}

fn parse<T: DeserializeOwned>(request: &Request<Bytes>) -> Result<T, Fault> {
    serde_json::from_slice(request.body())
        .map_err(|_| Fault(400, "SerializationException", "Not the JSON wanted".into()))
}

fn answer_of<T: Serialize>(value: &T) -> Outcome {
    Ok(json_response(&serde_json::to_value(value).map_err(|error| Fault::internal(&error))?))
}

fn json_response(value: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(value.to_string()));
    let json = HeaderValue::from_static(healthlake::protocol::CONTENT_TYPE_JSON);
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// Waits for an answer of the catalog on a thread that may.
fn store_wait<T>(answer: impl Future<Output = T>) -> T {
    tokio::runtime::Handle::current().block_on(answer)
}
