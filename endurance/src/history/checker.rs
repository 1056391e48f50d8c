//! Whether a history of one resource is linearizable: whether its interactions can be put in an order, each somewhere
//! between its request and its answer, in which a register with version numbers would have answered the same.
//!
//! The search is that of Wing and Gong, with what Lowe added: a place that was reached before with the same interactions
//! done and the same state is not looked at again. Since versions are numbered and every written value is written once,
//! few orders are possible and nearly all are refuted at once.

use std::collections::HashSet;

/// What was asked, and what was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// A read, and what it found.
    Read(State),
    /// An update to a value, and the version that it made; `None` if no answer came.
    Put(u64, Option<u64>),
    /// An update to a value that wanted a version (`If-Match`), and what came of it; `None` if no answer came.
    PutIf(u64, u64, Option<Matched>),
    /// A deletion, and whether it was answered.
    Delete(bool),
}

/// What came of a conditional update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matched {
    /// It made this version.
    Made(u64),
    /// Another version was current.
    Refused,
}

/// A resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// It never was.
    Absent,
    /// Its version and value.
    Live(u64, u64),
    /// Deleted. Readers do not see the version, and have 0 for it.
    Deleted(u64),
}

/// An interaction: when it was asked, when it was answered, or by when it was done if it ever was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    /// In any unit.
    pub(crate) asked: u64,
    /// In the same.
    pub(crate) ended: u64,
    /// What it was.
    pub(crate) deed: Deed,
}

/// Where the search is: all before `first` are done, and these after it, in this state.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    first: usize,
    done: Vec<usize>,
    state: State,
}

/// Checks a history. If it is not linearizable, returns the event that no order gets past.
pub(crate) fn check(mut events: Vec<Event>) -> Result<(), Event> {
    events.sort_by_key(|event| (event.asked, event.ended));
    let start = Place { first: 0, done: Vec::new(), state: State::Absent };
    let (mut seen, mut places) = (HashSet::from([start.clone()]), vec![start]);
    let mut farthest = 0;
    while let Some(place) = places.pop() {
        farthest = farthest.max(place.first);
        if place.first == events.len() {
            return Ok(());
        }
        for next in nexts(&events, &place) {
            if seen.insert(next.clone()) {
                places.push(next);
            }
        }
    }
    Err(events[farthest])
}

/// The places that one more event leads to.
fn nexts(events: &[Event], place: &Place) -> Vec<Place> {
    let mut until = u64::MAX;
    let mut candidates = Vec::new();
    for (at, event) in events.iter().enumerate().skip(place.first) {
        if event.asked > until {
            break;
        }
        if !place.done.contains(&at) {
            until = until.min(event.ended);
            candidates.push(at);
        }
    }
    let mut found = Vec::new();
    for at in candidates.into_iter().filter(|at| events[*at].asked <= until) {
        let event = events[at];
        let after = [apply(place.state, event.deed), event.deed.is_unseen().then_some(place.state)];
        found.extend(after.into_iter().flatten().map(|state| place.with(at, state)));
    }
    found
}

impl Place {
    fn with(&self, at: usize, state: State) -> Place {
        let mut place = Place { first: self.first, done: self.done.clone(), state };
        place.done.push(at);
        place.done.sort_unstable();
        while place.done.first() == Some(&place.first) {
            place.done.remove(0);
            place.first += 1;
        }
        place
    }
}

impl Deed {
    /// Whether no answer came, so that it may not have been done.
    pub(crate) fn is_unseen(self) -> bool {
        matches!(self, Deed::Put(_, None) | Deed::PutIf(_, _, None) | Deed::Delete(false))
    }
}

/// The state after a deed; `None` if it would have been answered otherwise.
fn apply(state: State, deed: Deed) -> Option<State> {
    let version = match state {
        State::Absent => 0,
        State::Live(version, _) | State::Deleted(version) => version,
    };
    match deed {
        Deed::Read(State::Deleted(_)) => matches!(state, State::Deleted(_)).then_some(state),
        Deed::Read(found) => (found == state).then_some(state),
        Deed::Put(value, made) => {
            made.is_none_or(|made| made == version + 1).then_some(State::Live(version + 1, value))
        }
        Deed::PutIf(wanted, value, matched) => {
            // A deletion is a version too, which a deletion's answer names and an update may want.
            let matches = version == wanted && state != State::Absent;
            match (matches, matched) {
                (true, None) => Some(State::Live(version + 1, value)),
                (true, Some(Matched::Made(made))) => {
                    (made == version + 1).then_some(State::Live(version + 1, value))
                }
                (false, Some(Matched::Refused) | None) => Some(state),
                _ => None,
            }
        }
        Deed::Delete(_) => match state {
            State::Live(..) => Some(State::Deleted(version + 1)),
            other => Some(other),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::Deed::*;
    use super::State::*;
    use super::*;

    fn is_linearizable(events: &[(u64, u64, Deed)]) -> bool {
        let event =
            |(asked, ended, deed): &(u64, u64, Deed)| Event { asked: *asked, ended: *ended, deed: *deed };
        check(events.iter().map(event).collect()).is_ok()
    }

    #[test]
    fn what_one_client_sees_of_its_own_writes_is_linearizable() {
        assert!(is_linearizable(&[]));
        assert!(is_linearizable(&[
            (0, 1, Read(Absent)),
            (2, 3, Put(10, Some(1))),
            (4, 5, Read(Live(1, 10))),
            (6, 7, PutIf(1, 11, Some(Matched::Made(2)))),
            (8, 9, PutIf(1, 12, Some(Matched::Refused))),
            (10, 11, Delete(true)),
            (12, 13, Read(Deleted(0))),
            (14, 15, Delete(true)),
            (16, 17, Put(13, Some(4))),
            (18, 19, Read(Live(4, 13))),
        ]));
    }

    #[test]
    fn a_stale_read_a_lost_write_and_a_version_made_twice_are_not() {
        let write = (0, 1, Put(10, Some(1)));
        assert!(!is_linearizable(&[write, (2, 3, Put(11, Some(2))), (4, 5, Read(Live(1, 10)))]));
        assert!(!is_linearizable(&[write, (2, 3, Read(Absent))]));
        assert!(!is_linearizable(&[write, (2, 3, Put(11, Some(1)))]));
        assert!(!is_linearizable(&[write, (2, 3, Put(11, Some(3)))]));
        assert!(!is_linearizable(&[write, (2, 3, Read(Live(1, 99)))]));
        assert!(!is_linearizable(&[write, (2, 3, Delete(true)), (4, 5, Read(Live(1, 10)))]));
    }

    #[test]
    fn what_overlaps_may_be_in_either_order_and_only_then() {
        let puts = [(0, 10, Put(1, Some(2))), (0, 10, Put(2, Some(1)))];
        assert!(is_linearizable(&puts));
        assert!(!is_linearizable(&[(0, 1, Put(1, Some(2))), (2, 3, Put(2, Some(1)))]));
        let mut seen = puts.to_vec();
        seen.extend([(1, 2, Read(Live(1, 2))), (3, 4, Read(Live(2, 1)))]);
        assert!(is_linearizable(&seen));
        let mut back = puts.to_vec();
        back.extend([(1, 2, Read(Live(2, 1))), (3, 4, Read(Live(1, 2)))]);
        assert!(!is_linearizable(&back), "two readers see the writes in different orders");
    }

    #[test]
    fn two_conditional_updates_of_one_version_do_not_both_happen() {
        let first = (0, 1, Put(1, Some(1)));
        let both = [Some(Matched::Made(2)), Some(Matched::Made(2))];
        let one = [Some(Matched::Made(2)), Some(Matched::Refused)];
        for (outcomes, is_so) in [(both, false), (one, true)] {
            let events = [first, (2, 9, PutIf(1, 2, outcomes[0])), (2, 9, PutIf(1, 3, outcomes[1]))];
            assert_eq!(is_linearizable(&events), is_so);
        }
        assert!(!is_linearizable(&[first, (2, 3, PutIf(1, 2, Some(Matched::Refused)))]));
    }

    #[test]
    fn a_write_without_an_answer_is_done_before_its_end_or_never() {
        let (first, unseen) = ((0, 1, Put(1, Some(1))), (2, 5, Put(2, None)));
        assert!(is_linearizable(&[first, unseen, (6, 7, Read(Live(1, 1)))]));
        assert!(is_linearizable(&[first, unseen, (6, 7, Read(Live(2, 2)))]));
        assert!(is_linearizable(&[first, unseen, (3, 4, Read(Live(1, 1))), (6, 7, Read(Live(2, 2)))]));
        let late = [first, unseen, (6, 7, Read(Live(1, 1))), (8, 9, Read(Live(2, 2)))];
        assert!(!is_linearizable(&late), "it was done after the process that was to do it had ended");
        assert!(!is_linearizable(&[first, unseen, (6, 7, Put(3, Some(4)))]));
        assert!(is_linearizable(&[first, (2, 5, Delete(false)), (6, 7, Put(3, Some(3)))]));
    }

    /// Many clients on one register, each write somewhere within its interval: the checker must not take for ever.
    #[test]
    fn long_histories_are_checked() {
        let mut events = Vec::new();
        for at in 0..20_000_u64 {
            let (asked, ended) = (at * 10, at * 10 + 75);
            events.push((asked, ended, if at % 97 == 5 { Put(at, None) } else { Put(at, Some(0)) }));
        }
        let mut version = 0;
        for (_, _, deed) in &mut events {
            if let Put(_, Some(made)) = deed {
                version += 1;
                *made = version;
            }
        }
        assert!(is_linearizable(&events));
        events.push((900_000, 900_001, Read(Live(3, 3))));
        assert!(!is_linearizable(&events));
    }
}
