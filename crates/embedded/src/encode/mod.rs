//! A value as the bytes of index terms, in an order that means something: by the first byte the kind, then
//! what a search looks at first. The first term of a value holds all of it, so that it can be read back.

mod decode;
mod scan;
mod spans;

use fhir::Span;
use search::{Canonical, Entries, Prefix, QuantityValue, Target, Value, normalize};

use crate::StorageError;
use crate::varint::Reader;

pub(crate) use decode::{decode_entries, sort_value, target};
pub(crate) use scan::{Lookup, Scan, lookups, updated_lookup};
pub(crate) use spans::Spans;

/// The parameter number under which `meta.lastUpdated` is indexed; no search parameter has it.
pub(crate) const UPDATED: u16 = 15;

/// Kinds of terms: the first byte. The empty term says that the parameter has a value.
pub(crate) mod kind {
    pub(crate) const TOKEN: u8 = 0x10;
    pub(crate) const TOKEN_SYSTEM: u8 = 0x11;
    pub(crate) const TOKEN_TEXT: u8 = 0x12;
    pub(crate) const TYPED_IDENTIFIER: u8 = 0x13;
    pub(crate) const STRING: u8 = 0x20;
    pub(crate) const DATE: u8 = 0x30;
    pub(crate) const NUMBER: u8 = 0x31;
    pub(crate) const QUANTITY: u8 = 0x32;
    pub(crate) const CANONICAL: u8 = 0x33;
    pub(crate) const REFERENCE: u8 = 0x40;
    pub(crate) const URL: u8 = 0x41;
    pub(crate) const REFERENCE_IDENTIFIER: u8 = 0x42;
    pub(crate) const URI: u8 = 0x43;
    pub(crate) const COMPOSITE: u8 = 0x50;
}

/// Ends a text; no escaped byte is smaller.
const END: u8 = 0;
/// Begins the two bytes that stand for a byte 0 or 1 of a text.
const ESCAPE: u8 = 1;
/// Says that an optional text is absent, or present.
const ABSENT: u8 = 1;
const PRESENT: u8 = 2;

/// All entries as bytes that [`decode_entries`] reads back: parameter and first term of each.
pub(crate) fn encode_entries(entries: &Entries) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let mut term = Vec::with_capacity(128);
    for (param, value) in entries.iter() {
        term.clear();
        put_value(&mut term, &value);
        crate::varint::put_varint(&mut out, u64::from(param.0));
        crate::varint::put_bytes(&mut out, &term);
    }
    out
}

/// Calls `visit` with every row of the index that encoded entries make: parameter, big-endian, and term.
pub(crate) fn rows(encoded: &[u8], mut visit: impl FnMut(&[u8])) -> Result<(), StorageError> {
    let mut reader = Reader::new(encoded);
    let mut row = Vec::with_capacity(128);
    while !reader.is_empty() {
        let param = reader.varint()? as u16;
        let term = reader.bytes()?;
        row.clear();
        row.extend_from_slice(&param.to_be_bytes());
        visit(&row);
        row.extend_from_slice(term);
        visit(&row);
        row.truncate(2);
        match term.first() {
            Some(&kind::TOKEN) => {
                row.push(kind::TOKEN_SYSTEM);
                row.extend_from_slice(decode::system_of_token(term)?);
                visit(&row);
            }
            Some(&kind::QUANTITY) => {
                let canonical = decode::canonical_of_quantity(term)?;
                if !canonical.is_empty() {
                    row.extend_from_slice(canonical);
                    visit(&row);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The row of `meta.lastUpdated`.
pub(crate) fn updated_row(updated: fhir::Time) -> [u8; 11] {
    let mut row = [0; 11];
    row[..2].copy_from_slice(&UPDATED.to_be_bytes());
    row[2] = kind::DATE;
    row[3..].copy_from_slice(&ordered_i64(updated.0));
    row
}

/// The ends of the date of a term; `meta.lastUpdated` has one.
pub(crate) fn date_of(term: &[u8]) -> Option<(i64, i64)> {
    match term.split_first() {
        Some((&kind::DATE, rest)) if rest.len() == 16 => Some((i64_of(&rest[..8]), i64_of(&rest[8..]))),
        Some((&kind::DATE, rest)) if rest.len() == 8 => Some((i64_of(rest), i64_of(rest))),
        _ => None,
    }
}

/// Where the terms of dates that begin at this time or later begin.
pub(crate) fn date_from(time: i64) -> Vec<u8> {
    [&[kind::DATE], ordered_i64(time).as_slice()].concat()
}

/// How long the date of a term is, in microseconds; 0 for anything else.
pub(crate) fn span_of(term: &[u8]) -> u64 {
    match term.split_first() {
        Some((&kind::DATE, rest)) if rest.len() == 16 => {
            let (from, to) = rest.split_at(8);
            i64_of(to).abs_diff(i64_of(from))
        }
        _ => 0,
    }
}

/// Appends the first term of a value.
fn put_value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Token { system, code } => {
            out.push(kind::TOKEN);
            put_optional(out, *code);
            put_optional(out, *system);
        }
        Value::TokenText(text) => put_texts(out, kind::TOKEN_TEXT, &[&normalize(text), text]),
        Value::TypedIdentifier { system, code, value } => {
            put_texts(out, kind::TYPED_IDENTIFIER, &[value, code]);
            put_optional(out, *system);
        }
        Value::String(text) => put_texts(out, kind::STRING, &[&normalize(text), text]),
        Value::Date(Span { from, to }) => {
            out.push(kind::DATE);
            out.extend_from_slice(&ordered_i64(from.0));
            out.extend_from_slice(&ordered_i64(to.0));
        }
        Value::Number { low, high } => {
            out.push(kind::NUMBER);
            put_range(out, *low, *high);
        }
        Value::Quantity(quantity) => put_quantity(out, quantity),
        Value::Reference(Target::Local { of, id, version }) => {
            put_texts(out, kind::REFERENCE, &[id]);
            out.extend_from_slice(&of.number().to_be_bytes());
            put_optional(out, *version);
        }
        Value::Reference(Target::Url(url)) => put_texts(out, kind::URL, &[url]),
        Value::ReferenceIdentifier { system, value } => {
            out.push(kind::REFERENCE_IDENTIFIER);
            put_optional(out, *value);
            put_optional(out, *system);
        }
        Value::Uri(uri) => put_texts(out, kind::URI, &[uri]),
        Value::Composite(parts) => {
            out.push(kind::COMPOSITE);
            out.push(parts.len() as u8);
            parts.iter().for_each(|part| put_value(out, &part));
        }
    }
}

fn put_quantity(out: &mut Vec<u8>, quantity: &QuantityValue<'_>) {
    out.push(kind::QUANTITY);
    put_range(out, quantity.low, quantity.high);
    put_optional(out, quantity.system);
    put_optional(out, quantity.code);
    put_optional(out, quantity.unit);
    match &quantity.canonical {
        None => out.push(ABSENT),
        Some(canonical) => {
            out.push(PRESENT);
            put_canonical(out, canonical);
        }
    }
}

fn put_canonical(out: &mut Vec<u8>, canonical: &Canonical<'_>) {
    put_texts(out, kind::CANONICAL, &[canonical.unit]);
    put_range(out, canonical.low, canonical.high);
}

fn put_texts(out: &mut Vec<u8>, kind: u8, texts: &[&str]) {
    out.push(kind);
    for text in texts {
        put_text(out, text);
        out.push(END);
    }
}

/// Appends an escaped text without its end.
fn put_text(out: &mut Vec<u8>, text: &str) {
    if memchr_low(text.as_bytes()) {
        for byte in text.bytes() {
            if byte <= ESCAPE {
                out.extend_from_slice(&[ESCAPE, byte + 1]);
            } else {
                out.push(byte);
            }
        }
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

fn memchr_low(text: &[u8]) -> bool {
    text.iter().any(|byte| *byte <= ESCAPE)
}

fn put_optional(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        None => out.push(ABSENT),
        Some(text) => {
            out.push(PRESENT);
            put_text(out, text);
            out.push(END);
        }
    }
}

fn put_range(out: &mut Vec<u8>, low: f64, high: f64) {
    out.extend_from_slice(&ordered_f64(low));
    out.extend_from_slice(&ordered_f64(high));
}

/// Eight bytes whose order is the number's.
fn ordered_i64(number: i64) -> [u8; 8] {
    ((number as u64) ^ (1 << 63)).to_be_bytes()
}

fn i64_of(bytes: &[u8]) -> i64 {
    let mut number = [0; 8];
    number.copy_from_slice(bytes);
    (u64::from_be_bytes(number) ^ (1 << 63)) as i64
}

/// Eight bytes whose order is `f64::total_cmp`'s.
fn ordered_f64(number: f64) -> [u8; 8] {
    let bits = number.to_bits();
    let flipped = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    flipped.to_be_bytes()
}

fn f64_of(bytes: &[u8]) -> f64 {
    let mut number = [0; 8];
    number.copy_from_slice(bytes);
    let flipped = u64::from_be_bytes(number);
    f64::from_bits(if flipped >> 63 == 1 { flipped & !(1 << 63) } else { !flipped })
}

/// Lower and upper bound of the low ends that can pass a comparison with `asked`, when no value is longer
/// than the caller knows: `None` leaves that side open.
fn low_bounds<T: Copy + PartialOrd>(
    prefix: Prefix,
    (from, to): (T, T),
    back: impl Fn(T) -> Option<T>,
) -> (Option<T>, Option<T>) {
    match prefix {
        Prefix::Equal => (Some(from), Some(to)),
        Prefix::NotEqual => (None, None),
        Prefix::Greater => (back(to), None),
        Prefix::GreaterOrEqual => (back(from), None),
        Prefix::Less | Prefix::EndsBefore => (None, Some(from)),
        Prefix::LessOrEqual => (None, Some(to)),
        Prefix::StartsAfter => (Some(to), None),
        Prefix::Approximately => (back(from), Some(to)),
    }
}
