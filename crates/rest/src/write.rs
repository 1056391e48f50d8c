//! Writes of one resource in two steps, so that a Bundle can prepare many and commit once: a write is prepared
//! against what stands now, and what it relied on becomes the preconditions of its commit (R4 http, sections
//! 3.1.0.4 to 3.1.0.8).
//!
//! Preparing has steps of its own: what the write brings ([`bring`]), where it goes ([`aim`]), and both together
//! ([`fill`]). Who must know where writes go before their content is complete takes the steps one by one.

use fhir::{Id, Issue, IssueCode, Outcome, ResourceKey, ResourceType, Severity, Time};
use store::{CommitError, Note, Operation, Precondition, Stored, Transaction, Write};

use crate::Context;
use crate::aim::{Aim, Deed};
use crate::intake::{self, Accepted};
use crate::interaction::{Interaction, Returning, is_immutable};
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::outcome::Refusal;
use crate::patch::{self, Changes};
use crate::reply::{Content, Reply};

pub(crate) use crate::aim::aim;

/// A write that only waits for its commit.
pub(crate) struct Prepared {
    /// What is written, deleted, or found and left as it is.
    pub(crate) key: ResourceKey,
    /// What must still hold at the commit.
    pub(crate) preconditions: Vec<Precondition>,
    /// What to do; `None` if there is nothing to do.
    pub(crate) write: Option<Write>,
    /// What to remember of it.
    pub(crate) note: Option<Note>,
    /// The status of the answer.
    status: u16,
    /// What stands already, when nothing is written.
    found: Option<Stored>,
    /// What is wrong with what is written all the same.
    issues: Option<Outcome>,
}

/// What the commit made of one write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    /// The version of the resource.
    pub(crate) version: u64,
    /// When it was written.
    pub(crate) updated: Time,
}

/// What a write brings, checked.
pub(crate) enum Brought {
    /// A deletion brings nothing.
    Nothing,
    /// A valid resource.
    Resource(Accepted),
    /// Changes, well formed.
    Patch(Changes),
}

impl Brought {
    /// The id that the resource carries.
    pub(crate) fn id(&self) -> Option<&Id> {
        match self {
            Brought::Resource(accepted) => accepted.id(),
            Brought::Nothing | Brought::Patch(_) => None,
        }
    }
}

/// Does a write alone: prepares and commits it, and again when another write came between.
pub(crate) async fn write(context: &Context<'_>, interaction: &Interaction) -> Result<Reply, Refusal> {
    let mut key = None;
    for _ in 0..COMMIT_ATTEMPTS_MAX {
        let prepared = prepare(context, interaction).await?;
        let Some(write) = &prepared.write else { return Ok(prepared.reply(context, None)) };
        let note = prepared.note.clone().map(Write::Note);
        let writes = [write.clone()].into_iter().chain(note).collect();
        let transaction = Transaction { preconditions: prepared.preconditions.clone(), writes };
        match context.commit(transaction).await {
            Ok(committed) => {
                let version = committed.versions.first().copied().unwrap_or_default();
                return Ok(prepared.reply(context, Some(Made { version, updated: committed.updated })));
            }
            // HealthLake answers what changed between search and deletion with an error, so that the client
            // looks at what it is about to delete.
            Err(CommitError::Conflict(_)) if matches!(interaction, Interaction::ConditionalDelete { .. }) => {
                return Err(Refusal::changed(&prepared.key));
            }
            Err(CommitError::Conflict(_)) => key = Some(prepared.key),
            Err(CommitError::Failed(error)) => return Err(error.into()),
        }
    }
    Err(Refusal::contended(&key.expect("every attempt had a key")))
}

/// Prepares a write: nothing is stored yet.
pub(crate) async fn prepare(context: &Context<'_>, interaction: &Interaction) -> Result<Prepared, Refusal> {
    let brought = bring(context, interaction)?;
    let aim = aim(context, interaction, brought.id()).await?;
    fill(context, aim, brought)
}

/// Takes what a write brings and checks it, without a look at what stands.
pub(crate) fn bring(context: &Context<'_>, interaction: &Interaction) -> Result<Brought, Refusal> {
    let level = context.preferences.level;
    match interaction {
        Interaction::Create { of, body, .. } => {
            Ok(Brought::Resource(intake::accept(context, *of, body, level)?))
        }
        Interaction::Update { key, body, .. } => {
            check_mutable(key.of)?;
            let accepted = intake::accept(context, key.of, body, level)?;
            accepted.check_id(key)?;
            Ok(Brought::Resource(accepted))
        }
        Interaction::ConditionalUpdate { of, body, .. } => {
            check_mutable(*of)?;
            Ok(Brought::Resource(intake::accept(context, *of, body, level)?))
        }
        Interaction::Patch { key: ResourceKey { of, .. }, patch, .. }
        | Interaction::ConditionalPatch { of, patch, .. } => {
            check_mutable(*of)?;
            Ok(Brought::Patch(patch::parse(patch)?))
        }
        Interaction::Delete { key: ResourceKey { of, .. }, .. }
        | Interaction::ConditionalDelete { of, .. } => {
            check_mutable(*of)?;
            Ok(Brought::Nothing)
        }
        _ => Err(Refusal::not_a_write()),
    }
}

/// Puts what a write brings where it goes.
pub(crate) fn fill(context: &Context<'_>, aim: Aim, brought: Brought) -> Result<Prepared, Refusal> {
    let Aim { key, preconditions, deed, found, note } = aim;
    let accepted = match (brought, &found) {
        (Brought::Resource(accepted), _) => Some(accepted),
        (Brought::Patch(patch), Some(found)) if deed == Deed::Patch => {
            Some(patch::apply(context, &patch, found)?)
        }
        _ => None,
    };
    let put = |operation| match &accepted {
        Some(accepted) => {
            let put = accepted.put(context.base, &context.parameters, key.id.clone(), operation)?;
            Ok(Some(Write::Put(put)))
        }
        None => Err(Refusal::not_a_write()),
    };
    let (status, write) = match deed {
        Deed::Create => (201, put(Operation::Create)?),
        Deed::UpdateAsCreate => (201, put(Operation::Update)?),
        Deed::Update => (200, put(Operation::Update)?),
        Deed::Patch => (200, put(Operation::Patch)?),
        Deed::Delete => (204, Some(Write::Delete(key.clone()))),
        Deed::Keep => (200, None),
        Deed::Nothing => (204, None),
    };
    let issues = accepted.and_then(|accepted| accepted.issues);
    Ok(Prepared { key, preconditions, write, note, status, found, issues })
}

/// Refuses to change what is written once.
fn check_mutable(of: ResourceType) -> Result<(), Refusal> {
    if is_immutable(of) { Err(Refusal::immutable(of)) } else { Ok(()) }
}

impl Prepared {
    /// What the write answers; `made` is what the commit made of it, if it had something to write.
    pub(crate) fn reply(&self, context: &Context<'_>, made: Option<Made>) -> Reply {
        let stands = self.found.as_ref().map(|found| Made { version: found.version, updated: found.updated });
        let Some(Made { version, updated }) = made.or(stands) else { return Reply::empty(self.status) };
        let reply = Reply::empty(self.status).of_version(version, updated);
        let (body, sentence) = match &self.write {
            Some(Write::Put(put)) => (Some(&put.body), format!("Stored as version {version}.")),
            Some(_) => (None, format!("Deleted by version {version}.")),
            None => (
                self.found.as_ref().and_then(|found| found.body.as_ref()),
                format!("Version {version} stays as it is."),
            ),
        };
        match (context.preferences.returning, body) {
            (Returning::Outcome, None) => {
                Reply { status: 200, content: Content::Outcome(information(sentence)), ..reply }
            }
            (_, None) => reply,
            (returning, Some(body)) => {
                let content = match returning {
                    Returning::Minimal => Content::Nothing,
                    Returning::Outcome => Content::Outcome(information(sentence)),
                    Returning::Representation => {
                        let mut out = Vec::new();
                        fhir::emit(&self.key, body, version, updated, &mut out);
                        Content::Resource(out.into())
                    }
                };
                Reply { content, location: Some(self.key.clone()), issues: self.issues.clone(), ..reply }
            }
        }
    }
}

fn information(sentence: String) -> Outcome {
    let issue = Issue::error(IssueCode::Informational, sentence);
    Outcome(vec![Issue { severity: Severity::Information, ..issue }])
}
