//! Where a write goes: which resource, whether it is its first version, and what of that must still hold when
//! it commits. Nothing of its content but the id matters here.

use fhir::{Id, ResourceKey};
use store::{Precondition, Stored, uuid};

use crate::Context;
use crate::interaction::{Interaction, When};
use crate::outcome::Refusal;
use crate::read::current;

/// Where a write goes.
pub(crate) struct Aim {
    /// The resource.
    pub(crate) key: ResourceKey,
    /// What must still hold at the commit.
    pub(crate) preconditions: Vec<Precondition>,
    /// What happens to it.
    pub(crate) deed: Deed,
    /// What stands there now, if anything does that the caller may know of.
    pub(crate) found: Option<Stored>,
}

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// The first version of a resource under an id of the server's choice.
    Create,
    /// A version under the client's id where nothing stands.
    UpdateAsCreate,
    /// The next version.
    Update,
    /// The end.
    Delete,
    /// There is nothing to do.
    Nothing,
}

/// Finds out where a write goes, from what stands now. `id` is what its resource carries.
pub(crate) async fn aim(
    context: &Context<'_>,
    interaction: &Interaction,
    _id: Option<&Id>,
) -> Result<Aim, Refusal> {
    match interaction {
        Interaction::Create { of, .. } => {
            let id = Id::parse(&uuid(context.random)).expect("a UUID has the form of an id");
            let key = ResourceKey { of: *of, id };
            let preconditions = vec![Precondition::Absent(key.clone())];
            Ok(Aim { key, preconditions, deed: Deed::Create, found: None })
        }
        Interaction::Update { key, when, .. } => {
            let found = current(context, key).await?;
            check_condition(when, key, found.as_ref())?;
            let deed = if is_present(found.as_ref()) { Deed::Update } else { Deed::UpdateAsCreate };
            let preconditions = vec![relied_on(when, key, found.as_ref())];
            Ok(Aim { key: key.clone(), preconditions, deed, found })
        }
        Interaction::Delete { key, when } => {
            let found = current(context, key).await?;
            check_condition(when, key, found.as_ref())?;
            let deed = if is_present(found.as_ref()) { Deed::Delete } else { Deed::Nothing };
            let preconditions = vec![relied_on(when, key, found.as_ref())];
            Ok(Aim { key: key.clone(), preconditions, deed, found })
        }
        _ => Err(Refusal::not_a_write()),
    }
}

/// Checks the condition on a write against what stands.
fn check_condition(when: &When, key: &ResourceKey, found: Option<&Stored>) -> Result<(), Refusal> {
    let version = found.map(|stored| stored.version);
    let holds = match when {
        When::Always => true,
        When::Version(versions) => version.is_some_and(|version| versions.contains(&version)),
        When::Exists => is_present(found),
        // A deleted id stays taken, as on HealthLake.
        When::New => found.is_none(),
    };
    if holds { Ok(()) } else { Err(Refusal::precondition(key, version)) }
}

/// What a write relied on when it looked. An unconditional one relies on no version: others may come between,
/// as long as its answer (created, updated, deleted) stays true.
fn relied_on(when: &When, key: &ResourceKey, found: Option<&Stored>) -> Precondition {
    match found {
        None => Precondition::Absent(key.clone()),
        Some(stored) if stored.body.is_some() && matches!(when, When::Always | When::Exists) => {
            Precondition::Present(key.clone())
        }
        Some(stored) => Precondition::Version(key.clone(), stored.version),
    }
}

fn is_present(found: Option<&Stored>) -> bool {
    found.is_some_and(|stored| stored.body.is_some())
}
