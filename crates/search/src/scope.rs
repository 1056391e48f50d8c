//! Where a search looks: one type, all types, or a compartment (R4 search §3.1.1.1, compartmentdefinition).

use fhir::{Id, ResourceKey, ResourceType, definitions};

use crate::{Filter, ParamId, ReferenceTest, Test};

/// Where a search looks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SearchScope {
    /// One resource type.
    Type(ResourceType),
    /// All resource types.
    System,
    /// What belongs to one resource: `Patient/1/Observation`, or `Patient/1/*` without an inner type.
    Compartment {
        /// The type of the resource that the compartment is about.
        of: ResourceType,
        /// Its id.
        id: Id,
        /// The only type wanted; without one, every type that the compartment holds.
        inner: Option<ResourceType>,
    },
}

impl SearchScope {
    /// The types that it holds, in alphabetical order. None if there is no such compartment, or the inner
    /// type never belongs to it.
    pub fn types(&self) -> Vec<ResourceType> {
        match self {
            SearchScope::Type(of) => vec![*of],
            SearchScope::System => ResourceType::all().collect(),
            SearchScope::Compartment { of, inner, .. } => ResourceType::all()
                .filter(|member| inner.is_none_or(|inner| inner == *member) && is_member(*of, *member))
                .collect(),
        }
    }

    /// The only type that it holds by its form.
    pub fn only_type(&self) -> Option<ResourceType> {
        match self {
            SearchScope::Type(of) => Some(*of),
            SearchScope::System => None,
            SearchScope::Compartment { inner, .. } => *inner,
        }
    }

    /// What a resource must pass to be in it, whatever its type.
    pub fn filter(&self) -> Filter {
        match self {
            SearchScope::Type(_) | SearchScope::System => Filter::Everything,
            SearchScope::Compartment { of, id, .. } => {
                let about = ResourceKey { of: *of, id: id.clone() };
                Filter::Has(ParamId::COMPARTMENT, Test::Reference(ReferenceTest::Key(about)))
            }
        }
    }
}

/// Whether resources of type `member` can be in the compartment of an `of`.
fn is_member(of: ResourceType, member: ResourceType) -> bool {
    let compartment = definitions().compartments().iter().find(|compartment| compartment.of == of);
    compartment.is_some_and(|found| member == of || !found.parameters_of(member).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> ResourceType {
        ResourceType::parse(name).unwrap()
    }

    fn types(about: &str, inner: Option<&str>) -> Vec<ResourceType> {
        let id = Id::parse("1").unwrap();
        SearchScope::Compartment { of: of(about), id, inner: inner.map(of) }.types()
    }

    #[test]
    fn a_compartment_holds_its_members_and_its_own_resource() {
        let patient = types("Patient", None);
        assert!(patient.contains(&of("Observation")) && patient.contains(&of("Patient")));
        assert!(!patient.contains(&of("Medication")));
        assert!(patient.is_sorted());
        assert_eq!(types("Patient", Some("Observation")), [of("Observation")]);
        assert_eq!(types("Encounter", Some("Encounter")), [of("Encounter")]);
    }

    #[test]
    fn what_no_compartment_holds_has_no_types() {
        assert_eq!(types("Patient", Some("Medication")), []);
        assert_eq!(types("Observation", None), []);
        assert_eq!(types("Observation", Some("Observation")), []);
    }
}
