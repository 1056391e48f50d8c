//! Elements as strings (R4 search, section 3.1.1.4.9).

use super::codes::{emit, text_of};
use super::names::Names;
use super::plan::Emit;
use crate::{Entries, Value};
use fhir::Json;

pub(super) fn text(json: Json<'_>, emits: &[Emit], out: &mut Entries) {
    if let Some(text) = text_of(json) {
        emit(Value::String(&text), emits, out);
    }
}

/// HumanName: every part, and the text.
pub(super) fn human_name(json: Json<'_>, names: &Names, emits: &[Emit], out: &mut Entries) {
    for (name, value) in json.members() {
        let Some(symbol) = name.symbol() else { continue };
        if symbol == names.family || symbol == names.text {
            text(value, emits, out);
        } else if symbol == names.given || symbol == names.prefix || symbol == names.suffix {
            value.items().for_each(|part| text(part, emits, out));
        }
    }
}

/// Address: every part, and the text.
pub(super) fn address(json: Json<'_>, names: &Names, emits: &[Emit], out: &mut Entries) {
    let single = [names.text, names.city, names.district, names.state, names.postal_code, names.country];
    for (name, value) in json.members() {
        let Some(symbol) = name.symbol() else { continue };
        if symbol == names.line {
            value.items().for_each(|line| text(line, emits, out));
        } else if single.contains(&symbol) {
            text(value, emits, out);
        }
    }
}

/// CodeableConcept: its text and its codings' displays.
pub(super) fn concept(json: Json<'_>, names: &Names, emits: &[Emit], out: &mut Entries) {
    for (name, value) in json.members() {
        let Some(symbol) = name.symbol() else { continue };
        if symbol == names.text {
            text(value, emits, out);
        } else if symbol == names.coding {
            let displays = value.items().filter_map(|coding| coding.member(names.display));
            displays.for_each(|display| text(display, emits, out));
        }
    }
}
