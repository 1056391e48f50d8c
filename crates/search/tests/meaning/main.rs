//! What searches mean: a line per case of `cases/meaning/*.txt`, from the typed clause to yes or no.
//!
//! `yes` or `no`, a search, and what one resource holds besides its type and the id `1`; or `refused`, a
//! search, and words of the answer, after two blanks if the search holds one. Blank lines and lines that start with `#` are for the reader.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod precision;

use std::borrow::Cow;
use std::path::Path;

use fhir::{Id, Resource, ResourceKey, ResourceType, Time};
use search::{
    Context, Entries, Extractor, Filter, Graph, Handling, ParameterSet, Row, SearchError, Vocabulary, compile,
};

const BASE: &str = "http://here/r4";

/// No other resources: what is asked here is decided by one, of this body.
struct Alone<'a>(&'a [u8]);

impl Graph for Alone<'_> {
    fn row(&self, _: &ResourceKey) -> Option<Row<'_>> {
        None
    }

    fn container(&self, _: &ResourceKey) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Borrowed(self.0))
    }

    fn rows(&self, _: ResourceType) -> Box<dyn Iterator<Item = Row<'_>> + '_> {
        Box::new(std::iter::empty())
    }
}

/// When the resource was written, and now.
fn now() -> Time {
    Time::parse("2020-06-15T12:00:00.250Z").unwrap()
}

fn understood(search: &str) -> (ResourceType, Result<Filter, Vec<SearchError>>) {
    let (of, query) = search.split_once('?').unwrap_or_else(|| panic!("no search: {search}"));
    let of = ResourceType::parse(of).unwrap();
    let parameters: Vec<(&str, &str)> =
        query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
    let context = Context {
        of,
        parameters: &ParameterSet::r4(),
        vocabulary: &Vocabulary::standard(&parameters),
        base: BASE,
        now: now(),
        handling: Handling::Strict,
    };
    (of, compile(&parameters, &context).map(|compiled| compiled.filter_of(of)))
}

/// Whether a resource of these members passes a search.
fn check(search: &str, members: &str) -> bool {
    let (of, filter) = understood(search);
    let separator = if members == "{}" { "" } else { "," };
    let json = format!(r#"{{"resourceType":"{of}","id":"1"{separator}{}"#, &members[1..]);
    let resource = Resource::parse(json.into_bytes()).unwrap_or_else(|error| panic!("{error:?}: {members}"));
    let key = ResourceKey { of, id: Id::parse("1").unwrap() };
    let mut entries = Entries::new();
    Extractor::new(BASE, &ParameterSet::r4()).extract(&resource, &key, &mut entries).unwrap();
    let row = Row { key: &key, updated: now(), within: None, entries: &entries };
    filter.unwrap_or_else(|errors| panic!("{errors:?}")).matches(row, &Alone(resource.document().bytes()))
}

fn is_refused(search: &str, words: &str) -> bool {
    let (_, filter) = understood(search);
    filter.is_err_and(|errors| errors.iter().any(|error| error.to_string().contains(words)))
}

/// What is wrong with the cases of one file.
fn wrong(text: &str) -> Vec<&str> {
    let holds = |line: &&str| {
        let (verdict, rest) = line.split_once(' ').unwrap();
        if verdict == "refused" {
            let (search, words) = rest.split_once("  ").or_else(|| rest.split_once(' ')).unwrap();
            return is_refused(search, words);
        }
        let at = rest.find(" {").unwrap_or_else(|| panic!("no resource: {line}"));
        let expected = match verdict {
            "yes" => true,
            "no" => false,
            other => panic!("neither yes nor no: {other}"),
        };
        check(&rest[..at], &rest[at + 1..]) == expected
    };
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter(|line| !holds(line)).collect()
}

#[test]
fn searches_mean_what_the_cases_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/meaning");
    let paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    let texts = paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect::<Vec<String>>();
    let wrong: Vec<&str> = texts.iter().flat_map(|text| wrong(text)).collect();
    assert!(wrong.is_empty(), "these do not hold:\n{}", wrong.join("\n"));
    assert_eq!(
        paths.len(),
        14,
        "a file for each kind and language, one for what is contained, one for facts and pages, one for refusals"
    );
}
