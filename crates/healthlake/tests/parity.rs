//! `docs/parity.md` says of every operation of the service model whether it is here.

use healthlake::generated::actions::Action;
use std::collections::BTreeMap;

const PARITY: &str = include_str!("../../../docs/parity.md");

#[test]
fn every_operation_of_the_model_stands_in_the_table_as_it_is() {
    let section = PARITY.split("\n## ").find(|section| section.starts_with("Control plane: actions"));
    let rows = section.into_iter().flat_map(str::lines).filter_map(|line| line.strip_prefix("| "));
    let mut states: BTreeMap<&str, &str> = rows.filter_map(|row| row.split_once(" | ")).collect();
    for action in Action::ALL {
        let row = states.remove(action.name()).unwrap_or_default();
        assert!(row.starts_with("same |") || row.starts_with("differs |"), "{}", action.name());
    }
    for absent in Action::ABSENT {
        assert!(states.remove(absent).unwrap_or_default().starts_with("absent |"), "{absent}");
    }
    assert_eq!(states.keys().copied().collect::<Vec<_>>(), ["action"]);
}
