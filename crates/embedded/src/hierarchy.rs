//! Resources that are parts of each other: level by level through the index, before a filter is looked up.

use std::collections::BTreeSet;

use fhir::ResourceKey;
use search::{Direction, Filter, Hierarchy, ReferenceTest, Test};

use crate::StorageError;
use crate::contents::Reading;
use crate::node::Node;

/// Hierarchies that one reading remembers.
const REMEMBERED_MAX: usize = 64;

impl Reading<'_> {
    /// The filter with the resources of its hierarchies in their place.
    pub(crate) fn with_members(&self, filter: &Filter) -> Result<Filter, StorageError> {
        let mut left = self.hierarchy_max.get();
        filter.with_members(&mut |hierarchy| {
            left = left.checked_sub(1).ok_or(too_many())?;
            let members = self.members(hierarchy, left)?;
            left = left.checked_sub(members.len()).ok_or(too_many())?;
            Ok(members)
        })
    }

    /// What stands above or below, if it is not more than `max`.
    fn members(&self, hierarchy: &Hierarchy, max: usize) -> Result<BTreeSet<ResourceKey>, StorageError> {
        let remembered = self.hierarchies.borrow().iter().find(|(one, _)| one == hierarchy).cloned();
        if let Some((_, members)) = remembered {
            return Ok(members);
        }
        let members = match hierarchy.direction {
            Direction::Below => self.below(hierarchy, max)?,
            Direction::Above => self.above(hierarchy, max)?,
        };
        let mut remembered = self.hierarchies.borrow_mut();
        if remembered.len() < REMEMBERED_MAX {
            remembered.push((hierarchy.clone(), members.clone()));
        }
        Ok(members)
    }

    fn below(&self, hierarchy: &Hierarchy, max: usize) -> Result<BTreeSet<ResourceKey>, StorageError> {
        let mut members = BTreeSet::new();
        let mut level = vec![hierarchy.root.clone()];
        while !level.is_empty() {
            let parts = level.into_iter().map(|whole| Filter::Has(hierarchy.parent, Test::Reference(whole)));
            let filter = hierarchy.filter.clone().and(Filter::Or(parts.collect()));
            level = Vec::new();
            for ordinal in self.select_node(hierarchy.of, &Node::of(&filter))? {
                let part = self.key(hierarchy.of, ordinal)?;
                if members.insert(part.clone()) {
                    level.push(ReferenceTest::Key(part));
                }
            }
            check(&members, max)?;
        }
        Ok(members)
    }

    fn above(&self, hierarchy: &Hierarchy, max: usize) -> Result<BTreeSet<ResourceKey>, StorageError> {
        let node = Node::of(&hierarchy.filter);
        let mut members = BTreeSet::new();
        let mut parts: Vec<ResourceKey> = hierarchy.root_key().into_iter().collect();
        while let Some(part) = parts.pop() {
            let Some(standing) = self.newest(&part)?.filter(|standing| !standing.is_deletion) else {
                continue;
            };
            let wholes = self.with_row(part.of, standing.ordinal, |row| {
                // The identity is found by a hash of the key; the id itself is here.
                let is_followed = *row.key == part && self.matches(&node, row)?;
                Ok::<_, StorageError>(if is_followed { hierarchy.wholes_of(row.entries) } else { Vec::new() })
            })??;
            parts.extend(wholes.into_iter().filter(|whole| members.insert(whole.clone())));
            check(&members, max)?;
        }
        Ok(members)
    }
}

fn check(members: &BTreeSet<ResourceKey>, max: usize) -> Result<(), StorageError> {
    if members.len() > max { Err(too_many()) } else { Ok(()) }
}

fn too_many() -> StorageError {
    StorageError::Limit("HIERARCHY_RESOURCES_MAX")
}
