//! Terms back into values.

use std::borrow::Cow;

use fhir::{ResourceType, Span, Time};
use search::{Canonical, End, Entries, ParamId, QuantityValue, SortValue, Target, Test, Value};

use super::{ABSENT, END, ESCAPE, f64_of, i64_of, kind};
use crate::StorageError;
use crate::varint::Reader;

/// The entries that [`super::encode_entries`] wrote.
pub(crate) fn decode_entries(bytes: &[u8]) -> Result<Entries, StorageError> {
    let mut entries = Entries::new();
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let param = ParamId(u16::try_from(reader.varint()?).map_err(|_| damaged())?);
        push_term(&mut entries, param, reader.bytes()?)?;
    }
    Ok(entries)
}

fn push_term(entries: &mut Entries, param: ParamId, term: &[u8]) -> Result<(), StorageError> {
    let mut reader = Reader::new(term);
    if term.first() != Some(&kind::COMPOSITE) {
        return read_value(&mut reader, |value| entries.push(param, value));
    }
    reader.byte()?;
    let mut parts = Entries::new();
    for _ in 0..reader.byte()? {
        read_value(&mut reader, |value| parts.push(param, value))?;
    }
    entries.push_composite(param, parts.iter().map(|(_, value)| value));
    Ok(())
}

/// Whether the value of a first term passes `test`.
pub(crate) fn term_matches(test: &Test, term: &[u8]) -> Result<bool, StorageError> {
    let mut reader = Reader::new(term);
    if term.first() != Some(&kind::COMPOSITE) {
        let mut passes = false;
        read_value(&mut reader, |value| passes = test.matches(&value))?;
        return Ok(passes);
    }
    let Test::Composite(tests) = test else {
        let mut entries = Entries::new();
        push_term(&mut entries, ParamId(0), term)?;
        return Ok(entries.iter().any(|(_, value)| test.matches(&value)));
    };
    reader.byte()?;
    if usize::from(reader.byte()?) != tests.len() {
        return Ok(false);
    }
    let mut passes = true;
    for test in tests {
        read_value(&mut reader, |value| passes = passes && test.matches(&value))?;
    }
    Ok(passes)
}

/// What the value of a first term is ordered by; `None` for terms that have no order.
pub(crate) fn sort_value(term: &[u8], end: End) -> Result<Option<SortValue>, StorageError> {
    if matches!(term.first(), None | Some(&(kind::TOKEN_SYSTEM | kind::CANONICAL | kind::COMPOSITE))) {
        return Ok(None);
    }
    let mut sorted = None;
    read_value(&mut Reader::new(term), |value| sorted = SortValue::of(&value, end))?;
    Ok(sorted)
}

/// Reads one value that is no composite and gives it to `take`.
fn read_value(reader: &mut Reader<'_>, take: impl FnOnce(Value<'_>)) -> Result<(), StorageError> {
    match reader.byte()? {
        kind::TOKEN => {
            let (code, system) = (optional(reader)?, optional(reader)?);
            take(Value::Token { system: system.as_deref(), code: code.as_deref() });
        }
        kind::TOKEN_TEXT => {
            let (_, written) = (text(reader)?, text(reader)?);
            take(Value::TokenText(&written));
        }
        kind::TYPED_IDENTIFIER => {
            let (value, code, system) = (text(reader)?, text(reader)?, optional(reader)?);
            take(Value::TypedIdentifier { system: system.as_deref(), code: &code, value: &value });
        }
        kind::STRING => {
            let (_, written) = (text(reader)?, text(reader)?);
            take(Value::String(&written));
        }
        kind::DATE => {
            let (from, to) = (i64_of(reader.take(8)?), i64_of(reader.take(8)?));
            take(Value::Date(Span { from: Time(from), to: Time(to) }));
        }
        kind::NUMBER => {
            let (low, high) = (f64_of(reader.take(8)?), f64_of(reader.take(8)?));
            take(Value::Number { low, high });
        }
        kind::QUANTITY => read_quantity(reader, take)?,
        kind::REFERENCE => {
            let id = text(reader)?;
            let of = ResourceType::from_number(u16::from_be_bytes(reader.array()?)).ok_or_else(damaged)?;
            let version = optional(reader)?;
            take(Value::Reference(Target::Local { of, id: &id, version: version.as_deref() }));
        }
        kind::URL => take(Value::Reference(Target::Url(&text(reader)?))),
        kind::REFERENCE_IDENTIFIER => {
            let (value, system) = (optional(reader)?, optional(reader)?);
            take(Value::ReferenceIdentifier { system: system.as_deref(), value: value.as_deref() });
        }
        kind::URI => take(Value::Uri(&text(reader)?)),
        _ => return Err(damaged()),
    }
    Ok(())
}

fn read_quantity(reader: &mut Reader<'_>, take: impl FnOnce(Value<'_>)) -> Result<(), StorageError> {
    let (low, high) = (f64_of(reader.take(8)?), f64_of(reader.take(8)?));
    let (system, code, unit) = (optional(reader)?, optional(reader)?, optional(reader)?);
    let canonical = if reader.byte()? == ABSENT { None } else { Some(read_canonical(reader)?) };
    take(Value::Quantity(QuantityValue {
        low,
        high,
        system: system.as_deref(),
        code: code.as_deref(),
        unit: unit.as_deref(),
        canonical: canonical.as_ref().map(|(unit, low, high)| Canonical { low: *low, high: *high, unit }),
    }));
    Ok(())
}

/// The unit and the bounds of a canonical term.
pub(crate) fn read_canonical<'a>(reader: &mut Reader<'a>) -> Result<(Cow<'a, str>, f64, f64), StorageError> {
    if reader.byte()? != kind::CANONICAL {
        return Err(damaged());
    }
    Ok((text(reader)?, f64_of(reader.take(8)?), f64_of(reader.take(8)?)))
}

/// The normalised text of a string's term.
pub(crate) fn normalised<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, str>, StorageError> {
    reader.byte()?;
    text(reader)
}

/// The id and type of a reference's term.
pub(crate) fn target(term: &[u8]) -> Result<Option<fhir::ResourceKey>, StorageError> {
    let mut reader = Reader::new(term);
    if reader.byte()? != kind::REFERENCE {
        return Ok(None);
    }
    let id = text(&mut reader)?;
    let of = ResourceType::from_number(u16::from_be_bytes(reader.array()?)).ok_or_else(damaged)?;
    Ok(fhir::Id::parse(&id).map(|id| fhir::ResourceKey { of, id }))
}

/// The part of a token's term that holds its system.
pub(super) fn system_of_token(term: &[u8]) -> Result<&[u8], StorageError> {
    let mut reader = Reader::new(term);
    reader.byte()?;
    optional(&mut reader)?;
    Ok(reader.rest())
}

/// The term in canonical units inside a quantity's term; empty if it has none.
pub(super) fn canonical_of_quantity(term: &[u8]) -> Result<&[u8], StorageError> {
    let mut reader = Reader::new(term);
    reader.take(17)?;
    for _ in 0..3 {
        optional(&mut reader)?;
    }
    Ok(if reader.byte()? == ABSENT { &[] } else { reader.rest() })
}

fn optional<'a>(reader: &mut Reader<'a>) -> Result<Option<Cow<'a, str>>, StorageError> {
    if reader.byte()? == ABSENT { Ok(None) } else { text(reader).map(Some) }
}

/// An optional text as it is written.
pub(super) fn raw_optional<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], StorageError> {
    let rest = reader.rest();
    match rest.first() {
        Some(&ABSENT) => reader.take(1),
        _ => reader.take(memchr::memchr(END, rest).ok_or_else(damaged)? + 1),
    }
}

fn text<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, str>, StorageError> {
    let rest = reader.rest();
    let len = memchr::memchr(END, rest).ok_or_else(damaged)?;
    let escaped = reader.take(len)?;
    reader.byte()?;
    if memchr::memchr(ESCAPE, escaped).is_none() {
        return std::str::from_utf8(escaped).map(Cow::Borrowed).map_err(|_| damaged());
    }
    let mut bytes = Vec::with_capacity(len);
    let mut escaped = escaped.iter();
    while let Some(byte) = escaped.next() {
        bytes.push(if *byte == ESCAPE { escaped.next().ok_or_else(damaged)? - 1 } else { *byte });
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| damaged())
}

fn damaged() -> StorageError {
    StorageError::Damaged("a term of the index".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::{encode_entries, put_value, rows};
    use search::normalize;

    use super::*;

    fn sample() -> Entries {
        let mut entries = Entries::new();
        let p = ParamId(20);
        entries.push(p, Value::Token { system: Some("s"), code: None });
        entries.push(p, Value::Token { system: None, code: Some("a\u{0}\u{1}b") });
        entries.push(p, Value::TokenText("Größe"));
        entries.push(p, Value::TypedIdentifier { system: None, code: "MR", value: "12" });
        entries.push(p, Value::String("Ångström"));
        entries.push(p, Value::Date(Span { from: Time(-5), to: Time(9) }));
        entries.push(p, Value::Number { low: -0.5, high: f64::INFINITY });
        let canonical = Some(Canonical { low: 1.0, high: 2.0, unit: "m" });
        let quantity =
            QuantityValue { low: 1.0, high: 2.0, system: None, code: Some("m"), unit: None, canonical };
        entries.push(p, Value::Quantity(quantity));
        entries.push(p, Value::Reference(Target::Url("urn:x")));
        entries.push(p, Value::ReferenceIdentifier { system: Some("s"), value: None });
        entries.push(p, Value::Uri("http://a/b"));
        entries
            .push_composite(p, [Value::Token { system: None, code: Some("c") }, Value::Quantity(quantity)]);
        entries
    }

    #[test]
    fn entries_come_back_as_they_were() {
        let entries = sample();
        let again = decode_entries(&encode_entries(&entries)).unwrap();
        assert_eq!(entries.len(), again.len());
        assert!(entries.iter().zip(again.iter()).all(|(a, b)| a == b));
    }

    #[test]
    fn damaged_entries_are_refused_without_a_panic() {
        let bytes = encode_entries(&sample());
        for at in 0..bytes.len() {
            let _ = decode_entries(&bytes[..at]);
            let mut altered = bytes.clone();
            altered[at] ^= 0x55;
            let _ = decode_entries(&altered);
        }
    }

    #[test]
    fn terms_are_in_the_order_of_their_values() {
        let term = |value: Value<'_>| {
            let mut out = Vec::new();
            put_value(&mut out, &value);
            out
        };
        let numbers = [f64::NEG_INFINITY, -2.5, -0.0, 0.0, 1e-9, 3.0, f64::INFINITY];
        let number = |n| term(Value::Number { low: n, high: n });
        assert!(numbers.windows(2).all(|pair| number(pair[0]) < number(pair[1])));
        let times = [i64::MIN, -1, 0, 1, i64::MAX];
        let date = |t| term(Value::Date(Span { from: Time(t), to: Time(t) }));
        assert!(times.windows(2).all(|pair| date(pair[0]) < date(pair[1])));
        let texts = ["", "\u{0}", "\u{0}a", "\u{1}", "a", "a\u{0}", "ab", "b"];
        let uri = |t| term(Value::Uri(t));
        assert!(texts.windows(2).all(|pair| uri(pair[0]) < uri(pair[1])));
    }

    #[test]
    fn every_row_names_its_parameter() {
        let mut count = 0;
        let count_row = |row: &[u8]| {
            assert_eq!(&row[..2], &20u16.to_be_bytes());
            count += 1;
        };
        rows(&encode_entries(&sample()), count_row).unwrap();
        // Each entry makes its own row and that of its presence, two tokens and one quantity one more.
        assert_eq!(count, 2 * sample().len() + 3);
        assert_eq!(normalize("Größe"), normalize(&normalize("Größe")));
    }
}
