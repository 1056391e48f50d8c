//! Random filters of every kind, and what a random caller may see.

use std::sync::Arc;

use fhir::{Id, ResourceType};
use search::{
    Codes, Direction, Filter, Hierarchy, Near, ParamId, Prefix, QuantityTest, ReferenceTest, StringTest,
    SystemTest, Test, TextQuery, TextWithin, TokenSet, UriTest, Visible, normalize,
};

use super::Dice;
use super::contained::some_containment;
use super::entry::{
    CODES, DEGREES, LINK, NAMES, NUMBERS, PLACE, SYSTEMS, TYPES, URIS, some_id, some_key, some_range,
    some_span,
};
use super::parameter::OWN;
use crate::suite::world::{
    ADDRESS, AMOUNT, BIRTH, CODE, FOCUS, NAME, PAIR, SCORE, SUBJECT, all, has, of, span,
};

const PARAMS: [ParamId; 15] = [
    ParamId::CREATED,
    OWN[0],
    OWN[1],
    NAME,
    BIRTH,
    CODE,
    SUBJECT,
    FOCUS,
    SCORE,
    AMOUNT,
    ADDRESS,
    PAIR,
    LINK,
    PLACE,
    ParamId::COMPARTMENT,
];

pub(super) fn some_type(dice: &mut Dice) -> ResourceType {
    of(dice.pick(&TYPES))
}

/// A filter that nests at most `depth` deep.
pub(super) fn some_filter(dice: &mut Dice, depth: usize) -> Filter {
    if depth == 0 || dice.below(3) > 0 {
        return some_leaf(dice);
    }
    let inner = |dice: &mut Dice| some_filter(dice, depth - 1);
    match dice.below(8) {
        7 => some_containment(dice).filter(),
        0 | 1 => Filter::And(dice.some(3, inner)),
        2 => Filter::Or(dice.some(3, inner)),
        3 => Filter::Not(Box::new(inner(dice))),
        4 | 5 => Filter::Refers {
            param: dice.pick(&[SUBJECT, FOCUS]),
            of: some_type(dice),
            filter: Box::new(inner(dice)),
        },
        _ => Filter::ReferredBy {
            by: some_type(dice),
            param: dice.pick(&[SUBJECT, FOCUS]),
            filter: Box::new(inner(dice)),
        },
    }
}

fn some_leaf(dice: &mut Dice) -> Filter {
    match dice.below(18) {
        0 => Filter::Everything,
        1 => Filter::Ids(dice.some(3, |dice| Id::parse(some_id(dice)).expect("an id"))),
        2 => Filter::Updated(some_prefix(dice), span(dice.pick(&UPDATES))),
        7 => has(ParamId::CREATED, Test::Date(some_prefix(dice), span(dice.pick(&UPDATES)))),
        3 => Filter::Missing(dice.pick(&PARAMS)),
        4 => Filter::Nothing,
        5 => some_words(dice),
        6 => some_hierarchy(dice),
        _ => some_test(dice),
    }
}

fn some_hierarchy(dice: &mut Dice) -> Filter {
    let hierarchy = Hierarchy {
        of: some_type(dice),
        parent: dice.pick(&[SUBJECT, FOCUS]),
        root: some_reference(dice),
        direction: dice.pick(&[Direction::Above, Direction::Below]),
        filter: Filter::Everything,
    };
    Filter::RefersWithin { param: dice.pick(&[SUBJECT, FOCUS]), hierarchy: Box::new(hierarchy) }
}

/// Times around those that the clock shows.
const UPDATES: [&str; 4] = ["2020", "2020-01-01T00:00", "2020-01-01T00:01", "2020-01-01T00:00:02.003Z"];

/// Words that bodies may have.
fn some_words(dice: &mut Dice) -> Filter {
    let typed =
        dice.pick(&["de", "note longer", "\"longer that\"", "gb OR de", "en", "observation OR basic"]);
    let within = dice.pick(&[TextWithin::Narrative, TextWithin::Content, TextWithin::Content]);
    TextQuery::parse(within, typed).map_or(Filter::Nothing, Filter::Text)
}

fn some_test(dice: &mut Dice) -> Filter {
    match dice.below(15) {
        12 => has(CODE, some_codes(dice)),
        13 => has(PLACE, some_near(dice)),
        14 => some_other(dice),
        0 | 1 => has(NAME, Test::String(some_string(dice))),
        2 => has(BIRTH, Test::Date(some_prefix(dice), some_span(dice))),
        3 => has(CODE, some_token(dice)),
        4 if dice.one_in(3) => has(CODE, some_media_type(dice)),
        4 => has(CODE, some_token_text(dice)),
        5 if dice.one_in(2) => {
            let code = Some(dice.pick(&["de", "en-GB", "1", "x"]).into());
            has(dice.pick(&OWN), Test::Token { system: SystemTest::Any, code })
        }
        5 => has(dice.pick(&[SUBJECT, FOCUS, ParamId::COMPARTMENT]), Test::Reference(some_reference(dice))),
        6 => has(SUBJECT, some_reference_identifier(dice)),
        7 => has(SCORE, some_number(dice)),
        8 => has(AMOUNT, some_quantity(dice)),
        9 => has(ADDRESS, some_uri(dice)),
        10 => has(PAIR, Test::Composite(vec![some_component(dice), some_number(dice)])),
        _ => {
            let text = Test::String(some_string(dice));
            has(LINK, Test::Composite(vec![Test::Reference(some_reference(dice)), text]))
        }
    }
}

/// What is of the kind of some test and does not pass it.
fn some_other(dice: &mut Dice) -> Filter {
    match some_test(dice) {
        Filter::Has(param, test) => has(param, Test::Other(Box::new(test))),
        other => other,
    }
}

fn some_codes(dice: &mut Dice) -> Test {
    let mut set = TokenSet::new();
    for _ in 0..dice.below(3) {
        let codes = dice.some(2, |dice| dice.pick(&CODES).into()).into_iter().collect();
        let codes = if dice.one_in(3) { Codes::AllBut(codes) } else { Codes::Only(codes) };
        set.add(dice.pick(&SYSTEMS).unwrap_or("none"), codes);
    }
    Test::Codes(Arc::new(set))
}

fn some_media_type(dice: &mut Dice) -> Test {
    let system = some_system(dice);
    Test::MediaType { system, below: dice.pick(&CODES).into() }
}

fn some_near(dice: &mut Dice) -> Test {
    let (latitude, longitude) = (dice.pick(&DEGREES), dice.pick(&DEGREES));
    Test::Near(Near { latitude, longitude, distance_m: dice.pick(&[0.0, 1e3, 2e6, 3e7]) })
}

fn some_prefix(dice: &mut Dice) -> Prefix {
    dice.pick(&[
        Prefix::Equal,
        Prefix::NotEqual,
        Prefix::Greater,
        Prefix::Less,
        Prefix::GreaterOrEqual,
        Prefix::LessOrEqual,
        Prefix::StartsAfter,
        Prefix::EndsBefore,
        Prefix::Approximately,
    ])
}

fn some_part(dice: &mut Dice) -> Arc<str> {
    let normal = normalize(dice.pick(&NAMES)).into_owned();
    let characters = normal.chars().count();
    let from = dice.below(2);
    let part: String = normal.chars().skip(from).take(dice.below(characters + 1)).collect();
    normalize(&part).into()
}

fn some_string(dice: &mut Dice) -> StringTest {
    match dice.below(6) {
        0 => StringTest::StartsWith(some_part(dice)),
        1 => StringTest::Contains(some_part(dice)),
        2 => StringTest::Equals(some_part(dice)),
        3 => StringTest::EndsWith(some_part(dice)),
        4 => StringTest::Compares(some_prefix(dice), some_part(dice)),
        _ => StringTest::Exact(dice.pick(&NAMES).into()),
    }
}

fn some_system(dice: &mut Dice) -> SystemTest {
    match dice.pick(&SYSTEMS) {
        _ if dice.one_in(2) => SystemTest::Any,
        None => SystemTest::Absent,
        Some(system) => SystemTest::Is(system.into()),
    }
}

fn some_token(dice: &mut Dice) -> Test {
    let code = (!dice.one_in(4)).then(|| dice.pick(&CODES).into());
    Test::Token { system: some_system(dice), code }
}

fn some_component(dice: &mut Dice) -> Test {
    match dice.below(4) {
        0 => Test::Any,
        1 => some_codes(dice),
        2 => Test::Other(Box::new(some_token(dice))),
        _ => some_token(dice),
    }
}

fn some_token_text(dice: &mut Dice) -> Test {
    if dice.one_in(2) {
        return Test::TokenText(some_part(dice));
    }
    let system = some_system(dice);
    Test::TypedIdentifier { system, code: dice.pick(&CODES).into(), value: dice.pick(&CODES).into() }
}

fn some_reference(dice: &mut Dice) -> ReferenceTest {
    match dice.below(6) {
        0 => ReferenceTest::Version(some_key(dice), dice.pick(&["1", "2"]).into()),
        1 => ReferenceTest::Id(some_id(dice).into()),
        2 if dice.one_in(2) => ReferenceTest::UrlVersions(dice.pick(&URIS).into()),
        2 => ReferenceTest::Url(dice.pick(&URIS).into()),
        _ => ReferenceTest::Key(some_key(dice)),
    }
}

fn some_reference_identifier(dice: &mut Dice) -> Test {
    let value = (!dice.one_in(4)).then(|| dice.pick(&["x", "y"]).into());
    Test::ReferenceIdentifier { system: some_system(dice), value }
}

fn some_bounds(dice: &mut Dice) -> (f64, f64) {
    let (low, high) = some_range(dice);
    if low.is_finite() && high.is_finite() { (low, high) } else { (dice.pick(&NUMBERS), 1e12) }
}

fn some_number(dice: &mut Dice) -> Test {
    let (low, high) = some_bounds(dice);
    Test::Number(some_prefix(dice), low, high)
}

fn some_quantity(dice: &mut Dice) -> Test {
    let (low, high) = some_bounds(dice);
    let is_ucum = dice.one_in(2);
    let ucum = || SystemTest::Is("http://unitsofmeasure.org".into());
    Test::Quantity(Box::new(QuantityTest {
        prefix: some_prefix(dice),
        low,
        high,
        system: if is_ucum { ucum() } else { some_system(dice) },
        code: if is_ucum { Some("mg".into()) } else { dice.pick(&[None, Some("mg".into())]) },
        canonical: is_ucum.then(|| (low * 0.001, high * 0.001, "g".into())),
    }))
}

fn some_uri(dice: &mut Dice) -> Test {
    let uri = dice.pick(&URIS).into();
    Test::Uri(match dice.below(6) {
        0 => UriTest::Below(uri),
        1 => UriTest::Above(uri),
        2 => UriTest::StartsWith(uri),
        3 => UriTest::Contains(dice.pick(&["x/y", "/", "oid"]).into()),
        4 => UriTest::EndsWith(dice.pick(&["z", "/", "1.2"]).into()),
        _ => UriTest::Is(uri),
    })
}

/// Everything mostly; else one compartment, or what one condition lets through, for some types.
pub(super) fn some_visible(dice: &mut Dice) -> Visible {
    let mut visible = match dice.below(3) {
        0 => Visible::nothing(),
        _ => return all(),
    };
    for of_type in TYPES {
        match dice.below(4) {
            0 => {}
            1 => visible = visible.allow(of(of_type), Filter::Everything),
            2 => visible = visible.allow(of(of_type), some_test(dice)),
            _ => {
                let mine = Test::Reference(ReferenceTest::Key(some_patient(dice)));
                visible = visible.allow(of(of_type), has(ParamId::COMPARTMENT, mine));
            }
        }
    }
    visible
}

fn some_patient(dice: &mut Dice) -> fhir::ResourceKey {
    crate::suite::world::key(&format!("Patient/{}", some_id(dice)))
}
