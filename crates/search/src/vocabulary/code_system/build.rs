//! Reads a code system: a CodeSystem resource, or one that comes with the standard.

use std::borrow::Cow;
use std::collections::HashMap;

use fhir::{CodeSystemDefinition, Json};

use super::links::Links;
use super::{CodeSystem, DesignationRow, PropertyKind, PropertyName, PropertyRow, Row, Rows, Text};
use crate::Direction;
use crate::vocabulary::VocabularyFault;
use crate::vocabulary::json::string;

/// Where the properties are that mean something to every code system.
const PROPERTIES: &str = "http://hl7.org/fhir/concept-properties#";
/// Properties that name concepts above or below, whether or not they are declared.
const HIERARCHICAL: [(&str, Direction); 3] =
    [("parent", Direction::Above), ("subsumedBy", Direction::Above), ("child", Direction::Below)];
/// How many different values are looked for among those that were met before.
const VALUES_SHARED_MAX: usize = 65_536;

/// A code system being read.
struct Builder<'a> {
    system: CodeSystem,
    names: HashMap<String, u16>,
    /// What properties with names of this number mean, if they mean something.
    abstract_names: Vec<u16>,
    inactive_names: Vec<u16>,
    values: HashMap<Cow<'a, str>, Text>,
    /// Parent and child.
    pairs: Vec<(u32, u32)>,
    /// What properties say of the hierarchy: the concept, the property, the code above or below.
    said: Vec<(u32, u16, Cow<'a, str>)>,
}

impl CodeSystem {
    /// Of a CodeSystem resource.
    ///
    /// # Errors
    /// [`VocabularyFault::NoCodes`] if it holds no concepts.
    pub fn read(root: Json<'_>) -> Result<Self, VocabularyFault> {
        let mut builder = Builder::new(CodeSystem {
            url: string(root, "url").unwrap_or_default(),
            version: string(root, "version"),
            name: string(root, "name").or_else(|| string(root, "title")),
            is_case_sensitive: root.get("caseSensitive").and_then(Json::as_bool) != Some(false),
            content: string(root, "content").unwrap_or_default(),
            language: string(root, "language"),
            supplements: string(root, "supplements"),
            ..CodeSystem::empty()
        });
        for property in root.get("property").into_iter().flat_map(Json::items) {
            builder.declare(property);
        }
        if let Some(concepts) = root.get("concept") {
            builder.read_concepts(concepts, None);
        }
        if builder.system.is_empty() { Err(VocabularyFault::NoCodes) } else { Ok(builder.finish()) }
    }

    /// Of one that comes with the standard.
    pub(crate) fn of_definition(definition: &'static CodeSystemDefinition) -> Self {
        let mut builder = Builder::new(CodeSystem {
            url: definition.url.to_owned(),
            version: Some(definition.version.to_owned()),
            name: Some(definition.name.to_owned()).filter(|name| !name.is_empty()),
            content: "complete".to_owned(),
            ..CodeSystem::empty()
        });
        for concept in &definition.concepts {
            let number = builder.push(concept.code, concept.display, "");
            if concept.is_abstract {
                builder.property(number, "notSelectable", PropertyKind::Boolean, "true".into());
            }
            for (is_set, status) in [(concept.is_retired, "retired"), (concept.is_deprecated, "deprecated")] {
                if is_set {
                    builder.property(number, "status", PropertyKind::Code, status.into());
                }
            }
            for parent in &concept.parents {
                builder.property(number, "parent", PropertyKind::Code, (*parent).into());
            }
            builder.end();
        }
        builder.finish()
    }

    fn empty() -> Self {
        CodeSystem {
            url: String::new(),
            version: None,
            name: None,
            is_case_sensitive: true,
            content: String::new(),
            language: None,
            supplements: None,
            texts: String::new(),
            concepts: Vec::new(),
            by_code: Vec::new(),
            parents: Links::default(),
            children: Links::default(),
            property_names: Vec::new(),
            properties: Rows::default(),
            designations: Rows::default(),
            words: std::sync::OnceLock::new(),
        }
    }
}

impl<'a> Builder<'a> {
    fn new(system: CodeSystem) -> Self {
        let mut builder = Builder {
            system,
            names: HashMap::new(),
            abstract_names: Vec::new(),
            inactive_names: Vec::new(),
            values: HashMap::new(),
            pairs: Vec::new(),
            said: Vec::new(),
        };
        for (code, direction) in HIERARCHICAL {
            builder.name(code, None, Some(direction));
        }
        builder.abstract_names =
            ["notSelectable", "abstract"].map(|code| builder.name(code, None, None)).to_vec();
        builder.inactive_names = vec![builder.name("inactive", None, None)];
        builder
    }

    /// The number of a property's name.
    fn name(&mut self, code: &str, description: Option<String>, direction: Option<Direction>) -> u16 {
        if let Some(number) = self.names.get(code) {
            let known = &mut self.system.property_names[usize::from(*number)];
            known.description = known.description.take().or(description);
            known.direction = known.direction.or(direction);
            return *number;
        }
        // A code system has a handful of properties; those past what a number can say share the last.
        let number = u16::try_from(self.names.len()).unwrap_or(u16::MAX);
        if usize::from(number) == self.system.property_names.len() {
            self.system.property_names.push(PropertyName { code: code.to_owned(), description, direction });
            self.names.insert(code.to_owned(), number);
        }
        number.min(self.system.property_names.len() as u16 - 1)
    }

    /// Reads a declaration of a property.
    fn declare(&mut self, property: Json<'_>) {
        let Some(code) = string(property, "code") else { return };
        let uri = string(property, "uri").unwrap_or_default();
        let meaning = uri.strip_prefix(PROPERTIES).unwrap_or_default();
        let direction =
            HIERARCHICAL.iter().find(|(name, _)| *name == meaning).map(|(_, direction)| *direction);
        let number = self.name(&code, string(property, "description"), direction);
        match meaning {
            "notSelectable" => self.abstract_names.push(number),
            "inactive" => self.inactive_names.push(number),
            _ => {}
        }
    }

    fn read_concepts(&mut self, concepts: Json<'a>, parent: Option<u32>) {
        for concept in concepts.items() {
            let (mut code, mut display, mut definition) = (None, Cow::default(), Cow::default());
            let (mut inner, mut properties, mut designations) = (None, None, None);
            for (name, value) in concept.members() {
                match &*name.as_str() {
                    "code" => code = value.as_str(),
                    "display" => display = value.as_str().unwrap_or_default(),
                    "definition" => definition = value.as_str().unwrap_or_default(),
                    "property" => properties = Some(value),
                    "designation" => designations = Some(value),
                    "concept" => inner = Some(value),
                    _ => {}
                }
            }
            let Some(code) = code else { continue };
            let number = self.push(&code, &display, &definition);
            self.pairs.extend(parent.map(|parent| (parent, number)));
            for property in properties.into_iter().flat_map(Json::items) {
                self.read_property(number, property);
            }
            for designation in designations.into_iter().flat_map(Json::items) {
                self.read_designation(designation);
            }
            self.end();
            if let Some(inner) = inner {
                self.read_concepts(inner, Some(number));
            }
        }
    }

    fn push(&mut self, code: &str, display: &str, definition: &str) -> u32 {
        let number = self.system.concepts.len() as u32;
        let row = Row {
            code: self.text(code),
            display: self.text(display),
            definition: self.text(definition),
            is_abstract: false,
            is_inactive: false,
        };
        self.system.concepts.push(row);
        number
    }

    /// Ends what belongs to the concept pushed last.
    fn end(&mut self) {
        self.system.properties.end();
        self.system.designations.end();
    }

    fn read_property(&mut self, number: u32, property: Json<'a>) {
        let (mut code, mut found) = (None, None);
        for (name, value) in property.members() {
            let name = name.as_str();
            if name == "code" {
                code = value.as_str();
            } else if let Some(kind) = PropertyKind::ALL.into_iter().find(|kind| kind.member() == name) {
                found = Some((kind, value));
            }
        }
        let (Some(code), Some((kind, value))) = (code, found) else { return };
        let text = match (kind, value.as_str(), value.as_bool(), value.as_number()) {
            (PropertyKind::Coding, ..) => {
                let code = string(value, "code").unwrap_or_default();
                Cow::Owned(format!("{code}\n{}", String::from_utf8_lossy(value.raw())))
            }
            (_, Some(text), ..) => text,
            (_, _, Some(is_true), _) => Cow::Borrowed(if is_true { "true" } else { "false" }),
            (_, _, _, Some(digits)) => Cow::Borrowed(digits),
            _ => return,
        };
        self.property(number, &code, kind, text);
    }

    fn property(&mut self, number: u32, code: &str, kind: PropertyKind, text: Cow<'a, str>) {
        let name = self.name(code, None, None);
        let row = &mut self.system.concepts[number as usize];
        let is_true = kind == PropertyKind::Boolean && text == "true";
        row.is_abstract |= is_true && self.abstract_names.contains(&name);
        row.is_inactive |= is_true && self.inactive_names.contains(&name);
        row.is_inactive |= code == "status" && matches!(&*text, "retired" | "inactive");
        if self.system.property_names[usize::from(name)].direction.is_some() {
            self.said.push((number, name, text));
        } else {
            let value = self.shared(text);
            self.system.properties.rows.push(PropertyRow { name, kind, value });
        }
    }

    fn read_designation(&mut self, designation: Json<'a>) {
        let (mut language, mut usage, mut value) = (Cow::default(), Cow::default(), None);
        for (name, member) in designation.members() {
            match &*name.as_str() {
                "language" => language = member.as_str().unwrap_or_default(),
                "use" => usage = String::from_utf8_lossy(member.raw()),
                "value" => value = member.as_str(),
                _ => {}
            }
        }
        let Some(value) = value else { return };
        let (language, usage) = (self.shared(language), self.shared(usage));
        let value = self.text(&value);
        self.system.designations.rows.push(DesignationRow { language, usage, value });
    }

    fn text(&mut self, text: &str) -> Text {
        let start = self.system.texts.len() as u32;
        self.system.texts.push_str(text);
        Text { start, len: text.len() as u32 }
    }

    /// A text that many concepts may have, kept once.
    fn shared(&mut self, text: Cow<'a, str>) -> Text {
        if let Some(known) = self.values.get(&text) {
            return *known;
        }
        let new = self.text(&text);
        if self.values.len() < VALUES_SHARED_MAX {
            self.values.insert(text, new);
        }
        new
    }

    fn finish(mut self) -> CodeSystem {
        let len = self.system.len();
        let mut by_code: Vec<u32> = (0..len as u32).collect();
        let code_of = |number: &u32| self.system.text(self.system.concepts[*number as usize].code);
        by_code.sort_by(|a, b| code_of(a).cmp(code_of(b)).then(a.cmp(b)));
        self.system.by_code = by_code;
        for (number, name, code) in &self.said {
            let Some(other) = self.system.number(code) else { continue };
            match self.system.property_names[usize::from(*name)].direction {
                Some(Direction::Above) => self.pairs.push((other, *number)),
                _ => self.pairs.push((*number, other)),
            }
        }
        let turned = self.pairs.iter().map(|(parent, child)| (*child, *parent)).collect();
        self.system.parents = Links::of_pairs(len, turned);
        self.system.children = Links::of_pairs(len, self.pairs);
        let system = &mut self.system;
        system.texts.shrink_to_fit();
        system.concepts.shrink_to_fit();
        system.properties.rows.shrink_to_fit();
        system.designations.rows.shrink_to_fit();
        self.system
    }
}
