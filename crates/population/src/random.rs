//! The pseudo-random numbers that everything is drawn from: xoshiro256**, seeded by SplitMix64.

/// One reproducible stream of numbers. Only integer arithmetic and exact floating-point operations are used,
/// so a seed gives the same stream on every platform.
#[derive(Clone, Debug)]
pub(crate) struct Random([u64; 4]);

/// One step of SplitMix64: spreads neighbouring inputs over all 64 bits.
pub(crate) fn mix(input: u64) -> u64 {
    let mut z = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random {
    /// The stream of the `number`th subject under `seed`; streams of different numbers are unrelated.
    pub(crate) fn new(seed: u64, number: u64) -> Random {
        let start = mix(mix(seed) ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        let word = |step: u64| mix(start.wrapping_add(step.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        Random([word(1), word(2), word(3), word(4)])
    }

    pub(crate) fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// Uniform in `0..bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// Uniform in `low..=high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(high.saturating_sub(low).max(0) as u64 + 1) as i64
    }

    /// True `rate` times in 10,000.
    pub(crate) fn chance(&mut self, rate: u64) -> bool {
        self.below(10_000) < rate
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// An index, drawn in proportion to its weight.
    pub(crate) fn weighted(&mut self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let mut left = self.below(weights.clone().map(u64::from).sum());
        for (index, weight) in weights.enumerate() {
            if left < u64::from(weight) {
                return index;
            }
            left -= u64::from(weight);
        }
        0
    }

    /// Uniform in `0..1`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Bell-shaped around 0 with standard deviation 1, never beyond 3.5.
    pub(crate) fn bell(&mut self) -> f64 {
        let sum = self.unit() + self.unit() + self.unit() + self.unit();
        (sum - 2.0) * 1.732_050_807_568_877_2
    }
}

/// A 128-bit identity that prints in the form of a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Uuid(u128);

impl Uuid {
    /// The identity of the `index`th thing of subject `number` under `seed`.
    pub(crate) fn of(seed: u64, number: u64, index: u64) -> Uuid {
        let base = mix(mix(seed ^ 0x5eed_0f1d) ^ number.wrapping_mul(0xa076_1d64_78bd_642f));
        let high = mix(base ^ index.wrapping_mul(0xe703_7ed1_a0b4_28db));
        let low = mix(high ^ mix(base.wrapping_add(index)));
        let bits = (u128::from(high) << 64) | u128::from(low);
        Uuid(bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62))
    }

    /// Appends the 36 characters of the usual form.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for place in (0..32).rev() {
            if matches!(place, 23 | 19 | 15 | 11) {
                out.push(b'-');
            }
            out.push(DIGITS[(self.0 >> (place * 4)) as usize & 0xf]);
        }
    }
}

impl std::fmt::Display for Uuid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = Vec::with_capacity(36);
        self.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}
