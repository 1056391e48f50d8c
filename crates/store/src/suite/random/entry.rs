//! Random keys, bodies and entries: few enough values that they meet.

use fhir::{ResourceKey, Span};
use search::{Entries, ParamId, QuantityValue, Target, Value};

use super::Dice;
use super::contained::contain_some;
use super::parameter::OWN;
use crate::suite::world::{
    ADDRESS, AMOUNT, BIRTH, CODE, FOCUS, NAME, PAIR, SCORE, SUBJECT, body, key, quantity, span, token,
};
use crate::{Operation, Put};

/// A composite of a reference and a text.
pub(super) const LINK: ParamId = ParamId(109);

/// A position: latitude and longitude.
pub(super) const PLACE: ParamId = ParamId(110);

pub(super) const DEGREES: [f64; 6] = [-90.0, -0.0, 0.0, 0.005, 51.5, 179.9];
pub(super) const TYPES: [&str; 3] = ["Patient", "Observation", "Basic"];
pub(super) const SYSTEMS: [Option<&str>; 3] = [None, Some("http://s"), Some("urn:t")];
pub(super) const CODES: [&str; 6] = ["x", "y", "X", "mg", "x/y", "x/y; z"];
pub(super) const NAMES: [&str; 8] = [
    "Ann",
    "ANNA",
    "Ännchen",
    "Bob",
    "bob the  builder",
    "",
    "Zoë Ann",
    "annabel lee of the long, long name",
];
pub(super) const DATES: [&str; 9] = [
    "1979",
    "1980",
    "1980-05",
    "1980-05-11",
    "1980-05-11T16:32:15Z",
    "1980-05-11T16:32:15.5Z",
    "1980-12-31",
    "1981",
    "2020-01-01",
];
pub(super) const NUMBERS: [f64; 9] = [-100.0, -1.5, 0.0, 0.001, 1.0, 1.5, 2.0, 99.5, 1e9];
pub(super) const URIS: [&str; 9] = [
    "http://x/y",
    "http://x/y/z",
    "http://x/yz",
    "http://x/",
    "urn:oid:1.2",
    "http://x/y/z/1",
    "http://x/y|1",
    "http://x/y|1.2",
    "http://x/y|11",
];
const IDS: [&str; 8] = ["0", "1", "2", "3", "a", "B", "long-id.with-64", "7"];

pub(super) fn some_id(dice: &mut Dice) -> &'static str {
    dice.pick(&IDS)
}

pub(super) fn some_key(dice: &mut Dice) -> ResourceKey {
    key(&format!("{}/{}", dice.pick(&TYPES), some_id(dice)))
}

pub(super) fn some_put(dice: &mut Dice) -> Put {
    let key = some_key(dice);
    let body = body(
        &key,
        dice.pick(&["", "de", "en-GB", "de", "en-GB", "", "a note that is longer than the others", "stale"]),
    );
    let operation = dice.pick(&[Operation::Create, Operation::Update, Operation::Patch]);
    let mut put = Put { key, body, entries: some_entries(dice), operation };
    if dice.one_in(3) {
        contain_some(dice, &mut put);
    }
    put
}

fn some_entries(dice: &mut Dice) -> Entries {
    let mut entries = Entries::new();
    for _ in 0..dice.below(9) {
        match dice.below(13) {
            11 => entries.push_composite(PLACE, [some_degrees(dice), some_degrees(dice)]),
            0 if dice.one_in(4) => entries.push(dice.pick(&OWN), some_code(dice)),
            0 => entries.push(NAME, Value::String(dice.pick(&NAMES))),
            1 => entries.push(BIRTH, Value::Date(some_span(dice))),
            2 | 3 => entries.push(CODE, some_token(dice)),
            4 => entries.push(SUBJECT, some_reference(dice)),
            5 => entries.push(FOCUS, some_reference(dice)),
            6 => entries.push(SCORE, some_number(dice)),
            7 => entries.push(AMOUNT, some_quantity(dice)),
            8 => entries.push(ADDRESS, Value::Uri(dice.pick(&URIS))),
            9 => entries.push_composite(PAIR, [some_code(dice), some_number(dice)]),
            10 => entries.push_composite(LINK, [some_target(dice), Value::String(dice.pick(&NAMES))]),
            _ => entries.push(ParamId::COMPARTMENT, some_patient(dice)),
        }
    }
    entries
}

fn some_degrees(dice: &mut Dice) -> Value<'static> {
    let degrees = dice.pick(&DEGREES);
    Value::Number { low: degrees, high: degrees }
}

pub(super) fn some_span(dice: &mut Dice) -> Span {
    let from = span(dice.pick(&DATES));
    let to = span(dice.pick(&DATES));
    // Now and then a period, open at an end.
    match dice.below(6) {
        0 if from.from < to.to => Span { from: from.from, to: to.to },
        1 => Span { from: fhir::Time(i64::MIN), to: to.to },
        2 => Span { from: from.from, to: fhir::Time(i64::MAX) },
        _ => from,
    }
}

fn some_code(dice: &mut Dice) -> Value<'static> {
    match dice.below(8) {
        0 => Value::Token { system: Some("http://s"), code: None },
        _ => token(dice.pick(&SYSTEMS), dice.pick(&CODES)),
    }
}

fn some_token(dice: &mut Dice) -> Value<'static> {
    match dice.below(6) {
        0 => Value::TokenText(dice.pick(&NAMES)),
        1 => Value::TypedIdentifier {
            system: dice.pick(&SYSTEMS),
            code: dice.pick(&CODES),
            value: dice.pick(&CODES),
        },
        _ => some_code(dice),
    }
}

fn some_patient(dice: &mut Dice) -> Value<'static> {
    Value::Reference(Target::Local { of: key("Patient/0").of, id: some_id(dice), version: None })
}

fn some_target(dice: &mut Dice) -> Value<'static> {
    let version = dice.one_in(5).then(|| dice.pick(&["1", "2"]));
    match dice.below(6) {
        0 => Value::Reference(Target::Url(dice.pick(&URIS))),
        _ => Value::Reference(Target::Local { of: some_key(dice).of, id: some_id(dice), version }),
    }
}

fn some_reference(dice: &mut Dice) -> Value<'static> {
    match dice.below(8) {
        0 => Value::ReferenceIdentifier {
            system: dice.pick(&SYSTEMS),
            value: dice.pick(&[None, Some("x"), Some("y")]),
        },
        _ => some_target(dice),
    }
}

fn some_number(dice: &mut Dice) -> Value<'static> {
    let (low, high) = some_range(dice);
    Value::Number { low, high }
}

/// A point mostly; sometimes a range, open at an end.
pub(super) fn some_range(dice: &mut Dice) -> (f64, f64) {
    let (one, other) = (dice.pick(&NUMBERS), dice.pick(&NUMBERS));
    match dice.below(6) {
        0 => (one.min(other), one.max(other)),
        1 => (one, f64::INFINITY),
        2 => (f64::NEG_INFINITY, one),
        _ => (one, one),
    }
}

fn some_quantity(dice: &mut Dice) -> Value<'static> {
    let number = dice.pick(&NUMBERS);
    match dice.below(5) {
        0 => quantity(number, "mg", 0.001, "g"),
        1 => quantity(number, "g", 1.0, "g"),
        2 => quantity(number, "m", 1.0, "m"),
        _ => {
            let (low, high) = some_range(dice);
            Value::Quantity(QuantityValue {
                low,
                high,
                system: dice.pick(&SYSTEMS),
                code: dice.pick(&[None, Some("x"), Some("mg")]),
                unit: dice.pick(&[None, Some("mg"), Some("Stück")]),
                canonical: None,
            })
        }
    }
}
