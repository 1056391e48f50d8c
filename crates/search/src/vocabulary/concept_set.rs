//! Some of the concepts of one code system, by their numbers: a bit for each.

/// A set of concepts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ConceptSet {
    words: Vec<u64>,
    len: usize,
}

impl ConceptSet {
    /// None of `len` concepts.
    pub(crate) fn none(len: usize) -> Self {
        ConceptSet { words: vec![0; len.div_ceil(64)], len }
    }

    /// All of `len` concepts.
    pub(crate) fn all(len: usize) -> Self {
        ConceptSet::none(len).complement()
    }

    /// Those of `len` concepts that pass.
    pub(crate) fn of(len: usize, passes: impl Fn(u32) -> bool) -> Self {
        let mut set = ConceptSet::none(len);
        (0..len as u32).filter(|number| passes(*number)).for_each(|number| {
            set.insert(number);
        });
        set
    }

    /// Adds a concept; answers whether it was not there.
    pub(crate) fn insert(&mut self, number: u32) -> bool {
        let (word, bit) = (number as usize / 64, 1 << (number % 64));
        let is_new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        is_new
    }

    /// Whether a concept is in the set.
    pub(crate) fn contains(&self, number: u32) -> bool {
        self.words.get(number as usize / 64).is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    /// How many are in the set.
    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The concepts, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.words.iter().zip(0_u32..).flat_map(|(word, at)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(at * 64 + bit)
            })
        })
    }

    /// Keeps what is in the other set too, which is of the same code system.
    pub(crate) fn keep(&mut self, other: &ConceptSet) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    /// Adds what is in the other set, which is of the same code system.
    pub(crate) fn add(&mut self, other: &ConceptSet) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    /// All others.
    pub(crate) fn complement(mut self) -> Self {
        self.words.iter_mut().for_each(|word| *word = !*word);
        if let Some(last) = self.words.last_mut().filter(|_| !self.len.is_multiple_of(64)) {
            *last &= (1 << (self.len % 64)) - 1;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::ConceptSet;

    #[test]
    fn sets_of_concepts_are_sets() {
        for len in [0, 1, 63, 64, 65, 200] {
            let third = ConceptSet::of(len, |number| number % 3 == 0);
            let expected: Vec<u32> = (0..len as u32).step_by(3).collect();
            assert_eq!(third.iter().collect::<Vec<_>>(), expected, "{len}");
            assert_eq!(third.count(), expected.len());
            let others = third.clone().complement();
            assert_eq!(others.count(), len - expected.len());
            assert!((0..len as u32).all(|number| others.contains(number) != third.contains(number)));
            let mut both = third.clone();
            both.keep(&others);
            assert_eq!(both, ConceptSet::none(len));
            both.add(&third);
            both.add(&others);
            assert_eq!(both, ConceptSet::all(len));
            assert_eq!(ConceptSet::all(len).count(), len);
        }
        assert!(!ConceptSet::none(3).contains(1000));
    }
}
