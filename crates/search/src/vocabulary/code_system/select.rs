//! Which concepts pass a filter of a value set (R4 valueset, `filter-operator`).

use std::collections::HashSet;

use regex::RegexBuilder;

use super::CodeSystem;
use super::concept::property_of;
use crate::Direction;
use crate::vocabulary::VocabularyFault;
use crate::vocabulary::concept_set::ConceptSet;
use crate::vocabulary::value_set::ConceptFilter;

/// How large the automaton of a value set's regular expression may be, in bytes.
const REGEX_BYTES_MAX: usize = 1024 * 1024;

impl CodeSystem {
    /// The concepts that pass a filter.
    pub(crate) fn select(&self, filter: &ConceptFilter) -> Result<ConceptSet, VocabularyFault> {
        let ConceptFilter { property, operator, value } = filter;
        let is_hierarchical = property == "concept" || property == "code";
        Ok(match operator.as_str() {
            "is-a" if is_hierarchical => self.related(value, Direction::Below),
            "descendent-of" if is_hierarchical => match self.number(value) {
                Some(number) => self.beyond(number, Direction::Below),
                None => ConceptSet::none(self.len()),
            },
            "generalizes" if is_hierarchical => self.related(value, Direction::Above),
            "is-not-a" if is_hierarchical => self.related(value, Direction::Below).complement(),
            "=" => self.equal(property, value),
            "in" | "not-in" => {
                let wanted: HashSet<&str> = value.split(',').map(str::trim).collect();
                let found = self.having(property, |text| wanted.contains(text));
                if operator == "in" { found } else { found.complement() }
            }
            "regex" => {
                let whole = format!("^(?:{value})$");
                let regex = RegexBuilder::new(&whole).size_limit(REGEX_BYTES_MAX).build();
                let regex = regex.map_err(|_| VocabularyFault::Filter)?;
                self.having(property, |text| regex.is_match(text))
            }
            "exists" => {
                let found = self.having(property, |_| true);
                if value == "true" { found } else { found.complement() }
            }
            _ => return Err(VocabularyFault::Filter),
        })
    }

    /// A concept and all above or below it; none if there is no such concept.
    pub(crate) fn related(&self, code: &str, direction: Direction) -> ConceptSet {
        let Some(number) = self.number(code) else { return ConceptSet::none(self.len()) };
        let mut found = self.beyond(number, direction);
        found.insert(number);
        found
    }

    /// Those of which a property has exactly this value: looked up where there is a way.
    fn equal(&self, property: &str, value: &str) -> ConceptSet {
        let by_links = match property {
            "code" | "concept" => self.number(value).map(|number| vec![number]),
            _ => match (self.direction(property), self.number(value)) {
                (Some(Direction::Above), Some(number)) => Some(self.children.of(number).to_vec()),
                (Some(Direction::Below), Some(number)) => Some(self.parents.of(number).to_vec()),
                _ => None,
            },
        };
        let Some(numbers) = by_links else { return self.having(property, |text| text == value) };
        let mut found = ConceptSet::none(self.len());
        numbers.into_iter().for_each(|number| {
            found.insert(number);
        });
        found
    }

    /// Those of which some value of a property passes.
    fn having(&self, property: &str, passes: impl Fn(&str) -> bool) -> ConceptSet {
        let code_of = |number: &u32| self.concept(*number).code();
        let all = self.len();
        match property {
            "code" | "concept" => return ConceptSet::of(all, |number| passes(code_of(&number))),
            "display" => {
                return ConceptSet::of(all, |number| {
                    passes(self.concept(number).display().unwrap_or_default())
                });
            }
            _ => {}
        }
        let links = self.direction(property).map(|direction| match direction {
            Direction::Above => &self.parents,
            Direction::Below => &self.children,
        });
        let name = self.property_names.iter().position(|name| name.code == property);
        ConceptSet::of(all, |number| {
            let linked = links.is_some_and(|links| links.of(number).iter().any(|at| passes(code_of(at))));
            let rows = self.properties.of(number).iter();
            linked
                || rows
                    .filter(|row| Some(usize::from(row.name)) == name)
                    .any(|row| passes(property_of(self, row).text))
        })
    }

    /// Where the concepts stand that a property names, if it says what stands above or below.
    fn direction(&self, property: &str) -> Option<Direction> {
        let declared = self.property_names.iter().find(|name| name.code == property);
        declared.and_then(|name| name.direction)
    }
}
