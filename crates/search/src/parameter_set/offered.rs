//! What a SearchParameter resource says: the definition of a search parameter, and what may be asked of it.

use std::borrow::Cow;

use fhir::{ComponentDefinition, Json, ParameterKind, Resource, ResourceType, SearchParameterDefinition};

use super::ParameterError;
use crate::limits::EXPRESSION_BYTES_MAX;

/// What may be asked of a parameter, where its definition says less than its kind allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restrictions {
    /// Whether values may be alternatives, separated by commas.
    pub multiple_or: bool,
    /// Whether it may stand more than once.
    pub multiple_and: bool,
    /// The only modifiers, if any are named (`missing`; `type` stands for every resource type).
    pub modifiers: Vec<String>,
    /// The only prefixes, if any are named; `eq` may always be left out.
    pub comparators: Vec<String>,
    /// The only parameters that may follow in a chain, if any are named.
    pub chains: Vec<String>,
}

impl Default for Restrictions {
    fn default() -> Self {
        let (modifiers, comparators, chains) = Default::default();
        Restrictions { multiple_or: true, multiple_and: true, modifiers, comparators, chains }
    }
}

/// What a SearchParameter asks for.
pub(super) struct Offered {
    pub(super) definition: SearchParameterDefinition,
    pub(super) restrictions: Restrictions,
}

/// Types that no resource is of, but whose parameters all or most resources have.
const ABSTRACT: [&str; 2] = ["Resource", "DomainResource"];
/// The types that are a Resource and no DomainResource.
const NO_DOMAIN: [&str; 3] = ["Binary", "Bundle", "Parameters"];

/// Reads a SearchParameter; `None` if its status says that it is not in use.
pub(super) fn read(resource: &Resource) -> Result<Option<Offered>, ParameterError> {
    let root = resource.root();
    if !matches!(text(root, "status").as_deref(), Some("active" | "draft")) {
        return Ok(None);
    }
    let required = |name: &'static str| text(root, name).ok_or_else(|| fail(name, "it is missing"));
    let code = required("code")?;
    if code.is_empty() || code.contains([':', '.', ',', '$', '|', '&', '=', '?', ' ']) {
        return Err(fail("code", "no search could name it"));
    }
    let kind =
        ParameterKind::parse(&required("type")?).ok_or_else(|| fail("type", "it is not a known one"))?;
    if kind == ParameterKind::Special {
        return Err(fail("type", "a special parameter has rules that only its own text tells"));
    }
    if let Some(usage) = text(root, "xpathUsage").filter(|usage| usage != "normal") {
        return Err(fail("xpathUsage", format!("values of the usage '{usage}' are not indexed here")));
    }
    let expression = required("expression")?;
    if expression.len() > EXPRESSION_BYTES_MAX {
        return Err(fail(
            "expression",
            format!("it exceeds the limit EXPRESSION_BYTES_MAX of {EXPRESSION_BYTES_MAX}"),
        ));
    }
    let definition = SearchParameterDefinition {
        url: required("url")?,
        code: Cow::Owned(code),
        kind,
        bases: bases(root)?,
        expression: Cow::Owned(expression),
        targets: types(root, "target", &[])?,
        components: components(root, kind)?,
    };
    Ok(Some(Offered { definition, restrictions: restrictions(root) }))
}

fn fail(element: &str, reason: impl Into<Cow<'static, str>>) -> ParameterError {
    ParameterError::new(format!("SearchParameter.{element}"), reason)
}

fn text(json: Json<'_>, name: &str) -> Option<String> {
    json.get(name)?.as_str().map(Cow::into_owned)
}

fn texts(json: Json<'_>, name: &str) -> Vec<String> {
    let items = json.get(name).into_iter().flat_map(Json::items);
    items.filter_map(|item| item.as_str().map(Cow::into_owned)).collect()
}

fn bases(root: Json<'_>) -> Result<Vec<ResourceType>, ParameterError> {
    let mut bases = types(root, "base", &ABSTRACT)?;
    let named = texts(root, "base");
    let names = |name: &str| named.iter().any(|base| base == name);
    if names("Resource") {
        return Ok(ResourceType::all().collect());
    }
    if names("DomainResource") {
        bases.extend(ResourceType::all().filter(|of| !NO_DOMAIN.contains(&of.name())));
    }
    bases.sort_unstable();
    bases.dedup();
    if bases.is_empty() { Err(fail("base", "it names no resource type")) } else { Ok(bases) }
}

fn types(root: Json<'_>, name: &str, also: &[&str]) -> Result<Vec<ResourceType>, ParameterError> {
    let named = texts(root, name);
    let known = named.iter().filter(|of| !also.contains(&of.as_str()));
    known
        .map(|of| ResourceType::parse(of).ok_or_else(|| fail(name, "it names a type that R4 has not")))
        .collect()
}

fn components(root: Json<'_>, kind: ParameterKind) -> Result<Vec<ComponentDefinition>, ParameterError> {
    let items = root.get("component").into_iter().flat_map(Json::items);
    let one = |item| {
        let required = |name: &'static str| {
            text(item, name).ok_or_else(|| fail(&format!("component.{name}"), "it is missing"))
        };
        let definition = required("definition")?;
        let definition = definition.split_once('|').map_or(definition.as_str(), |(url, _)| url).to_owned();
        Ok(ComponentDefinition { definition, expression: Cow::Owned(required("expression")?) })
    };
    let found = items.into_iter().map(one).collect::<Result<Vec<_>, ParameterError>>()?;
    match (kind == ParameterKind::Composite, found.len()) {
        (true, 0 | 1) => Err(fail("component", "a composite has at least two")),
        (false, 1..) => Err(fail("component", "only a composite has components")),
        _ => Ok(found),
    }
}

fn restrictions(root: Json<'_>) -> Restrictions {
    let flag = |name| root.get(name).and_then(Json::as_bool).unwrap_or(true);
    Restrictions {
        multiple_or: flag("multipleOr"),
        multiple_and: flag("multipleAnd"),
        modifiers: texts(root, "modifier"),
        comparators: texts(root, "comparator"),
        chains: texts(root, "chain"),
    }
}
