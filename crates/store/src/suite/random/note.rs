//! Random notes: few names, ends that come soon.

use bytes::Bytes;
use fhir::Time;

use super::Dice;
use crate::{Note, Precondition, Write};

const NAMES: [&str; 6] = ["a", "a/1", "a/2", "b/1", "b/10", "b/2"];

pub(super) fn some_name(dice: &mut Dice) -> String {
    dice.pick(&NAMES).to_owned()
}

pub(super) fn some_note_write(dice: &mut Dice) -> Write {
    let name = some_name(dice);
    if dice.one_in(3) {
        return Write::Forget(name);
    }
    let start = Time::parse("2020-01-01T00:00:00Z").expect("an instant");
    let expires = dice.one_in(2).then(|| Time(start.0 + dice.below(120_000_000) as i64));
    Write::Note(Note { name, content: Bytes::from_static(dice.pick(&[&b""[..], b"x", b"long"])), expires })
}

pub(super) fn some_unnoted(dice: &mut Dice) -> Precondition {
    Precondition::Unnoted(some_name(dice))
}

/// What is asked of a list: the start of the names, after which name, how many.
pub(super) fn some_list(dice: &mut Dice) -> (String, Option<String>, usize) {
    let after = dice.one_in(2).then(|| some_name(dice));
    (dice.pick(&["", "a", "b/", "b/1", "c"]).to_owned(), after, dice.pick(&[0, 1, 2, 100]))
}
