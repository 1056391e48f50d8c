//! The kinds of breakage: where each can be done and how.

use fhir::{ResourceType, TypeKind, definitions};
use serde_json::{Map, Value, json};

use super::chance::Chance;
use super::format;
use super::site::Site;
use super::whole;

/// A way to break a rule, or to do what no rule forbids.
pub(super) struct Breakage {
    /// What is done, in a word; `allowed-…` where no rule is broken.
    pub(super) kind: &'static str,
    /// Whether it can be done at a site.
    pub(super) applies: fn(&Site) -> bool,
    /// Does it; `false` if it turns out not to be possible.
    pub(super) make: fn(&mut Value, &Site, &mut Chance) -> bool,
}

/// Stands before a member's name that is to stand in the text a second time.
pub(super) const AGAIN: &str = "@again@";

const fn kind(
    kind: &'static str,
    applies: fn(&Site) -> bool,
    make: fn(&mut Value, &Site, &mut Chance) -> bool,
) -> Breakage {
    Breakage { kind, applies, make }
}

/// All kinds.
pub(super) const BREAKAGES: &[Breakage] = &[
    kind("required-element-removed", |site| site.member.element.min > 0, |root, site, _| remove(root, site)),
    kind(
        "array-for-one-value",
        |site| !site.member.element.is_array(),
        |root, site, _| replace(root, site, |value| json!([value])),
    ),
    kind(
        "one-value-for-array",
        |site| site.member.element.is_array(),
        |root, site, _| replace(root, site, |value| value[0].clone()),
    ),
    kind("member-twice", |site| !site.name.is_empty(), |root, site, _| member_twice(root, site)),
    kind(
        "unknown-property",
        |_| true,
        |root, site, chance| {
            let name = *chance.one_of(&["nope", "extensions", "Id", "value", "typ"]);
            let free = site.parent.member(name).is_none();
            free && put(root, site, name, json!("x"))
        },
    ),
    kind(
        "misspelt-property",
        |site| site.member.element.min == 0,
        |root, site, _| {
            let Some(value) = site.holder(root).and_then(|holder| holder.remove(&site.name)) else {
                return false;
            };
            let name = format!("{}s", site.name);
            site.parent.member(&name).is_none() && put(root, site, &name, value)
        },
    ),
    kind("string-for-boolean", |site| site.of() == "boolean", |root, site, _| quoted(root, site)),
    kind("string-for-number", is_number, |root, site, _| quoted(root, site)),
    kind("number-for-string", is_string, |root, site, _| set(root, site, json!(1))),
    kind("boolean-for-string", is_string, |root, site, _| set(root, site, json!(true))),
    kind("object-for-primitive", is_primitive, |root, site, _| set(root, site, json!({ "value": "x" }))),
    kind("string-for-object", is_object, |root, site, _| set(root, site, json!("x"))),
    kind("null-for-value", |_| true, |root, site, _| replace(root, site, |_| Value::Null)),
    kind(
        "null-in-array",
        |site| site.member.element.is_array(),
        |root, site, _| {
            site.value(root).and_then(Value::as_array_mut).map(|items| items.push(Value::Null)).is_some()
        },
    ),
    kind("empty-object", is_object, |root, site, _| set(root, site, json!({}))),
    kind(
        "empty-array",
        |site| site.member.element.is_array(),
        |root, site, _| replace(root, site, |_| json!([])),
    ),
    kind("empty-string", is_string, |root, site, _| set(root, site, json!(""))),
    kind(
        "allowed-blank-string",
        |site| site.of() == "string" || site.of() == "markdown",
        |root, site, _| set(root, site, json!("  ")),
    ),
    kind("format-number", is_number, format::damage),
    kind("format-date", |site| site.of() == "date", format::damage),
    kind("format-dateTime", |site| site.of() == "dateTime", format::damage),
    kind("format-instant", |site| site.of() == "instant", format::damage),
    kind("format-time", |site| site.of() == "time", format::damage),
    kind(
        "format-code",
        |site| site.of() == "code" && site.member.element.binding().is_none(),
        format::damage,
    ),
    kind("format-id", |site| site.of() == "id", format::damage),
    kind("format-uri", |site| matches!(site.of(), "uri" | "url" | "canonical"), format::damage),
    kind("format-identifier", |site| matches!(site.of(), "oid" | "uuid"), format::damage),
    kind("format-base64", |site| site.of() == "base64Binary", format::damage),
    kind("format-string", |site| site.of() == "string", format::damage),
    kind(
        "code-outside-binding",
        |site| site.of() == "code" && is_bound(site),
        |root, site, _| set(root, site, json!("not-in-the-set")),
    ),
    kind("code-in-other-case", |site| site.of() == "code" && is_bound(site), other_case),
    kind(
        "concept-outside-binding",
        |site| site.of() == "CodeableConcept" && is_bound(site),
        |root, site, _| {
            set(root, site, json!({ "coding": [{ "system": "http://example.org/codes", "code": "x" }] }))
        },
    ),
    kind(
        "concept-of-text-only",
        |site| site.of() == "CodeableConcept" && is_bound(site),
        |root, site, _| set(root, site, json!({ "text": "x" })),
    ),
    kind("choice-of-two-types", |site| site.member.element.is_choice, two_types),
    kind("choice-of-other-type", |site| site.member.element.is_choice, other_type),
    kind(
        "choice-without-type",
        |site| site.member.element.is_choice,
        |root, site, _| {
            let Some(value) = site.holder(root).and_then(|holder| holder.remove(&site.name)) else {
                return false;
            };
            put(root, site, site.member.element.name, value)
        },
    ),
    kind("reference-to-wrong-type", |site| site.of() == "Reference", wrong_target),
    kind(
        "reference-malformed",
        |site| site.of() == "Reference",
        |root, site, chance| {
            let texts = [
                "some words",
                "Patient/",
                "patient/1",
                "Patient/a_b",
                "Nope/1",
                "/Patient/1",
                "Patient",
                "1",
            ];
            let text = *chance.one_of(&texts);
            edit(root, site, |members| drop(members.insert("reference".to_owned(), json!(text))))
        },
    ),
    kind(
        "reference-to-missing-contained",
        |site| site.of() == "Reference",
        |root, site, _| {
            edit(root, site, |members| drop(members.insert("reference".to_owned(), json!("#nope"))))
        },
    ),
    kind(
        "reference-with-wrong-type",
        |site| site.of() == "Reference",
        |root, site, _| {
            edit(root, site, |members| {
                members.insert("reference".to_owned(), json!("Patient/1"));
                members.insert("type".to_owned(), json!("Organization"));
            }) && has_target(site, "Patient")
        },
    ),
    kind("extension-with-value-and-extension", is_object, |root, site, _| {
        let both = json!({ "url": "http://example.org/a", "valueCode": "a",
            "extension": [{ "url": "b", "valueCode": "c" }] });
        extend(root, site, both)
    }),
    kind("extension-of-nothing", is_object, |root, site, _| {
        extend(root, site, json!({ "url": "http://example.org/a" }))
    }),
    kind("extension-without-url", is_object, |root, site, _| extend(root, site, json!({ "valueCode": "a" }))),
    kind("extension-with-two-values", is_object, |root, site, _| {
        extend(root, site, json!({ "url": "http://example.org/a", "valueCode": "a", "valueString": "b" }))
    }),
    kind("extension-of-relative-url", is_object, |root, site, _| {
        extend(root, site, json!({ "url": "my-extension", "valueCode": "a" }))
    }),
    kind("allowed-unknown-extension", is_object, |root, site, _| {
        let url = "http://hl7.org/fhir/StructureDefinition/no-such-extension";
        extend(root, site, json!({ "url": url, "valueCode": "a" }))
    }),
    kind(
        "extension-out-of-context",
        |site| is_object(site) && site.of() != "Patient",
        |root, site, _| {
            let url = "http://hl7.org/fhir/StructureDefinition/patient-birthTime";
            extend(root, site, json!({ "url": url, "valueDateTime": "2020-01-01T10:00:00Z" }))
        },
    ),
    kind("modifier-extension-on-data-type", is_data_type, |root, site, _| {
        let extension = json!([{ "url": "http://example.org/a", "valueCode": "a" }]);
        edit(root, site, |members| drop(members.insert("modifierExtension".to_owned(), extension)))
    }),
    kind("twin-of-wrong-kind", is_single_primitive, |root, site, chance| {
        let twin = chance.one_of(&[json!("x"), json!([{ "id": "a" }]), json!(1)]).clone();
        put(root, site, &format!("_{}", site.name), twin)
    }),
    kind("twin-with-unknown-property", is_single_primitive, |root, site, _| {
        put(root, site, &format!("_{}", site.name), json!({ "value": "x" }))
    }),
    kind(
        "twin-longer-than-values",
        |site| is_primitive(site) && site.member.element.is_array(),
        |root, site, _| {
            let many = json!([{ "id": "a" }, { "id": "b" }, { "id": "c" }, { "id": "d" }, { "id": "e" }]);
            put(root, site, &format!("_{}", site.name), many)
        },
    ),
    kind(
        "period-backwards",
        |site| site.of() == "Period",
        |root, site, _| set(root, site, json!({ "start": "2020-02-01", "end": "2020-01-01" })),
    ),
    kind(
        "quantity-code-without-system",
        |site| site.of() == "Quantity",
        |root, site, _| set(root, site, json!({ "value": 1, "code": "mg" })),
    ),
    kind(
        "contact-without-system",
        |site| site.of() == "ContactPoint",
        |root, site, _| set(root, site, json!({ "value": "1" })),
    ),
    kind(
        "attachment-without-type",
        |site| site.of() == "Attachment",
        |root, site, _| set(root, site, json!({ "data": "aGk=" })),
    ),
    kind(
        "ratio-of-one",
        |site| site.of() == "Ratio",
        |root, site, _| set(root, site, json!({ "numerator": { "value": 1 } })),
    ),
    kind(
        "range-backwards",
        |site| site.of() == "Range",
        |root, site, _| set(root, site, json!({ "low": { "value": 2 }, "high": { "value": 1 } })),
    ),
    kind("element-id-with-space", is_object, |root, site, _| {
        edit(root, site, |members| drop(members.insert("id".to_owned(), json!("a b"))))
    }),
    kind("narrative-broken", whole::has_narrative, whole::break_narrative),
    kind("resource-type-wrong", whole::once, whole::break_resource_type),
    kind("contained-broken", whole::once, whole::break_contained),
    kind("element-id-twice", whole::once, whole::repeat_element_id),
    kind(
        "allowed-element-removed",
        |site| site.member.element.min == 0 && site.is_top(),
        |root, site, _| site.name != "id" && site.name != "contained" && remove(root, site),
    ),
    kind("allowed-extension", is_object, |root, site, _| {
        extend(root, site, json!({ "url": "http://example.org/a", "valueString": "a" }))
    }),
    kind("allowed-element-id", is_object, |root, site, _| {
        edit(root, site, |members| drop(members.insert("id".to_owned(), json!("a-1"))))
    }),
    kind(
        "allowed-extension-for-value",
        |site| is_single_primitive(site) && may_be_absent(site),
        |root, site, _| {
            let reason = json!({ "extension": [{
            "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown" }] });
            remove(root, site) && put(root, site, &format!("_{}", site.name), reason)
        },
    ),
    kind(
        "allowed-reference",
        |site| site.of() == "Reference",
        |root, site, chance| {
            let references = [
                json!({ "display": "x" }),
                json!({ "identifier": { "value": "x" } }),
                json!({ "reference": "http://example.org/some/page" }),
                json!({ "reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520" }),
                json!({ "reference": "urn:oid:1.2.3" }),
            ];
            set(root, site, chance.one_of(&references).clone())
        },
    ),
    kind("allowed-format", is_primitive, format::vary),
];

fn is_primitive(site: &Site) -> bool {
    site.member.of.kind == TypeKind::Primitive
}

fn is_single_primitive(site: &Site) -> bool {
    is_primitive(site) && !site.member.element.is_array()
}

/// The ids of elements and the addresses of extensions have no extensions.
fn may_be_absent(site: &Site) -> bool {
    !matches!(site.name.as_str(), "id" | "url" | "div" | "reference" | "contentType")
        && !site.of().eq("xhtml")
}

fn is_object(site: &Site) -> bool {
    matches!(site.member.of.kind, TypeKind::Complex | TypeKind::Backbone) && site.of() != "Extension"
}

fn is_data_type(site: &Site) -> bool {
    site.member.of.kind == TypeKind::Complex && site.member.of.element("modifierExtension").is_none()
}

fn is_number(site: &Site) -> bool {
    matches!(site.of(), "integer" | "positiveInt" | "unsignedInt" | "decimal")
}

fn is_string(site: &Site) -> bool {
    is_primitive(site) && !is_number(site) && site.of() != "boolean"
}

fn is_bound(site: &Site) -> bool {
    site.member.element.binding().is_some_and(|set| !set.is_open)
}

fn remove(root: &mut Value, site: &Site) -> bool {
    site.holder(root).and_then(|holder| holder.remove(&site.name)).is_some()
}

fn replace(root: &mut Value, site: &Site, by: impl Fn(&Value) -> Value) -> bool {
    site.value(root).map(|value| *value = by(value)).is_some()
}

/// Sets the value, or the first of several.
pub(super) fn set(root: &mut Value, site: &Site, to: Value) -> bool {
    site.first(root).map(|value| *value = to).is_some()
}

fn put(root: &mut Value, site: &Site, name: &str, value: Value) -> bool {
    site.holder(root).is_some_and(|holder| holder.insert(name.to_owned(), value).is_none())
}

fn edit(root: &mut Value, site: &Site, how: impl FnOnce(&mut Map<String, Value>)) -> bool {
    site.first(root).and_then(Value::as_object_mut).map(how).is_some()
}

fn extend(root: &mut Value, site: &Site, extension: Value) -> bool {
    edit(root, site, |members| drop(members.insert("extension".to_owned(), json!([extension]))))
}

fn quoted(root: &mut Value, site: &Site) -> bool {
    site.first(root).map(|value| *value = json!(value.to_string())).is_some()
}

fn member_twice(root: &mut Value, site: &Site) -> bool {
    let Some(holder) = site.holder(root) else { return false };
    let Some(value) = holder.get(&site.name).cloned() else { return false };
    holder.insert(format!("{AGAIN}{}", site.name), value).is_none()
}

fn other_case(root: &mut Value, site: &Site, _: &mut Chance) -> bool {
    let Some(Value::String(code)) = site.first(root) else { return false };
    *code = if code.to_uppercase() == *code { code.to_lowercase() } else { code.to_uppercase() };
    site.member.element.binding().is_some_and(|set| !set.contains(code))
}

fn two_types(root: &mut Value, site: &Site, chance: &mut Chance) -> bool {
    let element = site.member.element;
    let others = [
        ("string", json!("a")),
        ("boolean", json!(true)),
        ("dateTime", json!("2020")),
        ("integer", json!(1)),
        ("CodeableConcept", json!({ "text": "a" })),
        ("Reference", json!({ "display": "a" })),
        ("Quantity", json!({ "value": 1 })),
        ("Period", json!({ "start": "2020" })),
    ];
    let fits = |(of, _): &&(&str, Value)| {
        *of != site.of() && element.types.iter().any(|allowed| allowed.name == *of)
    };
    let fitting: Vec<&(&str, Value)> = others.iter().filter(fits).collect();
    if fitting.is_empty() {
        return false;
    }
    let (of, value) = chance.one_of(&fitting);
    put(root, site, &choice_name(element.name, of), value.clone())
}

fn other_type(root: &mut Value, site: &Site, _: &mut Chance) -> bool {
    let element = site.member.element;
    let other = ["base64Binary", "markdown", "Attachment"];
    let Some(other) = other.iter().find(|of| element.types.iter().all(|allowed| allowed.name != **of)) else {
        return false;
    };
    let value = if *other == "Attachment" { json!({ "title": "a" }) } else { json!("aGk=") };
    remove(root, site) && put(root, site, &choice_name(element.name, other), value)
}

fn choice_name(stem: &str, of: &str) -> String {
    let (first, rest) = of.split_at(1);
    format!("{stem}{}{rest}", first.to_ascii_uppercase())
}

fn has_target(site: &Site, name: &str) -> bool {
    let mut targets = site.member.element.types.iter().flat_map(|of| &of.targets);
    targets.any(|of| of.name() == name)
}

fn wrong_target(root: &mut Value, site: &Site, chance: &mut Chance) -> bool {
    let types = &site.member.element.types;
    let Some(of) = types.iter().find(|of| of.name == "Reference") else { return false };
    let resources: Vec<ResourceType> = ResourceType::all().filter(|of| is_resource(*of)).collect();
    let wrong: Vec<&ResourceType> = resources.iter().filter(|one| !of.targets.contains(one)).collect();
    if of.targets.is_empty() || wrong.is_empty() {
        return false;
    }
    set(root, site, json!({ "reference": format!("{}/1", chance.one_of(&wrong).name()) }))
}

fn is_resource(of: ResourceType) -> bool {
    definitions().resource(of).kind == TypeKind::Resource
}
