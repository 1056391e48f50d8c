//! Where a resource links to others, and a resource with other links in their place (R4 http, section 3.1.0.11.2:
//! references, elements of type uri and url, and the addresses in narrative).
//!
//! The element tables say where a link may stand. Canonical references are none: the standard leaves them alone.
//! So are oid and uuid: no address of a resource has their form.

use std::borrow::Cow;
use std::ops::Range;

use crate::document::{Json, push_json_string};
use crate::validate::plan::{Form, PLANS, Plan, Rule};
use crate::{ResourceType, Symbol};

mod narrative;

/// Where a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPlace {
    /// `Reference.reference`.
    Reference,
    /// An element of type uri or url.
    Uri,
    /// The `href` of an `a` or the `src` of an `img` in narrative.
    Narrative,
}

/// A link.
#[derive(Clone, Debug)]
pub struct Link<'a> {
    /// Where it stands.
    pub place: LinkPlace,
    /// Its text, without escapes.
    pub text: Cow<'a, str>,
    /// By which [`relinked`] finds it again.
    pub at: LinkAt,
}

/// The place of a link in its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkAt {
    /// The JSON string, quotes included.
    string: Range<usize>,
    /// In narrative, the attribute's value within the string without its escapes.
    within: Option<Range<usize>>,
}

/// Shows every link of a resource to `found`, in their order; those of contained resources too. A Bundle and what
/// is in it stands for itself and has none. Costs one walk.
pub fn links<'a>(resource: Json<'a>, found: &mut dyn FnMut(Link<'a>)) {
    let resource_type = Symbol::of("resourceType").expect("the list of names has resourceType");
    Walk { resource_type, found }.resource(resource);
}

/// The text of a resource with new texts at some of its links, all else byte for byte. The places are those that
/// [`links`] named for this resource, in its order.
#[must_use]
pub fn relinked(resource: Json<'_>, new: &[(LinkAt, String)]) -> Vec<u8> {
    let start = resource.span().start;
    let text = resource.raw();
    let mut out = Vec::with_capacity(text.len() + new.len() * 16);
    let mut done = 0;
    let mut rest = new;
    while let Some((first, _)) = rest.first() {
        let string = first.string.start - start..first.string.end - start;
        let count = rest.iter().take_while(|(at, _)| at.string == first.string).count();
        out.extend_from_slice(&text[done..string.start]);
        push_changed(&text[string.clone()], &rest[..count], &mut out);
        done = string.end;
        rest = &rest[count..];
    }
    out.extend_from_slice(&text[done..]);
    out
}

/// Appends a JSON string with the changes that fall into it.
fn push_changed(string: &[u8], changes: &[(LinkAt, String)], out: &mut Vec<u8>) {
    let whole = |changes: &[(LinkAt, String)]| match changes {
        [(LinkAt { within: None, .. }, new)] => Some(new.clone()),
        _ => None,
    };
    if let Some(new) = whole(changes) {
        return push_json_string(out, &new);
    }
    let text = crate::document::unescaped(string);
    let mut changed = String::with_capacity(text.len());
    let mut done = 0;
    for (at, new) in changes {
        let within = at.within.clone().unwrap_or(0..text.len());
        changed.push_str(&text[done..within.start]);
        narrative::push_attribute(new, &mut changed);
        done = within.end;
    }
    changed.push_str(&text[done..]);
    push_json_string(out, &changed);
}

struct Walk<'f, 'a> {
    resource_type: Symbol,
    found: &'f mut dyn FnMut(Link<'a>),
}

impl<'a> Walk<'_, 'a> {
    fn resource(&mut self, resource: Json<'a>) {
        let of = resource.member(self.resource_type).and_then(|name| ResourceType::parse(&name.as_str()?));
        if let Some(of) = of
            && of.name() != "Bundle"
        {
            self.object(resource, PLANS.resource(of));
        }
    }

    fn object(&mut self, object: Json<'a>, plan: &'static Plan) {
        for (name, value) in object.members() {
            if let Some(symbol) = name.symbol() {
                if let Some(rule) = plan.rule(symbol) {
                    each(value, &mut |value| self.value(rule, value));
                }
            } else if name.twin().is_some() {
                each(value, &mut |value| self.object(value, PLANS.plan(PLANS.twin)));
            }
        }
    }

    fn value(&mut self, rule: &'static Rule, value: Json<'a>) {
        match (rule.form, rule.link) {
            (Form::Object(number), _) => self.object(value, PLANS.plan(number)),
            (Form::Contained, _) => self.resource(value),
            (Form::Resource, _) | (Form::Primitive(_), None) => {}
            (Form::Primitive(_), Some(LinkPlace::Narrative)) => self.narrative(value),
            (Form::Primitive(_), Some(place)) => {
                if let Some(text) = value.as_str() {
                    let at = LinkAt { string: value.span(), within: None };
                    (self.found)(Link { place, text, at });
                }
            }
        }
    }

    fn narrative(&mut self, div: Json<'a>) {
        let Some(text) = div.as_str() else { return };
        narrative::addresses(&text, &mut |within| {
            let address = narrative::attribute(&text[within.clone()]).into_owned();
            let at = LinkAt { string: div.span(), within: Some(within) };
            (self.found)(Link { place: LinkPlace::Narrative, text: Cow::Owned(address), at });
        });
    }
}

/// Shows a value, or each item of an array.
fn each<'a>(value: Json<'a>, show: &mut dyn FnMut(Json<'a>)) {
    if value.kind() == crate::Kind::Array { value.items().for_each(show) } else { show(value) }
}
