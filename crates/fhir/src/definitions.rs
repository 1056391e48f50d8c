//! The standard's definitions: types and elements, required code sets, search parameters, compartments.
//!
//! They are read once, on first use, from the tables in `crates/fhir/data`, which `cargo xtask definitions`
//! generates; each table says at its head how it reads.

mod code_set;
mod compartment;
mod search_parameter;
mod table;
mod types;
mod vocabulary;

pub use code_set::CodeSet;
pub use compartment::{Compartment, Membership};
pub use search_parameter::{ComponentDefinition, ParameterKind, SearchParameterDefinition};
pub use types::{ElementDefinition, JsonForm, Member, TypeDefinition, TypeKind, TypeReference};
pub use vocabulary::{
    CodeSystemDefinition, ConceptDefinition, ValueSetDefinition, ValueSetPart, code_system, value_set,
};

use crate::ResourceType;
use std::{collections::HashMap, sync::LazyLock};
use table::TableError;

/// All definitions of FHIR R4 (4.0.1) that this crate knows.
#[derive(Debug)]
pub struct Definitions {
    types: Vec<TypeDefinition>,
    type_by_name: HashMap<&'static str, u16>,
    type_by_resource: Vec<u16>,
    code_sets: Vec<CodeSet>,
    search_parameters: Vec<SearchParameterDefinition>,
    parameters_by_resource: Vec<Vec<u16>>,
    compartments: Vec<Compartment>,
}

static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(|| match Definitions::read() {
    Ok(definitions) => definitions,
    Err(error) => unreachable!("the committed tables are read whole by this crate's tests: {error}"),
});

/// The definitions; the first call reads the tables, which takes a few milliseconds.
pub fn definitions() -> &'static Definitions {
    &DEFINITIONS
}

impl Definitions {
    fn read() -> Result<Self, TableError> {
        let code_sets = code_set::read(include_str!("../data/codes.txt"))?;
        let types = types::read(include_str!("../data/elements.txt"), &code_sets)?;
        let search_parameters = search_parameter::read(include_str!("../data/search-parameters.txt"))?;
        let compartments = compartment::read(include_str!("../data/compartments.txt"))?;
        let type_by_name: HashMap<&'static str, u16> =
            types.iter().zip(0..).map(|(this, number)| (this.name, number)).collect();
        let type_by_resource = ResourceType::all()
            .map(|of| type_by_name.get(of.name()).copied().ok_or(TableError::Unknown(of.name())))
            .collect::<Result<_, _>>()?;
        let mut parameters_by_resource = vec![Vec::new(); ResourceType::all().count()];
        for (parameter, number) in search_parameters.iter().zip(0..) {
            for base in &parameter.bases {
                parameters_by_resource[usize::from(base.number())].push(number);
            }
        }
        Ok(Definitions {
            types,
            type_by_name,
            type_by_resource,
            code_sets,
            search_parameters,
            parameters_by_resource,
            compartments,
        })
    }

    /// The type of this name: a resource type, data type, primitive type, or a backbone by its path
    /// (`Patient.contact`). Abstract types have definitions too.
    pub fn type_named(&self, name: &str) -> Option<&TypeDefinition> {
        self.type_by_name.get(name).map(|number| &self.types[usize::from(*number)])
    }

    /// The definition of a resource type.
    pub fn resource(&self, of: ResourceType) -> &TypeDefinition {
        &self.types[usize::from(self.type_by_resource[usize::from(of.number())])]
    }

    /// Every type, by name.
    pub fn types(&self) -> &[TypeDefinition] {
        &self.types
    }

    /// The set of codes with this canonical URL (without version), if an element is bound to it as required.
    pub fn code_set(&self, url: &str) -> Option<&CodeSet> {
        self.code_sets.iter().find(|set| set.url == url)
    }

    /// Every search parameter of the standard, by URL.
    pub fn search_parameters(&self) -> &[SearchParameterDefinition] {
        &self.search_parameters
    }

    /// The search parameters of one resource type, those of all resources (`_id`) among them, by URL.
    pub fn search_parameters_of(&self, of: ResourceType) -> impl Iterator<Item = &SearchParameterDefinition> {
        let numbers = &self.parameters_by_resource[usize::from(of.number())];
        numbers.iter().map(|number| &self.search_parameters[usize::from(*number)])
    }

    /// The five compartments of the standard, by type.
    pub fn compartments(&self) -> &[Compartment] {
        &self.compartments
    }

    fn type_at(&self, number: u16) -> &TypeDefinition {
        &self.types[usize::from(number)]
    }

    fn code_set_at(&self, number: u16) -> &CodeSet {
        &self.code_sets[usize::from(number)]
    }
}

#[cfg(test)]
mod tests;
