//! From XML to JSON: one pass over the events, each element looked up in the definition of what holds it.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesDecl, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

use super::fields::Fields;
use super::{
    FHIR_NAMESPACE, XHTML_NAMESPACE, XML_DEPTH_MAX, XmlError, is_xml_character, narrative, shown_name,
};
use crate::document::check_number;
use crate::{JsonForm, Member, ResourceType, TypeDefinition, TypeKind, definitions, push_json_string};

/// The resource in an XML document, in JSON. What it says is kept, also where it is not valid: values that do
/// not have their type's form become strings, which validation refuses at their path.
///
/// # Errors
/// Text that is not well-formed XML 1.0 in UTF-8, has a DTD, names elements or attributes that the standard
/// does not have there, repeats what stands once, or is nested deeper than [`XML_DEPTH_MAX`].
pub fn read(bytes: &[u8]) -> Result<Vec<u8>, XmlError> {
    let outside = |line, what: &'static str| XmlError { line, path: String::new(), what: what.into() };
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = simdutf8::basic::from_utf8(bytes).map_err(|_| outside(1, "The document is not UTF-8."))?;
    if let Some((at, _)) = text.char_indices().find(|(_, character)| !is_xml_character(*character)) {
        return Err(outside(line_of(text, at), "The document holds a character that XML does not allow."));
    }
    let mut xml = NsReader::from_str(text);
    xml.config_mut().check_comments = true;
    Reader { xml, text, path: Vec::new() }.document()
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

struct Reader<'a> {
    xml: NsReader<&'a [u8]>,
    text: &'a str,
    path: Vec<Cow<'static, str>>,
}

/// What comes next, when comments and processing instructions are passed over.
enum Next<'a> {
    Start(BytesStart<'a>, bool),
    End,
    Text(Cow<'a, [u8]>),
    Finish,
}

impl<'a> Reader<'a> {
    fn document(mut self) -> Result<Vec<u8>, XmlError> {
        let mut out = Vec::with_capacity(self.text.len());
        loop {
            match self.next()? {
                Next::Start(start, is_empty) => {
                    self.resource(&start, is_empty, &mut out)?;
                    break;
                }
                Next::Text(text) => self.check_blank(&text)?,
                Next::End | Next::Finish => return self.fail("The document holds no resource."),
            }
        }
        loop {
            match self.next()? {
                Next::Finish => return Ok(out),
                Next::Text(text) => self.check_blank(&text)?,
                _ => return self.fail("Something follows the resource."),
            }
        }
    }

    fn next(&mut self) -> Result<Next<'a>, XmlError> {
        loop {
            let event = match self.xml.read_event() {
                Ok(event) => event,
                Err(error) => {
                    return self.fail_with(format!("The XML is not well-formed: {}.", told(&error)));
                }
            };
            return Ok(match event {
                Event::Start(start) => Next::Start(start, false),
                Event::Empty(start) => Next::Start(start, true),
                Event::End(_) => Next::End,
                Event::Text(text) => Next::Text(text.into_inner()),
                Event::Eof => Next::Finish,
                Event::Comment(_) | Event::PI(_) => continue,
                Event::Decl(declaration) => {
                    self.check_declaration(&declaration)?;
                    continue;
                }
                Event::DocType(_) => return self.fail("A document type declaration is not allowed."),
                Event::GeneralRef(_) | Event::CData(_) => {
                    return self.fail("Text is not allowed outside a narrative.");
                }
            });
        }
    }

    fn check_declaration(&self, declaration: &BytesDecl<'_>) -> Result<(), XmlError> {
        let is_first = self.path.is_empty();
        let is_one = declaration.version().is_ok_and(|version| *version == *b"1.0");
        let encoding = declaration.encoding();
        let is_utf8 = encoding.is_none_or(|name| name.is_ok_and(|name| name.eq_ignore_ascii_case(b"utf-8")));
        if is_first && is_one && is_utf8 { Ok(()) } else { self.fail("Only XML 1.0 in UTF-8 is read.") }
    }

    fn check_blank(&self, text: &[u8]) -> Result<(), XmlError> {
        if text.iter().all(u8::is_ascii_whitespace) {
            Ok(())
        } else {
            self.fail("Text is not allowed outside a narrative.")
        }
    }

    /// Reads a resource whose start tag was read, and appends it in JSON.
    fn resource(
        &mut self,
        start: &BytesStart<'a>,
        is_empty: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), XmlError> {
        let name = self.fhir_name(start)?;
        let Some(of) = ResourceType::parse(&name) else {
            let what = format!("{} is not a resource type of FHIR R4.", shown_name(&name));
            return self.fail_with(what);
        };
        self.enter(of.name().into())?;
        let mut fields = Fields::default();
        self.attributes(start, definitions().resource(of), &mut fields)?;
        if !is_empty {
            self.children(definitions().resource(of), &mut fields)?;
        }
        out.extend_from_slice(b"{\"resourceType\":\"");
        out.extend_from_slice(of.name().as_bytes());
        out.push(b'"');
        fields.push(true, out);
        out.push(b'}');
        self.path.pop();
        Ok(())
    }

    /// Reads the elements inside one of type `of`, to its end.
    fn children(&mut self, of: &'static TypeDefinition, fields: &mut Fields) -> Result<(), XmlError> {
        loop {
            match self.next()? {
                Next::Start(start, is_empty) => self.element(of, &start, is_empty, fields)?,
                Next::End => return Ok(()),
                Next::Text(text) => self.check_blank(&text)?,
                Next::Finish => return self.fail("The document ends too early."),
            }
        }
    }

    fn element(
        &mut self,
        holder: &'static TypeDefinition,
        start: &BytesStart<'a>,
        is_empty: bool,
        fields: &mut Fields,
    ) -> Result<(), XmlError> {
        let name = self.name(start)?;
        let member =
            holder.member(&name).filter(|member| !name.starts_with('_') && !is_attribute(holder, member));
        let Some(member) = member else {
            let what = format!("{} has no element {}.", holder.name, shown_name(&name));
            return self.fail_with(what);
        };
        let is_narrative = member.of.name == "xhtml";
        self.check_namespace(start, if is_narrative { XHTML_NAMESPACE } else { FHIR_NAMESPACE })?;
        self.enter(Cow::Owned(name.clone().into_owned()))?;
        let (mut value, mut twin) = (Vec::new(), Vec::new());
        match member.of.kind {
            _ if is_narrative => {
                let div = narrative::of_xml(&mut self.xml, start, is_empty);
                let div = div.or_else(|what| self.fail(what))?;
                push_json_string(&mut value, &String::from_utf8_lossy(&div));
            }
            TypeKind::Primitive => self.primitive(member.of, start, is_empty, &mut value, &mut twin)?,
            TypeKind::Abstract | TypeKind::Resource => self.only_resource(start, is_empty, &mut value)?,
            TypeKind::Complex | TypeKind::Backbone => self.object(member.of, start, is_empty, &mut value)?,
        }
        let some = |json: Vec<u8>| if json.is_empty() { None } else { Some(json) };
        let (value, twin) = (some(value), some(twin));
        if !fields.add(&name, member.element.is_array(), value.as_deref(), twin.as_deref()) {
            return self.fail("The element stands once at most.");
        }
        self.path.pop();
        Ok(())
    }

    /// Reads a data type or backbone.
    fn object(
        &mut self,
        of: &'static TypeDefinition,
        start: &BytesStart<'a>,
        is_empty: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), XmlError> {
        let mut fields = Fields::default();
        self.attributes(start, of, &mut fields)?;
        if !is_empty {
            self.children(of, &mut fields)?;
        }
        out.push(b'{');
        fields.push(false, out);
        out.push(b'}');
        Ok(())
    }

    /// Reads a primitive: its value, and beside it its id and extensions.
    fn primitive(
        &mut self,
        of: &'static TypeDefinition,
        start: &BytesStart<'a>,
        is_empty: bool,
        value: &mut Vec<u8>,
        twin: &mut Vec<u8>,
    ) -> Result<(), XmlError> {
        let mut fields = Fields::default();
        if let Some(text) = self.attributes(start, of, &mut fields)? {
            push_primitive(of.json, &text, value);
        }
        if !is_empty {
            self.children(of, &mut fields)?;
        }
        if !fields.is_empty() {
            twin.push(b'{');
            fields.push(false, twin);
            twin.push(b'}');
        }
        if value.is_empty() && twin.is_empty() {
            return self.fail("The element has neither a value nor an extension.");
        }
        Ok(())
    }

    /// Reads an element that holds one resource and nothing else.
    fn only_resource(
        &mut self,
        start: &BytesStart<'a>,
        is_empty: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), XmlError> {
        const ONE: &str = "The element must hold one resource.";
        if let Some((name, _)) = self.plain_attributes(start)?.first() {
            return self.fail_with(format!("There is no attribute {} here.", shown_name(name)));
        }
        if is_empty {
            return self.fail(ONE);
        }
        loop {
            match self.next()? {
                Next::Start(start, is_empty) if out.is_empty() => self.resource(&start, is_empty, out)?,
                Next::End if !out.is_empty() => return Ok(()),
                Next::Text(text) => self.check_blank(&text)?,
                Next::Finish => return self.fail("The document ends too early."),
                Next::Start(..) | Next::End => return self.fail(ONE),
            }
        }
    }

    /// Takes the attributes of an element of type `of`; what comes back is the value of a primitive.
    fn attributes(
        &self,
        start: &BytesStart<'a>,
        of: &TypeDefinition,
        fields: &mut Fields,
    ) -> Result<Option<String>, XmlError> {
        let mut value = None;
        for (name, text) in self.plain_attributes(start)? {
            match (&*name, of.kind) {
                ("value", TypeKind::Primitive) => value = Some(text),
                ("id", kind) if kind != TypeKind::Resource => {
                    let mut json = Vec::new();
                    push_json_string(&mut json, &text);
                    fields.add("id", false, Some(&json), None);
                }
                ("url", TypeKind::Complex) if of.name == "Extension" => {
                    let mut json = Vec::new();
                    push_json_string(&mut json, &text);
                    fields.add("url", false, Some(&json), None);
                }
                _ => {
                    let what = format!("{} has no attribute {}.", of.name, shown_name(&name));
                    return self.fail_with(what);
                }
            }
        }
        Ok(value)
    }

    /// The attributes with their values, but for namespace declarations and those of XML Schema's instances.
    fn plain_attributes(&self, start: &BytesStart<'a>) -> Result<Vec<(String, String)>, XmlError> {
        let mut found = Vec::new();
        for attribute in start.attributes() {
            let Ok(attribute) = attribute else { return self.fail("An attribute is malformed or repeated.") };
            let name = String::from_utf8_lossy(attribute.key.into_inner()).into_owned();
            if name == "xmlns" || name.starts_with("xmlns:") || name.starts_with("xsi:") {
                continue;
            }
            let value = match attribute.normalized_value(XmlVersion::Implicit1_0) {
                Ok(value) if !attribute.value.contains(&b'<') && value.chars().all(is_xml_character) => value,
                _ => {
                    return self.fail(
                        "The value of an attribute is malformed, or names an entity that is not XML's.",
                    );
                }
            };
            found.push((name, value.into_owned()));
        }
        Ok(found)
    }

    fn name(&self, start: &BytesStart<'a>) -> Result<Cow<'static, str>, XmlError> {
        let local = start.local_name();
        match std::str::from_utf8(local.into_inner()) {
            Ok(name) => Ok(Cow::Owned(name.to_owned())),
            Err(_) => self.fail("The name of an element is malformed."),
        }
    }

    fn fhir_name(&self, start: &BytesStart<'a>) -> Result<Cow<'static, str>, XmlError> {
        self.check_namespace(start, FHIR_NAMESPACE)?;
        self.name(start)
    }

    fn check_namespace(&self, start: &BytesStart<'a>, expected: &str) -> Result<(), XmlError> {
        match self.xml.resolver().resolve_element(start.name()).0 {
            ResolveResult::Bound(Namespace(name)) if name == expected.as_bytes() => Ok(()),
            _ => {
                let name = self.name(start)?;
                self.fail_with(format!("{} must be in the namespace {expected}.", shown_name(&name)))
            }
        }
    }

    fn enter(&mut self, name: Cow<'static, str>) -> Result<(), XmlError> {
        if self.path.len() >= XML_DEPTH_MAX {
            return self.fail("The document is nested too deeply.");
        }
        self.path.push(name);
        Ok(())
    }

    fn fail<T>(&self, what: &'static str) -> Result<T, XmlError> {
        self.fail_at(what.into())
    }

    fn fail_with<T>(&self, what: String) -> Result<T, XmlError> {
        self.fail_at(what.into())
    }

    fn fail_at<T>(&self, what: Cow<'static, str>) -> Result<T, XmlError> {
        let at = usize::try_from(self.xml.buffer_position()).unwrap_or(usize::MAX);
        Err(XmlError { line: line_of(self.text, at), path: self.path.join("."), what })
    }
}

/// Whether XML writes a member as an attribute: ids but those of resources, and the url of an extension.
fn is_attribute(holder: &TypeDefinition, member: &Member) -> bool {
    match member.element.name {
        "id" => holder.kind != TypeKind::Resource,
        "url" => holder.name == "Extension",
        _ => false,
    }
}

/// A primitive's text in the JSON form of its type; text that does not have it becomes a string.
fn push_primitive(form: JsonForm, text: &str, out: &mut Vec<u8>) {
    let is_literal = match form {
        JsonForm::Boolean => matches!(text, "true" | "false"),
        JsonForm::Number => check_number(text),
        JsonForm::String | JsonForm::Object => false,
    };
    if is_literal { out.extend_from_slice(text.as_bytes()) } else { push_json_string(out, text) }
}

/// What a parser's error says, without anything of the document.
fn told(error: &quick_xml::Error) -> &'static str {
    match error {
        quick_xml::Error::Syntax(_) => "a tag, a comment or a section is not closed",
        quick_xml::Error::IllFormed(_) => "tags do not match, or a comment or a declaration is malformed",
        quick_xml::Error::InvalidAttr(_) => "an attribute is malformed or repeated",
        quick_xml::Error::Namespace(_) => "a namespace is not declared or may not be",
        _ => "its characters or references are malformed",
    }
}
