//! `$expand` (R4 ValueSet operations): the codes of a value set.

use search::{ExpansionAsked, Vocabulary};
use store::uuid;

use super::value_set::{Definition, Shown, write};
use super::{USE_SUPPLEMENT, VALUE_SET, number, take_supplements};
use crate::Context;
use crate::operation::OperationCall;
use crate::operation::input::Input;
use crate::outcome::Refusal;
use crate::reply::Reply;

const PARAMETERS: [&str; 16] = [
    "url",
    "valueSet",
    "valueSetVersion",
    "filter",
    "offset",
    "count",
    "includeDesignations",
    "designation",
    "includeDefinition",
    "activeOnly",
    "excludeNested",
    "excludeNotForUI",
    "excludePostCoordinated",
    "displayLanguage",
    "exclude-system",
    USE_SUPPLEMENT,
];

/// The parameters that an expansion repeats, with the members that hold them.
const REPEATED: [(&str, &str); 12] = [
    ("filter", "valueString"),
    ("offset", "valueInteger"),
    ("count", "valueInteger"),
    ("includeDesignations", "valueBoolean"),
    ("designation", "valueString"),
    ("includeDefinition", "valueBoolean"),
    ("activeOnly", "valueBoolean"),
    ("excludeNested", "valueBoolean"),
    ("excludeNotForUI", "valueBoolean"),
    ("displayLanguage", "valueCode"),
    ("exclude-system", "valueUri"),
    (USE_SUPPLEMENT, "valueUri"),
];

/// The codes of a value set.
pub(crate) async fn expand(context: &Context<'_>, call: OperationCall) -> Result<Reply, Refusal> {
    let input = Input::of(&call)?;
    input.check(&PARAMETERS, true)?;
    let is = |name: &str| Ok::<bool, Refusal>(input.boolean(name)? == Some(true));
    let (is_selectable_only, is_active_only) = (is("excludeNotForUI")?, is("activeOnly")?);
    let without_systems = input.texts("exclude-system");
    let designations = input.texts("designation");
    let (filter, language) = (input.text("filter")?.unwrap_or_default(), input.text("displayLanguage")?);
    let asked = ExpansionAsked {
        filter: &filter,
        count: number(&input, "count")?,
        offset: number(&input, "offset")?.unwrap_or_default(),
        is_active_only,
        is_selectable_only,
        is_nested: !is("excludeNested")? && !is_selectable_only,
        without_systems: &without_systems,
        language: language.as_deref(),
    };
    let (has_definition, _) = (is("includeDefinition")?, is("excludePostCoordinated")?);
    let has_designations = is("includeDesignations")? || !designations.is_empty();
    let mut vocabulary = Vocabulary::shown();
    let aimed = VALUE_SET.take(context, &call, &input, &mut vocabulary).await?;
    let aimed = aimed.ok_or_else(|| Refusal::invalid("One of url and valueSet must be given."))?;
    take_supplements(context, &input, &mut vocabulary).await?;
    let expansion = vocabulary.expand(&aimed.name, &asked).map_err(|error| Refusal::vocabulary(&error))?;
    let definition = match &aimed.resource {
        Some(resource) => Definition::Resource(resource.root()),
        None => {
            Definition::of_standard(&aimed.name).ok_or_else(|| Refusal::invalid("No value set is named."))?
        }
    };
    let parameters = REPEATED
        .iter()
        .flat_map(|(name, member)| input.texts(name).into_iter().map(|value| (*name, *member, value)));
    let shown = Shown {
        identifier: format!("urn:uuid:{}", uuid(context.random)),
        timestamp: context.now.to_instant(),
        offset: (asked.count.is_some() || asked.offset > 0).then_some(asked.offset),
        parameters: parameters.collect(),
        has_definition,
        designations: has_designations.then_some(designations),
    };
    Ok(Reply::resource(write(&definition, &expansion, &shown)))
}
