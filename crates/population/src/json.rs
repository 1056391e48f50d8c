//! A writer of JSON text that knows the FHIR shapes used again and again.

use crate::code::Code;
use crate::moment::Moment;
use crate::random::Uuid;

/// Appends JSON to a buffer. Commas follow from the last byte written, so there is no state to keep in step.
#[derive(Debug, Default)]
pub(crate) struct Json {
    pub(crate) out: Vec<u8>,
}

impl Json {
    fn separate(&mut self) {
        if !matches!(self.out.last(), None | Some(b'{' | b'[' | b':' | b'\n')) {
            self.out.push(b',');
        }
    }

    pub(crate) fn name(&mut self, name: &str) -> &mut Self {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self
    }

    pub(crate) fn open(&mut self) -> &mut Self {
        self.separate();
        self.out.push(b'{');
        self
    }

    pub(crate) fn close(&mut self) -> &mut Self {
        self.out.push(b'}');
        self
    }

    pub(crate) fn list(&mut self, name: &str) -> &mut Self {
        self.name(name);
        self.out.push(b'[');
        self
    }

    pub(crate) fn end(&mut self) -> &mut Self {
        self.out.push(b']');
        self
    }

    /// A member that is an object, written by `inside`.
    pub(crate) fn object(&mut self, name: &str, inside: impl FnOnce(&mut Self)) -> &mut Self {
        self.name(name).open();
        inside(self);
        self.close()
    }

    /// An object in a list, written by `inside`.
    pub(crate) fn item(&mut self, inside: impl FnOnce(&mut Self)) -> &mut Self {
        self.open();
        inside(self);
        self.close()
    }

    /// A member that is a list of one object.
    pub(crate) fn only(&mut self, name: &str, inside: impl FnOnce(&mut Self)) -> &mut Self {
        self.list(name).item(inside).end()
    }

    fn quoted(&mut self, value: &str) {
        self.out.push(b'"');
        for &byte in value.as_bytes() {
            match byte {
                b'"' | b'\\' => self.out.extend_from_slice(&[b'\\', byte]),
                byte => self.out.push(byte),
            }
        }
        self.out.push(b'"');
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name).quoted(value);
        self
    }

    /// A string in a list.
    pub(crate) fn string(&mut self, value: &str) -> &mut Self {
        self.separate();
        self.quoted(value);
        self
    }

    pub(crate) fn strings(&mut self, name: &str, values: &[&str]) -> &mut Self {
        self.list(name);
        for value in values {
            self.string(value);
        }
        self.end()
    }

    pub(crate) fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.name(name).out.extend_from_slice(if value { b"true" } else { b"false" });
        self
    }

    pub(crate) fn number(&mut self, name: &str, value: i64) -> &mut Self {
        self.decimal(name, value, 0)
    }

    /// `value` divided by ten to the power of `places`, without trailing zeros lost: 120 with 1 place is `12.0`.
    pub(crate) fn decimal(&mut self, name: &str, value: i64, places: u32) -> &mut Self {
        self.name(name);
        if value < 0 {
            self.out.push(b'-');
        }
        let (whole, rest) = (value.abs() / 10_i64.pow(places), value.abs() % 10_i64.pow(places));
        self.out.extend_from_slice(whole.to_string().as_bytes());
        if places > 0 {
            self.out.push(b'.');
            crate::moment::digits(rest, places, &mut self.out);
        }
        self
    }

    pub(crate) fn id(&mut self, name: &str, id: Uuid) -> &mut Self {
        self.name(name).out.push(b'"');
        id.write(&mut self.out);
        self.out.push(b'"');
        self
    }

    pub(crate) fn date(&mut self, name: &str, at: Moment) -> &mut Self {
        self.spelled(name, |out| at.write_date(out))
    }

    pub(crate) fn date_time(&mut self, name: &str, at: Moment) -> &mut Self {
        self.spelled(name, |out| at.write_date_time(out))
    }

    pub(crate) fn instant(&mut self, name: &str, at: Moment) -> &mut Self {
        self.spelled(name, |out| at.write_instant(out))
    }

    fn spelled(&mut self, name: &str, spell: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        self.name(name).out.push(b'"');
        spell(&mut self.out);
        self.out.push(b'"');
        self
    }

    pub(crate) fn period(&mut self, name: &str, start: Moment, end: Option<Moment>) -> &mut Self {
        self.object(name, |json| {
            json.date_time("start", start);
            if let Some(end) = end {
                json.date_time("end", end);
            }
        })
    }

    /// The members of a `Coding`, into the object that is open.
    pub(crate) fn coding(&mut self, code: &Code) -> &mut Self {
        self.text("system", code.system).text("code", code.code);
        if !code.display.is_empty() {
            self.text("display", code.display);
        }
        self
    }

    fn concept_members(&mut self, code: &Code) {
        self.only("coding", |json| {
            json.coding(code);
        });
        if !code.display.is_empty() {
            self.text("text", code.display);
        }
    }

    /// A `CodeableConcept` member.
    pub(crate) fn concept(&mut self, name: &str, code: &Code) -> &mut Self {
        self.object(name, |json| json.concept_members(code))
    }

    /// A list of one `CodeableConcept`.
    pub(crate) fn concepts(&mut self, name: &str, code: &Code) -> &mut Self {
        self.only(name, |json| json.concept_members(code))
    }

    /// A `CodeableConcept` in a list.
    pub(crate) fn concept_item(&mut self, code: &Code) -> &mut Self {
        self.item(|json| json.concept_members(code))
    }

    fn reference_members(&mut self, of: &str, id: Uuid, display: &str) {
        self.name("reference").out.push(b'"');
        self.out.extend_from_slice(of.as_bytes());
        self.out.push(b'/');
        id.write(&mut self.out);
        self.out.push(b'"');
        if !display.is_empty() {
            self.text("display", display);
        }
    }

    /// A `Reference` member; an empty display is left out.
    pub(crate) fn reference(&mut self, name: &str, of: &str, id: Uuid, display: &str) -> &mut Self {
        self.object(name, |json| json.reference_members(of, id, display))
    }

    /// A list of one `Reference`.
    pub(crate) fn references(&mut self, name: &str, of: &str, id: Uuid, display: &str) -> &mut Self {
        self.only(name, |json| json.reference_members(of, id, display))
    }

    /// A `Reference` in a list.
    pub(crate) fn reference_item(&mut self, of: &str, id: Uuid, display: &str) -> &mut Self {
        self.item(|json| json.reference_members(of, id, display))
    }

    /// A `Money` in United States dollars.
    pub(crate) fn money(&mut self, name: &str, cents: i64) -> &mut Self {
        self.object(name, |json| {
            json.decimal("value", cents, 2).text("currency", "USD");
        })
    }

    /// A `Quantity` whose unit is its UCUM code.
    pub(crate) fn quantity(&mut self, name: &str, value: i64, places: u32, unit: &str) -> &mut Self {
        self.object(name, |json| {
            json.decimal("value", value, places)
                .text("unit", unit)
                .text("system", "http://unitsofmeasure.org")
                .text("code", unit);
        })
    }

    /// `meta.profile` with the given profiles.
    pub(crate) fn profile(&mut self, profiles: &[&str]) -> &mut Self {
        self.object("meta", |json| {
            json.strings("profile", profiles);
        })
    }
}
