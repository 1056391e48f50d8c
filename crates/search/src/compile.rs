//! Clauses and definitions become a [`Filter`], an order and a page: strictly or leniently.

use fhir::{ResourceType, SearchParameterDefinition, Time};

use crate::clause::{Clause, unescape};
use crate::error::{Reason, SearchError, shown};
use crate::limits::{CLAUSE_BYTES_MAX, CLAUSES_MAX};
use crate::vocabulary::Vocabulary;
use crate::{
    Direction, Filter, Include, ParamId, ParameterSet, Search, SearchScope, SelectedContents, Sort,
    TextQuery, TextWithin, Total, Visible,
};
use contained::{Asked, Found};
pub use filter::FilterFault;
pub(crate) use filter::vocabulary as filter_vocabulary;
use inside::{Stands, inside};
use modifier::Modifier;

mod chain;
mod contained;
mod filter;
mod hierarchy;
mod include;
mod inside;
mod modifier;
mod named;
mod nearest;
mod ordered;
mod page;
mod restricted;
mod scoped;
mod target;
mod values;

/// What a search is asked of and from where.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The type searched.
    pub of: ResourceType,
    /// The search parameters that the data store has.
    pub parameters: &'a ParameterSet,
    /// The value sets and code systems that the search names, as far as there are any.
    pub vocabulary: &'a Vocabulary,
    /// The base URL of this data store, with or without its last slash: references to it are local.
    pub base: &'a str,
    /// Now, for `ap` on dates.
    pub now: Time,
    /// What happens to parameters that are unknown or not supported.
    pub handling: Handling,
}

/// What happens to parameters that are unknown or not supported (`Prefer: handling`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handling {
    /// They are errors.
    Strict,
    /// They are ignored, and [`Compiled::ignored`] says so. What is known but wrong is an error still, and
    /// so is a modifier or a chain that is not supported: ignoring one would change what is asked.
    Lenient,
}

/// A search as understood, before it is known who asks.
#[derive(Clone, PartialEq, Debug)]
pub struct Compiled {
    /// The types searched, in alphabetical order, and what to find of each.
    pub types: Vec<(ResourceType, Filter)>,
    /// In which order.
    pub sort: Vec<Sort>,
    /// What to add to the matches of a page.
    pub include: Vec<Include>,
    /// How many on a page (`_count`), if asked; the caller bounds it.
    pub count: Option<usize>,
    /// Whether to count all (`_total`), if asked. `estimate` is answered accurately.
    pub total: Option<Total>,
    /// What of each match is shown, if contained resources are asked for themselves (`_containedType`).
    pub contents: Option<SelectedContents>,
    /// What was ignored, and why.
    pub ignored: Vec<SearchError>,
    /// Where that stood among the parameters, counted from zero.
    pub ignored_at: Vec<usize>,
}

impl Compiled {
    /// What to find of one type: nothing of a type that is not searched.
    pub fn filter_of(&self, of: ResourceType) -> Filter {
        let found = self.types.iter().find(|(searched, _)| *searched == of);
        found.map_or(Filter::Nothing, |(_, filter)| filter.clone())
    }

    /// The search, for somebody who may see what is `visible`. Without `_count` a page holds
    /// `count_default`, with it at most `count_max`; both are numbers of matches.
    pub fn search(&self, visible: &Visible, count_default: usize, count_max: usize) -> Search {
        let mut search = Search::across(visible, self.types.clone());
        if let Some(contents) = &self.contents {
            search = search.selecting(contents.clone());
        }
        search.sort = self.sort.clone();
        search.include = self.include.clone();
        search.count = self.count.map_or(count_default, |count| count.min(count_max));
        search.total = self.total.unwrap_or(Total::None);
        search
    }
}

/// Parameters that say how an answer is written: for the door that writes it, and no criteria.
const FORM: [&str; 2] = ["_format", "_pretty"];

/// Parameters of the standard that are not supported, on whatever type.
const NOT_SUPPORTED: [&str; 4] = ["_elements", "_query", "_score", "_type"];

/// Understands a search of one type, that of the context: names and values as they were typed,
/// percent-decoded, in order. Fails with all that is wrong with it.
pub fn compile(
    parameters: &[(impl AsRef<str>, impl AsRef<str>)],
    context: &Context<'_>,
) -> Result<Compiled, Vec<SearchError>> {
    compile_within(parameters, &SearchScope::Type(context.of), context)
}

/// Understands a search within `scope`, whatever the type of the context. Across several types a criterion
/// must mean something on each of them; `_type` says which those are.
pub fn compile_within(
    parameters: &[(impl AsRef<str>, impl AsRef<str>)],
    scope: &SearchScope,
    context: &Context<'_>,
) -> Result<Compiled, Vec<SearchError>> {
    if parameters.len() > CLAUSES_MAX {
        return Err(vec![SearchError::new("", Reason::Limit("CLAUSES_MAX", CLAUSES_MAX))]);
    }
    let parameters: Vec<(&str, &str)> =
        parameters.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    let types = scoped::types(&parameters, scope).map_err(|error| vec![error])?;
    let asked = contained::asked(&parameters, context).map_err(|error| vec![error])?;
    let matching = asked.map_or_else(|| types.clone(), |asked| asked.matching(&types, scope));
    let [contexts, matching] = [&types, &matching].map(|all| contexts(all, context));
    let mut compiler = Compiler::new(context, &contexts, scope);
    if let Some(asked) = asked {
        compiler.searches_contained(asked, &matching);
    }
    let (mut errors, mut ignored, mut ignored_at) = (Vec::new(), Vec::new(), Vec::new());
    for (at, (name, value)) in parameters.into_iter().enumerate() {
        match compiler.add(name, value) {
            Ok(()) => {}
            Err(error) if is_ignored(&error, context.handling) => {
                ignored.push(error);
                ignored_at.push(at);
            }
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let Compiler { filters, page, include, .. } = compiler;
    let wanted = types.into_iter().zip(filters.into_iter().map(Filter::bodies_last));
    let standing = |stands| move |(of, filter)| (of, inside(filter, stands, context));
    let Found { types, contents } = match asked {
        None => Found { types: wanted.map(standing(Stands::Alone)).collect(), contents: None },
        Some(asked) => {
            asked.check_page(&page.sort, &include).map_err(|error| vec![error])?;
            asked.found(wanted.collect(), scope, context)
        }
    };
    let count = if page.only_counts { Some(0) } else { page.count };
    Ok(Compiled { types, sort: page.sort, include, count, total: page.total, contents, ignored, ignored_at })
}

fn contexts<'a>(types: &[ResourceType], context: &Context<'a>) -> Vec<Context<'a>> {
    types.iter().map(|of| Context { of: *of, ..*context }).collect()
}

fn is_ignored(error: &SearchError, handling: Handling) -> bool {
    handling == Handling::Lenient
        && matches!(error.reason, Reason::Unknown { .. } | Reason::NotSupported | Reason::Empty)
}

struct Compiler<'a> {
    /// The context of the whole search, of whatever type.
    any: &'a Context<'a>,
    /// A context for each type searched.
    contexts: &'a [Context<'a>],
    /// A context for each type whose resources may match: others, if contained resources are searched.
    matching: &'a [Context<'a>],
    contained: Option<Asked>,
    scope: &'a SearchScope,
    /// What was asked of each type so far.
    filters: Vec<Filter>,
    page: page::Page,
    include: Vec<Include>,
    links: chain::Links,
    /// The data store's own parameters among the criteria so far.
    seen: Vec<ParamId>,
}

impl<'a> Compiler<'a> {
    fn new(any: &'a Context<'a>, contexts: &'a [Context<'a>], scope: &'a SearchScope) -> Self {
        let filters = contexts.iter().map(|_| scope.filter()).collect();
        let (page, include, links, seen) = Default::default();
        Compiler {
            any,
            contexts,
            matching: contexts,
            contained: None,
            scope,
            filters,
            page,
            include,
            links,
            seen,
        }
    }

    /// Criteria are about resources wherever they stand; which containers are looked at is said later.
    fn searches_contained(&mut self, asked: Asked, matching: &'a [Context<'a>]) {
        (self.contained, self.matching) = (Some(asked), matching);
        self.filters.fill(Filter::Everything);
    }

    fn add(&mut self, name: &str, value: &str) -> Result<(), SearchError> {
        if FORM.contains(&name)
            || contained::is_about_contained(name)
            || (name == "_type" && scoped::takes_types(self.scope))
        {
            return Ok(());
        }
        let head = name.split([':', '.']).next().unwrap_or(name);
        if NOT_SUPPORTED.contains(&head) && self.is_known_or_general(head) {
            return Err(SearchError::new(name, Reason::NotSupported));
        }
        if name == "_filter" {
            return self.add_filter(name, value);
        }
        let clause = Clause::parse(name, value)?;
        if self.page.add(&clause, self.contexts)? {
            return Ok(());
        }
        if include::is_include(name) {
            self.include.extend(include::includes(&clause, self.matching, self.any)?);
            return Ok(());
        }
        restricted::check(&clause, self.contexts, &mut self.seen)
            .map_err(|reason| SearchError::new(name, reason))?;
        let condition = |context| chain::condition(&clause, context, &self.links);
        let criteria: Vec<Filter> = self.contexts.iter().map(condition).collect::<Result<_, _>>()?;
        self.and(name, criteria)
    }

    fn add_filter(&mut self, name: &str, value: &str) -> Result<(), SearchError> {
        let fail = |reason| SearchError::new(name, reason);
        if value.len() > CLAUSE_BYTES_MAX {
            return Err(fail(Reason::Limit("CLAUSE_BYTES_MAX", CLAUSE_BYTES_MAX)));
        }
        let criteria: Result<Vec<Filter>, FilterFault> =
            self.contexts.iter().map(|context| filter::filter(value, context, &self.links)).collect();
        self.and(name, criteria.map_err(|fault| fail(Reason::Filter(fault)))?)
    }

    /// Adds a criterion for each type.
    fn and(&mut self, name: &str, criteria: Vec<Filter>) -> Result<(), SearchError> {
        if let Some(asked) = self.contained {
            asked.check(name, &criteria)?;
        }
        for (filter, criterion) in self.filters.iter_mut().zip(criteria) {
            *filter = std::mem::replace(filter, Filter::Everything).and(criterion);
        }
        Ok(())
    }

    /// Whether a name means something on these types: names with an underscore do on every type.
    fn is_known_or_general(&self, code: &str) -> bool {
        let is_known = |context: &Context<'_>| context.parameters.named(context.of, code).is_some();
        code.starts_with('_') || self.contexts.iter().any(is_known)
    }
}

/// The condition that a parameter of the context's own type makes.
fn criterion(clause: &Clause<'_>, context: &Context<'_>) -> Result<Filter, SearchError> {
    let fail = |reason| SearchError::new(clause.name, reason);
    let first = clause.steps.first().copied().unwrap_or(clause.last());
    if let Some(within) = text_within(first.code, context) {
        return text(within, clause, first.modifier).map_err(fail);
    }
    let subject = subject(first.code, context).map_err(fail)?;
    let modifier = subject.modifier(context.of, first.modifier).map_err(fail)?;
    match modifier {
        Modifier::Missing => subject.missing(clause),
        Modifier::Not | Modifier::NotIn => Ok(Filter::Not(Box::new(subject.any(clause, context, modifier)?))),
        modifier => subject.any(clause, context, modifier),
    }
}

/// Where a parameter of the context's type looks for words, if that is what it does.
fn text_within(code: &str, context: &Context<'_>) -> Option<TextWithin> {
    context.parameters.named(context.of, code)?;
    match code {
        "_text" => Some(TextWithin::Narrative),
        "_content" => Some(TextWithin::Content),
        _ => None,
    }
}

fn text(within: TextWithin, clause: &Clause<'_>, modifier: Option<&str>) -> Result<Filter, Reason> {
    const FORM: Reason = Reason::Value("words, phrases in quotation marks and OR between them, at most 64");
    if let Some(modifier) = modifier {
        return Err(Reason::Modifier { modifier: shown(modifier), has: Vec::new() });
    }
    let one = |value: &&str| TextQuery::parse(within, &unescape(value)).map(Filter::Text).ok_or(FORM);
    let mut all: Vec<Filter> = clause.values.iter().map(one).collect::<Result<_, _>>()?;
    Ok(if all.len() == 1 { all.remove(0) } else { Filter::Or(all) })
}

/// The parameter of the context's type that has this code.
fn subject<'c>(code: &str, context: &Context<'c>) -> Result<Subject<'c>, Reason> {
    let Some((param, definition)) = context.parameters.named(context.of, code) else {
        return Err(nearest::unknown(context, code));
    };
    if !is_indexed(context, definition) {
        return Err(Reason::NotSupported);
    }
    Ok(Subject { param, definition })
}

/// Whether a parameter of a type can be asked: it is a fact, or extraction fills it.
fn is_indexed(context: &Context<'_>, definition: &SearchParameterDefinition) -> bool {
    !context.parameters.not_indexed(context.of).iter().any(|other| std::ptr::eq(other.definition, definition))
}

/// Parameters that every resource has a value of and that are no entries.
fn is_fact(code: &str) -> bool {
    matches!(code, "_id" | "_lastUpdated")
}

/// The parameter that a clause is about.
struct Subject<'a> {
    param: ParamId,
    definition: &'a SearchParameterDefinition,
}

impl Subject<'_> {
    /// One of the values passes.
    fn any(
        &self,
        clause: &Clause<'_>,
        context: &Context<'_>,
        modifier: Modifier,
    ) -> Result<Filter, SearchError> {
        let one = |value: &&str| self.one(value, context, modifier);
        let fail = |reason| SearchError::new(clause.name, reason);
        if self.definition.code == "_id" {
            return Ok(values::ids(&clause.values));
        }
        let mut filters: Vec<Filter> =
            clause.values.iter().map(one).collect::<Result<_, _>>().map_err(fail)?;
        Ok(match filters.len() {
            1 => filters.remove(0),
            _ => Filter::Or(filters),
        })
    }

    fn one(&self, value: &str, context: &Context<'_>, modifier: Modifier) -> Result<Filter, Reason> {
        if self.definition.code == "_lastUpdated" {
            let (prefix, span) = ordered::date(value, context.now)?;
            return Ok(Filter::Updated(prefix, span));
        }
        match modifier {
            Modifier::AboveReference => self.within(value, context, Direction::Above),
            Modifier::BelowReference => self.within(value, context, Direction::Below),
            _ => Ok(Filter::Has(self.param, values::test(self.definition, value, context, modifier)?)),
        }
    }

    fn missing(&self, clause: &Clause<'_>) -> Result<Filter, SearchError> {
        let fail = |reason| Err(SearchError::new(clause.name, reason));
        let is_missing = match clause.values.as_slice() {
            ["true"] => true,
            ["false"] => false,
            _ => return fail(Reason::Value("true or false")),
        };
        Ok(match (is_fact(&self.definition.code), is_missing) {
            (true, true) => Filter::Nothing,
            (true, false) => Filter::Everything,
            (false, true) => Filter::Missing(self.param),
            (false, false) => Filter::Not(Box::new(Filter::Missing(self.param))),
        })
    }
}

#[cfg(test)]
mod linked_tests;
#[cfg(test)]
mod tests;
