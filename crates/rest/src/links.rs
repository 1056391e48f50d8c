//! Addresses that answers name: of resources, of versions, of pages.

use fhir::{Id, Reference, ResourceKey, ResourceType};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use search::SearchScope;
use store::Scope;

use crate::interaction::Parameters;

/// What may stand in a query as it is: what RFC 3986 lets, but for the signs that forms and FHIR give a
/// meaning.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b',')
    .remove(b'/')
    .remove(b'$');

/// The address of a data store's FHIR service, with a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    address: String,
    /// Parameters that addresses of searches and pages carry on, as a query.
    carried: String,
}

impl Base {
    /// The FHIR address of a data store below a server's public address.
    pub fn new(public_url: &str, datastore: &str) -> Base {
        let address = format!("{}/datastore/{datastore}/r4/", public_url.trim_end_matches('/'));
        Base { address, carried: String::new() }
    }

    /// The same base, whose searches and pages carry these parameters on: how the client wants to see answers.
    #[must_use]
    pub fn carrying(self, parameters: &Parameters) -> Base {
        Base { carried: encode(parameters), ..self }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// The address of one version: `…/Patient/1/_history/2`.
    pub fn version(&self, key: &ResourceKey, version: u64) -> String {
        format!("{}{key}/_history/{version}", self.address)
    }

    /// The resource of this data store that a reference means, if it means one.
    pub(crate) fn key(&self, reference: &str) -> Option<ResourceKey> {
        let local = reference.strip_prefix(&self.address).unwrap_or(reference);
        match Reference::parse(local) {
            Reference::Relative { of, id, .. } => Some(ResourceKey { of, id: Id::parse(id)? }),
            _ => None,
        }
    }

    /// The address of a search or a history with its parameters.
    pub fn query(&self, path: &str, parameters: &Parameters) -> String {
        let queries = [encode(parameters), self.carried.clone()];
        let queries: Vec<String> = queries.into_iter().filter(|query| !query.is_empty()).collect();
        let mark = if queries.is_empty() { "" } else { "?" };
        format!("{}{path}{mark}{}", self.address, queries.join("&"))
    }

    /// The address of a page: always a GET, with the number it was cut for and the token.
    pub fn page(&self, path: &str, count: usize, token: &str) -> String {
        let and = if self.carried.is_empty() { "" } else { "&" };
        format!("{}{path}?_count={count}&page={token}{and}{}", self.address, self.carried)
    }
}

/// Parameters as a URL query.
fn encode(parameters: &Parameters) -> String {
    let mut query = String::new();
    for (name, value) in parameters {
        if !query.is_empty() {
            query.push('&');
        }
        query.extend(utf8_percent_encode(name, QUERY));
        query.push('=');
        query.extend(utf8_percent_encode(value, QUERY));
    }
    query
}

/// The path of a scope's searches.
pub(crate) fn search_path(scope: &SearchScope) -> String {
    match scope {
        SearchScope::Type(of) => of.name().to_owned(),
        SearchScope::System => String::new(),
        SearchScope::Compartment { of, id, inner } => {
            format!("{of}/{id}/{}", inner.map_or("*", ResourceType::name))
        }
    }
}

/// The path of a history.
pub(crate) fn history_path(of: &Scope) -> String {
    match of {
        Scope::Instance(key) => format!("{key}/_history"),
        Scope::Type(of) => format!("{of}/_history"),
        Scope::System => "_history".to_owned(),
    }
}
