//! The XHTML of a narrative: kept as written, but for what could not stand alone, inside JSON or inside XML.
//!
//! Prefixes and inherited namespaces become a default namespace on the `div`, CDATA becomes escaped text,
//! processing instructions are dropped. Only XHTML elements may occur.

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

use super::{XHTML_NAMESPACE, XML_DEPTH_MAX, is_plain_name, is_xml_character, push_attribute_text};

/// Characters by their names in HTML, from U+00A0 to U+00FF in order.
const LATIN_ENTITIES: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg \
    plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute \
    Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve \
    Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc \
    atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute \
    ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml";

/// Other characters that narratives name.
const OTHER_ENTITIES: [(&str, char); 30] = [
    ("ndash", '–'),
    ("mdash", '—'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("sbquo", '‚'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("bdquo", '„'),
    ("dagger", '†'),
    ("bull", '•'),
    ("hellip", '…'),
    ("permil", '‰'),
    ("prime", '′'),
    ("Prime", '″'),
    ("euro", '€'),
    ("trade", '™'),
    ("larr", '←'),
    ("uarr", '↑'),
    ("rarr", '→'),
    ("darr", '↓'),
    ("minus", '−'),
    ("asymp", '≈'),
    ("ne", '≠'),
    ("le", '≤'),
    ("ge", '≥'),
    ("ensp", '\u{2002}'),
    ("emsp", '\u{2003}'),
    ("thinsp", '\u{2009}'),
    ("alpha", 'α'),
    ("beta", 'β'),
];

/// What a rewrite cannot go on from: a sentence without values.
pub(super) type Fault = &'static str;

const NOT_WELL_FORMED: Fault = "The narrative is not well-formed XML.";
const NOT_XHTML: Fault = "A narrative holds elements of XHTML only.";

/// What to do with what JSON lets a narrative have and XML does not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It stands in an XML document, whose rules hold.
    Xml,
    /// It was a string in JSON: elements without a namespace are XHTML, and entities may have HTML's names.
    Json,
}

/// The narrative of a JSON string as an element that can stand in XML; `None` if it cannot be one.
pub(super) fn of_json(div: &str) -> Option<Vec<u8>> {
    if div.chars().any(|character| !is_xml_character(character)) {
        return None;
    }
    let mut xml = NsReader::from_str(div.trim());
    let (start, is_empty) = match xml.read_event().ok()? {
        Event::Start(start) => (start, false),
        Event::Empty(start) => (start, true),
        _ => return None,
    };
    let mut rewrite =
        Rewrite { xml: &mut xml, origin: Origin::Json, out: Vec::with_capacity(div.len() + 64) };
    rewrite.div(&start, is_empty).ok()?;
    let out = rewrite.out;
    matches!(xml.read_event(), Ok(Event::Eof)).then_some(out)
}

/// The narrative that `start` begins, read to its end; as the string that JSON holds.
pub(super) fn of_xml<'a>(
    xml: &mut NsReader<&'a [u8]>,
    start: &BytesStart<'a>,
    is_empty: bool,
) -> Result<Vec<u8>, Fault> {
    let mut rewrite = Rewrite { xml, origin: Origin::Xml, out: Vec::new() };
    rewrite.div(start, is_empty)?;
    Ok(rewrite.out)
}

struct Rewrite<'r, 'a> {
    xml: &'r mut NsReader<&'a [u8]>,
    origin: Origin,
    out: Vec<u8>,
}

impl<'a> Rewrite<'_, 'a> {
    fn div(&mut self, start: &BytesStart<'a>, is_empty: bool) -> Result<(), Fault> {
        if start.local_name().as_ref() != b"div" {
            return Err("A narrative is a div element.");
        }
        self.start(start, is_empty, true)?;
        let mut depth = usize::from(!is_empty);
        while depth > 0 {
            if depth > XML_DEPTH_MAX {
                return Err("The narrative is nested too deeply.");
            }
            match self.xml.read_event().map_err(|_| NOT_WELL_FORMED)? {
                Event::Start(start) => {
                    self.start(&start, false, false)?;
                    depth += 1;
                }
                Event::Empty(start) => self.start(&start, true, false)?,
                Event::End(end) => {
                    self.out.extend_from_slice(b"</");
                    self.out.extend_from_slice(end.local_name().as_ref());
                    self.out.push(b'>');
                    depth -= 1;
                }
                other => self.content(other)?,
            }
        }
        Ok(())
    }

    fn content(&mut self, event: Event<'a>) -> Result<(), Fault> {
        match event {
            Event::Text(text) => push_text(&text, &mut self.out),
            Event::CData(data) => {
                let text = std::str::from_utf8(&data).map_err(|_| NOT_WELL_FORMED)?;
                self.out.extend_from_slice(
                    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").as_bytes(),
                );
            }
            Event::GeneralRef(name) => {
                let name = std::str::from_utf8(&name).map_err(|_| NOT_WELL_FORMED)?;
                self.reference(name)?;
            }
            Event::Comment(comment) => {
                if memchr::memmem::find(&comment, b"--").is_some() || comment.ends_with(b"-") {
                    return Err(NOT_WELL_FORMED);
                }
                self.out.extend_from_slice(b"<!--");
                self.out.extend_from_slice(&comment);
                self.out.extend_from_slice(b"-->");
            }
            Event::PI(_) => {}
            _ => return Err(NOT_WELL_FORMED),
        }
        Ok(())
    }

    fn start(&mut self, start: &BytesStart<'a>, is_empty: bool, is_div: bool) -> Result<(), Fault> {
        let (namespace, local) = self.xml.resolver().resolve_element(start.name());
        match namespace {
            ResolveResult::Bound(Namespace(name)) if name == XHTML_NAMESPACE.as_bytes() => {}
            ResolveResult::Unbound if self.origin == Origin::Json => {}
            _ => return Err(NOT_XHTML),
        }
        let local = std::str::from_utf8(local.into_inner()).ok().filter(|name| is_plain_name(name));
        let local = local.ok_or(NOT_WELL_FORMED)?;
        if is_verbatim(start, is_div) {
            let raw: &[u8] = start;
            self.out.push(b'<');
            check_attributes(start, self.origin)?;
            self.out.extend_from_slice(raw);
        } else {
            self.out.push(b'<');
            self.out.extend_from_slice(local.as_bytes());
            if is_div {
                self.out.extend_from_slice(b" xmlns=\"");
                self.out.extend_from_slice(XHTML_NAMESPACE.as_bytes());
                self.out.push(b'"');
            }
            self.attributes(start)?;
        }
        self.out.extend_from_slice(if is_empty { b"/>" } else { b">" });
        Ok(())
    }

    /// Appends the attributes anew, without namespace declarations.
    fn attributes(&mut self, start: &BytesStart<'a>) -> Result<(), Fault> {
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| NOT_WELL_FORMED)?;
            let name = std::str::from_utf8(attribute.key.into_inner()).map_err(|_| NOT_WELL_FORMED)?;
            if name == "xmlns" || name.starts_with("xmlns:") {
                continue;
            }
            check_attribute_name(name)?;
            let value = std::str::from_utf8(&attribute.value).map_err(|_| NOT_WELL_FORMED)?;
            let value = attribute_value(value, self.origin).ok_or(NOT_WELL_FORMED)?;
            self.out.push(b' ');
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"=\"");
            push_attribute_text(&mut self.out, &value);
            self.out.push(b'"');
        }
        Ok(())
    }

    fn reference(&mut self, name: &str) -> Result<(), Fault> {
        match character(name, self.origin) {
            Some(_) if is_of_xml(name) => {
                self.out.push(b'&');
                self.out.extend_from_slice(name.as_bytes());
                self.out.push(b';');
            }
            Some(found) => self.out.extend_from_slice(format!("&#{};", u32::from(found)).as_bytes()),
            None => return Err("An entity is not defined."),
        }
        Ok(())
    }
}

/// Whether a start tag can stand as it is written: no prefixes, and the namespace where it belongs.
fn is_verbatim(start: &BytesStart<'_>, is_div: bool) -> bool {
    let is_prefixed = start.name().prefix().is_some();
    let mut has_namespace = false;
    for attribute in start.attributes().flatten() {
        let key = attribute.key.into_inner();
        if key == b"xmlns" && &*attribute.value == XHTML_NAMESPACE.as_bytes() {
            has_namespace = true;
        } else if key == b"xmlns"
            || key.starts_with(b"xmlns:")
            || memchr::memchr(b'&', &attribute.value).is_some()
        {
            return false;
        }
    }
    !is_prefixed && has_namespace == is_div
}

/// Checks attributes that are copied as they are written.
fn check_attributes(start: &BytesStart<'_>, origin: Origin) -> Result<(), Fault> {
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| NOT_WELL_FORMED)?;
        let name = std::str::from_utf8(attribute.key.into_inner()).map_err(|_| NOT_WELL_FORMED)?;
        check_attribute_name(name)?;
        let value = std::str::from_utf8(&attribute.value).map_err(|_| NOT_WELL_FORMED)?;
        attribute_value(value, origin).ok_or(NOT_WELL_FORMED)?;
    }
    Ok(())
}

fn check_attribute_name(name: &str) -> Result<(), Fault> {
    let plain = name.strip_prefix("xml:").unwrap_or(name);
    if is_plain_name(plain) { Ok(()) } else { Err(NOT_XHTML) }
}

/// The value of an attribute without its references; `None` if it is not well-formed.
fn attribute_value(raw: &str, origin: Origin) -> Option<String> {
    if raw.contains('<') {
        return None;
    }
    let mut value = String::with_capacity(raw.len());
    let mut parts = raw.split('&');
    value.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (name, rest) = part.split_once(';')?;
        value.push(character(name, origin)?);
        value.push_str(rest);
    }
    Some(value)
}

/// Whether XML itself knows a reference.
fn is_of_xml(name: &str) -> bool {
    name.starts_with('#') || matches!(name, "amp" | "lt" | "gt" | "quot" | "apos")
}

/// The character that a reference names.
fn character(name: &str, origin: Origin) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let (digits, radix) = match number.strip_prefix('x') {
            Some(digits) => (digits, 16),
            None => (number, 10),
        };
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = is_number.then(|| u32::from_str_radix(digits, radix).ok())??;
        return char::from_u32(code).filter(|character| is_xml_character(*character));
    }
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ if origin == Origin::Json => html_character(name),
        _ => None,
    }
}

fn html_character(name: &str) -> Option<char> {
    let latin = LATIN_ENTITIES.split_ascii_whitespace().zip('\u{a0}'..='\u{ff}');
    latin.chain(OTHER_ENTITIES).find(|(found, _)| *found == name).map(|(_, character)| character)
}

/// Appends text as it is written; `]]>` may not stand in it (XML, section 2.4).
fn push_text(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memmem::find(rest, b"]]>") {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(b"]]&gt;");
        rest = &rest[at + 3..];
    }
    out.extend_from_slice(rest);
}
