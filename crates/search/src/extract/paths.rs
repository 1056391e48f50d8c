//! Parameters of a data store's own whose expressions are no walk along names: FHIRPath finds their values.

use super::ExtractError;
use super::form::Form;
use super::plan::{Action, Emit, PathRow};
use super::walk::Walk;
use crate::Entries;
use fhir::{
    Document, Element, NoSurroundings, PathContext, PathError, ResourceType, Time, TypeDefinition, Value,
    definitions,
};

/// Adds what the expressions of `walk`'s plan find in its resource, which is `of` this type. An expression that cannot be
/// evaluated for a resource finds nothing in it.
///
/// # Errors
/// [`ExtractError::TooMuchWork`] if an expression would take more than FHIRPath's limits.
pub(super) fn paths(walk: &Walk<'_>, of: ResourceType, out: &mut Entries) -> Result<(), ExtractError> {
    if walk.plan.paths.is_empty() {
        return Ok(());
    }
    let resource = Element::new(walk.root, definitions().resource(of));
    let root = resource_around(walk, resource);
    // No expression that is taken asks for the time.
    let context = PathContext { resource, root, now: Time(0), variables: &[], surroundings: &NoSurroundings };
    for row in &walk.plan.paths {
        match row.path.evaluate(resource, &context) {
            Ok(found) => found.iter().for_each(|value| take(walk, row, value, out)),
            Err(PathError::Limit { .. }) => return Err(ExtractError::TooMuchWork),
            Err(_) => {}
        }
    }
    Ok(())
}

/// The resource that contains the one walked, or that itself.
fn resource_around<'a>(walk: &Walk<'a>, resource: Element<'a>) -> Element<'a> {
    let abstract_type = definitions().type_named("Resource");
    abstract_type.map_or(resource, |of| Element::new(walk.container, of))
}

fn take(walk: &Walk<'_>, row: &PathRow, value: &Value<'_>, out: &mut Entries) {
    match value {
        Value::Element(element) => {
            let binding = element.definition.and_then(|definition| definition.binding());
            let Some(json) = element.value else { return };
            if let Some(form) = Form::of(row.kind, element.of, binding) {
                let mut inner = Walk::new(walk.plan, json, walk.base);
                inner.container = walk.container;
                inner.act(&action(row, form), json, out);
            }
        }
        other => {
            let Some((of, json)) = written(other) else { return };
            let form =
                definitions().type_named(of).and_then(|of: &TypeDefinition| Form::of(row.kind, of, None));
            let document = Document::parse(json.into_bytes());
            if let (Some(form), Ok(document)) = (form, document) {
                Walk::new(walk.plan, document.root(), walk.base).act(
                    &action(row, form),
                    document.root(),
                    out,
                );
            }
        }
    }
}

fn action(row: &PathRow, form: Form) -> Action {
    Action { form, emits: vec![Emit { param: row.param, only: None }] }
}

/// A value of FHIRPath's own types as JSON, with the type that it has there.
fn written(value: &Value<'_>) -> Option<(&'static str, String)> {
    let quoted = |text: &str| {
        let mut json = Vec::new();
        fhir::push_json_string(&mut json, text);
        String::from_utf8_lossy(&json).into_owned()
    };
    Some(match value {
        Value::Boolean(value) => ("boolean", value.to_string()),
        Value::Integer(value) => ("integer", value.to_string()),
        Value::Decimal(value) => ("decimal", value.to_string()),
        Value::String(text) => ("string", quoted(text)),
        Value::Temporal(value) => ("dateTime", quoted(&value.to_string())),
        Value::Element(_) | Value::Quantity(_) | Value::Type(_) => return None,
    })
}
