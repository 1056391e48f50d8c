//! The tables hold what the standard says, by examples of each of its shapes.

use super::*;
use crate::ResourceType;

fn member(of: &str, name: &str) -> Option<Member> {
    definitions().type_named(of)?.member(name)
}

#[test]
fn every_resource_type_has_a_definition_of_its_own_name() {
    for of in ResourceType::all() {
        assert_eq!(definitions().resource(of).name, of.name());
    }
}

#[test]
fn a_choice_is_found_by_the_name_that_carries_its_type() {
    let value = member("Observation", "valueQuantity").unwrap();
    assert_eq!((value.element.name, value.of.name, value.primitive_twin), ("value", "Quantity", false));
    assert!(member("Observation", "value").is_none());
    assert!(member("Observation", "valueAddress").is_none());
    assert_eq!(member("Extension", "valueBase64Binary").unwrap().of.name, "base64Binary");
}

#[test]
fn only_primitives_have_twins() {
    assert!(member("Patient", "_birthDate").unwrap().primitive_twin);
    assert!(member("Patient", "_name").is_none());
    assert!(member("HumanName", "_given").unwrap().element.is_array());
}

#[test]
fn a_type_has_the_elements_of_its_bases_first() {
    let names: Vec<&str> =
        definitions().type_named("Patient").unwrap().elements.iter().map(|e| e.name).collect();
    assert_eq!(
        names[..9],
        [
            "id",
            "meta",
            "implicitRules",
            "language",
            "text",
            "contained",
            "extension",
            "modifierExtension",
            "identifier"
        ]
    );
    assert!(definitions().type_named("Age").unwrap().is("Quantity"));
    assert_eq!(member("Age", "value").unwrap().of.name, "decimal");
    assert!(member("Patient.contact", "modifierExtension").is_some());
    assert!(member("Bundle", "text").is_none());
}

#[test]
fn content_references_lead_to_the_content() {
    assert_eq!(member("Questionnaire.item", "item").unwrap().of.name, "Questionnaire.item");
    assert_eq!(member("Bundle.entry", "link").unwrap().of.name, "Bundle.link");
}

#[test]
fn references_know_their_targets() {
    let link = definitions().type_named("Patient.link").unwrap();
    let names: Vec<&str> =
        link.element("other").unwrap().types[0].targets.iter().map(|of| of.name()).collect();
    assert_eq!(names, ["Patient", "RelatedPerson"]);
    let focus = definitions().type_named("Observation").unwrap().element("focus").unwrap();
    assert!(focus.types[0].targets.is_empty());
}

#[test]
fn a_required_binding_lists_its_codes_and_their_system() {
    let gender = member("Patient", "gender").unwrap().element.binding().unwrap();
    assert!(gender.contains("female") && !gender.contains("Female"));
    assert_eq!(gender.system_of("male"), Some("http://hl7.org/fhir/administrative-gender"));
    assert_eq!(gender.system_of("man"), None);
    let media_type = member("Attachment", "contentType").unwrap().element.binding().unwrap();
    assert!(media_type.is_open && media_type.contains("text/plain"));
    assert_eq!(media_type.system_of("text/plain"), Some("urn:ietf:bcp:13"));
    assert!(
        definitions().type_named("Patient").unwrap().element("maritalStatus").unwrap().binding().is_none()
    );
}

#[test]
fn primitives_know_their_json_form_and_format() {
    let positive = definitions().type_named("positiveInt").unwrap();
    assert_eq!((positive.json, positive.regex), (JsonForm::Number, "[1-9][0-9]*"));
    assert_eq!(definitions().type_named("code").unwrap().regex, r"[^\s]+(\s[^\s]+)*");
    assert_eq!(definitions().type_named("xhtml").unwrap().regex, "");
}

#[test]
fn search_parameters_are_all_there_with_bases_targets_and_components() {
    assert_eq!(definitions().search_parameters().len(), 1397);
    let observation = ResourceType::parse("Observation").unwrap();
    let find = |code: &str| definitions().search_parameters_of(observation).find(|p| p.code == code).unwrap();
    assert_eq!(find("_id").bases.len(), ResourceType::all().count());
    assert_eq!(find("patient").kind, ParameterKind::Reference);
    assert!(find("patient").expression.contains("Observation.subject.where(resolve() is Patient)"));
    let composite = find("code-value-quantity");
    assert_eq!(composite.components[1].expression, "value.as(Quantity)");
    assert_eq!(composite.components[0].definition, "http://hl7.org/fhir/SearchParameter/clinical-code");
}

#[test]
fn every_component_names_a_parameter_that_exists() {
    for parameter in definitions().search_parameters() {
        for component in &parameter.components {
            let found = definitions().search_parameters().iter().any(|p| p.url == component.definition);
            assert!(found, "{} {}", parameter.url, component.definition);
        }
        assert_eq!(parameter.kind == ParameterKind::Composite, !parameter.components.is_empty());
    }
}

#[test]
fn compartments_name_reference_parameters_of_their_members() {
    let names: Vec<&str> =
        definitions().compartments().iter().map(|compartment| compartment.of.name()).collect();
    assert_eq!(names, ["Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"]);
    for compartment in definitions().compartments() {
        for membership in &compartment.memberships {
            for code in &membership.parameters {
                let found = definitions().search_parameters_of(membership.member).find(|p| p.code == *code);
                assert_eq!(
                    found.map(|p| p.kind),
                    Some(ParameterKind::Reference),
                    "{} {code}",
                    membership.member.name()
                );
            }
        }
    }
}
