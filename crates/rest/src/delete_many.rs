//! Conditional delete of many, a page at a time (HealthLake, conditional delete with `_count`): each resource on
//! its own, and an answer that tells of each.

use fhir::{Issue, IssueCode, Outcome, ResourceKey, ResourceType, push_json_string};
use search::Position;
use store::{CommitError, Precondition, Stored, Transaction, Write};

use crate::Context;
use crate::criterion::Criterion;
use crate::interaction::{Parameters, is_immutable};
use crate::outcome::Refusal;
use crate::page_token::Page;
use crate::reply::Reply;
use crate::route::value;

/// Deletes the first `count` resources that match, or those that come after the place of a page token. Always an
/// answer of 200 that tells what became of each; its `next` link is to be followed by DELETE.
pub(crate) async fn delete_many(
    context: &Context<'_>,
    of: ResourceType,
    criteria: Parameters,
    count: usize,
) -> Result<Reply, Refusal> {
    if is_immutable(of) {
        return Err(Refusal::immutable(of));
    }
    let limit = context.limits.page_matches.get();
    if !(1..=limit).contains(&count) {
        return Err(Refusal::value(format!("_count must be from 1 to {limit}.")));
    }
    let (criteria, after) = continued(context, of, criteria, count)?;
    let criterion = Criterion::compile(context, of, &criteria).await?;
    let found = criterion.page(context, count, after).await?;
    let mut bundle = b"{\"resourceType\":\"Bundle\",\"type\":\"batch-response\"".to_vec();
    if let Some(position) = found.next {
        let page = Page { count, parameters: criteria, position, shown: None };
        bundle.extend_from_slice(b",\"link\":[{\"relation\":\"next\",\"url\":");
        push_json_string(&mut bundle, &context.page_link(of.name(), &address(of), &page)?);
        bundle.extend_from_slice(b"}]");
    }
    for (at, stored) in found.matches.iter().enumerate() {
        bundle.extend_from_slice(if at == 0 { b",\"entry\":[" } else { b"," });
        let outcome = delete_one(context, stored).await?;
        push_entry(&stored.key, outcome.as_ref(), &mut bundle);
    }
    bundle.extend_from_slice(if found.matches.is_empty() { b"}" } else { b"]}" });
    Ok(Reply::resource(bundle))
}

/// Deletes what was found, unless it changed since: then the outcome says so.
async fn delete_one(context: &Context<'_>, found: &Stored) -> Result<Option<Outcome>, Refusal> {
    let key = found.key.clone();
    let transaction = Transaction {
        preconditions: vec![Precondition::Version(key.clone(), found.version)],
        writes: vec![Write::Delete(key)],
    };
    match context.commit(transaction).await {
        Ok(_) => Ok(None),
        Err(CommitError::Conflict(_)) => {
            let sentence = "The resource was modified by another operation; try again.";
            Ok(Some(Issue::error(IssueCode::Exception, sentence).into()))
        }
        Err(CommitError::Failed(error)) => Err(error.into()),
    }
}

fn push_entry(key: &ResourceKey, outcome: Option<&Outcome>, out: &mut Vec<u8>) {
    let status = if outcome.is_some() { "412" } else { "204" };
    let text = format!("{{\"response\":{{\"status\":\"{status}\",\"location\":\"{key}\"");
    out.extend_from_slice(text.as_bytes());
    if let Some(outcome) = outcome {
        out.extend_from_slice(b",\"outcome\":");
        out.extend_from_slice(&outcome.to_json());
    }
    out.extend_from_slice(b"}}");
}

/// What a request asks for: its own criteria, or those of its page token and the place after which to go on.
fn continued(
    context: &Context<'_>,
    of: ResourceType,
    criteria: Parameters,
    count: usize,
) -> Result<(Parameters, Option<Position>), Refusal> {
    let Some(token) = value(&criteria, "page") else { return Ok((criteria, None)) };
    let page = context.open_page(&address(of), token).filter(|page| page.count == count);
    let page = page.filter(|_| criteria.len() == 1).ok_or_else(Refusal::page_token)?;
    Ok((page.parameters, Some(page.position)))
}

/// What the tokens of these pages are bound to: a token of a search must not delete.
fn address(of: ResourceType) -> String {
    format!("{of}?delete")
}
