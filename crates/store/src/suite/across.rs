//! Searches of several types, and going back from page to page.

use search::{Filter, Search, Sort, SortKey, Total};

use super::world::{
    NAME, SCORE, about, all, body, delete, is, key, named, number, observation, of, patient, put, token,
    with, write,
};
use super::{Make, World};
use crate::Write;
use crate::limits::PAGE_BYTES_MAX;

fn by(key: SortKey, descending: bool) -> Sort {
    Sort { by: key, descending }
}

/// Basics, observations and patients, written in turns.
fn world(make: Make) -> World {
    let world = World::new(make);
    for at in 0..4 {
        world.commit([
            named(&format!("p{at}"), ["Pia", "Ada", "Zoe", "Bob"][at]),
            write(&format!("Basic/b{at}"), &[(SCORE, number([5.0, 1.0, 3.0, 9.0][at]))]),
            about(&format!("o{at}"), "p1", "p2", ["x", "y"][at % 2]),
        ]);
    }
    world
}

fn everything() -> Search {
    let types = ["Patient", "Basic", "Observation"].map(|name| (of(name), Filter::Everything));
    with(Search::across(&all(), types.to_vec()), |search| search.total = Total::Accurate)
}

fn joined(world: &World, search: Search) -> String {
    world.pages(&search).join(" ")
}

/// Types in alphabetical order, one total, pages that go on from type to type; each type by its own filter.
pub fn types_are_searched_as_one(make: Make) {
    let world = world(make);
    let whole = "b0 b1 b2 b3 o0 o1 o2 o3 p0 p1 p2 p3";
    for _ in 0..2 {
        for count in [1, 3, 4, 5, 100] {
            assert_eq!(joined(&world, with(everything(), |search| search.count = count)), whole);
        }
        let found = world.search(&with(everything(), |search| search.count = 6));
        assert_eq!((found.matches.len(), found.total), (6, Some(12)));
        let types = vec![(patient(), Filter::Ids(vec![key("Patient/p3").id])), (observation(), is("y"))];
        assert_eq!(joined(&world, Search::across(&all(), types)), "o1 o3 p3");
        assert_eq!(joined(&world, Search::across(&all(), vec![])), "");
        let twice = vec![(observation(), is("y")), (observation(), is("x"))];
        assert_eq!(joined(&world, Search::across(&all(), twice)), "o0 o1 o2 o3");
        world.settle();
    }
}

/// What has no value, of whatever type, comes last.
pub fn an_order_goes_through_all_types(make: Make) {
    let world = world(make);
    world.commit([write("Patient/p9", &[(NAME, search::Value::String("Cy")), (SCORE, number(4.0))])]);
    for _ in 0..2 {
        for (sort, expected) in [
            (by(SortKey::Param(SCORE), false), "b1 b2 p9 b0 b3 o0 o1 o2 o3 p0 p1 p2 p3"),
            (by(SortKey::Param(SCORE), true), "b3 b0 p9 b2 b1 o0 o1 o2 o3 p0 p1 p2 p3"),
            (by(SortKey::Param(NAME), false), "p1 p3 p9 p0 p2 b0 b1 b2 b3 o0 o1 o2 o3"),
            (by(SortKey::Id, true), "p9 p3 p2 p1 p0 o3 o2 o1 o0 b3 b2 b1 b0"),
        ] {
            for count in [1, 4, 100] {
                let search =
                    with(everything(), |search| (search.sort, search.count) = (vec![sort.clone()], count));
                assert_eq!(joined(&world, search), expected, "{sort:?}, {count} a page");
            }
        }
        world.settle();
    }
}

/// Alphabetically, either way, before or after other keys.
pub fn a_type_may_be_what_orders(make: Make) {
    let world = world(make);
    let ordered = |sort: Vec<Sort>| joined(&world, with(everything(), |search| search.sort = sort));
    let (kind, back) = (by(SortKey::Type, false), by(SortKey::Type, true));
    let id = by(SortKey::Id, true);
    assert_eq!(ordered(vec![back.clone()]), "p0 p1 p2 p3 o0 o1 o2 o3 b0 b1 b2 b3");
    assert_eq!(ordered(vec![kind, id]), "b3 b2 b1 b0 o3 o2 o1 o0 p3 p2 p1 p0");
    assert_eq!(ordered(vec![by(SortKey::Updated, false), back]), "p0 o0 b0 p1 o1 b1 p2 o2 b2 p3 o3 b3");
}

/// The pages that were gone through come back in turn, the first without one before it.
pub fn pages_can_be_gone_back(make: Make) {
    let world = world(make);
    let orders = [
        vec![],
        vec![by(SortKey::Param(SCORE), false)],
        vec![by(SortKey::Param(SCORE), true), by(SortKey::Id, true)],
        vec![by(SortKey::Type, true), by(SortKey::Param(NAME), true)],
    ];
    for _ in 0..2 {
        for sort in &orders {
            for count in [1, 2, 3, 4, 5, 12] {
                let search = with(everything(), |search| (search.sort, search.count) = (sort.clone(), count));
                let mut pages = world.pages(&search);
                pages.reverse();
                assert_eq!(world.pages_back(&search), pages, "{sort:?}, {count} a page");
            }
        }
        world.settle();
    }
    let first = world.search(&with(everything(), |search| search.count = 3));
    assert_eq!(first.previous, None);
    let second = with(everything(), |search| (search.count, search.after) = (3, first.next));
    let back = with(second.clone(), |search| search.after = world.search(&second).previous);
    let there = with(second.clone(), |search| search.after = world.search(&back).next);
    assert_eq!(world.pages(&there), world.pages(&second), "back and on again is where it was");
}

/// What was written since the first page shows on no page, in neither direction.
pub fn back_shows_nothing_new(make: Make) {
    for sort in [vec![], vec![by(SortKey::Id, false)]] {
        let world = world(make);
        let mut search = with(everything(), |search| (search.sort, search.count) = (sort, 4));
        search.after = world.search(&search).next;
        let second = world.search(&search);
        world.commit([write("Basic/b00", &[]), about("o00", "p1", "p1", "x")]);
        world.commit([about("o1", "p1", "p1", "x"), delete("Basic/b2"), named("p00", "Eve")]);
        search.after = second.previous;
        let first = world.search(&search);
        assert_eq!(super::world::ids(&first.matches), "b0 b1 b3");
        assert_eq!(first.previous, None);
        search.after = first.next;
        assert_eq!(world.pages(&search), ["o0 o2 o3 p0", "p1 p2 p3"]);
    }
}

/// Nearest to where it began first.
pub fn a_page_back_of_large_bodies_ends_early(make: Make) {
    let world = World::new(make);
    let empty = body(&key("Observation/a"), "").len();
    let row = |id: &str, bytes: usize| {
        let text = "x".repeat(bytes - empty);
        Write::Put(put(
            &format!("Observation/{id}"),
            &text,
            &[(SCORE, number(1.0)), (NAME, token(None, "n"))],
        ))
    };
    let half = PAGE_BYTES_MAX / 2;
    world.commit([row("a", 1000), row("b", half), row("c", half), row("d", 1000), row("e", 1000)]);
    for sort in [vec![], vec![by(SortKey::Id, false)]] {
        let search =
            with(Search::new(&all(), observation(), Filter::Everything), |search| search.sort = sort);
        assert_eq!(world.pages(&search), ["a b", "c d e"]);
        assert_eq!(world.pages_back(&search), ["c d e", "a b"]);
        let late = with(search.clone(), |search| search.count = 1);
        let mut at = late.clone();
        for _ in 0..4 {
            at.after = world.search(&at).next;
        }
        let back = with(search, |search| search.after = world.search(&at).previous);
        assert_eq!(super::world::ids(&world.search(&back).matches), "c d");
    }
}
