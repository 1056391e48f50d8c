//! Writes the ValueSet that `$expand` answers (R4 valueset, `expansion`).

use fhir::{Json, ValueSetDefinition, ValueSetPart, push_json_string};
use search::{ExpandedCode, Expansion};

/// Members of a value set that its expansion does not have: what is of the stored resource only.
const LEFT_OUT: [&str; 4] = ["expansion", "meta", "text", "compose"];

/// What a value set says of itself.
pub(super) enum Definition<'a> {
    /// A resource.
    Resource(Json<'a>),
    /// One that comes with the standard.
    Standard(&'static ValueSetDefinition),
}

/// What an expansion shows beside its codes.
pub(super) struct Shown {
    /// A URI of its own.
    pub(super) identifier: String,
    /// When it was made.
    pub(super) timestamp: String,
    /// Where it begins, if it is a page.
    pub(super) offset: Option<usize>,
    /// What was asked: names, the members that hold the values, the values.
    pub(super) parameters: Vec<(&'static str, &'static str, String)>,
    /// Whether it comes with what defines it.
    pub(super) has_definition: bool,
    /// Whether designations are shown; only these, by use or language, unless there are none.
    pub(super) designations: Option<Vec<String>>,
}

impl Definition<'_> {
    /// The value set of the standard with this canonical name.
    pub(super) fn of_standard(name: &str) -> Option<Self> {
        let url = name.split_once('|').map_or(name, |(url, _)| url);
        fhir::value_set(url).map(Definition::Standard)
    }

    fn push(&self, has_definition: bool, out: &mut Vec<u8>) {
        match self {
            Definition::Resource(root) => {
                for (name, value) in root.members() {
                    let name = name.as_str();
                    let is_left_out = LEFT_OUT.contains(&&*name) && !(has_definition && name == "compose");
                    if !is_left_out && name != "resourceType" {
                        out.push(b',');
                        push_json_string(out, &name);
                        out.push(b':');
                        out.extend_from_slice(value.raw());
                    }
                }
            }
            Definition::Standard(set) => {
                push_members(
                    &[("url", set.url), ("version", set.version), ("name", set.name), ("status", set.status)],
                    out,
                );
                if has_definition {
                    push_compose(set, out);
                }
            }
        }
    }
}

/// The value set with its codes.
pub(super) fn write(definition: &Definition<'_>, expansion: &Expansion<'_>, shown: &Shown) -> Vec<u8> {
    let mut out = b"{\"resourceType\":\"ValueSet\"".to_vec();
    definition.push(shown.has_definition, &mut out);
    out.extend_from_slice(b",\"expansion\":{\"identifier\":");
    push_json_string(&mut out, &shown.identifier);
    push_members(&[("timestamp", &shown.timestamp)], &mut out);
    out.extend_from_slice(format!(",\"total\":{}", expansion.total).as_bytes());
    if let Some(offset) = shown.offset {
        out.extend_from_slice(format!(",\"offset\":{offset}").as_bytes());
    }
    push_parameters(expansion, shown, &mut out);
    push_contains(&expansion.contains, shown, &mut out);
    out.extend_from_slice(b"}}");
    out
}

fn push_parameters(expansion: &Expansion<'_>, shown: &Shown, out: &mut Vec<u8>) {
    let asked = shown.parameters.iter().map(|(name, member, value)| (*name, *member, value.as_str()));
    let systems = expansion.systems.iter().map(|system| ("version", "valueUri", system.as_str()));
    let systems = systems.filter(|(_, _, system)| system.contains('|'));
    let supplements = expansion.supplements.iter().map(|name| ("used-supplement", "valueUri", name.as_str()));
    let mut before = b",\"parameter\":[".as_slice();
    for (name, member, value) in asked.chain(systems).chain(supplements) {
        out.extend_from_slice(before);
        before = b",";
        out.extend_from_slice(format!("{{\"name\":\"{name}\",\"{member}\":").as_bytes());
        if matches!(member, "valueInteger" | "valueBoolean") {
            out.extend_from_slice(value.as_bytes());
        } else {
            push_json_string(out, value);
        }
        out.push(b'}');
    }
    if before == b"," {
        out.push(b']');
    }
}

fn push_contains(codes: &[ExpandedCode<'_>], shown: &Shown, out: &mut Vec<u8>) {
    if codes.is_empty() {
        return;
    }
    let mut before = b",\"contains\":[".as_slice();
    for code in codes {
        out.extend_from_slice(before);
        before = b",";
        out.extend_from_slice(b"{\"system\":");
        push_json_string(out, code.system);
        if code.is_abstract {
            out.extend_from_slice(b",\"abstract\":true");
        }
        if code.is_inactive {
            out.extend_from_slice(b",\"inactive\":true");
        }
        let members = [("version", code.version), ("code", Some(code.code)), ("display", code.display)];
        members.iter().for_each(|(name, value)| push_members(&[(name, value.unwrap_or_default())], out));
        if let Some(wanted) = &shown.designations {
            push_designations(code, wanted, out);
        }
        push_contains(&code.contains, shown, out);
        out.push(b'}');
    }
    out.push(b']');
}

fn push_designations(code: &ExpandedCode<'_>, wanted: &[String], out: &mut Vec<u8>) {
    if let Some(own) = code.designations {
        out.extend_from_slice(b",\"designation\":");
        out.extend_from_slice(own.as_bytes());
        return;
    }
    let is_wanted = |language: Option<&str>, usage: Option<&str>| {
        let is_it = |token: &String| {
            let code = token.rsplit_once('|').map_or(token.as_str(), |(_, code)| code);
            language == Some(code) || usage.is_some_and(|usage| usage.contains(&format!("\"{code}\"")))
        };
        wanted.is_empty() || wanted.iter().any(is_it)
    };
    let all = code.concept.into_iter().flat_map(|concept| concept.designations());
    let mut before = b",\"designation\":[".as_slice();
    for designation in all.filter(|found| is_wanted(found.language, found.usage)) {
        out.extend_from_slice(before);
        before = b",";
        out.extend_from_slice(b"{\"value\":");
        push_json_string(out, designation.value);
        push_members(&[("language", designation.language.unwrap_or_default())], out);
        if let Some(usage) = designation.usage {
            out.extend_from_slice(b",\"use\":");
            out.extend_from_slice(usage.as_bytes());
        }
        out.push(b'}');
    }
    if before == b"," {
        out.push(b']');
    }
}

/// Members that are text, each after a comma; none for an empty one.
fn push_members(members: &[(&str, &str)], out: &mut Vec<u8>) {
    for (name, value) in members.iter().filter(|(_, value)| !value.is_empty()) {
        out.push(b',');
        push_json_string(out, name);
        out.push(b':');
        push_json_string(out, value);
    }
}

fn push_compose(set: &ValueSetDefinition, out: &mut Vec<u8>) {
    let parts = |parts: &[ValueSetPart]| serde_json::Value::from(parts.iter().map(part).collect::<Vec<_>>());
    let mut compose = serde_json::json!({ "include": parts(&set.includes) });
    if !set.excludes.is_empty() {
        compose["exclude"] = parts(&set.excludes);
    }
    out.extend_from_slice(format!(",\"compose\":{compose}").as_bytes());
}

fn part(part: &ValueSetPart) -> serde_json::Value {
    let concept = |(code, display): &(&str, &str)| match *display {
        "" => serde_json::json!({ "code": code }),
        display => serde_json::json!({ "code": code, "display": display }),
    };
    let filter = |(property, op, value): &(&str, &str, &str)| serde_json::json!({ "property": property, "op": op, "value": value });
    let mut json = serde_json::Map::new();
    json.extend(part.system.map(|system| ("system".to_owned(), system.into())));
    let lists = [
        ("concept", part.codes.iter().map(concept).collect::<Vec<_>>()),
        ("filter", part.filters.iter().map(filter).collect()),
        ("valueSet", part.imports.iter().map(|import| (*import).into()).collect()),
    ];
    json.extend(
        lists
            .into_iter()
            .filter(|(_, list)| !list.is_empty())
            .map(|(name, list)| (name.to_owned(), list.into())),
    );
    json.into()
}
