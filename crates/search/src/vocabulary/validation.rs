//! Whether a code is in a value set or code system, and is shown as it should be (R4 `$validate-code`).

use super::code_system::{CodeSystem, Concept};
use super::compose::{Composed, Evaluation};
use super::{Vocabulary, VocabularyError, VocabularyFault};
use crate::{Codes, normalize};

/// A code as it is to be checked.
#[derive(Clone, Copy, Debug)]
pub struct Coded<'a> {
    /// Its code system.
    pub system: &'a str,
    /// The version of that, if it matters.
    pub version: Option<&'a str>,
    /// The code.
    pub code: &'a str,
    /// How it is shown, if that is to be checked.
    pub display: Option<&'a str>,
    /// Whether a code that only groups others will do.
    pub is_abstract_allowed: bool,
}

/// What was found out about a code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checked {
    /// Whether all is well.
    pub is_valid: bool,
    /// What is wrong, for people.
    pub message: Option<String>,
    /// How the code is best shown, if that is known.
    pub display: Option<String>,
}

impl Checked {
    fn wrong(message: String, display: Option<&str>) -> Self {
        Checked { is_valid: false, message: Some(message), display: display.map(str::to_owned) }
    }
}

impl Coded<'_> {
    fn canonical(&self) -> String {
        match self.version {
            Some(version) => format!("{}|{version}", self.system),
            None => self.system.to_owned(),
        }
    }
}

impl Vocabulary {
    /// Whether a code is in a value set.
    ///
    /// # Errors
    /// [`VocabularyError`] if the value set or something that it needs is not known, or a limit is reached.
    pub fn check_in_value_set(&self, value_set: &str, coded: &Coded<'_>) -> Result<Checked, VocabularyError> {
        let evaluation = Evaluation::of(self);
        let composed = evaluation.composed(value_set)?;
        composed.value_set.supplements.iter().try_for_each(|name| self.check_supplement(name))?;
        let system = match self.code_system(&coded.canonical()) {
            Ok(system) => Some(system),
            Err(error) if matches!(error.fault, VocabularyFault::Limit(..)) => return Err(error),
            Err(_) => None,
        };
        let concept = system.and_then(|system| system.find(coded.code));
        let concept = concept.map(|concept| self.supplemented(concept));
        // Where case does not count, the code as the code system writes it is looked for.
        let code = concept.map_or(coded.code, Concept::code);
        let shown = composed.display(coded.system, code).or_else(|| concept?.display());
        let Coded { system: url, .. } = coded;
        if !composed.contains(url, code) {
            let message = format!("The code '{}' of {url} is not in the value set.", coded.code);
            return Ok(Checked::wrong(message, shown));
        }
        if concept.is_none() && !composed.names(url, code) {
            return Ok(match system {
                Some(system) => unknown(system, coded),
                None => not_here(coded),
            });
        }
        Ok(judge(coded, shown, concept))
    }

    /// Whether a code is in a value set, as a binding asks; nothing if that cannot be known here: the value set or
    /// something that it needs is not, or the code system is not and the value set does not name the code.
    pub fn is_in_value_set(&self, value_set: &str, system: &str, code: &str) -> Option<bool> {
        let evaluation = Evaluation::of(self);
        let composed = evaluation.composed(value_set).ok()?;
        if !composed.contains(system, code) {
            return Some(false);
        }
        if composed.names(system, code) {
            return Some(true);
        }
        let known = self.code_system(system).ok()?;
        let is_there = known.find(code).is_some();
        (is_there || known.is_complete()).then_some(is_there)
    }

    /// Whether a code is in a code system.
    ///
    /// # Errors
    /// [`VocabularyError`] if the code system is not known.
    pub fn check_in_code_system(&self, name: &str, coded: &Coded<'_>) -> Result<Checked, VocabularyError> {
        let system = self.code_system(name)?;
        if !coded.system.is_empty() && !system.url.is_empty() && system.url != coded.system {
            let message = format!("The code is of {}, not of {}.", coded.system, system.url);
            return Ok(Checked::wrong(message, None));
        }
        Ok(match system.find(coded.code) {
            Some(concept) => judge(coded, concept.display(), Some(self.supplemented(concept))),
            None => unknown(system, coded),
        })
    }
}

impl Composed<'_> {
    /// How the value set itself shows a code.
    fn display(&self, system: &str, code: &str) -> Option<&str> {
        if let Some(ready) = &self.value_set.ready {
            let mut listed = ready.listed.iter();
            let found = listed.find(|listed| listed.system == system && listed.listed.code == code);
            return found?.listed.display.as_deref();
        }
        let of_system = self.includes.iter().filter(|chosen| chosen.part.system.as_deref() == Some(system));
        let mut listed = of_system.filter_map(|chosen| {
            let at = chosen.part.by_code.get(code)?;
            chosen.part.codes[*at].display.as_deref()
        });
        listed.next()
    }

    /// Whether the value set names a code that is in it, so that it need not be asked whether there is such a code.
    fn names(&self, system: &str, code: &str) -> bool {
        self.value_set.ready.is_some()
            || self.includes.iter().any(|chosen| {
                let is_listed =
                    chosen.part.system.as_deref() == Some(system) && chosen.part.by_code.contains_key(code);
                is_listed
                    || chosen.imports.iter().any(|import| {
                        import
                            .systems()
                            .any(|(found, codes)| found == system && matches!(codes, Codes::Only(_)))
                    })
            })
    }
}

fn unknown(system: &CodeSystem, coded: &Coded<'_>) -> Checked {
    let part = if system.is_complete() { "" } else { ", as far as its codes are known here" };
    Checked::wrong(format!("The code '{}' is not in {}{part}.", coded.code, system.canonical()), None)
}

fn not_here(coded: &Coded<'_>) -> Checked {
    let message =
        format!("The code system {} is not known here, so its codes cannot be checked.", coded.canonical());
    Checked::wrong(message, None)
}

/// Judges a code that is there.
fn judge(coded: &Coded<'_>, shown: Option<&str>, concept: Option<Concept<'_>>) -> Checked {
    if !coded.is_abstract_allowed && concept.is_some_and(Concept::is_abstract) {
        return Checked::wrong(format!("The code '{}' only groups others.", coded.code), shown);
    }
    if let Some(display) = coded.display {
        let asked = normalize(display);
        let designations =
            concept.into_iter().flat_map(|concept| concept.designations().map(|found| found.value));
        let mut names =
            shown.into_iter().chain(concept.and_then(Concept::display)).chain(designations).peekable();
        let has_names = names.peek().is_some();
        if has_names && !names.any(|name| normalize(name) == asked) {
            let message =
                format!("The display of the code '{}' is '{}'.", coded.code, shown.unwrap_or_default());
            return Checked::wrong(message, shown);
        }
    }
    let message =
        concept.is_some_and(Concept::is_inactive).then(|| "The code is no longer for use.".to_owned());
    Checked { is_valid: true, message, display: shown.map(str::to_owned) }
}
