//! What comes with the matches of a page of the model.

use std::collections::BTreeSet;

use fhir::{ResourceKey, ResourceType};
use search::{
    Address, Filter, Graph, Include, Link, Search, addresses, canonical_types, named_by, refers_to,
};

use super::contents::Contents;
use crate::limits::{INCLUDE_ROUNDS_MAX, PAGE_BYTES_MAX};
use crate::stored::Stored;

/// What was included so far.
struct Included {
    ordinals: Vec<usize>,
    bytes: usize,
    is_cut: bool,
}

impl Contents {
    /// What the matches of these ordinals include, and whether the limits cut it.
    pub(super) fn included(&self, search: &Search, matches: &[usize]) -> (Vec<Stored>, bool) {
        let mut included = Included { ordinals: Vec::new(), bytes: 0, is_cut: false };
        let mut from = matches.to_vec();
        for round in 0.. {
            let wanted = self.wanted(search, round > 0, &from, &[matches, &included.ordinals].concat());
            if wanted.is_empty() || included.is_cut {
                break;
            }
            if round == INCLUDE_ROUNDS_MAX {
                included.is_cut = true;
                break;
            }
            from = self.take(search, wanted, &mut included);
        }
        let stored = included.ordinals.iter().map(|ordinal| self.versions[*ordinal].stored.clone());
        (stored.collect(), included.is_cut)
    }

    /// Takes what the limits leave room for.
    fn take(&self, search: &Search, wanted: Vec<usize>, included: &mut Included) -> Vec<usize> {
        let mut taken = Vec::new();
        for ordinal in wanted {
            let bytes = included.bytes + self.versions[ordinal].stored.body_bytes();
            if included.ordinals.len() >= search.include_max || bytes > PAGE_BYTES_MAX {
                included.is_cut = true;
                break;
            }
            included.bytes = bytes;
            included.ordinals.push(ordinal);
            taken.push(ordinal);
        }
        taken
    }

    /// What the rows `from` are linked with: current, visible, not there yet; by type and then as written.
    fn wanted(&self, search: &Search, is_later: bool, from: &[usize], there: &[usize]) -> Vec<usize> {
        let mut wanted: BTreeSet<(ResourceType, usize)> = BTreeSet::new();
        for Include { link, .. } in search.include.iter().filter(|include| include.iterate || !is_later) {
            for ordinal in from {
                let found = self.linked(link, *ordinal).into_iter();
                wanted.extend(found.filter_map(|key| Some((key.of, *self.of_key.get(&key)?.last()?))));
            }
        }
        let is_shown = |of: ResourceType, ordinal: usize| {
            let version = &self.versions[ordinal];
            !version.is_deletion()
                && !there.contains(&ordinal)
                && search.visible().of(of).matches(version.row(), self)
        };
        wanted.into_iter().filter(|(of, at)| is_shown(*of, *at)).map(|(_, ordinal)| ordinal).collect()
    }

    /// The resources at the other end of a row's links.
    fn linked(&self, link: &Link, ordinal: usize) -> Vec<ResourceKey> {
        let row = self.versions[ordinal].row();
        let pass = |of: ResourceType, filter: Filter| {
            self.rows(of).filter(move |row| filter.matches(*row, self)).map(|row| row.key.clone())
        };
        match link {
            Link::Forward { from, .. } if from.is_some_and(|from| row.key.of != from) => Vec::new(),
            Link::Reverse { target, .. } if target.is_some_and(|target| row.key.of != target) => Vec::new(),
            Link::Forward { param, target, .. } => addresses(row.entries, *param)
                .flat_map(|address| match address {
                    Address::Resource(key) => vec![key],
                    Address::Canonical(url) => {
                        canonical_types().iter().flat_map(|of| pass(*of, named_by(url))).collect()
                    }
                })
                .filter(|key| target.is_none_or(|of| key.of == of))
                .collect(),
            Link::Reverse { by, param, .. } => pass(*by, refers_to(row, *param)).collect(),
        }
    }
}
