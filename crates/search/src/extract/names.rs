//! The element names that conversions look for, as symbols.

use fhir::Symbol;
use std::sync::LazyLock;

macro_rules! names {
    ($($field:ident = $name:literal),* $(,)?) => {
        /// The symbols of element names.
        pub(super) struct Names {
            $(pub(super) $field: Symbol,)*
        }

        static NAMES: LazyLock<Names> = LazyLock::new(|| Names {
            $($field: Symbol::of($name).expect("the standard has elements of these names"),)*
        });
    };
}

names! {
    bounds_period = "boundsPeriod",
    city = "city",
    code = "code",
    coding = "coding",
    comparator = "comparator",
    contained = "contained",
    country = "country",
    currency = "currency",
    display = "display",
    district = "district",
    end = "end",
    event = "event",
    extension = "extension",
    family = "family",
    given = "given",
    high = "high",
    id = "id",
    identifier = "identifier",
    latitude = "latitude",
    line = "line",
    longitude = "longitude",
    low = "low",
    origin = "origin",
    postal_code = "postalCode",
    prefix = "prefix",
    reference = "reference",
    repeat = "repeat",
    resource_type = "resourceType",
    start = "start",
    state = "state",
    suffix = "suffix",
    system = "system",
    text = "text",
    type_ = "type",
    unit = "unit",
    url = "url",
    value = "value",
}

/// The symbols, interned once.
pub(super) fn names() -> &'static Names {
    &NAMES
}
