//! Works a value set out of packages and the standard, each part as seen from the package that it stands in.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use fhir::package::{EntryAt, Library};
use fhir::{Resource, ResourceType};

use super::bounds::Bounds;
use super::membership::Membership;
use crate::limits::{VALUE_SET_NESTING_MAX, VALUE_SET_WORK_MAX, VOCABULARY_RESOURCES_MAX};
use crate::vocabulary::code_system::CodeSystem;
use crate::vocabulary::compose::Chosen;
use crate::vocabulary::value_set::{Part, ValueSet};
use crate::vocabulary::{Definition, Kind, VocabularyFault, VocabularyNeed};
use crate::{Codes, TokenSet};

/// One value set being worked out, with what it needs.
pub(super) struct Reading<'l> {
    library: &'l Library,
    found: HashMap<Place, Option<Definition>>,
    sets: HashMap<Place, Rc<Bounds>>,
    depth: usize,
    work_left: usize,
}

/// Where a definition stands.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Place {
    Package(EntryAt),
    Standard(VocabularyNeed),
}

impl Place {
    /// The package from which a definition asks for others.
    fn from(&self) -> Option<u32> {
        match self {
            Place::Package(at) => Some(at.package),
            Place::Standard(_) => None,
        }
    }
}

impl<'l> Reading<'l> {
    pub(super) fn new(library: &'l Library) -> Self {
        let (found, sets) = (HashMap::new(), HashMap::new());
        Reading { library, found, sets, depth: 0, work_left: VALUE_SET_WORK_MAX }
    }

    /// Which codes a value set has, asked for from a package.
    pub(super) fn membership(mut self, value_set: &str, from: Option<u32>) -> Membership {
        let bounds = self.value_set(value_set, from);
        let near = self.place(&VocabularyNeed::ValueSet(value_set.to_owned()), from);
        let from = near.and_then(|place| place.from());
        Membership::of(&bounds, &mut |url| self.code_system(url, from).ok())
    }

    /// All codes of a code system, asked for from a package.
    pub(super) fn whole(mut self, system: &str, from: Option<u32>) -> Membership {
        let mut all = TokenSet::new();
        all.add(system, Codes::all());
        Membership::of(&Bounds::known(all, false), &mut |url| self.code_system(url, from).ok())
    }

    fn value_set(&mut self, name: &str, from: Option<u32>) -> Rc<Bounds> {
        let need = VocabularyNeed::ValueSet(name.to_owned());
        let Some(place) = self.place(&need, from) else { return Rc::new(Bounds::unknown()) };
        if let Some(known) = self.sets.get(&place) {
            return Rc::clone(known);
        }
        let Some(Definition(Kind::ValueSet(set))) = self.read(&place, &need, from) else {
            return Rc::new(Bounds::unknown());
        };
        if self.depth > VALUE_SET_NESTING_MAX {
            return Rc::new(Bounds::unknown());
        }
        // A value set that imports itself, however far, finds this.
        self.sets.insert(place.clone(), Rc::new(Bounds::unknown()));
        self.depth += 1;
        let bounds = Rc::new(self.composed(&set, place.from()));
        self.depth -= 1;
        self.sets.insert(place, Rc::clone(&bounds));
        bounds
    }

    fn composed(&mut self, set: &ValueSet, from: Option<u32>) -> Bounds {
        if let Some(ready) = &set.ready {
            return Bounds::known(ready.set.clone(), true);
        }
        let mut bounds = Bounds::none();
        for part in &set.includes {
            let part = self.part(part, set.is_without_inactive, from);
            if !self.affords(&bounds, &part) {
                return Bounds::unknown();
            }
            bounds.add(&part);
        }
        for part in &set.excludes {
            let part = self.part(part, false, from);
            if !self.affords(&bounds, &part) {
                return Bounds::unknown();
            }
            bounds.remove(&part);
        }
        bounds
    }

    /// What a part of a value set names: what its code system has and all its imports have.
    fn part(&mut self, part: &Part, is_without_inactive: bool, from: Option<u32>) -> Bounds {
        let own = part.system.as_deref().map(|url| self.of_system(part, url, is_without_inactive, from));
        let mut found = own;
        for import in &part.imports {
            let import = self.value_set(import, from);
            found = Some(match found {
                None => (*import).clone(),
                Some(mut found) if self.affords(&found, &import) => {
                    found.keep(&import);
                    found
                }
                Some(_) => Bounds::unknown(),
            });
        }
        found.unwrap_or_else(Bounds::none)
    }

    fn of_system(&mut self, part: &Part, url: &str, is_without_inactive: bool, from: Option<u32>) -> Bounds {
        let takes_all = part.codes.is_empty() && part.filters.is_empty();
        let needs_system = is_without_inactive || (part.codes.is_empty() && !takes_all);
        let system = match part.canonical().filter(|_| needs_system) {
            Some(canonical) => self.code_system(&canonical, from),
            None => Err(VocabularyFault::NoCodeSystem),
        };
        let known = system.as_ref().map(Arc::as_ref).map_err(Clone::clone);
        let codes = Chosen::of_system(part, known)
            .and_then(|chosen| chosen.token_set(is_without_inactive, url).map_err(|error| error.fault));
        match codes {
            Ok(codes) => Bounds::known(codes, !takes_all),
            Err(_) => {
                let mut all = TokenSet::new();
                all.add(url, Codes::all());
                Bounds::at_most(all)
            }
        }
    }

    fn code_system(&mut self, name: &str, from: Option<u32>) -> Result<Arc<CodeSystem>, VocabularyFault> {
        let need = VocabularyNeed::CodeSystem(name.to_owned());
        let place = self.place(&need, from).ok_or(VocabularyFault::NoCodeSystem)?;
        match self.read(&place, &need, from) {
            Some(Definition(Kind::CodeSystem(system))) if !system.is_supplement() => Ok(system),
            _ => Err(VocabularyFault::NoCodeSystem),
        }
    }

    /// Whether what is to be done with two sets is still within the limit, and counts it.
    fn affords(&mut self, one: &Bounds, other: &Bounds) -> bool {
        let left = self.work_left.checked_sub(one.len() + other.len() + 1);
        self.work_left = left.unwrap_or(0);
        left.is_some()
    }

    /// Where the definition stands that a name means.
    fn place(&self, need: &VocabularyNeed, from: Option<u32>) -> Option<Place> {
        let registry = self.library.registry();
        let found = registry.resolve(need.name(), Some(need.of()), from);
        let is_near = |at: &EntryAt| from.is_some_and(|from| registry.is_near(at.package, from));
        if need.is_of_standard() && !found.as_ref().is_some_and(is_near) {
            return Some(Place::Standard(need.clone()));
        }
        found.map(Place::Package)
    }

    fn read(&mut self, place: &Place, need: &VocabularyNeed, from: Option<u32>) -> Option<Definition> {
        if let Some(known) = self.found.get(place) {
            return known.clone();
        }
        if self.found.len() >= VOCABULARY_RESOURCES_MAX {
            return None;
        }
        let definition = match place {
            Place::Standard(_) => Definition::of_standard(need).ok(),
            Place::Package(_) => {
                let found = self.resource(need.name(), need.of(), from);
                found.and_then(|resource| Definition::read(&resource).ok())
            }
        };
        self.found.insert(place.clone(), definition.clone());
        definition
    }

    fn resource(&self, name: &str, of: ResourceType, from: Option<u32>) -> Option<Arc<Resource>> {
        self.library.resource(name, Some(of), from).ok().flatten()
    }
}
