//! What a signed request says about itself: the fields of its `Authorization` header or presigned query, parsed
//! before any of it is believed.

use http::HeaderMap;

use crate::{
    canonical,
    credentials::Secret,
    key::{ALGORITHM, Scope, TERMINATOR},
    signature_error::{SignatureError, incomplete, invalid},
    sigv4::{PRESIGNED_SECONDS_MAX, SignedRequest},
    timestamp,
};

/// The longest `Authorization` header or presigned query that is looked at, in bytes.
pub const AUTHORIZATION_BYTES_MAX: usize = 16 * 1024;

/// The query parameter of a presigned request's session token.
const TOKEN_PARAMETER: &str = "X-Amz-Security-Token";
/// The query parameter that a presigned request's signature cannot cover: itself.
const SIGNATURE_PARAMETER: &str = "X-Amz-Signature";

/// The service that a request claims to be signed for, by which one port can serve several; `None`: the request
/// is not signed, or not in this form. Proves nothing.
pub fn claimed_service(query: &str, headers: &HeaderMap) -> Option<String> {
    claimed_credential(query, headers)?.rsplit('/').nth(1).map(str::to_owned)
}

/// The access key that a request claims to be signed with, by which callers can be told apart before their signatures
/// are verified; `None`: as above. Proves nothing.
pub fn claimed_access_key(query: &str, headers: &HeaderMap) -> Option<String> {
    claimed_credential(query, headers)?.split('/').next().map(str::to_owned)
}

fn claimed_credential(query: &str, headers: &HeaderMap) -> Option<String> {
    match headers.get(http::header::AUTHORIZATION) {
        Some(value) => field(value.to_str().ok()?.strip_prefix(ALGORITHM)?, "Credential").map(str::to_owned),
        None => canonical::parameter(query, "X-Amz-Credential"),
    }
}

/// What a request says about itself, before any of it is believed.
pub(crate) struct Claim {
    pub access_key_id: String,
    pub scope: Scope,
    /// As written in the request.
    pub timestamp: String,
    pub unix_seconds: i64,
    /// Lower-case names between semicolons.
    pub signed_headers: String,
    pub signature: String,
    pub session_token: Option<Secret>,
    pub form: Form,
}

/// Where the signature stands.
pub(crate) enum Form {
    Header,
    Presigned { good_seconds: i64 },
}

impl Claim {
    /// Reads the claim of a request.
    pub(crate) fn of(request: &SignedRequest<'_>) -> Result<Claim, SignatureError> {
        if let Some(value) = request.headers.get(http::header::AUTHORIZATION) {
            let text = value.to_str().map_err(|_| incomplete("Authorization header is not ASCII text."))?;
            return Claim::of_header(text, request.headers);
        }
        match canonical::parameter(request.query, "X-Amz-Algorithm") {
            Some(algorithm) => Claim::of_query(&algorithm, request.query),
            None => Err(SignatureError::MissingAuthenticationToken),
        }
    }

    /// The queries that the client may have signed, each made only when those before it did not do: some leave
    /// characters as they stand, and some add the session token only after signing.
    pub(crate) fn canonical_queries(&self, raw: &str) -> impl Iterator<Item = String> {
        let forms: &[fn(&str) -> String] = match (&self.form, &self.session_token) {
            (Form::Header, _) if raw.is_empty() => &[|_| String::new()],
            (Form::Header, _) => {
                &[|raw| canonical::query(raw, &[]), canonical::query_as_sent_in_order, |raw| raw.to_owned()]
            }
            (Form::Presigned { .. }, None) => &[|raw| canonical::query(raw, &[SIGNATURE_PARAMETER])],
            (Form::Presigned { .. }, Some(_)) => &[
                |raw| canonical::query(raw, &[SIGNATURE_PARAMETER]),
                |raw| canonical::query(raw, &[SIGNATURE_PARAMETER, TOKEN_PARAMETER]),
            ],
        };
        forms.iter().map(move |written| written(raw))
    }

    fn of_header(text: &str, headers: &HeaderMap) -> Result<Claim, SignatureError> {
        if text.len() > AUTHORIZATION_BYTES_MAX {
            return Err(incomplete("Authorization header is too long."));
        }
        // Another scheme (Basic, Bearer) is no AWS signature at all, not a broken one.
        let fields = text.strip_prefix(ALGORITHM).ok_or(SignatureError::MissingAuthenticationToken)?;
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let date = header("x-amz-date").or_else(|| header("date"));
        let parts =
            (field(fields, "Credential"), field(fields, "Signature"), field(fields, "SignedHeaders"), date);
        let (Some(credential), Some(signature), Some(signed_headers), Some(date)) = parts else {
            return Err(missing_fields([parts.0, parts.1, parts.2], parts.3));
        };
        Ok(Claim {
            signed_headers: signed_headers.to_owned(),
            signature: signature.to_owned(),
            session_token: header("x-amz-security-token").map(Secret::new),
            form: Form::Header,
            ..Claim::of_credential(credential, date)?
        })
    }

    fn of_query(algorithm: &str, query: &str) -> Result<Claim, SignatureError> {
        if query.len() > AUTHORIZATION_BYTES_MAX {
            return Err(incomplete("The signed query is too long."));
        }
        if algorithm != ALGORITHM {
            return Err(incomplete("Unsupported AWS 'algorithm' in the query."));
        }
        let get = |name: &str| {
            let missing = || format!("AWS query-string parameters must include '{name}', once.");
            canonical::parameter(query, name).ok_or_else(|| incomplete(&missing()))
        };
        let good_seconds = good_seconds(&get("X-Amz-Expires")?)?;
        Ok(Claim {
            signed_headers: get("X-Amz-SignedHeaders")?,
            signature: get(SIGNATURE_PARAMETER)?,
            session_token: canonical::parameter(query, TOKEN_PARAMETER).map(Secret::new),
            form: Form::Presigned { good_seconds },
            ..Claim::of_credential(&get("X-Amz-Credential")?, &get("X-Amz-Date")?)?
        })
    }

    /// What the credential and the date say, with everything else still to be filled in.
    fn of_credential(credential: &str, date: &str) -> Result<Claim, SignatureError> {
        let mut parts = credential.rsplitn(5, '/');
        let mut part = || {
            parts.next().ok_or_else(|| {
                incomplete(
                    "Credential must have at least 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
                )
            })
        };
        let (terminator, service, region, day, access_key_id) = (part()?, part()?, part()?, part()?, part()?);
        if terminator != TERMINATOR {
            return Err(invalid(format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator}'."
            )));
        }
        let unix_seconds = timestamp::parse(date).ok_or_else(|| {
            incomplete("Date must be in ISO-8601 'basic format', such as 20150830T123600Z.")
        })?;
        Ok(Claim {
            access_key_id: access_key_id.to_owned(),
            scope: Scope { date: day.to_owned(), region: region.to_owned(), service: service.to_owned() },
            timestamp: date.to_owned(),
            unix_seconds,
            signed_headers: String::new(),
            signature: String::new(),
            session_token: None,
            form: Form::Header,
        })
    }
}

/// How long a presigned request says that it is good for, in seconds.
fn good_seconds(text: &str) -> Result<i64, SignatureError> {
    match text.parse::<i64>() {
        Ok(seconds) if seconds > PRESIGNED_SECONDS_MAX => Err(incomplete(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less \
             than 604800 seconds",
        )),
        Ok(seconds) if seconds < 1 => Err(incomplete("X-Amz-Expires must be positive")),
        Ok(seconds) => Ok(seconds),
        Err(_) => Err(incomplete("X-Amz-Expires should be a number")),
    }
}

/// One `Name=value` of an Authorization header. Clients put commas, spaces or both between them.
fn field<'a>(fields: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = fields.split([',', ' ', '\t']).filter(|text| !text.is_empty());
    fields.find_map(|text| text.strip_prefix(name)?.strip_prefix('='))
}

/// Names every part that an Authorization header lacks, as AWS does.
fn missing_fields(fields: [Option<&str>; 3], date: Option<&str>) -> SignatureError {
    let mut text = String::new();
    for (name, value) in ["Credential", "Signature", "SignedHeaders"].iter().zip(fields) {
        if value.is_none() {
            text.push_str(&format!("Authorization header requires '{name}' parameter. "));
        }
    }
    if date.is_none() {
        text.push_str(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
        );
    }
    SignatureError::IncompleteSignature(text)
}
