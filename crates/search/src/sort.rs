//! The order of search results (`_sort`).

use std::cmp::Ordering;

use crate::filter::Row;
use crate::value::{Target, Value};
use crate::{ParamId, normalize};

/// One key of an order.
#[derive(Clone, PartialEq, Debug)]
pub struct Sort {
    /// What to order by.
    pub by: SortKey,
    /// Highest first. Resources without a value come last either way.
    pub descending: bool,
}

/// What to order by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SortKey {
    /// The resource type.
    Type,
    /// The id.
    Id,
    /// When the resource was last written.
    Updated,
    /// A search parameter: its lowest value when ascending, its highest when descending.
    Param(ParamId),
}

/// What one resource is ordered by. Values of one parameter are of one kind; the kinds' order is arbitrary
/// but fixed.
#[derive(Clone, PartialEq, Debug)]
pub enum SortValue {
    /// Microseconds since 1970.
    Time(i64),
    /// A number, or a quantity in canonical units if it has them.
    Number(f64),
    /// Text: normalised for strings; `code` then `system` for tokens; `Type/id` for references.
    Text(String),
}

impl Eq for SortValue {}

impl PartialOrd for SortValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SortValue {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (SortValue::Time(a), SortValue::Time(b)) => a.cmp(b),
            (SortValue::Number(a), SortValue::Number(b)) => a.total_cmp(b),
            (SortValue::Text(a), SortValue::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            _ => self.kind().cmp(&other.kind()),
        }
    }
}

impl SortValue {
    fn kind(&self) -> u8 {
        match self {
            SortValue::Time(_) => 0,
            SortValue::Number(_) => 1,
            SortValue::Text(_) => 2,
        }
    }

    /// What one indexed value is ordered by, at its low end or its high end; `None` for a value that has
    /// no order (a token's text, a composite).
    pub fn of(value: &Value<'_>, high: End) -> Option<SortValue> {
        Some(match value {
            Value::Date(span) => SortValue::Time(match high {
                End::Low => span.from.0,
                End::High => span.to.0,
            }),
            Value::Number { low, high: top } => SortValue::Number(high.pick(*low, *top)),
            Value::Quantity(quantity) => match quantity.canonical {
                Some(canonical) => SortValue::Number(high.pick(canonical.low, canonical.high)),
                None => SortValue::Number(high.pick(quantity.low, quantity.high)),
            },
            Value::String(text) => SortValue::Text(normalize(text).into_owned()),
            Value::Uri(uri) => SortValue::Text((*uri).to_owned()),
            Value::Token { system, code } => {
                SortValue::Text(format!("{}\u{0}{}", code.unwrap_or_default(), system.unwrap_or_default()))
            }
            Value::Reference(Target::Local { of, id, .. }) => SortValue::Text(format!("{}/{id}", of.name())),
            Value::Reference(Target::Url(url)) => SortValue::Text((*url).to_owned()),
            _ => return None,
        })
    }
}

/// Which end of a range an order looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The low end: ascending.
    Low,
    /// The high end: descending.
    High,
}

impl End {
    fn pick(self, low: f64, high: f64) -> f64 {
        match self {
            End::Low => low,
            End::High => high,
        }
    }
}

impl Sort {
    /// What `row` is ordered by under this key: its lowest value when ascending, its highest when
    /// descending, `None` when it has none.
    pub fn value(&self, row: Row<'_>) -> Option<SortValue> {
        match self.by {
            SortKey::Type => Some(SortValue::Text(row.key.of.name().to_owned())),
            SortKey::Id => Some(SortValue::Text(row.key.id.as_str().to_owned())),
            SortKey::Updated => Some(SortValue::Time(row.updated.0)),
            SortKey::Param(param) if self.descending => {
                row.entries.of(param).filter_map(|value| SortValue::of(&value, End::High)).max()
            }
            SortKey::Param(param) => {
                row.entries.of(param).filter_map(|value| SortValue::of(&value, End::Low)).min()
            }
        }
    }

    /// The order of two resources' values under this key, missing last.
    pub fn compare(&self, a: &Option<SortValue>, b: &Option<SortValue>) -> Ordering {
        match (a, b) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) if self.descending => b.cmp(a),
            (Some(a), Some(b)) => a.cmp(b),
        }
    }
}
