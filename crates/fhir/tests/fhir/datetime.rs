//! Dates and times: what each written form covers.

use fhir::{Span, Time, parse_date, parse_date_time};
use proptest::prelude::*;

fn covers(text: &str) -> Option<String> {
    parse_date_time(text).map(|Span { from, to }| format!("{from} {to}"))
}

#[test]
fn each_precision_covers_its_span() {
    for (text, from, to) in [
        ("2012", "2012-01-01T00:00:00.000Z", "2013-01-01T00:00:00.000Z"),
        ("2012-02", "2012-02-01T00:00:00.000Z", "2012-03-01T00:00:00.000Z"),
        ("2012-12", "2012-12-01T00:00:00.000Z", "2013-01-01T00:00:00.000Z"),
        ("2012-02-29", "2012-02-29T00:00:00.000Z", "2012-03-01T00:00:00.000Z"),
        ("2012-12-31", "2012-12-31T00:00:00.000Z", "2013-01-01T00:00:00.000Z"),
        ("1969-12-31", "1969-12-31T00:00:00.000Z", "1970-01-01T00:00:00.000Z"),
        ("0001-01-01", "0001-01-01T00:00:00.000Z", "0001-01-02T00:00:00.000Z"),
        ("2012-01-01T10:11", "2012-01-01T10:11:00.000Z", "2012-01-01T10:12:00.000Z"),
        ("2012-01-01T10:11:12", "2012-01-01T10:11:12.000Z", "2012-01-01T10:11:13.000Z"),
        ("2012-01-01T10:11:12Z", "2012-01-01T10:11:12.000Z", "2012-01-01T10:11:13.000Z"),
        ("2012-01-01T10:11:12+02:00", "2012-01-01T08:11:12.000Z", "2012-01-01T08:11:13.000Z"),
        ("2012-01-01T10:11:12-11:30", "2012-01-01T21:41:12.000Z", "2012-01-01T21:41:13.000Z"),
        ("2012-01-01T00:00:00.5+14:00", "2011-12-31T10:00:00.500Z", "2011-12-31T10:00:00.500Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z", "2017-01-01T00:00:01.000Z"),
    ] {
        assert_eq!(covers(text), Some(format!("{from} {to}")), "{text}");
    }
    let exact = parse_date_time("2012-01-01T00:00:00.123456789Z").unwrap();
    assert_eq!(exact.to.0 - exact.from.0, 1);
    assert_eq!(exact.from.0 % 1_000_000, 123_456);
}

#[test]
fn what_is_not_a_date_or_time_is_refused() {
    for text in [
        "",
        "12",
        "2012-",
        "2012-13",
        "2012-00",
        "2012-1",
        "2012-01-32",
        "2012-02-30",
        "2011-02-29",
        "1900-02-29",
        "0000",
        "2012-01-01T",
        "2012-01-01T10",
        "2012-01-01T24:00:00Z",
        "2012-01-01T10:60:00Z",
        "2012-01-01T10:00:61Z",
        "2012-01-01T10:00:00.Z",
        "2012-01-01T10:00:00+1:00",
        "2012-01-01T10:00:00+14:01",
        "2012-01-01T10:00:00z",
        "2012-01-01 10:00:00Z",
        "2012-01-01T10:00:00Z ",
        " 2012",
        "20１2",
        "+2012",
        "2012-01Z",
    ] {
        assert_eq!(covers(text), None, "{text}");
    }
}

#[test]
fn a_date_has_no_time_and_an_instant_is_complete() {
    assert!(parse_date("2012-01-01").is_some() && parse_date("2012-01-01T00:00:00Z").is_none());
    assert_eq!(Time::parse("1970-01-01T00:00:00.000001Z"), Some(Time(1)));
    for text in ["2012", "2012-01-01", "2012-01-01T10:00Z", "2012-01-01T10:00:00"] {
        assert_eq!(Time::parse(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn instants_are_read_as_they_are_written(millis in -62_135_596_800_000_i64..253_402_300_800_000) {
        let time = Time(millis * 1000);
        let text = time.to_instant();
        prop_assert_eq!(text.len(), 24);
        prop_assert_eq!(Time::parse(&text), Some(time));
        let day = parse_date(&text[..10]).unwrap();
        prop_assert!(day.from <= time && time < day.to && day.to.0 - day.from.0 == 86_400_000_000);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[0-9TZ:+.é-]{0,32}") {
        if let Some(span) = parse_date_time(&text) {
            prop_assert!(span.from < span.to);
        }
    }
}
