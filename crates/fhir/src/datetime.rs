//! Dates and times of FHIR (R4 datatypes, `date`, `dateTime`, `instant`, `time`): what a written one covers.

use std::fmt;

/// A point in time: microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Time(pub i64);

/// What a written date or time covers: from `from` on, up to but without `to`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    /// The first moment in it.
    pub from: Time,
    /// The first moment after it.
    pub to: Time,
}

const SECOND: i64 = 1_000_000;
const DAY_SECONDS: i64 = 86_400;

impl Time {
    /// The moment written as a full instant, with seconds and zone; digits after microseconds are dropped.
    #[must_use]
    pub fn parse(instant: &str) -> Option<Time> {
        let parts = Parts::read(instant)?;
        (parts.clock.is_some_and(|clock| clock.has_seconds) && parts.zone_minutes.is_some())
            .then(|| parts.span().from)
    }

    /// Written as an instant in UTC with milliseconds: `2026-11-23T03:36:38.123Z`.
    #[must_use]
    pub fn to_instant(self) -> String {
        let mut out = Vec::with_capacity(24);
        self.push_instant(&mut out);
        String::from_utf8(out).expect("an instant is ASCII")
    }

    pub(crate) fn push_instant(self, out: &mut Vec<u8>) {
        let seconds = self.0.div_euclid(SECOND);
        let millis = self.0.rem_euclid(SECOND) / 1000;
        let (year, month, day) = civil(seconds.div_euclid(DAY_SECONDS));
        let clock = seconds.rem_euclid(DAY_SECONDS);
        push_digits(year.clamp(0, 9999), 4, out);
        for (before, number) in
            [(b'-', month), (b'-', day), (b'T', clock / 3600), (b':', clock / 60 % 60), (b':', clock % 60)]
        {
            out.push(before);
            push_digits(number, 2, out);
        }
        out.push(b'.');
        push_digits(millis, 3, out);
        out.push(b'Z');
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_instant())
    }
}

fn push_digits(number: i64, width: u32, out: &mut Vec<u8>) {
    for place in (0..width).rev() {
        out.push(b'0' + (number / 10_i64.pow(place) % 10) as u8);
    }
}

/// What a `date` covers: a year, a month or a day in UTC.
#[must_use]
pub fn parse_date(text: &str) -> Option<Span> {
    let parts = Parts::read(text)?;
    parts.clock.is_none().then(|| parts.span())
}

/// What a `date`, `dateTime` or `instant` covers; without a zone it is taken as UTC. Seconds may be left
/// out, as search parameters may (R4 search, section 3.1.1.4.7).
#[must_use]
pub fn parse_date_time(text: &str) -> Option<Span> {
    Some(Parts::read(text)?.span())
}

/// A written date and time in its parts.
#[derive(Clone, Copy)]
struct Parts {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    clock: Option<Clock>,
    zone_minutes: Option<i64>,
}

/// The time of day.
#[derive(Clone, Copy)]
struct Clock {
    seconds: i64,
    micros: i64,
    /// How long what is written lasts, in microseconds.
    unit_micros: i64,
    /// Whether seconds are written.
    has_seconds: bool,
}

/// What was written, for those who ask for its form only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Form {
    /// Hours, minutes and perhaps seconds are there.
    pub(crate) has_clock: bool,
    /// Seconds are there.
    pub(crate) has_seconds: bool,
    /// A zone is there.
    pub(crate) has_zone: bool,
}

/// What is written in a valid date or time.
pub(crate) fn form(text: &str) -> Option<Form> {
    let parts = Parts::read(text)?;
    Some(Form {
        has_clock: parts.clock.is_some(),
        has_seconds: parts.clock.is_some_and(|clock| clock.has_seconds),
        has_zone: parts.zone_minutes.is_some(),
    })
}

/// Whether the text is a time of day with seconds and no zone.
pub(crate) fn is_time(text: &str) -> bool {
    Clock::read(text.as_bytes()).is_some_and(|(clock, rest)| clock.has_seconds && rest.is_empty())
}

impl Parts {
    fn read(text: &str) -> Option<Parts> {
        let (year, rest) = number(text.as_bytes(), 4)?;
        let mut parts = Parts { year, month: None, day: None, clock: None, zone_minutes: None };
        if year == 0 {
            return None;
        }
        let [b'-', rest @ ..] = rest else { return rest.is_empty().then_some(parts) };
        let (month, rest) = number(rest, 2).filter(|(month, _)| (1..=12).contains(month))?;
        parts.month = Some(month);
        let [b'-', rest @ ..] = rest else { return rest.is_empty().then_some(parts) };
        let (day, rest) = number(rest, 2).filter(|(day, _)| (1..=days_in(year, month)).contains(day))?;
        parts.day = Some(day);
        let [b'T', rest @ ..] = rest else { return rest.is_empty().then_some(parts) };
        let (clock, rest) = Clock::read(rest)?;
        parts.clock = Some(clock);
        if !rest.is_empty() {
            parts.zone_minutes = Some(zone(rest)?);
        }
        Some(parts)
    }

    fn span(self) -> Span {
        let day = days_from_civil(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1));
        if let Some(clock) = self.clock {
            let seconds = day * DAY_SECONDS + clock.seconds - self.zone_minutes.unwrap_or(0) * 60;
            let from = seconds * SECOND + clock.micros;
            return Span { from: Time(from), to: Time(from + clock.unit_micros) };
        }
        let after = match (self.month, self.day) {
            (Some(_), Some(_)) => day + 1,
            (Some(12), None) | (None, _) => days_from_civil(self.year + 1, 1, 1),
            (Some(month), None) => days_from_civil(self.year, month + 1, 1),
        };
        let at = |day: i64| Time(day * DAY_SECONDS * SECOND);
        Span { from: at(day), to: at(after) }
    }
}

impl Clock {
    /// The time of day at the start of `text`, and what follows it.
    fn read(text: &[u8]) -> Option<(Clock, &[u8])> {
        let (hour, rest) = number(text, 2).filter(|(hour, _)| *hour < 24)?;
        let [b':', rest @ ..] = rest else { return None };
        let (minute, rest) = number(rest, 2).filter(|(minute, _)| *minute < 60)?;
        let seconds = hour * 3600 + minute * 60;
        let [b':', rest @ ..] = rest else {
            let unit_micros = 60 * SECOND;
            return Some((Clock { seconds, micros: 0, unit_micros, has_seconds: false }, rest));
        };
        // 60 is a leap second, which the standard allows.
        let (second, rest) = number(rest, 2).filter(|(second, _)| *second <= 60)?;
        let mut clock =
            Clock { seconds: seconds + second, micros: 0, unit_micros: SECOND, has_seconds: true };
        let [b'.', rest @ ..] = rest else { return Some((clock, rest)) };
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = rest.split_at(count);
        if digits.is_empty() {
            return None;
        }
        let mut unit_micros = SECOND;
        for digit in digits.iter().take(6) {
            unit_micros /= 10;
            clock.micros += i64::from(digit - b'0') * unit_micros;
        }
        // A fraction of a second, however long it is written, means a moment.
        clock.unit_micros = 1;
        Some((clock, rest))
    }
}

/// A zone as minutes east of UTC.
fn zone(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        b"Z" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = number(rest, 2)?;
    let [b':', rest @ ..] = rest else { return None };
    let (minutes, rest) = number(rest, 2)?;
    let valid = rest.is_empty() && minutes < 60 && (hours < 14 || hours == 14 && minutes == 0);
    valid.then_some(sign * (hours * 60 + minutes))
}

/// The number in the first `width` digits, and what follows.
fn number(text: &[u8], width: usize) -> Option<(i64, &[u8])> {
    let (digits, rest) = text.split_at_checked(width)?;
    let number = digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))?;
    Some((number, rest))
}

pub(crate) fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the proleptic Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of its year.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let months_from_march = (month + 9) % 12;
    let day_of_year = (153 * months_from_march + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - 719_468
}

/// Year, month and day of a day counted from 1970-01-01.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let mut year = (days * 400).div_euclid(146_097);
    while days_before_march(year + 1) <= days {
        year += 1;
    }
    while days_before_march(year) > days {
        year -= 1;
    }
    let day_of_year = days - days_before_march(year);
    let months_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_from_march + 2) / 5 + 1;
    let month = (months_from_march + 2) % 12 + 1;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

fn days_before_march(year: i64) -> i64 {
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400)
}
