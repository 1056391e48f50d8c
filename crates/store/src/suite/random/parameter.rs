//! Random search parameters: few codes over what the bodies hold.

use search::ParamId;

use super::Dice;
use super::entry::TYPES;
use crate::suite::parameter::parameter;
use crate::suite::world::delete;
use crate::{Put, Write};

/// The numbers that a data store's own parameters have here.
pub(super) const OWN: [ParamId; 3] =
    [ParamId(ParamId::FIRST_CUSTOM), ParamId(ParamId::FIRST_CUSTOM + 1), ParamId(ParamId::FIRST_CUSTOM + 2)];

const NAMES: [&str; 4] = ["one", "two", "three", "four"];

pub(super) fn some_parameter(dice: &mut Dice) -> Put {
    let base = dice.pick(&TYPES);
    let path = dice.pick(&["language", "id", "language", "frob"]);
    parameter(dice.pick(&NAMES), dice.pick(&["x", "y"]), base, &format!("{base}.{path}"))
}

pub(super) fn some_parameter_write(dice: &mut Dice) -> Write {
    match dice.one_in(3) {
        true => delete(&format!("SearchParameter/{}", dice.pick(&NAMES))),
        false => Write::Put(some_parameter(dice)),
    }
}
