//! The places in a resource where a rule can be broken: each member of each object, with its definition.

use std::fmt::Write;

use fhir::{Member, TypeDefinition, definitions};
use serde_json::{Map, Value};

/// A member of an object in a resource.
pub(super) struct Site {
    /// How the object is reached from the root.
    holder: Vec<Step>,
    /// The object's type.
    pub(super) parent: &'static TypeDefinition,
    /// The member's name.
    pub(super) name: String,
    /// What the name stands for.
    pub(super) member: Member,
}

#[derive(Clone)]
enum Step {
    Name(String),
    Item(usize),
}

impl Site {
    /// The object that has the member, in the resource or a copy of it.
    pub(super) fn holder<'v>(&self, root: &'v mut Value) -> Option<&'v mut Map<String, Value>> {
        let mut at = root;
        for step in &self.holder {
            at = match step {
                Step::Name(name) => at.get_mut(name)?,
                Step::Item(number) => at.get_mut(number)?,
            };
        }
        at.as_object_mut()
    }

    /// The member's value.
    pub(super) fn value<'v>(&self, root: &'v mut Value) -> Option<&'v mut Value> {
        self.holder(root)?.get_mut(&self.name)
    }

    /// The member's value; of several, the first.
    pub(super) fn first<'v>(&self, root: &'v mut Value) -> Option<&'v mut Value> {
        let value = self.value(root)?;
        if value.is_array() { value.get_mut(0) } else { Some(value) }
    }

    /// The name of its type.
    pub(super) fn of(&self) -> &'static str {
        self.member.of.name
    }

    /// Whether the member belongs to the resource itself.
    pub(super) fn is_top(&self) -> bool {
        self.holder.is_empty()
    }

    /// What its place is by the definitions, the same for all resources of a type.
    pub(super) fn place(&self) -> String {
        format!("{}.{}", self.parent.name, self.name)
    }

    /// Where it is in its resource.
    pub(super) fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.holder {
            let written = match step {
                Step::Name(name) => write!(path, "{name}."),
                Step::Item(number) => write!(path, "{number}."),
            };
            written.expect("a String takes whatever is written to it");
        }
        path + &self.name
    }
}

/// All sites of a resource.
pub(super) fn sites(resource: &Value) -> Vec<Site> {
    let mut found = Vec::new();
    visit(resource, None, &mut Vec::new(), &mut found);
    found
}

fn visit(value: &Value, of: Option<&'static TypeDefinition>, steps: &mut Vec<Step>, found: &mut Vec<Site>) {
    let Value::Object(members) = value else { return };
    let named = value["resourceType"].as_str().and_then(|name| definitions().type_named(name));
    let Some(parent) = named.or(of) else { return };
    for (name, value) in members {
        let Some(member) = parent.member(name).filter(|member| !member.primitive_twin) else { continue };
        found.push(Site { holder: steps.clone(), parent, name: name.clone(), member });
        steps.push(Step::Name(name.clone()));
        match value {
            Value::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    steps.push(Step::Item(number));
                    visit(item, Some(member.of), steps, found);
                    steps.pop();
                }
            }
            one => visit(one, Some(member.of), steps, found),
        }
        steps.pop();
    }
}
