//! The CapabilityStatement: what is really there, from the tables that the server works by (R4 http, section
//! 3.1.0.10).

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use fhir::{ResourceType, SearchParameterDefinition, Time, definitions, push_json_string};
use search::{ParameterSet, Reason, Vocabulary};

use crate::interaction::{CODES, SYSTEM_CODES, is_immutable, is_storable};
use crate::limits::CAPABILITIES_KEPT_MAX;
use crate::links::Base;
use crate::operation::{Level, OPERATIONS, Operation};

mod includes;
mod terminology;

/// The statement, but for the address of the data store, which is put in between.
pub(crate) struct Capabilities {
    since: Time,
    has_cors: bool,
    text: OnceLock<Text>,
    /// Those of data stores with parameters of their own, the one asked for last at the end.
    own: Mutex<Vec<Arc<Own>>>,
}

/// The text for the data stores that have these parameters; made once, by the first who asks.
struct Own {
    parameters: ParameterSet,
    text: OnceLock<Text>,
}

struct Text {
    before_url: Vec<u8>,
    after_url: Vec<u8>,
}

impl Capabilities {
    /// What this server can do `since` it started; `has_cors` says whether pages of other origins may call.
    pub(crate) fn new(since: Time, has_cors: bool) -> Self {
        Capabilities { since, has_cors, text: OnceLock::new(), own: Mutex::default() }
    }

    /// The statement of the data store at `base` that has these search parameters, in JSON.
    pub(crate) fn json(&self, base: &Base, parameters: &ParameterSet) -> Vec<u8> {
        let own;
        let write = |parameters: &ParameterSet| Text::write(self.since, self.has_cors, parameters);
        let text = if parameters.own().iter().any(|one| one.is_ready) {
            own = self.own(parameters);
            own.text.get_or_init(|| write(parameters))
        } else {
            self.text.get_or_init(|| write(&ParameterSet::r4()))
        };
        let mut out = Vec::with_capacity(text.before_url.len() + text.after_url.len() + 128);
        out.extend_from_slice(&text.before_url);
        push_json_string(&mut out, base.as_str());
        out.extend_from_slice(&text.after_url);
        out
    }

    /// What the data store at `base` can do with codes, in JSON.
    pub(crate) fn of_terminology(&self, base: &Base) -> Vec<u8> {
        terminology::statement(self.since, base)
    }

    /// The place of the text for these parameters.
    fn own(&self, parameters: &ParameterSet) -> Arc<Own> {
        let mut kept = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let own = match kept.iter().position(|own| own.parameters == *parameters) {
            Some(at) => kept.remove(at),
            None => Arc::new(Own { parameters: parameters.clone(), text: OnceLock::new() }),
        };
        if kept.len() >= CAPABILITIES_KEPT_MAX {
            kept.remove(0);
        }
        kept.push(Arc::clone(&own));
        own
    }
}

impl Text {
    fn write(since: Time, has_cors: bool, parameters: &ParameterSet) -> Text {
        let before_url = format!(
            "{{\"resourceType\":\"CapabilityStatement\",\"status\":\"active\",\"date\":\"{}\",\
             \"kind\":\"instance\",\"software\":{{\"name\":\"tarn\",\"version\":\"{}\"}},\
             \"implementation\":{{\"description\":\"A HealthLake data store\",\"url\":",
            since.to_instant(),
            env!("CARGO_PKG_VERSION"),
        );
        let mut after_url = format!(
            "}},\"fhirVersion\":\"4.0.1\",\"format\":[\"application/fhir+json\",\"json\",\
             \"application/fhir+xml\",\"xml\"],\"patchFormat\":[\"application/json-patch+json\",\
             \"application/fhir+json\",\"application/fhir+xml\"],\
             \"rest\":[{{\"mode\":\"server\",\"security\":{{\"cors\":{has_cors},\"description\":\
             \"Requests are signed with AWS Signature Version 4 for the service healthlake.\"}},\"resource\":["
        )
        .into_bytes();
        for (at, of) in ResourceType::all().filter(|of| is_storable(*of)).enumerate() {
            if at > 0 {
                after_url.push(b',');
            }
            push_type(of, parameters, &mut after_url);
        }
        after_url.extend_from_slice(b"],\"interaction\":[");
        for (at, code) in SYSTEM_CODES.into_iter().enumerate() {
            let before = if at == 0 { "" } else { "," };
            after_url.extend_from_slice(format!("{before}{{\"code\":\"{code}\"}}").as_bytes());
        }
        after_url.push(b']');
        push_operations(&mut after_url, "", |level| level == Level::System);
        for (at, compartment) in definitions().compartments().iter().enumerate() {
            let before = if at == 0 { ",\"compartment\":[" } else { "," };
            let name = compartment.of.name().to_ascii_lowercase();
            let text = format!("{before}\"http://hl7.org/fhir/CompartmentDefinition/{name}\"");
            after_url.extend_from_slice(text.as_bytes());
        }
        after_url.extend_from_slice(b"]}]}");
        Text { before_url: before_url.into_bytes(), after_url }
    }
}

fn push_type(of: ResourceType, parameters: &ParameterSet, out: &mut Vec<u8>) {
    let head = format!(
        "{{\"type\":\"{of}\",\"profile\":\"http://hl7.org/fhir/StructureDefinition/{of}\",\"interaction\":["
    );
    out.extend_from_slice(head.as_bytes());
    let codes = CODES
        .into_iter()
        .filter(|code| !(is_immutable(of) && matches!(*code, "update" | "patch" | "delete")));
    for (at, code) in codes.enumerate() {
        out.extend_from_slice(if at == 0 { b"{\"code\":\"" } else { b",{\"code\":\"" });
        out.extend_from_slice(code.as_bytes());
        out.extend_from_slice(b"\"}");
    }
    let rest = format!(
        "],\"versioning\":\"versioned\",\"readHistory\":true,\"updateCreate\":{0},\"conditionalCreate\":true,\
         \"conditionalRead\":\"full-support\",\"conditionalUpdate\":{0},\
         \"conditionalDelete\":\"{1}\"",
        !is_immutable(of),
        if is_immutable(of) { "not-supported" } else { "multiple" },
    );
    out.extend_from_slice(rest.as_bytes());
    let searchable = searchable(of, parameters);
    includes::push(of, &searchable, parameters, out);
    for (at, parameter) in searchable.into_iter().enumerate() {
        let before = if at == 0 { ",\"searchParam\":[" } else { "," };
        // A data store's own parameters are called as whoever wrote them liked.
        out.extend_from_slice(format!("{before}{{\"name\":").as_bytes());
        push_json_string(out, &parameter.code);
        out.extend_from_slice(b",\"definition\":");
        push_json_string(out, &parameter.url);
        out.extend_from_slice(format!(",\"type\":\"{}\"}}", parameter.kind.code()).as_bytes());
    }
    out.push(b']');
    push_operations(out, of.name(), |level| match level {
        Level::System => false,
        Level::Type(on) | Level::Instance(on) | Level::Version(on) => on.takes(of),
    });
    out.push(b'}');
}

/// The operations that have a level of this kind, by their names; `of` is the type, if it is one's.
fn push_operations(out: &mut Vec<u8>, of: &str, is_here: impl Fn(Level) -> bool) {
    let here = OPERATIONS.iter().filter(|operation| operation.levels.iter().any(|level| is_here(*level)));
    let mut before = ",\"operation\":[";
    for operation in here {
        let Operation { name, definition, .. } = operation;
        let definition = definition.replace("{type}", of);
        let text = format!("{before}{{\"name\":\"{name}\",\"definition\":\"{definition}\"}}");
        out.extend_from_slice(text.as_bytes());
        before = ",";
    }
    if before == "," {
        out.push(b']');
    }
}

/// The search parameters of a type that a search understands: asked of what understands searches.
fn searchable(of: ResourceType, parameters: &ParameterSet) -> Vec<&SearchParameterDefinition> {
    let context = search::Context {
        of,
        parameters,
        vocabulary: &Vocabulary::new(),
        base: "",
        now: Time(0),
        handling: search::Handling::Strict,
    };
    let is_understood = |parameter: &SearchParameterDefinition| {
        let asked = [(format!("{}:missing", parameter.code), "true")];
        let reason = search::compile(&asked, &context).err().and_then(|mut errors| errors.pop());
        !reason.is_some_and(|error| matches!(error.reason, Reason::NotSupported | Reason::Unknown { .. }))
    };
    let is_meant = |parameter: &SearchParameterDefinition| {
        parameters.named(of, &parameter.code).is_some_and(|(_, meant)| std::ptr::eq(meant, parameter))
    };
    let all = parameters.of(of);
    let mut found: Vec<_> = all.filter(|one| is_meant(one) && is_understood(one)).collect();
    found.sort_by_key(|parameter| &parameter.code);
    found
}

#[cfg(test)]
mod tests {
    use fhir::{Id, Resource};

    use super::*;

    fn with_own(code: &str) -> ParameterSet {
        let json = format!(
            r#"{{"resourceType":"SearchParameter","status":"active","url":"http://x/{code}","code":"{code}",
            "base":["Patient"],"type":"token","expression":"Patient.language"}}"#
        );
        let id = Id::parse(code).unwrap();
        let set =
            ParameterSet::r4().changed(&id, Some(&Resource::parse_slice(json.as_bytes()).unwrap())).unwrap();
        set.indexed(set.extraction(), &set.unsettled())
    }

    #[test]
    fn the_statement_of_own_parameters_is_written_once_and_anew_when_they_change() {
        let capabilities = Capabilities::new(Time(0), false);
        let base = Base::new("http://x", "1");
        let says = |set: &ParameterSet, code: &str| {
            String::from_utf8(capabilities.json(&base, set)).unwrap().contains(&format!("http://x/{code}\""))
        };
        let first = with_own("a");
        assert!(says(&first, "a"));
        let made = capabilities.own(&first);
        assert!(made.text.get().is_some() && Arc::ptr_eq(&made, &capabilities.own(&with_own("a"))));
        let changed = with_own("b");
        assert!(says(&changed, "b") && !says(&changed, "a") && says(&first, "a"));
    }

    #[test]
    fn no_more_statements_are_kept_than_the_limit_and_the_last_asked_stay() {
        let capabilities = Capabilities::new(Time(0), false);
        let sets: Vec<_> = (0..=CAPABILITIES_KEPT_MAX).map(|at| with_own(&format!("c{at}"))).collect();
        let made: Vec<_> = sets[..CAPABILITIES_KEPT_MAX].iter().map(|set| capabilities.own(set)).collect();
        let kept = || capabilities.own.lock().unwrap().len();
        assert_eq!(kept(), CAPABILITIES_KEPT_MAX);
        assert!(Arc::ptr_eq(&capabilities.own(&sets[0]), &made[0]));
        capabilities.own(&sets[CAPABILITIES_KEPT_MAX]);
        assert_eq!(kept(), CAPABILITIES_KEPT_MAX);
        assert!(Arc::ptr_eq(&capabilities.own(&sets[0]), &made[0]));
        assert!(!Arc::ptr_eq(&capabilities.own(&sets[1]), &made[1]));
    }
}
