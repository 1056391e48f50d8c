//! Who asks, and what they may see: signatures verified, access keys, and the proof that both were in order.

mod canonical;
mod claim;
mod credentials;
mod key;
mod policy;
mod sign;
mod signature_error;
mod sigv4;
mod timestamp;

pub use canonical::{PathForm, parameter as query_parameter};
pub use claim::{AUTHORIZATION_BYTES_MAX, claimed_access_key, claimed_service};
pub use credentials::{CredentialStore, Credentials, CredentialsError, Principal, Secret};
pub use policy::Action;
pub use sign::{SignError, Signer};
pub use signature_error::SignatureError;
pub use sigv4::{
    CLOCK_SKEW_SECONDS_MAX, HEALTHLAKE, PRESIGNED_SECONDS_MAX, Payload, SIGNED_HEADERS_MAX, Service,
    SignedRequest, Verifier,
};

/// Proof that a caller was authenticated, and as whom. Only this crate makes one: [`Verifier::verify`] from a
/// signature that holds, and [`Access::open`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    who: Who,
    account_id: String,
}

/// Who the caller is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The owner of the account.
    Owner {
        /// The access key that signed.
        access_key_id: String,
    },
    /// Somebody on this machine, where the operator opened the FHIR doors to unsigned requests.
    Unsigned,
}

impl Access {
    /// Access for an unsigned request on a FHIR door. Only for servers started with `--open-fhir`, which listen
    /// on loopback alone; the caller of this function answers for both.
    pub fn open(account_id: &str) -> Access {
        Access { who: Who::Unsigned, account_id: account_id.to_owned() }
    }

    /// The access as text, for work that goes on when the request is answered. Whoever keeps it answers for its
    /// being kept where nobody can change it.
    pub fn to_kept(&self) -> String {
        let Access { who, account_id } = self;
        match who {
            Who::Owner { access_key_id } => format!("owner\n{account_id}\n{access_key_id}"),
            Who::Unsigned => format!("unsigned\n{account_id}"),
        }
    }

    /// The access that was kept as this text; `None` for any other.
    pub fn of_kept(text: &str) -> Option<Access> {
        let mut lines = text.split('\n');
        let (who, account_id) = (lines.next()?, lines.next()?.to_owned());
        let who = match who {
            "owner" => Who::Owner { access_key_id: lines.next()?.to_owned() },
            "unsigned" => Who::Unsigned,
            _ => return None,
        };
        lines.next().is_none().then_some(Access { who, account_id })
    }

    pub(crate) fn owner(principal: &Principal) -> Access {
        let access_key_id = principal.credentials.access_key_id.clone();
        Access { who: Who::Owner { access_key_id }, account_id: principal.account_id.clone() }
    }

    /// Who the caller is.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// The twelve digits of the caller's account.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }
}
