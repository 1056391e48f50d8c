//! A test as the stretches of terms to look at, and how to decide the terms in them.

use fhir::{Span, Time};
use search::{
    Codes, Near, Prefix, QuantityTest, ReferenceTest, StringTest, SystemTest, Test, TokenSet, UriTest,
    normalize, updated_matches,
};

use super::decode::{normalised, raw_optional, read_canonical, term_matches};
use super::{
    ABSENT, END, PRESENT, Spans, kind, low_bounds, ordered_f64, ordered_i64, put_optional, put_text,
    put_texts,
};
use crate::StorageError;
use crate::varint::Reader;

/// One stretch of the terms of a parameter.
pub(crate) enum Lookup<'t> {
    /// Exactly this term.
    Term(Vec<u8>),
    /// The terms from `from` up to, not including, `until`; those that pass `scan`.
    Range { from: Vec<u8>, until: Vec<u8>, scan: Scan<'t> },
}

impl Lookup<'_> {
    /// The first term to look at.
    pub(crate) fn from(&self) -> &[u8] {
        match self {
            Lookup::Term(term) => term,
            Lookup::Range { from, .. } => from,
        }
    }

    /// Whether a term at or after the first one lies behind all of them.
    pub(crate) fn is_past(&self, term: &[u8]) -> bool {
        match self {
            Lookup::Term(only) => term != only.as_slice(),
            Lookup::Range { until, .. } => term >= until.as_slice(),
        }
    }

    /// Whether the ordinals of a term of this stretch pass.
    pub(crate) fn passes(&self, term: &[u8]) -> Result<bool, StorageError> {
        match self {
            Lookup::Term(_) => Ok(true),
            Lookup::Range { scan, .. } => scan.passes(term),
        }
    }
}

/// How a term of a range is decided.
pub(crate) enum Scan<'t> {
    /// All pass.
    All,
    /// By the value that the term holds.
    Value(&'t Test),
    /// By the normalised text at the front of the term.
    Contains(&'t str),
    /// By the bounds in canonical units.
    Canonical { prefix: Prefix, low: f64, high: f64 },
    /// By the bounds and the unit, as written.
    Quantity(Box<AskedQuantity>),
    /// By the time in the term.
    Updated { prefix: Prefix, span: Span },
}

impl Scan<'_> {
    /// Whether the ordinals of `term` pass.
    pub(crate) fn passes(&self, term: &[u8]) -> Result<bool, StorageError> {
        match self {
            Scan::All => Ok(true),
            Scan::Value(test) => term_matches(test, term),
            Scan::Contains(part) => Ok(normalised(&mut Reader::new(term))?.contains(part)),
            Scan::Canonical { prefix, low, high } => {
                let (_, from, to) = read_canonical(&mut Reader::new(term))?;
                Ok(prefix.holds((from, to), (*low, *high)))
            }
            Scan::Quantity(asked) => asked.passes(term),
            Scan::Updated { prefix, span } => {
                let time = Reader::new(&term[1..]).array::<8>()?;
                Ok(updated_matches(*prefix, *span, Time(super::i64_of(&time))))
            }
        }
    }
}

/// Where to look for values that pass `test`; a value passes if one of the lookups finds it. `spans` are those of the
/// segment.
pub(crate) fn lookups<'t>(test: &'t Test, spans: &Spans) -> Vec<Lookup<'t>> {
    match test {
        Test::Token { system, code } => vec![token(system, code.as_deref())],
        Test::TokenText(start) => vec![prefixed(kind::TOKEN_TEXT, start)],
        Test::TypedIdentifier { value, .. } => vec![checked(texts(kind::TYPED_IDENTIFIER, &[value]), test)],
        Test::String(StringTest::StartsWith(start)) => vec![prefixed(kind::STRING, start)],
        Test::String(StringTest::Contains(part)) => {
            let from = vec![kind::STRING];
            vec![Lookup::Range { until: after(&from), from, scan: Scan::Contains(part) }]
        }
        Test::String(StringTest::Exact(whole)) => {
            vec![Lookup::Term(texts(kind::STRING, &[&normalize(whole), whole]))]
        }
        Test::String(StringTest::Equals(whole)) => vec![all(texts(kind::STRING, &[whole]))],
        Test::String(StringTest::EndsWith(_) | StringTest::Compares(..)) => {
            vec![checked(vec![kind::STRING], test)]
        }
        Test::Date(prefix, asked) => vec![date(test, *prefix, asked, spans.date_us)],
        Test::Number(prefix, from, to) => {
            vec![number(kind::NUMBER, *prefix, (*from, *to), spans.number, Scan::Value(test))]
        }
        Test::Quantity(asked) => quantity(asked, spans),
        Test::Reference(ReferenceTest::UrlVersions(canonical)) => {
            let mut from = vec![kind::URL];
            put_text(&mut from, canonical);
            vec![checked(from, test)]
        }
        Test::Reference(asked) => vec![reference(asked)],
        Test::ReferenceIdentifier { value, .. } => {
            let mut from = vec![kind::REFERENCE_IDENTIFIER];
            if let Some(value) = value {
                put_optional(&mut from, Some(value));
            }
            vec![checked(from, test)]
        }
        Test::Uri(UriTest::Is(whole)) => vec![Lookup::Term(texts(kind::URI, &[whole]))],
        Test::Uri(UriTest::Below(root)) => {
            let mut from = vec![kind::URI];
            put_text(&mut from, root.strip_suffix('/').unwrap_or(root));
            vec![checked(from, test)]
        }
        Test::Uri(UriTest::StartsWith(start)) => vec![prefixed(kind::URI, start)],
        Test::Uri(UriTest::Above(_) | UriTest::Contains(_) | UriTest::EndsWith(_)) => {
            vec![checked(vec![kind::URI], test)]
        }
        Test::Composite(tests) => vec![composite(test, tests)],
        Test::Codes(set) => codes(test, set),
        Test::MediaType { below, .. } => {
            let mut from = vec![kind::TOKEN, PRESENT];
            put_text(&mut from, below);
            vec![checked(from, test)]
        }
        Test::Near(near) => vec![position(test, near)],
        Test::Other(about) => kinds_of(about).iter().map(|kind| checked(vec![*kind], test)).collect(),
        Test::Any => vec![Lookup::Term(Vec::new())],
    }
}

/// Where to look for resources last written at a time that passes.
pub(crate) fn updated_lookup<'t>(prefix: Prefix, span: Span) -> Lookup<'t> {
    const MILLISECOND: i64 = 1000;
    let shown = (span.from.0.saturating_sub(MILLISECOND), span.to.0);
    let bounds = low_bounds(prefix, shown, |time: i64| Some(time.saturating_sub(MILLISECOND)));
    // Times are stored to the microsecond and compared to the millisecond, so both bounds give one more.
    let low = bounds.0.map(|low| low.saturating_sub(MILLISECOND));
    let high = bounds.1.map(|high| high.saturating_add(2 * MILLISECOND));
    ranged(kind::DATE, low.map(ordered_i64), high.map(ordered_i64), Scan::Updated { prefix, span })
}

/// A quantity asked for, its unit as terms have it, so that no term's texts need be taken out.
pub(crate) struct AskedQuantity {
    prefix: Prefix,
    low: f64,
    high: f64,
    /// What the system must be; `None`: anything.
    system: Option<Vec<u8>>,
    /// What the code must be; `None`: anything.
    code: Option<Vec<u8>>,
    /// Whether the unit may be it instead.
    or_unit: bool,
}

impl AskedQuantity {
    fn of(asked: &QuantityTest) -> AskedQuantity {
        let written = |text: Option<&str>| {
            let mut out = Vec::new();
            put_optional(&mut out, text);
            out
        };
        let system = match &asked.system {
            SystemTest::Any => None,
            SystemTest::Absent => Some(written(None)),
            SystemTest::Is(system) => Some(written(Some(system))),
        };
        let code = asked.code.as_deref().map(|code| written(Some(code)));
        let or_unit = !matches!(asked.system, SystemTest::Is(_));
        AskedQuantity { prefix: asked.prefix, low: asked.low, high: asked.high, system, code, or_unit }
    }

    /// Whether a quantity's term passes as it is written (`QuantityTest::matches`, its first half).
    fn passes(&self, term: &[u8]) -> Result<bool, StorageError> {
        let mut reader = Reader::new(term);
        reader.byte()?;
        let bounds = (super::f64_of(reader.take(8)?), super::f64_of(reader.take(8)?));
        if !self.prefix.holds(bounds, (self.low, self.high)) {
            return Ok(false);
        }
        let (system, code, unit) =
            (raw_optional(&mut reader)?, raw_optional(&mut reader)?, raw_optional(&mut reader)?);
        Ok(self.system.as_deref().is_none_or(|want| want == system)
            && self.code.as_deref().is_none_or(|want| want == code || self.or_unit && want == unit))
    }
}

fn token<'t>(system: &SystemTest, code: Option<&str>) -> Lookup<'t> {
    let mut term = vec![kind::TOKEN];
    match (code, system) {
        (Some(code), SystemTest::Any) => {
            put_optional(&mut term, Some(code));
            all(term)
        }
        (Some(code), system) => {
            put_optional(&mut term, Some(code));
            put_optional(&mut term, system_of(system));
            Lookup::Term(term)
        }
        (None, SystemTest::Any) => all(term),
        (None, system) => {
            let mut term = vec![kind::TOKEN_SYSTEM];
            put_optional(&mut term, system_of(system));
            Lookup::Term(term)
        }
    }
}

fn system_of(system: &SystemTest) -> Option<&str> {
    match system {
        SystemTest::Is(system) => Some(system),
        SystemTest::Any | SystemTest::Absent => None,
    }
}

fn date<'t>(test: &'t Test, prefix: Prefix, asked: &Span, span_max: u64) -> Lookup<'t> {
    let back = |time: i64| Some(time.saturating_sub_unsigned(span_max));
    let (low, high) =
        low_bounds(prefix, (asked.from.0, asked.to.0), |time: i64| back(time.saturating_sub(1)));
    ranged(
        kind::DATE,
        low.map(|t| ordered_i64(t.saturating_sub(1))),
        high.map(ordered_i64),
        Scan::Value(test),
    )
}

fn number(kind: u8, prefix: Prefix, asked: (f64, f64), width: f64, scan: Scan<'_>) -> Lookup<'_> {
    let (low, high) = bounds(prefix, asked, width);
    ranged(kind, low, high, scan)
}

/// Between which low ends numbers lie that can pass, as terms have them.
fn bounds(prefix: Prefix, asked: (f64, f64), width: f64) -> (Option<[u8; 8]>, Option<[u8; 8]>) {
    let (low, high) = low_bounds(prefix, asked, |high| Spans::back_from(width, high));
    // -0.0 equals 0.0 but lies before it.
    let low = low.map(|low| if low == 0.0 { -0.0 } else { low });
    let high = high.map(|high| if high == 0.0 { 0.0 } else { high });
    (low.map(ordered_f64), high.map(ordered_f64))
}

fn quantity<'t>(asked: &QuantityTest, spans: &Spans) -> Vec<Lookup<'t>> {
    let scan = Scan::Quantity(Box::new(AskedQuantity::of(asked)));
    let mut all = vec![number(kind::QUANTITY, asked.prefix, (asked.low, asked.high), spans.number, scan)];
    if let Some((low, high, unit)) = &asked.canonical {
        let of_unit = texts(kind::CANONICAL, &[unit]);
        let (first, last) = bounds(asked.prefix, (*low, *high), spans.canonical);
        let from = [of_unit.as_slice(), first.as_ref().map_or(&[], |low| low.as_slice())].concat();
        let last = [of_unit.as_slice(), last.as_ref().map_or(&[], |high| high.as_slice())].concat();
        let scan = Scan::Canonical { prefix: asked.prefix, low: *low, high: *high };
        all.push(Lookup::Range { from, until: after(&last), scan });
    }
    all
}

fn reference<'t>(asked: &ReferenceTest) -> Lookup<'t> {
    match asked {
        ReferenceTest::Key(key) => {
            let mut from = texts(kind::REFERENCE, &[key.id.as_str()]);
            from.extend_from_slice(&key.of.number().to_be_bytes());
            all(from)
        }
        ReferenceTest::Version(key, version) => {
            let mut term = texts(kind::REFERENCE, &[key.id.as_str()]);
            term.extend_from_slice(&key.of.number().to_be_bytes());
            put_optional(&mut term, Some(version));
            Lookup::Term(term)
        }
        ReferenceTest::Id(id) => all(texts(kind::REFERENCE, &[id])),
        ReferenceTest::Url(url) | ReferenceTest::UrlVersions(url) => Lookup::Term(texts(kind::URL, &[url])),
    }
}

/// The stretch in which the first component can pass; the rest is decided by the value.
fn composite<'t>(test: &'t Test, tests: &'t [Test]) -> Lookup<'t> {
    let mut from = vec![kind::COMPOSITE, tests.len() as u8];
    match tests.first() {
        Some(Test::Token { system, code: Some(code) }) => {
            from.push(kind::TOKEN);
            put_optional(&mut from, Some(code));
            if *system != SystemTest::Any {
                put_optional(&mut from, system_of(system));
            }
        }
        Some(Test::Reference(ReferenceTest::Key(key))) => {
            put_texts(&mut from, kind::REFERENCE, &[key.id.as_str()])
        }
        _ => {}
    }
    checked(from, test)
}

/// Codes up to which each is looked up, beyond which all codes are looked through.
const CODES_LOOKED_UP_MAX: usize = 2048;

/// Each code in turn, or all codes there are, whichever should be less.
fn codes<'t>(test: &'t Test, set: &TokenSet) -> Vec<Lookup<'t>> {
    let is_open = |codes: &Codes| matches!(codes, Codes::AllBut(codes) if !codes.is_empty());
    if set.len() > CODES_LOOKED_UP_MAX || set.systems().any(|(_, codes)| is_open(codes)) {
        return vec![checked(vec![kind::TOKEN], test)];
    }
    let mut all = Vec::with_capacity(set.len());
    for (system, codes) in set.systems() {
        match codes {
            Codes::Only(codes) => {
                all.extend(codes.iter().map(|code| token(&SystemTest::Is(system.into()), Some(code))))
            }
            Codes::AllBut(_) => all.push(token(&SystemTest::Is(system.into()), None)),
        }
    }
    all
}

/// The stretch of latitudes that may be near enough.
fn position<'t>(test: &'t Test, near: &Near) -> Lookup<'t> {
    let (low, high) = near.latitudes();
    let start = [kind::COMPOSITE, 2, kind::NUMBER];
    let bound = |degrees: f64| [&start[..], &ordered_f64(degrees)[..]].concat();
    // -0.0 equals 0.0 but lies before it.
    let from = bound(if low == 0.0 { -0.0 } else { low });
    Lookup::Range {
        from,
        until: after(&bound(if high == 0.0 { 0.0 } else { high })),
        scan: Scan::Value(test),
    }
}

/// The kinds of the terms that hold values that a test is about.
fn kinds_of(test: &Test) -> &'static [u8] {
    match test {
        Test::Token { .. } | Test::Codes(_) | Test::MediaType { .. } => &[kind::TOKEN],
        Test::TokenText(_) => &[kind::TOKEN_TEXT],
        Test::TypedIdentifier { .. } => &[kind::TYPED_IDENTIFIER],
        Test::String(_) => &[kind::STRING],
        Test::Date(..) => &[kind::DATE],
        Test::Number(..) => &[kind::NUMBER],
        Test::Quantity(_) => &[kind::QUANTITY],
        Test::Reference(_) => &[kind::REFERENCE, kind::URL],
        Test::ReferenceIdentifier { .. } => &[kind::REFERENCE_IDENTIFIER],
        Test::Uri(_) => &[kind::URI],
        Test::Composite(_) | Test::Near(_) => &[kind::COMPOSITE],
        Test::Other(test) => kinds_of(test),
        // Nothing is other than anything.
        Test::Any => &[],
    }
}

fn texts(kind: u8, texts: &[&str]) -> Vec<u8> {
    let mut term = Vec::new();
    put_texts(&mut term, kind, texts);
    term
}

fn prefixed<'t>(kind: u8, start: &str) -> Lookup<'t> {
    let mut from = vec![kind];
    put_text(&mut from, start);
    all(from)
}

fn all<'t>(from: Vec<u8>) -> Lookup<'t> {
    Lookup::Range { until: after(&from), from, scan: Scan::All }
}

fn checked(from: Vec<u8>, test: &Test) -> Lookup<'_> {
    Lookup::Range { until: after(&from), from, scan: Scan::Value(test) }
}

/// A stretch of one kind between two numbers, both included.
fn ranged<'t>(kind: u8, low: Option<[u8; 8]>, high: Option<[u8; 8]>, scan: Scan<'t>) -> Lookup<'t> {
    let mut from = vec![kind];
    from.extend(low.into_iter().flatten());
    let mut last = vec![kind];
    last.extend(high.into_iter().flatten());
    Lookup::Range { from, until: after(&last), scan }
}

/// The first term after all that begin with `start`.
fn after(start: &[u8]) -> Vec<u8> {
    let mut until = start.to_vec();
    while let Some(last) = until.pop() {
        if last < u8::MAX {
            until.push(last + 1);
            return until;
        }
    }
    vec![u8::MAX]
}

const _: () = assert!(END < ABSENT && ABSENT < PRESENT);
