//! Where jobs find their objects: in the embedded endpoint's folder, or at a real S3.

use std::sync::Arc;

use access::{Credentials, Secret};
use jobs::s3::{Addressing, Encryption, S3Credentials};
use jobs::{AssumeRole, DataAccess, S3DataAccess, S3Options};
use store::Clock;

use crate::config::{ObjectsSettings, RemoteObjects};

/// What opens objects to jobs.
pub(crate) fn access(
    buckets: &Arc<s3::Folder>,
    settings: &ObjectsSettings,
    clock: &Arc<dyn Clock>,
) -> Arc<dyn DataAccess> {
    match settings {
        ObjectsSettings::Embedded => Arc::new(s3::FolderObjects::new(Arc::clone(buckets))),
        ObjectsSettings::Remote(remote) => {
            let options = options(remote);
            Arc::new(S3DataAccess::new(options, roles(remote, clock), Arc::clone(clock)))
        }
    }
}

/// How a real S3 is spoken to.
pub(crate) fn options(remote: &RemoteObjects) -> S3Options {
    S3Options {
        endpoint: Some(remote.endpoint.clone()),
        region: remote.region.clone(),
        credentials: Some(S3Credentials {
            access_key_id: remote.access_key_id.clone(),
            secret_access_key: remote.secret_access_key.clone(),
            session_token: None,
        }),
        addressing: if remote.path_style { Addressing::Path } else { Addressing::VirtualHost },
        encryption: if remote.job_keys { Encryption::OfJob } else { Encryption::OfBucket },
    }
}

/// Where the data-access role of a job is assumed, if it is.
fn roles(remote: &RemoteObjects, clock: &Arc<dyn Clock>) -> Option<Arc<dyn AssumeRole>> {
    let endpoint = remote.sts_endpoint.as_ref()?;
    let credentials = Credentials {
        access_key_id: remote.access_key_id.clone(),
        secret: Secret::new(remote.secret_access_key.clone()),
        session_token: None,
    };
    Some(Arc::new(s3::StsClient::new(endpoint, &remote.region, credentials, Arc::clone(clock))))
}
