//! Elements as references and uris (R4 search, sections 3.1.1.4.12 and 3.1.1.4.13).

use super::codes::{emit, text_of};
use super::names::Names;
use super::plan::Emit;
use super::walk::Walk;
use crate::{Entries, ParamId, Target, Value};
use fhir::{Json, Reference, ResourceType};

/// With how many memberships a new one is compared; being added twice is harmless.
const MEMBERSHIPS_COMPARED_MAX: usize = 8;

/// Reference: what it points at, and its identifier for `:identifier`.
pub(super) fn reference<'a>(walk: &Walk<'a>, json: Json<'a>, emits: &[Emit], out: &mut Entries) {
    let names = walk.names;
    let (mut literal, mut identifier, mut named_type) = (None, None, None);
    for (name, value) in json.members() {
        match name.symbol() {
            Some(symbol) if symbol == names.reference => literal = text_of(value),
            Some(symbol) if symbol == names.identifier => identifier = Some(value),
            Some(symbol) if symbol == names.type_ => named_type = text_of(value),
            _ => {}
        }
    }
    let mut of = None;
    if let Some(literal) = &literal {
        let parsed = Reference::parse(literal);
        of = match parsed {
            Reference::Contained(id) => contained_type(walk, id),
            _ => parsed.of(),
        };
        of = of.or_else(|| ResourceType::parse(named_type.as_deref()?));
        push_literal(literal, parsed, of, walk.base, emits, out);
    }
    if let Some(identifier) = identifier {
        let of = of.or_else(|| ResourceType::parse(named_type.as_deref()?));
        push_identifier(identifier, of, names, emits, out);
    }
}

fn push_literal(
    literal: &str,
    parsed: Reference<'_>,
    of: Option<ResourceType>,
    base: &str,
    emits: &[Emit],
    out: &mut Entries,
) {
    let target = target(literal, parsed, base);
    for emit in emits {
        if emit.only.is_some() && emit.only != of {
            continue;
        }
        if emit.param == ParamId::COMPARTMENT {
            push_membership(target, out);
            continue;
        }
        out.push(emit.param, Value::Reference(target));
        if let Some(whole) = without_version(target) {
            out.push(emit.param, Value::Reference(whole));
        }
    }
}

/// What a literal points at, seen from the data store at `base`.
fn target<'t>(literal: &'t str, parsed: Reference<'t>, own: &str) -> Target<'t> {
    match parsed {
        Reference::Relative { of, id, version } => Target::Local { of, id, version },
        Reference::Absolute { base, of, id, version } if base == own => Target::Local { of, id, version },
        _ => Target::Url(literal),
    }
}

/// Another server's resource whatever its version, if the reference names one.
fn without_version(target: Target<'_>) -> Option<Target<'_>> {
    let Target::Url(url) = target else { return None };
    let Reference::Absolute { version: Some(_), .. } = Reference::parse(url) else { return None };
    url.rsplit_once("/_history/").map(|(whole, _)| Target::Url(whole))
}

fn push_membership(target: Target<'_>, out: &mut Entries) {
    let Target::Local { of, id, .. } = target else { return };
    let membership = Value::Reference(Target::Local { of, id, version: None });
    let is_known =
        out.of(ParamId::COMPARTMENT).take(MEMBERSHIPS_COMPARED_MAX).any(|known| known == membership);
    if !is_known {
        out.push(ParamId::COMPARTMENT, membership);
    }
}

fn push_identifier(
    identifier: Json<'_>,
    of: Option<ResourceType>,
    names: &Names,
    emits: &[Emit],
    out: &mut Entries,
) {
    let system = identifier.member(names.system).and_then(text_of);
    let value = identifier.member(names.value).and_then(text_of);
    if system.is_none() && value.is_none() {
        return;
    }
    let value = Value::ReferenceIdentifier { system: system.as_deref(), value: value.as_deref() };
    for emit in emits {
        let is_wanted = emit.param != ParamId::COMPARTMENT && (emit.only.is_none() || emit.only == of);
        if is_wanted {
            out.push(emit.param, value);
        }
    }
}

/// The type of the contained resource with this id; of the whole resource, if the id is empty.
fn contained_type(walk: &Walk<'_>, id: &str) -> Option<ResourceType> {
    let names = walk.names;
    let type_of = |json: Json<'_>| ResourceType::parse(&json.member(names.resource_type)?.as_str()?);
    if id.is_empty() {
        return type_of(walk.root);
    }
    let contained = walk.root.member(names.contained)?;
    let is_it =
        |json: &Json<'_>| json.member(names.id).and_then(Json::as_str).is_some_and(|found| *found == *id);
    type_of(contained.items().take(CONTAINED_LOOKED_AT_MAX).find(is_it)?)
}

/// How many contained resources are looked through for one reference, so that many of both stay cheap.
const CONTAINED_LOOKED_AT_MAX: usize = 256;

/// canonical: its whole text, and without its version.
pub(super) fn canonical(json: Json<'_>, base: &str, emits: &[Emit], out: &mut Entries) {
    let Some(text) = text_of(json) else { return };
    address(&text, base, emits, out);
    if let Some((bare, _)) = text.split_once('|') {
        address(bare, base, emits, out);
    }
}

/// uri: its text.
pub(super) fn uri(json: Json<'_>, base: &str, emits: &[Emit], out: &mut Entries) {
    if let Some(text) = text_of(json) {
        address(&text, base, emits, out);
    }
}

fn address(text: &str, base: &str, emits: &[Emit], out: &mut Entries) {
    let parsed = Reference::parse(text);
    push_literal(text, parsed, parsed.of(), base, emits, out);
}

/// A resource inside another, as a reference to it; without an id there is nothing to refer to.
pub(super) fn inline(json: Json<'_>, names: &Names, emits: &[Emit], out: &mut Entries) {
    let of = json.member(names.resource_type).and_then(|name| ResourceType::parse(&name.as_str()?));
    let (Some(of), Some(id)) = (of, json.member(names.id).and_then(text_of)) else { return };
    for emit in emits.iter().filter(|emit| emit.only == Some(of)) {
        out.push(emit.param, Value::Reference(Target::Local { of, id: &id, version: None }));
    }
}

/// uri, url, oid, uuid.
pub(super) fn plain_uri(json: Json<'_>, emits: &[Emit], out: &mut Entries) {
    if let Some(text) = text_of(json) {
        emit(Value::Uri(&text), emits, out);
    }
}

/// canonical: its whole text, and without its version.
pub(super) fn canonical_uri(json: Json<'_>, emits: &[Emit], out: &mut Entries) {
    let Some(text) = text_of(json) else { return };
    emit(Value::Uri(&text), emits, out);
    if let Some((bare, _)) = text.split_once('|') {
        emit(Value::Uri(bare), emits, out);
    }
}
