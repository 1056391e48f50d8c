//! Quantities and their units: UCUM, the words for spans of time, and units of other systems.

use std::cmp::Ordering;
use std::fmt;

use rust_decimal::Decimal;

use crate::unit::canonical_unit;

/// A number with a unit.
#[derive(Clone, Debug)]
pub struct Quantity {
    /// The number.
    pub value: Decimal,
    /// The unit.
    pub(super) unit: Unit,
}

/// A unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Unit {
    /// A UCUM code; `1` for none.
    Ucum(String),
    /// A word for a span of the calendar: `year` to `millisecond`.
    Calendar(CalendarUnit),
    /// A unit of no known system.
    Foreign(String),
}

/// A span of the calendar or of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CalendarUnit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

impl CalendarUnit {
    const ALL: [(CalendarUnit, &'static str, &'static str); 8] = [
        (CalendarUnit::Year, "year", "a"),
        (CalendarUnit::Month, "month", "mo"),
        (CalendarUnit::Week, "week", "wk"),
        (CalendarUnit::Day, "day", "d"),
        (CalendarUnit::Hour, "hour", "h"),
        (CalendarUnit::Minute, "minute", "min"),
        (CalendarUnit::Second, "second", "s"),
        (CalendarUnit::Millisecond, "millisecond", "ms"),
    ];

    /// The unit of a word, in the singular or the plural.
    pub(super) fn parse(word: &str) -> Option<CalendarUnit> {
        let singular = word.strip_suffix('s').unwrap_or(word);
        Self::ALL.iter().find(|(_, name, _)| *name == singular).map(|(unit, ..)| *unit)
    }

    /// The unit of a UCUM code, for those whose length is the same on every day of the calendar.
    pub(super) fn of_ucum(code: &str) -> Option<CalendarUnit> {
        let found = Self::ALL.iter().find(|(_, _, ucum)| *ucum == code).map(|(unit, ..)| *unit);
        found.filter(|unit| !unit.varies())
    }

    /// Whether its length depends on the date: then the UCUM unit is another one.
    fn varies(self) -> bool {
        matches!(self, CalendarUnit::Year | CalendarUnit::Month)
    }

    fn row(self) -> &'static (CalendarUnit, &'static str, &'static str) {
        Self::ALL.iter().find(|(unit, ..)| *unit == self).expect("every unit has a row")
    }
}

impl Unit {
    pub(super) fn plain() -> Unit {
        Unit::Ucum("1".to_owned())
    }

    pub(super) fn of_code(code: &str) -> Unit {
        Unit::Ucum(code.to_owned())
    }

    pub(super) fn foreign(name: &str) -> Unit {
        Unit::Foreign(name.to_owned())
    }

    /// The UCUM code that means the same; none for a span that varies and for units of other systems.
    fn ucum(&self) -> Option<&str> {
        match self {
            Unit::Ucum(code) => Some(code),
            Unit::Calendar(unit) if !unit.varies() => Some(unit.row().2),
            Unit::Calendar(_) | Unit::Foreign(_) => None,
        }
    }
}

impl Quantity {
    /// A number without a unit.
    pub(super) fn plain(value: Decimal) -> Quantity {
        Quantity { value, unit: Unit::plain() }
    }

    /// The span of the calendar or clock that it is, if it is one that can be added to a date.
    pub(super) fn calendar_unit(&self) -> Option<CalendarUnit> {
        match &self.unit {
            Unit::Calendar(unit) => Some(*unit),
            Unit::Ucum(code) => CalendarUnit::of_ucum(code),
            Unit::Foreign(_) => None,
        }
    }

    /// Both values in one unit, if they have one in common.
    pub(super) fn in_common(&self, other: &Quantity) -> Option<(Decimal, Decimal)> {
        if self.unit == other.unit {
            return Some((self.value, other.value));
        }
        let (one, two) = (canonical_unit(self.unit.ucum()?)?, canonical_unit(other.unit.ucum()?)?);
        if one.unit != two.unit {
            return None;
        }
        Some((one.exact(self.value)?, two.exact(other.value)?))
    }

    /// How it stands to another; nothing if their units have nothing in common.
    pub(super) fn compare(&self, other: &Quantity) -> Option<Ordering> {
        self.in_common(other).map(|(one, two)| one.cmp(&two))
    }

    /// Whether both measure the same sort of thing.
    pub(super) fn is_comparable(&self, other: &Quantity) -> bool {
        self.in_common(other).is_some()
    }

    /// A product, in the product of the units.
    pub(super) fn times(&self, other: &Quantity) -> Option<Quantity> {
        let value = self.value.checked_mul(other.value)?;
        Some(Quantity { value, unit: self.unit.joined(&other.unit, '.')? })
    }

    /// A quotient, in the quotient of the units; nothing when divided by zero.
    pub(super) fn over(&self, other: &Quantity) -> Option<Quantity> {
        let value = self.value.checked_div(other.value)?;
        Some(Quantity { value, unit: self.unit.joined(&other.unit, '/')? })
    }

    /// A sum or difference, in the first one's unit.
    pub(super) fn plus(&self, other: &Quantity, is_negative: bool) -> Option<Quantity> {
        let added = match self.unit == other.unit {
            true => other.value,
            false => {
                let one = canonical_unit(self.unit.ucum()?)?;
                let (_, two) = self.in_common(other)?;
                two.checked_div(one.exact(Decimal::ONE)?)?
            }
        };
        let value =
            if is_negative { self.value.checked_sub(added)? } else { self.value.checked_add(added)? };
        Some(Quantity { value: value.normalize(), unit: self.unit.clone() })
    }
}

impl Unit {
    fn joined(&self, other: &Unit, operator: char) -> Option<Unit> {
        let (one, two) = (self.ucum()?, other.ucum()?);
        let whole = |code: &str| match code.contains(['.', '/']) {
            true => format!("({code})"),
            false => code.to_owned(),
        };
        Some(Unit::Ucum(match (one, two) {
            (one, "1") => one.to_owned(),
            ("1", two) if operator == '.' => two.to_owned(),
            (one, two) if operator == '/' && one == two => "1".to_owned(),
            (one, two) => format!("{}{operator}{}", whole(one), whole(two)),
        }))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unit {
            Unit::Ucum(code) | Unit::Foreign(code) => {
                write!(f, "{} '{}'", self.value, code.replace('\\', "\\\\").replace('\'', "\\'"))
            }
            Unit::Calendar(unit) => {
                let plural = if self.value == Decimal::ONE { "" } else { "s" };
                write!(f, "{} {}{plural}", self.value, unit.row().1)
            }
        }
    }
}
