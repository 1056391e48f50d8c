//! `$lookup` (R4 CodeSystem operations): what a code system knows of a code.

use search::{Concept, ConceptProperty, PropertyKind, Vocabulary, VocabularyNeed};

use super::writer::Writer;
use super::{CodeParameters, USE_SUPPLEMENT, take_supplements};
use crate::Context;
use crate::operation::OperationCall;
use crate::operation::input::Input;
use crate::outcome::Refusal;
use crate::reply::Reply;
use crate::vocabulary::source;

const PARAMETERS: [&str; 7] =
    ["code", "system", "version", "coding", "displayLanguage", "property", USE_SUPPLEMENT];

/// What is known of a code.
pub(crate) async fn lookup(context: &Context<'_>, call: OperationCall) -> Result<Reply, Refusal> {
    let input = Input::of(&call)?;
    input.check(&PARAMETERS, false)?;
    let codes = CodeParameters {
        code: "code",
        system: Some("system"),
        version: "version",
        coding: "coding",
        concept: None,
    };
    let asked = codes.read(&input)?.pop().ok_or_else(|| Refusal::invalid("A code must be given."))?;
    if asked.system.is_none() {
        return Err(Refusal::invalid("The system of the code must be given, by system or in coding."));
    }
    let mut vocabulary = Vocabulary::new();
    let name = asked.canonical();
    source(context).complete(&mut vocabulary, vec![VocabularyNeed::CodeSystem(name.clone())]).await?;
    take_supplements(context, &input, &mut vocabulary).await?;
    let system = vocabulary.code_system(&name).map_err(|error| Refusal::vocabulary(&error))?;
    let concept = system.find(&asked.code).ok_or_else(|| Refusal::no_such_code(&name))?;
    let language = input.text("displayLanguage")?;
    let wanted = Wanted(input.texts("property"));
    Ok(write(vocabulary.supplemented(concept), language.as_deref(), &wanted))
}

/// The properties that are asked for; all if none is.
struct Wanted(Vec<String>);

impl Wanted {
    fn has(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|wanted| wanted == name)
    }

    fn language(&self, language: Option<&str>) -> bool {
        let is_it =
            |wanted: &String| wanted.strip_prefix("lang.").is_some_and(|wanted| Some(wanted) == language);
        self.has("designation") || self.0.iter().any(is_it)
    }
}

fn write(concept: Concept<'_>, language: Option<&str>, wanted: &Wanted) -> Reply {
    let system = concept.system();
    let mut writer = Writer::new();
    writer.text("name", "valueString", system.name.as_deref().unwrap_or(&system.url));
    if let Some(version) = &system.version {
        writer.text("version", "valueString", version);
    }
    let said = language.and_then(|language| concept.said_in(language));
    let display = said.or(concept.display()).unwrap_or(concept.code());
    writer.text("display", "valueString", display);
    for designation in concept.designations().filter(|found| wanted.language(found.language)) {
        writer.parts("designation", |part| {
            if let Some(language) = designation.language {
                part.text("language", "valueCode", language);
            }
            if let Some(usage) = designation.usage {
                part.json("use", "valueCoding", usage);
            }
            part.text("value", "valueString", designation.value);
        });
    }
    if let Some(definition) = concept.definition().filter(|_| wanted.has("definition")) {
        writer.parts("property", |part| {
            part.text("code", "valueCode", "definition");
            part.text("value", "valueString", definition);
        });
    }
    for property in concept.properties().filter(|property| wanted.has(property.code)) {
        write_property(&mut writer, &property);
    }
    let neighbours = concept.parents().map(|found| ("parent", found));
    let neighbours = neighbours.chain(concept.children().map(|found| ("child", found)));
    for (name, found) in neighbours.filter(|(name, _)| wanted.has(name)) {
        writer.parts("property", |part| {
            part.text("code", "valueCode", name);
            part.text("value", "valueCode", found.code());
            if let Some(display) = found.display() {
                part.text("description", "valueString", display);
            }
        });
    }
    writer.reply()
}

fn write_property(writer: &mut Writer, property: &ConceptProperty<'_>) {
    writer.parts("property", |part| {
        part.text("code", "valueCode", property.code);
        let member = property.kind.member();
        match property.kind {
            PropertyKind::Coding => part.json("value", member, property.coding),
            PropertyKind::Integer | PropertyKind::Boolean | PropertyKind::Decimal => {
                part.json("value", member, property.text);
            }
            PropertyKind::Code | PropertyKind::String | PropertyKind::DateTime => {
                part.text("value", member, property.text);
            }
        }
        if let Some(description) = property.description {
            part.text("description", "valueString", description);
        }
    });
}
