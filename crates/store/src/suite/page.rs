//! The order of matches, and cutting them into pages.

use fhir::ResourceType;
use search::{Filter, ParamId, Position, Search, Sort, SortKey, Total, Value};

use super::world::{
    BIRTH, CODE, NAME, SCORE, about, all, body, date, delete, ids, is, key, number, observations, put,
    second_page, token, with, write,
};
use super::{Make, World, wait};
use crate::limits::PAGE_BYTES_MAX;
use crate::{History, StoreError, Write};

fn by(key: SortKey, descending: bool) -> Sort {
    Sort { by: key, descending }
}

fn ordered(world: &World, sort: Vec<Sort>) -> String {
    ids(&world.search(&with(observations(Filter::Everything), |search| search.sort = sort)).matches)
}

/// The order in which current versions were written, within a transaction too; an update moves to the end.
pub fn without_an_order_the_oldest_write_comes_first(make: Make) {
    let world = World::new(make);
    world.commit(["c", "a"].map(|id| about(id, "1", "1", "x")));
    world.commit(["d", "b"].map(|id| about(id, "1", "1", "x")));
    assert_eq!(ordered(&world, vec![]), "c a d b");
    world.settle();
    world.commit([about("a", "1", "1", "x")]);
    assert_eq!(ordered(&world, vec![]), "c d b a");
}

fn orders(world: &World, param: ParamId) -> (String, String) {
    let order = |descending| ordered(world, vec![by(SortKey::Param(param), descending)]);
    (order(false), order(true))
}

/// Ascending by the lowest value, descending by the highest.
pub fn an_order_looks_at_the_lowest_or_the_highest(make: Make) {
    let world = World::new(make);
    let entries = |name: &'static str, birth: &str, score, code: &'static str| {
        [(NAME, Value::String(name)), (BIRTH, date(birth)), (SCORE, number(score)), (CODE, token(None, code))]
    };
    let a = entries("Émile", "1980", -1.0, "B");
    let b = entries("adam", "1980-05", 10.0, "a");
    let mut c = entries("ZOE", "1979", 2.0, "c").to_vec();
    c.extend(entries("aaron", "2001", 3.0, "d"));
    world.commit([write("Observation/a", &a), write("Observation/b", &b), write("Observation/c", &c)]);
    for _ in 0..2 {
        assert_eq!(orders(&world, NAME), ("c b a".into(), "c a b".into()));
        assert_eq!(orders(&world, BIRTH), ("c a b".into(), "c a b".into()));
        assert_eq!(orders(&world, SCORE), ("a c b".into(), "b c a".into()));
        assert_eq!(orders(&world, CODE), ("a b c".into(), "c b a".into()));
        world.settle();
    }
    let ids = |descending| ordered(&world, vec![by(SortKey::Id, descending)]);
    assert_eq!((ids(false), ids(true)), ("a b c".into(), "c b a".into()));
}

/// In both directions.
pub fn what_has_no_value_comes_last(make: Make) {
    let world = World::new(make);
    world.commit([
        write("Observation/a", &[]),
        write("Observation/b", &[(SCORE, number(2.0))]),
        write("Observation/c", &[]),
        write("Observation/d", &[(SCORE, number(1.0))]),
    ]);
    assert_eq!(orders(&world, SCORE), ("d b a c".into(), "b d a c".into()));
}

/// And in the end the order of writing, which no direction turns round.
pub fn later_keys_break_ties(make: Make) {
    let world = World::new(make);
    let row = |id: &str, code: &'static str, score| {
        write(&format!("Observation/{id}"), &[(CODE, token(None, code)), (SCORE, number(score))])
    };
    world.commit([row("a", "x", 1.0), row("b", "y", 1.0), row("c", "x", 2.0), row("d", "y", 1.0)]);
    let code = |descending| by(SortKey::Param(CODE), descending);
    let score = |descending| by(SortKey::Param(SCORE), descending);
    assert_eq!(ordered(&world, vec![code(false), score(true)]), "c a b d");
    assert_eq!(ordered(&world, vec![code(true), score(false)]), "b d a c");
    assert_eq!(ordered(&world, vec![score(true), code(false)]), "c a b d");
    assert_eq!(ordered(&world, vec![by(SortKey::Updated, true)]), "a b c d");
}

fn many(world: &World) {
    let row = |at: usize| {
        let code = if at.is_multiple_of(2) { "even" } else { "odd" };
        write(
            &format!("Observation/{at}"),
            &[(CODE, token(None, code)), (SCORE, number((at * 7 % 5) as f64))],
        )
    };
    world.commit((0..10).map(row));
}

/// In every order, with every size of page.
pub fn pages_make_up_the_whole(make: Make) {
    let world = World::new(make);
    many(&world);
    let score = |descending| vec![by(SortKey::Param(SCORE), descending)];
    for filter in [Filter::Everything, is("odd"), is("none")] {
        for sort in [vec![], score(false), score(true), vec![by(SortKey::Id, true)]] {
            let whole = with(observations(filter.clone()), |search| search.sort = sort);
            let expected = ids(&world.search(&whole).matches);
            for count in [1, 3, 5, 10, 11] {
                let pages = world.pages(&with(whole.clone(), |search| search.count = count));
                assert_eq!(pages.join(" "), expected, "{count} a page, {:?}", whole.sort);
                assert!(pages.iter().all(|page| page.split_whitespace().count() <= count));
            }
        }
    }
}

/// What is written after the first page shows on no later page; what did not change shows exactly once.
pub fn later_writes_do_not_shift_pages(make: Make) {
    let world = World::new(make);
    many(&world);
    let mut search = with(observations(Filter::Everything), |search| search.count = 4);
    search.sort = vec![by(SortKey::Id, false)];
    assert_eq!(ids(&world.search(&search).matches), "0 1 2 3");
    search.after = Some(second_page(&world, &search));
    let row = |id: &str| about(id, "1", "1", "x");
    // One before the place, one behind it, an update of one shown, of one not shown, and a deletion.
    world.commit([row("00"), row("55"), row("1"), row("6"), delete("Observation/8")]);
    world.settle();
    assert_eq!(world.pages(&search), ["4 5 7 9"]);
}

/// On every page the same, for as long as nothing is written.
pub fn a_total_counts_all_pages(make: Make) {
    let world = World::new(make);
    many(&world);
    let mut search = with(observations(is("odd")), |search| search.count = 2);
    let first = world.search(&search);
    assert_eq!((first.total, first.matches.len()), (Some(5), 2));
    search.after = first.next;
    assert_eq!(world.search(&search).total, Some(5));
    search.total = Total::None;
    assert_eq!(world.search(&search).total, None);
}

/// No matches and no next page.
pub fn a_count_of_zero_only_counts(make: Make) {
    let world = World::new(make);
    many(&world);
    let found = world.search(&with(observations(is("even")), |search| search.count = 0));
    assert_eq!((found.matches.len(), found.next, found.total), (0, None, Some(5)));
}

/// Before the body that would take it beyond the limit, and after one body that does so alone.
pub fn a_page_of_large_bodies_ends_early(make: Make) {
    let world = World::new(make);
    let empty = body(&key("Observation/a"), "").len();
    let row = |id: &str, bytes: usize| {
        Write::Put(put(&format!("Observation/{id}"), &"x".repeat(bytes - empty), &[]))
    };
    let (half, whole) = (PAGE_BYTES_MAX / 2, PAGE_BYTES_MAX);
    world.commit([row("a", half), row("b", half), row("c", 1000), row("d", whole + 1), row("e", 1000)]);
    for sort in [vec![], vec![by(SortKey::Id, false)]] {
        let search = with(observations(Filter::Everything), |search| search.sort = sort);
        assert_eq!(world.pages(&search), ["a b", "c", "d", "e"]);
    }
    let mut history = History::of_instance(key("Observation/a"), 100);
    world.commit([row("a", half + 1)]);
    world.commit([row("a", 1000)]);
    let page = world.history(&history);
    history.after = page.next;
    let next = world.history(&history);
    assert_eq!((page.versions.len(), page.total), (2, Some(3)));
    assert_eq!((next.versions.len(), next.next, next.total), (1, None, None));
}

/// Bytes that no page ended with are refused, not taken for another place.
pub fn a_foreign_position_is_an_error(make: Make) {
    let world = World::new(make);
    many(&world);
    let own = second_page(&world, &with(observations(Filter::Everything), |search| search.count = 4));
    let mut longer = own.0.clone();
    longer.push(0);
    for bytes in [vec![], vec![0], vec![0xff; own.0.len()], longer, own.0[..own.0.len() - 1].to_vec()] {
        let after = Some(Position(bytes.clone()));
        let search = with(observations(Filter::Everything), |search| search.after = after);
        assert_eq!(wait(world.store().search(&search)), Err(StoreError::Position), "{bytes:?}");
    }
    let basic = ResourceType::parse("Basic").expect("a resource type");
    let elsewhere = with(Search::new(&all(), basic, Filter::Everything), |search| search.after = Some(own));
    assert_eq!(wait(world.store().search(&elsewhere)), Err(StoreError::Position));
}

/// A restart, or background work, between two pages changes nothing.
pub fn positions_outlive_reopening(make: Make) {
    let mut world = World::new(make);
    many(&world);
    let mut search = with(observations(Filter::Everything), |search| search.count = 4);
    search.sort = vec![by(SortKey::Param(SCORE), true)];
    let whole = world.pages(&search);
    search.after = Some(second_page(&world, &search));
    world.reopen();
    assert_eq!(world.pages(&search), whole[1..]);
    world.settle();
    assert_eq!(world.pages(&search), whole[1..]);
}
