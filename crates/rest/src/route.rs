//! From an HTTP request to an [`Interaction`]: addresses and methods (R4 http, section 3.1.0.0).

use bytes::Bytes;
use fhir::{Id, ResourceKey, ResourceType};
use http::{HeaderMap, Method, Request};
use percent_encoding::percent_decode_str;
use search::SearchScope;
use store::Scope;

use crate::history;
use crate::inbound;
use crate::interaction::{Interaction, Parameters, Patch, Sent, When, is_storable};
use crate::limits::{PARAMETERS_MAX, SEARCH_BYTES_MAX};
use crate::negotiate::{self, PatchFormat};
use crate::operation::status::{self, StatusCall};
use crate::operation::{self, OperationCall, OperationLevel};
use crate::outcome::Refusal;
use crate::representation::{self, Representation, is_of_representation};

pub(crate) mod entry;

/// A request taken apart: whose data store, what below it, and the rest as sent.
#[derive(Clone)]
pub(crate) struct Call<'a> {
    /// The text where a data store's id stands.
    pub(crate) datastore: String,
    /// The path below the FHIR base, decoded, without empty segments.
    segments: Vec<String>,
    method: &'a Method,
    headers: &'a HeaderMap,
    query: &'a str,
    body: &'a Bytes,
}

impl<'a> Call<'a> {
    /// The call that a request is; `None` if its path is not one of a data store's FHIR service.
    pub(crate) fn of(request: &'a Request<Bytes>) -> Option<Call<'a>> {
        let segments = request.uri().path().split('/').filter(|segment| !segment.is_empty());
        let mut segments = segments.map(|segment| percent_decode_str(segment).decode_utf8().ok());
        let mut next = || segments.next()?.map(String::from);
        if next()? != "datastore" {
            return None;
        }
        let datastore = next()?;
        if next()? != "r4" {
            return None;
        }
        Some(Call {
            datastore,
            segments: segments.map(|segment| segment.map(String::from)).collect::<Option<_>>()?,
            method: request.method(),
            headers: request.headers(),
            query: request.uri().query().unwrap_or_default(),
            body: request.body(),
        })
    }

    /// The segments of the path below the base, decoded.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The names and values of the query.
    pub(crate) fn parameters(&self) -> Result<Parameters, Refusal> {
        parse_query(self.query)
    }

    /// Whether it is at the base address, where Bundles are posted.
    pub(crate) fn is_at_base(&self) -> bool {
        self.segments.is_empty()
    }

    /// The interaction it asks for.
    pub(crate) fn interaction(&self) -> Result<Interaction, Refusal> {
        let parameters = parse_query(self.query)?;
        let segments: Vec<&str> = self.segments.iter().map(String::as_str).collect();
        if let Some((last, before)) = segments.split_last().filter(|(last, _)| last.starts_with('$')) {
            return self.operation(&last[1..], before, parameters);
        }
        if let [first, below @ ..] = segments.as_slice()
            && !below.is_empty()
            && let Some(found) = status::find(first, self.verb())
        {
            return self.status(found?, below, parameters);
        }
        self.refuse_absent(&segments)?;
        match segments.as_slice() {
            [] if *self.method == Method::POST => {
                negotiate::check_body_format(self.headers)?;
                negotiate::check_no_idempotency(self.headers)?;
                negotiate::check_no_create(self.headers)?;
                negotiate::check_levels(self.headers)?;
                let returning = negotiate::returning(self.headers);
                let is_async = negotiate::is_async(self.headers);
                Ok(Interaction::Bundle { body: self.body.clone(), returning, is_async })
            }
            ["_history"] => self.history(Scope::System, parameters),
            [of, "_history"] => self.history(Scope::Type(resource_type(of)?), parameters),
            ["metadata"] => self.metadata(&parameters),
            [] => self.search(SearchScope::System, parameters),
            ["_search"] => self.post_search(SearchScope::System, parameters),
            [of] => self.on_type(resource_type(of)?, parameters),
            [of, "_search"] => self.post_search(SearchScope::Type(resource_type(of)?), parameters),
            [of, id, "_search"] => self.post_search(compartment(of, id, "*")?, parameters),
            [of, id, inner, "_search"] => self.post_search(compartment(of, id, inner)?, parameters),
            [of, id] => self.on_instance(resource_type(of)?, id, &parameters),
            [of, id, "_history"] => self.history(Scope::Instance(key(resource_type(of)?, id)?), parameters),
            [of, id, "_history", version] => {
                self.get()?;
                let key = key(resource_type(of)?, id)?;
                check_plain(&parameters)?;
                let version = negotiate::parse_version(version);
                let version = version.ok_or_else(|| Refusal::version_not_found(&key))?;
                Ok(Interaction::VersionRead { key, version })
            }
            [of, id, inner] if is_compartment(inner) => self.search(compartment(of, id, inner)?, parameters),
            _ => Err(Refusal::no_such_address("No interaction has this address.")),
        }
    }

    /// The body unpacked, and if it is a resource, in JSON: what interactions read.
    pub(crate) fn read_body(&self, bytes_max: usize) -> Result<Bytes, Refusal> {
        let body = inbound::unpacked(self.body, negotiate::body_coding(self.headers)?, bytes_max)?;
        let is_form = self.segments.last().is_some_and(|last| last == "_search");
        if body.is_empty() || is_form || !matches!(*self.method, Method::POST | Method::PUT) {
            return Ok(body);
        }
        inbound::in_json(body, negotiate::body_format(self.headers)?)
    }

    /// The same call with this body.
    pub(crate) fn with_body<'b>(&'b self, body: &'b Bytes) -> Call<'b> {
        Call { body, ..self.clone() }
    }

    /// How the answer is to be shown, and the parameters that say so.
    pub(crate) fn representation(&self) -> Result<(Representation, Parameters), Refusal> {
        let parameters = self.shown_by()?;
        let format = negotiate::answer_format(self.headers, value(&parameters, "_format"))?;
        Ok((Representation::asked(&parameters, format)?, representation::carried(&parameters)))
    }

    /// How a refusal is to be shown, whatever else is wrong with what was asked.
    pub(crate) fn representation_of_refusal(&self) -> Representation {
        let mut parameters = self.shown_by().unwrap_or_default();
        parameters.retain(|(name, _)| matches!(name.as_str(), "_format" | "_pretty"));
        let format = negotiate::answer_format(self.headers, value(&parameters, "_format"));
        let format = format.unwrap_or_default();
        let asked = Representation::asked(&parameters, format);
        asked.unwrap_or(Representation { format, ..Representation::default() })
    }

    /// The parameters that say how the answer is to be shown: of the URL, and of a form.
    fn shown_by(&self) -> Result<Parameters, Refusal> {
        let mut parameters = parse_query(self.query)?;
        if self.segments.last().is_some_and(|last| last == "_search") && self.method == Method::POST {
            // What is no form at all is refused where the search is read.
            let form = std::str::from_utf8(self.body).ok().filter(|form| form.len() <= SEARCH_BYTES_MAX);
            parameters.extend(form.and_then(|form| parse_query(form.trim()).ok()).unwrap_or_default());
        }
        Ok(parameters)
    }

    /// Refuses what the standard or HealthLake has and this server has not yet, each by its name.
    fn refuse_absent(&self, segments: &[&str]) -> Result<(), Refusal> {
        let what = match segments {
            [".well-known", "smart-configuration"] => "SMART on FHIR is not supported.",
            [operation, _] if operation.starts_with('$') => "This operation is not supported.",
            ["export", ..] => "Asynchronous requests are not supported.",
            _ => return Ok(()),
        };
        Err(Refusal::not_supported(what))
    }

    fn metadata(&self, parameters: &Parameters) -> Result<Interaction, Refusal> {
        self.get()?;
        match value(parameters, "mode") {
            None | Some("full" | "normative") => Ok(Interaction::Capabilities),
            Some("terminology") => Ok(Interaction::TerminologyCapabilities),
            Some(_) => Err(Refusal::value("mode must be full, normative or terminology.")),
        }
    }

    fn history(&self, of: Scope, parameters: Parameters) -> Result<Interaction, Refusal> {
        self.get()?;
        let asked = history::asked(&of, without_signature(parameters))?;
        Ok(Interaction::History { of, asked })
    }

    fn on_type(&self, of: ResourceType, parameters: Parameters) -> Result<Interaction, Refusal> {
        if self.is_get() {
            return self.search(SearchScope::Type(of), parameters);
        }
        if self.method == Method::POST {
            check_plain(&parameters)?;
            self.check_write()?;
            return Ok(Interaction::Create {
                of,
                body: self.body.clone(),
                if_none_exist: negotiate::if_none_exist(self.headers)?,
                idempotency_key: negotiate::idempotency_key(self.headers)?,
            });
        }
        self.conditional(of, without_signature(parameters))
    }

    /// A write of what matches the criteria in the URL.
    fn conditional(&self, of: ResourceType, mut criteria: Parameters) -> Result<Interaction, Refusal> {
        if !matches!(*self.method, Method::PUT | Method::PATCH | Method::DELETE) {
            return Err(Refusal::method("GET, HEAD, POST, PUT, PATCH, DELETE"));
        }
        if criteria.is_empty() {
            return Err(Refusal::invalid("This method needs an id in the address, or criteria."));
        }
        check_length(self.query.len())?;
        negotiate::check_no_create(self.headers)?;
        let when = negotiate::when(self.headers)?;
        if self.method == Method::PUT {
            self.check_write()?;
            return Ok(Interaction::ConditionalUpdate { of, criteria, body: self.body.clone(), when });
        }
        if self.method == Method::PATCH {
            let patch = self.patch()?;
            return Ok(Interaction::ConditionalPatch { of, criteria, patch, when });
        }
        negotiate::check_absent_features(self.headers)?;
        let Some(count) = value(&criteria, "_count").map(str::to_owned) else {
            return Ok(Interaction::ConditionalDelete { of, criteria, when });
        };
        let count = count.parse().map_err(|_| Refusal::value("_count must be a whole number from 1."))?;
        if when != When::Always {
            return Err(Refusal::invalid("_count and If-Match exclude each other."));
        }
        criteria.retain(|(name, _)| name != "_count");
        Ok(Interaction::DeleteMany { of, criteria, count })
    }

    /// The changes that the body holds, in the form that its type says.
    fn patch(&self) -> Result<Patch, Refusal> {
        negotiate::check_absent_features(self.headers)?;
        match negotiate::patch_format(self.headers)? {
            PatchFormat::Json => Ok(Patch::Json(self.body.clone())),
            PatchFormat::FhirPath(format) => inbound::in_json(self.body.clone(), format).map(Patch::FhirPath),
        }
    }

    fn search(&self, scope: SearchScope, parameters: Parameters) -> Result<Interaction, Refusal> {
        self.get()?;
        check_length(self.query.len())?;
        Ok(Interaction::Search { scope, parameters: without_signature(parameters), sent: Sent::Get })
    }

    fn post_search(&self, scope: SearchScope, mut parameters: Parameters) -> Result<Interaction, Refusal> {
        if self.method != Method::POST {
            return Err(Refusal::method("POST"));
        }
        check_length(self.query.len() + self.body.len())?;
        // HealthLake's own clients label this form as JSON: what it is decides, not what it is called.
        let form = std::str::from_utf8(self.body).map_err(|_| Refusal::invalid("The form is not UTF-8."))?;
        parameters.extend(parse_query(form.trim())?);
        if parameters.len() > PARAMETERS_MAX {
            return Err(too_many_parameters());
        }
        Ok(Interaction::Search { scope, parameters: without_signature(parameters), sent: Sent::Post })
    }

    fn on_instance(
        &self,
        of: ResourceType,
        id: &str,
        parameters: &Parameters,
    ) -> Result<Interaction, Refusal> {
        check_plain(parameters)?;
        if self.is_get() {
            return Ok(Interaction::Read { key: key(of, id)?, unless: negotiate::unless(self.headers) });
        }
        negotiate::check_no_create(self.headers)?;
        if self.method == Method::DELETE {
            let when = negotiate::when(self.headers)?;
            negotiate::check_absent_features(self.headers)?;
            return Ok(Interaction::Delete { key: key(of, id)?, when });
        }
        if self.method == Method::PATCH {
            let when = negotiate::when(self.headers)?;
            return Ok(Interaction::Patch { key: key(of, id)?, patch: self.patch()?, when });
        }
        if self.method == Method::PUT {
            let id = Id::parse(id);
            let id = id.ok_or_else(|| Refusal::value("An id is 1 to 64 of A-Z, a-z, 0-9, - and ."))?;
            let when = negotiate::when(self.headers)?;
            self.check_write()?;
            return Ok(Interaction::Update { key: ResourceKey { of, id }, body: self.body.clone(), when });
        }
        Err(Refusal::method("GET, HEAD, PUT, PATCH, DELETE"))
    }

    fn operation(&self, name: &str, on: &[&str], parameters: Parameters) -> Result<Interaction, Refusal> {
        let at = match on {
            [] => OperationLevel::System,
            [of] => OperationLevel::Type(resource_type(of)?),
            [of, id] => OperationLevel::Instance(key(resource_type(of)?, id)?),
            [of, id, "_history", version] => {
                let key = key(resource_type(of)?, id)?;
                let version = negotiate::parse_version(version);
                let version = version.ok_or_else(|| Refusal::version_not_found(&key))?;
                OperationLevel::Version(key, version)
            }
            _ => return Err(Refusal::no_such_address("No interaction has this address.")),
        };
        let (name, method) = operation::find(name, &at, self.verb())?;
        check_length(self.query.len())?;
        if !self.body.is_empty() {
            negotiate::check_body_format(self.headers)?;
        }
        Ok(Interaction::Operation(OperationCall {
            name,
            at,
            method,
            parameters: without_signing(parameters),
            body: self.body.clone(),
            is_async: negotiate::is_async(self.headers),
        }))
    }

    fn status(
        &self,
        (first, method): (&'static str, operation::Method),
        below: &[&str],
        parameters: Parameters,
    ) -> Result<Interaction, Refusal> {
        let below = below.iter().map(|segment| (*segment).to_owned()).collect();
        let parameters = without_signing(parameters);
        Ok(Interaction::Status(StatusCall { first, below, method, parameters }))
    }

    /// The method as operations know them.
    fn verb(&self) -> Option<operation::Method> {
        match *self.method {
            Method::GET | Method::HEAD => Some(operation::Method::Get),
            Method::POST => Some(operation::Method::Post),
            Method::DELETE => Some(operation::Method::Delete),
            _ => None,
        }
    }

    fn check_write(&self) -> Result<(), Refusal> {
        negotiate::check_absent_features(self.headers)?;
        negotiate::check_body_format(self.headers)
    }

    fn is_get(&self) -> bool {
        matches!(*self.method, Method::GET | Method::HEAD)
    }

    fn get(&self) -> Result<(), Refusal> {
        if self.is_get() { Ok(()) } else { Err(Refusal::method("GET, HEAD")) }
    }
}

/// Names and values of a URL query or a form, in their order.
pub(crate) fn parse_query(query: &str) -> Result<Parameters, Refusal> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let parameters: Parameters = pairs
        .take(PARAMETERS_MAX + 1)
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect::<Result<_, Refusal>>()?;
    if parameters.len() > PARAMETERS_MAX { Err(too_many_parameters()) } else { Ok(parameters) }
}

fn too_many_parameters() -> Refusal {
    Refusal::value(format!("A request takes at most {PARAMETERS_MAX} parameters."))
}

/// Text of a form: `+` is a space, then percent-decoded.
fn decode(text: &str) -> Result<String, Refusal> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(String::from).map_err(|_| Refusal::invalid("A parameter is not UTF-8."))
}

fn check_length(bytes: usize) -> Result<(), Refusal> {
    let sentence = || Refusal::value(format!("A search takes at most {SEARCH_BYTES_MAX} bytes."));
    if bytes > SEARCH_BYTES_MAX { Err(sentence()) } else { Ok(()) }
}

/// The last value of a parameter.
pub(crate) fn value<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a str> {
    parameters.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// The parameters without those of a presigned URL.
fn without_signing(mut parameters: Parameters) -> Parameters {
    parameters.retain(|(name, _)| !is_of_signing(name));
    parameters
}

/// The parameters without those of a presigned URL and of the representation, which were dealt with.
fn without_signature(mut parameters: Parameters) -> Parameters {
    parameters.retain(|(name, value)| !is_of_transport(name, value));
    parameters
}

fn is_of_signing(name: &str) -> bool {
    name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"))
}

fn is_of_transport(name: &str, value: &str) -> bool {
    is_of_signing(name) || is_of_representation(name, value)
}

/// Refuses parameters on an address that takes none but those of the transport.
fn check_plain(parameters: &Parameters) -> Result<(), Refusal> {
    match parameters.iter().find(|(name, value)| !is_of_transport(name, value)) {
        None => Ok(()),
        Some((name, _)) if name == "_summary" => {
            Err(Refusal::invalid("_summary=count is for searches only."))
        }
        Some(_) => Err(Refusal::invalid("This address takes no such parameter.")),
    }
}

fn resource_type(name: &str) -> Result<ResourceType, Refusal> {
    let of = ResourceType::parse(name)
        .ok_or_else(|| Refusal::no_such_address("The address does not name a resource type of FHIR R4."))?;
    if is_storable(of) {
        Ok(of)
    } else {
        Err(Refusal::not_supported(format!("Resources of type {of} cannot be stored.")))
    }
}

/// Whether the third segment of an address says what to look for in a compartment.
fn is_compartment(inner: &str) -> bool {
    inner == "*" || ResourceType::parse(inner).is_some()
}

/// The compartment of a resource, or the resources of one type in it.
fn compartment(of: &str, id: &str, inner: &str) -> Result<SearchScope, Refusal> {
    let ResourceKey { of, id } = key(resource_type(of)?, id)?;
    let inner = if inner == "*" { None } else { Some(resource_type(inner)?) };
    Ok(SearchScope::Compartment { of, id, inner })
}

/// The key of an existing resource; a text that is no id names nothing.
fn key(of: ResourceType, id: &str) -> Result<ResourceKey, Refusal> {
    let none = || Refusal::no_such_address("Resource not found: the address holds no valid id.");
    Ok(ResourceKey { of, id: Id::parse(id).ok_or_else(none)? })
}
