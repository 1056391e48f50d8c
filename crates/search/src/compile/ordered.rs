//! Values that have an order: number, date, quantity, and their prefixes (R4 search §3.1.1.4.4-7, 11).

use fhir::{Decimal, Span, Time, decimal_product, parse_date_time};

use super::named::some;
use crate::clause::{split, unescape};
use crate::error::Reason;
use crate::{Prefix, QuantityTest, SystemTest, Test, UCUM, canonical_unit};

/// How far `ap` reaches, as a part of the value or of its distance from now.
const APPROXIMATELY: f64 = 0.1;

/// The prefix that a value starts with, and the rest.
fn prefix(value: &str) -> (Prefix, &str) {
    let Some((start, rest)) = value.split_at_checked(2) else { return (Prefix::Equal, value) };
    let prefix = match start {
        "eq" => Prefix::Equal,
        "ne" => Prefix::NotEqual,
        "gt" => Prefix::Greater,
        "lt" => Prefix::Less,
        "ge" => Prefix::GreaterOrEqual,
        "le" => Prefix::LessOrEqual,
        "sa" => Prefix::StartsAfter,
        "eb" => Prefix::EndsBefore,
        "ap" => Prefix::Approximately,
        _ => return (Prefix::Equal, value),
    };
    (prefix, rest)
}

/// A date with its prefix; for `ap` the span is widened by a tenth of its distance from `now`.
pub(super) fn date(value: &str, now: Time) -> Result<(Prefix, Span), Reason> {
    const FORM: Reason = Reason::Value("a date like 2013, 2013-01, 2013-01-14 or 2013-01-14T10:00:00Z");
    let (prefix, text) = prefix(value);
    // A plus sign that nobody encoded arrives as a blank.
    let span = parse_date_time(text).or_else(|| parse_date_time(&text.replace(' ', "+"))).ok_or(FORM)?;
    let (prefix, span) =
        if has_digits_beyond_microseconds(text) { between(prefix, span) } else { (prefix, span) };
    if prefix != Prefix::Approximately {
        return Ok((prefix, span));
    }
    let distance = span.from.0.abs_diff(now.0).min(span.to.0.abs_diff(now.0));
    let margin = i64::try_from(distance / 10).unwrap_or(i64::MAX);
    let widened =
        Span { from: Time(span.from.0.saturating_sub(margin)), to: Time(span.to.0.saturating_add(margin)) };
    Ok((prefix, widened))
}

fn has_digits_beyond_microseconds(text: &str) -> bool {
    let digits = text.split_once('.').map_or("", |(_, fraction)| fraction);
    digits.bytes().take_while(u8::is_ascii_digit).skip(6).any(|digit| digit != b'0')
}

/// A moment between two microseconds, the first of which is `span`: nothing lies exactly there, and what is
/// asked to lie before it may lie in the first.
fn between(prefix: Prefix, span: Span) -> (Prefix, Span) {
    let next = Span { from: span.to, to: Time(span.to.0.saturating_add(1)) };
    match prefix {
        Prefix::Greater | Prefix::GreaterOrEqual => (Prefix::Greater, span),
        Prefix::StartsAfter => (prefix, span),
        Prefix::LessOrEqual => (Prefix::Less, next),
        _ => (prefix, next),
    }
}

/// A number with its prefix.
pub(super) fn number(value: &str) -> Result<Test, Reason> {
    let Range { prefix, low, high, number } = range(value)?;
    Ok(Test::Number(prefix, low, below(prefix, high, number)))
}

/// `number`, `number|system`, `number|system|code` or `number||code`.
pub(super) fn quantity(value: &str) -> Result<Test, Reason> {
    let parts: Vec<&str> = split(value, '|').collect();
    let (number, system, code) = match parts.as_slice() {
        [number] => (*number, "", ""),
        [number, system] if !system.is_empty() => (*number, *system, ""),
        [number, system, code] => (*number, *system, *code),
        _ => return Err(Reason::Value("'number', 'number|system', 'number|system|code' or 'number||code'")),
    };
    let Range { prefix, low, high, number } = range(number)?;
    let (system, code) = (unescape(system), unescape(code));
    let canonical = (&*system == UCUM).then(|| canonical_unit(&code)).flatten().map(|unit| {
        let (from, to) = unit.range(low, high);
        let (number, _) = unit.range(number, number);
        (from, below(prefix, to, number), unit.unit.as_str().into())
    });
    Ok(Test::Quantity(Box::new(QuantityTest {
        prefix,
        low,
        high: below(prefix, high, number),
        system: some(&system).map_or(SystemTest::Any, SystemTest::Is),
        code: some(&code),
        canonical,
    })))
}

/// What a number with its prefix stands for: a point, or for the prefixes that look at what the digits imply
/// from `low` up to but without `high`.
struct Range {
    prefix: Prefix,
    low: f64,
    high: f64,
    /// The number itself.
    number: f64,
}

fn range(value: &str) -> Result<Range, Reason> {
    const FORM: Reason = Reason::Value("a number like 100, -1.50 or 1e2");
    let (prefix, text) = prefix(value);
    // A plus sign that nobody encoded arrives as a blank.
    let text = &*text.replace(' ', "+");
    let decimal = Decimal::parse(text).ok_or(FORM)?;
    let number = decimal.to_f64();
    if !number.is_finite() {
        return Err(FORM);
    }
    let (low, high) = implied(text).ok_or(FORM)?;
    let (low, high) = match prefix {
        Prefix::Equal | Prefix::NotEqual => (low, high),
        Prefix::Approximately => {
            let (less, more) = (1.0 - APPROXIMATELY, 1.0 + APPROXIMATELY);
            let ends = [less, more].map(|part| decimal_product(number, part));
            (low.min(ends[0]).min(ends[1]), high.max(ends[0]).max(ends[1]))
        }
        _ => (number, number),
    };
    Ok(Range { prefix, low, high, number })
}

/// What the digits imply. In the standard's example `1e2` means 95 to 105, so that a single digit before an
/// exponent counts as exact to its first decimal.
fn implied(text: &str) -> Option<(f64, f64)> {
    match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) if mantissa.trim_start_matches('-').len() == 1 => {
            Some(Decimal::parse(&format!("{mantissa}.0e{exponent}"))?.implicit_range())
        }
        _ => Some(Decimal::parse(text)?.implicit_range()),
    }
}

/// The upper bound of a closed range: what the digits imply ends before its upper bound, but never before the
/// number itself, where the digits say more than a double can hold.
fn below(prefix: Prefix, high: f64, number: f64) -> f64 {
    match prefix {
        Prefix::Equal | Prefix::NotEqual => high.next_down().max(number),
        _ => high,
    }
}
