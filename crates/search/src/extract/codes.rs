//! Elements as tokens (R4 search, section 3.1.1.4.10).

use super::names::Names;
use super::plan::Emit;
use crate::{Entries, Value};
use fhir::{CodeSet, Json};
use std::borrow::Cow;

/// Adds one value under each parameter.
pub(super) fn emit(value: Value<'_>, emits: &[Emit], out: &mut Entries) {
    out.push_each(emits.iter().map(|emit| emit.param), value);
}

/// A string that is there and not empty.
pub(super) fn text_of(json: Json<'_>) -> Option<Cow<'_, str>> {
    json.as_str().filter(|text| !text.is_empty())
}

pub(super) fn code(json: Json<'_>, set: Option<&'static CodeSet>, emits: &[Emit], out: &mut Entries) {
    if let Some(code) = text_of(json) {
        let system = set.and_then(|set| set.system_of(&code));
        emit(Value::Token { system, code: Some(&code) }, emits, out);
    }
}

pub(super) fn plain(json: Json<'_>, emits: &[Emit], out: &mut Entries) {
    if let Some(code) = text_of(json) {
        emit(Value::Token { system: None, code: Some(&code) }, emits, out);
    }
}

pub(super) fn boolean(json: Json<'_>, emits: &[Emit], out: &mut Entries) {
    if let Some(is_true) = json.as_bool() {
        let code = Some(if is_true { "true" } else { "false" });
        emit(Value::Token { system: None, code }, emits, out);
    }
}

/// Coding: its system and code; its display for `:text`.
pub(super) fn coding(json: Json<'_>, names: &Names, emits: &[Emit], out: &mut Entries) {
    let (mut system, mut code, mut display) = (None, None, None);
    for (name, value) in json.members() {
        match name.symbol() {
            Some(symbol) if symbol == names.system => system = text_of(value),
            Some(symbol) if symbol == names.code => code = text_of(value),
            Some(symbol) if symbol == names.display => display = text_of(value),
            _ => {}
        }
    }
    if system.is_some() || code.is_some() {
        emit(Value::Token { system: system.as_deref(), code: code.as_deref() }, emits, out);
    }
    if let Some(display) = display {
        emit(Value::TokenText(&display), emits, out);
    }
}

/// CodeableConcept: each coding; its text for `:text`.
pub(super) fn concept(json: Json<'_>, names: &Names, emits: &[Emit], out: &mut Entries) {
    for (name, value) in json.members() {
        match name.symbol() {
            Some(symbol) if symbol == names.coding => {
                value.items().for_each(|item| coding(item, names, emits, out));
            }
            Some(symbol) if symbol == names.text => {
                if let Some(text) = text_of(value) {
                    emit(Value::TokenText(&text), emits, out);
                }
            }
            _ => {}
        }
    }
}

/// Identifier: its system and value; its type for `:of-type`; the type's text for `:text`.
pub(super) fn identifier(json: Json<'_>, names: &Names, emits: &[Emit], out: &mut Entries) {
    let (mut system, mut number, mut of) = (None, None, None);
    for (name, value) in json.members() {
        match name.symbol() {
            Some(symbol) if symbol == names.system => system = text_of(value),
            Some(symbol) if symbol == names.value => number = text_of(value),
            Some(symbol) if symbol == names.type_ => of = Some(value),
            _ => {}
        }
    }
    if system.is_some() || number.is_some() {
        emit(Value::Token { system: system.as_deref(), code: number.as_deref() }, emits, out);
    }
    let Some(of) = of else { return };
    if let Some(number) = number {
        typed(of, &number, names, emits, out);
    }
    if let Some(text) = of.member(names.text).and_then(text_of) {
        emit(Value::TokenText(&text), emits, out);
    }
}

fn typed(of: Json<'_>, number: &str, names: &Names, emits: &[Emit], out: &mut Entries) {
    for coding in of.member(names.coding).into_iter().flat_map(Json::items) {
        let system = coding.member(names.system).and_then(text_of);
        if let Some(code) = coding.member(names.code).and_then(text_of) {
            let value = Value::TypedIdentifier { system: system.as_deref(), code: &code, value: number };
            emit(value, emits, out);
        }
    }
}

/// ContactPoint: its value.
pub(super) fn contact(json: Json<'_>, names: &Names, emits: &[Emit], out: &mut Entries) {
    if let Some(value) = json.member(names.value) {
        plain(value, emits, out);
    }
}
