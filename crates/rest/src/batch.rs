//! Batch (R4 http, section 3.1.0.11.1): each entry for itself, as if it had come alone.

use std::collections::HashSet;

use fhir::ResourceKey;
use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, StreamExt};

use crate::bundle_entry::{BundleUse, Entry, Posted};
use crate::bundle_response::ResponseWriter;
use crate::interaction::Interaction;
use crate::limits::BATCH_ENTRIES_AT_ONCE_MAX;
use crate::outcome::Refusal;
use crate::reply::Reply;
use crate::{Context, gate};

/// An entry as far as it was understood, with its place.
type Numbered<'a> = (usize, Result<Entry<'a>, Refusal>);

/// What one entry got, and the resource that it is about.
struct Answer {
    number: usize,
    outcome: Result<Reply, Refusal>,
    of: Option<ResourceKey>,
}

/// What an entry looks at or changes.
enum Touched {
    /// Nothing that another entry can know of.
    Nothing,
    /// One resource.
    One(ResourceKey),
    /// What it finds, of which its commit makes sure.
    Unless,
    /// What it finds.
    Any,
}

/// Does every entry as if one after the other, and answers each.
pub(crate) async fn batch(context: &Context<'_>, posted: &Posted) -> Result<Reply, Refusal> {
    let mut writer = ResponseWriter::new(context, BundleUse::Batch);
    for wave in waves(posted.entries(context)?) {
        let mut at_once = FuturesOrdered::new();
        for (number, entry) in wave {
            let entry = entry.and_then(|entry| {
                let is_read = !entry.interaction().is_write();
                let full = || Refusal::too_costly("BUNDLE_CONTENT_BYTES_MAX");
                if is_read && writer.is_full() { Err(full()) } else { Ok(entry) }
            });
            at_once.push_back(one(context, number, entry));
        }
        while let Some(Answer { number, outcome, of }) = at_once.next().await {
            match outcome {
                Ok(reply) => writer.answered(&reply, of.as_ref()),
                Err(refusal) => writer.refused(refusal.of_entry(number)),
            }
        }
    }
    Ok(Reply::resource(writer.finish()))
}

fn one<'a>(
    context: &'a Context<'_>,
    number: usize,
    entry: Result<Entry<'a>, Refusal>,
) -> BoxFuture<'a, Answer> {
    Box::pin(async move {
        match entry {
            Ok(entry) => {
                let of = entry.interaction().key().cloned();
                let outcome = permitted(context, &entry).await;
                let of = outcome.as_ref().ok().and_then(|reply| reply.location.clone()).or(of);
                let located = of.clone().filter(|_| entry.interaction().is_write());
                let outcome = outcome.map(|reply| Reply { location: located, ..reply });
                Answer { number, outcome, of }
            }
            Err(refusal) => Answer { number, outcome: Err(refusal), of: None },
        }
    })
}

async fn permitted(context: &Context<'_>, entry: &Entry<'_>) -> Result<Reply, Refusal> {
    gate::check_permission(context.access, entry.interaction())?;
    entry.answer(context).await
}

/// The entries in runs that may be done at the same time: since none can see what another of its run does, or
/// since each makes sure of what it saw when it commits.
fn waves(entries: Vec<Result<Entry<'_>, Refusal>>) -> Vec<Vec<Numbered<'_>>> {
    let mut waves: Vec<Vec<Numbered<'_>>> = Vec::new();
    let mut last = Wave::Closed;
    for (number, entry) in entries.into_iter().enumerate() {
        let touched = entry.as_ref().map_or(Touched::Nothing, |entry| touched(entry.interaction()));
        let joins = last.takes(touched);
        match waves.last_mut() {
            Some(wave) if joins && wave.len() < BATCH_ENTRIES_AT_ONCE_MAX => wave.push((number, entry)),
            _ => waves.push(vec![(number, entry)]),
        }
    }
    waves
}

/// What may still join a run.
enum Wave {
    /// Nothing.
    Closed,
    /// Writes of other resources than these.
    Writes(HashSet<ResourceKey>),
    /// Conditional creates.
    Unless,
}

impl Wave {
    /// Whether an entry joins the run; otherwise it begins the next.
    fn takes(&mut self, touched: Touched) -> bool {
        match (&mut *self, touched) {
            (Wave::Writes(_), Touched::Nothing) | (Wave::Unless, Touched::Unless) => return true,
            (Wave::Writes(keys), Touched::One(key)) if !keys.contains(&key) => {
                keys.insert(key);
                return true;
            }
            (_, Touched::Nothing) => *self = Wave::Writes(HashSet::new()),
            (_, Touched::One(key)) => *self = Wave::Writes(HashSet::from([key])),
            (_, Touched::Unless) => *self = Wave::Unless,
            (_, Touched::Any) => *self = Wave::Closed,
        }
        false
    }
}

fn touched(interaction: &Interaction) -> Touched {
    match interaction {
        Interaction::Create { if_none_exist: None, .. } => Touched::Nothing,
        Interaction::Create { .. } => Touched::Unless,
        // Answers may be large, so that one is made at a time; they are quick, for they wait for no disk.
        other => match other.key().filter(|_| other.is_write()) {
            Some(key) => Touched::One(key.clone()),
            None => Touched::Any,
        },
    }
}
