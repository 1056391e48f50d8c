//! Contained resources are searched where they stand, and seen by whom what contains them is.

use bytes::Bytes;
use search::{
    Containment, Extractor, Filter, ParamId, ParameterSet, Search, SelectedContents, Sort, SortKey,
    StringTest, SystemTest, Target, Test, TextQuery, TextWithin, Total, Value, Visible, registry,
};

use super::world::{
    CODE, FOCUS, NAME, all, has, id, ids, is, named, not, observation, of, patient, put, token, with,
};
use super::{Make, World, wait};
use crate::{Selected, StoreError, Write};

/// An observation that contains these resources and refers to one of them by [`FOCUS`].
fn containing(to: &str, contained: &str, types: &[&str], names: Option<&str>, code: &str) -> Write {
    let mut put = put(&format!("Observation/{to}"), "", &[(CODE, token(None, code))]);
    for name in types {
        put.entries.push(ParamId::CONTAINED, token(None, name));
    }
    if let Some(url) = names {
        put.entries.push(FOCUS, Value::Reference(Target::Url(url)));
    }
    put.body = Bytes::from(format!(
        r#"{{"resourceType":"Observation","id":"{to}","meta":{{}},"contained":[{contained}]}}"#
    ));
    Write::Put(put)
}

fn contained_patient(id: &str, gender: &str, family: &str) -> String {
    format!(
        r#"{{"resourceType":"Patient","id":"{id}","gender":"{gender}","name":[{{"family":"{family}"}}],"managingOrganization":{{"reference":"Organization/7"}},"link":[{{"other":{{"reference":"Patient/a"}}}}]}}"#
    )
}

fn param(code: &str) -> ParamId {
    registry().param(code).expect("a parameter of R4")
}

fn gender(code: &str) -> Filter {
    has(param("gender"), Test::Token { system: SystemTest::Any, code: Some(code.into()) })
}

fn family(start: &str) -> Filter {
    has(param("family"), Test::String(StringTest::StartsWith(start.into())))
}

fn patients(filter: Filter) -> Containment {
    Containment {
        types: vec![(patient(), filter)],
        by: None,
        extractor: Extractor::new("", &ParameterSet::r4()),
    }
}

/// Three containers, one of two patients, and a patient of its own.
fn world(make: Make) -> World {
    let world = World::new(make);
    let [ann, bob, eve] = [
        contained_patient("p", "female", "Ann"),
        contained_patient("q", "male", "Bob"),
        contained_patient("p", "female", "Eve"),
    ];
    world.commit([
        containing("1", &format!("{ann},{bob}"), &["Patient"], Some("#q"), "x"),
        containing("2", &eve, &["Patient"], Some("#p"), "y"),
        containing("3", r#"{"resourceType":"Device","id":"p"}"#, &["Device"], Some("#p"), "x"),
        containing("4", "", &[], None, "x"),
        named("a", "ann"),
    ]);
    world
}

/// By what one contained resource says, not by what several do together.
pub fn what_contains_what_passes_is_found(make: Make) {
    let world = world(make);
    let find = |filter: Filter| world.sorted(patients(filter).filter());
    assert_eq!(find(Filter::Everything), "1 2");
    assert_eq!(find(gender("female")), "1 2");
    assert_eq!(find(gender("male")), "1");
    assert_eq!(find(gender("female").and(family("bob"))), "");
    assert_eq!(find(not(gender("female"))), "1");
    assert_eq!(find(Filter::Missing(param("birthdate"))), "1 2");
    assert_eq!(find(Filter::Ids(vec![id("q")])), "1");
    assert_eq!(find(Filter::Ids(vec![id("1")])), "");
    let words = |typed| Filter::Text(TextQuery::parse(TextWithin::Content, typed).expect("words"));
    assert_eq!(find(words("bob")), "1");
    assert_eq!(find(words("ann bob")), "");
    assert_eq!(world.sorted(patients(gender("female")).filter().and(is("y"))), "2");
    let either = patients(gender("male")).filter();
    assert_eq!(world.sorted(Filter::Or(vec![either, is("y")])), "1 2");
    world.commit([containing("1", &contained_patient("p", "other", "Zoë"), &["Patient"], None, "x")]);
    assert_eq!(find(gender("male")), "");
    assert_eq!(find(gender("other")), "1");
}

/// Chains go from contained resources to others, and what is asked there is asked of others only.
pub fn what_is_contained_is_asked_about_other_resources(make: Make) {
    let world = world(make);
    let linked = |filter| {
        let filter = Box::new(filter);
        patients(Filter::Refers { param: param("link"), of: patient(), filter }).filter()
    };
    let named_ann = has(NAME, Test::String(StringTest::StartsWith("ann".into())));
    assert_eq!(world.sorted(linked(named_ann)), "1 2");
    assert_eq!(world.sorted(linked(Filter::Ids(vec![id("a")]))), "1 2");
    assert_eq!(world.sorted(linked(Filter::Ids(vec![id("p")]))), "");
    assert_eq!(world.sorted(linked(gender("female"))), "");
}

/// Which contained resources of a match pass, whether it passes itself, and how many that are.
pub fn what_is_shown_of_a_match_is_told_and_counted(make: Make) {
    let world = world(make);
    let search = |inner: Filter, whole: Option<Filter>| {
        let (contained, whole) = (patients(inner), whole.map(|filter| (observation(), filter)));
        let types = [(observation(), contained.clone().filter())].into_iter().chain(whole.clone()).collect();
        let contents = SelectedContents { contained, whole: whole.into_iter().collect() };
        with(Search::across(&all(), types).selecting(contents), |search| search.total = Total::Accurate)
    };
    let selected = |is_whole, contained: &[usize]| Selected { is_whole, contained: contained.to_vec() };
    for _ in 0..2 {
        let found = world.search(&search(Filter::Everything, None));
        assert_eq!(ids(&found.matches), "1 2");
        assert_eq!(found.selected, [selected(false, &[0, 1]), selected(false, &[0])]);
        assert_eq!(found.total, Some(3));
        let found = world.search(&search(gender("male"), Some(is("x"))));
        assert_eq!(ids(&found.matches), "1 3 4");
        assert_eq!(found.selected, [selected(true, &[1]), selected(true, &[]), selected(true, &[])]);
        assert_eq!(found.total, Some(4));
        world.settle();
    }
    assert!(world.search(&Search::new(&all(), observation(), is("x"))).selected.is_empty());
}

/// A hidden container hides what it contains; a visible one shows it, whatever of its type is visible.
pub fn what_is_contained_is_seen_with_its_container(make: Make) {
    let world = world(make);
    let find = |visible: &Visible, filter: Filter| {
        ids(&world.search(&Search::new(visible, observation(), filter)).matches)
    };
    for _ in 0..2 {
        let only_y = Visible::nothing().allow(observation(), is("y"));
        assert_eq!(find(&only_y, patients(gender("female")).filter()), "2");
        assert_eq!(find(&only_y, patients(gender("male")).filter()), "");
        let only_patients = Visible::nothing().allow(patient(), Filter::Everything);
        assert_eq!(find(&only_patients, patients(gender("female")).filter()), "");
        // What a contained resource refers to is another resource.
        let filter = Box::new(Filter::Ids(vec![id("a")]));
        let linked = patients(Filter::Refers { param: param("link"), of: patient(), filter }).filter();
        assert_eq!(find(&only_y, linked.clone()), "");
        assert_eq!(find(&only_y.clone().allow(patient(), Filter::Everything), linked), "2");
        world.settle();
    }
}

/// Like any other matches.
pub fn containers_come_in_order_and_on_pages(make: Make) {
    let world = World::new(make);
    for number in (10..40).rev() {
        let gender = ["male", "female"][number % 2];
        let contained = contained_patient("p", gender, "X");
        world.commit([containing(&number.to_string(), &contained, &["Patient"], None, "x")]);
    }
    for _ in 0..2 {
        let search = |sort: Vec<Sort>| {
            with(Search::new(&all(), observation(), patients(gender("male")).filter()), |search| {
                (search.count, search.sort) = (6, sort);
            })
        };
        let as_written = ["38 36 34 32 30 28", "26 24 22 20 18 16", "14 12 10"];
        assert_eq!(world.pages(&search(Vec::new())), as_written);
        let by_id = vec![Sort { by: SortKey::Id, descending: false }];
        assert_eq!(world.pages(&search(by_id.clone()))[..2], ["10 12 14 16 18 20", "22 24 26 28 30 32"]);
        assert_eq!(world.pages_back(&search(by_id))[2], "10 12 14 16 18 20");
        world.settle();
    }
}

/// What the index leaves may be as many as the limit, and no more.
pub fn bodies_opened_for_what_they_contain_are_limited(make: Make) {
    let world = world(make);
    for _ in 0..2 {
        let mut search = Search::new(&all(), observation(), patients(gender("unknown")).filter());
        search.containers_max = 2;
        assert_eq!(wait(world.store().search(&search)).map(|found| found.matches.len()), Ok(0));
        search.containers_max = 1;
        let refused = wait(world.store().search(&search)).map(|found| found.matches.len());
        assert_eq!(refused, Err(StoreError::Limit("CONTAINERS_MAX")));
        world.settle();
    }
}

/// `#id` leads to the contained resource of this id, from its container and from what stands beside it.
pub fn references_lead_to_what_is_contained(make: Make) {
    let world = world(make);
    let named = |filter| Containment { by: Some(FOCUS), ..patients(filter) }.filter();
    assert_eq!(world.sorted(named(Filter::Everything)), "1 2");
    assert_eq!(world.sorted(named(gender("female"))), "2");
    assert_eq!(world.sorted(named(gender("male"))), "1");
    let beside = r##"{"resourceType":"Observation","id":"o","subject":{"reference":"#p"}}"##;
    let contained = format!("{beside},{}", contained_patient("p", "male", "X"));
    world.commit([containing("5", &contained, &["Observation", "Patient"], None, "z")]);
    let inner = |gender_of: &str| {
        let by = Some(param("subject"));
        let types = vec![(observation(), Containment { by, ..patients(gender(gender_of)) }.filter_within())];
        Containment { types, ..patients(Filter::Everything) }.filter()
    };
    assert_eq!(world.sorted(inner("male")), "5");
    assert_eq!(world.sorted(inner("female")), "");
    assert_eq!(world.find(of("Basic"), patients(Filter::Everything).filter()), "");
}
