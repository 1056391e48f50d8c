//! What comes with the matches of a page.

use std::collections::{BTreeMap, BTreeSet};

use fhir::{ResourceKey, ResourceType};
use roaring::RoaringBitmap;
use search::{
    Address, Filter, Include, Link, Search, Visible, addresses, canonical_types, named_by, refers_to,
};
use store::Stored;
use store::limits::{INCLUDE_ROUNDS_MAX, PAGE_BYTES_MAX};

use crate::StorageError;
use crate::contents::Reading;
use crate::place::At;

/// Ordinals of several types.
type Ordinals = BTreeMap<ResourceType, RoaringBitmap>;

/// What was included so far.
#[derive(Default)]
pub(crate) struct Included {
    pub(crate) rows: Vec<Stored>,
    /// Whether the limits left something out.
    pub(crate) is_cut: bool,
    bytes: usize,
}

impl Reading<'_> {
    /// What a page of these matches includes.
    pub(crate) fn included(&self, search: &Search, matches: &[At]) -> Result<Included, StorageError> {
        let mut included = Included::default();
        if search.include.is_empty() || matches.is_empty() {
            return Ok(included);
        }
        let mut there = Ordinals::new();
        add(&mut there, matches);
        let mut from = matches.to_vec();
        for round in 0.. {
            let links = search.include.iter().filter(|include| include.iterate || round == 0);
            let wanted = self.wanted(search.visible(), links, &from, &there)?;
            if wanted.values().all(RoaringBitmap::is_empty) {
                break;
            }
            if round == INCLUDE_ROUNDS_MAX {
                included.is_cut = true;
                break;
            }
            from = self.take(search, &wanted, &mut included)?;
            if included.is_cut {
                break;
            }
            add(&mut there, &from);
        }
        Ok(included)
    }

    /// Takes what the limits leave room for.
    fn take(
        &self,
        search: &Search,
        wanted: &Ordinals,
        included: &mut Included,
    ) -> Result<Vec<At>, StorageError> {
        let mut taken = Vec::new();
        for (of, ordinals) in wanted {
            for ordinal in ordinals {
                if included.rows.len() >= search.include_max {
                    included.is_cut = true;
                    return Ok(taken);
                }
                let stored = self.stored(*of, ordinal)?;
                included.bytes += stored.body_bytes();
                if included.bytes > PAGE_BYTES_MAX {
                    included.is_cut = true;
                    return Ok(taken);
                }
                included.rows.push(stored);
                taken.push(At { of: *of, ordinal });
            }
        }
        Ok(taken)
    }

    /// What the rows `from` are linked with: current, visible, not there yet. Only bitmaps are made of it,
    /// however popular a resource is.
    fn wanted<'i>(
        &self,
        visible: &Visible,
        includes: impl Iterator<Item = &'i Include>,
        from: &[At],
        there: &Ordinals,
    ) -> Result<Ordinals, StorageError> {
        let mut wanted = Ordinals::new();
        for Include { link, .. } in includes {
            match link {
                Link::Forward { from: source, param, target } => {
                    let rows = from.iter().filter(|at| source.is_none_or(|source| at.of == source));
                    for at in rows {
                        self.forward(*at, *param, *target, &mut wanted)?;
                    }
                }
                Link::Reverse { by, param, target } if self.of(*by).is_some() => {
                    let rows = from.iter().filter(|at| target.is_none_or(|target| at.of == target));
                    let ways = rows.map(|at| self.with_row(at.of, at.ordinal, |row| refers_to(row, *param)));
                    let ways: Vec<Filter> = ways.collect::<Result<_, _>>()?;
                    if !ways.is_empty() {
                        *wanted.entry(*by).or_default() |= self.select(*by, &Filter::Or(ways))?;
                    }
                }
                Link::Reverse { .. } => {}
            }
        }
        for (of, ordinals) in &mut wanted {
            if let Some(there) = there.get(of) {
                *ordinals -= there;
            }
            if !ordinals.is_empty() && *visible.of(*of) != Filter::Everything {
                *ordinals &= self.select(*of, visible.of(*of))?;
            }
        }
        Ok(wanted)
    }

    /// Adds what one row refers to.
    fn forward(
        &self,
        at: At,
        param: Option<search::ParamId>,
        target: Option<ResourceType>,
        wanted: &mut Ordinals,
    ) -> Result<(), StorageError> {
        let (mut keys, mut canonicals) = (BTreeSet::new(), BTreeSet::new());
        self.with_row(at.of, at.ordinal, |row| {
            for address in addresses(row.entries, param) {
                match address {
                    Address::Resource(key) => keys.insert(key),
                    Address::Canonical(url) => canonicals.insert(url.to_owned()),
                };
            }
        })?;
        for key in keys.into_iter().filter(|key| target.is_none_or(|of| key.of == of)) {
            if let Some(ordinal) = self.current(&key)? {
                wanted.entry(key.of).or_default().insert(ordinal);
            }
        }
        let types = canonical_types().iter().filter(|of| target.is_none_or(|target| **of == target));
        for of in types.filter(|of| self.of(**of).is_some()) {
            for url in &canonicals {
                let found = self.select(*of, &named_by(url))?;
                *wanted.entry(*of).or_default() |= found;
            }
        }
        Ok(())
    }

    /// The ordinal of a resource's current version.
    fn current(&self, key: &ResourceKey) -> Result<Option<u32>, StorageError> {
        let Some(standing) = self.newest(key)?.filter(|standing| !standing.is_deletion) else {
            return Ok(None);
        };
        // The identity is found by a hash of the key; the id itself is with the version.
        Ok((self.key(key.of, standing.ordinal)? == *key).then_some(standing.ordinal))
    }
}

fn add(to: &mut Ordinals, rows: &[At]) {
    for at in rows {
        to.entry(at.of).or_default().insert(at.ordinal);
    }
}
