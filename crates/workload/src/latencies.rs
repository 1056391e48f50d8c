//! How long requests took, and what shares of them did not exceed.

use std::time::Duration;

/// How long the requests of one load took.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// Takes them in any order.
    pub(crate) fn of(mut taken: Vec<Duration>) -> Latencies {
        taken.sort_unstable();
        Latencies(taken)
    }

    /// The duration that this share (0 to 1) of the requests did not exceed, in milliseconds; 0 without any.
    pub(crate) fn quantile_ms(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * share).round() as usize).map_or(0.0, |taken| taken.as_secs_f64() * 1e3)
    }

    /// How many requests there were.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_what_that_share_did_not_exceed() {
        let taken = Latencies::of((1..=101).rev().map(Duration::from_millis).collect());
        assert_eq!(taken.quantile_ms(0.0), 1.0);
        assert_eq!(taken.quantile_ms(0.5), 51.0);
        assert_eq!(taken.quantile_ms(0.99), 100.0);
        assert_eq!(taken.quantile_ms(1.0), 101.0);
        assert_eq!(Latencies::default().quantile_ms(0.5), 0.0);
    }
}
