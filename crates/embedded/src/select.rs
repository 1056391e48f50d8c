//! Which ordinals pass a filter: by the index where they are folded, one by one where they are recent.

use std::ops::ControlFlow;
use std::sync::Arc;

use fhir::{Id, ResourceKey, ResourceType};
use roaring::RoaringBitmap;
use search::{Filter, ParamId, Row, TextQuery};
use store::limits::CHAIN_DEPTH_MAX;

use crate::StorageError;
use crate::contents::{NoGraph, Reading};
use crate::encode::{Lookup, Spans, UPDATED, lookups, updated_lookup};
use crate::index::Gathered;
use crate::needle;
use crate::node::{Cost, Node, chain_depth};
use crate::patience::RESOURCE_COST;
use crate::view::{Recent, TypeView};

/// Candidates up to which the rest of a condition is decided by their entries rather than by the index.
const DECIDE_BY_ENTRIES_MAX: u64 = 24;

impl Reading<'_> {
    /// The current ordinals of `of` that pass `filter`.
    pub(crate) fn select(&self, of: ResourceType, filter: &Filter) -> Result<RoaringBitmap, StorageError> {
        self.select_node(of, &self.ready(filter)?)
    }

    /// A filter made ready: its chains are not too deep, and its hierarchies are gone through.
    pub(crate) fn ready(&self, filter: &Filter) -> Result<Node, StorageError> {
        if chain_depth(filter) > CHAIN_DEPTH_MAX {
            return Err(StorageError::Limit("CHAIN_DEPTH_MAX"));
        }
        if filter.has_hierarchy() {
            return Ok(Node::of(&self.with_members(filter)?));
        }
        Ok(Node::of(filter))
    }

    /// The current ordinals of `of` that pass.
    pub(crate) fn select_node(&self, of: ResourceType, node: &Node) -> Result<RoaringBitmap, StorageError> {
        let Some(types) = self.of(of) else { return Ok(RoaringBitmap::new()) };
        let mut found = self.folded(of, types, node, None)?;
        found &= &*types.live;
        found -= &*types.dead;
        let needles = needle::of_node(node);
        let recent: Box<dyn Iterator<Item = &Arc<Recent>>> = match &needles {
            Some(needles) => Box::new(types.recent_with(needles)),
            None => Box::new(types.recent_live()),
        };
        for row in recent {
            if self.matches(node, row.row())? {
                found.insert(row.ordinal);
            }
        }
        Ok(found)
    }

    /// Those of some current ordinals that pass all of `nodes`.
    pub(crate) fn narrow(
        &self,
        of: ResourceType,
        nodes: &[Node],
        candidates: RoaringBitmap,
    ) -> Result<RoaringBitmap, StorageError> {
        let Some(types) = self.of(of).filter(|_| !nodes.is_empty()) else { return Ok(candidates) };
        let mut found = self.all_of(of, types, nodes, Some(&(&candidates & &*types.live)))?;
        for row in types.recent_live().filter(|row| candidates.contains(row.ordinal)) {
            if self.matches_all(nodes, row.row())? {
                found.insert(row.ordinal);
            }
        }
        Ok(found)
    }

    /// The folded ordinals that pass, dead ones perhaps among them. With `within`, only those matter.
    pub(crate) fn folded(
        &self,
        of: ResourceType,
        types: &TypeView,
        node: &Node,
        within: Option<&RoaringBitmap>,
    ) -> Result<RoaringBitmap, StorageError> {
        Ok(match node {
            Node::Leaf(Filter::Nothing) => RoaringBitmap::new(),
            Node::Leaf(Filter::Ids(ids)) => self.of_ids(of, ids)?,
            Node::Leaf(Filter::Updated(prefix, span)) => {
                self.scan(types, ParamId(UPDATED), within, |_| vec![updated_lookup(*prefix, *span)])?
            }
            Node::Leaf(Filter::Has(param, test)) => {
                self.scan(types, *param, within, |spans| lookups(test, spans))?
            }
            Node::Leaf(Filter::Missing(param)) => {
                &*types.live - self.scan(types, *param, within, |_| vec![Lookup::Term(Vec::new())])?
            }
            Node::Leaf(Filter::Text(query)) => self.with_words(of, types, query, within)?,
            Node::Leaf(_) => RoaringBitmap::clone(&types.live),
            Node::And(nodes) => self.all_of(of, types, nodes, within)?,
            Node::Or(nodes) => {
                let mut found = RoaringBitmap::new();
                for node in nodes {
                    found |= self.folded(of, types, node, within)?;
                }
                found
            }
            Node::Not(node) => &*types.live - self.folded(of, types, node, within)?,
            Node::Any(param, tests) => self.scan(types, *param, within, |spans| {
                tests.iter().flat_map(|test| lookups(test, spans)).collect()
            })?,
            Node::Contains(inside) => self.containing(of, types, inside, within)?,
            Node::Refers(chain) => self.referring(of, types, chain, within)?,
            Node::ReferredBy(chain) => self.referred(of, types, chain, within)?,
        })
    }

    /// The cheapest condition first, each within what the ones before left.
    fn all_of(
        &self,
        of: ResourceType,
        types: &TypeView,
        nodes: &[Node],
        within: Option<&RoaringBitmap>,
    ) -> Result<RoaringBitmap, StorageError> {
        let mut left = types.folded_current(within);
        for (at, node) in nodes.iter().enumerate() {
            if left.is_empty() {
                break;
            }
            if node.cost() >= Cost::Scan && left.len() <= DECIDE_BY_ENTRIES_MAX {
                return self.decide(of, &nodes[at..], left);
            }
            match node {
                Node::Not(node) => left -= self.folded(of, types, node, Some(&left))?,
                node => left &= self.folded(of, types, node, Some(&left))?,
            }
        }
        Ok(left)
    }

    /// Those live ones, within what other conditions left, whose bodies have the words.
    fn with_words(
        &self,
        of: ResourceType,
        types: &TypeView,
        query: &TextQuery,
        within: Option<&RoaringBitmap>,
    ) -> Result<RoaringBitmap, StorageError> {
        let mut found = RoaringBitmap::new();
        for ordinal in types.folded_current(within) {
            if self.has_words(of, ordinal, query)? {
                found.insert(ordinal);
            }
        }
        Ok(found)
    }

    /// Whether the body of a version has the words; each one looked into counts.
    fn has_words(&self, of: ResourceType, ordinal: u32, query: &TextQuery) -> Result<bool, StorageError> {
        let left = self.bodies_left.get().checked_sub(1).ok_or(StorageError::Limit("TEXT_BODIES_MAX"))?;
        self.bodies_left.set(left);
        Ok(self.stored(of, ordinal)?.body.is_some_and(|body| query.matches(&body)))
    }

    /// Those of a few ordinals that pass all of `nodes`, by their entries.
    fn decide(
        &self,
        of: ResourceType,
        nodes: &[Node],
        ordinals: RoaringBitmap,
    ) -> Result<RoaringBitmap, StorageError> {
        let mut found = RoaringBitmap::new();
        for ordinal in ordinals {
            if self.with_row(of, ordinal, |row| self.matches_all(nodes, row))?? {
                found.insert(ordinal);
            }
        }
        Ok(found)
    }

    fn of_ids<'i>(
        &self,
        of: ResourceType,
        ids: impl IntoIterator<Item = &'i Id>,
    ) -> Result<RoaringBitmap, StorageError> {
        let mut found = RoaringBitmap::new();
        for id in ids {
            let key = ResourceKey { of, id: id.clone() };
            if let Some(standing) = self.newest(&key)? {
                found.insert(standing.ordinal);
            }
        }
        Ok(found)
    }

    /// The folded ordinals that the lookups find, in the segments that hold some of `within`.
    fn scan<'t>(
        &self,
        types: &TypeView,
        param: ParamId,
        within: Option<&RoaringBitmap>,
        lookups: impl Fn(&Spans) -> Vec<Lookup<'t>>,
    ) -> Result<RoaringBitmap, StorageError> {
        let mut found = RoaringBitmap::new();
        for segment in types.segments.iter() {
            if within.is_some_and(|within| within.range(segment.base..segment.end).next().is_none()) {
                continue;
            }
            let reader = self.segment(segment);
            let mut lookups = lookups(&reader.spans(param.0)?);
            lookups.sort_by(|a, b| a.from().cmp(b.from()));
            let (mut place, mut gathered) = (None, Gathered::default());
            for lookup in &lookups {
                reader.range_on(param.0, &mut place, lookup.from(), |term, postings| {
                    if lookup.is_past(term) {
                        return Ok(ControlFlow::Break(()));
                    }
                    if lookup.passes(term)? {
                        gathered.add(postings)?;
                    }
                    Ok(ControlFlow::Continue(()))
                })?;
            }
            found |= gathered.finish(segment);
        }
        Ok(found)
    }

    /// Whether one resource passes all of these.
    pub(crate) fn matches_all(&self, nodes: &[Node], row: Row<'_>) -> Result<bool, StorageError> {
        for node in nodes {
            if !self.matches(node, row)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether one resource passes.
    pub(crate) fn matches(&self, node: &Node, row: Row<'_>) -> Result<bool, StorageError> {
        self.patience.check(RESOURCE_COST)?;
        Ok(match node {
            Node::Leaf(Filter::Text(query)) if row.within.is_some() => {
                row.within.is_some_and(|within| query.matches(within.body))
            }
            Node::Leaf(Filter::Text(query)) => match self.newest(row.key)? {
                Some(standing) => self.has_words(row.key.of, standing.ordinal, query)?,
                None => false,
            },
            Node::Leaf(filter) => filter.matches(row, &NoGraph),
            Node::And(nodes) => self.matches_all(nodes, row)?,
            Node::Or(nodes) => {
                for node in nodes {
                    if self.matches(node, row)? {
                        return Ok(true);
                    }
                }
                false
            }
            Node::Not(node) => !self.matches(node, row)?,
            Node::Any(param, tests) => {
                row.entries.of(*param).any(|value| tests.iter().any(|test| test.matches(&value)))
            }
            Node::Contains(inside) => self.contains(inside, row)?,
            Node::Refers(chain) => self.refers(chain, row)?,
            Node::ReferredBy(chain) => self.is_referred(chain, row)?,
        })
    }
}
