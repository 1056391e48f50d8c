//! The codes of a value set as a list for people (R4 `ValueSet/$expand`): in the order of its parts, each code once.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::code_system::{CodeSystem, Concept, Supplement, folded_words};
use super::compose::{Chosen, Composed, Evaluation};
use super::concept_set::ConceptSet;
use super::value_set::{Listed, ReadyCode};
use super::{Vocabulary, VocabularyError, VocabularyFault, canonical};
use crate::limits::{EXPANSION_CODES_MAX, EXPANSION_DEPTH_MAX};
use crate::normalize;

type Result<T> = std::result::Result<T, VocabularyError>;

/// What is asked of an expansion.
#[derive(Clone, Default, Debug)]
pub struct ExpansionAsked<'a> {
    /// Words that a code's display, designations or the code itself must hold, in any order; empty for any.
    pub filter: &'a str,
    /// How many codes to show at the most.
    pub count: Option<usize>,
    /// How many to pass over.
    pub offset: usize,
    /// Only codes that are for use still.
    pub is_active_only: bool,
    /// Only codes that are for use themselves, not those that group others.
    pub is_selectable_only: bool,
    /// Whether a code is shown below the one above it. Pages are flat always, and so is what words chose.
    pub is_nested: bool,
    /// Code systems whose codes are left out: `url` or `url|version`.
    pub without_systems: &'a [String],
    /// The language that codes are shown in where they have a designation in it (BCP 47).
    pub language: Option<&'a str>,
}

/// The codes of a value set.
#[derive(Debug)]
pub struct Expansion<'v> {
    /// How many there are, shown or not.
    pub total: usize,
    /// Those shown.
    pub contains: Vec<ExpandedCode<'v>>,
    /// The code systems that were looked at, `url|version`.
    pub systems: BTreeSet<String>,
    /// The supplements that were used, `url|version`.
    pub supplements: BTreeSet<String>,
    /// Whether codes are shown below others.
    pub is_nested: bool,
}

/// A code of an expansion.
#[derive(Debug)]
pub struct ExpandedCode<'v> {
    /// Its code system.
    pub system: &'v str,
    /// The version of the code system, if the value set says one.
    pub version: Option<&'v str>,
    /// The code.
    pub code: &'v str,
    /// How it is shown.
    pub display: Option<&'v str>,
    /// Whether it only groups others.
    pub is_abstract: bool,
    /// Whether it is no longer for use.
    pub is_inactive: bool,
    /// What the code system knows of it, if it is known here.
    pub concept: Option<Concept<'v>>,
    /// The designations that the value set gives it, a list as JSON.
    pub designations: Option<&'v str>,
    /// The codes shown below it.
    pub contains: Vec<ExpandedCode<'v>>,
}

impl Vocabulary {
    /// The codes of a value set.
    ///
    /// # Errors
    /// [`VocabularyError`] if something that it needs is not known or a limit is reached.
    pub fn expand<'v>(&'v self, value_set: &str, asked: &ExpansionAsked<'_>) -> Result<Expansion<'v>> {
        let evaluation = Evaluation::of(self);
        let composed = evaluation.composed(value_set)?;
        composed.value_set.supplements.iter().try_for_each(|name| self.check_supplement(name))?;
        let mut collector = Collector {
            vocabulary: self,
            words: folded_words(asked.filter),
            asked,
            name: value_set,
            called: Vec::new(),
            seen: Vec::new(),
            seen_codes: HashSet::new(),
            total: 0,
            found: Vec::new(),
            systems: BTreeSet::new(),
            supplements: BTreeSet::new(),
        };
        evaluation.visit(&composed, value_set, &mut |visited| collector.take(visited))?;
        let Collector { total, found, systems, supplements, words, .. } = collector;
        let is_page = asked.count.is_some() || asked.offset > 0;
        let is_nested = asked.is_nested && !is_page && words.is_empty();
        let contains = if is_nested { nested(found) } else { found };
        let is_nested = contains.iter().any(|code| !code.contains.is_empty());
        Ok(Expansion { total, contains, systems, supplements, is_nested })
    }
}

/// What is shown to whoever goes through the codes of a value set.
enum Visited<'v> {
    /// All of these concepts come next, unless [`Answer::Concepts`] says which of them to go through.
    System(&'v CodeSystem),
    /// A code.
    Code(ExpandedCode<'v>),
}

/// What whoever goes through the codes says.
enum Answer {
    /// Go on.
    Next,
    /// Only these concepts matter.
    Concepts(ConceptSet),
}

type Visitor<'a, 'v> = dyn FnMut(Visited<'v>) -> Result<Answer> + 'a;

impl<'v> Evaluation<'v> {
    /// Shows every code of a value set, some of them more than once.
    fn visit(&self, composed: &Composed<'v>, name: &str, visitor: &mut Visitor<'_, 'v>) -> Result<()> {
        if let Some(ready) = &composed.value_set.ready {
            for code in &ready.listed {
                self.step(name)?;
                visitor(Visited::Code(ExpandedCode::ready(code)))?;
            }
            return Ok(());
        }
        for chosen in &composed.includes {
            self.step(name)?;
            let without_inactive = composed.is_without_inactive() && chosen.part.system.is_some();
            let mut passing = |visited: Visited<'v>| {
                if let Visited::Code(code) = &visited {
                    self.step(name)?;
                    let is_out = without_inactive && code.is_inactive
                        || !chosen.is_imported(code.system, code.code)
                        || composed.has_excludes() && composed.is_excluded(code.system, code.code);
                    if is_out {
                        return Ok(Answer::Next);
                    }
                }
                visitor(visited)
            };
            self.visit_part(chosen, &mut passing)?;
        }
        Ok(())
    }

    fn visit_part(&self, chosen: &Chosen<'v>, visitor: &mut Visitor<'_, 'v>) -> Result<()> {
        let part = chosen.part;
        match (&part.system, chosen.system) {
            (Some(url), _) if !part.codes.is_empty() => {
                for listed in &part.codes {
                    let concept =
                        chosen.system.and_then(|known| Some(known.concept(known.number(&listed.code)?)));
                    let version = part.version.as_deref();
                    visitor(Visited::Code(ExpandedCode::listed(url, version, listed, concept)))?;
                }
                Ok(())
            }
            (Some(url), Some(known)) => visit_concepts(url, chosen, known, visitor),
            (system, _) => {
                // The code system is not known, or none is named: the value sets imported say which codes there are.
                let Some(import) = part.imports.first() else {
                    let missing = |name: &String| VocabularyFault::NoCodeSystem.of(name);
                    return match part.canonical() {
                        Some(name) => {
                            Err(self.vocabulary.code_system(&name).err().unwrap_or_else(|| missing(&name)))
                        }
                        None => Ok(()),
                    };
                };
                let inner = self.composed(import)?;
                self.visit(&inner, import, &mut |visited| match &visited {
                    Visited::Code(code) if system.as_ref().is_some_and(|system| system != code.system) => {
                        Ok(Answer::Next)
                    }
                    _ => visitor(visited),
                })
            }
        }
    }
}

fn visit_concepts<'v>(
    url: &'v str,
    chosen: &Chosen<'v>,
    known: &'v CodeSystem,
    visitor: &mut Visitor<'_, 'v>,
) -> Result<()> {
    let mut concepts = chosen.concepts.clone().unwrap_or_else(|| ConceptSet::all(known.len()));
    if let Answer::Concepts(wanted) = visitor(Visited::System(known))? {
        concepts.keep(&wanted);
    }
    let version = chosen.part.version.as_deref();
    for number in concepts.iter() {
        visitor(Visited::Code(ExpandedCode::of_concept(url, version, known.concept(number))))?;
    }
    Ok(())
}

impl<'v> ExpandedCode<'v> {
    fn of_concept(system: &'v str, version: Option<&'v str>, concept: Concept<'v>) -> Self {
        ExpandedCode {
            system,
            version,
            code: concept.code(),
            display: concept.display(),
            is_abstract: concept.is_abstract(),
            is_inactive: concept.is_inactive(),
            concept: Some(concept),
            designations: None,
            contains: Vec::new(),
        }
    }

    fn listed(
        system: &'v str,
        version: Option<&'v str>,
        listed: &'v Listed,
        concept: Option<Concept<'v>>,
    ) -> Self {
        ExpandedCode {
            system,
            version,
            code: &listed.code,
            display: listed.display.as_deref().or_else(|| concept?.display()),
            is_abstract: concept.is_some_and(Concept::is_abstract),
            is_inactive: concept.is_some_and(Concept::is_inactive),
            concept,
            designations: listed.designations.as_deref(),
            contains: Vec::new(),
        }
    }

    fn ready(ready: &'v ReadyCode) -> Self {
        ExpandedCode {
            is_abstract: ready.is_abstract,
            is_inactive: ready.is_inactive,
            ..ExpandedCode::listed(&ready.system, ready.version.as_deref(), &ready.listed, None)
        }
    }
}

/// Gathers what is asked of the codes of a value set.
struct Collector<'v, 'a> {
    vocabulary: &'v Vocabulary,
    asked: &'a ExpansionAsked<'a>,
    name: &'a str,
    words: Vec<String>,
    /// The concepts that the words choose, of each code system met.
    called: Vec<(&'v CodeSystem, ConceptSet)>,
    /// The concepts met before, of each code system.
    seen: Vec<(&'v CodeSystem, ConceptSet)>,
    /// The codes met before of which no concept is known.
    seen_codes: HashSet<(&'v str, &'v str)>,
    total: usize,
    found: Vec<ExpandedCode<'v>>,
    systems: BTreeSet<String>,
    supplements: BTreeSet<String>,
}

impl<'v> Collector<'v, '_> {
    fn take(&mut self, visited: Visited<'v>) -> Result<Answer> {
        match visited {
            Visited::System(system) => {
                self.note(system);
                if self.words.is_empty() {
                    return Ok(Answer::Next);
                }
                Ok(Answer::Concepts(self.called(system).clone()))
            }
            Visited::Code(mut code) => {
                code.concept = code.concept.map(|concept| self.vocabulary.supplemented(concept));
                if self.is_wanted(&code) && self.is_new(&code) {
                    self.add(code)?;
                }
                Ok(Answer::Next)
            }
        }
    }

    fn is_wanted(&mut self, code: &ExpandedCode<'v>) -> bool {
        let asked = self.asked;
        let is_without = |name: &String| {
            let (url, version) = canonical(name);
            url == code.system && version.is_none_or(|version| code.version == Some(version))
        };
        !(asked.is_active_only && code.is_inactive
            || asked.is_selectable_only && code.is_abstract
            || asked.without_systems.iter().any(is_without))
            && (self.words.is_empty() || self.is_called(code))
    }

    fn is_called(&mut self, code: &ExpandedCode<'v>) -> bool {
        if let Some(concept) = code.concept {
            let number = concept.number();
            if self.called(concept.system()).contains(number) {
                return true;
            }
        }
        let text = normalize(&format!("{} {}", code.code, code.display.unwrap_or_default())).into_owned();
        self.words.iter().all(|word| text.contains(word.as_str()))
    }

    fn is_new(&mut self, code: &ExpandedCode<'v>) -> bool {
        let Some(concept) = code.concept else { return self.seen_codes.insert((code.system, code.code)) };
        let system = concept.system();
        // The same code system may have been read under two names.
        let is_it = |known: &CodeSystem| {
            std::ptr::eq(known, system)
                || known.len() == system.len() && known.url == system.url && known.version == system.version
        };
        let known = self.seen.iter().position(|(known, _)| is_it(known));
        let at = known.unwrap_or_else(|| {
            self.seen.push((system, ConceptSet::none(system.len())));
            self.seen.len() - 1
        });
        self.seen[at].1.insert(concept.number())
    }

    fn called(&mut self, system: &'v CodeSystem) -> &ConceptSet {
        let known = self.called.iter().position(|(known, _)| std::ptr::eq(*known, system));
        let at = known.unwrap_or_else(|| {
            let mut called = system.called(&self.words);
            for supplement in self.vocabulary.supplements(system) {
                called.add(&supplement.called(system, &self.words));
            }
            self.called.push((system, called));
            self.called.len() - 1
        });
        &self.called[at].1
    }

    fn add(&mut self, mut code: ExpandedCode<'v>) -> Result<()> {
        self.total += 1;
        let is_on_page = self.total > self.asked.offset;
        if !is_on_page || self.asked.count.is_some_and(|count| self.found.len() >= count) {
            return Ok(());
        }
        if self.found.len() >= EXPANSION_CODES_MAX {
            return Err(VocabularyFault::Limit("EXPANSION_CODES_MAX", EXPANSION_CODES_MAX).of(self.name));
        }
        let said = self.asked.language.and_then(|language| code.concept?.said_in(language));
        code.display = said.or(code.display);
        if let Some(concept) = code.concept {
            self.note(concept.system());
        }
        self.found.push(code);
        Ok(())
    }

    /// Remembers a code system that was looked at, with what supplements it.
    fn note(&mut self, system: &'v CodeSystem) {
        if self.systems.insert(system.canonical()) {
            let supplements = self.vocabulary.supplements(system).iter();
            let used = supplements.filter(|supplement| supplement.is_for(system)).map(Supplement::canonical);
            self.supplements.extend(used);
        }
    }
}

/// Each code below the first of its parents that is there too; what only a circle leads to stays at the top, and so
/// does what would stand too deep.
fn nested(found: Vec<ExpandedCode<'_>>) -> Vec<ExpandedCode<'_>> {
    let places: HashMap<(&str, &str), usize> =
        found.iter().enumerate().map(|(at, code)| ((code.system, code.code), at)).collect();
    let parent_of = |code: &ExpandedCode<'_>| {
        let mut parents = code.concept.into_iter().flat_map(Concept::parents);
        parents.find_map(|parent| places.get(&(code.system, parent.code())).copied())
    };
    let mut parents: Vec<Option<usize>> = found.iter().map(parent_of).collect();
    break_circles(&mut parents);
    let order = from_the_top(&mut parents);
    let mut codes: Vec<Option<ExpandedCode<'_>>> = found.into_iter().map(Some).collect();
    // Those further down first, so that each is whole when it is put below another.
    for at in order.into_iter().rev() {
        let Some(parent) = parents[at] else { continue };
        if let (Some(code), Some(parent)) = (codes[at].take(), codes[parent].as_mut()) {
            parent.contains.push(code);
        }
    }
    codes.iter_mut().flatten().for_each(turn);
    codes.into_iter().flatten().collect()
}

/// All of them, each after its parent; those that would stand too deep lose theirs.
fn from_the_top(parents: &mut [Option<usize>]) -> Vec<usize> {
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); parents.len()];
    for (at, parent) in parents.iter().enumerate() {
        if let Some(parent) = parent {
            below[*parent].push(at);
        }
    }
    let mut order: Vec<usize> = (0..parents.len()).filter(|at| parents[*at].is_none()).collect();
    let mut depths = vec![0; parents.len()];
    let mut next = 0;
    while let Some(at) = order.get(next).copied() {
        for child in &below[at] {
            depths[*child] = depths[at] + 1;
            if depths[*child] > EXPANSION_DEPTH_MAX {
                (parents[*child], depths[*child]) = (None, 0);
            }
        }
        order.extend(&below[at]);
        next += 1;
    }
    order
}

/// What was put below a code last comes first.
fn turn(code: &mut ExpandedCode<'_>) {
    code.contains.reverse();
    code.contains.iter_mut().for_each(turn);
}

fn break_circles(parents: &mut [Option<usize>]) {
    /// Not looked at, on the way up that is walked now, or known to lead to the top.
    #[derive(Clone, Copy, PartialEq)]
    enum Way {
        Unknown,
        Walked,
        Known,
    }
    let mut ways = vec![Way::Unknown; parents.len()];
    for start in 0..parents.len() {
        let (mut path, mut at) = (Vec::new(), Some(start));
        while let Some(here) = at.filter(|here| ways[*here] == Way::Unknown) {
            ways[here] = Way::Walked;
            path.push(here);
            at = parents[here];
        }
        if let Some(again) = at.filter(|again| ways[*again] == Way::Walked) {
            parents[again] = None;
        }
        path.into_iter().for_each(|here| ways[here] = Way::Known);
    }
}
