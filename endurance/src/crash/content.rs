//! What the load writes: resources whose whole text follows from a few words, so that every version of each can be
//! told later without keeping it.

use serde_json::{Value, json};

/// The system of the identifier that a resource keeps for life, the same in all its versions.
pub(crate) const LABEL: &str = "urn:endurance:label";
/// The system of the identifier that every version has for itself.
pub(crate) const STEP: &str = "urn:endurance:step";
/// The system of the identifier that all resources of a writer share.
pub(crate) const WRITER: &str = "urn:endurance:writer";

/// The most characters of padding that a version has.
const PADDING_MAX: u64 = 1500;

/// What a resource is called, whatever its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// Its type: `Patient` or `Observation`.
    pub(crate) of: &'static str,
    /// Its label, which no other resource has.
    pub(crate) label: String,
    /// Who writes it.
    pub(crate) writer: String,
}

/// What a version says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// A number that no other version of the same writer has.
    pub(crate) step: u64,
    /// The reference that it holds.
    pub(crate) subject: Option<String>,
}

impl Name {
    /// The token search for it, in whatever version.
    pub(crate) fn search(&self) -> String {
        format!("{}?identifier={LABEL}%7C{}", self.of, self.label)
    }

    /// The same as conditions of an `ifNoneExist`.
    pub(crate) fn condition(&self) -> String {
        format!("identifier={LABEL}|{}", self.label)
    }

    /// The token search for one version of it, if that is the current one.
    pub(crate) fn search_step(&self, content: &Content) -> String {
        format!("{}?identifier={STEP}%7C{}.{}", self.of, self.writer, content.step)
    }

    /// The text of a version.
    pub(crate) fn body(&self, id: Option<&str>, content: &Content) -> Value {
        let step = content.step;
        let identifiers = json!([
            { "system": LABEL, "value": self.label },
            { "system": STEP, "value": format!("{}.{step}", self.writer) },
            { "system": WRITER, "value": self.writer },
        ]);
        let padding = padding(step);
        let mut body = match self.of {
            "Patient" => json!({
                "resourceType": "Patient", "identifier": identifiers, "active": step.is_multiple_of(2),
                "name": [{ "family": format!("Crash{}", step % 97), "given": [self.label] }],
                "address": [{ "line": [padding] }],
            }),
            _ => json!({
                "resourceType": self.of, "identifier": identifiers, "status": "final",
                "code": { "coding": [{ "system": "urn:endurance:code", "code": format!("c{}", step % 31) }] },
                "valueInteger": step % 1000, "note": [{ "text": padding }],
            }),
        };
        if let Some(id) = id {
            body["id"] = json!(id);
        }
        if let Some(subject) = &content.subject {
            body["subject"] = json!({ "reference": subject });
        }
        body
    }
}

/// Words that no compression makes vanish, as many as the step says.
fn padding(step: u64) -> String {
    let mut word = step.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let length = 1 + (word >> 40) % if step.is_multiple_of(5) { PADDING_MAX } else { 60 };
    let mut text = String::new();
    while (text.len() as u64) < length {
        word = word.wrapping_mul(0xBF58_476D_1CE4_E5B9).wrapping_add(0x94D0_49BB_1331_11EB);
        text.push_str(&format!("{:x} ", word >> 20));
    }
    text.trim_end().to_owned()
}

/// A body without what the server adds to it: `meta`, in which the load says nothing.
pub(crate) fn without_meta(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("meta");
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_make_the_same_text_and_other_words_another() {
        let name = Name { of: "Patient", label: "w1.1".into(), writer: "w1".into() };
        let content = |step| Content { step, subject: None };
        assert_eq!(name.body(Some("a"), &content(7)), name.body(Some("a"), &content(7)));
        assert_ne!(name.body(Some("a"), &content(7)), name.body(Some("a"), &content(8)));
        assert!(!padding(5).is_empty() && !padding(4).ends_with(' '));
    }
}
