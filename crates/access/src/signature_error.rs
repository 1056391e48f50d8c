//! Why a request was not taken for what it claims to be: the usual AWS exceptions and their sentences.

use std::fmt;

/// A refused signature. Its sentences hold no secret and no signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureError {
    /// Nothing in the request says who sent it.
    MissingAuthenticationToken,
    /// Something does, but not in the form of Signature Version 4; the text says what is missing or wrong.
    IncompleteSignature(String),
    /// The access key is not known, or its session token is wrong.
    UnrecognizedClient,
    /// The signature does not match, or is not of this day, service or time; the text says which.
    InvalidSignature(String),
    /// The session that the access key belongs to is over.
    ExpiredToken,
    /// A signed request of which the payload is not the one that was signed.
    ContentHashMismatch,
}

/// The sentence of a signature that does not match.
pub(crate) const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. \
     Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

impl SignatureError {
    /// The name of the exception in AWS JSON services.
    pub fn name(&self) -> &'static str {
        match self {
            SignatureError::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            SignatureError::IncompleteSignature(_) => "IncompleteSignatureException",
            SignatureError::UnrecognizedClient => "UnrecognizedClientException",
            SignatureError::InvalidSignature(_) | SignatureError::ContentHashMismatch => {
                "InvalidSignatureException"
            }
            SignatureError::ExpiredToken => "ExpiredTokenException",
        }
    }

    /// The HTTP status that AWS documents for it ("Common errors"): 400 for a request not in the form of a
    /// signed one, 403 for one that is and was refused.
    pub fn status(&self) -> u16 {
        match self {
            SignatureError::IncompleteSignature(_) => 400,
            _ => 403,
        }
    }
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SignatureError::MissingAuthenticationToken => "Missing Authentication Token",
            SignatureError::IncompleteSignature(text) | SignatureError::InvalidSignature(text) => text,
            SignatureError::UnrecognizedClient => "The security token included in the request is invalid.",
            SignatureError::ExpiredToken => "The security token included in the request is expired",
            SignatureError::ContentHashMismatch => {
                "The provided 'x-amz-content-sha256' header does not match what was computed."
            }
        })
    }
}

impl std::error::Error for SignatureError {}

/// A request that is not in the form of a signed one.
pub(crate) fn incomplete(text: &str) -> SignatureError {
    SignatureError::IncompleteSignature(text.to_owned())
}

/// A signature that is not taken.
pub(crate) fn invalid(text: String) -> SignatureError {
    SignatureError::InvalidSignature(text)
}
