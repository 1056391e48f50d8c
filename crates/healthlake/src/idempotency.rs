//! ClientToken: the same token with the same parameters gets the same answer, for as long as the records live.

use crate::error::Fault;
use crate::service::Service;
use crate::shape::Request;
use aws_lc_rs::digest;
use serde_json::Value;

/// The first use of a client token, or the wish to be one.
pub(crate) struct ClientToken {
    action: &'static str,
    token: String,
    fingerprint: String,
}

impl ClientToken {
    /// The token of `request`, if it carries one.
    pub(crate) fn of<R: Request>(request: &R, token: Option<&String>) -> Option<Self> {
        let parameters = canonical(request, &["ClientToken"]);
        let digest = digest::digest(&digest::SHA256, parameters.as_bytes());
        let fingerprint = hex::encode(digest);
        token.map(|token| ClientToken { action: R::ACTION.name(), token: token.clone(), fingerprint })
    }

    /// The id that this token's first use made. Fails with ValidationException if that use had other parameters.
    pub(crate) async fn made(&self, service: &Service) -> Result<Option<String>, Fault> {
        let first = service.catalog().request(self.action, &self.token).await;
        match first.map_err(|error| service.failed(&error))? {
            None => Ok(None),
            Some(first) if first.fingerprint == self.fingerprint => Ok(Some(first.made)),
            Some(_) => Err(Fault::validation(
                "The ClientToken was used before with other parameters; use a new one for a new request",
            )),
        }
    }

    /// The record of this use, which made `made`.
    pub(crate) fn record(&self, service: &Service, made: &str) -> store::Request {
        store::Request {
            action: self.action.to_owned(),
            token: self.token.clone(),
            fingerprint: self.fingerprint.clone(),
            made: made.to_owned(),
            at: service.clock().now(),
        }
    }
}

/// The parameters of a request as one text: its action and its members in a fixed order, but for `without`.
pub(crate) fn canonical<R: Request>(request: &R, without: &[&str]) -> String {
    let mut value = request.encode();
    if let Value::Object(members) = &mut value {
        for name in without {
            members.remove(*name);
        }
    }
    format!("{} {value}", R::ACTION.name())
}
