//! Search parameters as the standard defines them.

use std::borrow::Cow;

use super::table::{SEARCH_PARAMETERS, TableError, lines, resource_types, whole_url};
use crate::ResourceType;

/// What kind of values a search parameter compares (`SearchParameter.type`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ParameterKind {
    /// A number.
    Number,
    /// A date or a span of time.
    Date,
    /// Text, compared without case and accents.
    String,
    /// A code with its system, an identifier, a flag.
    Token,
    /// A reference to another resource.
    Reference,
    /// Several values of one element together.
    Composite,
    /// A number with a unit.
    Quantity,
    /// A URI, compared whole.
    Uri,
    /// With rules of its own.
    Special,
}

impl ParameterKind {
    /// The kind's code in `SearchParameter.type`.
    pub fn code(self) -> &'static str {
        match self {
            ParameterKind::Number => "number",
            ParameterKind::Date => "date",
            ParameterKind::String => "string",
            ParameterKind::Token => "token",
            ParameterKind::Reference => "reference",
            ParameterKind::Composite => "composite",
            ParameterKind::Quantity => "quantity",
            ParameterKind::Uri => "uri",
            ParameterKind::Special => "special",
        }
    }

    /// The kind with this code, if there is one.
    pub fn parse(code: &str) -> Option<Self> {
        Some(match code {
            "number" => ParameterKind::Number,
            "date" => ParameterKind::Date,
            "string" => ParameterKind::String,
            "token" => ParameterKind::Token,
            "reference" => ParameterKind::Reference,
            "composite" => ParameterKind::Composite,
            "quantity" => ParameterKind::Quantity,
            "uri" => ParameterKind::Uri,
            "special" => ParameterKind::Special,
            _ => return None,
        })
    }
}

/// A search parameter, of the standard or of a data store's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SearchParameterDefinition {
    /// Its canonical URL.
    pub url: String,
    /// What a client writes in a URL.
    pub code: Cow<'static, str>,
    /// What its values are.
    pub kind: ParameterKind,
    /// The resource types it applies to; all of them for a parameter of `Resource`. A few definitions of the
    /// standard name none, so they apply nowhere.
    pub bases: Vec<ResourceType>,
    /// The FHIRPath expression, the bases' alternatives joined by `|`; empty where the standard gives none.
    pub expression: Cow<'static, str>,
    /// The resource types that a reference may be to; empty means that the definition does not say.
    pub targets: Vec<ResourceType>,
    /// The parts of a composite, in order.
    pub components: Vec<ComponentDefinition>,
}

/// A part of a composite parameter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ComponentDefinition {
    /// The canonical URL of the parameter that says how this part is compared.
    pub definition: String,
    /// The FHIRPath expression, from each element that the composite's own expression finds.
    pub expression: Cow<'static, str>,
}

pub(super) fn read(table: &'static str) -> Result<Vec<SearchParameterDefinition>, TableError> {
    let mut parameters: Vec<SearchParameterDefinition> = Vec::new();
    for line in lines(table) {
        let (word, rest) = line.trim_start().split_once(' ').ok_or(TableError::Line(line))?;
        if word == "parameter" {
            parameters.push(empty(whole_url(SEARCH_PARAMETERS, rest)));
            continue;
        }
        let this = parameters.last_mut().ok_or(TableError::Line(line))?;
        match word {
            "code" => this.code = Cow::Borrowed(rest),
            "kind" => this.kind = ParameterKind::parse(rest).ok_or(TableError::Line(line))?,
            "base" => this.bases = resource_types(rest.split(' '))?,
            "target" => this.targets = resource_types(rest.split(' '))?,
            "expression" => this.expression = Cow::Borrowed(rest),
            "component" => {
                let (url, expression) = rest.split_once(' ').ok_or(TableError::Line(line))?;
                let definition = whole_url(SEARCH_PARAMETERS, url);
                let expression = Cow::Borrowed(expression);
                this.components.push(ComponentDefinition { definition, expression });
            }
            _ => return Err(TableError::Line(line)),
        }
    }
    Ok(parameters)
}

fn empty(url: String) -> SearchParameterDefinition {
    SearchParameterDefinition {
        url,
        code: Cow::Borrowed(""),
        kind: ParameterKind::Special,
        bases: Vec::new(),
        expression: Cow::Borrowed(""),
        targets: Vec::new(),
        components: Vec::new(),
    }
}
