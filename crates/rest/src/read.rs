//! Read and vread (R4 http, sections 3.1.0.2 and 3.1.0.3).

use fhir::{ResourceKey, Time};
use store::{History, Stored};

use crate::Context;
use crate::interaction::Unless;
use crate::outcome::Refusal;
use crate::reply::Reply;

/// The current version of a resource, or that the client has it already.
pub(crate) async fn read(context: &Context<'_>, key: ResourceKey, unless: &Unless) -> Result<Reply, Refusal> {
    let stored = current(context, &key).await?.ok_or_else(|| Refusal::not_found(&key))?;
    let reply = show(&stored)?;
    Ok(if unless.holds(stored.version, stored.updated) {
        Reply::empty(304).of_version(stored.version, stored.updated)
    } else {
        reply
    })
}

/// One version of a resource.
pub(crate) async fn version_read(
    context: &Context<'_>,
    key: ResourceKey,
    version: u64,
) -> Result<Reply, Refusal> {
    let asked = History::version(key.clone(), version);
    let versions = context.store.history(&asked, &context.visible).await?.versions;
    let stored = versions.into_iter().find(|stored| stored.version == version);
    show(&stored.ok_or_else(|| Refusal::version_not_found(&key))?)
}

/// What stands under `key` now: a version, a deletion, or nothing that the caller may know of.
pub(crate) async fn current(context: &Context<'_>, key: &ResourceKey) -> Result<Option<Stored>, Refusal> {
    let mut rows = context.store.read(std::slice::from_ref(key), &context.visible).await?;
    Ok(rows.pop().flatten())
}

/// The resource as an answer; a deletion is a refusal.
fn show(stored: &Stored) -> Result<Reply, Refusal> {
    let json = json(stored).ok_or_else(|| Refusal::gone(&stored.key, stored.version))?;
    Ok(Reply::resource(json).of_version(stored.version, stored.updated))
}

/// The resource in JSON with its version and time; `None` for a deletion.
fn json(stored: &Stored) -> Option<Vec<u8>> {
    let body = stored.body.as_ref()?;
    let mut out = Vec::new();
    fhir::emit(&stored.key, body, stored.version, stored.updated, &mut out);
    Some(out)
}

impl Unless {
    /// Whether the client has the version that stands.
    fn holds(&self, version: u64, updated: Time) -> bool {
        let second = |time: Time| time.0.div_euclid(1_000_000);
        self.any
            || self.versions.contains(&version)
            || self.modified_since.is_some_and(|since| second(updated) <= second(since))
    }
}
