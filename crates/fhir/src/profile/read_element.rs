//! Reads one ElementDefinition.

use std::sync::Arc;

use super::read::{items, strings, text};
use super::{
    Aggregation, Binding, BindingStrength, Constraint, Discriminator, DiscriminatorType, Element, Max, Pool,
    ProfileError, ProfileReason, Slicing, SlicingRules, TypeRule, Value, Versioning,
};
use crate::{Json, TypeKind, definitions, resource::push_minified};

/// The most constraints, types or discriminators of one element.
const LIST_MAX: usize = 256;

/// The types of FHIRPath, which the standard's snapshots name where its pages name its own.
const FHIRPATH_TYPES: &str = "http://hl7.org/fhirpath/System.";

/// Reads `json`, the element of this number in its list, which follows `before`.
pub(super) fn element(
    json: Json<'_>,
    number: usize,
    before: Option<&Element>,
    pool: &mut Pool,
) -> Result<Element, ProfileError> {
    let path = text(json, "path")
        .filter(|path| !path.is_empty())
        .ok_or_else(|| ProfileError::at(number.to_string(), ProfileReason::Member("path")))?;
    let slice_name = text(json, "sliceName");
    let id = match text(json, "id").filter(|id| is_id_of(id, &path)) {
        Some(id) => id,
        None => id(&path, slice_name.as_deref(), before),
    };
    let reader = Reader { json, id: &id, path: &path };
    let mut element = Element::new(pool.string(&id), pool.string(&path));
    element.slice_name = slice_name.map(|name| pool.string(&name));
    element.min = reader.count("min")?;
    element.max = reader.max()?;
    element.types = reader.types(pool)?;
    element.content_reference = text(json, "contentReference")
        .map(|reference| pool.string(reference.rsplit('#').next().unwrap_or_default()));
    element.binding = reader.binding(pool)?;
    element.constraints = reader.constraints(pool)?;
    element.slicing = reader.slicing(pool)?;
    element.max_length = reader.count("maxLength")?;
    element.is_modifier = json.get("isModifier").and_then(Json::as_bool);
    reader.values(&mut element, pool);
    Ok(element)
}

/// Whether the id, its slice names left out, is the path: some ids in the wild are not.
fn is_id_of(id: &str, path: &str) -> bool {
    let steps = id.split('.').map(|step| step.split(':').next().unwrap_or_default());
    steps.eq(path.split('.'))
}

/// The id of an element that has none: as of the element before it, as far as the paths agree.
fn id(path: &str, slice_name: Option<&str>, before: Option<&Element>) -> String {
    let mut steps: Vec<String> = path.split('.').map(str::to_owned).collect();
    let last = steps.len() - 1;
    if let Some(before) = before {
        let known = before.path.split('.').zip(before.id.split('.'));
        for (step, (name, whole)) in steps[..last].iter_mut().zip(known) {
            if step != name {
                break;
            }
            whole.clone_into(step);
        }
    }
    if let Some(slice_name) = slice_name {
        steps[last] = format!("{}:{slice_name}", steps[last]);
    }
    steps.join(".")
}

struct Reader<'a> {
    json: Json<'a>,
    id: &'a str,
    path: &'a str,
}

impl Reader<'_> {
    fn error(&self, reason: ProfileReason) -> ProfileError {
        ProfileError::at(self.id, reason)
    }

    fn list(&self, name: &'static str) -> Result<impl Iterator<Item = Json<'_>>, ProfileError> {
        let list = self.json.get(name);
        if list.is_some_and(|list| list.len() > LIST_MAX) {
            return Err(self.error(ProfileReason::TooLong(name)));
        }
        Ok(list.into_iter().flat_map(Json::items))
    }

    fn count(&self, name: &'static str) -> Result<Option<u32>, ProfileError> {
        let Some(value) = self.json.get(name) else { return Ok(None) };
        let count = value.as_number().and_then(|number| number.parse().ok());
        count.map(Some).ok_or_else(|| self.error(ProfileReason::Member(name)))
    }

    fn max(&self) -> Result<Option<Max>, ProfileError> {
        let Some(value) = self.json.get("max") else { return Ok(None) };
        let max = match value.as_str().as_deref() {
            Some("*") => Some(Max::Unbounded),
            Some(count) => count.parse().ok().map(Max::Count),
            None => None,
        };
        max.map(Some).ok_or_else(|| self.error(ProfileReason::Member("max")))
    }

    fn types(&self, pool: &mut Pool) -> Result<Arc<[TypeRule]>, ProfileError> {
        let mut types = Vec::new();
        for of in self.list("type")? {
            let code = text(of, "code").ok_or_else(|| self.error(ProfileReason::Member("type.code")))?;
            let mut aggregation = Vec::new();
            for mode in items(of, "aggregation") {
                aggregation.push(match mode.as_str().as_deref() {
                    Some("contained") => Aggregation::Contained,
                    Some("referenced") => Aggregation::Referenced,
                    Some("bundled") => Aggregation::Bundled,
                    _ => return Err(self.error(ProfileReason::Code("type.aggregation"))),
                });
            }
            let versioning = match text(of, "versioning").as_deref() {
                None => None,
                Some("either") => Some(Versioning::Either),
                Some("independent") => Some(Versioning::Independent),
                Some("specific") => Some(Versioning::Specific),
                Some(_) => return Err(self.error(ProfileReason::Code("type.versioning"))),
            };
            types.push(TypeRule {
                code: pool.string(self.type_code(&code)),
                profiles: strings(of, "profile", pool),
                targets: strings(of, "targetProfile", pool),
                aggregation: aggregation.into(),
                versioning,
            });
        }
        Ok(pool.types(types))
    }

    /// Ids and URLs are of FHIRPath's string in the snapshots; the pages of the standard name its own types.
    fn type_code<'b>(&self, code: &'b str) -> &'b str {
        if !code.starts_with(FHIRPATH_TYPES) {
            return code;
        }
        let base = self.json.get("base").and_then(|base| text(base, "path"));
        match (base.as_deref(), self.path.rsplit('.').next()) {
            (Some("Resource.id"), _) => "id",
            (_, Some("id")) => "string",
            (_, Some("url")) => "uri",
            _ => code,
        }
    }

    fn binding(&self, pool: &mut Pool) -> Result<Option<Binding>, ProfileError> {
        let Some(binding) = self.json.get("binding") else { return Ok(None) };
        let strength = match text(binding, "strength").as_deref() {
            Some("example") => BindingStrength::Example,
            Some("preferred") => BindingStrength::Preferred,
            Some("extensible") => BindingStrength::Extensible,
            Some("required") => BindingStrength::Required,
            Some(_) => return Err(self.error(ProfileReason::Code("binding.strength"))),
            None => return Err(self.error(ProfileReason::Member("binding.strength"))),
        };
        let value_set = text(binding, "valueSet").map(|url| pool.string(&url));
        Ok(Some(Binding { strength, value_set }))
    }

    fn constraints(&self, pool: &mut Pool) -> Result<Arc<[Arc<Constraint>]>, ProfileError> {
        let mut constraints = Vec::new();
        for constraint in self.list("constraint")? {
            let key =
                text(constraint, "key").ok_or_else(|| self.error(ProfileReason::Member("constraint.key")))?;
            let is_error = match text(constraint, "severity").as_deref() {
                Some("error") => true,
                Some("warning") => false,
                _ => return Err(self.error(ProfileReason::Code("constraint.severity"))),
            };
            let constraint = Constraint {
                key: pool.string(&key),
                is_error,
                human: pool.string(&text(constraint, "human").unwrap_or_default()),
                expression: text(constraint, "expression").map(|expression| pool.string(&expression)),
            };
            constraints.push(pool.constraint(constraint));
        }
        Ok(pool.constraints(constraints))
    }

    fn slicing(&self, pool: &mut Pool) -> Result<Option<Arc<Slicing>>, ProfileError> {
        let Some(slicing) = self.json.get("slicing") else { return Ok(None) };
        let mut discriminators = Vec::new();
        for discriminator in items(slicing, "discriminator").take(LIST_MAX) {
            let of = match text(discriminator, "type").as_deref() {
                Some("value") => DiscriminatorType::Value,
                Some("exists") => DiscriminatorType::Exists,
                Some("pattern") => DiscriminatorType::Pattern,
                Some("type") => DiscriminatorType::Type,
                Some("profile") => DiscriminatorType::Profile,
                _ => return Err(self.error(ProfileReason::Code("slicing.discriminator.type"))),
            };
            let path = text(discriminator, "path")
                .ok_or_else(|| self.error(ProfileReason::Member("slicing.discriminator.path")))?;
            discriminators.push(Discriminator { of, path: pool.string(&path) });
        }
        let rules = match text(slicing, "rules").as_deref() {
            Some("closed") => SlicingRules::Closed,
            Some("open") | None => SlicingRules::Open,
            Some("openAtEnd") => SlicingRules::OpenAtEnd,
            Some(_) => return Err(self.error(ProfileReason::Code("slicing.rules"))),
        };
        let is_ordered = slicing.get("ordered").and_then(Json::as_bool).unwrap_or(false);
        Ok(Some(pool.slicing(Slicing { discriminators: discriminators.into(), rules, is_ordered })))
    }

    /// The members whose names carry a type: `fixedCode`, `patternCoding`, `minValueDate`.
    fn values(&self, element: &mut Element, pool: &mut Pool) {
        for (name, value) in self.json.members() {
            let name = name.as_str();
            let value = |of: &str, pool: &mut Pool| {
                let mut json = Vec::with_capacity(value.raw().len());
                push_minified(value.raw(), &mut json);
                let json = String::from_utf8(json).expect("a part of a document between its tokens is UTF-8");
                Value { of: pool.string(&type_name(of)), json: pool.string(&json) }
            };
            if let Some(of) = name.strip_prefix("fixed") {
                element.fixed = Some(value(of, pool));
            } else if let Some(of) = name.strip_prefix("pattern") {
                element.pattern = Some(value(of, pool));
            } else if let Some(of) = name.strip_prefix("minValue") {
                element.min_value = Some(value(of, pool));
            } else if let Some(of) = name.strip_prefix("maxValue") {
                element.max_value = Some(value(of, pool));
            }
        }
    }
}

/// The type whose name stands in a member's name with a capital: primitive types have small ones.
fn type_name(capitalized: &str) -> String {
    let small = || {
        let mut letters = capitalized.chars();
        letters.next().map(|first| first.to_lowercase().chain(letters).collect::<String>())
    };
    let is_primitive =
        |small: &String| definitions().type_named(small).is_some_and(|of| of.kind == TypeKind::Primitive);
    small().filter(is_primitive).unwrap_or_else(|| capitalized.to_owned())
}
