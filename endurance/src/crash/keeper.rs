//! The keeper: makes data stores, fills them a little and deletes them again. What is deleted stays deleted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use healthlake::client::{Client, ClientError};
use healthlake::generated::enumerations::{DatastoreStatus, FHIRVersion};
use healthlake::generated::structures::{
    CreateFHIRDatastoreRequest, DeleteFHIRDatastoreRequest, DescribeFHIRDatastoreRequest,
    ListFHIRDatastoresRequest,
};

use super::content::{Content, Name};
use crate::dice::Dice;
use crate::door::{Ask, Door, Unseen};

/// Between looks at a data store that comes or goes.
const POLL: Duration = Duration::from_millis(10);
/// Deleted data stores that a check looks at.
const LOOKS: usize = 5;

/// How far the data store under way is.
enum Phase {
    Create,
    Wait(String),
    Fill(String, u64),
    Delete(String),
    Gone(String),
}

/// The one who makes and deletes data stores.
pub(crate) struct Keeper {
    dice: Dice,
    phase: Phase,
    number: u64,
    /// Data stores whose deletion was acknowledged and has ended.
    pub(crate) deleted: Vec<String>,
    /// What is wrong, with the evidence.
    pub(crate) violations: Vec<String>,
}

impl Keeper {
    /// A keeper of nothing.
    pub(crate) fn new(dice: Dice) -> Keeper {
        Keeper { dice, phase: Phase::Create, number: 0, deleted: Vec::new(), violations: Vec::new() }
    }

    /// Makes and deletes until an answer does not come, which must be that of a server that was killed.
    pub(crate) async fn work(mut self, door: Door, is_killed: Arc<AtomicBool>) -> Keeper {
        let error = loop {
            if let Err(error) = self.act(&door).await {
                break error;
            }
        };
        if !is_killed.load(Ordering::SeqCst) {
            self.violations.push(format!("while the server lived: {error}"));
        }
        self
    }

    /// Brings what is under way to its end.
    pub(crate) async fn finish(&mut self, door: &Door) -> Result<(), Unseen> {
        while !matches!(self.phase, Phase::Create) {
            self.act(door).await?;
        }
        Ok(())
    }

    async fn act(&mut self, door: &Door) -> Result<(), Unseen> {
        let control = door.control();
        self.phase = match &self.phase {
            Phase::Create => Phase::Wait(create(&control, &format!("kept-{}", self.number)).await?),
            Phase::Wait(id) => match status(&control, id).await? {
                Some(DatastoreStatus::Active) => Phase::Fill(id.clone(), 0),
                Some(DatastoreStatus::Creating) => Phase::Wait(id.clone()),
                other => {
                    self.violations.push(format!("the data store {id} was made and is {other:?}"));
                    Phase::Gone(id.clone())
                }
            },
            Phase::Fill(id, count) if *count < 3 + self.number % 9 => {
                let name = Name { of: "Patient", label: format!("k.{count}"), writer: "k".to_owned() };
                let (key, content) = (format!("k{count}"), Content { step: *count, subject: None });
                let ask = Ask::put(format!("Patient/{key}"), &name.body(Some(&key), &content));
                let answer = door.fhir(id, &ask).await?;
                if !matches!(answer.status, 200 | 201 | 429) {
                    self.violations.push(format!("in the data store {id}: {answer:?}"));
                }
                Phase::Fill(id.clone(), count + 1)
            }
            Phase::Fill(id, _) => Phase::Delete(id.clone()),
            Phase::Delete(id) => match delete(&control, id).await? {
                true => Phase::Gone(id.clone()),
                false => Phase::Delete(id.clone()),
            },
            Phase::Gone(id) => match status(&control, id).await? {
                None | Some(DatastoreStatus::Deleted) => {
                    self.deleted.push(id.clone());
                    self.number += 1;
                    Phase::Create
                }
                Some(DatastoreStatus::Deleting) => Phase::Gone(id.clone()),
                Some(other) => {
                    self.violations.push(format!("the data store {id} was deleted and is {other:?}"));
                    self.number += 1;
                    Phase::Create
                }
            },
        };
        if matches!(self.phase, Phase::Wait(_) | Phase::Gone(_)) {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Checks that what was deleted is not there, and that there is nothing besides what is known: `others`, and the
    /// one under way.
    pub(crate) async fn verify(&mut self, door: &Door, others: &[String]) -> Result<(), Unseen> {
        let control = door.control();
        for _ in 0..LOOKS.min(self.deleted.len()) {
            let id = self.dice.pick(&self.deleted).clone();
            let found = status(&control, &id).await?;
            let answer = door.fhir(&id, &Ask::get("Patient/k0")).await?;
            if !matches!(found, None | Some(DatastoreStatus::Deleted)) || answer.status < 400 {
                self.violations.push(format!("the data store {id} was deleted and is {found:?}: {answer:?}"));
            }
        }
        let mut living = living(&control).await?;
        living.retain(|id| !others.contains(id));
        let is_known = match &self.phase {
            Phase::Create => living.len() <= 1,
            Phase::Wait(id) | Phase::Fill(id, _) | Phase::Delete(id) | Phase::Gone(id) => {
                living.iter().all(|living| living == id)
            }
        };
        if !is_known {
            self.violations.push(format!("there are data stores that nobody made: {living:?}"));
        }
        Ok(())
    }
}

/// Makes a data store, or finds the one that was made before with this token.
pub(crate) async fn create(control: &Client, token: &str) -> Result<String, Unseen> {
    let request = CreateFHIRDatastoreRequest {
        datastore_type_version: FHIRVersion::R4,
        client_token: Some(token.to_owned()),
        ..CreateFHIRDatastoreRequest::default()
    };
    Ok(control.call(&request).await.map_err(|error| Unseen(error.to_string()))?.datastore_id)
}

/// Makes a data store and waits until it is active.
pub(crate) async fn create_active(control: &Client, token: &str) -> Result<String, Unseen> {
    let id = create(control, token).await?;
    while status(control, &id).await? == Some(DatastoreStatus::Creating) {
        tokio::time::sleep(POLL).await;
    }
    Ok(id)
}

/// The status of a data store; `None` if nothing is known of it.
async fn status(control: &Client, id: &str) -> Result<Option<DatastoreStatus>, Unseen> {
    let request = DescribeFHIRDatastoreRequest { datastore_id: id.to_owned() };
    match control.call(&request).await {
        Ok(found) => Ok(Some(found.datastore_properties.datastore_status)),
        Err(ClientError::Refused { exception, .. }) if exception == "ResourceNotFoundException" => Ok(None),
        Err(error) => Err(Unseen(error.to_string())),
    }
}

/// Whether the deletion is acknowledged, now or before.
async fn delete(control: &Client, id: &str) -> Result<bool, Unseen> {
    if status(control, id).await? != Some(DatastoreStatus::Active) {
        return Ok(true);
    }
    match control.call(&DeleteFHIRDatastoreRequest { datastore_id: id.to_owned() }).await {
        Ok(_) => Ok(true),
        Err(ClientError::Refused { .. }) => Ok(false),
        Err(error) => Err(Unseen(error.to_string())),
    }
}

/// The ids of all data stores that are not deleted.
async fn living(control: &Client) -> Result<Vec<String>, Unseen> {
    let (mut ids, mut request) = (Vec::new(), ListFHIRDatastoresRequest::default());
    loop {
        let page = control.call(&request).await.map_err(|error| Unseen(error.to_string()))?;
        for store in page.datastore_properties_list {
            if store.datastore_status != DatastoreStatus::Deleted {
                ids.push(store.datastore_id);
            }
        }
        match page.next_token {
            Some(token) => request.next_token = Some(token),
            None => return Ok(ids),
        }
    }
}
