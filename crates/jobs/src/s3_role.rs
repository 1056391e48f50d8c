//! The credentials of a role that a job names, asked for when needed and kept until shortly before they expire.

use std::{fmt, sync::Arc};

use object_store::{CredentialProvider, aws::AwsCredential};
use store::Clock;
use tokio::sync::Mutex;

use crate::objects::{Answer, ObjectsError};

/// Credentials are asked for anew when they have less than this to live, in seconds.
const MARGIN_SECONDS: i64 = 300;

/// Temporary credentials of a role.
#[derive(Clone)]
pub struct RoleCredentials {
    /// The public half of the key.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: String,
    /// What must come with it.
    pub session_token: String,
    /// When it ends, in seconds since 1970.
    pub expires_unix_seconds: i64,
}

/// Gives the credentials of roles (STS AssumeRole).
pub trait AssumeRole: Send + Sync {
    /// The credentials of a role. Fails with `AccessDenied` where we may not assume it.
    fn assume_role<'a>(&'a self, role_arn: &'a str) -> Answer<'a, RoleCredentials>;
}

/// The credentials of one role.
pub(crate) struct RoleProvider {
    role_arn: String,
    roles: Arc<dyn AssumeRole>,
    clock: Arc<dyn Clock>,
    kept: Mutex<Option<(Arc<AwsCredential>, i64)>>,
}

impl RoleProvider {
    pub(crate) fn new(role_arn: String, roles: Arc<dyn AssumeRole>, clock: Arc<dyn Clock>) -> RoleProvider {
        RoleProvider { role_arn, roles, clock, kept: Mutex::default() }
    }
}

impl fmt::Debug for RoleProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoleProvider({})", self.role_arn)
    }
}

#[async_trait::async_trait]
impl CredentialProvider for RoleProvider {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        // Held while asking, so that many requests at once ask once.
        let mut kept = self.kept.lock().await;
        let now = self.clock.now().0.div_euclid(1_000_000);
        if let Some((credential, expires)) = kept.as_ref()
            && now < expires - MARGIN_SECONDS
        {
            return Ok(credential.clone());
        }
        let given = self.roles.assume_role(&self.role_arn).await.map_err(of_store)?;
        let credential = Arc::new(AwsCredential {
            key_id: given.access_key_id,
            secret_key: given.secret_access_key,
            token: Some(given.session_token),
        });
        *kept = Some((credential.clone(), given.expires_unix_seconds));
        Ok(credential)
    }
}

/// As an error of the library, from which it comes back as what it was.
fn of_store(error: ObjectsError) -> object_store::Error {
    match error {
        ObjectsError::AccessDenied => {
            object_store::Error::PermissionDenied { path: String::new(), source: Box::new(error) }
        }
        other => object_store::Error::Generic { store: "STS", source: Box::new(other) },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use fhir::Time;
    use store::ManualClock;

    use super::*;

    /// Gives keys that are good for an hour, numbered; denies the role named `no`.
    struct Numbered(AtomicI64, Arc<ManualClock>);

    impl AssumeRole for Numbered {
        fn assume_role<'a>(&'a self, role_arn: &'a str) -> Answer<'a, RoleCredentials> {
            let number = self.0.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                if role_arn == "no" {
                    return Err(ObjectsError::AccessDenied);
                }
                Ok(RoleCredentials {
                    access_key_id: number.to_string(),
                    secret_access_key: "secret".to_owned(),
                    session_token: "token".to_owned(),
                    expires_unix_seconds: self.1.now().0 / 1_000_000 + 3600,
                })
            })
        }
    }

    fn provider(role: &str) -> (RoleProvider, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Time(1_000_000_000_000)));
        let roles = Arc::new(Numbered(AtomicI64::new(0), clock.clone()));
        (RoleProvider::new(role.to_owned(), roles, clock.clone()), clock)
    }

    #[tokio::test]
    async fn credentials_are_kept_until_shortly_before_they_expire() {
        let (provider, clock) = provider("role");
        let key = async || provider.get_credential().await.unwrap().key_id.clone();
        assert_eq!(key().await, "0");
        clock.advance_ms((3600 - MARGIN_SECONDS) * 1000 - 1000);
        assert_eq!(key().await, "0");
        clock.advance_ms(1000);
        assert_eq!(key().await, "1");
    }

    #[tokio::test]
    async fn a_role_that_cannot_be_assumed_is_access_denied() {
        let (provider, _) = provider("no");
        let error = provider.get_credential().await.unwrap_err();
        assert_eq!(crate::s3::error(error), ObjectsError::AccessDenied);
    }
}
