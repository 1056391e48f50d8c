//! Conditions, orders and includes in words, for people who ask how a search is answered.

use fhir::{ResourceType, Span, Time};

use crate::TextWithin;
use crate::{
    Direction, Filter, Include, Link, Near, ParamId, ParameterSet, Prefix, QuantityTest, ReferenceTest, Sort,
    SortKey, StringTest, SystemTest, Test, UriTest,
};

/// Ids that words spell out; of more they say how many there are.
const IDS_SHOWN_MAX: usize = 3;

/// A condition in words; of one that holds others, what joins them.
pub fn words(filter: &Filter, parameters: &ParameterSet) -> String {
    match filter {
        Filter::Everything => "every one".to_owned(),
        Filter::Nothing => "none".to_owned(),
        Filter::And(_) => "all of these, in this order".to_owned(),
        Filter::Or(_) => "any of these".to_owned(),
        Filter::Not(_) => "all but those with".to_owned(),
        Filter::Ids(ids) if ids.len() <= IDS_SHOWN_MAX => {
            let ids: Vec<&str> = ids.iter().map(fhir::Id::as_str).collect();
            format!("_id is {}", ids.join(" or "))
        }
        Filter::Ids(ids) => format!("_id is one of {}", ids.len()),
        Filter::Updated(prefix, span) => format!("_lastUpdated {}", date(*prefix, *span)),
        Filter::Has(param, test) => format!("{} {}", code(*param, parameters), tested(test)),
        Filter::Text(query) => match query.within() {
            TextWithin::Narrative => "words in the narrative, looked for in each body".to_owned(),
            TextWithin::Content => "words, looked for in each body".to_owned(),
        },
        Filter::Contains(contained) => {
            let names: Vec<&str> = contained.types.iter().map(|(of, _)| of.name()).collect();
            let by =
                contained.by.map_or(String::new(), |by| format!(", which {} names,", code(by, parameters)));
            match names.as_slice() {
                [name] => format!("contains a {name}{by} with"),
                _ => format!("contains one of {} types{by} with", names.len()),
            }
        }
        Filter::Missing(param) => format!("{} is missing", code(*param, parameters)),
        Filter::Refers { param, of, .. } => {
            format!("{} refers to a {of} with", code(*param, parameters))
        }
        Filter::RefersWithin { param, hierarchy } => {
            let way = match hierarchy.direction {
                Direction::Below => "below",
                Direction::Above => "above",
            };
            let root = reference_words(&hierarchy.root);
            let (by, of) = (code(hierarchy.parent, parameters), hierarchy.of);
            format!("{} {root} or to a {of} {way} it by {by}", code(*param, parameters))
        }
        Filter::ReferredBy { by, param, .. } => {
            format!("is what {} refers to, of a {by} with", code(*param, parameters))
        }
    }
}

/// An order in words.
pub fn sort_words(sort: &[Sort], parameters: &ParameterSet) -> String {
    let key = |sort: &Sort| {
        let by = match sort.by {
            SortKey::Type => "_type".to_owned(),
            SortKey::Id => "_id".to_owned(),
            SortKey::Updated => "_lastUpdated".to_owned(),
            SortKey::Param(param) => code(param, parameters),
        };
        format!("{by} {}", if sort.descending { "descending" } else { "ascending" })
    };
    sort.iter().map(key).collect::<Vec<_>>().join(", then ")
}

/// What an include adds, in words.
pub fn include_words(include: &Include, parameters: &ParameterSet) -> String {
    let named = |of: Option<ResourceType>| of.map_or("the resources", |of| of.name());
    let again = if include.iterate { ", again and again" } else { "" };
    match &include.link {
        Link::Forward { from, param, target } => {
            let by = param.map_or("any reference".to_owned(), |param| code(param, parameters));
            let of = from.map_or(String::new(), |from| format!(" of {from}"));
            format!("{} that {by}{of} refers to{again}", named(*target))
        }
        Link::Reverse { by, param, target } => {
            let to = target.map_or("match".to_owned(), |of| format!("matching {of}"));
            format!("the {by} whose {} refers to a {to}{again}", code(*param, parameters))
        }
    }
}

fn code(param: ParamId, parameters: &ParameterSet) -> String {
    match parameters.code(param) {
        _ if param == ParamId::COMPARTMENT => "compartment".to_owned(),
        _ if param == ParamId::LISTED => "entry".to_owned(),
        _ if param == ParamId::CONTAINED => "type of what is contained".to_owned(),
        Some(code) => code.to_owned(),
        None => format!("fact {}", param.0),
    }
}

fn tested(test: &Test) -> String {
    match test {
        Test::Token { system, code } => format!("is {}", token(system, code.as_deref())),
        Test::TokenText(text) => format!("has a text that starts with \"{text}\""),
        Test::TypedIdentifier { system, code, value } => {
            format!("is the identifier {value} of the type {}", token(system, Some(code)))
        }
        Test::Codes(_) => "is one of a set of codes".to_owned(),
        Test::MediaType { system, below } => {
            format!("is the media type {} or one of it", token(system, Some(below)))
        }
        Test::String(string) => string_words(string),
        Test::Date(prefix, span) => date(*prefix, *span),
        Test::Number(prefix, low, high) => format!("is {} {}", relation(*prefix), range(*low, *high)),
        Test::Quantity(quantity) => quantity_words(quantity),
        Test::Reference(reference) => reference_words(reference),
        Test::ReferenceIdentifier { system, value } => {
            format!("refers by the identifier {}", token(system, value.as_deref()))
        }
        Test::Uri(uri) => uri_words(uri),
        Test::Composite(parts) => {
            let parts: Vec<String> = parts.iter().map(tested).collect();
            format!("has an element of which one part {}", parts.join(" and the next "))
        }
        Test::Near(Near { latitude, longitude, distance_m }) => {
            format!("lies within {distance_m} m of {latitude} north, {longitude} east")
        }
        Test::Other(test) => format!("has a value for which this is not so: {}", tested(test)),
        Test::Any => "has a value".to_owned(),
    }
}

fn reference_words(test: &ReferenceTest) -> String {
    match test {
        ReferenceTest::Key(key) => format!("refers to {key}"),
        ReferenceTest::Version(key, version) => format!("refers to version {version} of {key}"),
        ReferenceTest::Id(id) => format!("refers to a resource with the id {id}"),
        ReferenceTest::Url(url) => format!("refers to {url}"),
        ReferenceTest::UrlVersions(canonical) => format!("refers to {canonical} or a version of it"),
    }
}

fn string_words(test: &StringTest) -> String {
    match test {
        StringTest::StartsWith(text) => format!("starts with \"{text}\""),
        StringTest::Contains(text) => format!("contains \"{text}\""),
        StringTest::Exact(text) => format!("is exactly \"{text}\""),
        StringTest::Equals(text) => format!("is \"{text}\""),
        StringTest::EndsWith(text) => format!("ends with \"{text}\""),
        StringTest::Compares(prefix, text) => format!("is {} \"{text}\"", relation(*prefix)),
    }
}

fn uri_words(test: &UriTest) -> String {
    match test {
        UriTest::Is(uri) => format!("is {uri}"),
        UriTest::Below(uri) => format!("is {uri} or lies below it"),
        UriTest::Above(uri) => format!("is {uri} or lies above it"),
        UriTest::StartsWith(uri) => format!("starts with {uri}"),
        UriTest::Contains(uri) => format!("contains {uri}"),
        UriTest::EndsWith(uri) => format!("ends with {uri}"),
    }
}

fn token(system: &SystemTest, code: Option<&str>) -> String {
    let code = code.unwrap_or("anything");
    match system {
        SystemTest::Any => code.to_owned(),
        SystemTest::Absent => format!("{code} without a system"),
        SystemTest::Is(system) => format!("{code} of {system}"),
    }
}

fn quantity_words(quantity: &QuantityTest) -> String {
    let unit = match &quantity.code {
        Some(_) => format!(" {}", token(&quantity.system, quantity.code.as_deref())),
        None => String::new(),
    };
    let canonical = if quantity.canonical.is_some() { ", compared in canonical units" } else { "" };
    format!("is {} {}{unit}{canonical}", relation(quantity.prefix), range(quantity.low, quantity.high))
}

fn range(low: f64, high: f64) -> String {
    if low == high { format!("{low}") } else { format!("{low} to {high}") }
}

fn relation(prefix: Prefix) -> &'static str {
    match prefix {
        Prefix::Equal => "within",
        Prefix::NotEqual => "outside",
        Prefix::Greater => "greater than",
        Prefix::Less => "less than",
        Prefix::GreaterOrEqual => "at least",
        Prefix::LessOrEqual => "at most",
        Prefix::StartsAfter => "wholly above",
        Prefix::EndsBefore => "wholly below",
        Prefix::Approximately => "about",
    }
}

fn date(prefix: Prefix, span: Span) -> String {
    let relation = match prefix {
        Prefix::Equal => "is within",
        Prefix::NotEqual => "is not within",
        Prefix::Greater => "reaches past",
        Prefix::Less => "begins before",
        Prefix::GreaterOrEqual => "reaches into or past",
        Prefix::LessOrEqual => "begins before or in",
        Prefix::StartsAfter => "begins after",
        Prefix::EndsBefore => "ends before",
        Prefix::Approximately => "overlaps",
    };
    let last = Time(span.to.0 - 1).max(span.from);
    if last.0 - span.from.0 < 1000 {
        return format!("{relation} {}", span.from.to_instant());
    }
    format!("{relation} {} to {}", span.from.to_instant(), last.to_instant())
}
