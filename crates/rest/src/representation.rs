//! How an answer is shown: its format, its layout, and which part of its resources (R4 http, section 3.1.0.1.8).

use bytes::Bytes;
use fhir::xml::Layout;
use fhir::{Document, Elements, Json, Subset};

use crate::interaction::Parameters;
use crate::negotiate::Format;
use crate::outcome::Refusal;
use crate::route::value;

/// Parameters that say how an answer is shown, not what it is.
const PARAMETERS: [&str; 4] = ["_format", "_pretty", "_summary", "_elements"];

/// How an answer is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Representation {
    /// The format.
    pub(crate) format: Format,
    /// Whether it is laid out for people.
    pub(crate) is_pretty: bool,
    /// The part of each resource that is asked for; `None` for all of it.
    pub(crate) subset: Option<Subset>,
}

impl Representation {
    /// What the parameters ask for, in this format.
    pub(crate) fn asked(parameters: &Parameters, format: Format) -> Result<Representation, Refusal> {
        let is_pretty = match value(parameters, "_pretty") {
            None | Some("false") => false,
            Some("true" | "") => true,
            Some(_) => return Err(Refusal::value("_pretty must be true or false.")),
        };
        Ok(Representation { format, is_pretty, subset: subset(parameters)? })
    }

    /// The same for a refusal, of which nothing is left out.
    pub(crate) fn of_refusal(&self) -> Representation {
        Representation { subset: None, ..self.clone() }
    }

    /// The body of an answer as it is sent, and its format. `is_result` says of a Bundle that it is made of
    /// other resources, which are shown in part, and not a resource itself.
    pub(crate) fn write(&self, json: Bytes, is_result: bool) -> (Format, Bytes) {
        if *self == Representation::default() {
            return (Format::Json, json);
        }
        let Ok(document) = Document::parse_slice(&json) else {
            tracing::error!("an answer is not a document");
            return (Format::Json, json);
        };
        let shown = match &self.subset {
            None => document,
            Some(subset) => match Document::parse(part(&document, subset, is_result)) {
                Ok(part) => part,
                Err(_) => document,
            },
        };
        if self.format == Format::Xml {
            let layout = if self.is_pretty { Layout::Pretty } else { Layout::Compact };
            if let Some(xml) = fhir::xml::write(&shown, layout) {
                return (Format::Xml, xml.into());
            }
        }
        let json = if self.is_pretty { fhir::pretty(&shown) } else { shown.into_bytes() };
        (Format::Json, json.into())
    }
}

fn part(document: &Document, subset: &Subset, is_result: bool) -> Vec<u8> {
    let root = document.root();
    let mut out = Vec::with_capacity(document.bytes().len());
    let is_bundle = root.get("resourceType").and_then(Json::as_str).is_some_and(|name| name == "Bundle");
    if is_result && is_bundle {
        subset.push_result(root, &mut out)
    } else {
        subset.push(root, &mut out)
    }
    out
}

/// The part of resources that `_summary` or `_elements` asks for. `_summary=count` is not one of them: it asks
/// for no resources, and is the search's own.
fn subset(parameters: &Parameters) -> Result<Option<Subset>, Refusal> {
    let of = |name: &str| {
        parameters.iter().filter(|(found, _)| found == name).map(|(_, value)| &**value).collect()
    };
    let (summaries, elements): (Vec<&str>, Vec<&str>) = (of("_summary"), of("_elements"));
    let summary = match summaries.as_slice() {
        [] | ["false"] => None,
        ["true"] => Some(Subset::Summary),
        ["data"] => Some(Subset::Data),
        ["text"] if parameters.iter().any(|(name, _)| is_include(name)) => {
            return Err(Refusal::invalid("_summary=text excludes _include and _revinclude."));
        }
        ["text"] => Some(Subset::Text),
        ["count"] if elements.is_empty() => None,
        ["count"] => return Err(Refusal::invalid("_summary=count excludes _elements.")),
        [_] => return Err(Refusal::value("_summary must be true, false, text, data or count.")),
        _ => return Err(Refusal::invalid("_summary stands at most once.")),
    };
    if elements.is_empty() {
        return Ok(summary);
    }
    if summary.is_some() {
        return Err(Refusal::invalid("_summary and _elements exclude each other."));
    }
    let list = Elements::parse(&elements.join(","));
    let sentence = || {
        let most = fhir::ELEMENTS_MAX;
        Refusal::value(format!("_elements must be 1 to {most} names of elements, separated by commas."))
    };
    list.map(|list| Some(Subset::Elements(list))).ok_or_else(sentence)
}

fn is_include(name: &str) -> bool {
    matches!(name.split(':').next(), Some("_include" | "_revinclude"))
}

/// Whether a parameter says only how the answer is shown.
pub(crate) fn is_of_representation(name: &str, value: &str) -> bool {
    PARAMETERS.contains(&name) && (name, value) != ("_summary", "count")
}

/// Those of the parameters that say how the answer is shown, as typed: links carry them on.
pub(crate) fn carried(parameters: &Parameters) -> Parameters {
    parameters.iter().filter(|(name, value)| is_of_representation(name, value)).cloned().collect()
}
