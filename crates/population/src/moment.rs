//! Points in time as seconds, and their FHIR spellings in the one time zone that the population lives in.

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) i64);

pub(crate) const DAY_S: i64 = 86_400;
/// A mean Gregorian year.
pub(crate) const YEAR_S: i64 = 31_556_952;
pub(crate) const MONTH_S: i64 = YEAR_S / 12;
const ZONE_S: i64 = -5 * 3_600;

impl Moment {
    pub(crate) fn plus(self, seconds: i64) -> Moment {
        Moment(self.0 + seconds)
    }

    /// Whole years from `earlier` to this moment.
    pub(crate) fn years_since(self, earlier: Moment) -> i64 {
        (self.0 - earlier.0).div_euclid(YEAR_S)
    }

    /// Whole months from `earlier` to this moment.
    pub(crate) fn months_since(self, earlier: Moment) -> i64 {
        (self.0 - earlier.0).div_euclid(MONTH_S)
    }

    /// The same local day at the given hour of day and second of the hour.
    pub(crate) fn at(self, hour: i64, second: i64) -> Moment {
        let midnight = (self.0 + ZONE_S).div_euclid(DAY_S) * DAY_S;
        Moment(midnight + hour * 3_600 + second - ZONE_S)
    }

    /// Appends a `date`, as `1975-02-28`.
    pub(crate) fn write_date(self, out: &mut Vec<u8>) {
        let (year, month, day) = civil((self.0 + ZONE_S).div_euclid(DAY_S));
        digits(year, 4, out);
        out.push(b'-');
        digits(month, 2, out);
        out.push(b'-');
        digits(day, 2, out);
    }

    /// Appends a `dateTime`, as `1975-02-28T09:30:00-05:00`.
    pub(crate) fn write_date_time(self, out: &mut Vec<u8>) {
        self.write_clock(out);
        out.extend_from_slice(b"-05:00");
    }

    /// Appends an `instant` with milliseconds.
    pub(crate) fn write_instant(self, out: &mut Vec<u8>) {
        self.write_clock(out);
        out.push(b'.');
        digits(self.0.wrapping_mul(37).rem_euclid(1_000), 3, out);
        out.extend_from_slice(b"-05:00");
    }

    fn write_clock(self, out: &mut Vec<u8>) {
        self.write_date(out);
        let second = (self.0 + ZONE_S).rem_euclid(DAY_S);
        out.push(b'T');
        digits(second / 3_600, 2, out);
        out.push(b':');
        digits(second / 60 % 60, 2, out);
        out.push(b':');
        digits(second % 60, 2, out);
    }
}

/// The Gregorian date of a day counted from 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    // Counting from 1 March of year 0 puts the leap day at the end of a year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Appends `value` with at least `width` digits.
pub(crate) fn digits(value: i64, width: u32, out: &mut Vec<u8>) {
    for place in (0..width).rev() {
        out.push(b'0' + (value / 10_i64.pow(place) % 10) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_gregorian_in_the_local_zone() {
        for (seconds, date) in [
            (0, "1969-12-31T19:00:00-05:00"),
            (951_800_400, "2000-02-29T00:00:00-05:00"),
            (1_735_707_600, "2025-01-01T00:00:00-05:00"),
            (-1_577_905_200, "1920-01-01T00:00:00-05:00"),
        ] {
            let mut out = Vec::new();
            Moment(seconds).write_date_time(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), date);
        }
    }
}
