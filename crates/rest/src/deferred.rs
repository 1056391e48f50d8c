//! Asynchronous transactions (HealthLake, "Prefer: respond-async"): taken in at once, done later, their answers
//! kept for 90 days.
//!
//! A waiting transaction is two notes of its data store: what was sent, and who sent it how. Its commit removes
//! both and leaves its answer, so that it is done once, whatever stops the server. One record in the catalog says
//! of each data store whether anything waits in it: that is where a started server looks.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use fhir::{Issue, IssueCode, Outcome, Severity, Time, push_json_string};
use store::limits::NOTE_BYTES_MAX;
use store::{Note, Precondition, Transaction, Write, uuid};
use tokio::sync::Notify;

use crate::bundle_entry::{BundleUse, Posted};
use crate::interaction::Returning;
use crate::limits::{TRANSACTION_ANSWER_DAYS, WAITING_TRANSACTIONS_MAX};
use crate::operation::status::StatusCall;
use crate::outcome::Refusal;
use crate::reply::{Content, Reply};
use crate::{Context, transaction, write};

mod mark;
mod worker;

/// The segment of the addresses where answers are asked for.
pub(crate) const ADDRESS: &str = "Transaction";

/// Names of notes.
const WAITING: &str = "transaction/waiting/";
const BODY: &str = "transaction/body/";
const ANSWER: &str = "transaction/answer/";

const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// What all requests and the worker share.
#[derive(Default)]
pub(crate) struct Deferred {
    /// Held while those that wait are counted and another is added.
    submitting: tokio::sync::Mutex<()>,
    changed: Notify,
    running: Mutex<HashSet<String>>,
}

/// The notes of one asynchronous transaction.
pub(crate) struct Kept {
    id: String,
}

impl Kept {
    fn name(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.id)
    }

    /// That no answer was left yet: it is done once.
    pub(crate) fn precondition(&self) -> Precondition {
        Precondition::Unnoted(self.name(ANSWER))
    }

    /// The end of waiting, with an answer.
    pub(crate) fn writes(&self, now: Time, status: u16, json: &[u8]) -> Vec<Write> {
        let forget = [WAITING, BODY].map(|prefix| Write::Forget(self.name(prefix)));
        let mut writes = vec![self.answer(now, status, json)];
        writes.extend(forget);
        writes
    }

    /// The answer: its status, a line feed, and its resource.
    fn answer(&self, now: Time, status: u16, json: &[u8]) -> Write {
        let mut content = format!("{status}\n").into_bytes();
        content.extend_from_slice(json);
        let expires = Time(now.0 + TRANSACTION_ANSWER_DAYS * DAY_MICROS);
        Write::Note(Note { name: self.name(ANSWER), content: content.into(), expires: Some(expires) })
    }
}

/// Who sent a waiting transaction, and how.
struct Sender {
    access: String,
    returning: Option<Returning>,
    /// The headers that mean every entry.
    headers: Vec<(String, String)>,
}

/// Takes a transaction in, as far as can be told without a look at what is stored.
pub(crate) async fn submit(
    context: &Context<'_>,
    body: Bytes,
    returning: Option<Returning>,
) -> Result<Reply, Refusal> {
    if body.len() > NOTE_BYTES_MAX {
        return Err(Refusal::body_too_large(NOTE_BYTES_MAX));
    }
    let (posted, used) = Posted::parse(body.clone())?;
    if used != BundleUse::Transaction {
        let sentence = "Only Bundles of type transaction are processed asynchronously.";
        return Err(Refusal::misfit("Bundle.type".to_owned(), sentence));
    }
    check(context, &posted)?;
    let kept = Kept { id: uuid(context.random) };
    let sender = Sender {
        access: context.access.to_kept(),
        returning,
        headers: crate::negotiate::to_kept(context.entry_headers),
    };
    let note = |prefix, content| Write::Note(Note { name: kept.name(prefix), content, expires: None });
    let writes = vec![note(BODY, body), note(WAITING, sender.to_json().into())];
    {
        let _turn = context.deferred.submitting.lock().await;
        if context.store.notes(WAITING, None, WAITING_TRANSACTIONS_MAX).await?.len()
            >= WAITING_TRANSACTIONS_MAX
        {
            return Err(Refusal::throttled(format!(
                "{WAITING_TRANSACTIONS_MAX} transactions wait already; try again later."
            )));
        }
        let transaction = Transaction { preconditions: Vec::new(), writes };
        context.store.commit(transaction).await.map_err(Refusal::from_commit)?;
    }
    mark::set(context.catalog, &context.record.id, context.now).await?;
    context.deferred.changed.notify_one();
    Ok(accepted(context, &kept.id))
}

/// Refuses what cannot succeed, whatever is stored.
fn check(context: &Context<'_>, posted: &Posted) -> Result<(), Refusal> {
    let entries = transaction::understood(context, posted)?;
    let checked = entries.iter().filter(|entry| entry.interaction().is_write()).map(|entry| {
        let brought = write::bring(context, entry.interaction());
        brought.map(drop).map_err(|refusal| refusal.of_entry(entry.number))
    });
    transaction::all_or_refusal(checked.collect()).map(drop)
}

fn accepted(context: &Context<'_>, id: &str) -> Reply {
    let address = format!("{}{ADDRESS}/{id}", context.base.as_str());
    let issue = Issue::error(IssueCode::Informational, "Submitted Asynchronous Bundle Transaction");
    let issue = Issue { severity: Severity::Information, ..issue }.at(address.clone());
    let mut reply = Reply::empty(202);
    reply.content = Content::Outcome(Outcome(vec![issue]));
    reply.headers.push(("content-location", address));
    reply
}

/// How an asynchronous transaction stands, or its answer.
pub(crate) async fn status(context: &Context<'_>, call: StatusCall) -> Result<Reply, Refusal> {
    let unknown =
        || Refusal::no_such_address("There is no such transaction, or its answer is no longer kept.");
    let [id] = call.below.as_slice() else { return Err(unknown()) };
    let is_id = id.len() == 36 && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    let kept = Kept { id: Some(id.clone()).filter(|_| is_id).ok_or_else(unknown)? };
    // Waiting is looked at first: what stops waiting in between has its answer already.
    let waiting = context.store.note(&kept.name(WAITING)).await?;
    if let Some(answer) = context.store.note(&kept.name(ANSWER)).await? {
        return answered(&answer.content).ok_or_else(unknown);
    }
    waiting.ok_or_else(unknown)?;
    let running = context.deferred.running.lock().unwrap_or_else(PoisonError::into_inner).contains(id);
    Ok(progress(id, if running { "IN_PROGRESS" } else { "SUBMITTED" }))
}

fn answered(content: &Bytes) -> Option<Reply> {
    let line = content.iter().position(|byte| *byte == b'\n')?;
    let status = std::str::from_utf8(&content[..line]).ok()?.parse().ok()?;
    let mut reply = Reply::resource(content.slice(line + 1..));
    reply.status = status;
    Some(reply)
}

fn progress(id: &str, word: &str) -> Reply {
    let mut json = b"{\"resourceType\":\"OperationOutcome\",\"id\":".to_vec();
    push_json_string(&mut json, id);
    json.extend_from_slice(
        b",\"issue\":[{\"severity\":\"information\",\"code\":\"informational\",\"diagnostics\":",
    );
    push_json_string(&mut json, word);
    json.extend_from_slice(b"}]}");
    let mut reply = Reply::resource(json);
    reply.status = 202;
    reply
}

impl Sender {
    fn to_json(&self) -> Vec<u8> {
        let returning = self.returning.map(Returning::code);
        let json = serde_json::json!({
            "access": self.access, "returning": returning, "headers": self.headers
        });
        json.to_string().into_bytes()
    }

    fn of_json(bytes: &[u8]) -> Option<Sender> {
        let json: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        let pair = |pair: &serde_json::Value| {
            Some((pair.get(0)?.as_str()?.to_owned(), pair.get(1)?.as_str()?.to_owned()))
        };
        Some(Sender {
            access: json.get("access")?.as_str()?.to_owned(),
            returning: json.get("returning")?.as_str().and_then(Returning::of_code),
            headers: json.get("headers")?.as_array()?.iter().map(pair).collect::<Option<_>>()?,
        })
    }
}
