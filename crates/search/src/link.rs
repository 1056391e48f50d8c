//! Where references lead: to a resource by its address, or by its canonical `url`.

use std::sync::LazyLock;

use fhir::{Id, ParameterKind, ResourceKey, ResourceType};

use crate::filter::Row;
use crate::value::{Target, Value};
use crate::{Entries, Filter, ParamId, ReferenceTest, SystemTest, Test, UriTest, registry};

/// Where one reference leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address<'a> {
    /// To a resource of this data store, whatever version it names.
    Resource(ResourceKey),
    /// To what has this canonical `url`, perhaps with a version after a bar.
    Canonical(&'a str),
}

/// Where the references of a resource lead: those of one parameter, or without one all of them. Of a canonical
/// that is indexed with and without its version, only the former counts.
pub fn addresses(entries: &Entries, param: Option<ParamId>) -> impl Iterator<Item = Address<'_>> {
    let is_wanted = move |(found, value): (ParamId, Value<'_>)| {
        let is_asked = param.map_or(found.0 >= ParamId::FIRST_CODE, |param| found == param);
        is_asked && matches!(value, Value::Reference(_))
    };
    let wanted = move || entries.iter().filter(move |entry| is_wanted(*entry)).map(|(_, value)| value);
    let has_version = move |url: &str| {
        wanted().any(|value| match value {
            Value::Reference(Target::Url(other)) => {
                other.strip_prefix(url).is_some_and(|rest| rest.starts_with('|'))
            }
            _ => false,
        })
    };
    wanted().filter_map(move |value| match value {
        Value::Reference(Target::Local { of, id, .. }) => {
            Some(Address::Resource(ResourceKey { of, id: Id::parse(id)? }))
        }
        Value::Reference(Target::Url(url)) if !has_version(url) => Some(Address::Canonical(url)),
        _ => None,
    })
}

/// What a resource of one of the [`canonical_types`] passes if this canonical names it.
pub fn named_by(canonical: &str) -> Filter {
    let (url, version) = match canonical.split_once('|') {
        Some((url, version)) => (url, Some(version)),
        None => (canonical, None),
    };
    let by_url = Filter::Has(*URL, Test::Uri(UriTest::Is(url.into())));
    match version {
        None => by_url,
        Some(version) => {
            let test = Test::Token { system: SystemTest::Any, code: Some(version.into()) };
            by_url.and(Filter::Has(*VERSION, test))
        }
    }
}

/// What a resource passes if it refers to `row` by `param`: by its key, or by its canonical `url`.
pub fn refers_to(row: Row<'_>, param: ParamId) -> Filter {
    let is = |test| Filter::Has(param, Test::Reference(test));
    let mut ways = vec![is(ReferenceTest::Key(row.key.clone()))];
    if canonical_types().binary_search(&row.key.of).is_ok() {
        ways.extend(row.entries.of(*URL).filter_map(|value| match value {
            Value::Uri(url) => Some(is(ReferenceTest::Url(url.into()))),
            _ => None,
        }));
    }
    if ways.len() == 1 { ways.remove(0) } else { Filter::Or(ways) }
}

/// The types whose resources have a canonical `url`, in alphabetical order.
pub fn canonical_types() -> &'static [ResourceType] {
    static TYPES: LazyLock<Vec<ResourceType>> = LazyLock::new(|| {
        let has_url = |of: &ResourceType| {
            registry().definition(*of, *URL).is_some_and(|definition| definition.kind == ParameterKind::Uri)
        };
        ResourceType::all().filter(has_url).collect()
    });
    &TYPES
}

static URL: LazyLock<ParamId> = LazyLock::new(|| registry().param("url").expect("R4 has a parameter url"));
static VERSION: LazyLock<ParamId> =
    LazyLock::new(|| registry().param("version").expect("R4 has a parameter version"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canonical_with_its_version_hides_the_one_without() {
        let param = ParamId(200);
        let mut entries = Entries::new();
        for url in ["http://q|1", "http://q", "http://p"] {
            entries.push(param, Value::Reference(Target::Url(url)));
        }
        let found: Vec<Address<'_>> = addresses(&entries, None).collect();
        assert_eq!(found, [Address::Canonical("http://q|1"), Address::Canonical("http://p")]);
        assert_eq!(addresses(&entries, Some(ParamId(201))).count(), 0);
    }

    #[test]
    fn canonical_types_are_those_with_a_url() {
        let of = |name| ResourceType::parse(name).unwrap();
        let is_canonical = |name| canonical_types().contains(&of(name));
        assert!(is_canonical("Questionnaire") && is_canonical("ValueSet") && !is_canonical("Patient"));
        assert!(canonical_types().is_sorted());
    }
}
