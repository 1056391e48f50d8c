//! What was typed: one criterion of a search, taken apart but not yet understood (R4 search §3.1.1.3-5).

use std::borrow::Cow;

use crate::error::{Reason, SearchError};
use crate::limits::{CLAUSE_BYTES_MAX, CLAUSE_VALUES_MAX};

/// One criterion as typed: `subject:Patient.name=Ann,Bob` has the steps `subject:Patient` and `name` and
/// two values.
#[derive(Clone, PartialEq, Debug)]
pub struct Clause<'a> {
    /// The whole name, as errors repeat it.
    pub name: &'a str,
    /// The parameter, after the references that lead to it.
    pub steps: Vec<Step<'a>>,
    /// What stands between the commas, escapes untouched; never empty, and none of them is empty.
    pub values: Vec<&'a str>,
}

/// One step of a name: a parameter and its modifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step<'a> {
    /// The code of the parameter.
    pub code: &'a str,
    /// What stands after its colon.
    pub modifier: Option<&'a str>,
}

impl<'a> Clause<'a> {
    /// Takes one criterion apart. Fails on an empty name or value, on an empty value between commas, and
    /// beyond [`CLAUSE_BYTES_MAX`] and [`CLAUSE_VALUES_MAX`].
    pub fn parse(name: &'a str, value: &'a str) -> Result<Self, SearchError> {
        let fail = |reason| Err(SearchError::new(name, reason));
        if name.len() > CLAUSE_BYTES_MAX || value.len() > CLAUSE_BYTES_MAX {
            return fail(Reason::Limit("CLAUSE_BYTES_MAX", CLAUSE_BYTES_MAX));
        }
        if value.is_empty() {
            return fail(Reason::Empty);
        }
        let values: Vec<&str> = split(value, ',').take(CLAUSE_VALUES_MAX + 1).collect();
        if values.len() > CLAUSE_VALUES_MAX {
            return fail(Reason::Limit("CLAUSE_VALUES_MAX", CLAUSE_VALUES_MAX));
        }
        if values.iter().any(|value| value.is_empty()) {
            return fail(Reason::Empty);
        }
        Ok(Clause { name, steps: name.split('.').map(Step::parse).collect(), values })
    }

    /// The step that carries the values.
    pub fn last(&self) -> Step<'a> {
        self.steps.last().copied().unwrap_or(Step { code: self.name, modifier: None })
    }
}

impl<'a> Step<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        match text.split_once(':') {
            Some((code, modifier)) => Step { code, modifier: Some(modifier) },
            None => Step { code: text, modifier: None },
        }
    }
}

/// The parts of `text` between unescaped separators; escapes stay as they are.
pub(crate) fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest?;
        match find(current, separator) {
            Some(at) => {
                rest = Some(&current[at + separator.len_utf8()..]);
                Some(&current[..at])
            }
            None => rest.take(),
        }
    })
}

/// Where the first unescaped separator stands.
fn find(text: &str, separator: char) -> Option<usize> {
    let mut is_escaped = false;
    text.char_indices().find_map(|(at, c)| {
        if is_escaped {
            is_escaped = false;
            return None;
        }
        is_escaped = c == '\\';
        (c == separator).then_some(at)
    })
}

/// `text` with `\,` `\|` `\$` `\\` as what they stand for; any other backslash stands for itself.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match characters.peek() {
            Some(next @ (',' | '|' | '$' | '\\')) if c == '\\' => {
                plain.push(*next);
                characters.next();
            }
            _ => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_is_taken_apart_at_unescaped_commas() {
        for (value, values) in [
            ("a", vec!["a"]),
            ("a,b", vec!["a", "b"]),
            (r"a\,b,c", vec![r"a\,b", "c"]),
            (r"a\\,b", vec![r"a\\", "b"]),
            (r"a\", vec![r"a\"]),
            ("ä,ö", vec!["ä", "ö"]),
        ] {
            assert_eq!(Clause::parse("name", value).unwrap().values, values, "{value}");
        }
    }

    #[test]
    fn a_name_has_steps_with_modifiers() {
        let clause = Clause::parse("subject:Patient.name:exact", "Ann").unwrap();
        let step = |code, modifier| Step { code, modifier };
        assert_eq!(clause.steps, [step("subject", Some("Patient")), step("name", Some("exact"))]);
        assert_eq!(clause.last(), step("name", Some("exact")));
    }

    #[test]
    fn nothing_is_no_value() {
        for value in ["", ",", "a,", ",a", "a,,b"] {
            assert_eq!(Clause::parse("name", value).unwrap_err().reason, Reason::Empty, "{value:?}");
        }
    }

    #[test]
    fn limits_hold_at_the_limit_and_not_beyond() {
        let values = |count| vec!["a"; count].join(",");
        assert!(Clause::parse("name", &values(CLAUSE_VALUES_MAX)).is_ok());
        assert_eq!(
            Clause::parse("name", &values(CLAUSE_VALUES_MAX + 1)).unwrap_err().reason,
            Reason::Limit("CLAUSE_VALUES_MAX", CLAUSE_VALUES_MAX)
        );
        assert!(Clause::parse("name", &"a".repeat(CLAUSE_BYTES_MAX)).is_ok());
        assert!(Clause::parse("name", &"a".repeat(CLAUSE_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn escapes_stand_for_what_they_escape() {
        for (typed, meant) in
            [(r"a\,b", "a,b"), (r"\|\$\\", r"|$\"), (r"a\b", r"a\b"), (r"\", r"\"), ("plain", "plain")]
        {
            assert_eq!(unescape(typed), meant, "{typed}");
        }
    }
}
