//! The values that a FHIRPath Patch brings: of a type by `value[x]`, or of an anonymous one by nested parts.

use super::slots::Pair;
use super::tree::Tree;
use crate::definitions::{ElementDefinition, TypeDefinition, TypeKind, definitions};
use crate::{DEPTH_MAX, Json, Kind, ResourceType};

/// A value as it stands in the patch.
pub(super) enum Given<'p> {
    /// A value of a type, with the object beside a primitive.
    Typed { of: &'static TypeDefinition, value: Option<Json<'p>>, twin: Option<Json<'p>> },
    /// The children of a value whose type has no name of its own.
    Parts(Vec<(String, Given<'p>)>),
}

const NO_VALUE: &str = "its value is none";
const WRONG_TYPE: &str = "the element cannot have a value of this type";
const NO_CHILD: &str = "a part of the value names no element of the value's type";

impl<'p> Given<'p> {
    /// Reads what a part brings.
    pub(super) fn read(part: Json<'p>) -> Result<Given<'p>, &'static str> {
        Given::read_at(part, 0)
    }

    fn read_at(part: Json<'p>, depth: usize) -> Result<Given<'p>, &'static str> {
        if depth == DEPTH_MAX {
            return Err("its value is nested too deeply");
        }
        if let Some(resource) = part.get("resource") {
            let named = resource.get("resourceType").and_then(Json::as_str).ok_or(NO_VALUE)?;
            let of = ResourceType::parse(&named).ok_or(NO_VALUE)?;
            return Ok(Given::Typed { of: definitions().resource(of), value: Some(resource), twin: None });
        }
        if let Some(parts) = part.get("part") {
            let named = parts.items().map(|part| {
                let name =
                    part.get("name").and_then(Json::as_str).ok_or("a part of its value has no name")?;
                Ok((name.into_owned(), Given::read_at(part, depth + 1)?))
            });
            return named.collect::<Result<_, _>>().map(Given::Parts);
        }
        let parameter = definitions().type_named("Parameters.parameter").ok_or(NO_VALUE)?;
        let mut found = None;
        for (name, json) in part.members() {
            let name = name.as_str();
            let Some(member) = parameter.member(&name).filter(|member| member.element.name == "value") else {
                continue;
            };
            let (value, twin) = match found.take() {
                None => (None, None),
                Some(Given::Typed { of, value, twin }) if std::ptr::eq(of, member.of) => (value, twin),
                Some(_) => return Err("it has more than one value"),
            };
            found = Some(match member.primitive_twin {
                true => Given::Typed { of: member.of, value, twin: Some(json) },
                false => Given::Typed { of: member.of, value: Some(json), twin },
            });
        }
        found.ok_or(NO_VALUE)
    }

    /// The value as one of an element, with the name that it has in JSON. Fails if its type is not one of the
    /// element's.
    pub(super) fn of_element(
        &self,
        definition: &'static ElementDefinition,
    ) -> Result<(String, Pair<'p>), &'static str> {
        let mut fitting =
            definition.types.iter().filter(|of| self.fits(of.definition(), definition.is_choice));
        let of = fitting.next().ok_or(WRONG_TYPE)?;
        Ok((definition.json_name(of).into_owned(), self.pair(of.definition())?))
    }

    /// Whether the value can be of a type. Where the name does not say it, primitives of one form in JSON pass for
    /// each other: a code is often brought as a string.
    fn fits(&self, wanted: &'static TypeDefinition, is_choice: bool) -> bool {
        match self {
            Given::Parts(_) => wanted.kind != TypeKind::Primitive,
            Given::Typed { of, .. } if of.is(wanted.name) => !is_choice || of.name == wanted.name,
            Given::Typed { of, value, .. } => {
                let is_primitive = |of: &TypeDefinition| of.kind == TypeKind::Primitive;
                let is_alike = is_primitive(of) && is_primitive(wanted) && of.json == wanted.json;
                // An anonymous type may be brought as the general one.
                let is_general = matches!(of.name, "BackboneElement" | "Element") && wanted.is(of.name);
                !is_choice && (is_alike || is_general) && value.is_none_or(|value| value.kind() != Kind::Null)
            }
        }
    }

    fn pair(&self, of: &'static TypeDefinition) -> Result<Pair<'p>, &'static str> {
        match self {
            Given::Typed { value, twin, .. } => {
                Ok(Pair { value: value.map(Tree::of), twin: twin.map(Tree::of) })
            }
            Given::Parts(parts) => Ok(Pair { value: Some(object(parts, of)?), twin: None }),
        }
    }
}

/// The object that parts make: several of one name are a list.
fn object<'p>(parts: &[(String, Given<'p>)], of: &'static TypeDefinition) -> Result<Tree<'p>, &'static str> {
    let mut tree = Tree::Object(Vec::with_capacity(parts.len()));
    for (name, given) in parts {
        let stem = name.trim_end_matches("[x]");
        let by_json_name =
            of.member(stem).filter(|member| !member.primitive_twin).map(|member| member.element);
        let definition = of.element(stem).or(by_json_name).ok_or(NO_CHILD)?;
        let (name, pair) = given.of_element(definition)?;
        let mut slots = super::slots::Slots::load(&mut tree, &[], &name, definition.is_array())?;
        if !slots.is_empty() && !slots.is_list() {
            return Err("its value has an element twice that there may be one of");
        }
        slots.push(pair);
        slots.store();
    }
    Ok(tree)
}
