//! What a client reads when it gets nothing: the one place that chooses status codes for refusals.
//!
//! Two forms: what concerns FHIR is an OperationOutcome; what concerns the account or its data stores is AWS
//! JSON with a `message`, as HealthLake answers it.

use fhir::{
    Issue, IssueCode, Outcome, PatchError, PathError, ProfileSetError, ResourceError, ResourceKey,
    ResourceType,
};
use search::{ExtractError, SearchError, VocabularyError, VocabularyFault};
use store::StoreError;

use crate::costly;

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What the client reads.
    pub form: Form,
    /// The methods that the address has, when it does not have the one used.
    pub allow: Option<&'static str>,
    /// The version that stands in the way, when there is one.
    pub version: Option<u64>,
    /// The address of the resource that stands in the way, when there is one.
    pub location: Option<String>,
}

/// The form of a refusal's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// FHIR's.
    Outcome(Outcome),
    /// AWS JSON: the name of the exception and a sentence.
    Aws(&'static str, String),
}

/// How much of a canonical name a refusal repeats, in characters.
const NAME_SHOWN_MAX: usize = 256;

/// The sentence that HealthLake puts before what validation found.
pub(crate) const VALIDATION_FAILED: &str = "FHIR resource in payload failed FHIR validation rules.";

impl Refusal {
    fn new(status: u16, code: IssueCode, diagnostics: impl Into<String>) -> Refusal {
        Refusal::with(status, Issue::error(code, diagnostics))
    }

    fn with(status: u16, issue: impl Into<Outcome>) -> Refusal {
        Refusal { status, form: Form::Outcome(issue.into()), allow: None, version: None, location: None }
    }

    /// The caller is not let in, or may not do this (403).
    pub fn denied(name: &'static str, message: impl Into<String>) -> Refusal {
        Refusal {
            status: 403,
            form: Form::Aws(name, message.into()),
            allow: None,
            version: None,
            location: None,
        }
    }

    /// There is no such data store (404).
    pub fn no_datastore() -> Refusal {
        let message = "No data store with this id exists.".to_owned();
        Refusal {
            status: 404,
            form: Form::Aws("ResourceNotFoundException", message),
            allow: None,
            version: None,
            location: None,
        }
    }

    /// The data store cannot serve in the state it is in (409).
    pub fn not_active(status: &str) -> Refusal {
        Refusal::new(409, IssueCode::Transient, format!("The data store is {status}, not ACTIVE."))
    }

    /// What was asked for exists in the standard or in HealthLake, and not here (400).
    pub fn not_supported(what: impl Into<String>) -> Refusal {
        Refusal::new(400, IssueCode::NotSupported, what)
    }

    /// No operation of this name is known (404).
    pub fn unknown_operation(what: impl Into<String>) -> Refusal {
        Refusal::new(404, IssueCode::NotSupported, what)
    }

    /// A version cannot be removed while it is the newest: that would change what is current (409).
    pub fn newest_version(key: &ResourceKey) -> Refusal {
        let sentence =
            format!("This is the newest version of {key}: write another first, or erase the resource.");
        Refusal::new(409, IssueCode::Conflict, sentence)
    }

    /// The address names nothing (404).
    pub fn no_such_address(what: impl Into<String>) -> Refusal {
        Refusal::new(404, IssueCode::NotFound, what)
    }

    /// There is no such resource, or the caller may not know of it (404).
    pub fn not_found(key: &ResourceKey) -> Refusal {
        Refusal::new(404, IssueCode::NotFound, format!("Resource not found: {key}"))
    }

    /// There is no such version (404).
    pub fn version_not_found(key: &ResourceKey) -> Refusal {
        Refusal::new(404, IssueCode::NotFound, format!("{key} has no such version."))
    }

    /// The resource was deleted, by this version (410).
    pub fn gone(key: &ResourceKey, version: u64) -> Refusal {
        let refusal = Refusal::new(410, IssueCode::Deleted, format!("Resource was deleted: {key}"));
        Refusal { version: Some(version), ..refusal }
    }

    /// The address does not have this method (405).
    pub fn method(allow: &'static str) -> Refusal {
        let sentence = format!("This address takes only {allow}.");
        Refusal { allow: Some(allow), ..Refusal::new(405, IssueCode::NotSupported, sentence) }
    }

    /// Resources of this type are never changed (405).
    pub fn immutable(of: ResourceType) -> Refusal {
        let sentence = format!("{of} resources are never updated or deleted.");
        Refusal { allow: Some("GET"), ..Refusal::new(405, IssueCode::BusinessRule, sentence) }
    }

    /// A write was needed and this is none (400).
    pub fn not_a_write() -> Refusal {
        Refusal::invalid("This interaction writes no resource.")
    }

    /// No format that the client accepts can be given (406).
    pub fn not_acceptable() -> Refusal {
        Refusal::new(
            406,
            IssueCode::NotSupported,
            "Only application/fhir+json and application/fhir+xml are available.",
        )
    }

    /// The body is in a format that is not read (415).
    pub fn media_type() -> Refusal {
        Refusal::new(415, IssueCode::Value, "Incorrect MIME-type. Update request Content-Type header.")
    }

    /// The body is larger than the limit (413).
    pub fn body_too_large(limit_bytes: usize) -> Refusal {
        Refusal::new(
            413,
            IssueCode::TooLong,
            format!("Request Entity Too Large: the limit is {limit_bytes} bytes."),
        )
    }

    /// Something other than the resource is malformed: the address, a parameter, a header (400).
    pub fn invalid(diagnostics: impl Into<String>) -> Refusal {
        Refusal::new(400, IssueCode::Invalid, diagnostics)
    }

    /// A value is out of its range (400).
    pub fn value(diagnostics: impl Into<String>) -> Refusal {
        Refusal::new(400, IssueCode::Value, diagnostics)
    }

    /// It would take more than the limit of this name (400).
    pub fn too_costly(limit: &str) -> Refusal {
        Refusal::new(400, IssueCode::TooCostly, costly::sentence(limit))
    }

    /// A value set, code system or concept map cannot be used (404 if it is not there, else 400).
    pub fn vocabulary(error: &VocabularyError) -> Refusal {
        if let VocabularyFault::Limit(limit, _) = &error.fault {
            return Refusal::too_costly(limit);
        }
        let code = error.fault.code();
        let status = if code == IssueCode::NotFound { 404 } else { 400 };
        let name: String = error.name.chars().filter(|c| !c.is_control()).take(NAME_SHOWN_MAX).collect();
        let of_request = "What the request brings along".to_owned();
        let subject = if name.is_empty() { of_request } else { format!("'{name}'") };
        Refusal::new(status, code, format!("{subject} is {}.", error.fault))
    }

    /// The code system has no such code (404).
    pub fn no_such_code(system: &str) -> Refusal {
        let system: String = system.chars().filter(|c| !c.is_control()).take(NAME_SHOWN_MAX).collect();
        Refusal::new(
            404,
            IssueCode::NotFound,
            format!("{system} has no such code, as far as it is known here."),
        )
    }

    /// The search is not understood; every error is an issue that names its parameter (400).
    pub fn search(errors: &[SearchError]) -> Refusal {
        let issue = |error: &SearchError| {
            Issue::error(error.code(), error.to_string()).at(format!("http.{}", error.parameter))
        };
        Refusal::with(400, Outcome(errors.iter().map(issue).collect()))
    }

    /// The same, with another sentence at the end of each issue's diagnostics.
    #[must_use]
    pub(crate) fn saying(mut self, sentence: &str) -> Refusal {
        if let Form::Outcome(Outcome(issues)) = &mut self.form {
            issues
                .iter_mut()
                .for_each(|issue| issue.diagnostics = format!("{}. {sentence}", issue.diagnostics));
        }
        self
    }

    /// The resource would take too much of the index (400).
    pub fn not_indexable(error: ExtractError) -> Refusal {
        Refusal::new(400, IssueCode::TooCostly, error.to_string())
    }

    /// The page token was not made by this server for this address and `_count` (400).
    pub fn page_token() -> Refusal {
        Refusal::new(400, IssueCode::Value, "Invalid pagination token.")
    }

    /// The body is not a resource at all (400).
    pub fn unreadable(error: &ResourceError) -> Refusal {
        let (code, expression) = match error {
            ResourceError::Json(_) | ResourceError::NotAnObject => (IssueCode::Invalid, None),
            ResourceError::NoResourceType => (IssueCode::Required, Some("Resource.resourceType")),
            ResourceError::UnknownResourceType => (IssueCode::Value, Some("Resource.resourceType")),
            ResourceError::MalformedId => (IssueCode::Value, Some("Resource.id")),
            ResourceError::MalformedMeta => (IssueCode::Structure, Some("Resource.meta")),
        };
        let issue = Issue::error(code, error.to_string());
        Refusal::with(400, expression.into_iter().fold(issue, Issue::at))
    }

    /// A Bundle or one of its entries is malformed: the issue says how and where (400).
    pub fn structure(issue: Issue) -> Refusal {
        Refusal::with(400, issue)
    }

    /// The Bundle has more entries than the limit (422, as HealthLake answers it).
    pub fn too_many_entries(limit: usize) -> Refusal {
        let sentence = format!("A Bundle has at most {limit} entries.");
        Refusal::with(422, Issue::error(IssueCode::TooCostly, sentence).at("Bundle.entry"))
    }

    /// The same refusal, said of an entry of a Bundle: its expressions are those of the Bundle.
    #[must_use]
    pub fn of_entry(mut self, number: usize) -> Refusal {
        let entry = format!("Bundle.entry[{number}]");
        if let Form::Outcome(outcome) = &mut self.form {
            for issue in &mut outcome.0 {
                for expression in &mut issue.expression {
                    *expression = in_entry(&entry, expression);
                }
                if issue.expression.is_empty() {
                    issue.expression.push(entry.clone());
                }
            }
        }
        self
    }

    /// The same refusal, said of a reference in an entry's resource.
    #[must_use]
    pub fn of_reference(mut self, number: usize) -> Refusal {
        if let Form::Outcome(outcome) = &mut self.form {
            for issue in &mut outcome.0 {
                issue.expression = vec![format!("Bundle.entry[{number}].resource")];
            }
        }
        self
    }

    /// Adds the issues of another refusal, as far as there is room.
    pub(crate) fn also(&mut self, other: Refusal) {
        if let (Form::Outcome(outcome), Form::Outcome(more)) = (&mut self.form, other.form) {
            let room = fhir::ISSUES_MAX.saturating_sub(outcome.0.len());
            outcome.0.extend(more.0.into_iter().take(room));
        }
    }

    /// A transaction was done, but its reads were not, since the server stopped (500).
    pub fn not_read() -> Refusal {
        let sentence = "The transaction was done, and the server stopped before it read this; read it again.";
        Refusal::new(500, IssueCode::Incomplete, sentence)
    }

    /// What was kept of a waiting transaction cannot be read (500).
    pub fn lost() -> Refusal {
        Refusal::new(500, IssueCode::Exception, "The transaction could not be read again; send it again.")
    }

    /// A commit that relied on nothing failed.
    pub(crate) fn from_commit(error: store::CommitError) -> Refusal {
        match error {
            store::CommitError::Conflict(_) => Refusal::entry_contended(),
            store::CommitError::Failed(error) => error.into(),
        }
    }

    /// More wait already than may (429).
    pub fn throttled(sentence: impl Into<String>) -> Refusal {
        Refusal::new(429, IssueCode::Throttled, sentence)
    }

    /// A conditional reference finds nothing (400).
    pub fn refers_to_nothing(of: ResourceType) -> Refusal {
        let sentence = format!("A conditional reference finds no {of}.");
        Refusal::new(400, IssueCode::NotFound, sentence)
    }

    /// A conditional reference finds what the same transaction deletes (400).
    pub fn refers_to_deleted() -> Refusal {
        let sentence = "A conditional reference finds a resource that this transaction deletes.";
        Refusal::new(400, IssueCode::Conflict, sentence)
    }

    /// Others changed what an entry relies on faster than the transaction could (409).
    pub fn entry_contended() -> Refusal {
        let sentence = "What the entry relies on was modified by other operations all the time; try again.";
        Refusal::new(409, IssueCode::Conflict, sentence)
    }

    /// As an OperationOutcome, where no other form can stand.
    #[must_use]
    pub fn into_outcome(self) -> Outcome {
        match self.form {
            Form::Outcome(outcome) => outcome,
            Form::Aws(_, message) => Issue::error(IssueCode::Forbidden, message).into(),
        }
    }

    /// The body is not a resource in XML (400).
    pub fn unreadable_xml(error: &fhir::xml::XmlError) -> Refusal {
        let issue = Issue::error(IssueCode::Structure, format!("The body is not a resource in XML: {error}"));
        let at = Some(error.path.clone()).filter(|path| !path.is_empty());
        Refusal::with(400, at.into_iter().fold(issue, Issue::at))
    }

    /// The resource does not fit its address: the issue says how and where (400).
    pub fn misfit(expression: String, diagnostics: impl Into<String>) -> Refusal {
        Refusal::with(400, Issue::error(IssueCode::Invalid, diagnostics).at(expression))
    }

    /// A SearchParameter asks for what cannot be served; `error` says where and why (422).
    pub fn parameter(error: &search::ParameterError) -> Refusal {
        let sentence = format!("The search parameter cannot be served: {}.", error.reason);
        Refusal::with(422, Issue::error(IssueCode::NotSupported, sentence).at(error.at.clone()))
    }

    /// The resource breaks the standard's rules; `found` says where (400).
    pub fn validation(found: Vec<Issue>) -> Refusal {
        let mut issues = vec![Issue::error(IssueCode::Processing, VALIDATION_FAILED)];
        issues.extend(found);
        Refusal::with(400, Outcome(issues))
    }

    /// What is stored is not what was written (500).
    pub(crate) fn unreadable_stored(key: &ResourceKey) -> Refusal {
        tracing::error!(of = %key.of, "a stored body does not parse");
        StoreError::Damaged("a stored body does not parse".to_owned()).into()
    }

    /// The resource is not in the version that the client relied on (412).
    pub fn precondition(key: &ResourceKey, version: Option<u64>) -> Refusal {
        let sentence = match version {
            Some(version) => format!("{key} is at version {version}, which the request excludes."),
            None => format!("{key} does not exist, but the request is conditional on its version."),
        };
        Refusal { version, ..Refusal::new(412, IssueCode::Conflict, sentence) }
    }

    /// A resource was created with this idempotency key before, at this address (409).
    pub fn duplicate(location: String) -> Refusal {
        let sentence = "A resource was already created with this x-amz-fhir-idempotency-key.";
        Refusal { location: Some(location), ..Refusal::new(409, IssueCode::Duplicate, sentence) }
    }

    /// Several resources match where one is wanted (412).
    pub fn several(of: ResourceType) -> Refusal {
        let sentence = format!("More than one {of} matches the criteria.");
        Refusal::new(412, IssueCode::MultipleMatches, sentence)
    }

    /// Nothing matches the criteria of a conditional interaction (404).
    pub fn no_match(of: ResourceType) -> Refusal {
        Refusal::new(404, IssueCode::NotFound, format!("No {of} matches the criteria."))
    }

    /// What matches has another id than the resource that was sent (409).
    pub fn other_id(key: &ResourceKey) -> Refusal {
        let sentence = format!("The resource carries another id than {key}, which matches the criteria.");
        Refusal::new(409, IssueCode::Conflict, sentence)
    }

    /// Nothing matches, and the id of the resource that was sent is taken (409).
    pub fn taken_id(key: &ResourceKey) -> Refusal {
        let sentence = format!("{key} exists, but does not match the criteria.");
        Refusal::new(409, IssueCode::Conflict, sentence)
    }

    /// The resource of this id is there and does not match the criteria beside the id (409).
    pub fn other_facts(key: &ResourceKey) -> Refusal {
        let sentence = format!("{key} exists, but does not match the criteria beside its id.");
        Refusal::new(409, IssueCode::Conflict, sentence)
    }

    /// The resource changed between the search for it and its deletion (412).
    pub fn changed(key: &ResourceKey) -> Refusal {
        let sentence = format!("{key} was modified by another operation; try again.");
        Refusal::new(412, IssueCode::Exception, sentence)
    }

    /// A profile that is asked for is not known (404), or cannot be used (422).
    pub fn unknown_profile(error: &ProfileSetError) -> Refusal {
        let (status, code) = match error {
            ProfileSetError::Unknown(_) => (404, IssueCode::NotFound),
            ProfileSetError::Unusable(..) => (422, IssueCode::Processing),
            ProfileSetError::TooMany => (422, IssueCode::TooCostly),
        };
        const SHOWN_CHARACTERS_MAX: usize = 512;
        let words = error.to_string();
        let shown = words.chars().filter(|shown| !shown.is_control()).take(SHOWN_CHARACTERS_MAX);
        Refusal::new(status, code, shown.collect::<String>())
    }

    /// Changes are malformed (400) or cannot be applied (422).
    pub fn patch(error: &PatchError) -> Refusal {
        let (status, code) = match error {
            PatchError::Malformed(..) | PatchError::Expression(..) => (400, IssueCode::Invalid),
            PatchError::Evaluation(_, PathError::Limit { .. }) => (422, IssueCode::TooCostly),
            PatchError::Unfit(..) | PatchError::Evaluation(..) => (422, IssueCode::Processing),
            PatchError::Limit(_) => (422, IssueCode::TooCostly),
        };
        Refusal::new(status, code, error.to_string())
    }

    /// Changes can be applied, but not to a resource that would stay one (422).
    pub fn patched(diagnostics: impl Into<String>) -> Refusal {
        Refusal::new(422, IssueCode::Processing, diagnostics)
    }

    /// Others changed the resource faster than this request could (409).
    pub fn contended(key: &ResourceKey) -> Refusal {
        let sentence = format!("{key} was modified by other operations all the time; try again.");
        Refusal::new(409, IssueCode::Conflict, sentence)
    }
}

/// A path of a request's own resource or parameter, as one of the Bundle that holds the entry.
fn in_entry(entry: &str, expression: &str) -> String {
    match expression.split_once('.') {
        _ if expression.starts_with("Bundle.entry[") => expression.to_owned(),
        Some(("http", _)) => format!("{entry}.request.url"),
        Some((_, path)) => format!("{entry}.resource.{path}"),
        None => format!("{entry}.resource"),
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        match error {
            StoreError::Absent => Refusal::no_datastore(),
            StoreError::Position => Refusal::page_token(),
            StoreError::Full => Refusal::new(507, IssueCode::NoStore, "No space is left for writing."),
            StoreError::Limit(name) => Refusal::too_costly(name),
            StoreError::Cancelled => Refusal::too_costly("SEARCH_SECONDS_MAX"),
            StoreError::Parameter(error) => Refusal::parameter(&error),
            StoreError::Outdated => Refusal::new(
                409,
                IssueCode::Conflict,
                "The search parameters of the data store changed meanwhile; nothing was written, try again.",
            ),
            StoreError::Damaged(_) | StoreError::Failed(_) => {
                tracing::error!(%error, "a store failed");
                Refusal::new(500, IssueCode::Exception, "The service failed to answer; try again.")
            }
        }
    }
}
