//! Random choices that a seed repeats.

use std::time::Duration;

/// A generator of random choices (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The dice number `number` of a seed: each is independent of the others.
    pub(crate) fn new(seed: u64, number: u64) -> Dice {
        let mut dice = Dice(seed ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A number from 0 up to and without `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// True once in `times`.
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these, which are not none.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// A duration between two numbers of milliseconds: as often between 10 and 100 as between 100 and 1000.
    pub(crate) fn duration(&mut self, from_ms: f64, to_ms: f64) -> Duration {
        let share = self.below(1 << 20) as f64 / f64::from(1 << 20);
        Duration::from_secs_f64(from_ms * (to_ms / from_ms).powf(share) / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_choices_and_its_dice_differ() {
        let rolls = |seed, number| {
            let mut dice = Dice::new(seed, number);
            (0..50).map(|_| dice.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(rolls(1, 1), rolls(1, 1));
        assert_ne!(rolls(1, 1), rolls(1, 2));
        assert_ne!(rolls(1, 1), rolls(2, 1));
    }

    #[test]
    fn durations_stay_between_their_bounds() {
        let mut dice = Dice::new(7, 7);
        for _ in 0..1000 {
            let duration = dice.duration(20.0, 3000.0);
            assert!((Duration::from_millis(20)..=Duration::from_millis(3000)).contains(&duration));
        }
    }
}
