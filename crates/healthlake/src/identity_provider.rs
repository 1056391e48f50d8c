//! IdentityProviderConfiguration: what a SMART store has to say about its authorization server.

use crate::error::Fault;
use crate::generated::enumerations::AuthorizationStrategy;
use crate::generated::structures::IdentityProviderConfiguration;
use crate::limits::METADATA_BYTES_MAX;
use serde_json::{Map, Value};
use store::{IdentityProvider, Strategy};

/// The configuration as it is recorded. Fails with ValidationException if a SMART store's Metadata is not a
/// discovery document.
pub(crate) fn checked(asked: IdentityProviderConfiguration) -> Result<IdentityProvider, Fault> {
    let strategy = match asked.authorization_strategy {
        AuthorizationStrategy::AwsAuth => Strategy::AwsAuth,
        AuthorizationStrategy::SmartOnFhirV1 => Strategy::SmartOnFhirV1,
        AuthorizationStrategy::SmartOnFhir => Strategy::SmartOnFhir,
    };
    match &asked.metadata {
        Some(metadata) => check_metadata(metadata)?,
        None if strategy == Strategy::AwsAuth => {}
        None => return Err(invalid("Metadata is required for a SMART on FHIR authorization strategy")),
    }
    Ok(IdentityProvider {
        strategy,
        fine_grained: asked.fine_grained_authorization_enabled,
        metadata: asked.metadata,
        lambda_arn: asked.idp_lambda_arn,
    })
}

fn check_metadata(text: &str) -> Result<(), Fault> {
    if text.len() > METADATA_BYTES_MAX {
        return Err(invalid(&format!("Metadata is longer than {METADATA_BYTES_MAX} bytes")));
    }
    let Ok(Value::Object(metadata)) = serde_json::from_str(text) else {
        return Err(invalid("Metadata is not a JSON object"));
    };
    for name in ["authorization_endpoint", "token_endpoint"] {
        if !metadata.get(name).and_then(Value::as_str).is_some_and(is_web_address) {
            return Err(invalid(&format!("Metadata needs the web address {name}")));
        }
    }
    for name in ["grant_types_supported", "capabilities", "code_challenge_methods_supported"] {
        if strings(&metadata, name).is_none_or(|values| values.is_empty()) {
            return Err(invalid(&format!("Metadata needs the list {name} of at least one string")));
        }
    }
    if !strings(&metadata, "code_challenge_methods_supported")
        .is_some_and(|methods| methods.contains(&"S256"))
    {
        return Err(invalid("The list code_challenge_methods_supported in Metadata must contain S256"));
    }
    Ok(())
}

fn strings<'a>(metadata: &'a Map<String, Value>, name: &str) -> Option<Vec<&'a str>> {
    metadata.get(name)?.as_array()?.iter().map(Value::as_str).collect()
}

fn is_web_address(text: &str) -> bool {
    let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    authority.is_some_and(|authority| !authority.is_empty() && !authority.contains(char::is_whitespace))
}

fn invalid(sentence: &str) -> Fault {
    Fault::validation(format!("IdentityProviderConfiguration is invalid: {sentence}"))
}
