//! Decimals as FHIR means them: the text is the value, and its last digit says how precise it is.

/// A decimal number as it was written (R4 datatypes, `decimal`; the grammar of JSON numbers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal<'a> {
    text: &'a str,
    negative: bool,
    /// Digits before the point, without sign.
    whole: &'a str,
    /// Digits after the point.
    fraction: &'a str,
    /// The power of ten of the last written digit.
    last_place: i32,
}

/// The longest exponent that is still told apart from infinity or zero.
const EXPONENT_MAX: i32 = 1_000_000;

impl<'a> Decimal<'a> {
    /// The decimal in this text, or nothing if it does not have the form of a JSON number.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Decimal<'a>> {
        let negative = text.starts_with('-');
        let unsigned = if negative { &text[1..] } else { text };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], exponent(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || leading_zero || !digits(whole) || !digits(fraction) {
            return None;
        }
        let last_place = exponent.saturating_sub(i32::try_from(fraction.len()).ok()?);
        Some(Decimal { text, negative, whole, fraction, last_place })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The nearest double.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        self.text.parse().expect("every JSON number is a double's text")
    }

    /// Whether both are the same number, however precise each is: `1.50` and `15e-1` are.
    #[must_use]
    pub fn is_numerically(&self, other: &Decimal<'_>) -> bool {
        let (one, other) = (self.significant(), other.significant());
        one == other
    }

    /// Sign, digits without zeros at either end, and the power of ten of the last of them.
    fn significant(&self) -> (bool, String, i32) {
        let digits = format!("{}{}", self.whole, self.fraction);
        let kept = digits.trim_end_matches('0');
        let dropped = i32::try_from(digits.len() - kept.len()).unwrap_or(i32::MAX);
        let kept = kept.trim_start_matches('0');
        if kept.is_empty() {
            return (false, String::new(), 0);
        }
        (self.negative, kept.to_owned(), self.last_place.saturating_add(dropped))
    }

    /// The power of ten of the last written digit: -2 for `1.50`, 0 for `100`, 2 for `1e2`.
    #[must_use]
    pub fn last_place(&self) -> i32 {
        self.last_place
    }

    /// The values it may stand for: half a unit of its last digit down and up (R4 search, 3.1.1.4.6),
    /// computed exactly and then rounded to the nearest doubles; lower bound first.
    #[must_use]
    pub fn implicit_range(&self) -> (f64, f64) {
        let (near, far) = self.small_range().unwrap_or_else(|| self.large_range());
        if self.negative { (-far, -near) } else { (near, far) }
    }

    /// The magnitudes' range, when ten times the digits and the power of ten are exact doubles: then one
    /// division or multiplication rounds correctly.
    fn small_range(&self) -> Option<(f64, f64)> {
        const EXACT_DIGITS: usize = 14;
        const EXACT_POWERS: u32 = 22;
        if self.whole.len() + self.fraction.len() > EXACT_DIGITS {
            return None;
        }
        let digits = self.whole.bytes().chain(self.fraction.bytes());
        let tenfold = digits.fold(0_i64, |number, digit| number * 10 + i64::from(digit - b'0')) * 10;
        let place = self.last_place.checked_sub(1)?;
        if place.unsigned_abs() > EXACT_POWERS {
            return None;
        }
        let power = 10_f64.powi(place.abs());
        let scaled = |number: i64| if place < 0 { number as f64 / power } else { number as f64 * power };
        Some((scaled(tenfold - 5), scaled(tenfold + 5)))
    }

    /// The magnitudes' range by decimal text: one more digit, 5, after the digits or after the digits less one.
    fn large_range(&self) -> (f64, f64) {
        let digits = format!("{}{}", self.whole, self.fraction);
        let place = self.last_place.saturating_sub(1);
        let value = |digits: &str| format!("{digits}5e{place}").parse::<f64>().unwrap_or(f64::INFINITY);
        let far = value(&digits);
        let near = one_less(digits).map_or(-far, |less| value(&less));
        (near, far)
    }
}

/// The decimal digits of the number less one, unless it is zero.
fn one_less(digits: String) -> Option<String> {
    let mut digits = digits.into_bytes();
    let last = digits.iter().rposition(|&digit| digit != b'0')?;
    digits[last] -= 1;
    digits[last + 1..].fill(b'9');
    String::from_utf8(digits).ok()
}

fn exponent(text: &str) -> Option<i32> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let exponent = digits.bytes().fold(0, |number: i32, digit| {
        number.saturating_mul(10).saturating_add(i32::from(digit - b'0')).min(EXPONENT_MAX)
    });
    Some(if negative { -exponent } else { exponent })
}
