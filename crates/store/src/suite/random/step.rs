//! Random steps. A step does not depend on what the steps before it did, so that any may be left out.

use fhir::{ResourceKey, ResourceType, Time};
use search::{Include, Link, ParamId, Search, Sort, SortKey, Total, Visible};

use super::Dice;
use super::contained::some_contents;
use super::entry::{some_key, some_put};
use super::filter::{some_filter, some_type, some_visible};
use super::note::{some_list, some_note_write, some_unnoted};
use super::parameter::{OWN, some_parameter, some_parameter_write};
use crate::suite::world::{ADDRESS, AMOUNT, BIRTH, CODE, FOCUS, NAME, SCORE, SUBJECT, job};
use crate::{History, Precondition, Put, RunId, Scope, Transaction, Write};

/// One thing to do to the model and to the backend.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Commit(Transaction),
    Ingest(RunId, Vec<Put>),
    Read(Vec<ResourceKey>, Visible),
    Search(Box<Search>),
    /// The next page of a search made before.
    Continue(usize),
    History(History, Visible),
    /// Notes by the start of their names, after a name, so many.
    Notes((String, Option<String>, usize)),
    Tick(i64),
    Settle,
    Scrub,
    /// All resources of a type are indexed again.
    Reindex(ResourceType),
    Reopen,
}

pub(super) fn any(dice: &mut Dice) -> Step {
    match dice.below(100) {
        0..27 => Step::Commit(some_transaction(dice)),
        27..30 => Step::Notes(some_list(dice)),
        30..34 => some_run(dice),
        34..40 => Step::Read(dice.some(4, some_key), some_visible(dice)),
        40..72 => Step::Search(Box::new(some_search(dice))),
        72..80 => Step::Continue(dice.below(100)),
        80..88 => Step::History(some_history(dice), some_visible(dice)),
        88..94 => Step::Tick(dice.pick(&[1, 1000, 20_000, -500])),
        94..96 => Step::Settle,
        96 => Step::Reindex(some_type(dice)),
        97 => Step::Scrub,
        _ => Step::Reopen,
    }
}

fn some_transaction(dice: &mut Dice) -> Transaction {
    let preconditions = match dice.below(4) {
        0 => dice.some(2, some_precondition),
        _ => Vec::new(),
    };
    Transaction { preconditions, writes: dice.some(4, some_write) }
}

fn some_write(dice: &mut Dice) -> Write {
    match dice.below(12) {
        0..2 => Write::Delete(some_key(dice)),
        2 => Write::Erase(some_key(dice)),
        3 => Write::EraseVersion(some_key(dice), dice.below(5) as u64),
        4..6 => some_note_write(dice),
        6 => some_parameter_write(dice),
        _ => Write::Put(some_put(dice)),
    }
}

fn some_precondition(dice: &mut Dice) -> Precondition {
    let key = some_key(dice);
    match dice.below(6) {
        5 => some_unnoted(dice),
        0 => Precondition::Version(key, dice.below(5) as u64),
        1 => Precondition::Absent(key),
        2 => Precondition::Present(key),
        3 => Precondition::NoMatch(key.of, some_filter(dice, 2)),
        _ => Precondition::OnlyMatch(key, some_filter(dice, 2)),
    }
}

fn some_run(dice: &mut Dice) -> Step {
    let id = RunId { job: job(dice.below(3) as u32), number: dice.below(60) as u64 };
    let some = |dice: &mut Dice| if dice.one_in(12) { some_parameter(dice) } else { some_put(dice) };
    Step::Ingest(id, dice.some(12, some))
}

fn some_search(dice: &mut Dice) -> Search {
    let mut types = vec![(some_type(dice), some_filter(dice, 3))];
    if dice.one_in(3) {
        types.extend(dice.some(3, |dice| (some_type(dice), some_filter(dice, 2))));
    }
    let mut search = Search::across(&some_visible(dice), types);
    if dice.one_in(4) {
        search = search.selecting(some_contents(dice));
    }
    search.sort = match dice.below(3) {
        0 => Vec::new(),
        _ => dice.some(3, some_sort),
    };
    search.include = match dice.below(4) {
        0 => dice.some(3, some_include),
        _ => Vec::new(),
    };
    search.count = dice.pick(&[0, 1, 2, 3, 5, 100, 100]);
    search.include_max = dice.pick(&[0, 1, 3, 1000]);
    search.total = dice.pick(&[Total::None, Total::Accurate]);
    search
}

fn some_sort(dice: &mut Dice) -> Sort {
    let params = [ParamId::CREATED, NAME, BIRTH, CODE, SUBJECT, SCORE, AMOUNT, ADDRESS, OWN[0], OWN[1]];
    let by = match dice.below(7) {
        0 => SortKey::Id,
        2 => SortKey::Type,
        1 => SortKey::Updated,
        _ => SortKey::Param(dice.pick(&params)),
    };
    Sort { by, descending: dice.one_in(2) }
}

fn some_include(dice: &mut Dice) -> Include {
    let param = dice.pick(&[SUBJECT, FOCUS]);
    let target = dice.one_in(3).then(|| some_type(dice));
    let link = match dice.below(2) {
        0 => {
            let from = dice.one_in(3).then(|| some_type(dice));
            Link::Forward { from, param: (!dice.one_in(4)).then_some(param), target }
        }
        _ => Link::Reverse { by: some_type(dice), param, target },
    };
    Include { link, iterate: dice.one_in(2) }
}

fn some_history(dice: &mut Dice) -> History {
    let of = match dice.below(3) {
        0 => Scope::Instance(some_key(dice)),
        1 => Scope::Type(some_type(dice)),
        _ => Scope::System,
    };
    let start = Time::parse("2020-01-01T00:00:00Z").expect("an instant");
    let some_time = |dice: &mut Dice| dice.one_in(4).then(|| Time(start.0 + dice.below(60_000_000) as i64));
    History {
        version: dice.one_in(4).then(|| dice.below(4) as u64),
        since: some_time(dice),
        until: some_time(dice),
        replaced_after: some_time(dice),
        only: dice.one_in(4).then(|| dice.some(5, some_key).into_iter().collect()),
        ..History::of(of, dice.pick(&[1, 3, 10, 1000]))
    }
}
