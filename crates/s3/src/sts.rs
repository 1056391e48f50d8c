//! Asks AWS STS, or anything that speaks its protocol, for the credentials of the role that a job names.

use std::sync::Arc;

use access::{Credentials, PathForm, Signer};
use jobs::{AssumeRole, ObjectsError, RoleCredentials, objects::Answer};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use store::Clock;

/// How long the credentials are good for, in seconds: the longest that every role allows.
const SESSION_SECONDS: i64 = 3600;
/// The name under which a session stands in the audit trail of the role's account.
const SESSION_NAME: &str = "tarn-healthlake";
/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A client of STS.
pub struct StsClient {
    endpoint: String,
    region: String,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
    http: reqwest::Client,
}

impl StsClient {
    /// A client that signs with our own key. `endpoint` is a URL, such as `https://sts.us-east-1.amazonaws.com`.
    pub fn new(endpoint: &str, region: &str, credentials: Credentials, clock: Arc<dyn Clock>) -> StsClient {
        let endpoint = format!("{}/", endpoint.trim_end_matches('/'));
        StsClient { endpoint, region: region.to_owned(), credentials, clock, http: reqwest::Client::new() }
    }

    async fn ask(&self, role_arn: &str) -> Result<RoleCredentials, ObjectsError> {
        let now = self.clock.now().0.div_euclid(1_000_000);
        let role = utf8_percent_encode(role_arn, NON_ALPHANUMERIC);
        let form = format!(
            "Action=AssumeRole&Version=2011-06-15&RoleArn={role}&RoleSessionName={SESSION_NAME}\
             &DurationSeconds={SESSION_SECONDS}"
        );
        let request = http::Request::post(&self.endpoint)
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8");
        let (mut parts, ()) = request.body(()).map_err(unavailable)?.into_parts();
        let signer = Signer {
            credentials: &self.credentials,
            region: &self.region,
            service: "sts",
            path_form: PathForm::Twice,
            unix_seconds: now,
        };
        signer.sign(&mut parts, form.as_bytes()).map_err(unavailable)?;
        let answer = self.http.post(&self.endpoint).headers(parts.headers).body(form).send();
        let mut answer =
            answer.await.map_err(|_| ObjectsError::Unavailable("STS did not answer".to_owned()))?;
        let status = answer.status();
        let mut text = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(unavailable)? {
            if text.len() + piece.len() > ANSWER_BYTES_MAX {
                return Err(ObjectsError::Unavailable("STS answered too much".to_owned()));
            }
            text.extend_from_slice(&piece);
        }
        let text = String::from_utf8_lossy(&text);
        match status.as_u16() {
            200 => read(&text, now + SESSION_SECONDS),
            400..=499 if element(&text, "Code") != Some("Throttling") => Err(ObjectsError::AccessDenied),
            status => Err(ObjectsError::Unavailable(format!("STS answered {status}"))),
        }
    }
}

impl AssumeRole for StsClient {
    fn assume_role<'a>(&'a self, role_arn: &'a str) -> Answer<'a, RoleCredentials> {
        Box::pin(self.ask(role_arn))
    }
}

fn unavailable(error: impl std::fmt::Display) -> ObjectsError {
    ObjectsError::Unavailable(error.to_string())
}

/// Reads the answer to AssumeRole.
fn read(text: &str, expires_unix_seconds: i64) -> Result<RoleCredentials, ObjectsError> {
    let get = |name: &str| {
        let missing = || ObjectsError::Unavailable("STS answered without credentials".to_owned());
        element(text, name).map(str::to_owned).ok_or_else(missing)
    };
    Ok(RoleCredentials {
        access_key_id: get("AccessKeyId")?,
        secret_access_key: get("SecretAccessKey")?,
        session_token: get("SessionToken")?,
        expires_unix_seconds,
    })
}

/// The text of an element. Keys and tokens are of characters that XML leaves as they are.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_gives_credentials_and_an_error_none() {
        let text = "<R><Credentials><SessionToken>t+/=</SessionToken><SecretAccessKey>s</SecretAccessKey>\
                    <AccessKeyId>\n ASIA </AccessKeyId></Credentials></R>";
        let read_back = read(text, 7).unwrap();
        assert_eq!((&*read_back.access_key_id, &*read_back.session_token), ("ASIA", "t+/="));
        assert!(read("<E><Code>AccessDenied</Code></E>", 7).is_err());
    }
}
