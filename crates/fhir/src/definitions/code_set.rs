//! Sets of codes: what the value set of a required binding allows.

use super::table::{TableError, VALUE_SETS, lines, whole_url};

/// The codes that a required binding allows.
#[derive(Debug)]
pub struct CodeSet {
    /// The canonical URL of the value set, without version.
    pub url: String,
    /// Whether the set cannot be listed (all media types, all units), so that every code counts as in it.
    pub is_open: bool,
    systems: Vec<&'static str>,
    /// Each code with the place of its system, in order of code.
    codes: Vec<(&'static str, u16)>,
}

impl CodeSet {
    /// Whether the set has this code, in whichever system.
    pub fn contains(&self, code: &str) -> bool {
        self.is_open || self.place_of(code).is_some()
    }

    /// Whether the set has this code of this system.
    pub fn contains_in(&self, system: &str, code: &str) -> bool {
        if self.is_open {
            return self.systems.is_empty() || self.systems.contains(&system);
        }
        let from = self.codes.partition_point(|(known, _)| *known < code);
        let same = self.codes[from..].iter().take_while(|(known, _)| *known == code);
        same.into_iter().any(|(_, place)| self.systems[usize::from(*place)] == system)
    }

    /// The system that a bare code of this set belongs to; the first, where two systems share the code.
    pub fn system_of(&self, code: &str) -> Option<&'static str> {
        match self.sole_system() {
            Some(system) if self.contains(code) => Some(system),
            _ => self.place_of(code).map(|place| self.systems[usize::from(place)]),
        }
    }

    /// The one system that all codes of this set belong to, if there is one.
    pub fn sole_system(&self) -> Option<&'static str> {
        match self.systems.as_slice() {
            [system] => Some(system),
            _ => None,
        }
    }

    /// The codes that can be listed, in order.
    pub fn codes(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.codes.iter().map(|(code, _)| *code)
    }

    fn place_of(&self, code: &str) -> Option<u16> {
        let at = self.codes.partition_point(|(known, _)| *known < code);
        self.codes.get(at).filter(|(known, _)| *known == code).map(|(_, place)| *place)
    }
}

pub(super) fn read(table: &'static str) -> Result<Vec<CodeSet>, TableError> {
    let mut sets: Vec<CodeSet> = Vec::new();
    for line in lines(table) {
        if let Some(code) = line.strip_prefix(' ') {
            let set = sets.last_mut().ok_or(TableError::Line(line))?;
            let place = set.systems.len().checked_sub(1).ok_or(TableError::Line(line))?;
            set.codes.push((code, u16::try_from(place).map_err(|_| TableError::Line(line))?));
            continue;
        }
        let (word, rest) = line.split_once(' ').ok_or(TableError::Line(line))?;
        match word {
            "set" => sets.push(empty(rest, false)),
            "open" => {
                let (name, system) = rest.split_once(' ').unwrap_or((rest, ""));
                let mut set = empty(name, true);
                set.systems.extend(Some(system).filter(|system| !system.is_empty()));
                sets.push(set);
            }
            "system" => sets.last_mut().ok_or(TableError::Line(line))?.systems.push(rest),
            _ => return Err(TableError::Line(line)),
        }
    }
    for set in &mut sets {
        set.codes.sort();
        set.codes.dedup();
    }
    Ok(sets)
}

fn empty(name: &str, is_open: bool) -> CodeSet {
    CodeSet { url: whole_url(VALUE_SETS, name), is_open, systems: Vec::new(), codes: Vec::new() }
}
