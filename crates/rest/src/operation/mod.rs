//! Operations (R4 operations): the table of those that are here, and how a call of one becomes an answer.
//!
//! To add one: a row in [`OPERATIONS`], a file beside this one; `docs/adding/an-operation.md` says how.

use std::pin::Pin;

use bytes::Bytes;
use fhir::{ResourceKey, ResourceType};

use crate::Context;
use crate::interaction::Parameters;
use crate::outcome::Refusal;
use crate::reply::Reply;

mod care_date;
mod document;
pub(crate) mod everything;
pub(crate) mod export;
pub(crate) mod input;
mod meta;
pub(crate) mod reindex;
mod removal;
pub(crate) mod status;
mod terminology;
mod validate;

/// A call of an operation: the same value for an HTTP request and for an entry of a Bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationCall {
    /// Which, without its `$`: the name in the table.
    pub name: &'static str,
    /// On what.
    pub at: OperationLevel,
    /// How.
    pub method: Method,
    /// Names and values of the query, without those of a presigned URL.
    pub parameters: Parameters,
    /// What was sent, as sent.
    pub body: Bytes,
    /// Whether the client would rather have the answer later (`Prefer: respond-async`).
    pub is_async: bool,
}

/// What an operation is called on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationLevel {
    /// The data store.
    System,
    /// A resource type.
    Type(ResourceType),
    /// A resource.
    Instance(ResourceKey),
    /// One version of a resource.
    Version(ResourceKey, u64),
}

/// The methods of operations and of what they leave behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`, and `HEAD`.
    Get,
    /// `POST`.
    Post,
    /// `DELETE`.
    Delete,
}

/// What an operation's function returns.
pub(crate) type Answer<'a> = Pin<Box<dyn Future<Output = Result<Reply, Refusal>> + Send + 'a>>;

/// A row of the table.
pub(crate) struct Operation {
    /// The name without `$`.
    pub(crate) name: &'static str,
    /// On what it may be called.
    pub(crate) levels: &'static [Level],
    /// The IAM action of a GET; `None` if it cannot be called so.
    pub(crate) get: Option<&'static str>,
    /// The IAM action of a POST; `None` if it cannot be called so.
    pub(crate) post: Option<&'static str>,
    /// Whether it changes the data store whatever its parameters say; if so, it has no GET.
    pub(crate) changes_state: bool,
    /// The canonical address of its OperationDefinition; `{type}` stands for the type that it is called on.
    pub(crate) definition: &'static str,
    /// What it does.
    pub(crate) run: for<'a, 'c> fn(&'a Context<'c>, OperationCall) -> Answer<'a>,
}

/// On what an operation may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// The data store.
    System,
    /// Resource types.
    Type(Of),
    /// Resources.
    Instance(Of),
    /// Versions of resources.
    Version(Of),
}

/// Which resource types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// This one.
    Only(&'static str),
    /// All.
    Any,
}

/// The operations that are here, in the order of their names.
pub(crate) static OPERATIONS: &[Operation] = &[
    Operation {
        name: "bulk-delete",
        levels: &[Level::Type(Of::Any)],
        get: None,
        post: Some("StartFHIRBulkDeleteJob"),
        changes_state: true,
        definition: "urn:tarn:operation:bulk-delete",
        run: |context, call| Box::pin(removal::bulk_delete(context, call)),
    },
    Operation {
        name: "document",
        levels: &[Level::Instance(Of::Only("Composition"))],
        get: Some("GenerateDocumentWithGet"),
        post: Some("GenerateDocumentWithPost"),
        changes_state: false,
        definition: "http://hl7.org/fhir/OperationDefinition/Composition-document",
        run: |context, call| Box::pin(document::document(context, call)),
    },
    Operation {
        name: "erase",
        levels: &[Level::Instance(Of::Any), Level::Version(Of::Any)],
        get: None,
        post: Some("DeleteResource"),
        changes_state: true,
        definition: "urn:tarn:operation:erase",
        run: |context, call| Box::pin(removal::erase(context, call)),
    },
    Operation {
        name: "everything",
        levels: &[Level::Instance(Of::Only("Encounter")), Level::Instance(Of::Only("Patient"))],
        get: Some("SearchEverything"),
        post: Some("SearchEverything"),
        changes_state: false,
        definition: "http://hl7.org/fhir/OperationDefinition/Patient-everything",
        run: |context, call| Box::pin(everything::everything(context, call)),
    },
    Operation {
        name: "expand",
        levels: &[Level::Type(Of::Only("ValueSet")), Level::Instance(Of::Only("ValueSet"))],
        get: Some("ExpandValueSetWithGet"),
        post: Some("ExpandValueSetWithPost"),
        changes_state: false,
        definition: "http://hl7.org/fhir/OperationDefinition/ValueSet-expand",
        run: |context, call| Box::pin(terminology::expand(context, call)),
    },
    Operation {
        name: "export",
        levels: &[Level::System, Level::Type(Of::Only("Patient")), Level::Instance(Of::Only("Group"))],
        get: Some("StartFHIRExportJobWithGet"),
        post: Some("StartFHIRExportJobWithPost"),
        changes_state: false,
        definition: "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export",
        run: |context, call| Box::pin(export::start(context, call)),
    },
    Operation {
        name: "lookup",
        levels: &[Level::Type(Of::Only("CodeSystem"))],
        get: Some("LookupCodeSystemWithGet"),
        post: Some("LookupCodeSystemWithPost"),
        changes_state: false,
        definition: "http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup",
        run: |context, call| Box::pin(terminology::lookup(context, call)),
    },
    Operation {
        name: "meta",
        levels: &[Level::System, Level::Type(Of::Any), Level::Instance(Of::Any), Level::Version(Of::Any)],
        get: Some("ReadResource"),
        post: Some("ReadResource"),
        changes_state: false,
        definition: "http://hl7.org/fhir/OperationDefinition/Resource-meta",
        run: |context, call| Box::pin(meta::meta(context, call)),
    },
    Operation {
        name: "meta-add",
        levels: &[Level::Instance(Of::Any)],
        get: None,
        post: Some("UpdateResource"),
        changes_state: true,
        definition: "http://hl7.org/fhir/OperationDefinition/Resource-meta-add",
        run: |context, call| Box::pin(meta::add(context, call)),
    },
    Operation {
        name: "meta-delete",
        levels: &[Level::Instance(Of::Any)],
        get: None,
        post: Some("UpdateResource"),
        changes_state: true,
        definition: "http://hl7.org/fhir/OperationDefinition/Resource-meta-delete",
        run: |context, call| Box::pin(meta::delete(context, call)),
    },
    Operation {
        name: "purge",
        levels: &[Level::Instance(Of::Only("Patient"))],
        get: None,
        post: Some("StartFHIRBulkDeleteJob"),
        changes_state: true,
        definition: "urn:tarn:operation:purge",
        run: |context, call| Box::pin(removal::purge(context, call)),
    },
    Operation {
        name: "reindex",
        levels: &[Level::System, Level::Type(Of::Any), Level::Instance(Of::Any)],
        get: None,
        post: Some("UpdateResource"),
        changes_state: true,
        definition: "urn:tarn:operation:reindex",
        run: |context, call| Box::pin(reindex::start(context, call)),
    },
    Operation {
        name: "subsumes",
        levels: &[Level::Type(Of::Only("CodeSystem")), Level::Instance(Of::Only("CodeSystem"))],
        get: Some("LookupCodeSystemWithGet"),
        post: Some("LookupCodeSystemWithPost"),
        changes_state: false,
        definition: "http://hl7.org/fhir/OperationDefinition/CodeSystem-subsumes",
        run: |context, call| Box::pin(terminology::subsumes(context, call)),
    },
    Operation {
        name: "translate",
        levels: &[Level::Type(Of::Only("ConceptMap")), Level::Instance(Of::Only("ConceptMap"))],
        get: Some("TranslateConceptMapWithGet"),
        post: Some("TranslateConceptMapWithPost"),
        changes_state: false,
        definition: "http://hl7.org/fhir/OperationDefinition/ConceptMap-translate",
        run: |context, call| Box::pin(terminology::translate(context, call)),
    },
    Operation {
        name: "validate",
        levels: &[Level::Type(Of::Any), Level::Instance(Of::Any)],
        get: Some("ValidateResource"),
        post: Some("ValidateResource"),
        changes_state: false,
        definition: "http://hl7.org/fhir/OperationDefinition/Resource-validate",
        run: |context, call| Box::pin(validate::validate(context, call)),
    },
    Operation {
        name: "validate-code",
        levels: &[
            Level::Type(Of::Only("CodeSystem")),
            Level::Instance(Of::Only("CodeSystem")),
            Level::Type(Of::Only("ValueSet")),
            Level::Instance(Of::Only("ValueSet")),
        ],
        get: Some("LookupCodeSystemWithGet"),
        post: Some("LookupCodeSystemWithPost"),
        changes_state: false,
        definition: "http://hl7.org/fhir/OperationDefinition/{type}-validate-code",
        run: |context, call| Box::pin(terminology::validate_code(context, call)),
    },
];

/// HealthLake's operations that are not here.
const ABSENT: &[&str] = &[
    "attribution-status",
    "bulk-member-match",
    "bulk-patch",
    "confirm-attribution-list",
    "davinci-data-export",
    "inquire",
    "member-add",
    "member-match",
    "member-remove",
    "questionnaire-package",
    "submit",
];

impl Operation {
    /// Whether it may be called on this.
    pub(crate) fn is_at(&self, at: &OperationLevel) -> bool {
        self.levels.iter().any(|level| level.takes(at))
    }

    /// Its methods, as a refusal of another lists them.
    fn allow(&self) -> &'static str {
        match (self.get.is_some(), self.post.is_some()) {
            (true, true) => "GET, HEAD, POST",
            (true, false) => "GET, HEAD",
            _ => "POST",
        }
    }

    fn action(&self, method: Method) -> Option<&'static str> {
        match method {
            Method::Get => self.get,
            Method::Post => self.post,
            Method::Delete => None,
        }
    }
}

impl Level {
    fn takes(self, at: &OperationLevel) -> bool {
        match (self, at) {
            (Level::System, OperationLevel::System) => true,
            (Level::Type(of), OperationLevel::Type(found)) => of.takes(*found),
            (Level::Instance(of), OperationLevel::Instance(key))
            | (Level::Version(of), OperationLevel::Version(key, _)) => of.takes(key.of),
            _ => false,
        }
    }
}

impl Level {
    /// The path by which an operation is called on it.
    fn path(self, name: &str) -> String {
        match self {
            Level::System => format!("${name}"),
            Level::Type(of) => format!("{}/${name}", of.name()),
            Level::Instance(of) => format!("{}/{{id}}/${name}", of.name()),
            Level::Version(of) => format!("{}/{{id}}/_history/{{version}}/${name}", of.name()),
        }
    }
}

impl Of {
    fn name(self) -> &'static str {
        match self {
            Of::Any => "{type}",
            Of::Only(name) => name,
        }
    }

    pub(crate) fn takes(self, of: ResourceType) -> bool {
        match self {
            Of::Any => true,
            Of::Only(name) => of.name() == name,
        }
    }
}

impl OperationCall {
    /// The IAM action it needs.
    pub(crate) fn action(&self) -> &'static str {
        let action = named(self.name).and_then(|operation| operation.action(self.method));
        action.expect("a call is made only of an operation in the table that has the method")
    }

    /// Whether it may change the data store.
    pub(crate) fn may_write(&self) -> bool {
        let changes_state = named(self.name).is_none_or(|operation| operation.changes_state);
        changes_state || self.parameters.iter().any(|(name, value)| name == "persist" && value != "false")
    }

    /// The resource it is called on.
    pub(crate) fn instance(&self) -> Option<&ResourceKey> {
        match &self.at {
            OperationLevel::Instance(key) | OperationLevel::Version(key, _) => Some(key),
            _ => None,
        }
    }
}

fn named(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.name == name)
}

/// The operation of this name on this, by this method, or why there is none. `method` is `None` for one that
/// no operation has.
pub(crate) fn find(
    name: &str,
    at: &OperationLevel,
    method: Option<Method>,
) -> Result<(&'static str, Method), Refusal> {
    let Some(operation) = named(name).filter(|operation| operation.is_at(at)) else {
        return Err(absent(name, at));
    };
    let method = method.filter(|method| operation.action(*method).is_some());
    method.map(|method| (operation.name, method)).ok_or_else(|| Refusal::method(operation.allow()))
}

/// Says that an operation is not here, and which are.
fn absent(name: &str, at: &OperationLevel) -> Refusal {
    let here: Vec<String> = OPERATIONS
        .iter()
        .filter(|operation| operation.is_at(at))
        .map(|operation| format!("${}", operation.name))
        .collect();
    let here = if here.is_empty() { "none".to_owned() } else { here.join(", ") };
    let elsewhere = named(name).map_or(String::new(), |operation| {
        let levels: Vec<String> = operation.levels.iter().map(|level| level.path(operation.name)).collect();
        format!(" It is called as {}.", levels.join(", "))
    });
    let sentence =
        format!("This operation is not supported here. Operations of this address: {here}.{elsewhere}");
    if named(name).is_some() || ABSENT.contains(&name) {
        Refusal::not_supported(sentence)
    } else {
        Refusal::unknown_operation(sentence)
    }
}

/// Does what a call asks.
pub(crate) async fn perform(context: &Context<'_>, call: OperationCall) -> Result<Reply, Refusal> {
    let operation = named(call.name).ok_or_else(|| absent(call.name, &call.at))?;
    (operation.run)(context, call).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_no_get_changes_anything() {
        assert!(OPERATIONS.is_sorted_by(|a, b| a.name < b.name));
        for operation in OPERATIONS {
            let name = operation.name;
            assert!(!(operation.changes_state && operation.get.is_some()), "{name}");
            assert!(operation.get.is_some() || operation.post.is_some(), "{name}");
            assert!(!ABSENT.contains(&name), "{name} is there and absent");
        }
    }

    #[test]
    fn a_call_that_no_row_takes_names_those_that_there_are() {
        let key = ResourceKey::parse("Composition/1").expect("a key");
        let at = OperationLevel::Instance(key);
        assert_eq!(find("document", &at, Some(Method::Get)).unwrap(), ("document", Method::Get));
        assert_eq!(find("document", &at, None).unwrap_err().status, 405);
        let known = find("member-match", &at, Some(Method::Post)).unwrap_err();
        let unknown = find("frobnicate", &at, Some(Method::Get)).unwrap_err();
        assert_eq!((known.status, unknown.status), (400, 404));
        let crate::outcome::Form::Outcome(outcome) = unknown.form else { panic!("not an outcome") };
        assert!(outcome.0[0].diagnostics.contains("$document"), "{outcome:?}");
    }
}
