//! From JSON to XML: members in the order of their type's definition, whatever order the JSON has.

use super::{FHIR_NAMESPACE, XHTML_NAMESPACE, narrative, push_attribute_text};
use crate::document::{Document, Json, Kind};
use crate::{ElementDefinition, ResourceType, TypeDefinition, TypeKind, definitions};

/// Beyond this depth lines are indented no further, so that a deep document grows by a bounded factor.
const INDENT_DEPTH_MAX: usize = 16;

/// How the elements are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Without white space between them.
    Compact,
    /// A line for each, indented by two spaces.
    Pretty,
}

/// The resource in XML; `None` if the document is not an object with the `resourceType` of an R4 resource.
/// Members that the standard does not have, which only a resource that is not valid has, are left out.
#[must_use]
pub fn write(document: &Document, layout: Layout) -> Option<Vec<u8>> {
    let root = document.root();
    let of = resource_type(root)?;
    let mut writer =
        Writer { out: Vec::with_capacity(document.bytes().len() * 3 / 2 + 128), layout, depth: 0 };
    writer.out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    writer.resource(root, of, true);
    if layout == Layout::Pretty {
        writer.out.push(b'\n');
    }
    Some(writer.out)
}

fn resource_type(json: Json<'_>) -> Option<ResourceType> {
    ResourceType::parse(&json.get("resourceType").and_then(Json::as_str)?)
}

struct Writer {
    out: Vec<u8>,
    layout: Layout,
    depth: usize,
}

/// A member with its twin: what one element, or one list of elements, is made of.
struct Part<'a> {
    order: usize,
    name: String,
    of: &'static TypeDefinition,
    value: Option<Json<'a>>,
    twin: Option<Json<'a>>,
}

impl Writer {
    fn resource(&mut self, json: Json<'_>, of: ResourceType, is_root: bool) {
        self.line();
        self.open(of.name());
        if is_root {
            self.attribute("xmlns", FHIR_NAMESPACE);
        }
        let parts =
            parts(json, definitions().resource(of), |element| !matches!(element.name, "resourceType"));
        self.content(of.name(), &parts);
    }

    /// Ends a start tag, and writes what the element holds and its end.
    fn content(&mut self, name: &str, parts: &[Part<'_>]) {
        if parts.is_empty() {
            self.out.extend_from_slice(b"/>");
            return;
        }
        self.out.push(b'>');
        self.depth += 1;
        for part in parts {
            self.part(part);
        }
        self.depth -= 1;
        self.line();
        self.out.extend_from_slice(b"</");
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'>');
    }

    fn part(&mut self, part: &Part<'_>) {
        let is_list = |json: Option<Json<'_>>| json.is_some_and(|json| json.kind() == Kind::Array);
        if !is_list(part.value) && !is_list(part.twin) {
            return self.element(&part.name, part.of, part.value, part.twin);
        }
        let mut values = part.value.map(Json::items).into_iter().flatten();
        let mut twins = part.twin.map(Json::items).into_iter().flatten();
        loop {
            match (values.next(), twins.next()) {
                (None, None) => return,
                (value, twin) => self.element(&part.name, part.of, value, twin),
            }
        }
    }

    fn element(
        &mut self,
        name: &str,
        of: &'static TypeDefinition,
        value: Option<Json<'_>>,
        twin: Option<Json<'_>>,
    ) {
        let value = value.filter(|value| value.kind() != Kind::Null);
        match (of.kind, value) {
            (TypeKind::Primitive, _) if of.name == "xhtml" => self.narrative(value),
            (TypeKind::Primitive, _) => self.primitive(name, of, value, twin),
            (TypeKind::Abstract | TypeKind::Resource, Some(value)) => {
                let Some(inner) = resource_type(value) else { return };
                self.line();
                self.open(name);
                self.out.push(b'>');
                self.depth += 1;
                self.resource(value, inner, false);
                self.depth -= 1;
                self.line();
                self.close(name);
            }
            (TypeKind::Complex | TypeKind::Backbone, Some(value)) if value.kind() == Kind::Object => {
                self.line();
                self.open(name);
                self.object_attributes(value, of);
                let parts = parts(value, of, |element| !is_attribute(element, of));
                self.content(name, &parts);
            }
            _ => {}
        }
    }

    fn primitive(
        &mut self,
        name: &str,
        of: &'static TypeDefinition,
        value: Option<Json<'_>>,
        twin: Option<Json<'_>>,
    ) {
        let text = value.and_then(|value| match value.kind() {
            Kind::String => value.as_str(),
            Kind::Boolean | Kind::Number => std::str::from_utf8(value.raw()).ok().map(Into::into),
            Kind::Null | Kind::Array | Kind::Object => None,
        });
        let twin = twin.filter(|twin| twin.kind() == Kind::Object && !twin.is_empty());
        if text.is_none() && twin.is_none() {
            return;
        }
        self.line();
        self.open(name);
        if let Some(twin) = twin {
            self.object_attributes(twin, of);
        }
        if let Some(text) = text {
            self.attribute("value", &text);
        }
        let parts =
            twin.map(|twin| parts(twin, of, |element| !is_attribute(element, of))).unwrap_or_default();
        self.content(name, &parts);
    }

    /// Writes a narrative. One that is no XHTML becomes the text of a `div`: nothing of a string in JSON is
    /// ever taken as markup unless it is well-formed.
    fn narrative(&mut self, value: Option<Json<'_>>) {
        let Some(div) = value.and_then(Json::as_str) else { return };
        self.line();
        match narrative::of_json(&div) {
            Some(xhtml) => self.out.extend_from_slice(&xhtml),
            None => {
                self.open("div");
                self.attribute("xmlns", XHTML_NAMESPACE);
                self.out.push(b'>');
                push_attribute_text(&mut self.out, &div);
                self.close("div");
            }
        }
    }

    fn object_attributes(&mut self, json: Json<'_>, of: &TypeDefinition) {
        for name in ["id", "url"] {
            let is_one = name == "id" || of.name == "Extension";
            if let Some(text) = json.get(name).filter(|_| is_one).and_then(Json::as_str) {
                self.attribute(name, &text);
            }
        }
    }

    fn attribute(&mut self, name: &str, text: &str) {
        self.out.push(b' ');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"=\"");
        push_attribute_text(&mut self.out, text);
        self.out.push(b'"');
    }

    fn open(&mut self, name: &str) {
        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
    }

    fn close(&mut self, name: &str) {
        self.out.extend_from_slice(b"</");
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'>');
    }

    fn line(&mut self) {
        if self.layout == Layout::Pretty {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + self.depth.min(INDENT_DEPTH_MAX) * 2, b' ');
        }
    }
}

/// Whether XML writes an element of a data type as an attribute.
fn is_attribute(element: &ElementDefinition, of: &TypeDefinition) -> bool {
    element.name == "id" || (element.name == "url" && of.name == "Extension")
}

/// The members of an object that become elements, in the order of the definition.
fn parts<'a>(
    json: Json<'a>,
    of: &'static TypeDefinition,
    is_wanted: impl Fn(&ElementDefinition) -> bool,
) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = Vec::with_capacity(json.len());
    for (name, value) in json.members() {
        let name = name.as_str();
        let Some(member) = of.member(&name).filter(|member| is_wanted(member.element)) else { continue };
        let plain = name.strip_prefix('_').unwrap_or(&name);
        let at = parts.iter().position(|part| part.name == plain).unwrap_or_else(|| {
            let order = of.elements.iter().position(|element| std::ptr::eq(element, member.element));
            let order = order.unwrap_or(usize::MAX);
            parts.push(Part { order, name: plain.to_owned(), of: member.of, value: None, twin: None });
            parts.len() - 1
        });
        let slot = if member.primitive_twin { &mut parts[at].twin } else { &mut parts[at].value };
        *slot = Some(value);
    }
    parts.sort_by_key(|part| part.order);
    parts
}
