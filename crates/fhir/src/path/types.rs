//! The names of types: those of FHIR and those of FHIRPath itself.

use super::PathError;
use super::value::Value;
use crate::definitions::{TypeDefinition, TypeKind, definitions};

/// A type of FHIRPath itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemType {
    /// Any of the others.
    Any,
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// A whole number of 32 bits.
    Integer,
    /// A decimal number.
    Decimal,
    /// A date.
    Date,
    /// A date with a time.
    DateTime,
    /// A time of day.
    Time,
    /// A number with a unit.
    Quantity,
}

impl SystemType {
    const ALL: [SystemType; 9] = [
        SystemType::Any,
        SystemType::Boolean,
        SystemType::String,
        SystemType::Integer,
        SystemType::Decimal,
        SystemType::Date,
        SystemType::DateTime,
        SystemType::Time,
        SystemType::Quantity,
    ];

    /// Its name, without namespace.
    pub fn name(self) -> &'static str {
        match self {
            SystemType::Any => "Any",
            SystemType::Boolean => "Boolean",
            SystemType::String => "String",
            SystemType::Integer => "Integer",
            SystemType::Decimal => "Decimal",
            SystemType::Date => "Date",
            SystemType::DateTime => "DateTime",
            SystemType::Time => "Time",
            SystemType::Quantity => "Quantity",
        }
    }
}

/// A type, as `type()` gives it.
#[derive(Clone, Copy, Debug)]
pub enum TypeInfo {
    /// One of FHIR's.
    Fhir(&'static TypeDefinition),
    /// One of FHIRPath's own.
    System(SystemType),
}

impl TypeInfo {
    /// The name without namespace; of an element inside another, the type it builds on.
    pub fn name(self) -> &'static str {
        match self {
            TypeInfo::System(of) => of.name(),
            TypeInfo::Fhir(of) if of.kind == TypeKind::Backbone => {
                of.base().map_or(of.name, |base| base.name)
            }
            TypeInfo::Fhir(of) => of.name,
        }
    }

    /// `FHIR` or `System`.
    pub fn namespace(self) -> &'static str {
        match self {
            TypeInfo::Fhir(_) => "FHIR",
            TypeInfo::System(_) => "System",
        }
    }
}

impl PartialEq for TypeInfo {
    fn eq(&self, other: &TypeInfo) -> bool {
        self.name() == other.name() && self.namespace() == other.namespace()
    }
}

/// The type that an expression names. `Quantity` alone is FHIR's and FHIRPath's.
#[derive(Clone, Debug)]
pub(super) struct TypeName {
    pub(super) fhir: Option<&'static TypeDefinition>,
    pub(super) system: Option<SystemType>,
}

impl TypeName {
    /// The type of this name, with or without namespace. A name alone is FHIR's first. Fails if there is none; a
    /// name that FHIRPath's namespace has not is no value's type.
    pub(super) fn new(namespace: Option<&str>, name: &str) -> Result<TypeName, PathError> {
        let fhir = || definitions().type_named(name);
        let system = || SystemType::ALL.into_iter().find(|of| of.name() == name);
        let found = match namespace {
            Some("FHIR") => TypeName { fhir: fhir(), system: None },
            Some("System") => return Ok(TypeName { fhir: None, system: system() }),
            Some(other) => return Err(PathError::unknown("type", &format!("{other}.{name}"), None)),
            None => TypeName { fhir: fhir(), system: system() },
        };
        match found {
            TypeName { fhir: None, system: None } => Err(PathError::unknown("type", name, None)),
            found => Ok(found),
        }
    }

    /// The types that values taken for this one have; `None` if they may have any.
    pub(super) fn types(&self) -> Option<Vec<TypeInfo>> {
        match (self.fhir, self.system) {
            (Some(of), _) if of.kind == TypeKind::Abstract => None,
            (Some(of), None) => Some(vec![TypeInfo::Fhir(of)]),
            (Some(_), Some(_)) => None,
            (None, of) => Some(of.map(TypeInfo::System).into_iter().collect()),
        }
    }

    /// Whether the value is of this type or one that builds on it (`is`).
    pub(super) fn covers(&self, value: &Value<'_>) -> bool {
        match value.type_info() {
            TypeInfo::Fhir(of) => self.fhir.is_some_and(|wanted| of.is(wanted.name)),
            TypeInfo::System(of) => {
                self.system.is_some_and(|wanted| wanted == of || wanted == SystemType::Any)
            }
        }
    }

    /// Whether the value may be taken for this type (`as`, `ofType`): like [`TypeName::covers`], but a primitive
    /// is of its own type only (the suite of FHIRPath, group testInheritance).
    pub(super) fn takes(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Element(element) if element.is_primitive() => {
                self.fhir.is_some_and(|wanted| wanted.name == element.of.name)
            }
            _ => self.covers(value),
        }
    }
}
