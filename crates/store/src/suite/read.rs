//! Reading what was written.

use super::world::{all, delete, key, named, put, write};
use super::{Make, World, wait};
use crate::{Operation, Write};

/// A read answers the bytes, the operation, the version and the time of the last write.
pub fn a_resource_is_read_as_it_was_written(make: Make) {
    let world = World::new(make);
    let wanted = put("Patient/1", "de", &[]);
    let committed = world.commit([Write::Put(wanted.clone())]);
    let stored = world.read(&wanted.key).expect("it was written");
    assert_eq!(stored.body, Some(wanted.body));
    assert_eq!((stored.key, stored.version), (wanted.key, 1));
    assert_eq!((stored.updated, stored.operation), (committed.updated, Operation::Update));
}

/// Rows stand where their keys stood, absent ones among them, the same key twice if asked twice.
pub fn reads_answer_in_the_order_asked(make: Make) {
    let world = World::new(make);
    world.commit([named("1", "a"), named("2", "b")]);
    let keys = ["Patient/2", "Patient/9", "Patient/1", "Patient/2"].map(key);
    let rows = wait(world.store().read(&keys, &all())).expect("the read succeeds");
    let found: Vec<_> = rows.iter().map(|row| row.as_ref().map(|row| row.key.clone())).collect();
    let expected = keys.map(|key| (key.id.as_str() != "9").then_some(key));
    assert_eq!(found, expected);
}

/// Neither another id nor another type of the same id is there.
pub fn what_never_was_is_not_found(make: Make) {
    let world = World::new(make);
    assert_eq!(world.read(&key("Patient/1")), None);
    world.commit([named("1", "a")]);
    assert_eq!(world.read(&key("Patient/2")), None);
    assert_eq!(world.read(&key("Observation/1")), None);
}

/// A deletion has the next version and no body.
pub fn a_deleted_resource_is_answered_as_its_deletion(make: Make) {
    let world = World::new(make);
    world.commit([named("1", "a")]);
    let committed = world.commit([delete("Patient/1")]);
    let stored = world.read(&key("Patient/1")).expect("its deletion");
    assert_eq!((stored.version, stored.operation, stored.body), (2, Operation::Delete, None));
    assert_eq!((stored.updated, committed.versions), (committed.updated, vec![2]));
}

/// A restart loses nothing that was acknowledged, and adds nothing.
pub fn what_was_acknowledged_is_there_after_reopening(make: Make) {
    let mut world = World::new(make);
    world.commit([named("1", "a"), named("2", "b")]);
    world.commit([write("Patient/1", &[]), delete("Patient/2")]);
    let keys = ["Patient/1", "Patient/2", "Patient/3"].map(key);
    let before = wait(world.store().read(&keys, &all())).expect("the read succeeds");
    world.reopen();
    assert_eq!(wait(world.store().read(&keys, &all())).expect("the read succeeds"), before);
    assert_eq!(world.commit([named("2", "c")]).versions, [3]);
}
