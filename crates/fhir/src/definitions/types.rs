//! Types and their elements.

use super::{
    CodeSet, definitions,
    table::{TableError, VALUE_SETS, lines, resource_types, whole_url},
};
use crate::{ResourceType, Symbol};
use std::{borrow::Cow, collections::HashMap};

/// What sort of type a definition is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TypeKind {
    /// A single JSON value with a format (`date`).
    Primitive,
    /// A data type with elements (`HumanName`).
    Complex,
    /// The elements inside another type's element (`Patient.contact`).
    Backbone,
    /// A resource type.
    Resource,
    /// A type that others build on (`DomainResource`); for an element, it stands for any of those.
    Abstract,
}

/// How a type's values look in JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JsonForm {
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A string.
    String,
    /// An object.
    Object,
}

/// A type.
#[derive(Debug)]
pub struct TypeDefinition {
    /// Its name, or for a backbone its path.
    pub name: &'static str,
    /// What sort of type it is.
    pub kind: TypeKind,
    /// The JSON form of its values.
    pub json: JsonForm,
    /// For a primitive, the regular expression that the whole text matches; empty where there is none.
    pub regex: &'static str,
    /// Its elements in the standard's order, those of its base types first. Primitives have `id` and `extension`.
    pub elements: Vec<ElementDefinition>,
    base: Option<u16>,
    /// The names in JSON, in order.
    members: Vec<MemberRow>,
}

#[derive(Debug)]
struct MemberRow {
    name: Cow<'static, str>,
    element: u16,
    of: u16,
}

/// An element of a type.
#[derive(Clone, Debug)]
pub struct ElementDefinition {
    /// Its name; for a choice of types the stem (`value`, where JSON has `valueQuantity`).
    pub name: &'static str,
    /// Whether the name in JSON carries the type (`value[x]`).
    pub is_choice: bool,
    /// The types it may have: one, unless it is a choice.
    pub types: Vec<TypeReference>,
    /// How many values it must have.
    pub min: u32,
    /// How many values it may have; `None` for any number. In JSON an element is an array unless this is 1.
    pub max: Option<u32>,
    /// Whether `_summary=true` shows it.
    pub is_summary: bool,
    /// Whether it changes the meaning of what holds it.
    pub is_modifier: bool,
    binding: Option<u16>,
}

/// A type that an element may have.
#[derive(Clone, Debug)]
pub struct TypeReference {
    /// The type's name.
    pub name: &'static str,
    /// For a reference or canonical, the resource types it may be to; empty means any.
    pub targets: Vec<ResourceType>,
    of: u16,
    symbol: Symbol,
}

/// What a name in JSON stands for.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// The element.
    pub element: &'static ElementDefinition,
    /// The type that the name chose, or the element's only type.
    pub of: &'static TypeDefinition,
    /// Whether this is the object beside a primitive, with its id and extensions (`_birthDate`).
    pub primitive_twin: bool,
}

impl TypeDefinition {
    /// The element of this name; for a choice of types, by its stem.
    pub fn element(&self, name: &str) -> Option<&ElementDefinition> {
        self.elements.iter().find(|element| element.name == name)
    }

    /// What a name in a JSON object of this type stands for. `resourceType` is not an element.
    pub fn member(&'static self, name: &str) -> Option<Member> {
        let (name, primitive_twin) = name.strip_prefix('_').map_or((name, false), |name| (name, true));
        let at = self.members.binary_search_by(|row| (*row.name).cmp(name)).ok()?;
        let row = &self.members[at];
        let of = definitions().type_at(row.of);
        let element = &self.elements[usize::from(row.element)];
        let member = Member { element, of, primitive_twin };
        (!primitive_twin || of.kind == TypeKind::Primitive).then_some(member)
    }

    /// The names that a JSON object of this type may have, in order, without primitives' twins.
    pub fn member_names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|row| &*row.name)
    }

    /// The type this one builds on.
    pub fn base(&self) -> Option<&'static TypeDefinition> {
        self.base.map(|base| definitions().type_at(base))
    }

    /// Whether this type is `name` or builds on it, however far.
    pub fn is(&self, name: &str) -> bool {
        self.name == name || self.base().is_some_and(|base| base.is(name))
    }
}

impl ElementDefinition {
    /// The codes it must be one of, if its binding is required.
    pub fn binding(&self) -> Option<&'static CodeSet> {
        self.binding.map(|set| definitions().code_set_at(set))
    }

    /// Its name in JSON when it has the type `of`: for a choice, the stem and the type's name.
    pub fn json_name(&self, of: &TypeReference) -> Cow<'static, str> {
        self.name_with(of.name)
    }

    fn name_with(&self, of: &str) -> Cow<'static, str> {
        if !self.is_choice {
            return Cow::Borrowed(self.name);
        }
        let (first, rest) = of.split_at(1);
        Cow::Owned(format!("{}{}{rest}", self.name, first.to_ascii_uppercase()))
    }

    /// Whether JSON writes it as an array.
    pub fn is_array(&self) -> bool {
        self.max != Some(1)
    }
}

impl TypeReference {
    /// The name in JSON of the element that may have this type.
    #[must_use]
    pub fn symbol(&self) -> Symbol {
        self.symbol
    }

    /// The type's definition.
    pub fn definition(&self) -> &'static TypeDefinition {
        definitions().type_at(self.of)
    }
}

pub(super) fn read(table: &'static str, code_sets: &[CodeSet]) -> Result<Vec<TypeDefinition>, TableError> {
    let numbers: HashMap<&str, u16> = lines(table)
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split(' ').nth(1))
        .zip(0..)
        .collect();
    let sets: HashMap<&str, u16> = code_sets.iter().map(|set| set.url.as_str()).zip(0..).collect();
    let mut types: Vec<TypeDefinition> = Vec::with_capacity(numbers.len());
    for line in lines(table) {
        match line.strip_prefix(' ') {
            None => types.push(head(line, &numbers)?),
            Some(element) => {
                let element = element_line(element, &numbers, &sets)?;
                types.last_mut().ok_or(TableError::Line(line))?.elements.push(element);
            }
        }
    }
    let mut is_whole = vec![false; types.len()];
    for number in 0..types.len() {
        inherit(&mut types, &mut is_whole, number);
    }
    for this in &mut types {
        this.members = members(&this.elements);
    }
    Ok(types)
}

fn head(line: &'static str, numbers: &HashMap<&str, u16>) -> Result<TypeDefinition, TableError> {
    let mut words = line.splitn(5, ' ');
    let mut word = || words.next().ok_or(TableError::Line(line));
    let kind = match word()? {
        "primitive" => TypeKind::Primitive,
        "complex" => TypeKind::Complex,
        "backbone" => TypeKind::Backbone,
        "resource" => TypeKind::Resource,
        "abstract" => TypeKind::Abstract,
        _ => return Err(TableError::Line(line)),
    };
    let name = word()?;
    let base = match word()? {
        "-" => None,
        base => Some(*numbers.get(base).ok_or(TableError::Line(line))?),
    };
    let json = match words.next() {
        None => JsonForm::Object,
        Some("boolean") => JsonForm::Boolean,
        Some("number") => JsonForm::Number,
        Some("string") => JsonForm::String,
        Some(_) => return Err(TableError::Line(line)),
    };
    let regex = words.next().unwrap_or_default();
    Ok(TypeDefinition { name, kind, json, regex, elements: Vec::new(), base, members: Vec::new() })
}

fn element_line(
    line: &'static str,
    numbers: &HashMap<&str, u16>,
    sets: &HashMap<&str, u16>,
) -> Result<ElementDefinition, TableError> {
    let mut words = line.split(' ');
    let written = words.next().ok_or(TableError::Line(line))?;
    let name = written.trim_end_matches("[x]");
    let (min, max) = words.next().and_then(|word| word.split_once("..")).ok_or(TableError::Line(line))?;
    let mut element = ElementDefinition {
        name,
        is_choice: name != written,
        types: Vec::new(),
        min: min.parse().map_err(|_| TableError::Line(line))?,
        max: if max == "*" { None } else { Some(max.parse().map_err(|_| TableError::Line(line))?) },
        is_summary: false,
        is_modifier: false,
        binding: None,
    };
    while let Some(word) = words.next() {
        match word {
            "in" => {
                let url = whole_url(VALUE_SETS, words.next().ok_or(TableError::Line(line))?);
                element.binding = Some(*sets.get(url.as_str()).ok_or(TableError::Line(line))?);
            }
            "Σ" => element.is_summary = true,
            "?!" => element.is_modifier = true,
            of => element.types.push(type_reference(of, &element, numbers)?),
        }
    }
    Ok(element)
}

fn type_reference(
    written: &'static str,
    element: &ElementDefinition,
    numbers: &HashMap<&str, u16>,
) -> Result<TypeReference, TableError> {
    let (name, targets) = written.trim_end_matches(')').split_once('(').unwrap_or((written, ""));
    let of = *numbers.get(name).ok_or(TableError::Unknown(written))?;
    let targets = match targets {
        "" | "Resource" => Vec::new(),
        named => resource_types(named.split('|'))?,
    };
    let symbol = Symbol::of(&element.name_with(name)).ok_or(TableError::Unknown(written))?;
    Ok(TypeReference { name, targets, of, symbol })
}

/// Puts the elements of the base types before a type's own; a type's own line replaces an inherited one in place.
fn inherit(types: &mut [TypeDefinition], is_whole: &mut [bool], number: usize) {
    if std::mem::replace(&mut is_whole[number], true) {
        return;
    }
    let Some(base) = types[number].base.map(usize::from) else { return };
    inherit(types, is_whole, base);
    let own = std::mem::take(&mut types[number].elements);
    let mut elements = types[base].elements.clone();
    for element in own {
        match elements.iter_mut().find(|inherited| inherited.name == element.name) {
            Some(inherited) => *inherited = element,
            None => elements.push(element),
        }
    }
    types[number].elements = elements;
}

fn members(elements: &[ElementDefinition]) -> Vec<MemberRow> {
    let mut members = Vec::with_capacity(elements.len());
    for (element, number) in elements.iter().zip(0..) {
        for of in &element.types {
            let name = element.json_name(of);
            members.push(MemberRow { name, element: number, of: of.of });
        }
    }
    members.sort_by(|one, other| one.name.cmp(&other.name));
    members
}
