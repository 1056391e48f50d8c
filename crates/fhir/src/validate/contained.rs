//! dom-3: what is contained is referred to by what contains it, or refers to that. Asked in FHIRPath it would compare
//! every reference with every contained resource.

use std::borrow::Cow;
use std::collections::HashSet;
use std::convert::Infallible;
use std::ops::ControlFlow;

use crate::{Element, Json};

/// What R4 says of it.
pub(super) const KEY: &str = "dom-3";
pub(super) const HUMAN: &str = "If the resource is contained in another resource, it SHALL be referred to from elsewhere \
                                in the resource or SHALL refer to the containing resource";

/// Whether each contained resource of `resource` is referred to, or refers to it.
pub(super) fn all_are_referred_to(resource: Element<'_>) -> bool {
    let Some(contained) = resource.value.and_then(|value| value.get("contained")) else { return true };
    let mut named = HashSet::new();
    gather(resource, &mut named);
    contained.items().all(|one| {
        let id = one.get("id").and_then(Json::as_str);
        id.is_none_or(|id| named.contains(&*format!("#{id}"))) || refers_to_container(resource, one)
    })
}

fn refers_to_container<'a>(resource: Element<'a>, contained: Json<'a>) -> bool {
    let Some(definition) = resource.of.element("contained") else { return false };
    let mut named = HashSet::new();
    gather(Element::new(contained, definition.types[0].definition()), &mut named);
    named.contains("#")
}

/// Adds what links and images of a narrative refer to.
fn gather_of_narrative<'a>(element: Element<'a>, named: &mut HashSet<Cow<'a, str>>) {
    let Some(text) = element.value.and_then(Json::as_str) else { return };
    let quoted = text.split(['"', '\'']).filter(|part| part.starts_with('#'));
    named.extend(quoted.map(|part| Cow::Owned(part.to_owned())));
}

/// Adds all local references, canonicals and addresses below an element. A document is not deep, so this ends.
fn gather<'a>(element: Element<'a>, named: &mut HashSet<Cow<'a, str>>) {
    let _ = element.each_child::<Infallible>(&mut |child| {
        let text = match child.of.name {
            "Reference" => child.value.and_then(|value| value.get("reference")).and_then(Json::as_str),
            "canonical" | "uri" | "url" => child.value.and_then(Json::as_str),
            _ => None,
        };
        named.extend(text.filter(|text| text.starts_with('#')));
        if child.of.name == "xhtml" {
            gather_of_narrative(child, named);
        }
        gather(child, named);
        Ok(ControlFlow::Continue(()))
    });
}
