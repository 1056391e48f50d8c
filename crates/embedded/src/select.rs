//! Which ordinals pass a filter: by the index where they are folded, one by one where they are recent.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use fhir::{Id, ResourceKey, ResourceType};
use roaring::RoaringBitmap;
use search::{Filter, ParamId, ReferenceTest, Row, Test, references};
use store::limits::CHAIN_DEPTH_MAX;

use crate::StorageError;
use crate::contents::{NoGraph, Reading};
use crate::encode::{self, Lookup, UPDATED, lookups, updated_lookup};
use crate::needle;
use crate::view::{Recent, TypeView};

/// Candidates up to which the rest of a condition is decided by their entries rather than by the index.
const DECIDE_BY_ENTRIES_MAX: u64 = 24;
/// Resources up to which a chain goes from them, beyond which it goes from the references.
const CHAIN_FROM_RESULT_MAX: u64 = 256;

/// A filter whose chains are resolved, so that one resource decides it.
pub(crate) enum Node {
    Leaf(Filter),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    /// Refers by the parameter to one of these ordinals of a type.
    Refers {
        param: ParamId,
        of: ResourceType,
        to: RoaringBitmap,
    },
    /// Has one of these ids.
    Ids(BTreeSet<Id>),
}

impl Reading<'_> {
    /// The current ordinals of `of` that pass `filter`.
    pub(crate) fn select(&self, of: ResourceType, filter: &Filter) -> Result<RoaringBitmap, StorageError> {
        if chain_depth(filter) > CHAIN_DEPTH_MAX {
            return Err(StorageError::Limit("CHAIN_DEPTH_MAX"));
        }
        let Some(types) = self.of(of) else { return Ok(RoaringBitmap::new()) };
        let node = self.resolve(of, filter)?;
        let mut found = self.folded(of, types, &node, None)?;
        found &= &*types.live;
        found -= &*types.dead;
        let needles = needle::of_node(&node);
        let recent: Box<dyn Iterator<Item = &Arc<Recent>>> = match &needles {
            Some(needles) => Box::new(types.recent_with(needles)),
            None => Box::new(types.recent_live()),
        };
        for row in recent {
            if self.matches(&node, row.row())? {
                found.insert(row.ordinal);
            }
        }
        Ok(found)
    }

    fn resolve(&self, of: ResourceType, filter: &Filter) -> Result<Node, StorageError> {
        let all = |filters: &[Filter]| {
            filters.iter().map(|filter| self.resolve(of, filter)).collect::<Result<Vec<_>, _>>()
        };
        Ok(match filter {
            Filter::And(filters) => Node::And(all(filters)?),
            Filter::Or(filters) => Node::Or(all(filters)?),
            Filter::Not(filter) => Node::Not(Box::new(self.resolve(of, filter)?)),
            Filter::Refers { param, of, filter } => {
                Node::Refers { param: *param, of: *of, to: self.select(*of, filter)? }
            }
            Filter::ReferredBy { by, param, filter } => {
                let found = self.select(*by, filter)?;
                Node::Ids(self.referred(*by, *param, &found, of)?)
            }
            leaf => Node::Leaf(leaf.clone()),
        })
    }

    /// The ids of the `target` resources that some of `found` refer to.
    fn referred(
        &self,
        by: ResourceType,
        param: ParamId,
        found: &RoaringBitmap,
        target: ResourceType,
    ) -> Result<BTreeSet<Id>, StorageError> {
        let mut ids = BTreeSet::new();
        let Some(types) = self.of(by) else { return Ok(ids) };
        let is_few = found.len() <= CHAIN_FROM_RESULT_MAX;
        for ordinal in found.iter().filter(|ordinal| is_few || !types.live.contains(*ordinal)) {
            let keys: Vec<_> = self.with_row(by, ordinal, |row| references(row.entries, param).collect())?;
            ids.extend(keys.into_iter().filter(|key| key.of == target).map(|key| key.id));
        }
        if !is_few {
            self.each_reference(types, param, |key, ordinals| {
                if key.of == target && !ordinals.is_disjoint(found) {
                    ids.insert(key.id);
                }
                Ok(())
            })?;
        }
        Ok(ids)
    }

    /// Visits what the folded resources of a type refer to by `param`, with who does.
    fn each_reference(
        &self,
        types: &TypeView,
        param: ParamId,
        mut visit: impl FnMut(ResourceKey, &RoaringBitmap) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        for segment in types.segments.iter() {
            self.segment(segment).range(param.0, &[encode::kind::REFERENCE], |term, postings| {
                if term.first() != Some(&encode::kind::REFERENCE) {
                    return Ok(ControlFlow::Break(()));
                }
                if let Some(key) = encode::target(term)? {
                    let mut ordinals = RoaringBitmap::new();
                    postings.add_to(&mut ordinals)?;
                    visit(key, &ordinals)?;
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(())
    }

    /// The folded ordinals that pass, dead ones perhaps among them. With `within`, only those matter.
    fn folded(
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
                self.scan(types, *param, within, |span_max| lookups(test, span_max))?
            }
            Node::Leaf(Filter::Missing(param)) => {
                &*types.live - self.scan(types, *param, within, |_| vec![Lookup::Term(Vec::new())])?
            }
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
            Node::Refers { param, of, to } => self.referring(types, *param, *of, to)?,
            Node::Ids(ids) => self.of_ids(of, ids)?,
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
        let mut order: Vec<&Node> = nodes.iter().collect();
        order.sort_by_key(|node| node.cost());
        let mut left =
            within.map_or_else(|| RoaringBitmap::clone(&types.live), |within| within & &*types.live);
        left -= &*types.dead;
        for (at, node) in order.iter().enumerate() {
            if left.is_empty() {
                break;
            }
            if node.cost() >= Cost::Scan && left.len() <= DECIDE_BY_ENTRIES_MAX {
                return self.decide(of, &order[at..], left);
            }
            match node {
                Node::Not(node) => left -= self.folded(of, types, node, Some(&left))?,
                node => left &= self.folded(of, types, node, Some(&left))?,
            }
        }
        Ok(left)
    }

    /// Those of a few ordinals that pass all of `nodes`, by their entries.
    fn decide(
        &self,
        of: ResourceType,
        nodes: &[&Node],
        ordinals: RoaringBitmap,
    ) -> Result<RoaringBitmap, StorageError> {
        let mut found = RoaringBitmap::new();
        for ordinal in ordinals {
            let passes = self.with_row(of, ordinal, |row| {
                nodes
                    .iter()
                    .try_fold(true, |passes, node| Ok::<_, StorageError>(passes && self.matches(node, row)?))
            })??;
            if passes {
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

    fn referring(
        &self,
        types: &TypeView,
        param: ParamId,
        of: ResourceType,
        to: &RoaringBitmap,
    ) -> Result<RoaringBitmap, StorageError> {
        let mut found = RoaringBitmap::new();
        if to.len() <= CHAIN_FROM_RESULT_MAX {
            for ordinal in to {
                let test = Test::Reference(ReferenceTest::Key(self.key(of, ordinal)?));
                found |= self.scan(types, param, None, |_| lookups(&test, 0))?;
            }
            return Ok(found);
        }
        self.each_reference(types, param, |key, ordinals| {
            if key.of == of && self.newest(&key)?.is_some_and(|standing| to.contains(standing.ordinal)) {
                found |= ordinals;
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The folded ordinals that the lookups find, in the segments that hold some of `within`.
    fn scan<'t>(
        &self,
        types: &TypeView,
        param: ParamId,
        within: Option<&RoaringBitmap>,
        lookups: impl Fn(u64) -> Vec<Lookup<'t>>,
    ) -> Result<RoaringBitmap, StorageError> {
        let mut found = RoaringBitmap::new();
        for segment in types.segments.iter() {
            if within.is_some_and(|within| within.range(segment.base..segment.end).next().is_none()) {
                continue;
            }
            let reader = self.segment(segment);
            for lookup in lookups(reader.span_max(param.0)?) {
                match lookup {
                    Lookup::Term(term) => reader.find(param.0, &term, &mut found)?,
                    Lookup::Range { from, until, scan } => {
                        reader.range(param.0, &from, |term, postings| {
                            if term >= until.as_slice() {
                                return Ok(ControlFlow::Break(()));
                            }
                            if scan.passes(term)? {
                                postings.add_to(&mut found)?;
                            }
                            Ok(ControlFlow::Continue(()))
                        })?
                    }
                }
            }
        }
        Ok(found)
    }

    /// Whether one resource passes.
    pub(crate) fn matches(&self, node: &Node, row: Row<'_>) -> Result<bool, StorageError> {
        Ok(match node {
            Node::Leaf(filter) => filter.matches(row, &NoGraph),
            Node::And(nodes) => {
                for node in nodes {
                    if !self.matches(node, row)? {
                        return Ok(false);
                    }
                }
                true
            }
            Node::Or(nodes) => {
                for node in nodes {
                    if self.matches(node, row)? {
                        return Ok(true);
                    }
                }
                false
            }
            Node::Not(node) => !self.matches(node, row)?,
            Node::Refers { param, of, to } => {
                for key in references(row.entries, *param).filter(|key| key.of == *of) {
                    if self.newest(&key)?.is_some_and(|standing| to.contains(standing.ordinal)) {
                        return Ok(true);
                    }
                }
                false
            }
            Node::Ids(ids) => ids.contains(&row.key.id),
        })
    }
}

/// How much work a condition is, before it is looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cost {
    Free,
    Lookup,
    Scan,
    Complement,
}

impl Node {
    pub(crate) fn cost(&self) -> Cost {
        match self {
            Node::Leaf(Filter::Everything | Filter::Nothing | Filter::Ids(_)) | Node::Ids(_) => Cost::Free,
            Node::Leaf(Filter::Has(_, test)) if is_lookup(test) => Cost::Lookup,
            Node::Leaf(Filter::Missing(_)) => Cost::Lookup,
            Node::Leaf(_) => Cost::Scan,
            Node::And(nodes) => nodes.iter().map(Node::cost).min().unwrap_or(Cost::Free),
            Node::Or(nodes) => nodes.iter().map(Node::cost).max().unwrap_or(Cost::Free),
            Node::Not(_) => Cost::Complement,
            Node::Refers { .. } => Cost::Scan,
        }
    }
}

fn is_lookup(test: &Test) -> bool {
    lookups(test, 0)
        .iter()
        .all(|lookup| matches!(lookup, Lookup::Term(_) | Lookup::Range { scan: encode::Scan::All, .. }))
}

/// How deep the chains of a filter nest.
fn chain_depth(filter: &Filter) -> usize {
    match filter {
        Filter::And(all) | Filter::Or(all) => all.iter().map(chain_depth).max().unwrap_or(0),
        Filter::Not(one) => chain_depth(one),
        Filter::Refers { filter, .. } | Filter::ReferredBy { filter, .. } => 1 + chain_depth(filter),
        _ => 0,
    }
}
