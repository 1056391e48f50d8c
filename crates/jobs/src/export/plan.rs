//! What an export holds: of which types, and which resources of each.

use std::collections::BTreeSet;

use fhir::{Id, ResourceType, Span, Time, definitions};
use percent_encoding::percent_decode_str;
use search::{
    Context, Entries, Filter, Graph, Handling, ParamId, ParameterSet, Prefix, Reason, Row, SearchError,
    Vocabulary, references, updated_matches,
};
use store::{Export, ExportAsked, ExportLevel};

/// Parameters that say how results of a search are shown. An export has its own order and no pages.
const NO_CRITERIA: [&str; 13] = [
    "_contained",
    "_containedType",
    "_count",
    "_elements",
    "_format",
    "_include",
    "_maxresults",
    "_pretty",
    "_query",
    "_revinclude",
    "_score",
    "_sort",
    "_summary",
];

/// What an export holds.
pub(crate) struct Plan {
    whose: Whose,
    types: Vec<ResourceType>,
    asked: ExportAsked,
    terms: Terms,
}

/// What searches are understood by.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The search parameters that the data store has.
    pub parameters: ParameterSet,
    /// The FHIR base URL of the data store.
    pub base: String,
    /// Now, for `ap` on dates.
    pub now: Time,
    /// The value sets and code systems that the searches name.
    pub vocabulary: Vocabulary,
}

/// Whose resources.
pub(crate) enum Whose {
    /// Everybody's, and what is nobody's.
    All,
    /// Those of all patients.
    Patients,
    /// Those of these patients.
    These(BTreeSet<Id>),
}

/// The resources of one type that belong to an export.
pub(crate) struct Wanted<'p> {
    of: ResourceType,
    whose: &'p Whose,
    criteria: Filter,
    since: Option<Time>,
    until: Option<Time>,
}

impl Plan {
    /// The plan of an export of resources `whose` they are.
    pub(crate) fn new(export: Option<&Export>, whose: Whose, terms: Terms) -> Plan {
        let asked = export.map(|export| export.asked.clone()).unwrap_or_default();
        let level = export.map_or(&ExportLevel::System, |export| &export.level);
        Plan { types: types_of(level, &asked), whose, asked, terms }
    }

    /// The types, by name.
    pub(crate) fn types(&self) -> &[ResourceType] {
        &self.types
    }

    /// What is wanted of a type.
    ///
    /// # Errors
    /// What is wrong with a search that was asked for.
    pub(crate) fn wanted(&self, of: ResourceType) -> Result<Wanted<'_>, Vec<SearchError>> {
        Ok(Wanted {
            of,
            whose: &self.whose,
            criteria: criteria(of, &self.asked, &self.terms)?,
            since: self.asked.since,
            until: self.asked.until,
        })
    }
}

impl Wanted<'_> {
    /// All of it as one condition on what is current.
    pub(crate) fn filter(&self) -> Filter {
        let point = |time: Time| Span { from: time, to: Time(time.0 + 1) };
        let since = self.since.map(|since| Filter::Updated(Prefix::StartsAfter, point(since)));
        let until = self.until.map(|until| Filter::Updated(Prefix::EndsBefore, point(until)));
        since.into_iter().chain(until).fold(self.filter_without_time(), Filter::and)
    }

    /// The same but for the time asked for.
    pub(crate) fn filter_without_time(&self) -> Filter {
        self.scope().and(self.criteria.clone())
    }

    fn scope(&self) -> Filter {
        let patient = patient();
        match self.whose {
            Whose::All => Filter::Everything,
            Whose::Patients if self.of == patient => Filter::Everything,
            Whose::These(ids) if self.of == patient => Filter::Ids(ids.iter().cloned().collect()),
            Whose::Patients => refers(Filter::Everything),
            Whose::These(ids) => refers(Filter::Ids(ids.iter().cloned().collect())),
        }
    }

    /// Whether a version last written at `updated` lies in the time asked for.
    pub(crate) fn is_in_time(&self, updated: Time) -> bool {
        let passes =
            |prefix, time: Time| updated_matches(prefix, Span { from: time, to: Time(time.0 + 1) }, updated);
        self.since.is_none_or(|since| passes(Prefix::StartsAfter, since))
            && self.until.is_none_or(|until| passes(Prefix::EndsBefore, until))
    }

    /// Whether the criteria look at no other resource than the one they are about.
    pub(crate) fn is_local(&self) -> bool {
        self.criteria.is_local()
    }

    /// Whether a version that is current no more belongs to the export, but for its time. Criteria that look at
    /// other resources count as met.
    pub(crate) fn held(&self, row: Row<'_>) -> bool {
        let patient = patient();
        let mut owners = references(row.entries, ParamId::COMPARTMENT).filter(|key| key.of == patient);
        let is_theirs = match self.whose {
            Whose::All => true,
            Whose::Patients => self.of == patient || owners.next().is_some(),
            Whose::These(ids) if self.of == patient => ids.contains(&row.key.id),
            Whose::These(ids) => owners.any(|key| ids.contains(&key.id)),
        };
        is_theirs && (!self.is_local() || self.criteria.matches(row, &Alone))
    }
}

/// The types that an export of this level holds, by name.
pub(crate) fn types_of(level: &ExportLevel, asked: &ExportAsked) -> Vec<ResourceType> {
    let asked_for: BTreeSet<ResourceType> = asked.resource_types().collect();
    let is_wanted = |of: &ResourceType| asked.types.is_empty() || asked_for.contains(of);
    let mut types: Vec<_> =
        ResourceType::all().filter(|of| is_exported(level, *of)).filter(is_wanted).collect();
    types.sort_by_key(|of| of.name());
    types
}

/// Whether an export of this level can hold resources of this type.
pub fn is_exported(level: &ExportLevel, of: ResourceType) -> bool {
    match level {
        ExportLevel::System => true,
        ExportLevel::Patients | ExportLevel::Group(_) => {
            let patient = patient();
            let mut compartments = definitions().compartments().iter();
            let compartment = compartments.find(|compartment| compartment.of == patient);
            of == patient || compartment.is_some_and(|found| !found.parameters_of(of).is_empty())
        }
    }
}

/// What `_typeFilter`, `_tag` and `_security` ask of a type.
///
/// # Errors
/// What is wrong with them, each by its parameter.
pub fn criteria(of: ResourceType, asked: &ExportAsked, terms: &Terms) -> Result<Filter, Vec<SearchError>> {
    let labels = asked.tags.iter().map(|tag| ("_tag".to_owned(), tag.clone()));
    let labels = labels.chain(asked.security.iter().map(|label| ("_security".to_owned(), label.clone())));
    let mut filter = compile(of, &labels.collect::<Vec<_>>(), terms)?;
    let mut any = Vec::new();
    for (about, query) in asked.type_filters.iter().filter_map(|text| split_filter(text)) {
        if about == of {
            any.push(compile(of, &parameters(query), terms)?);
        }
    }
    filter = match any.len() {
        0 => filter,
        1 => filter.and(any.remove(0)),
        _ => filter.and(Filter::Or(any)),
    };
    Ok(filter)
}

/// The parameters of all searches that are asked for: what they name must be known before they are understood.
pub fn searched(asked: &ExportAsked) -> Vec<(String, String)> {
    let queries = asked.type_filters.iter().filter_map(|text| split_filter(text));
    let labels = asked.tags.iter().map(|tag| ("_tag".to_owned(), tag.clone()));
    let labels = labels.chain(asked.security.iter().map(|label| ("_security".to_owned(), label.clone())));
    labels.chain(queries.flat_map(|(_, query)| parameters(query))).collect()
}

/// The type and the query of a `_typeFilter`; `None` if it is not of the form `Type?query`.
pub fn split_filter(text: &str) -> Option<(ResourceType, &str)> {
    let (of, query) = text.split_once('?')?;
    Some((ResourceType::parse(of)?, query))
}

fn compile(
    of: ResourceType,
    parameters: &[(String, String)],
    terms: &Terms,
) -> Result<Filter, Vec<SearchError>> {
    let shown =
        |(name, _): &&(String, String)| NO_CRITERIA.contains(&name.split(':').next().unwrap_or_default());
    if let Some((name, _)) = parameters.iter().find(shown) {
        return Err(vec![SearchError::new(name, Reason::NotSupported)]);
    }
    let Terms { parameters: set, base, now, vocabulary } = terms;
    let context = Context { of, parameters: set, vocabulary, base, now: *now, handling: Handling::Strict };
    Ok(search::compile(parameters, &context)?.filter_of(of))
}

/// Names and values of a query.
fn parameters(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(n, v)| (decode(n), decode(v)))
        .collect()
}

fn patient() -> ResourceType {
    ResourceType::parse("Patient").expect("R4 has patients")
}

fn refers(filter: Filter) -> Filter {
    Filter::Refers { param: ParamId::COMPARTMENT, of: patient(), filter: Box::new(filter) }
}

/// No other resources.
struct Alone;

impl Graph for Alone {
    fn row(&self, _: &fhir::ResourceKey) -> Option<Row<'_>> {
        None
    }

    fn rows(&self, _: ResourceType) -> Box<dyn Iterator<Item = Row<'_>> + '_> {
        Box::new(std::iter::empty())
    }
}

/// The entries of a stored version; empty for one that cannot be indexed, which is never stored.
pub(crate) fn entries(extractor: &search::Extractor, row: &store::Stored) -> Entries {
    let mut entries = Entries::new();
    let resource = row.body.as_ref().and_then(|body| fhir::Resource::parse_slice(body).ok());
    if let Some(resource) = resource
        && extractor.extract(&resource, &row.key, &mut entries).is_err()
    {
        entries.clear();
    }
    entries.set_created(row.created);
    entries
}
