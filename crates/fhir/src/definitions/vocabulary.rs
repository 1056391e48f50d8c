//! The code systems and value sets of the standard: codes, displays and what stands below what.

use super::table::{TableError, lines};
use std::collections::HashMap;
use std::sync::LazyLock;

/// A code system.
#[derive(Debug)]
pub struct CodeSystemDefinition {
    /// Its canonical URL.
    pub url: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its concepts, in their order.
    pub concepts: Vec<ConceptDefinition>,
}

/// A concept of a code system.
#[derive(Debug)]
pub struct ConceptDefinition {
    /// Its code.
    pub code: &'static str,
    /// How it is shown to people; empty if the standard does not say.
    pub display: &'static str,
    /// The codes that subsume it directly.
    pub parents: Vec<&'static str>,
    /// Whether it only groups others and is not for use itself.
    pub is_abstract: bool,
    /// Whether it is retired: no longer for use.
    pub is_retired: bool,
    /// Whether its use is discouraged.
    pub is_deprecated: bool,
}

/// A value set.
#[derive(Debug)]
pub struct ValueSetDefinition {
    /// Its canonical URL.
    pub url: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its name.
    pub name: &'static str,
    /// How far it is published (`draft`, `active`, `retired` or `unknown`).
    pub status: &'static str,
    /// What is in it.
    pub includes: Vec<ValueSetPart>,
    /// What is not, though it is included.
    pub excludes: Vec<ValueSetPart>,
}

/// A part of a value set: what all of these name.
#[derive(Debug)]
pub struct ValueSetPart {
    /// The code system; absent if only other value sets are imported.
    pub system: Option<&'static str>,
    /// The codes with how they are shown, if that is said; empty: not only some.
    pub codes: Vec<(&'static str, &'static str)>,
    /// Property, operator and value that each code must pass.
    pub filters: Vec<(&'static str, &'static str, &'static str)>,
    /// The value sets that each code must be in.
    pub imports: Vec<&'static str>,
}

#[derive(Default, Debug)]
struct Vocabulary {
    systems: HashMap<&'static str, CodeSystemDefinition>,
    sets: HashMap<&'static str, ValueSetDefinition>,
}

static VOCABULARY: LazyLock<Vocabulary> =
    LazyLock::new(|| match read(include_str!("../../data/vocabulary.txt")) {
        Ok(vocabulary) => vocabulary,
        Err(error) => unreachable!("the committed table is read whole by this crate's tests: {error}"),
    });

/// The code system of the standard that has this canonical URL. The first call reads the table, which takes a few
/// milliseconds.
pub fn code_system(url: &str) -> Option<&'static CodeSystemDefinition> {
    VOCABULARY.systems.get(url)
}

/// The value set of the standard that has this canonical URL.
pub fn value_set(url: &str) -> Option<&'static ValueSetDefinition> {
    VOCABULARY.sets.get(url)
}

/// What the lines since the last heading belong to.
enum Block {
    None,
    System(CodeSystemDefinition, Vec<&'static str>),
    Set(ValueSetDefinition),
}

fn read(table: &'static str) -> Result<Vocabulary, TableError> {
    let mut vocabulary = Vocabulary::default();
    let mut block = Block::None;
    for line in lines(table) {
        let heading = line.split_once(' ').filter(|(word, _)| matches!(*word, "system" | "set"));
        if let Some((word, rest)) = heading {
            vocabulary.keep(block);
            block = heading_of(word, rest).ok_or(TableError::Line(line))?;
            continue;
        }
        let is_read = match &mut block {
            Block::None => None,
            Block::System(system, above) => read_concept(system, above, line),
            Block::Set(set) => read_part(set, line),
        };
        is_read.ok_or(TableError::Line(line))?;
    }
    vocabulary.keep(block);
    Ok(vocabulary)
}

/// What a `system` or `set` line opens.
fn heading_of(word: &str, rest: &'static str) -> Option<Block> {
    let [named, name, last] = cells(rest);
    let (url, version) = named.split_once(' ')?;
    Some(match word {
        "system" => {
            Block::System(CodeSystemDefinition { url, version, name, concepts: Vec::new() }, Vec::new())
        }
        _ => {
            let (includes, excludes) = (Vec::new(), Vec::new());
            Block::Set(ValueSetDefinition { url, version, name, status: last, includes, excludes })
        }
    })
}

/// The cells of a line; those that are left out are empty.
fn cells(line: &'static str) -> [&'static str; 3] {
    let mut cells = line.splitn(3, '\t');
    [(); 3].map(|()| cells.next().unwrap_or_default())
}

impl Vocabulary {
    fn keep(&mut self, block: Block) {
        match block {
            Block::None => {}
            Block::System(system, _) => {
                self.systems.insert(system.url, system);
            }
            Block::Set(set) => {
                self.sets.insert(set.url, set);
            }
        }
    }
}

/// A line below `system`; `above` are the codes that the last one stands below, and itself.
fn read_concept(
    system: &mut CodeSystemDefinition,
    above: &mut Vec<&'static str>,
    line: &'static str,
) -> Option<()> {
    let [code, display, marks] = cells(line);
    let (indented, code) = (code.len(), code.trim_start_matches(' '));
    if let Some(parent) = code.strip_prefix('^') {
        system.concepts.last_mut()?.parents.push(parent);
        return Some(());
    }
    let depth = (indented - code.len()).checked_sub(1)?;
    above.truncate(depth);
    let parents = above.last().into_iter().copied().collect();
    above.push(code);
    system.concepts.push(ConceptDefinition {
        code,
        display,
        parents,
        is_abstract: marks.contains('a'),
        is_retired: marks.contains('r'),
        is_deprecated: marks.contains('d'),
    });
    Some(())
}

/// A line below `set`.
fn read_part(set: &mut ValueSetDefinition, line: &'static str) -> Option<()> {
    let (word, rest) = line.trim_start().split_once(' ').unwrap_or((line.trim_start(), ""));
    if !line.starts_with(' ') {
        let system = (!rest.is_empty()).then_some(rest);
        let part = ValueSetPart { system, codes: Vec::new(), filters: Vec::new(), imports: Vec::new() };
        match word {
            "include" => set.includes.push(part),
            "exclude" => set.excludes.push(part),
            _ => return None,
        }
        return Some(());
    }
    let part = if set.excludes.is_empty() { set.includes.last_mut() } else { set.excludes.last_mut() }?;
    match word {
        "code" => part.codes.push(rest.split_once('\t').unwrap_or((rest, ""))),
        "import" => part.imports.push(rest),
        "filter" => {
            let (property, rest) = rest.split_once(' ')?;
            let (operator, value) = rest.split_once(' ')?;
            part.filters.push((property, operator, value));
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_systems_have_their_hierarchies() {
        let roles = code_system("http://terminology.hl7.org/CodeSystem/v3-RoleCode").unwrap();
        let mother = roles.concepts.iter().find(|concept| concept.code == "NMTH").unwrap();
        assert_eq!((mother.display, &*mother.parents), ("natural mother", &["MTH", "NPRN"][..]));
        let group =
            roles.concepts.iter().find(|concept| concept.code == "_PersonalRelationshipRoleType").unwrap();
        assert_eq!((roles.name, group.is_abstract, mother.is_abstract), ("v3.RoleCode", true, false));
        assert!(code_system("http://hl7.org/fhir/administrative-gender").unwrap().concepts.len() == 4);
        assert!(code_system("http://example.org/none").is_none());
        assert!(VOCABULARY.systems.len() > 1000 && VOCABULARY.sets.len() > 1200);
    }

    #[test]
    fn value_sets_have_their_parts() {
        let gender = value_set("http://hl7.org/fhir/ValueSet/administrative-gender").unwrap();
        assert_eq!(gender.includes[0].system, Some("http://hl7.org/fhir/administrative-gender"));
        let languages = value_set("http://hl7.org/fhir/ValueSet/languages").unwrap();
        assert!(languages.includes[0].codes.contains(&("de-CH", "German (Switzerland)")));
        let filtered =
            VOCABULARY.sets.values().flat_map(|set| &set.includes).filter(|part| !part.filters.is_empty());
        assert!(filtered.count() > 100);
        assert!(VOCABULARY.sets.values().any(|set| !set.excludes.is_empty()));
    }
}
