//! Finding concepts by words: all that they are called, folded, in one text (R4 `$expand`, `filter`).

use memchr::memmem;

use super::CodeSystem;
use crate::normalize;
use crate::vocabulary::concept_set::ConceptSet;

/// What each concept is called, without case and accents.
#[derive(Debug)]
pub(super) struct Words {
    text: String,
    /// Where the text of each concept begins; one more than there are concepts.
    starts: Vec<u32>,
}

impl Words {
    fn of(system: &CodeSystem) -> Words {
        let mut words = Words { text: String::new(), starts: Vec::with_capacity(system.len() + 1) };
        for number in 0..system.len() as u32 {
            words.starts.push(words.text.len() as u32);
            let concept = system.concept(number);
            let designations = concept.designations().map(|designation| designation.value);
            for called in [Some(concept.code()), concept.display()].into_iter().flatten().chain(designations)
            {
                words.text.push_str(&normalize(called));
                words.text.push('\n');
            }
        }
        words.starts.push(words.text.len() as u32);
        words
    }

    /// How much memory it takes, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.text.len() + size_of_val(&*self.starts)
    }
}

impl CodeSystem {
    /// The concepts of which code, display and designations hold each of these words, which are folded.
    pub(crate) fn called(&self, words: &[String]) -> ConceptSet {
        let Words { text, starts } = self.words.get_or_init(|| Words::of(self));
        // The longest word is in the fewest texts.
        let Some(rarest) = words.iter().max_by_key(|word| word.len()) else {
            return ConceptSet::all(self.len());
        };
        let mut found = ConceptSet::none(self.len());
        let finder = memmem::Finder::new(rarest.as_bytes());
        let mut from = 0;
        while let Some(at) = finder.find(&text.as_bytes()[from..]) {
            let number = starts.partition_point(|start| *start as usize <= from + at) - 1;
            let (start, end) = (starts[number] as usize, starts[number + 1] as usize);
            if words.iter().all(|word| text[start..end].contains(word.as_str())) {
                found.insert(number as u32);
            }
            from = end;
        }
        found
    }
}

/// The words of a text filter, folded; none of an empty one.
pub(crate) fn folded_words(filter: &str) -> Vec<String> {
    normalize(filter).split_whitespace().map(str::to_owned).collect()
}
