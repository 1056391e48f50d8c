//! The constraints of the service model and the sentences that report every violation of them at once.

use regex::Regex;
use serde_json::Value;
use std::fmt::{self, Write as _};
use std::sync::OnceLock;

/// Violations that are spelled out in one message; the count before them is of all.
pub const VIOLATIONS_SHOWN_MAX: usize = 100;
/// Characters of a refused value that its message repeats.
pub const ECHOED_CHARACTERS_MAX: usize = 512;

/// The smallest and largest length or value allowed, both inclusive.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The smallest.
    pub min: Option<i64>,
    /// The largest.
    pub max: Option<i64>,
}

impl Bounds {
    /// Whether `value` is too large.
    pub fn is_over(&self, value: i64) -> bool {
        self.max.is_some_and(|max| value > max)
    }

    fn check(&self, what: &str, value: i64, shown: &Shown<'_>, at: &Path<'_>, found: &mut Violations) {
        if let Some(max) = self.max.filter(|max| value > *max) {
            found.add(shown, at, format_args!("Member must have {what} less than or equal to {max}"));
        }
        if let Some(min) = self.min.filter(|min| value < *min) {
            found.add(shown, at, format_args!("Member must have {what} greater than or equal to {min}"));
        }
    }

    /// Reports a number outside the bounds.
    pub(crate) fn check_value(&self, value: i64, at: &Path<'_>, found: &mut Violations) {
        self.check("value", value, &Shown::Value(&value.to_string()), at, found);
    }

    /// Reports a list with too few or too many items.
    pub(crate) fn check_items(&self, list: &[Value], at: &Path<'_>, found: &mut Violations) {
        let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
        self.check("length", length, &Shown::Withheld, at, found);
    }
}

/// A regular expression of the model: as it is shown, and as it is run. Compiled at its first use.
pub struct Pattern {
    shown: &'static str,
    regex: &'static str,
    compiled: OnceLock<Regex>,
}

impl Pattern {
    /// The pattern `shown` by the model, run as `regex`.
    pub const fn new(shown: &'static str, regex: &'static str) -> Self {
        Pattern { shown, regex, compiled: OnceLock::new() }
    }

    /// Whether all of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        let compile = || Regex::new(self.regex).expect("every generated pattern is compiled by a test");
        self.compiled.get_or_init(compile).is_match(text)
    }
}

/// What a string has to satisfy.
pub struct Text {
    /// Length in characters.
    pub length: Bounds,
    /// The whole of it must match.
    pub pattern: Option<&'static Pattern>,
    /// Whether its value stays out of messages.
    pub sensitive: bool,
}

impl Text {
    /// Reports everything that is wrong with `text`.
    pub(crate) fn check(&self, text: &str, at: &Path<'_>, found: &mut Violations) {
        let shown = if self.sensitive { Shown::Withheld } else { Shown::Value(text) };
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        self.length.check("length", length, &shown, at, found);
        if let Some(pattern) =
            self.pattern.filter(|pattern| !self.length.is_over(length) && !pattern.matches(text))
        {
            let rule = format_args!("Member must satisfy regular expression pattern: {}", pattern.shown);
            found.add(&shown, at, rule);
        }
    }
}

/// Where in the request a value stands.
pub enum Path<'a> {
    /// The request itself.
    Root,
    /// A member of a structure.
    Member(&'a Path<'a>, &'a str),
    /// An item of a list, counted from zero.
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Member(Path::Root, name) => lower_first(f, name),
            Path::Member(parent, name) => {
                write!(f, "{parent}.")?;
                lower_first(f, name)
            }
            Path::Item(parent, index) => write!(f, "{parent}.{}.member", index + 1),
        }
    }
}

fn lower_first(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let mut letters = name.chars();
    if let Some(first) = letters.next() {
        f.write_char(first.to_ascii_lowercase())?;
    }
    f.write_str(letters.as_str())
}

/// How a refused value appears in its message.
pub(crate) enum Shown<'a> {
    /// `Value 'x' at`.
    Value(&'a str),
    /// `Value null at`.
    Null,
    /// `Value at`: sensitive, or too large to repeat.
    Withheld,
}

/// All constraints that a request broke, in the order of reading.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Violations {
    count: usize,
    clauses: Vec<String>,
    is_lossy: bool,
}

impl Violations {
    /// None yet.
    pub fn new() -> Self {
        Violations::default()
    }

    /// Whether everything held.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether a value was missing or not understood, so that what was read has a placeholder in its place.
    pub fn is_lossy(&self) -> bool {
        self.is_lossy
    }

    /// Reports a value that cannot be kept.
    pub(crate) fn add_lost(&mut self, shown: &Shown<'_>, at: &Path<'_>, rule: fmt::Arguments<'_>) {
        self.is_lossy = true;
        self.add(shown, at, rule);
    }

    pub(crate) fn add(&mut self, shown: &Shown<'_>, at: &Path<'_>, rule: fmt::Arguments<'_>) {
        self.count += 1;
        if self.clauses.len() == VIOLATIONS_SHOWN_MAX {
            return;
        }
        let value = match shown {
            Shown::Null => " null".to_owned(),
            Shown::Withheld => String::new(),
            Shown::Value(text) => format!(" '{}'", shortened(text)),
        };
        self.clauses.push(format!("Value{value} at '{at}' failed to satisfy constraint: {rule}"));
    }

    /// Reports that a required member is not there.
    pub(crate) fn missing(&mut self, at: &Path<'_>) {
        self.add_lost(&Shown::Null, at, format_args!("Member must not be null"));
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(ECHOED_CHARACTERS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.count == 1 { "error" } else { "errors" };
        write!(f, "{} validation {noun} detected: {}", self.count, self.clauses.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::constraints::PATTERNS;

    #[test]
    fn every_generated_pattern_compiles() {
        for pattern in PATTERNS {
            assert!(Regex::new(pattern.regex).is_ok(), "{}", pattern.shown);
        }
        assert!(PATTERNS.len() > 10);
    }

    #[test]
    fn a_sensitive_value_is_not_repeated() {
        let length = Bounds { min: Some(1), max: Some(3) };
        let at = Path::Member(&Path::Root, "Password");
        let mut found = Violations::new();
        Text { length, pattern: None, sensitive: true }.check("hush", &at, &mut found);
        let message = found.to_string();
        assert!(message.contains("Value at 'password' failed") && !message.contains("hush"), "{message}");
    }

    #[test]
    fn a_long_value_is_cut_in_its_message() {
        let length = Bounds { min: None, max: Some(3) };
        let mut found = Violations::new();
        let long = "ä".repeat(ECHOED_CHARACTERS_MAX + 1);
        Text { length, pattern: None, sensitive: false }.check(&long, &Path::Root, &mut found);
        assert_eq!(found.to_string().matches('ä').count(), ECHOED_CHARACTERS_MAX);
    }
}
