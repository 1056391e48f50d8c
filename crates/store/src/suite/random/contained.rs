//! Random contained resources, and what is asked of them.

use bytes::Bytes;
use fhir::{Id, ResourceType};
use search::{
    Containment, Extractor, Filter, ParamId, ParameterSet, SelectedContents, StringTest, SystemTest, Target,
    Test, TextQuery, TextWithin, Value, registry,
};

use super::Dice;
use super::entry::some_id;
use super::filter::{some_filter, some_type};
use crate::Put;
use crate::suite::world::{FOCUS, has, of};

/// What stands in a body, with its types; the last one cannot be referred to.
const CONTENTS: [(&str, &[&str]); 4] = [
    (r#"[{"resourceType":"Patient","id":"p","gender":"male","name":[{"family":"Ann"}]}]"#, &["Patient"]),
    (
        r##"[{"resourceType":"Observation","id":"o","status":"final","code":{"text":"Bob"},"subject":{"reference":"Patient/1"},"focus":[{"reference":"#p"}]},{"resourceType":"Patient","id":"p","gender":"female"}]"##,
        &["Observation", "Patient"],
    ),
    (
        r#"[{"resourceType":"Patient","id":"p","name":[{"family":"Bob"}]},{"resourceType":"Patient","id":"q","gender":"male"}]"#,
        &["Patient"],
    ),
    (r#"[{"resourceType":"Patient","gender":"male"}]"#, &[]),
];

/// Puts contained resources into a put, and says so in its entries.
pub(super) fn contain_some(dice: &mut Dice, put: &mut Put) {
    let (contents, types) = dice.pick(&CONTENTS);
    let text = String::from_utf8_lossy(&put.body).replacen(
        "\"meta\":{},",
        &format!("\"meta\":{{}},\"contained\":{contents},"),
        1,
    );
    put.body = Bytes::from(text);
    for name in types {
        put.entries.push(ParamId::CONTAINED, Value::Token { system: None, code: Some(name) });
    }
    if dice.one_in(2) {
        put.entries.push(FOCUS, Value::Reference(Target::Url(dice.pick(&["#p", "#q", "#o"]))));
    }
}

/// Something asked of contained resources of one type or two.
pub(super) fn some_containment(dice: &mut Dice) -> Containment {
    let types: Vec<(ResourceType, Filter)> =
        dice.some(2, |dice| (of(dice.pick(&["Patient", "Observation"])), some_inner(dice, 2)));
    let by = dice.one_in(3).then_some(FOCUS);
    Containment { types, by, extractor: Extractor::new("", &ParameterSet::r4()) }
}

/// Something that is shown of matches.
pub(super) fn some_contents(dice: &mut Dice) -> SelectedContents {
    let whole = if dice.one_in(2) { vec![(some_type(dice), some_filter(dice, 1))] } else { Vec::new() };
    SelectedContents { contained: some_containment(dice), whole }
}

fn some_inner(dice: &mut Dice, depth: usize) -> Filter {
    let param = |code| registry().param(code).expect("a parameter of R4");
    match dice.below(if depth == 0 { 6 } else { 10 }) {
        0 => Filter::Everything,
        1 => Filter::Ids(vec![Id::parse(dice.pick(&["p", "q", "1"])).expect("an id")]),
        2 => has(param("name"), Test::String(StringTest::StartsWith(dice.pick(&["ann", "bob"]).into()))),
        3 => {
            let code = Some(dice.pick(&["male", "female"]).into());
            has(param("gender"), Test::Token { system: SystemTest::Any, code })
        }
        4 => Filter::Missing(dice.pick(&[param("gender"), param("subject")])),
        5 => TextQuery::parse(TextWithin::Content, dice.pick(&["bob", "male OR ann"]))
            .map_or(Filter::Nothing, Filter::Text),
        6 => Filter::Not(Box::new(some_inner(dice, depth - 1))),
        7 => Filter::And(dice.some(2, |dice| some_inner(dice, depth - 1))),
        8 => Containment {
            types: vec![(of("Patient"), some_inner(dice, depth - 1))],
            by: Some(param("focus")),
            extractor: Extractor::new("", &ParameterSet::r4()),
        }
        .filter_within(),
        _ => Filter::Refers {
            param: param("subject"),
            of: of("Patient"),
            filter: Box::new(match dice.below(2) {
                0 => some_filter(dice, depth - 1),
                _ => Filter::Ids(vec![Id::parse(some_id(dice)).expect("an id")]),
            }),
        },
    }
}
