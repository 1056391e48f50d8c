//! Transaction (R4 http, section 3.1.0.11.2): all entries or none, in one commit.
//!
//! First every write is aimed, so that it is known under which id each resource will stand; then the links are
//! replaced, the content is checked and indexed, and all is committed under the preconditions that the aims
//! relied on. When another write came between, all is looked at again.

use std::collections::HashMap;

use fhir::ResourceKey;
use store::{CommitError, Committed, Precondition, Transaction, Write};

use crate::aim::{Aim, Deed};
use crate::bundle_entry::{BundleUse, Entry, Posted};
use crate::bundle_response::ResponseWriter;
use crate::deferred::Kept;
use crate::interaction::Interaction;
use crate::limits::{ENTRIES_AT_A_STRETCH_MAX, TRANSACTION_ATTEMPTS_MAX};
use crate::outcome::Refusal;
use crate::reply::{self, Reply};
use crate::write::{Made, Prepared, aim, bring, fill};
use crate::{Context, gate};

mod identity;
mod relink;

/// What an entry got, and the resource that it is about.
type Answered = (Result<Reply, Refusal>, Option<ResourceKey>);

/// A write of an entry, and where it goes.
pub(crate) struct Aimed<'e> {
    pub(crate) entry: &'e Entry<'e>,
    pub(crate) aim: Aim,
}

/// Everything that a transaction writes, ready to commit.
struct Ready {
    /// The writes with the numbers of their entries, in the order of processing.
    prepared: Vec<(usize, Prepared)>,
    /// What the commit relies on, each with the number of the entry that relies on it.
    preconditions: Vec<(usize, Precondition)>,
    /// The versions that the writes make, if nothing comes between.
    next_versions: Vec<u64>,
    /// What is left for reads.
    content: Content,
}

/// What a transaction may still read and write.
struct Content {
    bytes_left: usize,
}

/// Does every entry, or none; with `kept`, together with the end of its waiting.
pub(crate) async fn transaction(
    context: &Context<'_>,
    posted: &Posted,
    kept: Option<&Kept>,
) -> Result<Reply, Refusal> {
    let entries = understood(context, posted)?;
    let (writes, reads): (Vec<&Entry<'_>>, Vec<&Entry<'_>>) =
        entries.iter().partition(|entry| entry.interaction().is_write());
    let writes = in_order(writes);
    let mut last = 0;
    for _ in 0..TRANSACTION_ATTEMPTS_MAX {
        let mut ready = prepare(context, &writes, kept.is_some()).await?;
        check_reads(context, &reads, &mut ready).await?;
        let notes = kept.map(|kept| notes(context, &ready, &reads, kept));
        match commit(context, &ready, notes).await? {
            Ok(committed) => {
                let mut answers = written(context, &ready, committed);
                for entry in reads {
                    answers.insert(entry.number, read(context, entry).await);
                }
                return Ok(response(context, answers));
            }
            Err(entry) => last = entry,
        }
    }
    Err(Refusal::entry_contended().of_entry(last))
}

/// The entries, if each is understood, permitted, and may be part of a transaction.
pub(crate) fn understood<'p>(context: &Context<'_>, posted: &'p Posted) -> Result<Vec<Entry<'p>>, Refusal> {
    let entries = all_or_refusal(posted.entries(context)?)?;
    for entry in &entries {
        let permitted = gate::check_permission(context.access, entry.interaction());
        let allowed = permitted.and_then(|()| check_can_be_undone(entry.interaction()));
        allowed.map_err(|refusal| refusal.of_entry(entry.number))?;
    }
    identity::check_full_urls(&entries)?;
    Ok(entries)
}

/// What the commit leaves of a transaction that waited: the answer as it will be, so that it is there whatever
/// stops the server then. What is read is not known before.
fn notes(
    context: &Context<'_>,
    ready: &Ready,
    reads: &[&Entry<'_>],
    kept: &Kept,
) -> (Precondition, Vec<Write>) {
    let versions = ready.next_versions.clone();
    let committed = Committed { sequence: 0, updated: context.now, versions };
    let mut answers = written(context, ready, committed);
    answers.extend(reads.iter().map(|entry| (entry.number, (Err(Refusal::not_read()), None))));
    let writes = match response(context, answers).content {
        reply::Content::Resource(json) => kept.writes(context.now, 200, &json),
        _ => Vec::new(),
    };
    (kept.precondition(), writes)
}

/// Refuses what a refused transaction could not take back.
fn check_can_be_undone(interaction: &Interaction) -> Result<(), Refusal> {
    match interaction {
        Interaction::Operation(call) if call.may_write() => Err(Refusal::not_supported(
            "An operation that changes the data store is no part of a transaction.",
        )),
        Interaction::Status(_) => {
            Err(Refusal::not_supported("What a job left behind is no part of a transaction."))
        }
        _ => Ok(()),
    }
}

/// The writes in the standard's order of processing: DELETE, POST, PUT and PATCH; each as listed.
fn in_order<'e>(mut writes: Vec<&'e Entry<'e>>) -> Vec<&'e Entry<'e>> {
    writes.sort_by_key(|entry| entry.verb());
    writes
}

/// All that succeeded, or one refusal that holds the issues of all that did not.
pub(crate) fn all_or_refusal<T>(outcomes: Vec<Result<T, Refusal>>) -> Result<Vec<T>, Refusal> {
    let mut all = Vec::with_capacity(outcomes.len());
    let mut refused: Option<Refusal> = None;
    for outcome in outcomes {
        match (outcome, &mut refused) {
            (Ok(one), _) => all.push(one),
            (Err(refusal), None) => refused = Some(refusal),
            (Err(refusal), Some(first)) => first.also(refusal),
        }
    }
    refused.map_or(Ok(all), Err)
}

/// Prepares every write against what stands now. If it must be `foreseen` which versions the writes make, they
/// rely on the versions that stand.
async fn prepare(context: &Context<'_>, writes: &[&Entry<'_>], foreseen: bool) -> Result<Ready, Refusal> {
    let mut content = Content { bytes_left: context.limits.bundle_content_bytes };
    let mut aims = Vec::with_capacity(writes.len());
    for (at, entry) in writes.iter().enumerate() {
        let id = entry.id();
        let aim = aim(context, entry.interaction(), id.as_ref()).await;
        content
            .take(aim.as_ref().map_or(0, bytes_found))
            .map_err(|refusal| refusal.of_entry(entry.number))?;
        aims.push(aim.map(|aim| Aimed { entry, aim }).map_err(|refusal| refusal.of_entry(entry.number)));
        breathe(at).await;
    }
    let aims = all_or_refusal(aims)?;
    identity::check_keys(&aims)?;
    let mut relinked = relink::relink(context, &aims).await?;
    let mut preconditions = std::mem::take(&mut relinked.preconditions);
    if foreseen {
        let standing = |aimed: &Aimed<'_>| Some((aimed.entry.number, aimed.at_version()?));
        preconditions.extend(aims.iter().filter_map(standing));
    }
    let next_versions = aims.iter().filter(|aimed| aimed.writes()).map(Aimed::next_version).collect();
    let mut filled = Vec::with_capacity(aims.len());
    for (at, (Aimed { entry, aim }, interaction)) in aims.into_iter().zip(relinked.interactions).enumerate() {
        let number = entry.number;
        let prepared = bring(context, &interaction).and_then(|brought| fill(context, aim, brought));
        let bytes = prepared.as_ref().map_or(0, bytes_written);
        content.take(bytes).map_err(|refusal| refusal.of_entry(number))?;
        filled.push(prepared.map(|prepared| (number, prepared)).map_err(|refusal| refusal.of_entry(number)));
        breathe(at).await;
    }
    let prepared = all_or_refusal(filled)?;
    identity::check_criteria(&prepared)?;
    let relied_on = prepared
        .iter()
        .flat_map(|(number, prepared)| prepared.preconditions.iter().map(|one| (*number, one.clone())));
    preconditions.extend(relied_on);
    Ok(Ready { prepared, preconditions, next_versions, content })
}

/// Commits; else the number of an entry whose precondition did not hold any more.
async fn commit(
    context: &Context<'_>,
    ready: &Ready,
    notes: Option<(Precondition, Vec<Write>)>,
) -> Result<Result<Committed, usize>, Refusal> {
    let mut transaction = Transaction {
        preconditions: ready.preconditions.iter().map(|(_, precondition)| precondition.clone()).collect(),
        writes: ready.prepared.iter().filter_map(|(_, prepared)| prepared.write.clone()).collect(),
    };
    if let Some((precondition, writes)) = notes {
        transaction.preconditions.push(precondition);
        transaction.writes.extend(writes);
    }
    match context.commit(transaction).await {
        Ok(committed) => Ok(Ok(committed)),
        Err(CommitError::Conflict(at)) => Ok(Err(ready.preconditions.get(at).map_or(0, |(entry, _)| *entry))),
        Err(CommitError::Failed(error)) => Err(error.into()),
    }
}

/// What each write answers, by the number of its entry.
fn written(context: &Context<'_>, ready: &Ready, committed: Committed) -> HashMap<usize, Answered> {
    let mut versions = committed.versions.into_iter();
    let answer = |(number, prepared): &(usize, Prepared)| {
        let updated = committed.updated;
        let made =
            prepared.write.as_ref().and_then(|_| versions.next()).map(|version| Made { version, updated });
        let reply = prepared.reply(context, made);
        let reply = Reply { location: Some(prepared.key.clone()), ..reply };
        (*number, (Ok(reply), Some(prepared.key.clone())))
    };
    ready.prepared.iter().map(answer).collect()
}

/// Refuses the whole when a read cannot succeed. What the transaction itself writes will be there.
async fn check_reads(context: &Context<'_>, reads: &[&Entry<'_>], ready: &mut Ready) -> Result<(), Refusal> {
    for entry in reads {
        let is_written = |key: &ResourceKey| ready.prepared.iter().any(|(_, prepared)| prepared.key == *key);
        if !entry.interaction().key().is_some_and(is_written) {
            let (answer, _) = read(context, entry).await;
            let taken = answer.and_then(|reply| ready.content.take(bytes_read(&reply)));
            taken.map_err(|refusal| refusal.of_entry(entry.number))?;
        }
    }
    Ok(())
}

async fn read(context: &Context<'_>, entry: &Entry<'_>) -> Answered {
    (entry.answer(context).await, entry.interaction().key().cloned())
}

/// The response Bundle, in the order of the entries.
fn response(context: &Context<'_>, answers: HashMap<usize, Answered>) -> Reply {
    let mut answers: Vec<_> = answers.into_iter().collect();
    answers.sort_unstable_by_key(|(number, _)| *number);
    let mut writer = ResponseWriter::new(context, BundleUse::Transaction);
    for (number, (answer, of)) in answers {
        match answer {
            Ok(reply) => writer.answered(&reply, of.as_ref()),
            Err(refusal) => writer.refused(refusal.of_entry(number)),
        }
    }
    Reply::resource(writer.finish())
}

impl Content {
    fn take(&mut self, bytes: usize) -> Result<(), Refusal> {
        let left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = left.ok_or_else(|| Refusal::too_costly("BUNDLE_CONTENT_BYTES_MAX"))?;
        Ok(())
    }
}

fn bytes_found(aim: &Aim) -> usize {
    aim.found.as_ref().and_then(|found| found.body.as_ref()).map_or(0, |body| body.len())
}

fn bytes_written(prepared: &Prepared) -> usize {
    match &prepared.write {
        Some(Write::Put(put)) => put.body.len(),
        _ => 0,
    }
}

fn bytes_read(reply: &Reply) -> usize {
    match &reply.content {
        reply::Content::Resource(json) => json.len(),
        _ => 0,
    }
}

impl Aimed<'_> {
    /// The version that the resource will have, if nothing comes between.
    fn next_version(&self) -> u64 {
        let stands = self.aim.found.as_ref().map_or(0, |found| found.version);
        if self.writes() { stands + 1 } else { stands }
    }

    fn writes(&self) -> bool {
        !matches!(self.aim.deed, Deed::Keep | Deed::Nothing)
    }

    /// That nothing comes between.
    fn at_version(&self) -> Option<Precondition> {
        let found = self.aim.found.as_ref()?;
        Some(Precondition::Version(self.aim.key.clone(), found.version))
    }
}

/// Lets others run now and then: a large Bundle is much work for one task.
async fn breathe(at: usize) {
    let mut is_first = at % ENTRIES_AT_A_STRETCH_MAX == ENTRIES_AT_A_STRETCH_MAX - 1;
    std::future::poll_fn(move |task| {
        if !std::mem::take(&mut is_first) {
            return std::task::Poll::Ready(());
        }
        task.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
