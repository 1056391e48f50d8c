//! Elements as references and uris (R4 search, sections 3.1.1.4.12 and 3.1.1.4.13).

use super::codes::{emit, text_of};
use super::names::Names;
use super::plan::Emit;
use super::walk::Walk;
use crate::{Entries, ParamId, Target, Value};
use fhir::{Id, Json, Reference, ResourceType};

/// With how many memberships a new one is compared.
const MEMBERSHIPS_COMPARED_MAX: usize = 8;

/// Reference: what it points at, and its identifier for `:identifier`.
pub(super) fn reference<'a>(walk: &mut Walk<'a>, json: Json<'a>, emits: &[Emit], out: &mut Entries) {
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
        push_literal(walk, parsed, literal, of, emits, out);
    }
    if let Some(identifier) = identifier {
        let of = of.or_else(|| ResourceType::parse(named_type.as_deref()?));
        push_identifier(identifier, of, names, emits, out);
    }
}

/// Adds what a literal points at, a resource of type `of` where that is known.
fn push_literal(
    walk: &mut Walk<'_>,
    parsed: Reference<'_>,
    literal: &str,
    of: Option<ResourceType>,
    emits: &[Emit],
    out: &mut Entries,
) {
    let target = target(literal, parsed, walk.base);
    let is_wanted = |emit: &&Emit| emit.only.is_none() || emit.only == of;
    let params = || emits.iter().filter(is_wanted).map(|emit| emit.param);
    let searched = || params().filter(|param| *param != ParamId::COMPARTMENT);
    out.push_each(searched(), Value::Reference(target));
    match (target, parsed) {
        (Target::Local { of, id, .. }, _) => {
            for _ in params().filter(|param| *param == ParamId::COMPARTMENT) {
                walk.memberships.push(of, id, out);
            }
        }
        // Another server's resource can be found whatever its version.
        (Target::Url(_), Reference::Absolute { base, of, id, version: Some(_) }) => {
            let whole = &literal[..base.len() + 1 + of.name().len() + 1 + id.len()];
            out.push_each(searched(), Value::Reference(Target::Url(whole)));
        }
        (Target::Url(_), _) => {}
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

/// The latest memberships, by the numbers of their entries, so that most are not added twice; being added
/// twice is harmless.
#[derive(Default)]
pub(super) struct Memberships {
    latest: [usize; MEMBERSHIPS_COMPARED_MAX],
    count: usize,
}

impl Memberships {
    fn push(&mut self, of: ResourceType, id: &str, out: &mut Entries) {
        let membership = Value::Reference(Target::Local { of, id, version: None });
        let known = &self.latest[..self.count.min(MEMBERSHIPS_COMPARED_MAX)];
        if !known.iter().any(|at| out.value_at(*at) == Some(membership)) {
            self.latest[self.count % MEMBERSHIPS_COMPARED_MAX] = out.len();
            self.count += 1;
            out.push(ParamId::COMPARTMENT, membership);
        }
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
    let is_wanted =
        |emit: &&Emit| emit.param != ParamId::COMPARTMENT && (emit.only.is_none() || emit.only == of);
    out.push_each(emits.iter().filter(is_wanted).map(|emit| emit.param), value);
}

/// The type of the contained resource with this id; of the whole resource, if the id is empty.
fn contained_type(walk: &Walk<'_>, id: &str) -> Option<ResourceType> {
    let names = walk.names;
    let type_of = |json: Json<'_>| ResourceType::parse(&json.member(names.resource_type)?.as_str()?);
    if id.is_empty() {
        return type_of(walk.container);
    }
    let contained = walk.container.member(names.contained)?;
    let is_it =
        |json: &Json<'_>| json.member(names.id).and_then(Json::as_str).is_some_and(|found| *found == *id);
    type_of(contained.items().take(CONTAINED_LOOKED_AT_MAX).find(is_it)?)
}

/// How many contained resources are looked through for one reference, so that many of both stay cheap.
const CONTAINED_LOOKED_AT_MAX: usize = 256;

/// canonical: its whole text, and without its version.
pub(super) fn canonical(walk: &mut Walk<'_>, json: Json<'_>, emits: &[Emit], out: &mut Entries) {
    let Some(text) = text_of(json) else { return };
    address(walk, &text, emits, out);
    if let Some((bare, _)) = text.split_once('|') {
        address(walk, bare, emits, out);
    }
}

/// uri: its text.
pub(super) fn uri(walk: &mut Walk<'_>, json: Json<'_>, emits: &[Emit], out: &mut Entries) {
    if let Some(text) = text_of(json) {
        address(walk, &text, emits, out);
    }
}

fn address(walk: &mut Walk<'_>, text: &str, emits: &[Emit], out: &mut Entries) {
    let parsed = Reference::parse(text);
    push_literal(walk, parsed, text, parsed.of(), emits, out);
}

/// A resource inside another, as a reference to it; without an id there is nothing to refer to.
pub(super) fn inline(json: Json<'_>, names: &Names, emits: &[Emit], out: &mut Entries) {
    let of = json.member(names.resource_type).and_then(|name| ResourceType::parse(&name.as_str()?));
    let (Some(of), Some(id)) = (of, json.member(names.id).and_then(text_of)) else { return };
    for emit in emits.iter().filter(|emit| emit.only == Some(of)) {
        out.push(emit.param, Value::Reference(Target::Local { of, id: &id, version: None }));
    }
}

/// A contained resource: its type, once for many.
pub(super) fn contained(walk: &mut Walk<'_>, json: Json<'_>, emits: &[Emit], out: &mut Entries) {
    let Some((of, _)) = contained_key(json, walk.names) else { return };
    if !walk.contained.contains(&of) {
        walk.contained.push(of);
        emit(Value::Token { system: None, code: Some(of.name()) }, emits, out);
    }
}

/// The type and the id of a contained resource; without an id nothing can refer to it.
pub(super) fn contained_key(json: Json<'_>, names: &Names) -> Option<(ResourceType, Id)> {
    let of = ResourceType::parse(&json.member(names.resource_type)?.as_str()?)?;
    Some((of, Id::parse(&json.member(names.id)?.as_str()?)?))
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
