//! What a search asks of one value, and when a value passes (R4 search §3.1.1.4).

use std::sync::Arc;

use fhir::{ResourceKey, Span};

use crate::media_type;
use crate::near::Near;
use crate::token_set::TokenSet;
use crate::value::{Canonical, QuantityValue, Target, Value};

/// A question about one indexed value.
#[derive(Clone, PartialEq, Debug)]
pub enum Test {
    /// `system|code` in each of its forms.
    Token {
        /// What the system must be.
        system: SystemTest,
        /// What the code must be; absent: any.
        code: Option<Arc<str>>,
    },
    /// The text of a token starts with this, normalised (`:text`).
    TokenText(Arc<str>),
    /// An identifier of this type has this value (`:of-type`).
    TypedIdentifier {
        /// System of the type.
        system: SystemTest,
        /// Code of the type.
        code: Arc<str>,
        /// The identifier's value.
        value: Arc<str>,
    },
    /// A string compared as its modifier says.
    String(StringTest),
    /// A date in relation to the span that the search value covers.
    Date(Prefix, Span),
    /// A number in relation to a range: for `eq`, `ne` and `ap` what the written digits imply, else a point.
    Number(Prefix, f64, f64),
    /// A quantity.
    Quantity(Box<QuantityTest>),
    /// A reference.
    Reference(ReferenceTest),
    /// The identifier of a logical reference (`:identifier`).
    ReferenceIdentifier {
        /// What the system must be.
        system: SystemTest,
        /// What the value must be; absent: any.
        value: Option<Arc<str>>,
    },
    /// A uri.
    Uri(UriTest),
    /// Each component of one element passes its test.
    Composite(Vec<Test>),
    /// A token that is in a set of codes (`:in`, `:below`, `:above`).
    Codes(Arc<TokenSet>),
    /// A media type that is this one or one of it (`:below`).
    MediaType {
        /// What the system must be.
        system: SystemTest,
        /// The media type, with or without its subtype and parameters.
        below: Arc<str>,
    },
    /// A position near a place.
    Near(Near),
    /// A value of the kind that this test is about, which does not pass it (`ne` of `_filter`).
    Other(Box<Test>),
    /// Any value at all: of a component that nothing is asked of.
    Any,
}

/// What a token's system must be.
#[derive(Clone, PartialEq, Debug)]
pub enum SystemTest {
    /// `code`: any system or none.
    Any,
    /// `|code`: none.
    Absent,
    /// `system|code`: this one.
    Is(Arc<str>),
}

/// How a string is compared. All but `Exact` hold text normalised by [`normalize`](crate::normalize).
#[derive(Clone, PartialEq, Debug)]
pub enum StringTest {
    /// Starts with, ignoring case and accents: the default.
    StartsWith(Arc<str>),
    /// Contains, ignoring case and accents (`:contains`).
    Contains(Arc<str>),
    /// Is exactly (`:exact`).
    Exact(Arc<str>),
    /// Is this text, ignoring case and accents (`eq` of `_filter`).
    Equals(Arc<str>),
    /// Ends with, ignoring case and accents (`ew` of `_filter`).
    EndsWith(Arc<str>),
    /// Stands in this relation to the text by the code points of both, ignoring case and accents.
    Compares(Prefix, Arc<str>),
}

/// How a uri is compared.
#[derive(Clone, PartialEq, Debug)]
pub enum UriTest {
    /// Is exactly.
    Is(Arc<str>),
    /// Is this or lies below it by path (`:below`).
    Below(Arc<str>),
    /// Is this or lies above it by path (`:above`).
    Above(Arc<str>),
    /// Starts with this (`sw` of `_filter`).
    StartsWith(Arc<str>),
    /// Contains this (`co` of `_filter`).
    Contains(Arc<str>),
    /// Ends with this (`ew` of `_filter`).
    EndsWith(Arc<str>),
}

/// What a reference must point at.
#[derive(Clone, PartialEq, Debug)]
pub enum ReferenceTest {
    /// This resource of this data store, whatever the version.
    Key(ResourceKey),
    /// This version of this resource.
    Version(ResourceKey, Arc<str>),
    /// A resource of any type with this id.
    Id(Arc<str>),
    /// This address.
    Url(Arc<str>),
    /// This canonical, `url|version`, or one whose version begins with these parts: 1.0 begins 1.0.3, not 1.01.
    UrlVersions(Arc<str>),
}

/// What a quantity must be: bounds in the asked unit, and in canonical units where it is a UCUM unit.
#[derive(Clone, PartialEq, Debug)]
pub struct QuantityTest {
    /// The comparison.
    pub prefix: Prefix,
    /// Lower bound of what the search value means.
    pub low: f64,
    /// Upper bound of what the search value means.
    pub high: f64,
    /// The system asked for.
    pub system: SystemTest,
    /// The code or, without a system, the code or unit asked for; absent: any.
    pub code: Option<Arc<str>>,
    /// The bounds in canonical units, with that unit.
    pub canonical: Option<(f64, f64, Arc<str>)>,
}

/// A comparison prefix (R4 search §3.1.1.4.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prefix {
    /// `eq`: the search range fully contains the value's range.
    Equal,
    /// `ne`: it does not.
    NotEqual,
    /// `gt`: the value's range reaches above the search range.
    Greater,
    /// `lt`: the value's range reaches below the search range.
    Less,
    /// `ge`: the value's range reaches into the search range or above it.
    GreaterOrEqual,
    /// `le`: the value's range reaches into the search range or below it.
    LessOrEqual,
    /// `sa`: the value's range lies wholly above.
    StartsAfter,
    /// `eb`: the value's range lies wholly below.
    EndsBefore,
    /// `ap`: the ranges overlap; the search range is already widened.
    Approximately,
}

impl Prefix {
    /// Whether the value's range `low..=high` stands in this relation to the closed range `from..=to`
    /// asked for. With `from == to` the comparison is with a point.
    pub fn holds<T: PartialOrd>(self, (low, high): (T, T), (from, to): (T, T)) -> bool {
        match self {
            Prefix::Equal => from <= low && high <= to,
            Prefix::NotEqual => !(from <= low && high <= to),
            Prefix::Greater => high > to,
            Prefix::Less => low < from,
            Prefix::GreaterOrEqual => high >= from,
            Prefix::LessOrEqual => low <= to,
            Prefix::StartsAfter => low > to,
            Prefix::EndsBefore => high < from,
            Prefix::Approximately => low <= to && from <= high,
        }
    }
}

impl Test {
    /// Whether `value` passes. A value of another kind never does.
    pub fn matches(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Test::Token { system, code }, Value::Token { system: s, code: c }) => {
                system.matches(*s) && code.as_deref().is_none_or(|want| Some(want) == *c)
            }
            (Test::TokenText(start), Value::TokenText(text)) => crate::normalize(text).starts_with(&**start),
            (
                Test::TypedIdentifier { system, code, value },
                Value::TypedIdentifier { system: s, code: c, value: v },
            ) => system.matches(*s) && **code == **c && **value == **v,
            (Test::String(test), Value::String(text)) => test.matches(text),
            (Test::Date(prefix, asked), Value::Date(span)) => prefix.holds(closed(span), closed(asked)),
            (Test::Number(prefix, from, to), Value::Number { low, high }) => {
                prefix.holds((*low, *high), (*from, *to))
            }
            (Test::Quantity(test), Value::Quantity(quantity)) => test.matches(quantity),
            (Test::Reference(test), Value::Reference(target)) => test.matches(target),
            (
                Test::ReferenceIdentifier { system, value },
                Value::ReferenceIdentifier { system: s, value: v },
            ) => system.matches(*s) && value.as_deref().is_none_or(|want| Some(want) == *v),
            (Test::Uri(test), Value::Uri(uri)) => test.matches(uri),
            (Test::Composite(tests), Value::Composite(parts)) => {
                tests.len() == parts.len() && tests.iter().zip(parts.iter()).all(|(t, v)| t.matches(&v))
            }
            (Test::Codes(set), Value::Token { system, code }) => set.contains(*system, *code),
            (Test::MediaType { system, below }, Value::Token { system: s, code: Some(code) }) => {
                system.matches(*s) && media_type::is_below(code, below)
            }
            (Test::Near(near), position) => near.matches(position),
            (Test::Other(test), value) => test.is_about(value) && !test.matches(value),
            (Test::Any, _) => true,
            _ => false,
        }
    }

    /// Whether the test is about values of this kind.
    fn is_about(&self, value: &Value<'_>) -> bool {
        match self {
            Test::Token { .. } | Test::Codes(_) | Test::MediaType { .. } => {
                matches!(value, Value::Token { .. })
            }
            Test::TokenText(_) => matches!(value, Value::TokenText(_)),
            Test::TypedIdentifier { .. } => matches!(value, Value::TypedIdentifier { .. }),
            Test::String(_) => matches!(value, Value::String(_)),
            Test::Date(..) => matches!(value, Value::Date(_)),
            Test::Number(..) => matches!(value, Value::Number { .. }),
            Test::Quantity(_) => matches!(value, Value::Quantity(_)),
            Test::Reference(_) => matches!(value, Value::Reference(_)),
            Test::ReferenceIdentifier { .. } => matches!(value, Value::ReferenceIdentifier { .. }),
            Test::Uri(_) => matches!(value, Value::Uri(_)),
            Test::Composite(_) | Test::Near(_) => matches!(value, Value::Composite(_)),
            Test::Other(test) => test.is_about(value),
            Test::Any => true,
        }
    }
}

/// A half-open span of microseconds as a closed one.
fn closed(span: &Span) -> (i64, i64) {
    (span.from.0, span.to.0.saturating_sub(1).max(span.from.0))
}

impl SystemTest {
    /// Whether a token's system passes.
    pub fn matches(&self, system: Option<&str>) -> bool {
        match self {
            SystemTest::Any => true,
            SystemTest::Absent => system.is_none(),
            SystemTest::Is(want) => system == Some(want),
        }
    }
}

impl StringTest {
    /// Whether a text, as written in the resource, passes.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            StringTest::StartsWith(start) => crate::normalize(text).starts_with(&**start),
            StringTest::Contains(part) => crate::normalize(text).contains(&**part),
            StringTest::Exact(whole) => text == &**whole,
            StringTest::Equals(whole) => crate::normalize(text) == **whole,
            StringTest::EndsWith(end) => crate::normalize(text).ends_with(&**end),
            StringTest::Compares(prefix, other) => {
                let text = crate::normalize(text);
                prefix.holds((&*text, &*text), (&**other, &**other))
            }
        }
    }
}

impl UriTest {
    /// Whether a uri passes. Below and above go by path segments, and never pass for a urn.
    pub fn matches(&self, uri: &str) -> bool {
        match self {
            UriTest::Is(whole) => uri == &**whole,
            UriTest::Below(root) => lies_below(uri, root),
            UriTest::Above(leaf) => lies_below(leaf, uri),
            UriTest::StartsWith(start) => uri.starts_with(&**start),
            UriTest::Contains(part) => uri.contains(&**part),
            UriTest::EndsWith(end) => uri.ends_with(&**end),
        }
    }
}

fn lies_below(uri: &str, root: &str) -> bool {
    // A urn has no path (R4 search, section 3.1.1.4.13).
    if root.starts_with("urn:") {
        return false;
    }
    let root = root.strip_suffix('/').unwrap_or(root);
    uri.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl ReferenceTest {
    /// Whether a target passes.
    pub fn matches(&self, target: &Target<'_>) -> bool {
        match (self, target) {
            (ReferenceTest::Key(key), Target::Local { of, id, .. }) => {
                key.of == *of && key.id.as_str() == *id
            }
            (ReferenceTest::Version(key, want), Target::Local { of, id, version }) => {
                key.of == *of && key.id.as_str() == *id && *version == Some(want)
            }
            (ReferenceTest::Id(want), Target::Local { id, .. }) => **want == **id,
            (ReferenceTest::Url(want), Target::Url(url)) => **want == **url,
            (ReferenceTest::UrlVersions(start), Target::Url(url)) => {
                url.strip_prefix(&**start).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
            _ => false,
        }
    }
}

impl QuantityTest {
    /// Whether a quantity passes: in the asked unit as written, or in canonical units of the same dimension.
    pub fn matches(&self, quantity: &QuantityValue<'_>) -> bool {
        self.as_written(quantity) || self.in_canonical_units(quantity)
    }

    fn as_written(&self, quantity: &QuantityValue<'_>) -> bool {
        self.system.matches(quantity.system)
            && self.code.as_deref().is_none_or(|want| {
                quantity.code == Some(want)
                    || (!matches!(self.system, SystemTest::Is(_)) && quantity.unit == Some(want))
            })
            && self.prefix.holds((quantity.low, quantity.high), (self.low, self.high))
    }

    fn in_canonical_units(&self, quantity: &QuantityValue<'_>) -> bool {
        let (Some((from, to, unit)), Some(Canonical { low, high, unit: same })) =
            (&self.canonical, quantity.canonical)
        else {
            return false;
        };
        **unit == *same && self.prefix.holds((low, high), (*from, *to))
    }
}
