//! FHIR in XML (R4 xml): read into JSON, and written from it, both driven by the definition tables.
//!
//! Documents with a DTD are refused, so that no entity but XML's own five and character references exists.

use std::borrow::Cow;
use std::fmt;

mod fields;
mod narrative;
mod read;
mod write;

pub use read::read;
pub use write::{Layout, write};

/// The namespace of FHIR's elements.
pub const FHIR_NAMESPACE: &str = "http://hl7.org/fhir";
/// The namespace of a narrative's elements.
pub const XHTML_NAMESPACE: &str = "http://www.w3.org/1999/xhtml";
/// The deepest nesting of elements, in a narrative too.
pub const XML_DEPTH_MAX: usize = 128;
/// The longest name of an element that an error repeats, in bytes.
const NAME_SHOWN_BYTES_MAX: usize = 64;

/// Why a text is not a resource in XML, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlError {
    /// The line where it was noticed, from 1.
    pub line: usize,
    /// The path of the element where it was noticed, as names: `Patient.name.given`; empty outside the resource.
    pub path: String,
    /// What is wrong: a sentence without values.
    pub what: Cow<'static, str>,
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for XmlError {}

/// Whether XML 1.0 can hold this character (section 2.2).
fn is_xml_character(character: char) -> bool {
    !matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// A name as an error repeats it, if it is one.
fn shown_name(name: &str) -> &str {
    let is_name = name.len() <= NAME_SHOWN_BYTES_MAX && is_plain_name(name);
    if is_name { name } else { "?" }
}

/// Whether this is a name in ASCII without a prefix, as every element and attribute of XHTML is.
fn is_plain_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// Appends `text` as the value of an attribute between double quotes, so that reading it gives the text again.
/// Characters that XML cannot hold become U+FFFD.
fn push_attribute_text(out: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '"' => out.extend_from_slice(b"&quot;"),
            '\t' => out.extend_from_slice(b"&#9;"),
            '\n' => out.extend_from_slice(b"&#10;"),
            '\r' => out.extend_from_slice(b"&#13;"),
            _ if is_xml_character(character) => push_character(out, character),
            _ => push_character(out, char::REPLACEMENT_CHARACTER),
        }
    }
}

fn push_character(out: &mut Vec<u8>, character: char) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}
