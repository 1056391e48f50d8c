//! The FHIR door: an HTTP request under `/datastore/{id}/r4/` becomes an HTTP response (R4 RESTful API).
//!
//! `route` and `negotiate` turn a request into an [`Interaction`], a file per interaction turns that into a
//! [`Reply`], `reply` turns that into a response. No socket is opened here.

use std::sync::Arc;

use ::search::{Cancellation, ParameterSet, Visible};
use access::{Access, CredentialStore, HEALTHLAKE, SignedRequest, Verifier};
use bytes::Bytes;
use fhir::Packages;
use fhir::Time;
use jobs::{ExportFiles, KeptVocabulary, Queue};
use store::{Catalog, Clock, Datastore, Random, Store, StoreError, uuid};

mod aim;
mod batch;
mod bounded;
mod bundle;
mod bundle_entry;
mod bundle_response;
mod capability;
mod commit;
mod contained;
mod cors;
mod costly;
mod criterion;
mod deferred;
mod delete_many;
mod explain;
mod exported_file;
mod gate;
mod history;
mod inbound;
mod intake;
mod interaction;
pub mod limits;
mod links;
mod negotiate;
mod operation;
mod outbound;
mod outcome;
mod page_token;
mod patch;
mod read;
mod reply;
mod representation;
mod route;
mod search;
mod transaction;
mod vocabulary;
mod write;

pub use ::search::SearchScope;
pub use cors::Origins;
pub use interaction::{
    CODES, Handling, HistoryAsked, Interaction, Parameters, Patch, Preferences, Returning, Sent, Unless, When,
};
pub use limits::Limits;
pub use links::Base;
pub use operation::status::StatusCall;
pub use operation::{Method, OperationCall, OperationLevel};
pub use outcome::{Form, Refusal};
pub use reply::{Content, Reply};

use bounded::Bounded;
use capability::Capabilities;
use deferred::Deferred;
use exported_file::FileLinks;
use gate::Entered;
use page_token::{Page, PageSeal};
use representation::Representation;
use route::Call;

/// What the service works with.
#[derive(Clone)]
pub struct Parts {
    /// The data stores.
    pub catalog: Arc<dyn Catalog>,
    /// The keys of those who may sign.
    pub credentials: Arc<dyn CredentialStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and nonces.
    pub random: Arc<dyn Random>,
    /// Takes jobs in.
    pub queue: Arc<Queue>,
    /// The files of exports that are served from here.
    pub files: ExportFiles,
    /// FHIR packages.
    pub packages: Arc<dyn Packages>,
}

/// How the service is set up.
#[derive(Clone)]
pub struct Settings {
    /// The address that clients know this server by, without a data store's path.
    pub public_url: String,
    /// The twelve digits of the account.
    pub account_id: String,
    /// Whether unsigned requests are taken.
    pub unsigned: Unsigned,
    /// The key that seals page tokens. Tokens live as long as it.
    pub page_key: [u8; 32],
    /// The limits.
    pub limits: Limits,
    /// The origins whose pages may call from a browser.
    pub origins: Origins,
}

/// What happens to requests without a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// They are refused.
    Refused,
    /// Data stores of AWS_AUTH take them. Only for servers that listen on loopback alone.
    Taken,
}

/// The FHIR service of all data stores.
pub struct Service {
    parts: Parts,
    settings: Settings,
    verifier: Verifier,
    pages: PageSeal,
    file_links: FileLinks,
    capabilities: Capabilities,
    deferred: Deferred,
    vocabulary: KeptVocabulary,
}

/// What an interaction works with: one caller's view of one data store.
#[derive(Clone)]
pub(crate) struct Context<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) access: &'a Access,
    pub(crate) catalog: &'a dyn Catalog,
    pub(crate) queue: &'a Queue,
    pub(crate) record: &'a Datastore,
    pub(crate) visible: Visible,
    pub(crate) base: &'a Base,
    pub(crate) parameters: ParameterSet,
    pub(crate) preferences: Preferences,
    /// The headers that mean every entry of a Bundle.
    pub(crate) entry_headers: &'a http::HeaderMap,
    pub(crate) deferred: &'a Deferred,
    pub(crate) limits: &'a Limits,
    pub(crate) now: Time,
    pub(crate) random: &'a dyn Random,
    pub(crate) links: &'a FileLinks,
    pub(crate) vocabulary: &'a KeptVocabulary,
    pub(crate) packages: &'a dyn Packages,
    capabilities: &'a Capabilities,
    datastore: &'a str,
    pages: &'a PageSeal,
}

impl Service {
    /// A service over these parts.
    pub fn new(parts: Parts, settings: Settings) -> Service {
        Service {
            verifier: Verifier::new(HEALTHLAKE, Arc::clone(&parts.credentials)),
            pages: PageSeal::new(&settings.page_key),
            capabilities: Capabilities::new(parts.clock.now(), !settings.origins.is_empty()),
            file_links: FileLinks::new(&settings.page_key),
            deferred: Deferred::default(),
            vocabulary: KeptVocabulary::default(),
            parts,
            settings,
        }
    }

    /// Answers one request, whole. Never fails: what cannot be done is an answer too.
    pub async fn handle(&self, request: http::Request<Bytes>) -> http::Response<Bytes> {
        self.handle_until(request, Cancellation::default()).await
    }

    /// The same, whose searches and histories end when `cancellation` says so: the answer is then a refusal (400,
    /// `too-costly`). What a request writes it writes whole or not at all, as ever.
    pub async fn handle_until(
        &self,
        request: http::Request<Bytes>,
        cancellation: Cancellation,
    ) -> http::Response<Bytes> {
        let call = Call::of(&request);
        let is_options = request.method() == http::Method::OPTIONS;
        let answer = async || match self.answer(&request, call.as_ref(), cancellation.clone()).await {
            Ok(response) => response,
            Err(refusal) => {
                let shown = call.as_ref().map(Call::representation_of_refusal).unwrap_or_default();
                reply::refused(refusal, request.method(), &shown)
            }
        };
        let mut response = if is_options && call.is_some() { cors::options() } else { answer().await };
        self.finish(&mut response, request.method(), request.headers());
        response
    }

    /// The largest body of any request, in bytes: more need not be read.
    pub fn body_bytes_max(&self) -> usize {
        self.settings.limits.largest_body_bytes()
    }

    /// The answer to a request that is refused because more are under way than can be served, for a listener that
    /// did not look at it: 429, to be tried again after so many seconds.
    pub fn throttled(
        &self,
        method: &http::Method,
        headers: &http::HeaderMap,
        retry_after_seconds: u64,
    ) -> http::Response<Bytes> {
        let refusal = Refusal::throttled("More requests came than can be served; try again later.");
        let mut response = reply::refused(refusal, method, &Representation::default());
        response.headers_mut().insert(http::header::RETRY_AFTER, retry_after_seconds.max(1).into());
        self.finish(&mut response, method, headers);
        response
    }

    /// The answer to a request whose body is larger than [`Limits::largest_body_bytes`], for a listener that
    /// did not read it.
    pub fn body_too_large(&self, method: &http::Method, headers: &http::HeaderMap) -> http::Response<Bytes> {
        let refusal = Refusal::body_too_large(self.settings.limits.largest_body_bytes());
        let mut response = reply::refused(refusal, method, &Representation::default());
        self.finish(&mut response, method, headers);
        response
    }

    /// What every response gets, whatever it says.
    fn finish(&self, response: &mut http::Response<Bytes>, method: &http::Method, asked: &http::HeaderMap) {
        outbound::finish(response, method, asked);
        cors::share(response, &self.settings.origins, asked, method == http::Method::OPTIONS);
        reply::identify(response, &uuid(&*self.parts.random));
    }

    async fn answer(
        &self,
        request: &http::Request<Bytes>,
        call: Option<&Call<'_>>,
        cancellation: Cancellation,
    ) -> Result<http::Response<Bytes>, Refusal> {
        let limits = &self.settings.limits;
        if request.body().len() > limits.largest_body_bytes() {
            return Err(Refusal::body_too_large(limits.largest_body_bytes()));
        }
        let verified = self.verify(request);
        let Some(call) = call else {
            verified.map_err(|error| gate::stranger(&error))?;
            return Err(Refusal::no_datastore());
        };
        let limit = if call.is_at_base() { limits.bundle_bytes } else { limits.body_bytes };
        if request.body().len() > limit {
            return Err(Refusal::body_too_large(limit));
        }
        if verified.is_err() && self.settings.unsigned == Unsigned::Taken {
            cors::check_unsigned(&self.settings.origins, request.headers())?;
        }
        let entered = self.enter(verified, &call.datastore).await?;
        let body = call.read_body(limit)?;
        let call = call.with_body(&body);
        let (representation, carried) = call.representation()?;
        let interaction = call.interaction()?;
        gate::check_permission(&entered.access, &interaction)?;
        let id = &entered.datastore.id;
        let base = Base::new(&self.settings.public_url, id.as_str()).carrying(&carried);
        let store = self.parts.catalog.open(id).await?;
        let store = Bounded { store: &*store, cancellation };
        let headers = negotiate::entry_headers(request.headers());
        let preferences = negotiate::preferences(request.headers());
        let context = Context { preferences, ..self.context(&store, &entered, &base, &headers).await? };
        let reply = perform(&context, interaction).await?;
        Ok(reply::response(reply, &base, request.method(), &representation))
    }

    /// What an interaction of this caller with this data store works with.
    async fn context<'a>(
        &'a self,
        store: &'a dyn Store,
        entered: &'a Entered,
        base: &'a Base,
        entry_headers: &'a http::HeaderMap,
    ) -> Result<Context<'a>, StoreError> {
        Ok(Context {
            store,
            access: &entered.access,
            catalog: &*self.parts.catalog,
            queue: &self.parts.queue,
            record: &entered.datastore,
            visible: entered.access.visible(),
            base,
            parameters: store.parameters().await?,
            preferences: Preferences::default(),
            entry_headers,
            deferred: &self.deferred,
            limits: &self.settings.limits,
            now: self.parts.clock.now(),
            random: &*self.parts.random,
            links: &self.file_links,
            vocabulary: &self.vocabulary,
            packages: &*self.parts.packages,
            capabilities: &self.capabilities,
            datastore: entered.datastore.id.as_str(),
            pages: &self.pages,
        })
    }

    fn verify(&self, request: &http::Request<Bytes>) -> Result<Access, access::SignatureError> {
        let uri = request.uri();
        let signed = SignedRequest {
            method: request.method().as_str(),
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            headers: request.headers(),
            authority: uri.authority().map(http::uri::Authority::as_str),
            body: request.body(),
        };
        self.verifier.verify(&signed, self.parts.clock.now().0.div_euclid(1_000_000))
    }
}

impl Context<'_> {
    /// The versions of guides that canonicals without a version mean in this data store.
    pub(crate) fn default_profiles(&self) -> &[String] {
        self.record.default_profiles.as_deref().unwrap_or_default()
    }

    /// The address of a page at `path`; its token is good for this data store, whatever address that is
    /// known by. Fails if the place cannot be told in a URL.
    pub(crate) fn next_link(&self, path: &str, page: &Page) -> Result<String, Refusal> {
        self.page_link(path, path, page)
    }

    /// The same, with a token that opens only at `address`, which names what is asked of `path`.
    pub(crate) fn page_link(&self, path: &str, address: &str, page: &Page) -> Result<String, Refusal> {
        let token = self.pages.seal(&format!("{}/{address}", self.datastore), page, self.random);
        if token.len() > limits::PAGE_TOKEN_BYTES_MAX {
            return Err(Refusal::too_costly("PAGE_TOKEN_BYTES_MAX"));
        }
        Ok(self.base.page(path, page.count, &token))
    }

    /// The page of a token made for `path`.
    pub(crate) fn open_page(&self, path: &str, token: &str) -> Option<Page> {
        self.pages.open(&format!("{}/{path}", self.datastore), token)
    }
}

/// Does an interaction. Each kind is a future of its own on the heap: together they would make every request's as large as
/// the largest, and it is moved several times.
async fn perform(context: &Context<'_>, interaction: Interaction) -> Result<Reply, Refusal> {
    match interaction {
        Interaction::Capabilities => {
            Ok(Reply::resource(context.capabilities.json(context.base, &context.parameters)))
        }
        Interaction::TerminologyCapabilities => {
            Ok(Reply::resource(context.capabilities.of_terminology(context.base)))
        }
        Interaction::Read { key, unless } => Box::pin(read::read(context, key, &unless)).await,
        Interaction::VersionRead { key, version } => {
            Box::pin(read::version_read(context, key, version)).await
        }
        Interaction::History { of, asked } => Box::pin(history::history(context, of, asked)).await,
        Interaction::Create { .. }
        | Interaction::Update { .. }
        | Interaction::ConditionalUpdate { .. }
        | Interaction::Patch { .. }
        | Interaction::ConditionalPatch { .. }
        | Interaction::Delete { .. }
        | Interaction::ConditionalDelete { .. } => Box::pin(write::write(context, &interaction)).await,
        Interaction::DeleteMany { of, criteria, count } => {
            Box::pin(delete_many::delete_many(context, of, criteria, count)).await
        }
        Interaction::Bundle { body, returning, is_async: true } => {
            Box::pin(deferred::submit(context, body, returning)).await
        }
        Interaction::Bundle { body, returning, .. } => {
            Box::pin(bundle_entry::process(context, body, returning)).await
        }
        Interaction::Search { scope, parameters, .. } => {
            Box::pin(search::search(context, &scope, parameters)).await
        }
        Interaction::Operation(call) => Box::pin(operation::perform(context, call)).await,
        Interaction::Status(call) => Box::pin(operation::status::perform(context, call)).await,
    }
}
