//! What the world is made of: names, places, disorders, drugs, tests and vaccines, as data.

pub(crate) mod acute;
pub(crate) mod chronic;
pub(crate) mod disorder;
pub(crate) mod drugs;
pub(crate) mod names;
pub(crate) mod panels;
pub(crate) mod places;
pub(crate) mod vaccines;
