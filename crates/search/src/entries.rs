//! Everything the index knows about one resource, in one arena.

mod staged;

use fhir::{ResourceType, Span, Time};
pub(crate) use staged::TooMany;

use crate::ParamId;
use crate::value::{Canonical, Parts, QuantityValue, Target, Value};

/// The indexed facts of one resource: parameter and value, in the order found.
///
/// Texts lie end to end in one string and rows are fixed-size, so that filling one allocates nothing once
/// it has grown; [`clear`](Entries::clear) keeps the room for the next resource.
#[derive(Clone, Default, Debug)]
pub struct Entries {
    text: String,
    rows: Vec<(ParamId, Packed)>,
    parts: Vec<Packed>,
    /// Beside the rows, since one takes as much room as three other values.
    quantities: Vec<PackedQuantity>,
    /// Values that composites are being put together from; their texts stay behind, their rows do not.
    staged: Vec<(ParamId, Packed)>,
    extraction: u64,
}

/// A stretch of [`Entries::text`]; `start == u32::MAX` stands for absent.
#[derive(Clone, Copy, Debug)]
struct Text {
    start: u32,
    len: u32,
}

const ABSENT: Text = Text { start: u32::MAX, len: 0 };

#[derive(Clone, Copy, Debug)]
enum Packed {
    Token {
        system: Text,
        code: Text,
    },
    TokenText(Text),
    TypedIdentifier {
        system: Text,
        code: Text,
        value: Text,
    },
    String(Text),
    Date {
        from: i64,
        to: i64,
    },
    Number {
        low: f64,
        high: f64,
    },
    /// Which of [`Entries::quantities`].
    Quantity(u32),
    Local {
        of: ResourceType,
        id: Text,
        version: Text,
    },
    Url(Text),
    ReferenceIdentifier {
        system: Text,
        value: Text,
    },
    Uri(Text),
    Composite {
        first: u32,
        count: u32,
    },
}

#[derive(Clone, Copy, Debug)]
struct PackedQuantity {
    low: f64,
    high: f64,
    system: Text,
    code: Text,
    unit: Text,
    canonical: PackedCanonical,
}

#[derive(Clone, Copy, Debug)]
struct PackedCanonical {
    low: f64,
    high: f64,
    unit: Text,
}

impl Entries {
    /// No entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all entries and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.rows.clear();
        self.parts.clear();
        self.quantities.clear();
        self.staged.clear();
        self.extraction = 0;
    }

    /// By which [`ParameterSet::extraction`](crate::ParameterSet::extraction) these were found; 0 of R4's own.
    pub fn extraction(&self) -> u64 {
        self.extraction
    }

    /// Says by which extraction these were found.
    pub fn set_extraction(&mut self, extraction: u64) {
        self.extraction = extraction;
    }

    /// Says when the resource came to be, whatever was said before. Like `_lastUpdated` it is the moment, to the
    /// millisecond, that answers show.
    pub fn set_created(&mut self, created: Time) {
        self.rows.retain(|(param, _)| *param != ParamId::CREATED);
        let shown = Time(created.0.div_euclid(1000) * 1000);
        self.push(ParamId::CREATED, Value::Date(Span { from: shown, to: Time(shown.0 + 1) }));
    }

    /// How many entries there are; components of composites do not count.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing is indexed.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds one entry. A composite is added with [`push_composite`](Entries::push_composite), or copied
    /// with its parts when given here.
    pub fn push(&mut self, param: ParamId, value: Value<'_>) {
        let packed = self.pack(value);
        self.rows.push((param, packed));
    }

    /// Adds one value under each of several parameters, keeping its texts once.
    pub fn push_each(&mut self, params: impl IntoIterator<Item = ParamId>, value: Value<'_>) {
        let packed = self.pack(value);
        self.rows.extend(params.into_iter().map(|param| (param, packed)));
    }

    /// The value of the entry that was added as number `at`, counted from zero.
    pub(crate) fn value_at(&self, at: usize) -> Option<Value<'_>> {
        self.rows.get(at).map(|(_, packed)| self.unpack(*packed))
    }

    /// Adds one composite entry of the given component values.
    pub fn push_composite<'v>(&mut self, param: ParamId, parts: impl IntoIterator<Item = Value<'v>>) {
        let packed = self.pack_composite(parts);
        self.rows.push((param, packed));
    }

    /// All entries in the order added.
    pub fn iter(&self) -> impl Iterator<Item = (ParamId, Value<'_>)> {
        self.rows.iter().map(|(param, packed)| (*param, self.unpack(*packed)))
    }

    /// The values of one parameter.
    pub fn of(&self, param: ParamId) -> impl Iterator<Item = Value<'_>> {
        self.rows.iter().filter(move |(p, _)| *p == param).map(|(_, packed)| self.unpack(*packed))
    }

    pub(crate) fn part(&self, at: u32) -> Value<'_> {
        self.unpack(self.parts[at as usize])
    }

    fn pack_composite<'v>(&mut self, parts: impl IntoIterator<Item = Value<'v>>) -> Packed {
        let first = self.parts.len() as u32;
        for value in parts {
            debug_assert!(!matches!(value, Value::Composite(_)), "a component is never a composite");
            let packed = self.pack(value);
            self.parts.push(packed);
        }
        Packed::Composite { first, count: self.parts.len() as u32 - first }
    }

    fn keep(&mut self, text: &str) -> Text {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        Text { start, len: text.len() as u32 }
    }

    fn keep_some(&mut self, text: Option<&str>) -> Text {
        text.map_or(ABSENT, |text| self.keep(text))
    }

    fn pack(&mut self, value: Value<'_>) -> Packed {
        match value {
            Value::Token { system, code } => {
                Packed::Token { system: self.keep_some(system), code: self.keep_some(code) }
            }
            Value::TokenText(text) => Packed::TokenText(self.keep(text)),
            Value::TypedIdentifier { system, code, value } => Packed::TypedIdentifier {
                system: self.keep_some(system),
                code: self.keep(code),
                value: self.keep(value),
            },
            Value::String(text) => Packed::String(self.keep(text)),
            Value::Date(Span { from, to }) => Packed::Date { from: from.0, to: to.0 },
            Value::Number { low, high } => Packed::Number { low, high },
            Value::Quantity(quantity) => self.pack_quantity(quantity),
            Value::Reference(Target::Local { of, id, version }) => {
                Packed::Local { of, id: self.keep(id), version: self.keep_some(version) }
            }
            Value::Reference(Target::Url(url)) => Packed::Url(self.keep(url)),
            Value::ReferenceIdentifier { system, value } => {
                Packed::ReferenceIdentifier { system: self.keep_some(system), value: self.keep_some(value) }
            }
            Value::Uri(uri) => Packed::Uri(self.keep(uri)),
            Value::Composite(parts) => self.pack_composite(parts.iter()),
        }
    }

    fn pack_quantity(&mut self, quantity: QuantityValue<'_>) -> Packed {
        let QuantityValue { low, high, system, code, unit, canonical } = quantity;
        let canonical = canonical.map_or(
            PackedCanonical { low: 0.0, high: 0.0, unit: ABSENT },
            |Canonical { low, high, unit }| PackedCanonical { low, high, unit: self.keep(unit) },
        );
        let packed = PackedQuantity {
            low,
            high,
            system: self.keep_some(system),
            code: self.keep_some(code),
            unit: self.keep_some(unit),
            canonical,
        };
        self.quantities.push(packed);
        Packed::Quantity(self.quantities.len() as u32 - 1)
    }

    fn text(&self, text: Text) -> &str {
        &self.text[text.start as usize..(text.start + text.len) as usize]
    }

    fn some(&self, text: Text) -> Option<&str> {
        (text.start != ABSENT.start).then(|| self.text(text))
    }

    fn unpack(&self, packed: Packed) -> Value<'_> {
        match packed {
            Packed::Token { system, code } => {
                Value::Token { system: self.some(system), code: self.some(code) }
            }
            Packed::TokenText(text) => Value::TokenText(self.text(text)),
            Packed::TypedIdentifier { system, code, value } => Value::TypedIdentifier {
                system: self.some(system),
                code: self.text(code),
                value: self.text(value),
            },
            Packed::String(text) => Value::String(self.text(text)),
            Packed::Date { from, to } => Value::Date(Span { from: Time(from), to: Time(to) }),
            Packed::Number { low, high } => Value::Number { low, high },
            Packed::Quantity(at) => Value::Quantity(self.quantity(self.quantities[at as usize])),
            Packed::Local { of, id, version } => {
                Value::Reference(Target::Local { of, id: self.text(id), version: self.some(version) })
            }
            Packed::Url(url) => Value::Reference(Target::Url(self.text(url))),
            Packed::ReferenceIdentifier { system, value } => {
                Value::ReferenceIdentifier { system: self.some(system), value: self.some(value) }
            }
            Packed::Uri(uri) => Value::Uri(self.text(uri)),
            Packed::Composite { first, count } => Value::Composite(Parts { entries: self, first, count }),
        }
    }

    fn quantity(&self, packed: PackedQuantity) -> QuantityValue<'_> {
        let PackedQuantity { low, high, system, code, unit, canonical } = packed;
        QuantityValue {
            low,
            high,
            system: self.some(system),
            code: self.some(code),
            unit: self.some(unit),
            canonical: self.some(canonical.unit).map(|unit| Canonical {
                low: canonical.low,
                high: canonical.high,
                unit,
            }),
        }
    }
}
