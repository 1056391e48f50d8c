//! Notes: private facts, written with a transaction.

use bytes::Bytes;
use fhir::Time;
use search::Filter;

use super::world::{named, patient};
use super::{Make, World, wait};
use crate::limits::{NOTE_BYTES_MAX, NOTE_NAME_BYTES_MAX};
use crate::{CommitError, History, Note, Precondition, Scope, StoreError, Write};

fn note(name: &str, content: &str) -> Write {
    Write::Note(Note { name: name.to_owned(), content: Bytes::from(content.to_owned()), expires: None })
}

fn until(name: &str, expires: Time) -> Write {
    Write::Note(Note { name: name.to_owned(), content: Bytes::from_static(b"x"), expires: Some(expires) })
}

fn forget(name: &str) -> Write {
    Write::Forget(name.to_owned())
}

/// What the note of this name says; `-` if there is none.
fn read(world: &World, name: &str) -> String {
    let note = wait(world.store().note(name)).expect("the note is read");
    note.map_or("-".to_owned(), |note| String::from_utf8_lossy(&note.content).into_owned())
}

fn list(world: &World, prefix: &str, after: Option<&str>, count: usize) -> String {
    let notes = wait(world.store().notes(prefix, after, count)).expect("the notes are listed");
    notes.iter().map(|note| note.name.as_str()).collect::<Vec<_>>().join(" ")
}

/// Kept, replaced, forgotten; over restarts and background work.
pub fn a_note_is_read_as_it_was_written(make: Make) {
    let mut world = World::new(make);
    assert_eq!(world.commit([note("a", "one"), named("1", "x"), note("b", "")]).versions, [0, 1, 0]);
    assert_eq!(
        (read(&world, "a"), read(&world, "b"), read(&world, "c")),
        ("one".into(), "".into(), "-".into())
    );
    world.commit([note("a", "two"), forget("b"), forget("never")]);
    for _ in 0..2 {
        assert_eq!((read(&world, "a"), read(&world, "b")), ("two".into(), "-".into()));
        world.settle();
        world.reopen();
    }
}

/// In the order of names, by their beginning, page by page.
pub fn notes_are_listed_by_the_start_of_their_names(make: Make) {
    let world = World::new(make);
    world.commit(["b/2", "a", "b/1", "b", "b/10", "c/1", "b.1"].map(|name| note(name, name)));
    assert_eq!(list(&world, "", None, 100), "a b b.1 b/1 b/10 b/2 c/1");
    assert_eq!(list(&world, "b/", None, 100), "b/1 b/10 b/2");
    assert_eq!(list(&world, "b/", None, 2), "b/1 b/10");
    assert_eq!(list(&world, "b/", Some("b/10"), 2), "b/2");
    assert_eq!(list(&world, "b/", Some("a"), 1), "b/1");
    assert_eq!(list(&world, "b/", Some("b/2"), 1), "");
    assert_eq!(list(&world, "b/", None, 0), "");
    assert_eq!(list(&world, "d", None, 9), "");
}

/// A note makes no version of anything.
pub fn a_note_is_no_resource(make: Make) {
    let world = World::new(make);
    world.commit([note("Patient/1", "x")]);
    assert_eq!(world.find(patient(), Filter::Everything), "");
    let history = History { of: Scope::System, ..History::of_instance(super::world::key("Patient/1"), 10) };
    assert_eq!(world.history(&history).versions, []);
}

/// From its end on it is gone, also for preconditions, whatever is done in the background; an end that was put
/// off does not end it.
pub fn a_note_ends(make: Make) {
    let mut world = World::new(make);
    let now = world.commit([named("1", "a")]).updated;
    let after = |ms: i64| Time(now.0 + ms * 1000);
    world.commit([until("soon", after(10_000)), until("late", after(60_000)), until("kept", after(10_000))]);
    world.commit([until("kept", after(90_000)), until("past", now)]);
    assert_eq!(list(&world, "", None, 9), "kept late soon");
    world.clock.advance_ms(20_000);
    for _ in 0..3 {
        assert_eq!(
            (read(&world, "soon"), read(&world, "late"), read(&world, "kept")),
            ("-".into(), "x".into(), "x".into())
        );
        assert_eq!(list(&world, "", None, 9), "kept late");
        world.commit([named("2", "b")]);
        world.settle();
        world.reopen();
    }
    let unnoted = |name: &str| world.try_commit(vec![Precondition::Unnoted(name.to_owned())], Vec::new());
    assert!(unnoted("soon").is_ok());
    assert_eq!(unnoted("late"), Err(CommitError::Conflict(0)));
    world.commit([note("soon", "again")]);
    assert_eq!(read(&world, "soon"), "again");
}

/// It holds until there is a note, and again when it is forgotten.
pub fn an_unnoted_precondition_sees_the_newest_state(make: Make) {
    let world = World::new(make);
    let once =
        |write| world.try_commit(vec![Precondition::Unnoted("key".to_owned())], vec![write, named("1", "a")]);
    assert!(once(note("key", "x")).is_ok());
    assert_eq!(once(note("key", "y")), Err(CommitError::Conflict(0)));
    assert_eq!((read(&world, "key"), world.find(patient(), Filter::Everything)), ("x".into(), "1".into()));
    world.commit([forget("key")]);
    assert!(once(note("key", "z")).is_ok());
}

/// With the other writes or not at all.
pub fn a_failed_precondition_notes_nothing(make: Make) {
    let world = World::new(make);
    world.commit([note("old", "x")]);
    let outcome = world.try_commit(
        vec![Precondition::Present(super::world::key("Patient/1"))],
        vec![note("new", "x"), forget("old")],
    );
    assert_eq!(outcome, Err(CommitError::Conflict(0)));
    assert_eq!((read(&world, "old"), read(&world, "new")), ("x".into(), "-".into()));
}

/// Names and contents have limits, and one transaction writes a note once.
pub fn notes_are_limited(make: Make) {
    let world = World::new(make);
    let failed = |write| match world.try_commit(Vec::new(), vec![write]) {
        Err(CommitError::Failed(error)) => error,
        other => panic!("{other:?}"),
    };
    let named = |length: usize| note(&"a".repeat(length), "x");
    world.commit([named(NOTE_NAME_BYTES_MAX)]);
    assert_eq!(failed(named(NOTE_NAME_BYTES_MAX + 1)), StoreError::Limit("NOTE_NAME_BYTES_MAX"));
    for name in ["", "a b", "é", "a\0"] {
        assert!(matches!(failed(note(name, "x")), StoreError::Failed(_)), "{name:?}");
    }
    let sized = |size| Write::Note(Note { name: "n".into(), content: vec![7; size].into(), expires: None });
    world.commit([sized(NOTE_BYTES_MAX)]);
    assert_eq!(failed(sized(NOTE_BYTES_MAX + 1)), StoreError::Limit("NOTE_BYTES_MAX"));
    let twice = world.try_commit(Vec::new(), vec![note("a", "x"), forget("a")]);
    assert!(matches!(twice, Err(CommitError::Failed(StoreError::Failed(_)))), "{twice:?}");
}
