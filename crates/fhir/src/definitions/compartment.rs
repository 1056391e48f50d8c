//! Compartments: which resources belong to a patient, an encounter, a practitioner, a related person, a device.

use super::table::{TableError, lines};
use crate::ResourceType;

/// One kind of compartment.
#[derive(Debug)]
pub struct Compartment {
    /// The type of the resource that the compartment is about.
    pub of: ResourceType,
    /// How other resources become members, by resource type; a type that is not listed has no members.
    pub memberships: Vec<Membership>,
}

/// How resources of one type become members of a compartment.
#[derive(Debug)]
pub struct Membership {
    /// The type of the member.
    pub member: ResourceType,
    /// The codes of the reference parameters, any of which makes a member of what it refers to. `{def}` is
    /// left out: a resource of the compartment's own type always is in its own compartment.
    pub parameters: Vec<&'static str>,
}

impl Compartment {
    /// The codes of the reference parameters that put a resource of type `member` into this compartment.
    pub fn parameters_of(&self, member: ResourceType) -> &[&'static str] {
        let found = self.memberships.iter().find(|membership| membership.member == member);
        found.map_or(&[], |membership| membership.parameters.as_slice())
    }
}

pub(super) fn read(table: &'static str) -> Result<Vec<Compartment>, TableError> {
    let mut compartments: Vec<Compartment> = Vec::new();
    for line in lines(table) {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().ok_or(TableError::Line(line))?;
        if line.starts_with(' ') {
            let member = resource_type(first)?;
            let parameters = words.filter(|word| *word != "{def}").collect();
            let compartment = compartments.last_mut().ok_or(TableError::Line(line))?;
            compartment.memberships.push(Membership { member, parameters });
        } else {
            let of = resource_type(words.next().ok_or(TableError::Line(line))?)?;
            compartments.push(Compartment { of, memberships: Vec::new() });
        }
    }
    Ok(compartments)
}

fn resource_type(name: &'static str) -> Result<ResourceType, TableError> {
    ResourceType::parse(name).ok_or(TableError::Unknown(name))
}
