//! UCUM units in canonical form, so that quantities in different units compare (R4 search, section 3.1.1.4.11).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use octofhir_ucum::Number;
use rust_decimal::Decimal;

/// The system of UCUM codes.
pub const UCUM: &str = "http://unitsofmeasure.org";

/// How many units are remembered; more than that are worked out each time, so that hostile data cannot fill
/// the memory with units.
const REMEMBERED_MAX: usize = 4096;

/// The longest code that is looked at, in bytes.
const CODE_BYTES_MAX: usize = 256;

/// What a unit is in base units: a value `v` is `v * factor + offset` of `unit`.
#[derive(Clone, PartialEq, Debug)]
pub struct CanonicalUnit {
    /// The canonical unit, comparable as text (`g.m.s-2`).
    pub unit: String,
    factor: Number,
    offset: Number,
    /// Whether the unit is its own canonical unit.
    is_canonical: bool,
}

impl CanonicalUnit {
    /// A range of this unit in canonical units, lower bound first.
    pub fn range(&self, low: f64, high: f64) -> (f64, f64) {
        let from = self.value(low);
        (from, if low == high { from } else { self.value(high) })
    }

    /// A value of this unit in canonical units, to 28 digits; nothing beyond what decimals hold.
    pub(crate) fn exact(&self, value: Decimal) -> Option<Decimal> {
        let number = Number::parse(&value.to_string())?;
        let (digits, exponent) =
            number.checked_mul(self.factor)?.checked_add(self.offset)?.to_integer_and_exponent();
        match u32::try_from(-exponent) {
            Ok(scale) => Decimal::try_from_i128_with_scale(digits, scale).ok(),
            Err(_) => {
                let power = 10_i128.checked_pow(u32::try_from(exponent).ok()?)?;
                Decimal::try_from_i128_with_scale(digits.checked_mul(power)?, 0).ok()
            }
        }
    }

    /// Computed in decimal and rounded once, so that the same amount in two units is the same number.
    fn value(&self, value: f64) -> f64 {
        if self.is_canonical || !value.is_finite() {
            return value;
        }
        let exact = Number::from_f64(value)
            .and_then(|value| value.checked_mul(self.factor))
            .and_then(|value| value.checked_add(self.offset));
        // Beyond what decimals reach, any double will do.
        exact.map_or(value * self.factor.to_f64(), Number::to_f64)
    }
}

/// A product of numbers as they are written, computed in decimal and rounded once: 0.9 of 0.005 is 0.0045.
pub fn decimal_product(one: f64, other: f64) -> f64 {
    let exact = Number::from_f64(one).zip(Number::from_f64(other)).and_then(|(a, b)| a.checked_mul(b));
    exact.map_or(one * other, Number::to_f64)
}

type Remembered = HashMap<Box<str>, Option<Arc<CanonicalUnit>>>;

static REMEMBERED: LazyLock<RwLock<Remembered>> = LazyLock::new(RwLock::default);

/// The canonical form of a UCUM code; `None` if it is no UCUM code, or of a unit that is not proportional to
/// its base units (`[pH]`, `B`).
pub fn canonical_unit(code: &str) -> Option<Arc<CanonicalUnit>> {
    if code.len() > CODE_BYTES_MAX {
        return None;
    }
    if let Some(known) = REMEMBERED.read().unwrap_or_else(PoisonError::into_inner).get(code) {
        return known.clone();
    }
    let found = work_out(code).map(Arc::new);
    let mut remembered = REMEMBERED.write().unwrap_or_else(PoisonError::into_inner);
    if remembered.len() < REMEMBERED_MAX {
        remembered.insert(code.into(), found.clone());
    }
    found
}

/// Whether a code is one of UCUM; of a longer one than is looked at nobody says that it is not.
pub(crate) fn is_unit(code: &str) -> bool {
    code.len() > CODE_BYTES_MAX || octofhir_ucum::validate(code).is_ok()
}

fn work_out(code: &str) -> Option<CanonicalUnit> {
    let canonical = octofhir_ucum::get_canonical_units(code).ok()?;
    let (factor, offset) = (canonical.factor, canonical.offset);
    let is_usable = !factor.is_zero() && !factor.is_negative();
    let is_canonical = factor.to_f64() == 1.0 && offset.is_zero();
    is_usable.then_some(CanonicalUnit { unit: canonical.unit, factor, offset, is_canonical })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_one_dimension_have_one_canonical_unit() {
        for (code, unit, value) in [
            ("mg", "g", 0.001),
            ("kg", "g", 1000.0),
            ("Cel", "K", 274.15),
            ("%", "1", 0.01),
            ("/min", "s-1", 1.0 / 60.0),
            ("[IU]/mL", "m-3.[iU]", 1e6),
        ] {
            let canonical = canonical_unit(code).unwrap();
            assert_eq!(canonical.unit, unit, "{code}");
            let (low, _) = canonical.range(1.0, 1.0);
            assert!((low - value).abs() <= value * 1e-12, "{code} {low}");
        }
    }

    #[test]
    fn the_same_amount_in_two_units_is_the_same_number() {
        for (one, of, other, of_other) in [
            (5.1, "mg", 0.0051, "g"),
            (37.0, "Cel", 310.15, "K"),
            (1.1, "kg", 1100.0, "g"),
            (0.3, "dL", 30.0, "mL"),
        ] {
            let canonical = |code, value| canonical_unit(code).unwrap().range(value, value).0;
            assert_eq!(canonical(of, one), canonical(of_other, other), "{one} {of}");
        }
    }

    #[test]
    fn what_is_no_proportional_unit_has_no_canonical_form() {
        for code in ["", "furlongs", "[pH]", "mg ", "mg/", &"m".repeat(CODE_BYTES_MAX + 1)] {
            assert_eq!(canonical_unit(code), None, "{code:?}");
        }
    }
}
