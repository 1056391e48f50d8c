//! NextToken: where a list goes on, opaque and sealed, so that it can neither be made up nor moved to another
//! list. Lists are newest first and a token names the last record shown, so that records made meanwhile move
//! nothing.

use crate::error::Fault;
use crate::generated::structures::{
    ListFHIRDatastoresRequest, ListFHIRExportJobsRequest, ListFHIRImportJobsRequest,
};
use crate::idempotency::canonical;
use crate::limits::PAGE_RECORDS_DEFAULT;
use crate::shape::Request;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::cmp::Reverse;

const VERSION: u8 = 1;
const SEAL_BYTES: usize = 32;

/// A record's place in its list: when it was made, in microseconds since 1970, and its id.
pub(crate) type Place = (i64, String);

/// A request for a page.
pub(crate) trait Paged: Request {
    /// Where to go on.
    fn next_token(&self) -> Option<&str>;
    /// How many records at most.
    fn max_results(&self) -> Option<i32>;
}

macro_rules! paged {
    ($($request:ty)*) => { $(impl Paged for $request {
        fn next_token(&self) -> Option<&str> {
            self.next_token.as_deref().filter(|token| !token.is_empty())
        }

        fn max_results(&self) -> Option<i32> {
            self.max_results
        }
    })* };
}
paged!(ListFHIRDatastoresRequest ListFHIRImportJobsRequest ListFHIRExportJobsRequest);

/// One page of `records`, and the token of the next one if there is one. Fails with ValidationException for a
/// token that was not given out for this list.
pub(crate) fn page<R: Paged, T>(
    key: &hmac::Key,
    request: &R,
    mut records: Vec<T>,
    place: impl Fn(&T) -> Place,
) -> Result<(Vec<T>, Option<String>), Fault> {
    let scope = canonical(request, &["NextToken", "MaxResults"]);
    if let Some(token) = request.next_token() {
        let after = open(key, &scope, token)?;
        records.retain(|record| place(record) < after);
    }
    records.sort_by_cached_key(|record| Reverse(place(record)));
    let count = request.max_results().and_then(|count| usize::try_from(count).ok());
    let count = count.unwrap_or(PAGE_RECORDS_DEFAULT).max(1);
    let is_last = records.len() <= count;
    records.truncate(count);
    let last = records.last().filter(|_| !is_last).map(&place);
    Ok((records, last.map(|last| seal(key, &scope, &last))))
}

fn seal(key: &hmac::Key, scope: &str, (at, id): &Place) -> String {
    let mut token = vec![VERSION];
    token.extend(at.to_be_bytes());
    token.extend(id.as_bytes());
    let mac = hmac::sign(key, &sealed(scope, &token));
    token.extend(mac.as_ref());
    URL_SAFE_NO_PAD.encode(token)
}

fn open(key: &hmac::Key, scope: &str, token: &str) -> Result<Place, Fault> {
    let invalid = || Fault::validation("The NextToken is not one that was returned for this list");
    let token = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    let split = token.len().checked_sub(SEAL_BYTES).ok_or_else(invalid)?;
    let (position, mac) = token.split_at(split);
    hmac::verify(key, &sealed(scope, position), mac).map_err(|_| invalid())?;
    let (version, rest) = position.split_first().ok_or_else(invalid)?;
    let (at, id) = rest.split_first_chunk().ok_or_else(invalid)?;
    let id = String::from_utf8(id.to_vec()).map_err(|_| invalid())?;
    if *version == VERSION { Ok((i64::from_be_bytes(*at), id)) } else { Err(invalid()) }
}

fn sealed(scope: &str, position: &[u8]) -> Vec<u8> {
    [scope.as_bytes(), &[0], position].concat()
}
