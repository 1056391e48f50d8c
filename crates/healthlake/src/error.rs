//! What the control plane refuses with: AWS exceptions, their status and their body.

use crate::constraint::Violations;
use crate::shape::Mistyped;
use access::SignatureError;
use bytes::Bytes;
use std::fmt;

macro_rules! fault_kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $status:literal;)*) => {
        /// An exception by name. Client faults answer 400 and server faults 500, as the JSON protocol does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FaultKind { $($(#[$doc])* $kind,)* }

        impl FaultKind {
            /// Every kind.
            pub const ALL: &[FaultKind] = &[$(FaultKind::$kind,)*];

            /// The name in `__type`.
            pub fn name(self) -> &'static str {
                match self { $(FaultKind::$kind => $name,)* }
            }

            /// The HTTP status it is answered with.
            pub fn status(self) -> u16 {
                match self { $(FaultKind::$kind => $status,)* }
            }
        }
    };
}

fault_kinds! {
    /// The caller may not do this.
    AccessDenied = "AccessDeniedException", 400;
    /// The resource is in a state that does not allow it.
    Conflict = "ConflictException", 400;
    /// The session token is past its time.
    ExpiredToken = "ExpiredTokenException", 400;
    /// Something that the service depends on failed.
    FailedDependency = "FailedDependencyException", 400;
    /// The authorization header lacks a part.
    IncompleteSignature = "IncompleteSignatureException", 400;
    /// The service failed.
    InternalServer = "InternalServerException", 500;
    /// The signature is wrong, or too old or too new.
    InvalidSignature = "InvalidSignatureException", 400;
    /// The request is not signed.
    MissingAuthenticationToken = "MissingAuthenticationTokenException", 400;
    /// The body is larger than any valid request.
    RequestEntityTooLarge = "RequestEntityTooLargeException", 413;
    /// No such data store or job.
    ResourceNotFound = "ResourceNotFoundException", 400;
    /// The body is not JSON, or a member has the wrong JSON type.
    Serialization = "SerializationException", 400;
    /// Too many requests or too many queued jobs.
    Throttling = "ThrottlingException", 400;
    /// No such action.
    UnknownOperation = "UnknownOperationException", 400;
    /// The access key is not known.
    UnrecognizedClient = "UnrecognizedClientException", 400;
    /// A value breaks a constraint.
    Validation = "ValidationException", 400;
}

/// A refusal: which exception and the sentence that goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which exception.
    pub kind: FaultKind,
    /// What the caller reads; never holds secrets.
    pub message: String,
}

impl Fault {
    /// A refusal of this kind.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Fault { kind, message: message.into() }
    }

    /// A ValidationException with a sentence of its own, for rules that the service model does not state.
    pub fn validation(message: impl Into<String>) -> Self {
        Fault::new(FaultKind::Validation, message)
    }

    /// A ResourceNotFoundException.
    pub fn not_found(message: impl Into<String>) -> Self {
        Fault::new(FaultKind::ResourceNotFound, message)
    }

    /// A ConflictException.
    pub fn conflict(message: impl Into<String>) -> Self {
        Fault::new(FaultKind::Conflict, message)
    }

    /// An InternalServerException; what went wrong belongs into the log, not into the answer.
    pub fn internal() -> Self {
        Fault::new(FaultKind::InternalServer, "The service failed to answer; try again.")
    }

    /// The body of the answer: `{"__type": …, "Message": …}`.
    pub fn body(&self) -> Bytes {
        let body = serde_json::json!({ "__type": self.kind.name(), "Message": self.message });
        Bytes::from(body.to_string())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.message)
    }
}

impl std::error::Error for Fault {}

impl From<Mistyped> for Fault {
    fn from(mistyped: Mistyped) -> Self {
        Fault::new(FaultKind::Serialization, mistyped.to_string())
    }
}

impl From<SignatureError> for Fault {
    fn from(error: SignatureError) -> Self {
        let named = FaultKind::ALL.iter().find(|kind| kind.name() == error.name());
        Fault::new(named.copied().unwrap_or(FaultKind::AccessDenied), error.to_string())
    }
}

impl From<Violations> for Fault {
    fn from(violations: Violations) -> Self {
        Fault::validation(violations.to_string())
    }
}
