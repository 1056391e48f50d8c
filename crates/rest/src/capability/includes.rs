//! What a CapabilityStatement says of `_include` and `_revinclude`: asked of what understands searches.

use fhir::{ParameterKind, ResourceType, SearchParameterDefinition, Time, push_json_string};
use search::{Compiled, Handling, Link, ParameterSet, Vocabulary};

/// Any parameter of any type.
const ANY: &str = "*";

/// Appends `searchInclude` and `searchRevInclude` of a type with these search parameters, each with a comma before it.
pub(super) fn push(
    of: ResourceType,
    searchable: &[&SearchParameterDefinition],
    parameters: &ParameterSet,
    out: &mut Vec<u8>,
) {
    let references = searchable.iter().filter(|parameter| parameter.kind == ParameterKind::Reference);
    let named = references.map(|parameter| format!("{of}:{}", parameter.code));
    let includes = [ANY.to_owned()].into_iter().chain(named);
    let includes = includes.filter(|value| compiled(of, "_include", value, parameters).is_some());
    push_list("searchInclude", includes, out);
    // What stands for all of them tells which there are.
    let all = compiled(of, "_revinclude", ANY, parameters).map(|found| found.include).unwrap_or_default();
    let backwards = all.into_iter().filter_map(|include| match include.link {
        Link::Reverse { by, param, .. } => Some(format!("{by}:{}", parameters.code(param)?)),
        Link::Forward { .. } => None,
    });
    let backwards: Vec<String> = backwards.collect();
    let any = (!backwards.is_empty()).then(|| ANY.to_owned());
    push_list("searchRevInclude", any.into_iter().chain(backwards), out);
}

fn compiled(of: ResourceType, name: &str, value: &str, parameters: &ParameterSet) -> Option<Compiled> {
    let (vocabulary, now, handling) = (&Vocabulary::new(), Time(0), Handling::Strict);
    let context = search::Context { of, parameters, base: "", now, handling, vocabulary };
    search::compile(&[(name, value)], &context).ok()
}

/// Appends a member that is a list of texts, unless there is none.
fn push_list(name: &str, values: impl Iterator<Item = String>, out: &mut Vec<u8>) {
    let mut before = format!(",\"{name}\":[");
    let mut is_empty = true;
    for value in values {
        out.extend_from_slice(before.as_bytes());
        push_json_string(out, &value);
        (before, is_empty) = (",".to_owned(), false);
    }
    if !is_empty {
        out.push(b']');
    }
}
