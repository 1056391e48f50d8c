//! Where a write goes: which resource, whether it is its first version, and what of that must still hold when
//! it commits. Nothing of its content but the id matters here.

use fhir::{Id, ResourceKey, ResourceType, Time};
use store::{Note, Precondition, Stored, uuid};

use crate::Context;
use crate::criterion::Criterion;
use crate::interaction::{Interaction, Parameters, When};
use crate::limits::IDEMPOTENCY_KEY_MS;
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
    /// What is to be remembered of the write.
    pub(crate) note: Option<Note>,
}

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// The first version of a resource under an id of the server's choice.
    Create,
    /// A version by update where nothing stands.
    UpdateAsCreate,
    /// The next version.
    Update,
    /// The next version, made of the one that stands.
    Patch,
    /// The end.
    Delete,
    /// What stands stays, and is the answer.
    Keep,
    /// There is nothing to end.
    Nothing,
}

/// Finds out where a write goes, from what stands now. `id` is what its resource carries.
pub(crate) async fn aim(
    context: &Context<'_>,
    interaction: &Interaction,
    id: Option<&Id>,
) -> Result<Aim, Refusal> {
    match interaction {
        Interaction::Create { of, if_none_exist, idempotency_key, .. } => {
            let noted = match idempotency_key {
                Some(key) => Some(unused(context, key).await?),
                None => None,
            };
            let aim = create(context, *of, if_none_exist.as_ref()).await?;
            Ok(match noted {
                Some(name) if aim.deed == Deed::Create => aim.noted(name, context.now),
                _ => aim,
            })
        }
        Interaction::Update { key, when, .. } => {
            let found = current(context, key).await?;
            check_condition(when, key, found.as_ref())?;
            Ok(update(key.clone(), when, found))
        }
        Interaction::ConditionalUpdate { of, criteria, when, .. } => {
            let criterion = Criterion::compile(context, *of, criteria).await?;
            conditional_update(context, &criterion, *of, id, when).await
        }
        Interaction::Patch { key, when, .. } => {
            let found = current(context, key).await?.ok_or_else(|| Refusal::not_found(key))?;
            patch(when, found)
        }
        Interaction::ConditionalPatch { of, criteria, when, .. } => {
            let criterion = Criterion::compile(context, *of, criteria).await?;
            let found = criterion.one(context).await?.ok_or_else(|| Refusal::no_match(*of))?;
            let only = criterion.only_match(context, &found.key);
            Ok(patch(when, found)?.under(only))
        }
        Interaction::Delete { key, when } => {
            let found = current(context, key).await?;
            check_condition(when, key, found.as_ref())?;
            let deed = if is_present(found.as_ref()) { Deed::Delete } else { Deed::Nothing };
            let preconditions = vec![relied_on(when, key, found.as_ref())];
            Ok(Aim { key: key.clone(), preconditions, deed, found, note: None })
        }
        Interaction::ConditionalDelete { of, criteria, when } => {
            conditional_delete(context, *of, criteria, when).await
        }
        _ => Err(Refusal::not_a_write()),
    }
}

impl Aim {
    /// The same under one more precondition, which is looked at first.
    fn under(mut self, precondition: Precondition) -> Aim {
        self.preconditions.insert(0, precondition);
        self
    }

    /// The same, remembered under this name, which must not be taken.
    fn noted(self, name: String, now: Time) -> Aim {
        let expires = Some(Time(now.0.saturating_add(IDEMPOTENCY_KEY_MS * 1000)));
        let note = Note { name: name.clone(), content: self.key.to_string().into(), expires };
        Aim { note: Some(note), ..self.under(Precondition::Unnoted(name)) }
    }
}

/// The name of the note of an idempotency key that was not used before.
async fn unused(context: &Context<'_>, key: &str) -> Result<String, Refusal> {
    let name = format!("idempotency/{key}");
    match context.store.note(&name).await? {
        None => Ok(name),
        Some(note) => {
            let made = String::from_utf8_lossy(&note.content);
            Err(Refusal::duplicate(format!("{}{made}", context.base.as_str())))
        }
    }
}

/// A new resource, unless one matches the criteria.
async fn create(
    context: &Context<'_>,
    of: ResourceType,
    if_none_exist: Option<&Parameters>,
) -> Result<Aim, Refusal> {
    let Some(criteria) = if_none_exist else { return Ok(new(context, of, Deed::Create)) };
    let criterion = Criterion::compile(context, of, criteria).await?;
    match criterion.one(context).await? {
        None => Ok(new(context, of, Deed::Create).under(criterion.no_match(context))),
        Some(found) => Ok(Aim {
            key: found.key.clone(),
            preconditions: vec![criterion.only_match(context, &found.key)],
            deed: Deed::Keep,
            found: Some(found),
            note: None,
        }),
    }
}

/// A resource under an id of our choice.
fn new(context: &Context<'_>, of: ResourceType, deed: Deed) -> Aim {
    let id = Id::parse(&uuid(context.random)).expect("a UUID has the form of an id");
    let key = ResourceKey { of, id };
    Aim { preconditions: vec![Precondition::Absent(key.clone())], key, deed, found: None, note: None }
}

fn update(key: ResourceKey, when: &When, found: Option<Stored>) -> Aim {
    let deed = if is_present(found.as_ref()) { Deed::Update } else { Deed::UpdateAsCreate };
    let preconditions = vec![relied_on(when, &key, found.as_ref())];
    Aim { key, preconditions, deed, found, note: None }
}

/// The next version of what matches; else a resource under the id that is brought, if nothing stands there.
async fn conditional_update(
    context: &Context<'_>,
    criterion: &Criterion,
    of: ResourceType,
    id: Option<&Id>,
    when: &When,
) -> Result<Aim, Refusal> {
    if let Some(found) = criterion.one(context).await? {
        let key = found.key.clone();
        if id.is_some_and(|id| *id != key.id) {
            return Err(Refusal::other_id(&key));
        }
        check_condition(when, &key, Some(&found))?;
        let only = criterion.only_match(context, &key);
        return Ok(update(key, when, Some(found)).under(only));
    }
    let Some(id) = id else {
        let aim = new(context, of, Deed::UpdateAsCreate);
        check_condition(when, &aim.key, None)?;
        return Ok(aim.under(criterion.no_match(context)));
    };
    let key = ResourceKey { of, id: id.clone() };
    let found = current(context, &key).await?;
    if is_present(found.as_ref()) {
        return Err(Refusal::taken_id(&key));
    }
    check_condition(when, &key, found.as_ref())?;
    Ok(update(key, when, found).under(criterion.no_match(context)))
}

fn patch(when: &When, found: Stored) -> Result<Aim, Refusal> {
    let key = found.key.clone();
    check_condition(when, &key, Some(&found))?;
    if found.body.is_none() {
        return Err(Refusal::gone(&key, found.version));
    }
    let preconditions = vec![Precondition::Version(key.clone(), found.version)];
    Ok(Aim { key, preconditions, deed: Deed::Patch, found: Some(found), note: None })
}

/// The end of what matches. Nothing found is an error, but for an id that was deleted before.
async fn conditional_delete(
    context: &Context<'_>,
    of: ResourceType,
    criteria: &Parameters,
    when: &When,
) -> Result<Aim, Refusal> {
    let criterion = Criterion::compile(context, of, criteria).await?;
    if let Some(found) = criterion.one(context).await? {
        let key = found.key.clone();
        check_condition(when, &key, Some(&found))?;
        let preconditions =
            vec![criterion.only_match(context, &key), Precondition::Version(key.clone(), found.version)];
        return Ok(Aim { key, preconditions, deed: Deed::Delete, found: Some(found), note: None });
    }
    let key = id_criterion(of, criteria).ok_or_else(|| Refusal::no_match(of))?;
    let found = current(context, &key).await?.ok_or_else(|| Refusal::no_match(of))?;
    if found.body.is_some() {
        return Err(Refusal::other_facts(&key));
    }
    let preconditions = vec![Precondition::Version(key.clone(), found.version)];
    Ok(Aim { key, preconditions, deed: Deed::Nothing, found: Some(found), note: None })
}

/// The resource that criteria name by its id, alone or with facts about it that its deletion would be wrong
/// without.
fn id_criterion(of: ResourceType, criteria: &Parameters) -> Option<ResourceKey> {
    let mut ids = criteria.iter().filter(|(name, _)| name == "_id").map(|(_, value)| value);
    let id = ids.next().filter(|_| ids.next().is_none()).and_then(|id| Id::parse(id))?;
    let facts = ["_id", "_tag", "createdAt", "_lastUpdated"];
    criteria.iter().all(|(name, _)| facts.contains(&name.as_str())).then_some(ResourceKey { of, id })
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
