//! A whole search: matches, page, total, and what the page includes; and how it would be answered.

use std::collections::BTreeSet;

use fhir::{ResourceKey, ResourceType};
use search::{Filter, Include, ReferenceTest, Search, Test, references};
use store::{Found, Plan, StoreError, Stored};

use crate::StorageError;
use crate::contents::Reading;
use crate::page::Page;
use crate::place::At;

impl Reading<'_> {
    /// One page of matches and what they include (`Store::search`).
    pub(crate) fn search(&self, search: &Search) -> Result<Found, StoreError> {
        let page = self.page(search)?;
        let included = self.included(search, &page.rows)?;
        let Page { matches, previous, next, total, .. } = page;
        Ok(Found { matches, included, next, previous, total })
    }

    fn included(&self, search: &Search, page: &[At]) -> Result<Vec<Stored>, StorageError> {
        if search.include.is_empty() || page.is_empty() {
            return Ok(Vec::new());
        }
        let matches: BTreeSet<ResourceKey> =
            page.iter().map(|at| self.key(at.of, at.ordinal)).collect::<Result<_, _>>()?;
        let mut wanted = BTreeSet::new();
        for include in &search.include {
            match include {
                Include::Forward { param, target } => {
                    for at in page {
                        self.with_row(at.of, at.ordinal, |row| {
                            let keys = references(row.entries, *param);
                            wanted.extend(keys.filter(|key| target.is_none_or(|of| key.of == of)));
                        })?;
                    }
                }
                Include::Reverse { by, param } => {
                    let to = |key: &ResourceKey| {
                        Filter::Has(*param, Test::Reference(ReferenceTest::Key(key.clone())))
                    };
                    let found = self.select(*by, &Filter::Or(matches.iter().map(to).collect()))?;
                    for ordinal in found {
                        wanted.insert(self.key(*by, ordinal)?);
                    }
                }
            }
        }
        self.shown(search, wanted.difference(&matches))
    }

    /// The current ones among `keys` that the caller may see, up to the search's limit.
    fn shown<'k>(
        &self,
        search: &Search,
        keys: impl Iterator<Item = &'k ResourceKey>,
    ) -> Result<Vec<Stored>, StorageError> {
        let mut shown = Vec::new();
        for key in keys {
            if shown.len() == search.include_max {
                break;
            }
            let Some(standing) = self.newest(key)? else { continue };
            if standing.is_deletion || !self.sees(search.visible(), key.of, standing.ordinal)? {
                continue;
            }
            let stored = self.stored(key.of, standing.ordinal)?;
            if stored.key == *key {
                shown.push(stored);
            }
        }
        Ok(shown)
    }

    /// How a search would be answered (`Store::explain`).
    pub(crate) fn explain(&self, search: &Search) -> Result<Plan, StorageError> {
        let mut lines = Vec::new();
        for (of, filter) in search.types() {
            self.explain_type(*of, filter, &mut lines)?;
        }
        match search.sort.as_slice() {
            [] => lines.push("in the order written, from the bitmap".to_owned()),
            sort => lines.push(format!("order by {} keys; values from the index or the entries", sort.len())),
        }
        lines.push(format!("open the blocks of up to {} bodies", search.count));
        if !search.include.is_empty() {
            lines.push(format!("add up to {} included resources", search.include_max));
        }
        Ok(Plan(lines))
    }

    fn explain_type(
        &self,
        of: ResourceType,
        filter: &Filter,
        lines: &mut Vec<String>,
    ) -> Result<(), StorageError> {
        let Some(types) = self.of(of) else {
            lines.push(format!("there is no {of} to look at"));
            return Ok(());
        };
        let (segments, recent) = (types.segments.len(), types.recent_rows().count());
        lines.push(format!(
            "{of}: {} live, index in {segments} segments, {recent} recent versions looked at one by one",
            types.current().len()
        ));
        self.explain_filter(of, filter, 1, lines)
    }

    fn explain_filter(
        &self,
        of: ResourceType,
        filter: &Filter,
        depth: usize,
        lines: &mut Vec<String>,
    ) -> Result<(), StorageError> {
        let say = |what: String, lines: &mut Vec<String>| lines.push(format!("{}{what}", "  ".repeat(depth)));
        match filter {
            Filter::And(filters) | Filter::Or(filters) => {
                let how = if matches!(filter, Filter::And(_)) { "all of" } else { "any of" };
                say(format!("{how} {} conditions, the cheapest first:", filters.len()), lines);
                filters.iter().try_for_each(|filter| self.explain_filter(of, filter, depth + 1, lines))
            }
            Filter::Not(filter) => {
                say("all but:".to_owned(), lines);
                self.explain_filter(of, filter, depth + 1, lines)
            }
            Filter::Refers { param, of, filter } => {
                say(format!("refers by parameter {} to {} with:", param.0, of.name()), lines);
                self.explain_filter(*of, filter, depth + 1, lines)
            }
            Filter::ReferredBy { by, param, filter } => {
                say(format!("is referred to by parameter {} of {} with:", param.0, by.name()), lines);
                self.explain_filter(*by, filter, depth + 1, lines)
            }
            leaf => {
                let found = self.select(of, leaf)?.len();
                say(format!("{}: {found} pass", name(leaf)), lines);
                Ok(())
            }
        }
    }
}

fn name(leaf: &Filter) -> String {
    match leaf {
        Filter::Everything => "everything".to_owned(),
        Filter::Nothing => "nothing".to_owned(),
        Filter::Ids(ids) => format!("one of {} ids, by identity", ids.len()),
        Filter::Updated(..) => "by the time of writing".to_owned(),
        Filter::Has(param, _) => format!("a value of parameter {}", param.0),
        Filter::Missing(param) => format!("no value of parameter {}", param.0),
        _ => "a condition".to_owned(),
    }
}
