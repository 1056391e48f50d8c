//! Addresses below which jobs and what they left behind are found: `$bulk-delete/{id}`, `export/{id}`,
//! `Transaction/{id}`. To add one: a row in [`ADDRESSES`].

use super::{Answer, Method};
use crate::Context;
use crate::deferred;
use crate::interaction::Parameters;
use crate::outcome::Refusal;
use crate::reply::Reply;

/// A request about a job.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusCall {
    /// The first segment of the address, as the table has it.
    pub first: &'static str,
    /// The segments below it, decoded; at least one.
    pub below: Vec<String>,
    /// How.
    pub method: Method,
    /// Names and values of the query, without those of a presigned URL.
    pub parameters: Parameters,
}

/// A row of the table.
pub(crate) struct Address {
    /// The first segment.
    pub(crate) first: &'static str,
    /// The IAM action of a GET.
    pub(crate) get: &'static str,
    /// The IAM action of a DELETE; `None` if it cannot be cancelled.
    pub(crate) delete: Option<&'static str>,
    /// What it does.
    pub(crate) run: for<'a, 'c> fn(&'a Context<'c>, StatusCall) -> Answer<'a>,
}

/// The addresses that are here.
pub(crate) static ADDRESSES: &[Address] = &[
    Address {
        first: deferred::ADDRESS,
        get: "ReadResource",
        delete: None,
        run: |context, call| Box::pin(deferred::status(context, call)),
    },
    deletion("$bulk-delete"),
    deletion("$purge"),
    deletion("$erase"),
    Address {
        first: super::export::EXPORT,
        get: "DescribeFHIRExportJobWithGet",
        delete: Some("CancelFHIRExportJobWithDelete"),
        run: |context, call| Box::pin(super::export::status::status(context, call)),
    },
    Address {
        first: super::reindex::REINDEX,
        get: "ReadResource",
        delete: None,
        run: |context, call| Box::pin(super::reindex::status(context, call)),
    },
];

/// The jobs of an operation that deletes: they are told of, and not cancelled.
const fn deletion(first: &'static str) -> Address {
    Address {
        first,
        get: "DescribeFHIRBulkDeleteJob",
        delete: None,
        run: |context, call| Box::pin(super::removal::status(context, call)),
    }
}

impl StatusCall {
    /// The IAM action it needs.
    pub(crate) fn action(&self) -> &'static str {
        let action = at(self.first).and_then(|address| address.action(self.method));
        action.expect("a call is made only of an address in the table that has the method")
    }
}

impl Address {
    fn action(&self, method: Method) -> Option<&'static str> {
        match method {
            Method::Get => Some(self.get),
            Method::Delete => self.delete,
            Method::Post => None,
        }
    }
}

fn at(first: &str) -> Option<&'static Address> {
    ADDRESSES.iter().find(|address| address.first == first)
}

/// The row for an address that begins so, if there is one, with the method; `method` is `None` for one that
/// no such address has.
pub(crate) fn find(first: &str, method: Option<Method>) -> Option<Result<(&'static str, Method), Refusal>> {
    let address = at(first)?;
    let method = method.filter(|method| address.action(*method).is_some());
    let allow = if address.delete.is_some() { "GET, HEAD, DELETE" } else { "GET, HEAD" };
    Some(method.map(|method| (address.first, method)).ok_or_else(|| Refusal::method(allow)))
}

/// Does what a call asks.
pub(crate) async fn perform(context: &Context<'_>, call: StatusCall) -> Result<Reply, Refusal> {
    let nothing = || Refusal::no_such_address("No interaction has this address.");
    let address = at(call.first).ok_or_else(nothing)?;
    (address.run)(context, call).await
}
