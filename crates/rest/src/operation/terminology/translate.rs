//! `$translate` (R4 ConceptMap operations): what concept maps make of a code.

use fhir::{Json, ResourceType};
use search::{
    Dependency, Filter, Mapping, Search, Sort, SortKey, SystemTest, Test, TranslationAsked, UriTest,
    Vocabulary, VocabularyNeed,
};

use super::writer::{Writer, coding};
use super::{Aim, Asked, CodeParameters};
use crate::Context;
use crate::limits::CONCEPT_MAPS_MAX;
use crate::operation::OperationCall;
use crate::operation::input::Input;
use crate::outcome::Refusal;
use crate::reply::Reply;
use crate::vocabulary::source;

const PARAMETERS: [&str; 13] = [
    "url",
    "conceptMap",
    "conceptMapVersion",
    "code",
    "system",
    "version",
    "source",
    "coding",
    "codeableConcept",
    "target",
    "targetsystem",
    "dependency",
    "reverse",
];

/// The translations of a code.
pub(crate) async fn translate(context: &Context<'_>, call: OperationCall) -> Result<Reply, Refusal> {
    let input = Input::of(&call)?;
    input.check(&PARAMETERS, true)?;
    let codes = CodeParameters {
        code: "code",
        system: Some("system"),
        version: "version",
        coding: "coding",
        concept: Some("codeableConcept"),
    };
    let asked = codes.read(&input)?;
    if asked.iter().all(|asked| asked.system.is_none()) {
        return Err(Refusal::invalid("The system of the code must be given, by system or in the coding."));
    }
    let (source, target) = (input.text("source")?, input.text("target")?);
    let target_system = input.text("targetsystem")?;
    let is_reverse = input.boolean("reverse")? == Some(true);
    let dependencies: Vec<Dependency> = input.compound("dependency").filter_map(dependency).collect();
    let mut vocabulary = Vocabulary::new();
    let maps = maps(context, &call, &input, &asked, is_reverse, &mut vocabulary).await?;
    let mut found = Vec::new();
    for asked in &asked {
        let Some(system) = asked.system.as_deref() else { continue };
        let asked = TranslationAsked {
            system,
            version: asked.version.as_deref(),
            code: &asked.code,
            source: source.as_deref(),
            target: target.as_deref(),
            target_system: target_system.as_deref(),
            is_reverse,
            dependencies: &dependencies,
        };
        for map in &maps {
            found.extend(vocabulary.translate(map, &asked).map_err(|error| Refusal::vocabulary(&error))?);
        }
    }
    Ok(answer(&found))
}

/// The names of the concept maps to look into: the one named, or the newest that lead from the codes' systems.
async fn maps(
    context: &Context<'_>,
    call: &OperationCall,
    input: &Input,
    asked: &[Asked],
    is_reverse: bool,
    vocabulary: &mut Vocabulary,
) -> Result<Vec<String>, Refusal> {
    let aim = Aim {
        of: "ConceptMap",
        url: "url",
        version: "conceptMapVersion",
        resource: "conceptMap",
        need: VocabularyNeed::ConceptMap,
    };
    if let Some(aimed) = aim.take(context, call, input, vocabulary).await? {
        return Ok(vec![aimed.name]);
    }
    if !["source", "target", "targetsystem"].into_iter().any(|name| input.has(name)) {
        let sentence = "One of url, conceptMap, source, target and targetsystem must be given.";
        return Err(Refusal::invalid(sentence));
    }
    let of = ResourceType::parse("ConceptMap").expect("the standard has ConceptMap");
    let parameter = |code: &str| {
        let found = context.parameters.named(of, code);
        found
            .map(|(param, _)| param)
            .ok_or_else(|| Refusal::not_supported("ConceptMap is not searched here."))
    };
    let system = parameter(if is_reverse { "target-system" } else { "source-system" })?;
    let systems = asked.iter().filter_map(|asked| asked.system.as_deref());
    let leads_from = |url: &str| Filter::Has(system, Test::Uri(UriTest::Is(url.into())));
    let retired = Test::Token { system: SystemTest::Any, code: Some("retired".into()) };
    let is_retired = Filter::Has(parameter("status")?, retired);
    let filter = Filter::Or(systems.map(leads_from).collect()).and(Filter::Not(Box::new(is_retired)));
    let mut search = Search::new(&context.visible, of, filter);
    search.sort = vec![Sort { by: SortKey::Param(parameter("date")?), descending: true }];
    search.count = CONCEPT_MAPS_MAX;
    let mut names = Vec::new();
    for stored in context.store.search(&search).await?.matches {
        let name = stored.key.to_string();
        let need = VocabularyNeed::ConceptMap(name.clone());
        let body = stored.body.unwrap_or_default();
        let resource =
            fhir::Resource::parse_slice(&body).map_err(|_| Refusal::unreadable_stored(&stored.key))?;
        let more = vocabulary.add(need, Some(&resource));
        source(context).complete(vocabulary, more).await?;
        names.push(name);
    }
    if names.is_empty() {
        let sentence = "No ConceptMap that is stored here leads from the system of the code.";
        return Err(Refusal::no_such_address(sentence));
    }
    Ok(names)
}

fn dependency(json: Json<'_>) -> Option<Dependency> {
    let part = |wanted: &str| {
        let mut parts = json.get("part").into_iter().flat_map(Json::items);
        parts.find(|part| part.get("name").and_then(Json::as_str).as_deref() == Some(wanted))
    };
    let element = part("element")?.get("valueUri")?.as_str()?.into_owned();
    let concept = part("concept")?.get("valueCodeableConcept")?;
    let codings = concept.get("coding").into_iter().flat_map(Json::items);
    let codes = codings.filter_map(|coding| Some(coding.get("code")?.as_str()?.into_owned()));
    Some(Dependency { element, codes: codes.collect() })
}

fn answer(found: &[Mapping<'_>]) -> Reply {
    let is_translated = found.iter().any(Mapping::is_translation);
    let mut writer = Writer::new();
    writer.json("result", "valueBoolean", if is_translated { "true" } else { "false" });
    if !is_translated {
        writer.text("message", "valueString", "No translation was found.");
    }
    for mapping in found {
        writer.parts("match", |part| write(mapping, part));
    }
    writer.reply()
}

fn write(mapping: &Mapping<'_>, part: &mut Writer) {
    if !mapping.equivalence.is_empty() {
        part.text("equivalence", "valueCode", mapping.equivalence);
    }
    if let Some(code) = &mapping.code {
        let concept = coding(mapping.system, mapping.version, Some(code), mapping.display);
        part.json("concept", "valueCoding", &concept);
    }
    for product in mapping.products {
        part.parts("product", |part| {
            part.text("element", "valueUri", &product.property);
            let concept =
                coding(product.system.as_deref(), None, Some(&product.value), product.display.as_deref());
            part.json("concept", "valueCoding", &concept);
        });
    }
    if let Some(source) = &mapping.map.canonical {
        part.text("source", "valueUri", source);
    }
}
