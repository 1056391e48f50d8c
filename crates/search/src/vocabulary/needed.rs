//! What a search names of vocabulary, before it is understood.

use super::VocabularyNeed;
use crate::clause::{split, unescape};
use crate::compile::filter_vocabulary;

/// The value sets and code systems that these parameters name. What is fetched may name more:
/// [`Vocabulary::add`](super::Vocabulary::add) says so. A name that turns out not to be vocabulary does no harm.
pub fn vocabulary_needed(parameters: &[(impl AsRef<str>, impl AsRef<str>)]) -> Vec<VocabularyNeed> {
    let mut needs = Vec::new();
    for (name, value) in parameters {
        let (name, value) = (name.as_ref(), value.as_ref());
        if name == "_filter" {
            needs.extend(filter_vocabulary(value));
            continue;
        }
        let Some((_, modifier)) = name.rsplit_once(':') else { continue };
        let values = split(value, ',').filter(|value| !value.is_empty());
        match modifier {
            "in" | "not-in" => {
                needs.extend(values.map(|value| VocabularyNeed::ValueSet(unescape(value).into_owned())));
            }
            "above" | "below" => needs.extend(values.filter_map(system_of)),
            _ => {}
        }
    }
    needs.sort_unstable();
    needs.dedup();
    needs
}

/// The code system that stands before the bar of a token.
pub(crate) fn system_of(token: &str) -> Option<VocabularyNeed> {
    let (system, _) = token.rsplit_once('|')?;
    let system = unescape(system);
    (!system.is_empty()).then(|| VocabularyNeed::CodeSystem(system.into_owned()))
}
