//! The keys of one bucket in order, and the pages of a listing.

use std::{collections::BTreeMap, ops::Bound};

/// What a listing tells of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub size: u64,
    pub etag: Box<str>,
    /// Microseconds since 1970.
    pub modified_us: i64,
}

/// The objects of a bucket by key.
pub(crate) type Index = BTreeMap<String, Listed>;

/// What to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub prefix: String,
    /// Keys that go on after the prefix with some text and this are listed as one common prefix.
    pub delimiter: Option<String>,
    pub after: After,
    /// Objects and common prefixes together.
    pub count_max: usize,
}

/// Where a page begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum After {
    #[default]
    Start,
    /// After this key.
    Key(String),
    /// After every key with this prefix.
    Prefix(String),
}

/// A page of a listing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub objects: Vec<(String, Listed)>,
    pub prefixes: Vec<String>,
    /// Where the next page begins. `None`: this is the last.
    pub next: Option<After>,
}

impl Page {
    fn len(&self) -> usize {
        self.objects.len() + self.prefixes.len()
    }
}

/// The page that a query asks for.
pub(crate) fn page(index: &Index, query: &Query) -> Page {
    let mut page = Page::default();
    let mut at = After::Start;
    let mut start = start(query);
    while let Some(bound) = start.take() {
        let Some((key, listed)) =
            index.range::<str, _>((bound.as_ref().map(String::as_str), Bound::Unbounded)).next()
        else {
            break;
        };
        if !key.starts_with(&query.prefix) {
            break;
        }
        if page.len() == query.count_max {
            page.next = (query.count_max > 0).then_some(at);
            break;
        }
        match common_prefix(key, query) {
            Some(prefix) => {
                page.prefixes.push(prefix.to_owned());
                at = After::Prefix(prefix.to_owned());
                start = past(prefix);
            }
            None => {
                page.objects.push((key.clone(), listed.clone()));
                at = After::Key(key.clone());
                start = Some(Bound::Excluded(key.clone()));
            }
        }
    }
    page
}

/// The first key that a page may hold. `None`: there can be none.
fn start(query: &Query) -> Option<Bound<String>> {
    let from_prefix = || Bound::Included(query.prefix.clone());
    match &query.after {
        After::Key(key) if *key >= query.prefix => Some(Bound::Excluded(key.clone())),
        After::Prefix(prefix) if *prefix >= query.prefix => past(prefix),
        _ => Some(from_prefix()),
    }
}

/// The common prefix that a key is listed under.
fn common_prefix<'a>(key: &'a str, query: &Query) -> Option<&'a str> {
    let delimiter = query.delimiter.as_deref().filter(|d| !d.is_empty())?;
    let rest = &key[query.prefix.len()..];
    let end = query.prefix.len() + rest.find(delimiter)? + delimiter.len();
    Some(&key[..end])
}

/// The bound after every key that starts with `prefix`. `None`: no key can come after.
fn past(prefix: &str) -> Option<Bound<String>> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // The order of UTF-8 bytes is the order of characters; the gap is where surrogates would be.
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            text.push(next);
            return Some(Bound::Included(text));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(keys: &[&str]) -> Index {
        let listed = Listed { size: 1, etag: "e".into(), modified_us: 0 };
        keys.iter().map(|key| ((*key).to_owned(), listed.clone())).collect()
    }

    /// Every page of a listing, each as its keys and prefixes.
    fn pages(keys: &[&str], prefix: &str, delimiter: Option<&str>, count_max: usize) -> Vec<Vec<String>> {
        let index = index(keys);
        let delimiter = delimiter.map(str::to_owned);
        let mut query = Query { prefix: prefix.to_owned(), delimiter, count_max, after: After::Start };
        let mut pages = Vec::new();
        loop {
            let page = page(&index, &query);
            let mut names: Vec<String> = page.objects.into_iter().map(|(key, _)| key).collect();
            names.extend(page.prefixes);
            names.sort();
            pages.push(names);
            match page.next {
                Some(next) => query.after = next,
                None => return pages,
            }
        }
    }

    const KEYS: [&str; 7] = ["a", "a/1", "a/2", "a0", "b/x/1", "b/x/2", "c\u{10ffff}/z"];

    #[test]
    fn a_delimiter_rolls_keys_up() {
        assert_eq!(pages(&KEYS, "", Some("/"), 99), [["a", "a/", "a0", "b/", "c\u{10ffff}/"]]);
        assert_eq!(pages(&KEYS, "b/", Some("/"), 99), [["b/x/"]]);
        assert_eq!(pages(&KEYS, "a", None, 99), [["a", "a/1", "a/2", "a0"]]);
        assert_eq!(pages(&KEYS, "b/x", Some("x/"), 99), [["b/x/1", "b/x/2"]]);
        assert_eq!(pages(&KEYS, "d", Some("/"), 99), [[""; 0]]);
    }

    #[test]
    fn pages_of_any_size_join_to_the_same_listing() {
        for (prefix, delimiter) in [("", None), ("", Some("/")), ("a", Some("/")), ("b/x/", Some("/"))] {
            let whole = pages(&KEYS, prefix, delimiter, 99).concat();
            for count_max in 1..8 {
                let pages = pages(&KEYS, prefix, delimiter, count_max);
                assert_eq!(pages.concat(), whole, "{prefix} {delimiter:?} by {count_max}");
                assert!(pages.iter().all(|page| page.len() <= count_max));
            }
        }
    }

    #[test]
    fn a_page_of_nothing_ends() {
        assert_eq!(pages(&KEYS, "", None, 0), [[""; 0]]);
    }

    #[test]
    fn past_the_last_character_there_is_none() {
        assert_eq!(past("a\u{10ffff}"), Some(Bound::Included("b".to_owned())));
        assert_eq!(past("\u{10ffff}"), None);
        assert_eq!(past("\u{d7ff}"), Some(Bound::Included("\u{e000}".to_owned())));
    }
}
