//! `Composition/{id}/$document`: a Composition and all that it refers to, as one Bundle (R4 composition,
//! section 9.9.5.1).

use std::collections::BTreeSet;

use bytes::Bytes;
use fhir::{Document, Id, Reference, ResourceKey, ResourceType, push_json_string};
use store::{CommitError, Operation, Stored, Transaction, Write, uuid};

use super::OperationCall;
use super::input::{Input, links};
use crate::Context;
use crate::intake;
use crate::limits::{DOCUMENT_BYTES_MAX, DOCUMENT_RESOURCES_MAX};
use crate::outcome::Refusal;
use crate::read::current;
use crate::reply::Reply;

/// Puts the document together, and keeps it if asked to.
pub(crate) async fn document(context: &Context<'_>, call: OperationCall) -> Result<Reply, Refusal> {
    let input = Input::of(&call)?;
    input.check(&["persist"], false)?;
    let key = call.instance().ok_or_else(|| Refusal::not_supported("$document takes a Composition."))?;
    let first = current(context, key).await?.ok_or_else(|| Refusal::not_found(key))?;
    if first.body.is_none() {
        return Err(Refusal::gone(key, first.version));
    }
    let rows = gather(context, first).await?;
    let id = Id::parse(&uuid(context.random)).expect("a UUID has the form of an id");
    let bundle: Bytes = write(context, &id, &rows).into();
    if bundle.len() > DOCUMENT_BYTES_MAX {
        return Err(Refusal::too_costly("DOCUMENT_BYTES_MAX"));
    }
    let accepted = intake::made(&bundle)?;
    if input.boolean("persist")? != Some(true) {
        return Ok(Reply::resource(bundle));
    }
    let put = accepted.put(context.base, &context.parameters, id.clone(), Operation::Create)?;
    let key = ResourceKey { of: bundle_type(), id };
    let body = put.body.clone();
    let transaction = Transaction { preconditions: Vec::new(), writes: vec![Write::Put(put)] };
    let committed = context.commit(transaction).await.map_err(|error| match error {
        CommitError::Conflict(_) => Refusal::contended(&key),
        CommitError::Failed(error) => error.into(),
    })?;
    let version = committed.versions.first().copied().unwrap_or(1);
    let mut json = Vec::new();
    fhir::emit(&key, &body, version, committed.updated, &mut json);
    Ok(Reply::resource(json).of_version(version, committed.updated))
}

fn bundle_type() -> ResourceType {
    ResourceType::parse("Bundle").expect("Bundle is a resource type")
}

/// The resource, then what it refers to, then what those refer to, each once; what is deleted or not visible
/// is left out.
async fn gather(context: &Context<'_>, first: Stored) -> Result<Vec<Stored>, Refusal> {
    let mut known = BTreeSet::from([first.key.clone()]);
    let mut rows = vec![first];
    let mut done = 0;
    let mut bytes = 0;
    while done < rows.len() {
        let mut next = Vec::new();
        for row in &rows[done..] {
            bytes += row.body_bytes();
            for key in targets(context, row)? {
                if known.insert(key.clone()) {
                    next.push(key);
                }
            }
        }
        if known.len() > DOCUMENT_RESOURCES_MAX {
            return Err(Refusal::too_costly("DOCUMENT_RESOURCES_MAX"));
        }
        if bytes > DOCUMENT_BYTES_MAX {
            return Err(Refusal::too_costly("DOCUMENT_BYTES_MAX"));
        }
        done = rows.len();
        let found = context.store.read(&next, &context.visible).await?;
        rows.extend(found.into_iter().flatten().filter(|row| row.body.is_some()));
    }
    Ok(rows)
}

/// The resources of this data store that a resource refers to, in any version.
fn targets(context: &Context<'_>, row: &Stored) -> Result<Vec<ResourceKey>, Refusal> {
    let Some(body) = &row.body else { return Ok(Vec::new()) };
    let document = Document::parse_slice(body).map_err(|_| Refusal::unreadable_stored(&row.key))?;
    let own = context.base.as_str().trim_end_matches('/');
    let key = |text: &str| match Reference::parse(text) {
        found @ Reference::Relative { version: None, .. } => found.key(),
        found @ Reference::Absolute { base, version: None, .. } if base == own => found.key(),
        _ => None,
    };
    let links = links(&document).into_iter().filter(|link| link.is_reference);
    Ok(links.filter_map(|link| key(&link.text)).collect())
}

fn write(context: &Context<'_>, id: &Id, rows: &[Stored]) -> Vec<u8> {
    let mut out = format!(
        "{{\"resourceType\":\"Bundle\",\"id\":\"{}\",\"identifier\":{{\"system\":\"urn:ietf:rfc:3986\",\
         \"value\":\"urn:uuid:{}\"}},\"type\":\"document\",\"timestamp\":\"{}\",\"entry\":[",
        id.as_str(),
        uuid(context.random),
        context.now.to_instant()
    )
    .into_bytes();
    for (at, row) in rows.iter().enumerate() {
        let Some(body) = &row.body else { continue };
        out.extend_from_slice(if at == 0 { b"{\"fullUrl\":" } else { b",{\"fullUrl\":" });
        push_json_string(&mut out, &format!("{}{}", context.base.as_str(), row.key));
        out.extend_from_slice(b",\"resource\":");
        fhir::emit(&row.key, body, row.version, row.updated, &mut out);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}
