//! Seeded worlds: random resources, writes, searches and grants, the same for the same seed.

#![allow(dead_code, unused_imports, reason = "each test uses a part of the world")]

mod extracted;

pub(crate) use extracted::{extracted, extracted_put};

use std::sync::Arc;

use bytes::Bytes;
use fhir::{Id, ResourceKey, ResourceType, Span, Time};
use search::{
    Canonical, Direction, Entries, Filter, Hierarchy, Include, Link, ParamId, Prefix, QuantityTest,
    QuantityValue, ReferenceTest, Search, Sort, SortKey, StringTest, SystemTest, Target, Test, Total,
    UriTest, Value, Visible,
};
use store::{History, Operation, Precondition, Put, Scope, Transaction, Write};

/// A small generator (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

const TYPES: [&str; 3] = ["Patient", "Observation", "Encounter"];
const SYSTEMS: [&str; 3] = ["http://a", "http://b", ""];
const CODES: [&str; 5] = ["x", "y", "xy", "z\u{0}", "\u{1}"];
const TEXTS: [&str; 8] = ["Anna", "ann", "Ännchen", "Bob", "bo b", "", "a\u{0}b", "Straße"];
const URIS: [&str; 6] = ["http://a", "http://a/b", "http://a/bc", "http://a/b/c", "urn:x", "http://a/"];

/// Codes of R4, so that what is extracted from a resource is searched for by the same numbers.
const TOKEN: ParamId = ParamId(24);
const TEXT: ParamId = ParamId(195);
const DATE: ParamId = ParamId(142);
const NUMBER: ParamId = ParamId(330);
const QUANTITY: ParamId = ParamId(464);
const REFERENCE: ParamId = ParamId(424);
const URI: ParamId = ParamId(23);
const COMPOSITE: ParamId = ParamId(96);
const IDENTIFIER: ParamId = ParamId(217);
const PARAMS: [ParamId; 9] = [TOKEN, TEXT, DATE, NUMBER, QUANTITY, REFERENCE, URI, COMPOSITE, IDENTIFIER];

pub(crate) fn of(dice: &mut Dice) -> ResourceType {
    ResourceType::parse(dice.pick(&TYPES)).unwrap()
}

pub(crate) fn key(dice: &mut Dice, ids: u64) -> ResourceKey {
    let of = of(dice);
    ResourceKey { of, id: Id::parse(&format!("r{}", dice.below(ids))).unwrap() }
}

fn optional<'t>(dice: &mut Dice, texts: &'t [&'t str]) -> Option<&'t str> {
    (!dice.one_in(4)).then(|| dice.pick(texts))
}

fn span(dice: &mut Dice) -> Span {
    let from = dice.below(40) as i64 * 1000;
    let len = dice.pick(&[1, 1000, 5000, 100_000]);
    Span { from: Time(from), to: Time(if dice.one_in(1000) { i64::MAX } else { from + len }) }
}

fn range(dice: &mut Dice) -> (f64, f64) {
    let low = [-1.0, -0.0, 0.0, 0.5, 1.0, 2.0, 100.0][dice.below(7) as usize];
    (low, low + [0.0, 0.5, 10.0, f64::INFINITY][dice.below(4) as usize])
}

fn quantity<'t>(dice: &mut Dice) -> QuantityValue<'t> {
    let (low, high) = range(dice);
    let canonical = dice.one_in(2).then_some(Canonical { low: low * 2.0, high: high * 2.0, unit: "m" });
    QuantityValue {
        low,
        high,
        system: optional(dice, &SYSTEMS),
        code: optional(dice, &CODES),
        unit: optional(dice, &CODES),
        canonical,
    }
}

pub(crate) fn entries(dice: &mut Dice, ids: u64) -> Entries {
    let mut entries = Entries::new();
    for _ in 0..dice.below(8) {
        let value = match dice.below(12) {
            0 | 1 => (TOKEN, Value::Token { system: optional(dice, &SYSTEMS), code: optional(dice, &CODES) }),
            2 => (TOKEN, Value::TokenText(dice.pick(&TEXTS))),
            3 => (TEXT, Value::String(dice.pick(&TEXTS))),
            4 => (DATE, Value::Date(span(dice))),
            5 => {
                let (low, high) = range(dice);
                (NUMBER, Value::Number { low, high })
            }
            6 => (QUANTITY, Value::Quantity(quantity(dice))),
            7 => (URI, Value::Uri(dice.pick(&URIS))),
            8 => {
                let system = optional(dice, &SYSTEMS);
                (
                    IDENTIFIER,
                    Value::TypedIdentifier { system, code: dice.pick(&CODES), value: dice.pick(&TEXTS) },
                )
            }
            9 => {
                let (system, value) = (optional(dice, &SYSTEMS), optional(dice, &TEXTS));
                (REFERENCE, Value::ReferenceIdentifier { system, value })
            }
            10 => {
                let code = Value::Token { system: optional(dice, &SYSTEMS), code: optional(dice, &CODES) };
                entries.push_composite(COMPOSITE, [code, Value::Quantity(quantity(dice))]);
                continue;
            }
            _ if dice.one_in(6) => (REFERENCE, Value::Reference(Target::Url(dice.pick(&URIS)))),
            _ => {
                let key = key(dice, ids);
                let version = dice.one_in(3).then_some("2");
                let target = Target::Local { of: key.of, id: key.id.as_str(), version };
                entries.push(REFERENCE, Value::Reference(target));
                continue;
            }
        };
        entries.push(value.0, value.1);
    }
    entries
}

pub(crate) fn put(dice: &mut Dice, ids: u64) -> Put {
    let key = key(dice, ids);
    let body = format!(
        r#"{{"resourceType":"{}","id":"{}","meta":{{}},"n":{}}}"#,
        key.of.name(),
        key.id.as_str(),
        dice.below(1 << 40)
    );
    let operation = dice.pick(&[Operation::Create, Operation::Update, Operation::Patch]);
    Put { key, body: Bytes::from(body), entries: entries(dice, ids), operation }
}

pub(crate) fn transaction(dice: &mut Dice, ids: u64) -> Transaction {
    transaction_of(dice, ids, put)
}

/// A transaction with puts that `put` makes.
pub(crate) fn transaction_of(dice: &mut Dice, ids: u64, put: impl Fn(&mut Dice, u64) -> Put) -> Transaction {
    let mut writes: Vec<Write> = Vec::new();
    for _ in 0..dice.below(4) {
        let write = if dice.one_in(4) { Write::Delete(key(dice, ids)) } else { Write::Put(put(dice, ids)) };
        writes.push(write);
    }
    let preconditions = (0..dice.below(2)).map(|_| precondition(dice, ids)).collect();
    Transaction { preconditions, writes }
}

fn precondition(dice: &mut Dice, ids: u64) -> Precondition {
    let key = key(dice, ids);
    match dice.below(5) {
        0 => Precondition::Version(key, dice.below(3)),
        1 => Precondition::Absent(key),
        2 => Precondition::Present(key),
        3 => Precondition::NoMatch(key.of, filter(dice, ids, 1)),
        _ => Precondition::OnlyMatch(key, filter(dice, ids, 1)),
    }
}

fn system_test(dice: &mut Dice) -> SystemTest {
    match dice.below(3) {
        0 => SystemTest::Any,
        1 => SystemTest::Absent,
        _ => SystemTest::Is(Arc::from(dice.pick(&SYSTEMS))),
    }
}

fn prefix(dice: &mut Dice) -> Prefix {
    use Prefix::*;
    dice.pick(&[
        Equal,
        NotEqual,
        Greater,
        Less,
        GreaterOrEqual,
        LessOrEqual,
        StartsAfter,
        EndsBefore,
        Approximately,
    ])
}

fn optional_arc(dice: &mut Dice, texts: &[&str]) -> Option<Arc<str>> {
    optional(dice, texts).map(Arc::from)
}

fn quantity_test(dice: &mut Dice) -> Test {
    let (low, high) = range(dice);
    let canonical = dice.one_in(2).then(|| (low * 2.0, high * 2.0, Arc::from("m")));
    let (prefix, system, code) = (prefix(dice), system_test(dice), optional_arc(dice, &CODES));
    Test::Quantity(Box::new(QuantityTest { prefix, low, high, system, code, canonical }))
}

fn test(dice: &mut Dice, ids: u64) -> (ParamId, Test) {
    let text = |dice: &mut Dice| Arc::<str>::from(dice.pick(&TEXTS));
    let start = |dice: &mut Dice| {
        let text = search::normalize(dice.pick(&TEXTS)).into_owned();
        let len = dice.below(3) as usize;
        Arc::<str>::from(text.chars().take(len).collect::<String>())
    };
    let uri = |dice: &mut Dice| Arc::<str>::from(dice.pick(&URIS));
    match dice.below(12) {
        0 => (TOKEN, Test::Token { system: system_test(dice), code: optional_arc(dice, &CODES) }),
        1 => (TOKEN, Test::TokenText(start(dice))),
        2 => (TEXT, Test::String(StringTest::StartsWith(start(dice)))),
        3 => (TEXT, Test::String(StringTest::Contains(start(dice)))),
        4 => (TEXT, Test::String(StringTest::Exact(text(dice)))),
        5 => (DATE, Test::Date(prefix(dice), span(dice))),
        6 => {
            let (low, high) = range(dice);
            (NUMBER, Test::Number(prefix(dice), low, high))
        }
        7 => (QUANTITY, quantity_test(dice)),
        8 => {
            let test = match dice.below(4) {
                0 => ReferenceTest::Key(key(dice, ids)),
                1 => ReferenceTest::Version(key(dice, ids), Arc::from("2")),
                2 => ReferenceTest::Id(Arc::from(key(dice, ids).id.as_str())),
                _ => ReferenceTest::Url(uri(dice)),
            };
            (REFERENCE, Test::Reference(test))
        }
        9 if dice.one_in(2) => {
            let (system, value) = (system_test(dice), optional_arc(dice, &TEXTS));
            (REFERENCE, Test::ReferenceIdentifier { system, value })
        }
        9 => {
            let (system, code, value) = (system_test(dice), Arc::from(dice.pick(&CODES)), text(dice));
            (IDENTIFIER, Test::TypedIdentifier { system, code, value })
        }
        10 => {
            let uri = uri(dice);
            (
                URI,
                Test::Uri(match dice.below(3) {
                    0 => UriTest::Is(uri),
                    1 => UriTest::Below(uri),
                    _ => UriTest::Above(uri),
                }),
            )
        }
        _ => {
            let token = Test::Token { system: system_test(dice), code: optional_arc(dice, &CODES) };
            (COMPOSITE, Test::Composite(vec![token, quantity_test(dice)]))
        }
    }
}

pub(crate) fn filter(dice: &mut Dice, ids: u64, depth: u64) -> Filter {
    match dice.below(if depth == 0 { 8 } else { 14 }) {
        0 => Filter::Everything,
        1 => Filter::Ids((0..dice.below(4)).map(|_| key(dice, ids).id).collect()),
        2 => Filter::Updated(prefix(dice), span(dice)),
        3 => Filter::Missing(dice.pick(&PARAMS)),
        4..=7 => {
            let (param, test) = test(dice, ids);
            Filter::Has(param, test)
        }
        8 => Filter::Not(Box::new(filter(dice, ids, depth - 1))),
        9 => Filter::Or((0..dice.below(3)).map(|_| filter(dice, ids, depth - 1)).collect()),
        10 => {
            Filter::Refers { param: REFERENCE, of: of(dice), filter: Box::new(filter(dice, ids, depth - 1)) }
        }
        11 => Filter::RefersWithin {
            param: REFERENCE,
            hierarchy: Box::new(Hierarchy {
                of: of(dice),
                parent: REFERENCE,
                root: ReferenceTest::Key(key(dice, ids)),
                direction: if dice.one_in(2) { Direction::Above } else { Direction::Below },
                filter: Filter::Everything,
            }),
        },
        12 => Filter::ReferredBy {
            by: of(dice),
            param: REFERENCE,
            filter: Box::new(filter(dice, ids, depth - 1)),
        },
        _ => Filter::And((0..dice.below(4)).map(|_| filter(dice, ids, depth - 1)).collect()),
    }
}

fn local(dice: &mut Dice, ids: u64) -> Filter {
    loop {
        let filter = filter(dice, ids, 1);
        if filter.is_local() {
            return filter;
        }
    }
}

pub(crate) fn visible(dice: &mut Dice, ids: u64) -> Visible {
    if dice.one_in(2) {
        return Visible::everything("test");
    }
    let mut visible = Visible::nothing();
    for name in TYPES {
        if !dice.one_in(4) {
            visible = visible.allow(ResourceType::parse(name).unwrap(), local(dice, ids));
        }
    }
    visible
}

pub(crate) fn search(dice: &mut Dice, ids: u64) -> Search {
    let of = of(dice);
    let visible = visible(dice, ids);
    let mut types = vec![(of, filter(dice, ids, 3))];
    if dice.one_in(3) {
        types.push((self::of(dice), filter(dice, ids, 2)));
    }
    let mut search = Search::across(&visible, types);
    search.count = [0, 1, 3, 10, 1000][dice.below(5) as usize];
    search.include_max = [1, 2, 1000][dice.below(3) as usize];
    search.total = if dice.one_in(2) { Total::Accurate } else { Total::None };
    search.sort = (0..dice.below(3))
        .map(|_| Sort {
            by: match dice.below(7) {
                0 => SortKey::Id,
                6 => SortKey::Type,
                1 => SortKey::Updated,
                2 => SortKey::Param(DATE),
                _ => SortKey::Param(dice.pick(&PARAMS)),
            },
            descending: dice.one_in(2),
        })
        .collect();
    for _ in 0..dice.below(3) {
        let target = dice.one_in(2).then(|| self::of(dice));
        let link = if dice.one_in(2) {
            let from = dice.one_in(3).then(|| self::of(dice));
            Link::Forward { from, param: (!dice.one_in(4)).then_some(REFERENCE), target }
        } else {
            Link::Reverse { by: self::of(dice), param: REFERENCE, target }
        };
        search.include.push(Include { link, iterate: dice.one_in(3) });
    }
    search
}

pub(crate) fn history(dice: &mut Dice, ids: u64) -> History {
    let key = key(dice, ids);
    let scope = match dice.below(3) {
        0 => Scope::Instance(key),
        1 => Scope::Type(key.of),
        _ => Scope::System,
    };
    History {
        version: dice.one_in(4).then(|| dice.below(4)),
        since: dice.one_in(4).then(|| Time(dice.below(40) as i64 * 1000)),
        until: dice.one_in(4).then(|| Time(dice.below(40) as i64 * 1000)),
        replaced_after: dice.one_in(4).then(|| Time(dice.below(40) as i64 * 1000)),
        only: dice.one_in(4).then(|| (0..dice.below(4)).map(|_| self::key(dice, ids)).collect()),
        ..History::of(scope, [1, 3, 1000][dice.below(3) as usize])
    }
}
