//! Parts of resources: `_summary` and `_elements` (R4 search, sections 3.1.1.5.8 and 3.1.1.5.9), written over
//! the tape.
//!
//! What is left out of a resource is what the definition tables let be left out: elements that the type demands
//! stay, and so do `implicitRules` and `modifierExtension`, which change what the rest means.

use crate::document::{Json, Kind, Name, push_json_string};
use crate::{ElementDefinition, Member, ResourceType, TypeDefinition, TypeKind, definitions};

mod elements;

use elements::Path;
pub use elements::{ELEMENTS_MAX, Elements};

/// The system of the tag that marks an incomplete resource.
pub const SUBSETTED_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
/// The code of the tag that marks an incomplete resource.
pub const SUBSETTED: &str = "SUBSETTED";

/// Which part of a resource is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subset {
    /// The elements that the definitions mark as summary, nested ones too (`_summary=true`).
    Summary,
    /// The narrative and what the type demands (`_summary=text`).
    Text,
    /// All but the narrative (`_summary=data`).
    Data,
    /// The elements named, and what the type demands (`_elements`).
    Elements(Elements),
}

/// Of one element, how much is shown.
enum Share<'a> {
    None,
    Whole,
    Summary,
    Paths(Vec<&'a [String]>),
}

impl Subset {
    /// Appends the part of `resource` that is asked for, with the tag SUBSETTED in its `meta`. What is no
    /// resource, an OperationOutcome, and a resource that `_elements` says nothing of, are appended whole.
    pub fn push(&self, resource: Json<'_>, out: &mut Vec<u8>) {
        let name = resource.get("resourceType").and_then(Json::as_str);
        match name.and_then(|name| ResourceType::parse(&name)) {
            Some(of) if of.name() != "OperationOutcome" && self.speaks_of(of) => {
                self.push_part(resource, of, out);
            }
            _ => out.extend_from_slice(resource.raw()),
        }
    }

    /// Appends a Bundle that answers a search, a history or a batch: each resource in it as
    /// [`Subset::push`] has it, all else whole. Included resources are not asked about by `_elements`, and
    /// outcomes by nothing.
    pub fn push_result(&self, bundle: Json<'_>, out: &mut Vec<u8>) {
        push_replaced(bundle, "entry", out, |entries, out| {
            push_items(entries, out, |entry, out| self.push_entry(entry, out));
        });
    }

    fn push_entry(&self, entry: Json<'_>, out: &mut Vec<u8>) {
        let mode = entry.get("search").and_then(|search| search.get("mode")).and_then(Json::as_str);
        match (mode.as_deref(), self) {
            (Some("outcome"), _) | (Some("include"), Subset::Elements(_)) => {
                out.extend_from_slice(entry.raw());
            }
            _ => push_replaced(entry, "resource", out, |resource, out| self.push(resource, out)),
        }
    }

    fn speaks_of(&self, of: ResourceType) -> bool {
        match self {
            Subset::Elements(elements) => elements.speaks_of(of),
            _ => true,
        }
    }

    fn push_part(&self, resource: Json<'_>, of: ResourceType, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"resourceType\":\"");
        out.extend_from_slice(of.name().as_bytes());
        out.push(b'"');
        if let Some(id) = resource.get("id") {
            out.extend_from_slice(b",\"id\":");
            out.extend_from_slice(id.raw());
        }
        out.extend_from_slice(b",\"meta\":");
        push_tagged_meta(resource.get("meta"), out);
        let definition = definitions().resource(of);
        for (name, value) in resource.members() {
            if !matches!(&*name.as_str(), "resourceType" | "id" | "meta") {
                let share = self.share(definition.member(&name.as_str()), &name, of);
                push_member(name, value, definition, &share, true, out);
            }
        }
        out.push(b'}');
    }

    /// How much of an element at the top of a resource is shown.
    fn share(&self, member: Option<Member>, name: &Name<'_>, of: ResourceType) -> Share<'_> {
        let Some(member) = member else {
            // Only a resource stored at the level minimal has what the tables do not know.
            return if *self == Subset::Data { Share::Whole } else { Share::None };
        };
        let element = member.element;
        if matches!(element.name, "implicitRules" | "modifierExtension") {
            return Share::Whole;
        }
        match self {
            Subset::Summary => summary(element),
            Subset::Text if element.name == "text" || element.min > 0 => Share::Whole,
            Subset::Text => Share::None,
            Subset::Data if element.name == "text" => Share::None,
            Subset::Data => Share::Whole,
            Subset::Elements(elements) => {
                named(elements.paths(of).map(Path::names).collect(), element, &name.as_str())
            }
        }
    }
}

fn summary(element: &ElementDefinition) -> Share<'static> {
    if element.is_summary || element.min > 0 { Share::Summary } else { Share::None }
}

/// How much `paths` ask of an element that JSON calls `name`.
fn named<'a>(paths: Vec<&'a [String]>, element: &ElementDefinition, name: &str) -> Share<'a> {
    let name = name.strip_prefix('_').unwrap_or(name);
    let matches = |first: &String| {
        first == name || first == element.name || first.strip_suffix("[x]") == Some(element.name)
    };
    let mut deeper = Vec::new();
    for path in paths {
        match path {
            [first] if matches(first) => return Share::Whole,
            [first, rest @ ..] if matches(first) => deeper.push(rest),
            _ => {}
        }
    }
    match (deeper.is_empty(), element.min > 0) {
        (false, _) => Share::Paths(deeper),
        (true, true) => Share::Whole,
        (true, false) => Share::None,
    }
}

/// Appends a member as far as it is shown; `follows` says whether another stands before it.
fn push_member(
    name: Name<'_>,
    value: Json<'_>,
    holder: &'static TypeDefinition,
    share: &Share<'_>,
    follows: bool,
    out: &mut Vec<u8>,
) -> bool {
    if matches!(share, Share::None) {
        return false;
    }
    let start = out.len();
    if follows {
        out.push(b',');
    }
    push_json_string(out, &name.as_str());
    out.push(b':');
    let is_pushed = match holder.member(&name.as_str()) {
        Some(Member { of, primitive_twin: false, .. }) if is_divisible(of) => {
            push_value(value, of, share, out)
        }
        _ => {
            out.extend_from_slice(value.raw());
            true
        }
    };
    if !is_pushed {
        out.truncate(start);
    }
    is_pushed
}

/// Whether values of a type are shown in parts. An extension says one thing as a whole; resources inside
/// resources are not asked about.
fn is_divisible(of: &TypeDefinition) -> bool {
    matches!(of.kind, TypeKind::Complex | TypeKind::Backbone) && of.name != "Extension"
}

/// Appends a value as far as it is shown; whether anything of it is.
fn push_value(value: Json<'_>, of: &'static TypeDefinition, share: &Share<'_>, out: &mut Vec<u8>) -> bool {
    match (value.kind(), share) {
        (Kind::Object, Share::Summary | Share::Paths(_)) => push_object(value, of, share, out),
        (Kind::Array, Share::Summary | Share::Paths(_)) => {
            let start = out.len();
            out.push(b'[');
            let mut some = false;
            for item in value.items() {
                let before = out.len();
                if some {
                    out.push(b',');
                }
                if push_value(item, of, share, out) {
                    some = true;
                } else {
                    out.truncate(before);
                }
            }
            out.push(b']');
            if !some {
                out.truncate(start);
            }
            some
        }
        _ => {
            out.extend_from_slice(value.raw());
            true
        }
    }
}

/// Appends those members of an object that are shown; an object of which nothing is shown is left out.
fn push_object(value: Json<'_>, of: &'static TypeDefinition, share: &Share<'_>, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    out.push(b'{');
    let mut some = false;
    for (name, inner) in value.members() {
        let Some(member) = of.member(&name.as_str()) else { continue };
        let inner_share = nested(member, of, &name, share);
        some |= push_member(name, inner, of, &inner_share, some, out);
    }
    out.push(b'}');
    if !some {
        out.truncate(start);
    }
    some
}

/// How much of an element inside another one is shown.
fn nested<'a>(member: Member, holder: &TypeDefinition, name: &Name<'_>, share: &Share<'a>) -> Share<'a> {
    // The extensions of a data type are part of the value: with them goes why it is absent.
    let is_of_value = holder.kind == TypeKind::Complex && matches!(member.element.name, "id" | "extension");
    if is_of_value || member.element.name == "modifierExtension" {
        return Share::Whole;
    }
    match share {
        Share::Paths(paths) => named(paths.clone(), member.element, &name.as_str()),
        _ => summary(member.element),
    }
}

/// Appends `meta` with the tag that marks an incomplete resource.
fn push_tagged_meta(meta: Option<Json<'_>>, out: &mut Vec<u8>) {
    let tags = meta.and_then(|meta| meta.get("tag")).filter(|tags| tags.kind() == Kind::Array);
    out.push(b'{');
    for (name, value) in meta.into_iter().flat_map(Json::members).filter(|(name, _)| *name.as_str() != *"tag")
    {
        push_json_string(out, &name.as_str());
        out.push(b':');
        out.extend_from_slice(value.raw());
        out.push(b',');
    }
    out.extend_from_slice(b"\"tag\":[");
    for tag in tags.into_iter().flat_map(Json::items).filter(|tag| !is_mark(*tag)) {
        out.extend_from_slice(tag.raw());
        out.push(b',');
    }
    out.extend_from_slice(b"{\"system\":\"");
    out.extend_from_slice(SUBSETTED_SYSTEM.as_bytes());
    out.extend_from_slice(b"\",\"code\":\"");
    out.extend_from_slice(SUBSETTED.as_bytes());
    out.extend_from_slice(b"\"}]}");
}

fn is_mark(tag: Json<'_>) -> bool {
    let is = |name, text| tag.get(name).and_then(Json::as_str).is_some_and(|found| found == text);
    is("system", SUBSETTED_SYSTEM) && is("code", SUBSETTED)
}

/// Appends an object with the member `replaced` written by `push`, all else as it is.
fn push_replaced<'a>(
    object: Json<'a>,
    replaced: &str,
    out: &mut Vec<u8>,
    push: impl Fn(Json<'a>, &mut Vec<u8>),
) {
    if object.kind() != Kind::Object {
        return out.extend_from_slice(object.raw());
    }
    out.push(b'{');
    for (at, (name, value)) in object.members().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_json_string(out, &name.as_str());
        out.push(b':');
        if *name.as_str() == *replaced { push(value, out) } else { out.extend_from_slice(value.raw()) }
    }
    out.push(b'}');
}

fn push_items<'a>(array: Json<'a>, out: &mut Vec<u8>, push: impl Fn(Json<'a>, &mut Vec<u8>)) {
    out.push(b'[');
    for (at, item) in array.items().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push(item, out);
    }
    out.push(b']');
}
