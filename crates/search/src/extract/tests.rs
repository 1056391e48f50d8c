//! Which definitions have no plan, and why that is right.

use super::*;
use fhir::{ResourceType, definitions};
use std::collections::BTreeSet;

/// The definitions that the standard leaves without an expression, so that there is nothing to compile.
const WITHOUT_EXPRESSION: [&str; 6] = [
    // Whole-text searches, which a server answers by other means.
    "DomainResource-text",
    "Resource-content",
    // A named query and a filter language: how to ask, not what to index.
    "Resource-query",
    "filter",
    // Derived from what is there by rules that the definition gives in words only.
    "patient-extensions-Patient-age",
    "patient-extensions-Patient-birthOrderBoolean",
];

#[test]
fn every_definition_with_an_expression_is_compiled_for_every_type_it_names() {
    let r4 = ParameterSet::r4();
    let found: BTreeSet<&str> = ResourceType::all()
        .flat_map(|of| r4.not_indexed(of).to_vec())
        .map(|it| it.definition.url.rsplit('/').next().unwrap())
        .collect();
    let argued: BTreeSet<&str> = WITHOUT_EXPRESSION.into_iter().collect();
    assert_eq!(found, argued);
}

#[test]
fn definitions_that_name_no_type_have_no_expression_either() {
    let homeless = definitions().search_parameters().iter().filter(|it| it.bases.is_empty());
    let names: Vec<&str> = homeless.map(|it| it.url.rsplit('/').next().unwrap()).collect();
    assert_eq!(names.len(), 10);
    for name in names {
        assert!(
            name.starts_with("codesystem-extensions-") || name.starts_with("valueset-extensions-"),
            "{name}"
        );
    }
}

#[test]
fn every_element_name_of_the_definitions_is_a_symbol() {
    for of in definitions().types() {
        for name in of.member_names() {
            assert!(fhir::Symbol::of(name).is_some(), "{} {name}", of.name);
        }
    }
}
