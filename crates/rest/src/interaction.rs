//! What a client asks, as a value: the same for an HTTP request and for an entry of a Bundle.

use access::Action;
use bytes::Bytes;
use fhir::{Level, ResourceKey, ResourceType, Span, Time};
use search::SearchScope;
use store::Scope;

use crate::operation::OperationCall;
use crate::operation::status::StatusCall;

/// One interaction of the R4 RESTful API.
#[derive(Clone, Debug, PartialEq)]
pub enum Interaction {
    /// What the server can do (`GET metadata`).
    Capabilities,
    /// What it can do with codes (`GET metadata?mode=terminology`).
    TerminologyCapabilities,
    /// The current version of a resource.
    Read {
        /// Which.
        key: ResourceKey,
        /// Unless the client has it already.
        unless: Unless,
    },
    /// One version of a resource.
    VersionRead {
        /// Of which resource.
        key: ResourceKey,
        /// Which version.
        version: u64,
    },
    /// Versions: of a resource, of a type, of all.
    History {
        /// Of what.
        of: Scope,
        /// Which of them.
        asked: HistoryAsked,
    },
    /// A new resource under an id of the server's choice.
    Create {
        /// Its type.
        of: ResourceType,
        /// The resource as sent.
        body: Bytes,
        /// Only if nothing matches these criteria (`If-None-Exist`).
        if_none_exist: Option<Parameters>,
        /// Only once for this key, a UUID in lower case (`x-amz-fhir-idempotency-key`).
        idempotency_key: Option<String>,
    },
    /// The next version of a resource, or its first under this id.
    Update {
        /// Which.
        key: ResourceKey,
        /// The resource as sent.
        body: Bytes,
        /// On which condition.
        when: When,
    },
    /// The next version of the one resource that matches, or a new one if none does.
    ConditionalUpdate {
        /// Its type.
        of: ResourceType,
        /// What it must match.
        criteria: Parameters,
        /// The resource as sent.
        body: Bytes,
        /// On which condition.
        when: When,
    },
    /// A changed version of a resource.
    Patch {
        /// Which.
        key: ResourceKey,
        /// The changes.
        patch: Patch,
        /// On which condition.
        when: When,
    },
    /// A changed version of the one resource that matches.
    ConditionalPatch {
        /// Its type.
        of: ResourceType,
        /// What it must match.
        criteria: Parameters,
        /// The changes.
        patch: Patch,
        /// On which condition.
        when: When,
    },
    /// The end of a resource; its history stays.
    Delete {
        /// Which.
        key: ResourceKey,
        /// On which condition.
        when: When,
    },
    /// The end of the one resource that matches.
    ConditionalDelete {
        /// Its type.
        of: ResourceType,
        /// What it must match.
        criteria: Parameters,
        /// On which condition.
        when: When,
    },
    /// The end of the resources that match, one by one, a page at a time. No entry of a Bundle.
    DeleteMany {
        /// Their type.
        of: ResourceType,
        /// What they must match, or the `page` of a `next` link.
        criteria: Parameters,
        /// How many at the most.
        count: usize,
    },
    /// A batch or a transaction.
    Bundle {
        /// The Bundle as sent.
        body: Bytes,
        /// What each write in it answers, if said.
        returning: Option<Returning>,
        /// Whether the client would rather have the answer later (`Prefer: respond-async`).
        is_async: bool,
    },
    /// A search of one type, of all types, or in a compartment.
    Search {
        /// Where to look.
        scope: SearchScope,
        /// Names and values as typed, decoded, in their order.
        parameters: Parameters,
        /// How it was sent.
        sent: Sent,
    },
    /// A call of an operation (`$…`).
    Operation(OperationCall),
    /// How a job stands, what it made, or its end.
    Status(StatusCall),
}

/// Changes to a resource, as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Patch {
    /// A JSON Patch (RFC 6902).
    Json(Bytes),
    /// A FHIRPath Patch (R4 fhirpatch): a Parameters resource in JSON.
    FhirPath(Bytes),
}

/// Names and values of a query, percent-decoded, in their order.
pub type Parameters = Vec<(String, String)>;

/// How a search was sent; the IAM action differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// In a URL.
    Get,
    /// As a form.
    Post,
}

/// What the client has already (`If-None-Match`, `If-Modified-Since`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unless {
    /// These versions.
    pub versions: Vec<u64>,
    /// Any version (`If-None-Match: *`).
    pub any: bool,
    /// What stood at this time, to the second; not looked at if there are versions.
    pub modified_since: Option<Time>,
}

/// The condition on a write (`If-Match`, `If-None-Match`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// None.
    #[default]
    Always,
    /// The current version is one of these.
    Version(Vec<u64>),
    /// There is a current version (`If-Match: *`).
    Exists,
    /// There never was one (`If-None-Match: *`).
    New,
}

/// Which versions a history shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistoryAsked {
    /// How many a page, if said.
    pub count: Option<usize>,
    /// Those written at or after this time.
    pub since: Option<Time>,
    /// Those that were current at some time of this span.
    pub at: Option<Span>,
    /// Those of the resources that this List names.
    pub list: Option<ResourceKey>,
    /// Where to continue: a token of an earlier page.
    pub page: Option<String>,
    /// What was asked, for the `self` link.
    pub parameters: Parameters,
}

/// What a client would rather have (`Prefer`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// What to do with parameters that are not known.
    pub handling: Handling,
    /// What a write answers.
    pub returning: Returning,
    /// Whether a search is to be explained instead of done (`x-tarn-explain`).
    pub explains: bool,
    /// How strictly what is written is validated (`x-amzn-healthlake-fhir-validation-level`).
    pub level: Level,
}

/// What to do with parameters that are not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Handling {
    /// Refuse them.
    #[default]
    Strict,
    /// Leave them out and say so in the `self` link.
    Lenient,
}

/// What a write answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Returning {
    /// The resource as stored.
    #[default]
    Representation,
    /// Nothing but headers.
    Minimal,
    /// An OperationOutcome.
    Outcome,
}

impl Returning {
    /// Its code in `Prefer: return`.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Returning::Representation => "representation",
            Returning::Minimal => "minimal",
            Returning::Outcome => "OperationOutcome",
        }
    }

    /// What this code means.
    pub(crate) fn of_code(code: &str) -> Option<Returning> {
        let all = [Returning::Representation, Returning::Minimal, Returning::Outcome];
        all.into_iter().find(|one| one.code() == code)
    }
}

impl Interaction {
    /// The IAM action it needs (Service Authorization Reference).
    pub fn action(&self) -> Action {
        Action::fhir(match self {
            Interaction::Capabilities | Interaction::TerminologyCapabilities => "GetCapabilities",
            Interaction::Read { .. } => "ReadResource",
            Interaction::VersionRead { .. } => "VersionReadResource",
            Interaction::History { .. } => "GetHistoryByResourceId",
            Interaction::Create { .. } => "CreateResource",
            Interaction::Update { .. } | Interaction::ConditionalUpdate { .. } => "UpdateResource",
            Interaction::Patch { .. } | Interaction::ConditionalPatch { .. } => "PatchResource",
            Interaction::Delete { .. }
            | Interaction::ConditionalDelete { .. }
            | Interaction::DeleteMany { .. } => "DeleteResource",
            Interaction::Bundle { .. } => "ProcessBundle",
            Interaction::Search { sent: Sent::Get, .. } => "SearchWithGet",
            Interaction::Search { sent: Sent::Post, .. } => "SearchWithPost",
            Interaction::Operation(call) => call.action(),
            Interaction::Status(call) => call.action(),
        })
    }

    /// The IAM action that it needs besides: whoever has criteria looked at must be allowed to search.
    pub fn further_action(&self) -> Option<Action> {
        let searches = match self {
            Interaction::Create { if_none_exist, .. } => if_none_exist.is_some(),
            Interaction::ConditionalUpdate { .. }
            | Interaction::ConditionalPatch { .. }
            | Interaction::ConditionalDelete { .. }
            | Interaction::DeleteMany { .. } => true,
            _ => false,
        };
        searches.then(|| Action::fhir("SearchWithGet"))
    }

    /// Its code in a CapabilityStatement; `None` of the capabilities themselves, and of operations, which are
    /// listed by their names.
    pub fn code(&self) -> Option<&'static str> {
        Some(match self {
            Interaction::Capabilities
            | Interaction::TerminologyCapabilities
            | Interaction::Operation(_)
            | Interaction::Status(_) => return None,
            Interaction::Bundle { .. } => "transaction",
            Interaction::Read { .. } => "read",
            Interaction::VersionRead { .. } => "vread",
            Interaction::History { of: Scope::Instance(_), .. } => "history-instance",
            Interaction::History { of: Scope::Type(_), .. } => "history-type",
            Interaction::History { of: Scope::System, .. } => "history-system",
            Interaction::Create { .. } => "create",
            Interaction::Update { .. } | Interaction::ConditionalUpdate { .. } => "update",
            Interaction::Patch { .. } | Interaction::ConditionalPatch { .. } => "patch",
            Interaction::Delete { .. }
            | Interaction::ConditionalDelete { .. }
            | Interaction::DeleteMany { .. } => "delete",
            Interaction::Search { scope: SearchScope::System, .. } => "search-system",
            Interaction::Search { .. } => "search-type",
        })
    }
}

impl Interaction {
    /// The resource that it names, if it names one.
    pub(crate) fn key(&self) -> Option<&ResourceKey> {
        match self {
            Interaction::Read { key, .. }
            | Interaction::VersionRead { key, .. }
            | Interaction::History { of: Scope::Instance(key), .. }
            | Interaction::Update { key, .. }
            | Interaction::Patch { key, .. }
            | Interaction::Delete { key, .. } => Some(key),
            _ => None,
        }
    }

    /// Whether it writes one resource.
    pub(crate) fn is_write(&self) -> bool {
        matches!(
            self,
            Interaction::Create { .. }
                | Interaction::Update { .. }
                | Interaction::ConditionalUpdate { .. }
                | Interaction::Patch { .. }
                | Interaction::ConditionalPatch { .. }
                | Interaction::Delete { .. }
                | Interaction::ConditionalDelete { .. }
        )
    }

    /// The resource as sent, of an interaction that stores it.
    pub(crate) fn body_mut(&mut self) -> Option<&mut Bytes> {
        match self {
            Interaction::Create { body, .. }
            | Interaction::Update { body, .. }
            | Interaction::ConditionalUpdate { body, .. } => Some(body),
            _ => None,
        }
    }
}

/// The codes of the interactions with a whole data store.
pub(crate) const SYSTEM_CODES: [&str; 4] = ["transaction", "batch", "search-system", "history-system"];

/// The codes of all interactions that a resource type has here, as a CapabilityStatement lists them.
pub const CODES: [&str; 9] = [
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
];

/// Whether resources of this type are kept: Parameters and OperationOutcome are messages, never stored.
pub(crate) fn is_storable(of: ResourceType) -> bool {
    !matches!(of.name(), "Parameters" | "OperationOutcome")
}

/// Whether resources of this type are written once and never changed.
pub(crate) fn is_immutable(of: ResourceType) -> bool {
    of.name() == "AuditEvent"
}
