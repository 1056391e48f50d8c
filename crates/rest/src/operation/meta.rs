//! `$meta`, `$meta-add` and `$meta-delete` (R4 resource operations): the profiles, tags and security labels of
//! resources, and which of them are in use.

use std::collections::BTreeMap;

use fhir::{Document, Json, Kind, ResourceKey, ResourceType};
use search::{Filter, Search};
use store::{History, StoreError, Stored};

use super::input::Input;
use super::{OperationCall, OperationLevel};
use crate::Context;
use crate::interaction::{Interaction, Patch, When, is_storable};
use crate::limits::{COMMIT_ATTEMPTS_MAX, META_RESOURCES_MAX};
use crate::outcome::Refusal;
use crate::read::current;
use crate::reply::Reply;
use crate::write;

/// How many resources are looked at in one go.
const LOOKED_AT: usize = 1000;
/// The lists of a meta that these operations are about, with the search parameters that know their values.
const LISTS: [(&str, &str); 3] = [("profile", "_profile"), ("security", "_security"), ("tag", "_tag")];

/// The meta of a resource or of a version of one; of a type or the data store all values that are in use.
pub(crate) async fn meta(context: &Context<'_>, call: OperationCall) -> Result<Reply, Refusal> {
    Input::of(&call)?.check(&[], false)?;
    let meta = match &call.at {
        OperationLevel::System => in_use(context, ResourceType::all().filter(|of| is_storable(*of))).await?,
        OperationLevel::Type(of) => in_use(context, [*of]).await?,
        OperationLevel::Instance(key) => {
            shown(&current(context, key).await?.ok_or_else(|| Refusal::not_found(key))?)?
        }
        OperationLevel::Version(key, version) => {
            let asked = History::version(key.clone(), *version);
            let mut found = context.store.history(&asked, &context.visible).await?.versions;
            shown(&found.pop().ok_or_else(|| Refusal::version_not_found(key))?)?
        }
    };
    Ok(answer(&meta))
}

/// Adds what the resource does not have yet, as its next version.
pub(crate) async fn add(context: &Context<'_>, call: OperationCall) -> Result<Reply, Refusal> {
    change(context, call, |own, asked| {
        let new = asked.into_iter().filter(|item| !own.iter().any(|own| same(own, item)));
        [own.clone(), new.collect()].concat()
    })
    .await
}

/// Takes away what the resource has of it, as its next version.
pub(crate) async fn delete(context: &Context<'_>, call: OperationCall) -> Result<Reply, Refusal> {
    change(context, call, |own, asked| {
        own.iter().filter(|own| !asked.iter().any(|item| same(own, item))).cloned().collect()
    })
    .await
}

/// One item of a list: what it is told by, and its text.
#[derive(Clone)]
struct Item {
    identity: (String, String),
    text: Vec<u8>,
}

fn same(one: &Item, other: &Item) -> bool {
    one.identity == other.identity
}

/// Changes the lists of a resource by a patch of the version that was looked at; again if another came between.
async fn change(
    context: &Context<'_>,
    call: OperationCall,
    changed: impl Fn(&Vec<Item>, Vec<Item>) -> Vec<Item>,
) -> Result<Reply, Refusal> {
    let input = Input::of(&call)?;
    input.check(&["meta"], false)?;
    let asked = input.object("meta", "valueMeta")?.ok_or_else(|| {
        Refusal::invalid("This operation takes a Parameters resource with the parameter meta, a valueMeta.")
    })?;
    let key = call.instance().ok_or_else(|| Refusal::invalid("This operation is called on a resource."))?;
    for _ in 0..COMMIT_ATTEMPTS_MAX {
        let found = current(context, key).await?.ok_or_else(|| Refusal::not_found(key))?;
        let meta = shown(&found)?;
        let own = Document::parse_slice(&meta).map_err(|_| unreadable())?;
        let patch = patch(own.root(), asked, &changed);
        if patch.is_empty() {
            return Ok(answer(&meta).of_version(found.version, found.updated));
        }
        match write(context, key, &found, patch).await {
            Ok(reply) => return Ok(reply),
            Err(refusal) if refusal.status == 412 => continue,
            Err(refusal) => return Err(refusal),
        }
    }
    Err(Refusal::contended(key))
}

async fn write(
    context: &Context<'_>,
    key: &ResourceKey,
    found: &Stored,
    operations: Vec<Vec<u8>>,
) -> Result<Reply, Refusal> {
    let patch = [b"[".as_slice(), &operations.join(&b','), b"]"].concat();
    let when = When::Version(vec![found.version]);
    let written = Interaction::Patch { key: key.clone(), patch: Patch::Json(patch.into()), when };
    let reply = write::write(context, &written).await?;
    let stands = current(context, key).await?.ok_or_else(|| Refusal::not_found(key))?;
    Ok(Reply { status: 200, location: reply.location, ..answer(&shown(&stands)?) }
        .of_version(stands.version, stands.updated))
}

/// The operations of a JSON Patch that set the lists that change.
fn patch(
    own: Json<'_>,
    asked: Json<'_>,
    changed: &impl Fn(&Vec<Item>, Vec<Item>) -> Vec<Item>,
) -> Vec<Vec<u8>> {
    let mut operations = Vec::new();
    for (list, _) in LISTS {
        let (before, asked) = (items(own, list), items(asked, list));
        let after = changed(&before, asked);
        if after.len() == before.len() {
            continue;
        }
        let texts: Vec<&[u8]> = after.iter().map(|item| item.text.as_slice()).collect();
        let operation = if texts.is_empty() {
            format!("{{\"op\":\"remove\",\"path\":\"/meta/{list}\"}}").into_bytes()
        } else {
            let start = format!("{{\"op\":\"add\",\"path\":\"/meta/{list}\",\"value\":[");
            [start.as_bytes(), &texts.join(&b','), b"]}"].concat()
        };
        operations.push(operation);
    }
    operations
}

/// The items of a list: codings are told by system and code, profiles by their address.
fn items(meta: Json<'_>, list: &str) -> Vec<Item> {
    let text = |of: Json<'_>, name| of.get(name).and_then(Json::as_str).unwrap_or_default().into_owned();
    let items = meta.get(list).into_iter().flat_map(Json::items).map(|item| Item {
        identity: match item.kind() {
            Kind::Object => (text(item, "system"), text(item, "code")),
            _ => (String::new(), item.as_str().unwrap_or_default().into_owned()),
        },
        text: item.raw().to_vec(),
    });
    items.collect()
}

/// The meta of a version as it is read, in JSON; a deletion is a refusal.
fn shown(stored: &Stored) -> Result<Vec<u8>, Refusal> {
    let body = stored.body.as_ref().ok_or_else(|| Refusal::gone(&stored.key, stored.version))?;
    let mut out = Vec::new();
    fhir::emit(&stored.key, body, stored.version, stored.updated, &mut out);
    let document = Document::parse(out).map_err(|_| unreadable())?;
    document.root().get("meta").map(|meta| meta.raw().to_vec()).ok_or_else(unreadable)
}

/// All profiles, tags and security labels of some types that the caller may see.
async fn in_use(
    context: &Context<'_>,
    types: impl IntoIterator<Item = ResourceType>,
) -> Result<Vec<u8>, Refusal> {
    let has_some = |of: ResourceType| {
        let params = LISTS.iter().filter_map(|(_, code)| context.parameters.named(of, code));
        Filter::Or(params.map(|(param, _)| Filter::Not(Box::new(Filter::Missing(param)))).collect())
    };
    let types = types.into_iter().map(|of| (of, has_some(of))).collect();
    let mut search = Search::across(&context.visible, types);
    search.count = LOOKED_AT;
    let mut lists: [BTreeMap<(String, String), Vec<u8>>; LISTS.len()] = Default::default();
    let mut looked_at = 0;
    loop {
        let found = context.store.search(&search).await?;
        for stored in &found.matches {
            let meta = Document::parse(shown(stored)?).map_err(|_| unreadable())?;
            for (values, (list, _)) in lists.iter_mut().zip(LISTS) {
                for Item { identity, text } in items(meta.root(), list) {
                    values.entry(identity).or_insert(text);
                }
            }
        }
        looked_at += found.matches.len();
        search.after = found.next;
        if search.after.is_none() {
            return Ok(meta_of(&lists));
        }
        if looked_at >= META_RESOURCES_MAX {
            return Err(Refusal::too_costly("META_RESOURCES_MAX"));
        }
    }
}

fn meta_of(lists: &[BTreeMap<(String, String), Vec<u8>>]) -> Vec<u8> {
    let mut meta = b"{".to_vec();
    for (values, (list, _)) in lists.iter().zip(LISTS).filter(|(values, _)| !values.is_empty()) {
        let texts: Vec<&[u8]> = values.values().map(Vec::as_slice).collect();
        let before = if meta.len() > 1 { "," } else { "" };
        meta.extend_from_slice(format!("{before}\"{list}\":[").as_bytes());
        meta.extend_from_slice(&texts.join(&b','));
        meta.push(b']');
    }
    meta.push(b'}');
    meta
}

/// What the operations answer: a meta in a Parameters resource.
fn answer(meta: &[u8]) -> Reply {
    // A Parameters resource holds no empty object.
    if meta == b"{}" {
        return Reply::resource(&b"{\"resourceType\":\"Parameters\"}"[..]);
    }
    let start = b"{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"return\",\"valueMeta\":";
    Reply::resource([start.as_slice(), meta, b"}]}"].concat())
}

fn unreadable() -> Refusal {
    StoreError::Damaged("the body of a resource".to_owned()).into()
}
