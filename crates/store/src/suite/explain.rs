//! A plan tells the truth about what its conditions find, and nothing of what is hidden.

use std::collections::BTreeSet;

use search::{
    Filter, Include, Link, ParamId, ParameterSet, ReferenceTest, Search, Sort, SortKey, StringTest, Test,
    Visible,
};

use super::world::{FOCUS, NAME, SUBJECT, about, all, has, is, key, named, not, observation, patient, with};
use super::{Make, World, wait};
use crate::limits::PLAN_STEPS_MAX;
use crate::{Plan, Step};

fn world(make: Make) -> World {
    let world = World::new(make);
    world.commit([named("a", "ann"), named("b", "bob")]);
    world.commit([
        about("1", "a", "b", "pulse"),
        about("2", "b", "a", "pulse"),
        about("3", "a", "a", "weight"),
        about("4", "a", "b", "height"),
    ]);
    world
}

fn plan(world: &World, search: &Search) -> Plan {
    wait(world.store().explain(search, &ParameterSet::r4())).expect("the plan succeeds")
}

/// Steps without how they are done, which is each backend's own.
fn told(plan: &Plan) -> BTreeSet<String> {
    let bare = |step: &Step| Step { how: String::new(), ..step.clone() }.to_string();
    plan.0.iter().map(bare).collect()
}

fn named_like(start: &str) -> Filter {
    has(NAME, Test::String(StringTest::StartsWith(start.into())))
}

/// Each condition alone, what joins them, and the whole, the same before and after background work.
pub fn a_plan_counts_what_each_condition_finds(make: Make) {
    let world = world(make);
    let filter = Filter::And(vec![
        not(is("weight")),
        Filter::Refers { param: SUBJECT, of: patient(), filter: Box::new(named_like("a")) },
        Filter::Or(vec![is("pulse"), is("height")]),
    ]);
    let search = with(Search::new(&all(), observation(), filter), |search| {
        search.count = 1;
        search.sort = vec![Sort { by: SortKey::Updated, descending: true }];
        let link = Link::Forward { from: None, param: Some(FOCUS), target: None };
        search.include = vec![Include { link, iterate: false }];
    });
    let name = |param: ParamId| ParameterSet::r4().code(param).unwrap_or_default().to_owned();
    let (code, subject, focus) = (name(super::world::CODE), name(SUBJECT), name(FOCUS));
    let expected = [
        "search Observation: 2".to_owned(),
        "  all of these, in this order: 2".to_owned(),
        "    all but those with: 3".to_owned(),
        format!("      {code} is weight: 1"),
        format!("    {subject} refers to a Patient with: 3"),
        format!("      {} starts with \"a\": 1", name(NAME)),
        "    any of these: 3".to_owned(),
        format!("      {code} is pulse: 2"),
        format!("      {code} is height: 1"),
        "order by _lastUpdated descending, missing last".to_owned(),
        "show up to 1 of 2 matches".to_owned(),
        format!("add the resources that {focus} refers to"),
        "add no more than 1000 in all".to_owned(),
    ];
    for _ in 0..2 {
        assert_eq!(told(&plan(&world, &search)), expected.iter().cloned().collect());
        world.settle();
    }
}

/// Also within chains.
pub fn a_plan_counts_only_what_is_visible(make: Make) {
    let world = world(make);
    let mine = has(ParamId::COMPARTMENT, Test::Reference(ReferenceTest::Key(key("Patient/a"))));
    let only_ann = Visible::nothing().allow(patient(), mine.clone()).allow(observation(), mine);
    let chain = Filter::Refers { param: FOCUS, of: patient(), filter: Box::new(named_like("bob")) };
    let plan = plan(&world, &Search::new(&only_ann, observation(), Filter::Or(vec![is("pulse"), chain])));
    let hits = |what: &str| plan.0.iter().find(|step| step.what.contains(what)).and_then(|step| step.hits);
    assert_eq!(hits("is pulse"), Some(1));
    assert_eq!(hits("starts with \"bob\""), Some(0));
    assert_eq!(hits("refers to a Patient"), Some(0));
    assert_eq!(hits("search Observation"), Some(1));
}

/// Beyond it the plan says only that there is more.
pub fn a_plan_has_a_limit(make: Make) {
    let world = world(make);
    // Beside the conditions stand the type, what joins them, the order and the page.
    for (count, is_cut) in [(PLAN_STEPS_MAX - 2, false), (PLAN_STEPS_MAX - 1, true)] {
        let filter = Filter::Or(vec![is("pulse"); count]);
        let plan = plan(&world, &Search::new(&all(), observation(), filter));
        let has_more = plan.0.iter().any(|step| step.what == "and more conditions");
        assert_eq!(has_more, is_cut, "{count}");
        assert!(plan.0.len() <= PLAN_STEPS_MAX + 3);
    }
}
