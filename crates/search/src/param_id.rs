//! The number by which the index knows a search parameter.

/// The number of a search parameter's *code* (`patient`, `code`, `value-quantity`): the same code has the
/// same number on every resource type, so that one [`Filter`](crate::Filter) can be asked of several types.
///
/// Numbers below [`ParamId::FIRST_CODE`] are facts that are indexed like parameters without being one.
/// R4's own codes follow in alphabetical order; R4 is frozen, so the numbers may be stored. Parameters
/// that a data store defines for itself start at [`ParamId::FIRST_CUSTOM`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ParamId(pub u16);

impl ParamId {
    /// Compartment membership: a reference to the Patient, Encounter, Practitioner, RelatedPerson or Device
    /// whose compartment holds the resource.
    pub const COMPARTMENT: ParamId = ParamId(0);
    /// An entry of a List that is not marked as deleted: a reference to what is listed.
    pub const LISTED: ParamId = ParamId(1);
    /// What is contained: as a token without a system, the type of each contained resource that has an id.
    pub const CONTAINED: ParamId = ParamId(2);
    /// When the resource came to be, as a date: HealthLake's `createdAt`. No extraction finds it; a store adds it to
    /// the entries of what it writes ([`Entries::set_created`](crate::Entries::set_created)).
    pub const CREATED: ParamId = ParamId(3);
    /// The first number of an R4 code.
    pub const FIRST_CODE: u16 = 16;
    /// The first number of a data store's own parameters.
    pub const FIRST_CUSTOM: u16 = 0x8000;
}
