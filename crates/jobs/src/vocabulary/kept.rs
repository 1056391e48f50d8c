//! Large code systems that stay in memory once they were read, each as it was read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use fhir::package::{EntryAt, Library};
use fhir::{ResourceKey, Span, Time};
use search::{Definition, Filter, Prefix, VocabularyNeed};
use store::Stored;

/// How much memory the kept code systems of all data stores and packages may take together, in bytes.
pub const KEPT_VOCABULARY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What is smaller than this is read again each time, in bytes: that is as quick as to make sure of it.
pub(super) const KEPT_BYTES_MIN: usize = 64 * 1024;

/// How long a resource must have stood before it is kept, in microseconds. Searches know times to the millisecond, and
/// what is kept is told from what is written later by its time.
const SETTLED_MICROSECONDS: i64 = 2_000;

/// Code systems that were read once.
pub struct KeptVocabulary {
    bytes_max: usize,
    /// The one asked for last at the end.
    all: Mutex<Vec<(Source, Definition)>>,
    /// What is being read now, for others who want it to wait.
    reading: Mutex<HashMap<(String, VocabularyNeed), Arc<Turn>>>,
}

/// Whose turn it is to read.
pub(super) type Turn = tokio::sync::Mutex<()>;

/// Where a code system was read.
enum Source {
    /// In the data store of this base address, as what this need means.
    Stored(String, VocabularyNeed, Version),
    /// In a package of these.
    Packaged(Weak<Library>, EntryAt),
}

/// A version of a stored resource.
#[derive(Clone, Debug)]
pub(super) struct Version {
    key: ResourceKey,
    updated: Time,
}

impl Version {
    /// What is passed by it and by what was written after it.
    pub(super) fn since(&self) -> Filter {
        Filter::Updated(Prefix::GreaterOrEqual, self.moment())
    }

    /// What is passed by nothing but it, as it was read.
    pub(super) fn itself(&self) -> Filter {
        Filter::Ids(vec![self.key.id.clone()]).and(Filter::Updated(Prefix::Equal, self.moment()))
    }

    fn moment(&self) -> Span {
        let from = self.updated.0.div_euclid(1000) * 1000;
        Span { from: Time(from), to: Time(from + 1000) }
    }
}

impl Source {
    fn is_stored(&self, base: &str, need: &VocabularyNeed) -> bool {
        matches!(self, Source::Stored(of, known, _) if of == base && known == need)
    }

    fn is_packaged(&self, library: &Arc<Library>, at: EntryAt) -> bool {
        matches!(self, Source::Packaged(of, known) if *known == at && of.as_ptr() == Arc::as_ptr(library))
    }

    /// Whether it is of packages that are no longer those of the server.
    fn is_gone(&self) -> bool {
        matches!(self, Source::Packaged(of, _) if of.strong_count() == 0)
    }
}

impl Default for KeptVocabulary {
    fn default() -> Self {
        KeptVocabulary::within(KEPT_VOCABULARY_BYTES_MAX)
    }
}

impl KeptVocabulary {
    fn within(bytes_max: usize) -> Self {
        KeptVocabulary { bytes_max, all: Mutex::default(), reading: Mutex::default() }
    }

    /// The turns of reading this: one reads a large code system, and the others find it kept.
    pub(super) fn turns(&self, base: &str, need: &VocabularyNeed) -> Arc<Turn> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        reading.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(reading.entry((base.to_owned(), need.clone())).or_default())
    }

    /// What was read of a data store for a need, and the version that it was.
    pub(super) fn stored(&self, base: &str, need: &VocabularyNeed) -> Option<(Version, Definition)> {
        self.used(
            |source| source.is_stored(base, need),
            |(source, definition)| match source {
                Source::Stored(_, _, version) => Some((version.clone(), definition.clone())),
                Source::Packaged(..) => None,
            },
        )
    }

    /// What was read of a package.
    pub(super) fn packaged(&self, library: &Arc<Library>, at: EntryAt) -> Option<Definition> {
        self.used(|source| source.is_packaged(library, at), |(_, definition)| Some(definition.clone()))
    }

    /// Takes what it needs of the one that is asked for, which is the last from now on.
    fn used<T>(
        &self,
        is_it: impl Fn(&Source) -> bool,
        take: impl Fn(&(Source, Definition)) -> Option<T>,
    ) -> Option<T> {
        let mut all = self.all();
        let at = all.iter().position(|(source, _)| is_it(source))?;
        all[at..].rotate_left(1);
        all.last().and_then(take)
    }

    /// Keeps what was read of a data store in place of what was kept for the need before.
    pub(super) fn keep_stored(
        &self,
        base: &str,
        need: VocabularyNeed,
        stored: &Stored,
        definition: &Definition,
        now: Time,
    ) {
        self.all().retain(|(source, _)| !source.is_stored(base, &need));
        let is_settled = now.0 > stored.updated.0 + SETTLED_MICROSECONDS;
        if stored.body_bytes() >= KEPT_BYTES_MIN && is_settled {
            let version = Version { key: stored.key.clone(), updated: stored.updated };
            self.keep(Source::Stored(base.to_owned(), need, version), definition);
        }
    }

    /// Keeps what was read of a package.
    pub(super) fn keep_packaged(&self, library: &Arc<Library>, at: EntryAt, definition: &Definition) {
        self.all().retain(|(source, _)| !source.is_packaged(library, at));
        if definition.memory_bytes() >= KEPT_BYTES_MIN {
            self.keep(Source::Packaged(Arc::downgrade(library), at), definition);
        }
    }

    fn keep(&self, source: Source, definition: &Definition) {
        if definition.memory_bytes() == 0 {
            return;
        }
        let mut all = self.all();
        all.retain(|(source, _)| !source.is_gone());
        all.push((source, definition.clone()));
        let mut bytes: usize = all.iter().map(|(_, definition)| definition.memory_bytes()).sum();
        while bytes > self.bytes_max {
            let (_, first) = all.remove(0);
            bytes -= first.memory_bytes();
        }
    }

    fn all(&self) -> MutexGuard<'_, Vec<(Source, Definition)>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use fhir::Resource;

    use super::*;

    /// A code system of so many concepts.
    fn definition(concepts: usize) -> Definition {
        let codes: Vec<String> = (0..concepts).map(|code| format!(r#"{{"code":"{code:09}"}}"#)).collect();
        let text = format!(r#"{{"resourceType":"CodeSystem","concept":[{}]}}"#, codes.join(","));
        Definition::read(&Resource::parse_slice(text.as_bytes()).unwrap()).unwrap()
    }

    const FIRST: EntryAt = EntryAt { package: 0, entry: 0 };
    const SECOND: EntryAt = EntryAt { package: 0, entry: 1 };

    #[test]
    fn what_was_read_of_packages_is_kept_as_long_as_they_are_those_of_the_server() {
        let kept = KeptVocabulary::default();
        let (library, other) = (Arc::new(Library::empty()), Arc::new(Library::empty()));
        kept.keep_packaged(&library, FIRST, &definition(5_000));
        kept.keep_packaged(&library, SECOND, &definition(5));
        assert!(kept.packaged(&library, FIRST).is_some());
        assert!(kept.packaged(&library, SECOND).is_none(), "a small one is read again");
        assert!(kept.packaged(&other, FIRST).is_none());
        drop(library);
        kept.keep_packaged(&other, FIRST, &definition(5_000));
        assert_eq!(kept.all().len(), 1);
    }

    #[test]
    fn as_much_is_kept_as_the_limit_and_no_more_and_what_was_used_last_stays() {
        let large = definition(5_000);
        let library = Arc::new(Library::empty());
        let third = EntryAt { package: 1, entry: 0 };
        for (bytes_max, stays) in [(2 * large.memory_bytes(), true), (2 * large.memory_bytes() - 1, false)] {
            let kept = KeptVocabulary::within(bytes_max);
            kept.keep_packaged(&library, FIRST, &large);
            kept.keep_packaged(&library, SECOND, &large);
            assert_eq!(kept.packaged(&library, FIRST).is_some(), stays, "{bytes_max}");
            assert!(kept.packaged(&library, SECOND).is_some());
            assert_eq!(kept.packaged(&library, FIRST).is_some(), stays);
            kept.keep_packaged(&library, third, &large);
            assert_eq!(kept.packaged(&library, FIRST).is_some(), stays);
            assert!(kept.packaged(&library, SECOND).is_none() && kept.packaged(&library, third).is_some());
        }
    }
}
