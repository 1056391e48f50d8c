//! Dates, dates with times, and times of day, as precise as they are written (FHIRPath 2.0.0, sections 2.1.20, 6.2).

use std::cmp::Ordering;
use std::fmt;

use super::types::SystemType;
use crate::Time;
use crate::datetime::{civil, days_from_civil, days_in};

/// Which of the three types it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemporalKind {
    /// `System.Date`.
    Date,
    /// `System.DateTime`.
    DateTime,
    /// `System.Time`.
    Time,
}

/// How far it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// `2015`.
    Year,
    /// `2015-02`.
    Month,
    /// `2015-02-04`.
    Day,
    /// `T14`.
    Hour,
    /// `T14:30`.
    Minute,
    /// `T14:30:05`.
    Second,
    /// `T14:30:05.123`: for comparisons the same as seconds.
    Fraction,
}

/// A date, a date with a time, or a time of day; parts beyond its precision hold their first value.
#[derive(Clone, Copy, Debug)]
pub struct Temporal {
    /// Its type.
    pub kind: TemporalKind,
    /// How far it is written.
    pub precision: Precision,
    /// 1 to 9999; 1 for a time of day.
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    /// Microseconds of the day.
    pub(super) micros: i64,
    /// How many digits of a fraction of a second are written.
    pub(super) fraction_digits: u8,
    /// Minutes east of UTC, if a zone is written.
    pub(super) zone_minutes: Option<i64>,
}

pub(super) const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

impl TemporalKind {
    pub(super) fn system_type(self) -> SystemType {
        match self {
            TemporalKind::Date => SystemType::Date,
            TemporalKind::DateTime => SystemType::DateTime,
            TemporalKind::Time => SystemType::Time,
        }
    }
}

/// Reads parts of a text from its front.
struct Reader<'t> {
    rest: &'t [u8],
}

impl Reader<'_> {
    fn number(&mut self, width: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let (digits, rest) = self.rest.split_at_checked(width)?;
        let number = digits.iter().try_fold(0, |number: i64, digit| {
            digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
        })?;
        self.rest = rest;
        range.contains(&number).then_some(number)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.rest.first() == Some(&byte);
        if is_next {
            self.rest = &self.rest[1..];
        }
        is_next
    }
}

impl Temporal {
    /// The value of this text, without `@` and, for a time, without `T`. A date with a `T` after it and nothing
    /// more is a date with a time.
    pub fn parse(kind: TemporalKind, text: &str) -> Option<Temporal> {
        let mut reader = Reader { rest: text.as_bytes() };
        let mut this = Temporal::start(kind);
        if kind == TemporalKind::Time {
            this.read_clock(&mut reader)?;
            return reader.rest.is_empty().then_some(this);
        }
        this.read_day(&mut reader)?;
        if kind == TemporalKind::DateTime && reader.eat(b'T') && !reader.rest.is_empty() {
            if this.precision < Precision::Day {
                return None;
            }
            this.read_clock(&mut reader)?;
            this.zone_minutes = read_zone(&mut reader)?;
        }
        reader.rest.is_empty().then_some(this)
    }

    fn start(kind: TemporalKind) -> Temporal {
        Temporal {
            kind,
            precision: Precision::Year,
            year: 1,
            month: 1,
            day: 1,
            micros: 0,
            fraction_digits: 0,
            zone_minutes: None,
        }
    }

    fn read_day(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        self.year = reader.number(4, 1..=9999)?;
        if !reader.eat(b'-') {
            return Some(());
        }
        self.month = reader.number(2, 1..=12)?;
        self.precision = Precision::Month;
        if !reader.eat(b'-') {
            return Some(());
        }
        self.day = reader.number(2, 1..=days_in(self.year, self.month))?;
        self.precision = Precision::Day;
        Some(())
    }

    fn read_clock(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        self.micros = reader.number(2, 0..=23)? * 3600 * SECOND;
        self.precision = Precision::Hour;
        if !reader.eat(b':') {
            return Some(());
        }
        self.micros += reader.number(2, 0..=59)? * 60 * SECOND;
        self.precision = Precision::Minute;
        if !reader.eat(b':') {
            return Some(());
        }
        // 60 is a leap second, which FHIR allows: here it is the last second of its minute.
        self.micros += reader.number(2, 0..=60)?.min(59) * SECOND;
        self.precision = Precision::Second;
        if !reader.eat(b'.') {
            return Some(());
        }
        let digits = reader.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        let mut unit = SECOND;
        for digit in reader.rest[..digits].iter().take(6) {
            unit /= 10;
            self.micros += i64::from(digit - b'0') * unit;
        }
        reader.rest = &reader.rest[digits..];
        self.fraction_digits = digits.min(6) as u8;
        self.precision = Precision::Fraction;
        Some(())
    }

    /// A moment as a date with a time in UTC, to the millisecond.
    pub(super) fn of_time(time: Time) -> Temporal {
        let micros = time.0.div_euclid(1000) * 1000;
        let (year, month, day) = civil(micros.div_euclid(DAY));
        Temporal {
            kind: TemporalKind::DateTime,
            precision: Precision::Fraction,
            year,
            month,
            day,
            micros: micros.rem_euclid(DAY),
            fraction_digits: 3,
            zone_minutes: Some(0),
        }
    }

    /// Its date alone, or its time of day alone.
    pub(super) fn only(self, kind: TemporalKind) -> Temporal {
        match kind {
            TemporalKind::Date => Temporal {
                kind,
                precision: self.precision.min(Precision::Day),
                micros: 0,
                fraction_digits: 0,
                zone_minutes: None,
                ..self
            },
            TemporalKind::Time => Temporal { kind, year: 1, month: 1, day: 1, zone_minutes: None, ..self },
            TemporalKind::DateTime => Temporal { kind, ..self },
        }
    }

    /// In UTC, if it has a zone.
    fn in_utc(self) -> Temporal {
        match self.zone_minutes {
            Some(minutes) if minutes != 0 => {
                let moved = self.moved_by_micros(-minutes * 60 * SECOND).unwrap_or(self);
                Temporal { zone_minutes: Some(0), ..moved }
            }
            _ => self,
        }
    }

    /// Later by so many microseconds, days carried over; a time of day wraps around.
    pub(super) fn moved_by_micros(self, micros: i64) -> Option<Temporal> {
        let at = self.micros.checked_add(micros)?;
        let moved = Temporal { micros: at.rem_euclid(DAY), ..self };
        match self.kind {
            TemporalKind::Time => Some(moved),
            _ => moved.moved_by_days(at.div_euclid(DAY)),
        }
    }

    /// Later by so many days; nothing beyond the years 1 to 9999.
    pub(super) fn moved_by_days(self, days: i64) -> Option<Temporal> {
        const DAYS_MAX: i64 = 10_000 * 366;
        if days.abs() > DAYS_MAX {
            return None;
        }
        let (year, month, day) = civil(days_from_civil(self.year, self.month, self.day) + days);
        (1..=9999).contains(&year).then_some(Temporal { year, month, day, ..self })
    }

    /// Later by so many months; a day that the month has not becomes its last.
    pub(super) fn moved_by_months(self, months: i64) -> Option<Temporal> {
        let month = (self.year * 12 + self.month - 1).checked_add(months)?;
        let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
        let is_there = (1..=9999).contains(&year);
        is_there.then(|| Temporal { year, month, day: self.day.min(days_in(year, month)), ..self })
    }

    /// How it stands to another; nothing where the parts that both have are the same and one has more of them, or
    /// where only one has a zone. `None` also for a time of day and a date.
    pub(super) fn compare(self, other: Temporal) -> Option<Ordering> {
        if (self.kind == TemporalKind::Time) != (other.kind == TemporalKind::Time) {
            return None;
        }
        let have_clock = self.precision > Precision::Day && other.precision > Precision::Day;
        if have_clock && self.zone_minutes.is_some() != other.zone_minutes.is_some() {
            return None;
        }
        let (one, two) = if have_clock { (self.in_utc(), other.in_utc()) } else { (self, other) };
        let precision = |one: Temporal| one.precision.min(Precision::Second);
        let parts = |one: Temporal| {
            let clock = one.micros / SECOND;
            let seconds = (one.micros % (60 * SECOND), Precision::Second);
            [
                (one.year, Precision::Year),
                (one.month, Precision::Month),
                (one.day, Precision::Day),
                (clock / 3600, Precision::Hour),
                (clock / 60 % 60, Precision::Minute),
                seconds,
            ]
        };
        for ((one_part, part), (two_part, _)) in parts(one).into_iter().zip(parts(two)) {
            match (precision(one) >= part, precision(two) >= part) {
                (true, true) if one_part != two_part => return Some(one_part.cmp(&two_part)),
                (true, true) => {}
                (false, false) => return Some(Ordering::Equal),
                _ => return None,
            }
        }
        Some(Ordering::Equal)
    }

    /// Whether both are as precise, in which case [`Temporal::compare`] decides them.
    pub(super) fn is_as_precise_as(self, other: Temporal) -> bool {
        self.precision.min(Precision::Second) == other.precision.min(Precision::Second)
            && self.zone_minutes.is_some() == other.zone_minutes.is_some()
    }
}

/// The zone at the front, if there is one; fails if there is something else.
fn read_zone(reader: &mut Reader<'_>) -> Option<Option<i64>> {
    let sign = match reader.rest {
        [] => return Some(None),
        b"Z" => {
            reader.rest = &[];
            return Some(Some(0));
        }
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return None,
    };
    reader.rest = &reader.rest[1..];
    let hours = reader.number(2, 0..=14)?;
    let minutes = if reader.eat(b':') { reader.number(2, 0..=59)? } else { return None };
    Some(Some(sign * (hours * 60 + minutes)))
}

impl fmt::Display for Temporal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = |precision| self.precision >= precision;
        if self.kind != TemporalKind::Time {
            write!(f, "{:04}", self.year)?;
            if has(Precision::Month) {
                write!(f, "-{:02}", self.month)?;
            }
            if has(Precision::Day) {
                write!(f, "-{:02}", self.day)?;
            }
            if self.precision <= Precision::Day {
                return Ok(());
            }
            f.write_str("T")?;
        }
        let clock = self.micros / SECOND;
        write!(f, "{:02}", clock / 3600)?;
        if has(Precision::Minute) {
            write!(f, ":{:02}", clock / 60 % 60)?;
        }
        if has(Precision::Second) {
            write!(f, ":{:02}", clock % 60)?;
        }
        if has(Precision::Fraction) {
            let digits = usize::from(self.fraction_digits.max(1));
            let fraction = self.micros % SECOND / 10_i64.pow(6 - digits as u32);
            write!(f, ".{fraction:0digits$}")?;
        }
        match self.zone_minutes {
            None => Ok(()),
            Some(0) => f.write_str("Z"),
            Some(minutes) => {
                let sign = if minutes < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
        }
    }
}
