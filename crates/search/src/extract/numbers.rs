//! Elements as numbers and quantities (R4 search, sections 3.1.1.4.6 and 3.1.1.4.11).

use super::codes::{emit, text_of};
use super::names::Names;
use super::plan::Emit;
use crate::{Canonical, Entries, QuantityValue, UCUM, Value, canonical_unit};
use fhir::Json;

/// The system of currency codes (R4 datatypes, Money).
const CURRENCIES: &str = "urn:iso:std:iso:4217";

pub(super) fn number(json: Json<'_>, emits: &[Emit], out: &mut Entries) {
    if let Some(number) = number_of(json) {
        emit(Value::Number { low: number, high: number }, emits, out);
    }
}

/// Range: from its low to its high value; a missing one is open.
pub(super) fn number_range(json: Json<'_>, names: &Names, emits: &[Emit], out: &mut Entries) {
    let end = |symbol| json.member(symbol).and_then(|end: Json<'_>| number_of(end.member(names.value)?));
    let (low, high) = (end(names.low), end(names.high));
    if low.is_some() || high.is_some() {
        let (low, high) = (low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY));
        emit(Value::Number { low, high }, emits, out);
    }
}

/// Quantity: its value, or with a comparator everything on that side of it.
pub(super) fn quantity(json: Json<'_>, names: &Names, emits: &[Emit], out: &mut Entries) {
    let Some(value) = json.member(names.value).and_then(number_of) else { return };
    let comparator = json.member(names.comparator).and_then(Json::as_str);
    let comparator = comparator.as_deref();
    let range = match comparator {
        Some("<" | "<=") => (f64::NEG_INFINITY, value),
        Some(">" | ">=") => (value, f64::INFINITY),
        _ => (value, value),
    };
    with_unit(json, names, range, comparator, emits, out);
}

/// The same without its bound, if the comparator says that the value is not reached.
fn without_bound((low, high): (f64, f64), comparator: Option<&str>) -> (f64, f64) {
    match comparator {
        Some("<") => (low, high.next_down()),
        Some(">") => (low.next_up(), high),
        _ => (low, high),
    }
}

/// Money: its value, with the currency as unit.
pub(super) fn money(json: Json<'_>, names: &Names, emits: &[Emit], out: &mut Entries) {
    let Some(value) = json.member(names.value).and_then(number_of) else { return };
    let currency = json.member(names.currency).and_then(text_of);
    let currency = currency.as_deref();
    let quantity = QuantityValue {
        low: value,
        high: value,
        system: currency.map(|_| CURRENCIES),
        code: currency,
        unit: None,
        canonical: None,
    };
    emit(Value::Quantity(quantity), emits, out);
}

/// Range: from its low to its high quantity in their unit; a missing one is open.
pub(super) fn quantity_range(json: Json<'_>, names: &Names, emits: &[Emit], out: &mut Entries) {
    let (low, high) = (json.member(names.low), json.member(names.high));
    let Some(unit_from) = low.or(high) else { return };
    let end = |end: Option<Json<'_>>| number_of(end?.member(names.value)?);
    let range = (end(low), end(high));
    if range != (None, None) {
        let range = (range.0.unwrap_or(f64::NEG_INFINITY), range.1.unwrap_or(f64::INFINITY));
        with_unit(unit_from, names, range, None, emits, out);
    }
}

/// SampledData: its origin, which is what its samples are measured from.
pub(super) fn sampled_data(json: Json<'_>, names: &Names, emits: &[Emit], out: &mut Entries) {
    if let Some(origin) = json.member(names.origin) {
        quantity(origin, names, emits, out);
    }
}

/// A position: its latitude and longitude in degrees, as two numbers that belong together.
pub(super) fn position(json: Json<'_>, names: &Names, emits: &[Emit], out: &mut Entries) {
    let degrees = |symbol| json.member(symbol).and_then(number_of);
    let (Some(latitude), Some(longitude)) = (degrees(names.latitude), degrees(names.longitude)) else {
        return;
    };
    for emit in emits {
        let parts = [latitude, longitude].map(|number| Value::Number { low: number, high: number });
        out.push_composite(emit.param, parts);
    }
}

fn number_of(json: Json<'_>) -> Option<f64> {
    json.as_number()?.parse().ok()
}

/// A range in the unit of a Quantity, as far as its comparator reaches.
fn with_unit(
    json: Json<'_>,
    names: &Names,
    range: (f64, f64),
    comparator: Option<&str>,
    emits: &[Emit],
    out: &mut Entries,
) {
    let (mut system, mut code, mut unit) = (None, None, None);
    for (name, value) in json.members() {
        match name.symbol() {
            Some(symbol) if symbol == names.system => system = text_of(value),
            Some(symbol) if symbol == names.code => code = text_of(value),
            Some(symbol) if symbol == names.unit => unit = text_of(value),
            _ => {}
        }
    }
    let ucum = code.as_deref().filter(|_| system.as_deref() == Some(UCUM)).and_then(canonical_unit);
    let canonical = ucum.as_ref().map(|ucum| {
        let (low, high) = without_bound(ucum.range(range.0, range.1), comparator);
        Canonical { low, high, unit: &ucum.unit }
    });
    let (low, high) = without_bound(range, comparator);
    let quantity = QuantityValue {
        low,
        high,
        system: system.as_deref(),
        code: code.as_deref(),
        unit: unit.as_deref(),
        canonical,
    };
    emit(Value::Quantity(quantity), emits, out);
}
