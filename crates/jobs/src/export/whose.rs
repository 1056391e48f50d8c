//! Whose resources an export holds: the members of a Group, with those of Groups in it.

use std::collections::BTreeSet;

use fhir::{Id, Reference, ResourceKey, ResourceType, Time};
use search::Visible;
use serde::Deserialize;
use store::{Export, ExportLevel, History, Store, StoreError};

use super::plan::Whose;

/// Groups that one Group may hold, in any depth, itself included.
pub const GROUPS_MAX: usize = 1_000;
/// Patients of a Group.
pub const MEMBERS_MAX: usize = 1_000_000;

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    member: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    entity: Option<Entity>,
    #[serde(default)]
    inactive: bool,
}

#[derive(Deserialize)]
struct Entity {
    reference: Option<String>,
}

/// Whose resources the export holds, as of `until`.
///
/// # Errors
/// Those of the store, and `GROUPS_MAX` or `MEMBERS_MAX` when a Group is larger.
pub(crate) async fn whose(
    export: Option<&Export>,
    store: &dyn Store,
    visible: &Visible,
    base: &str,
    until: Time,
) -> Result<Whose, StoreError> {
    let Some(export) = export else { return Ok(Whose::All) };
    let chosen: BTreeSet<Id> = export.asked.patient_ids().into_iter().collect();
    Ok(match &export.level {
        ExportLevel::System => Whose::All,
        ExportLevel::Patients if chosen.is_empty() => Whose::Patients,
        ExportLevel::Patients => Whose::These(chosen),
        ExportLevel::Group(group) => {
            let members = members(store, visible, group, base, Some(until)).await?.unwrap_or_default();
            Whose::These(match chosen.is_empty() {
                true => members,
                false => members.intersection(&chosen).cloned().collect(),
            })
        }
    })
}

/// The patients who are active members of a Group, or of a Group that is one: as of a time, or now. `None` if
/// there is no such Group.
///
/// # Errors
/// Those of the store, and `GROUPS_MAX` or `MEMBERS_MAX` when there are more.
pub async fn members(
    store: &dyn Store,
    visible: &Visible,
    group: &str,
    base: &str,
    until: Option<Time>,
) -> Result<Option<BTreeSet<Id>>, StoreError> {
    let of = ResourceType::parse("Group").expect("R4 has groups");
    let Some(id) = Id::parse(group) else { return Ok(None) };
    let (mut patients, mut seen) = (BTreeSet::new(), BTreeSet::from([id.clone()]));
    let mut left = vec![id];
    while let Some(id) = left.pop() {
        let is_first = seen.len() == 1 && id.as_str() == group;
        let mut history = History::of_instance(ResourceKey { of, id }, 1);
        history.until = until;
        let found = store.history(&history, visible).await?.versions.pop();
        let body = match found.and_then(|found| found.body) {
            Some(body) => body,
            None if is_first => return Ok(None),
            None => continue,
        };
        for key in active(&body, base) {
            match key.of.name() {
                "Patient" => drop(patients.insert(key.id)),
                "Group" if seen.insert(key.id.clone()) => left.push(key.id),
                _ => {}
            }
        }
        if seen.len() > GROUPS_MAX {
            return Err(StoreError::Limit("GROUPS_MAX"));
        }
        if patients.len() > MEMBERS_MAX {
            return Err(StoreError::Limit("MEMBERS_MAX"));
        }
    }
    Ok(Some(patients))
}

/// What the active members of a Group refer to in this data store.
fn active(body: &[u8], base: &str) -> Vec<ResourceKey> {
    let Ok(group) = serde_json::from_slice::<Group>(body) else { return Vec::new() };
    let members = group.member.into_iter().filter(|member| !member.inactive);
    let references = members.filter_map(|member| member.entity?.reference);
    references.filter_map(|reference| key(&reference, base)).collect()
}

fn key(reference: &str, base: &str) -> Option<ResourceKey> {
    match Reference::parse(reference) {
        Reference::Absolute { base: found, .. } if found != base.trim_end_matches('/') => None,
        found => found.key(),
    }
}
