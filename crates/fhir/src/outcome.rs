//! OperationOutcome: what is wrong, where, and how badly (R4 operationoutcome; value set issue-type).

use crate::document::push_json_string;

/// How bad an issue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The action failed, and nothing more could be checked.
    Fatal,
    /// Bad enough to make the action fail.
    Error,
    /// Worth attention, but not a reason to fail.
    Warning,
    /// Said for information only.
    Information,
}

impl Severity {
    /// The code in the value set issue-severity.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Fatal => "fatal",
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Information => "information",
        }
    }
}

macro_rules! issue_codes {
    ($($variant:ident $code:literal $what:literal,)*) => {
        /// The kind of an issue, from the value set issue-type.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum IssueCode { $(#[doc = $what] $variant,)* }

        impl IssueCode {
            /// Every code.
            pub const ALL: &'static [IssueCode] = &[$(IssueCode::$variant,)*];

            /// The code as it is written.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(IssueCode::$variant => $code,)* }
            }
        }
    };
}

issue_codes! {
    Invalid "invalid" "Content invalid against the specification or a profile.",
    Structure "structure" "A structural issue in the content.",
    Required "required" "A required element is missing.",
    Value "value" "An element or header value is invalid.",
    Invariant "invariant" "A content validation rule failed.",
    Security "security" "An authentication, authorization or permissions issue.",
    Login "login" "The client needs to initiate an authentication process.",
    Unknown "unknown" "The user or system was not able to be authenticated.",
    Expired "expired" "The session expired.",
    Forbidden "forbidden" "The user does not have the rights to do this.",
    Suppressed "suppressed" "Some information was not or might not have been returned.",
    Processing "processing" "Processing issues.",
    NotSupported "not-supported" "The interaction, operation, resource or profile is not supported.",
    Duplicate "duplicate" "An attempt was made to create a duplicate record.",
    MultipleMatches "multiple-matches" "Multiple matching records were found where one is needed.",
    NotFound "not-found" "The reference provided was not found.",
    Deleted "deleted" "The reference pointed to content that has been deleted.",
    TooLong "too-long" "The content is too long.",
    CodeInvalid "code-invalid" "The code or system could not be understood, or is not valid here.",
    Extension "extension" "An extension was found that was not acceptable or could not be resolved.",
    TooCostly "too-costly" "The operation was stopped to protect server resources.",
    BusinessRule "business-rule" "The content or operation failed some business rule.",
    Conflict "conflict" "Content could not be accepted because of an edit conflict.",
    Transient "transient" "Transient processing issues: the system may be able to do it later.",
    LockError "lock-error" "A resource or record locking failure.",
    NoStore "no-store" "The persistent store is unavailable.",
    Exception "exception" "An unexpected internal error has occurred.",
    Timeout "timeout" "An internal timeout has occurred.",
    Incomplete "incomplete" "Not all data sources could be accessed.",
    Throttled "throttled" "The system is not prepared to handle this request because of load.",
    Informational "informational" "A message unrelated to the success of the processing.",
}

/// One thing that is wrong, or worth saying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// How bad.
    pub severity: Severity,
    /// What kind.
    pub code: IssueCode,
    /// A sentence for people; holds no patient data.
    pub diagnostics: String,
    /// The elements meant, as simple FHIRPaths: `Patient.name[0].given[1]`.
    pub expression: Vec<String>,
}

impl Issue {
    /// An error that names no element.
    pub fn error(code: IssueCode, diagnostics: impl Into<String>) -> Issue {
        Issue { severity: Severity::Error, code, diagnostics: diagnostics.into(), expression: Vec::new() }
    }

    /// A warning that names no element.
    pub fn warning(code: IssueCode, diagnostics: impl Into<String>) -> Issue {
        Issue { severity: Severity::Warning, ..Issue::error(code, diagnostics) }
    }

    /// The same about the element at this path.
    #[must_use]
    pub fn at(mut self, expression: impl Into<String>) -> Issue {
        self.expression.push(expression.into());
        self
    }

    fn push_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"severity\":");
        push_json_string(out, self.severity.as_str());
        out.extend_from_slice(b",\"code\":");
        push_json_string(out, self.code.as_str());
        if !self.diagnostics.is_empty() {
            out.extend_from_slice(b",\"diagnostics\":");
            push_json_string(out, &self.diagnostics);
        }
        // HealthLake's clients read `location`, which R4 keeps beside `expression`.
        for name in ["location", "expression"] {
            if !self.expression.is_empty() {
                out.push(b',');
                push_json_string(out, name);
                out.push(b':');
                push_list(&self.expression, out, |path, out| push_json_string(out, path));
            }
        }
        out.push(b'}');
    }
}

/// An OperationOutcome.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Outcome(pub Vec<Issue>);

impl Outcome {
    /// As a resource in JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = b"{\"resourceType\":\"OperationOutcome\",\"issue\":".to_vec();
        push_list(&self.0, &mut out, Issue::push_json);
        out.push(b'}');
        out
    }

    /// Whether some issue is an error or worse.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|issue| issue.severity <= Severity::Error)
    }
}

impl From<Issue> for Outcome {
    fn from(issue: Issue) -> Outcome {
        Outcome(vec![issue])
    }
}

fn push_list<T>(list: &[T], out: &mut Vec<u8>, push: impl Fn(&T, &mut Vec<u8>)) {
    for (at, item) in list.iter().enumerate() {
        out.push(if at == 0 { b'[' } else { b',' });
        push(item, out);
    }
    out.extend_from_slice(if list.is_empty() { b"[]" } else { b"]" });
}
