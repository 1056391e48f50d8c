//! Conditions on the resources at the other end of references: decided from few resources where there are few,
//! on whichever end, else by following all references of the index once.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use fhir::{ResourceKey, ResourceType};
use roaring::RoaringBitmap;
use search::{Filter, ReferenceTest, Row, Test, canonical_types, references, refers_to};
use store::limits::CHAIN_TARGETS_MAX;

use crate::StorageError;
use crate::contents::Reading;
use crate::encode;
use crate::node::{Chain, Node};
use crate::page::LOOKED_AT_MAX;
use crate::view::TypeView;

/// Resources up to which a chain is decided one by one.
const CHAIN_ONE_BY_ONE_MAX: u64 = 256;
/// Resources up to which a chain looks their keys up, beyond which it goes through all references.
const CHAIN_BY_KEYS_MAX: u64 = 4096;
/// Referring resources up to which each is looked at, beyond which all that pass are found first.
const REFERRERS_ONE_BY_ONE_MAX: u64 = 64;

impl Reading<'_> {
    /// The folded ordinals of a type that refer to what passes; with `within`, only those matter.
    pub(crate) fn referring(
        &self,
        of: ResourceType,
        types: &TypeView,
        chain: &Chain,
        within: Option<&RoaringBitmap>,
    ) -> Result<RoaringBitmap, StorageError> {
        if let Some(within) = within.filter(|within| within.len() <= CHAIN_ONE_BY_ONE_MAX) {
            return self.one_by_one(of, within, |row| self.refers(chain, row));
        }
        if is_canonical(chain.of) {
            return self.folded(of, types, self.named(chain)?, within);
        }
        let there = self.there(chain)?;
        if there.len() <= CHAIN_BY_KEYS_MAX {
            let key = |ordinal| Ok(Test::Reference(ReferenceTest::Key(self.key(chain.of, ordinal)?)));
            let keys = there.iter().map(key).collect::<Result<Vec<Test>, StorageError>>()?;
            return self.folded(of, types, &Node::Any(chain.param, keys), within);
        }
        let mut found = RoaringBitmap::new();
        let mut looked_up = 0;
        self.each_reference(types, chain, |key, ordinals| {
            if key.of != chain.of {
                return Ok(());
            }
            count(&mut looked_up)?;
            if self.newest(&key)?.is_some_and(|standing| there.contains(standing.ordinal)) {
                found |= ordinals;
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The folded ordinals of a type that are referred to by what passes; with `within`, only those matter.
    pub(crate) fn referred(
        &self,
        of: ResourceType,
        types: &TypeView,
        chain: &Chain,
        within: Option<&RoaringBitmap>,
    ) -> Result<RoaringBitmap, StorageError> {
        if let Some(within) = within.filter(|within| within.len() <= CHAIN_ONE_BY_ONE_MAX) {
            return self.one_by_one(of, within, |row| self.is_referred(chain, row));
        }
        if is_canonical(of) {
            return self.one_by_one(of, &types.live, |row| self.is_referred(chain, row));
        }
        if let Some(here) = chain.here.get() {
            return Ok(here.clone());
        }
        let here = self.all_referred(of, chain)?;
        Ok(chain.here.get_or_init(|| here).clone())
    }

    fn all_referred(&self, of: ResourceType, chain: &Chain) -> Result<RoaringBitmap, StorageError> {
        let mut keys = BTreeSet::new();
        let Some(theirs) = self.of(chain.of) else { return Ok(RoaringBitmap::new()) };
        let there = self.there(chain)?;
        let is_few = there.len() <= CHAIN_ONE_BY_ONE_MAX;
        for ordinal in there.iter().filter(|ordinal| is_few || !theirs.live.contains(*ordinal)) {
            self.with_row(chain.of, ordinal, |row| keys.extend(references(row.entries, chain.param)))?;
        }
        let mut found = RoaringBitmap::new();
        let mut looked_up = 0;
        let mut add = |key: ResourceKey| {
            if key.of == of {
                count(&mut looked_up)?;
                found.extend(self.newest(&key)?.map(|standing| standing.ordinal));
            }
            Ok(())
        };
        keys.into_iter().try_for_each(&mut add)?;
        if !is_few {
            self.each_reference(theirs, chain, |key, ordinals| {
                if key.of == of && !ordinals.is_disjoint(there) { add(key) } else { Ok(()) }
            })?;
        }
        Ok(found)
    }

    /// Whether a row refers to something that passes.
    pub(crate) fn refers(&self, chain: &Chain, row: Row<'_>) -> Result<bool, StorageError> {
        if is_canonical(chain.of) {
            return self.matches(self.named(chain)?, row);
        }
        for key in references(row.entries, chain.param).filter(|key| key.of == chain.of) {
            let Some(standing) = self.newest(&key)?.filter(|standing| !standing.is_deletion) else {
                continue;
            };
            let passes = match chain.there.get() {
                Some(there) => there.contains(standing.ordinal),
                None => self.with_row(chain.of, standing.ordinal, |row| {
                    Ok::<_, StorageError>(*row.key == key && self.matches(&chain.node, row)?)
                })??,
            };
            if passes {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a row is referred to by something that passes.
    pub(crate) fn is_referred(&self, chain: &Chain, row: Row<'_>) -> Result<bool, StorageError> {
        let referrers = self.select(chain.of, &refers_to(row, chain.param))?;
        let is_index_quicker = referrers.len() > REFERRERS_ONE_BY_ONE_MAX && !chain.node.has_chain();
        if chain.there.get().is_some() || is_index_quicker {
            return Ok(!referrers.is_disjoint(self.there(chain)?));
        }
        for ordinal in referrers.iter().take(LOOKED_AT_MAX) {
            if self.with_row(chain.of, ordinal, |row| self.matches(&chain.node, row))?? {
                return Ok(true);
            }
        }
        Ok(referrers.len() > LOOKED_AT_MAX as u64 && !referrers.is_disjoint(self.there(chain)?))
    }

    /// Whether what these ask of other resources is found out quickly for all, because few of those pass.
    pub(crate) fn are_quick(&self, nodes: &[Node]) -> Result<bool, StorageError> {
        for node in nodes {
            let is_quick = match node {
                Node::Refers(chain) => self.is_quick(chain, CHAIN_BY_KEYS_MAX)?,
                Node::ReferredBy(chain) => self.is_quick(chain, CHAIN_ONE_BY_ONE_MAX)?,
                Node::And(nodes) | Node::Or(nodes) => self.are_quick(nodes)?,
                Node::Not(node) => self.are_quick(std::slice::from_ref(node))?,
                Node::Contains(inside) => inside.contained.by.is_some(),
                Node::Leaf(_) | Node::Any(..) => true,
            };
            if !is_quick {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_quick(&self, chain: &Chain, most: u64) -> Result<bool, StorageError> {
        Ok(self.are_quick(std::slice::from_ref(&chain.node))? && self.there(chain)?.len() <= most)
    }

    /// All that pass at the other end.
    fn there<'c>(&self, chain: &'c Chain) -> Result<&'c RoaringBitmap, StorageError> {
        if let Some(there) = chain.there.get() {
            return Ok(there);
        }
        let there = self.select_node(chain.of, &chain.node)?;
        Ok(chain.there.get_or_init(|| there))
    }

    /// What a reference to one of the canonical resources at the other end passes.
    fn named<'c>(&self, chain: &'c Chain) -> Result<&'c Node, StorageError> {
        if let Some(named) = chain.named.get() {
            return Ok(named);
        }
        let mut ways = Vec::new();
        for ordinal in self.there(chain)? {
            ways.push(self.with_row(chain.of, ordinal, |row| refers_to(row, chain.param))?);
        }
        let flat = ways.into_iter().flat_map(|way| match way {
            Filter::Or(ways) => ways,
            one => vec![one],
        });
        let named = Node::of(&Filter::Or(flat.collect()));
        Ok(chain.named.get_or_init(|| named))
    }

    fn one_by_one(
        &self,
        of: ResourceType,
        ordinals: &RoaringBitmap,
        passes: impl Fn(Row<'_>) -> Result<bool, StorageError>,
    ) -> Result<RoaringBitmap, StorageError> {
        let mut found = RoaringBitmap::new();
        for ordinal in ordinals {
            if self.with_row(of, ordinal, &passes)?? {
                found.insert(ordinal);
            }
        }
        Ok(found)
    }

    /// Visits what the folded resources of a type refer to by the parameter of a chain, with who does.
    fn each_reference(
        &self,
        types: &TypeView,
        chain: &Chain,
        mut visit: impl FnMut(ResourceKey, &RoaringBitmap) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        for segment in types.segments.iter() {
            self.segment(segment).range(chain.param.0, &[encode::kind::REFERENCE], |term, postings| {
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
}

/// Counts one more resource that had to be looked up, up to the limit.
fn count(looked_up: &mut usize) -> Result<(), StorageError> {
    *looked_up += 1;
    if *looked_up > CHAIN_TARGETS_MAX { Err(StorageError::Limit("CHAIN_TARGETS_MAX")) } else { Ok(()) }
}

fn is_canonical(of: ResourceType) -> bool {
    canonical_types().binary_search(&of).is_ok()
}
