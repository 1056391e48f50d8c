//! One line of an import: from text to what is stored, or to the reason why not. Pure.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use fhir::{Document, Issue, IssueCode, Json, Outcome, Resource, ResourceError, ResourceKey};
use search::{Entries, Extractor, ParameterSet};
use store::{Operation, Put, StoreError, ValidationLevel};

use crate::import_pipeline::Rules;
use crate::objects::ObjectsError;

/// What is to become of a line.
pub(crate) enum Verdict {
    /// To be stored; `is_noted` when it carries the extension [`fhir::VALIDATION_ISSUE`].
    Good { put: Put, is_noted: bool },
    /// Not to be stored, for what it holds: an HTTP status and an OperationOutcome as JSON.
    Refused { status: u16, outcome: Vec<u8> },
    /// Not to be stored, for a reason of ours.
    Broken,
}

/// Decides about lines.
pub(crate) struct Judge<'r> {
    rules: &'r Rules,
    extractor: Extractor,
    entries: Entries,
}

impl Judge<'_> {
    /// A judge by these rules.
    pub(crate) fn new(rules: &Rules) -> Judge<'_> {
        let extractor = Extractor::new(&rules.base, &rules.parameters);
        Judge { rules, extractor, entries: Entries::new() }
    }

    /// Decides about one line that is not blank.
    pub(crate) fn decide(&mut self, text: &[u8]) -> Verdict {
        // A defect that a line brings to light costs that line and not the job.
        catch_unwind(AssertUnwindSafe(|| self.judge(text))).unwrap_or_else(|_| {
            tracing::error!("a line of an import could not be decided about");
            Verdict::Broken
        })
    }

    fn judge(&mut self, text: &[u8]) -> Verdict {
        let parsed = Document::parse_slice(text).map_err(ResourceError::Json).and_then(Resource::of_document);
        let resource = match parsed {
            Ok(resource) => resource,
            Err(error) => return refused_form(text, error),
        };
        let Some(key) = resource.key() else {
            return refused(IssueCode::Processing, "Missing required id field in resource json");
        };
        let rules = fhir::Rules {
            level: fhir_level(self.rules.level),
            guides: &self.rules.guides,
            defaults: &self.rules.default_profiles,
            now: self.rules.now,
        };
        match fhir::judge(resource, &rules) {
            fhir::Verdict::Valid(resource) => self.good(&resource, key, false),
            fhir::Verdict::Noted(resource, _) => self.good(&resource, key, true),
            fhir::Verdict::Invalid(outcome) => Verdict::Refused { status: 400, outcome: outcome.to_json() },
        }
    }

    fn good(&mut self, resource: &Resource, key: ResourceKey, is_noted: bool) -> Verdict {
        self.entries.clear();
        if let Err(error) = self.extractor.extract(resource, &key, &mut self.entries) {
            return refused(IssueCode::TooCostly, format!("The resource cannot be indexed: {error}"));
        }
        let body = Bytes::from(fhir::body(resource, &key.id));
        // A copy is as large as it must be; what was grown into is half empty.
        let entries = self.entries.clone();
        Verdict::Good { put: Put { key, body, entries, operation: Operation::Update }, is_noted }
    }
}

/// The verdict on a line that is longer than allowed.
pub(crate) fn too_long(line_bytes_max: usize) -> Verdict {
    refused(IssueCode::TooLong, format!("The line is longer than the {line_bytes_max} bytes allowed"))
}

/// The search parameters with the one that a line defines, or the verdict on the line if it cannot be served.
pub(crate) fn parameters_with(parameters: &ParameterSet, put: &Put) -> Result<ParameterSet, Box<Verdict>> {
    store::reindex::parameters_with(parameters, put).map_err(|error| match error {
        StoreError::Parameter(error) => {
            let sentence = format!("The search parameter cannot be served: {}", error.reason);
            let issue = Issue::error(IssueCode::NotSupported, sentence).at(error.at);
            Box::new(Verdict::Refused { status: 422, outcome: Outcome::from(issue).to_json() })
        }
        _ => Box::new(Verdict::Broken),
    })
}

/// The OperationOutcome of a line that failed for a reason of ours.
pub(crate) fn broken() -> Vec<u8> {
    Outcome::from(Issue::error(IssueCode::Exception, "The service could not process the resource")).to_json()
}

/// The OperationOutcome of a file that could not be read.
pub(crate) fn unreadable(error: &ObjectsError) -> Vec<u8> {
    let why = match error {
        ObjectsError::Damaged => "it changed while it was imported, or is damaged".to_owned(),
        ObjectsError::Unavailable(_) => "it is not available".to_owned(),
        other => other.to_string(),
    };
    Outcome::from(Issue::error(IssueCode::Processing, format!("The file could not be read: {why}"))).to_json()
}

fn refused(code: IssueCode, diagnostics: impl Into<String>) -> Verdict {
    Verdict::Refused { status: 400, outcome: Outcome::from(Issue::error(code, diagnostics)).to_json() }
}

/// The verdict on a text that is not a resource with a type and an id.
fn refused_form(text: &[u8], error: ResourceError) -> Verdict {
    let constraint = |member: &str, pattern: &str| {
        format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: {pattern}"
        )
    };
    let diagnostics = match error {
        ResourceError::Json(_) | ResourceError::NotAnObject => "Invalid JSON found in input file".to_owned(),
        ResourceError::NoResourceType => constraint("resourceType", "[A-Za-z]{1,256}"),
        ResourceError::UnknownResourceType if has_type_of_good_form(text) => {
            "The resourceType is not a resource type of FHIR R4".to_owned()
        }
        ResourceError::UnknownResourceType => constraint("resourceType", "[A-Za-z]{1,256}"),
        ResourceError::MalformedId => constraint("resourceId", "[A-Za-z0-9-.]{1,64}"),
        ResourceError::MalformedMeta => "The meta of the resource is not a JSON object".to_owned(),
    };
    refused(IssueCode::Processing, diagnostics)
}

fn has_type_of_good_form(text: &[u8]) -> bool {
    Document::parse_slice(text).is_ok_and(|document| {
        let of = document.root().get("resourceType").and_then(Json::as_str);
        of.is_some_and(|of| {
            (1..=256).contains(&of.len()) && of.bytes().all(|byte| byte.is_ascii_alphabetic())
        })
    })
}

fn fhir_level(level: ValidationLevel) -> fhir::Level {
    match level {
        ValidationLevel::Strict => fhir::Level::Strict,
        ValidationLevel::StructureOnly => fhir::Level::StructureOnly,
        ValidationLevel::Minimal => fhir::Level::Minimal,
    }
}
