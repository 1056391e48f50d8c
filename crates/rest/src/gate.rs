//! Who comes in, and to which data store: nothing about a data store is said before the caller is known.

use access::{Access, Action, SignatureError};
use store::{CmkType, Datastore, DatastoreId, DatastoreStatus, Strategy};

use crate::interaction::Interaction;
use crate::outcome::Refusal;
use crate::{Service, Unsigned};

/// A caller who was let in, and the data store.
#[derive(Debug)]
pub(crate) struct Entered {
    /// Proof of who it is.
    pub(crate) access: Access,
    /// The data store, which is ready.
    pub(crate) datastore: Datastore,
}

impl Service {
    /// Lets the caller into the data store named, or says why not. `verified` is what the signature says.
    pub(crate) async fn enter(
        &self,
        verified: Result<Access, SignatureError>,
        datastore: &str,
    ) -> Result<Entered, Refusal> {
        let access = match verified {
            Ok(access) => Some(access),
            Err(SignatureError::MissingAuthenticationToken) if self.settings.unsigned == Unsigned::Taken => {
                None
            }
            Err(error) => return Err(stranger(&error)),
        };
        let found = self.find(datastore).await?;
        let Some(access) = access else { return self.enter_unsigned(found) };
        let datastore = found.ok_or_else(Refusal::no_datastore)?;
        check_ready(&datastore)?;
        check_kind(&datastore)?;
        Ok(Entered { access, datastore })
    }

    /// Lets in who has shown a proof of another kind than a signature.
    pub(crate) async fn enter_proven(&self, datastore: &str) -> Result<Entered, Refusal> {
        let found = self.find(datastore).await?;
        self.enter_unsigned(found)
    }

    /// Unsigned requests reach data stores of AWS_AUTH only; of all others they do not learn that they exist.
    fn enter_unsigned(&self, found: Option<Datastore>) -> Result<Entered, Refusal> {
        let refused = || {
            let error = SignatureError::MissingAuthenticationToken;
            let text = format!("{error}: no data store of this id takes unsigned requests.");
            Refusal::denied(error.name(), text)
        };
        let datastore = found.filter(|datastore| check_kind(datastore).is_ok()).ok_or_else(refused)?;
        check_ready(&datastore)?;
        Ok(Entered { access: Access::open(&self.settings.account_id), datastore })
    }

    async fn find(&self, datastore: &str) -> Result<Option<Datastore>, Refusal> {
        let Some(id) = DatastoreId::parse(datastore) else { return Ok(None) };
        let found = self.parts.catalog.datastore(&id).await?;
        Ok(found.map(|found| found.record).filter(|found| found.status != DatastoreStatus::Deleted))
    }
}

/// Checks that the caller may do this.
pub(crate) fn check_permission(access: &Access, interaction: &Interaction) -> Result<(), Refusal> {
    let actions = [Some(interaction.action()), interaction.further_action()];
    actions.into_iter().flatten().try_for_each(|action| check_action(access, action))
}

/// Checks that the caller may have conditional references looked up.
pub(crate) fn check_search(access: &Access) -> Result<(), Refusal> {
    check_action(access, Action::fhir("SearchWithGet"))
}

/// Checks that the caller may do what needs this action.
pub(crate) fn check_action(access: &Access, action: Action) -> Result<(), Refusal> {
    if access.may(action) {
        return Ok(());
    }
    let text = format!("User is not authorized to perform: {}", action.qualified_name());
    Err(Refusal::denied("AccessDeniedException", text))
}

/// Every failed signature is a 403 on a FHIR door, as HealthLake answers it.
pub(crate) fn stranger(error: &SignatureError) -> Refusal {
    Refusal::denied(error.name(), error.to_string())
}

fn check_ready(datastore: &Datastore) -> Result<(), Refusal> {
    match datastore.status {
        DatastoreStatus::Active => Ok(()),
        other => Err(Refusal::not_active(other.name())),
    }
}

/// Refuses data stores that promise more than this server keeps, rather than let anybody through.
fn check_kind(datastore: &Datastore) -> Result<(), Refusal> {
    if datastore.encryption == CmkType::CustomerManaged {
        return Err(Refusal::not_supported("Data stores with a customer managed key are not served yet."));
    }
    match datastore.identity_provider.as_ref().map(|provider| provider.strategy) {
        None | Some(Strategy::AwsAuth) => Ok(()),
        Some(Strategy::SmartOnFhir | Strategy::SmartOnFhirV1) => Err(Refusal::not_supported(
            "Data stores with a SMART on FHIR identity provider are not served yet.",
        )),
    }
}
