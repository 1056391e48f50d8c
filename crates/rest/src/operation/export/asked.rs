//! The parameters of `$export` (HealthLake's guide; FHIR Bulk Data Access, "Query Parameters").

use fhir::{Id, Reference, ResourceKey, ResourceType, Time};
use jobs::{Terms, criteria, is_exported, searched, split_filter};
use store::{ExportAsked, ExportLevel};

use super::super::OperationCall;
use super::super::input::Input;
use crate::Context;
use crate::interaction::Handling;
use crate::outcome::Refusal;
use crate::vocabulary;

const KNOWN: [&str; 10] = [
    "_elements",
    "_outputFormat",
    "_security",
    "_since",
    "_tag",
    "_type",
    "_typeFilter",
    "_until",
    "patient",
    "_format",
];

/// The names of NDJSON.
const FORMATS: [&str; 3] = ["application/fhir+ndjson", "application/ndjson", "ndjson"];

/// Searches that one export may ask for.
const TYPE_FILTERS_MAX: usize = 100;

/// What is asked of an export.
pub(crate) struct Asked {
    asked: ExportAsked,
    is_lenient: bool,
}

impl Asked {
    /// What a call asks. The body of HealthLake's form holds no parameters.
    pub(crate) fn of(call: &OperationCall, is_order: bool, context: &Context<'_>) -> Result<Asked, Refusal> {
        let body = if is_order { bytes::Bytes::new() } else { call.body.clone() };
        let input = Input::of(&OperationCall { body, ..call.clone() })?;
        let is_lenient = context.preferences.handling == Handling::Lenient;
        if !is_lenient {
            input.check(&KNOWN, false)?;
        }
        check_format(&input)?;
        let time =
            |name: &str| -> Result<Option<Time>, Refusal> { Ok(input.moment(name)?.map(|span| span.from)) };
        let mut elements = listed(input.texts("_elements"));
        // The query's are taken for the answer's representation, so that the reader of operations leaves them out.
        let of_query = call.parameters.iter().filter(|(name, _)| name == "_elements");
        elements.extend(listed(of_query.map(|(_, value)| value.clone()).collect()));
        elements.dedup();
        let asked = ExportAsked {
            types: listed(input.texts("_type")),
            since: time("_since")?,
            until: time("_until")?,
            type_filters: input.texts("_typeFilter").iter().flat_map(|text| split(text)).collect(),
            tags: input.texts("_tag"),
            security: input.texts("_security"),
            elements,
            patients: input
                .texts("patient")
                .iter()
                .map(|text| patient(text, context))
                .collect::<Result<_, _>>()?,
        };
        if asked.type_filters.len() > TYPE_FILTERS_MAX {
            return Err(Refusal::too_costly("TYPE_FILTERS_MAX"));
        }
        let list = asked.elements.join(",");
        if !list.is_empty() && fhir::Elements::parse(&list).is_none() {
            return Err(Refusal::value("_elements must be names of elements, separated by commas."));
        }
        Ok(Asked { asked, is_lenient })
    }

    /// The patients named.
    pub(crate) fn patients(&self) -> Vec<ResourceKey> {
        let of = ResourceType::parse("Patient").expect("R4 has patients");
        self.asked.patient_ids().into_iter().map(|id| ResourceKey { of, id }).collect()
    }

    /// As the job keeps it.
    pub(crate) fn into_store(self) -> ExportAsked {
        self.asked
    }

    /// Checks that an export of this level can hold the types asked for.
    pub(crate) fn check_types(&self, level: &ExportLevel) -> Result<(), Refusal> {
        let is_held = |name: &&String| ResourceType::parse(name).is_some_and(|of| is_exported(level, of));
        match self.asked.types.iter().find(|name| !is_held(name)) {
            Some(_) if self.is_lenient && self.asked.types.iter().any(|name| is_held(&name)) => Ok(()),
            Some(_) => Err(Refusal::value("A value of _type is no resource type that this export holds.")),
            None => Ok(()),
        }
    }

    /// Checks that the searches asked for are understood, and are of types that the export holds.
    pub(crate) async fn check_searches(
        &self,
        level: &ExportLevel,
        context: &Context<'_>,
    ) -> Result<(), Refusal> {
        let terms = Terms {
            parameters: context.parameters.clone(),
            base: context.base.as_str().to_owned(),
            now: context.now,
            vocabulary: vocabulary::fetch(context, &searched(&self.asked)).await?,
        };
        let any = ResourceType::parse("Patient").expect("R4 has patients");
        let mut types = vec![any];
        for text in &self.asked.type_filters {
            let (of, _) = split_filter(text).ok_or_else(|| {
                Refusal::value("_typeFilter must be searches of a type: Type?parameter=value.")
            })?;
            let is_wanted =
                self.asked.types.is_empty() || self.asked.types.iter().any(|name| name == of.name());
            if !is_exported(level, of) || !is_wanted {
                return Err(Refusal::value(format!(
                    "_typeFilter searches {of}, which this export does not hold."
                )));
            }
            types.push(of);
        }
        for of in types {
            criteria(of, &self.asked, &terms).map_err(|errors| Refusal::search(&errors))?;
        }
        Ok(())
    }
}

fn check_format(input: &Input) -> Result<(), Refusal> {
    match input.text("_outputFormat")?.as_deref() {
        None => Ok(()),
        // A plus sign that was not percent-encoded reads as a space.
        Some(format) if FORMATS.contains(&&*format.replace(' ', "+")) => Ok(()),
        Some(_) => Err(Refusal::value(format!("_outputFormat must be one of {}.", FORMATS.join(", ")))),
    }
}

/// The items of comma-separated lists.
fn listed(texts: Vec<String>) -> Vec<String> {
    let items = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
    items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// The searches in one value: a comma begins the next where a type and a question mark follow it.
fn split(text: &str) -> Vec<String> {
    let mut searches: Vec<String> = Vec::new();
    for piece in text.split(',') {
        match searches.last_mut() {
            Some(last) if split_filter(piece).is_none() => {
                last.push(',');
                last.push_str(piece);
            }
            _ => searches.push(piece.to_owned()),
        }
    }
    searches
}

/// The id of a patient named by a reference or by its id.
fn patient(text: &str, context: &Context<'_>) -> Result<String, Refusal> {
    let base = context.base.as_str().trim_end_matches('/');
    let id = match Reference::parse(text) {
        Reference::Absolute { base: found, .. } if found != base => None,
        found => found.key().filter(|key| key.of.name() == "Patient").map(|key| key.id),
    };
    let id = id.or_else(|| Id::parse(text));
    let wrong = || Refusal::value("The parameter patient must be references to patients of this data store.");
    id.map(|id| id.as_str().to_owned()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_are_cut_where_a_type_begins() {
        let text = "Observation?code=a,b&status=final,Patient?gender=male,Observation?code=c";
        assert_eq!(
            split(text),
            ["Observation?code=a,b&status=final", "Patient?gender=male", "Observation?code=c"]
        );
        assert_eq!(split("Nothing?a=b"), ["Nothing?a=b"]);
    }
}
