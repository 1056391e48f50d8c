//! The names of the R4 resource types and their frozen numbers.

use std::fmt;
use std::sync::LazyLock;

use crate::names::NameTable;

/// Append-only: a number is a line of this file, and numbers are on disk.
static TYPES: LazyLock<NameTable> =
    LazyLock::new(|| NameTable::of_lines(include_str!("../data/resource-types.txt")));

/// A concrete resource type of R4, such as `Patient`, by its frozen number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceType(u16);

impl ResourceType {
    /// The type of this exact name, if R4 has it and it is not abstract.
    #[must_use]
    pub fn parse(name: &str) -> Option<ResourceType> {
        TYPES.find(name.as_bytes()).map(ResourceType)
    }

    /// Its name, such as `Patient`.
    #[must_use]
    pub fn name(self) -> &'static str {
        TYPES.name(self.0).expect("a resource type is a number of the table")
    }

    /// Its frozen number, fit for keys on disk.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }

    /// The type with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u16) -> Option<ResourceType> {
        TYPES.name(number).map(|_| ResourceType(number))
    }

    /// Every concrete type, in the order of the numbers.
    pub fn all() -> impl ExactSizeIterator<Item = ResourceType> {
        let count = u16::try_from(TYPES.len()).expect("the list is short");
        (0..count).map(ResourceType)
    }
}

impl fmt::Debug for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_frozen() {
        for (name, number) in [("Account", 0), ("Patient", 102), ("VisionPrescription", 145)] {
            assert_eq!(ResourceType::parse(name).map(ResourceType::number), Some(number), "{name}");
        }
        assert_eq!(ResourceType::all().len(), 146);
    }

    #[test]
    fn names_and_numbers_go_back_and_forth() {
        for of in ResourceType::all() {
            assert_eq!(ResourceType::parse(of.name()), Some(of));
            assert_eq!(ResourceType::from_number(of.number()), Some(of));
        }
        assert_eq!(ResourceType::from_number(146), None);
    }

    #[test]
    fn abstract_and_unknown_types_are_not_types() {
        for name in ["Resource", "DomainResource", "patient", "", "HumanName", "Patient "] {
            assert_eq!(ResourceType::parse(name), None, "{name}");
        }
    }
}
