//! Elements as spans of time (R4 search, section 3.1.1.4.7).

use super::codes::emit;
use super::names::Names;
use super::plan::Emit;
use crate::{Entries, Value};
use fhir::{Json, Span, Time, parse_date_time};

/// The end that a period leaves open.
const BEGINNING: Time = Time(i64::MIN);
const END: Time = Time(i64::MAX);

pub(super) fn date(json: Json<'_>, emits: &[Emit], out: &mut Entries) {
    if let Some(span) = span_of(json) {
        emit(Value::Date(span), emits, out);
    }
}

/// instant: the moment that it begins with, however many digits of it are written.
pub(super) fn instant(json: Json<'_>, emits: &[Emit], out: &mut Entries) {
    if let Some(Span { from, .. }) = span_of(json) {
        emit(Value::Date(Span { from, to: Time(from.0 + 1) }), emits, out);
    }
}

/// Period: from the start of what its start covers to the end of what its end covers; a missing one is open.
pub(super) fn period(json: Json<'_>, names: &Names, emits: &[Emit], out: &mut Entries) {
    if let Some(span) = period_of(json, names) {
        emit(Value::Date(span), emits, out);
    }
}

/// Timing: the least span that covers its events and the period that bounds its repetition.
pub(super) fn timing(json: Json<'_>, names: &Names, emits: &[Emit], out: &mut Entries) {
    let mut outer: Option<Span> = None;
    let events = json.member(names.event).into_iter().flat_map(Json::items).filter_map(span_of);
    let bounds = json.member(names.repeat).and_then(|repeat| repeat.member(names.bounds_period));
    for span in events.chain(bounds.and_then(|bounds| period_of(bounds, names))) {
        outer = Some(
            outer.map_or(span, |outer| Span { from: outer.from.min(span.from), to: outer.to.max(span.to) }),
        );
    }
    if let Some(span) = outer {
        emit(Value::Date(span), emits, out);
    }
}

fn span_of(json: Json<'_>) -> Option<Span> {
    parse_date_time(&json.as_str()?)
}

fn period_of(json: Json<'_>, names: &Names) -> Option<Span> {
    let start = json.member(names.start).and_then(span_of);
    let end = json.member(names.end).and_then(span_of);
    (start.is_some() || end.is_some()).then(|| Span {
        from: start.map_or(BEGINNING, |span| span.from),
        to: end.map_or(END, |span| span.to),
    })
}
