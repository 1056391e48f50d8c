//! How long the longest values of a parameter are: what bounds the low ends of values whose high ends pass a comparison.

use super::{f64_of, kind, span_of};

/// How long the longest values of a parameter in one segment are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spans {
    /// Dates, in microseconds.
    pub(crate) date_us: u64,
    /// Numbers and quantities as written; infinite where that is not known.
    pub(crate) number: f64,
    /// Quantities in canonical units, likewise.
    pub(crate) canonical: f64,
}

impl Spans {
    /// Of no values at all.
    pub(crate) const NONE: Spans =
        Spans { date_us: 0, number: f64::NEG_INFINITY, canonical: f64::NEG_INFINITY };
    /// Of numbers of which nothing is known: older segments do not say.
    pub(crate) const UNKNOWN: Spans = Spans { date_us: 0, number: f64::INFINITY, canonical: f64::INFINITY };

    /// Takes one more term into account.
    pub(crate) fn see(&mut self, term: &[u8]) {
        self.date_us = self.date_us.max(span_of(term));
        match term.split_first() {
            Some((&(kind::NUMBER | kind::QUANTITY), rest)) => self.number = self.number.max(width(rest)),
            Some((&kind::CANONICAL, rest)) => {
                let bounds = &rest[rest.len().saturating_sub(16)..];
                self.canonical = self.canonical.max(width(bounds));
            }
            _ => {}
        }
    }

    /// Both widths, if there are numbers.
    pub(crate) fn widths(&self) -> Option<[f64; 2]> {
        (self.number > f64::NEG_INFINITY || self.canonical > f64::NEG_INFINITY)
            .then_some([self.number, self.canonical])
    }

    /// The least low end of a number whose high end is at least `high`; `None` if there is no bound.
    pub(super) fn back_from(width: f64, high: f64) -> Option<f64> {
        // Differences are rounded, so the bound gives a little more.
        let low = high - width.max(0.0);
        let low = low - (high.abs() + width.abs()) * 1e-9;
        low.is_finite().then_some(low)
    }
}

/// How far apart the two bounds are that some bytes begin with.
fn width(bounds: &[u8]) -> f64 {
    match (bounds.get(..8), bounds.get(8..16)) {
        (Some(low), Some(high)) => {
            let width = f64_of(high) - f64_of(low);
            // Infinity less infinity is no number: nothing is known then.
            if width.is_nan() { f64::INFINITY } else { width }
        }
        _ => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::super::ordered_f64;
    use super::*;

    fn number(low: f64, high: f64) -> Vec<u8> {
        [&[kind::NUMBER][..], &ordered_f64(low), &ordered_f64(high)].concat()
    }

    #[test]
    fn the_longest_number_counts_and_open_ends_leave_no_bound() {
        let mut spans = Spans::NONE;
        assert_eq!(spans.widths(), None);
        spans.see(&number(1.0, 1.0));
        spans.see(&number(1.0, 3.5));
        assert_eq!(spans.number, 2.5);
        let back = Spans::back_from(spans.number, 10.0).unwrap();
        assert!(back < 7.5 && back > 7.49);
        spans.see(&number(1.0, f64::INFINITY));
        assert_eq!(Spans::back_from(spans.number, 10.0), None);
        assert_eq!(Spans::back_from(Spans::UNKNOWN.number, 10.0), None);
    }
}
