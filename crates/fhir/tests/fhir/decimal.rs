//! Decimals: their text, value and implicit range.

use fhir::Decimal;
use proptest::prelude::*;

#[test]
fn the_implicit_range_is_half_a_unit_of_the_last_digit() {
    for (text, low, high) in [
        ("100", 99.5, 100.5),
        ("100.00", 99.995, 100.005),
        ("1e2", 50.0, 150.0),
        ("1.0e2", 95.0, 105.0),
        ("0", -0.5, 0.5),
        ("-0.0", -0.05, 0.05),
        ("-5.4", -5.45, -5.35),
        ("0.000000000000000000000001", 5e-25, 1.5e-24),
        ("5.40", 5.395, 5.405),
        ("1e-30", 5e-31, 1.5e-30),
        ("12345678901234567890.1", 12345678901234567890.05, 12345678901234567890.15),
        ("1000000000000000000000", 999999999999999999999.5, 1000000000000000000000.5),
    ] {
        assert_eq!(Decimal::parse(text).unwrap().implicit_range(), (low, high), "{text}");
    }
}

#[test]
fn texts_are_kept_and_exponents_bounded() {
    for text in ["1.10", "100.0", "1e2", "-0", "1E+05", "123456789012345678901234567890.123456789"] {
        let decimal = Decimal::parse(text).unwrap();
        assert_eq!(decimal.as_str(), text);
        assert_eq!(decimal.to_f64(), text.parse::<f64>().unwrap());
    }
    assert_eq!(Decimal::parse("1e99999999999999999999").unwrap().to_f64(), f64::INFINITY);
    assert_eq!(Decimal::parse("1e-99999999999999999999").unwrap().implicit_range(), (0.0, 0.0));
    for text in
        ["", "-", "+1", "01", "1.", ".5", "1e", "1e+", "1,0", " 1", "1 ", "NaN", "0x1", "1.2.3", "1e1.5", "١"]
    {
        assert_eq!(Decimal::parse(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn the_quick_way_and_the_long_way_agree(whole in 1..100_000_u64, fraction in "[0-9]{0,8}", power in -9..9_i32) {
        let dot = if fraction.is_empty() { "" } else { "." };
        let short = Decimal::parse(&format!("{whole}{dot}{fraction}e{power}")).unwrap().implicit_range();
        let place = power - i32::try_from(fraction.len()).unwrap();
        let digits = format!("{whole}{fraction}").parse::<i128>().unwrap() * 10;
        let written = |number: i128| format!("{number}e{}", place - 1).parse::<f64>().unwrap();
        prop_assert_eq!(short, (written(digits - 5), written(digits + 5)));
        // Enough zeros after it make it too long for the quick way; the value does not change.
        let text = format!("{whole}{fraction}000000000000000e{}", place - 15);
        let long = Decimal::parse(&text).unwrap();
        let (low, high) = long.implicit_range();
        prop_assert!(low <= long.to_f64() && long.to_f64() <= high);
        prop_assert_eq!(long.to_f64(), written(digits));
    }
}
