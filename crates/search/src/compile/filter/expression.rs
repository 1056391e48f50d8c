//! The language of `_filter`, taken apart but not yet understood (R4 filter, section 3.1.3.1).

use std::borrow::Cow;

use super::FilterFault;
use crate::limits::{FILTER_COMPARISONS_MAX, FILTER_NESTING_MAX};

/// A condition as typed.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Expression<'a> {
    /// Both hold. `and` and `or` bind alike, from left to right.
    And(Box<Expression<'a>>, Box<Expression<'a>>),
    /// One holds.
    Or(Box<Expression<'a>>, Box<Expression<'a>>),
    /// This does not hold.
    Not(Box<Expression<'a>>),
    /// A parameter is compared with a value.
    Comparison(Comparison<'a>),
}

/// `path operator value`.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Comparison<'a> {
    /// The parameter, after the references that lead to it; never empty.
    pub(super) path: Vec<Step<'a>>,
    pub(super) operator: Operator,
    pub(super) value: Cow<'a, str>,
    /// Where the value begins, in bytes.
    pub(super) value_at: usize,
}

/// `name` or `name[condition]`.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Step<'a> {
    pub(super) name: &'a str,
    /// Where the name begins, in bytes.
    pub(super) at: usize,
    pub(super) within: Option<Box<Expression<'a>>>,
}

/// How a parameter is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Approximately,
    StartsAfter,
    EndsBefore,
    Present,
    Overlaps,
    Subsumes,
    SubsumedBy,
    In,
    NotIn,
    References,
}

const OPERATORS: [(&str, Operator); 19] = [
    ("eq", Operator::Equal),
    ("ne", Operator::NotEqual),
    ("co", Operator::Contains),
    ("sw", Operator::StartsWith),
    ("ew", Operator::EndsWith),
    ("gt", Operator::Greater),
    ("lt", Operator::Less),
    ("ge", Operator::GreaterOrEqual),
    ("le", Operator::LessOrEqual),
    ("ap", Operator::Approximately),
    ("sa", Operator::StartsAfter),
    ("eb", Operator::EndsBefore),
    ("pr", Operator::Present),
    ("po", Operator::Overlaps),
    ("ss", Operator::Subsumes),
    ("sb", Operator::SubsumedBy),
    ("in", Operator::In),
    ("ni", Operator::NotIn),
    ("re", Operator::References),
];

impl Operator {
    /// Its two letters.
    pub(super) fn code(self) -> &'static str {
        OPERATORS.iter().find(|(_, operator)| *operator == self).map_or("", |(code, _)| code)
    }
}

/// Takes a whole filter apart.
pub(super) fn parse(text: &str) -> Result<Expression<'_>, FilterFault> {
    let mut parser = Parser { text, at: 0, nesting: 0, comparisons: 0 };
    let expression = parser.conditions()?;
    if parser.at < text.len() {
        return Err(parser.expected("'and', 'or' or the end"));
    }
    Ok(expression)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    nesting: usize,
    comparisons: usize,
}

impl<'a> Parser<'a> {
    /// Conditions between `and` and `or`, up to a closing bracket or the end.
    fn conditions(&mut self) -> Result<Expression<'a>, FilterFault> {
        let mut left = self.condition()?;
        loop {
            self.skip_blanks();
            let (start, word) = (self.at, self.word());
            let join = match word {
                "and" => Expression::And,
                "or" => Expression::Or,
                _ => {
                    self.at = start;
                    return Ok(left);
                }
            };
            left = join(Box::new(left), Box::new(self.condition()?));
        }
    }

    fn condition(&mut self) -> Result<Expression<'a>, FilterFault> {
        self.skip_blanks();
        if self.take('(') {
            return self.nested(')', "')'");
        }
        let start = self.at;
        if self.word() == "not" {
            self.skip_blanks();
            if self.take('(') {
                return Ok(Expression::Not(Box::new(self.nested(')', "')'")?)));
            }
        }
        self.at = start;
        self.comparison().map(Expression::Comparison)
    }

    /// What stands in brackets that were opened.
    fn nested(&mut self, close: char, name: &'static str) -> Result<Expression<'a>, FilterFault> {
        self.nesting += 1;
        if self.nesting > FILTER_NESTING_MAX {
            return Err(FilterFault::limit("FILTER_NESTING_MAX", FILTER_NESTING_MAX));
        }
        let inner = self.conditions()?;
        self.skip_blanks();
        if !self.take(close) {
            return Err(self.expected(name));
        }
        self.nesting -= 1;
        Ok(inner)
    }

    fn comparison(&mut self) -> Result<Comparison<'a>, FilterFault> {
        self.comparisons += 1;
        if self.comparisons > FILTER_COMPARISONS_MAX {
            return Err(FilterFault::limit("FILTER_COMPARISONS_MAX", FILTER_COMPARISONS_MAX));
        }
        let path = self.path()?;
        self.blank("a blank and an operator")?;
        let start = self.at;
        let word = self.word();
        let Some((_, operator)) = OPERATORS.iter().find(|(code, _)| *code == word) else {
            self.at = start;
            return Err(self.expected("an operator such as eq, ne, co, gt, in or pr"));
        };
        self.blank("a blank and a value")?;
        let value_at = self.at;
        let value = if self.rest().starts_with('"') { self.string()? } else { Cow::Borrowed(self.token()?) };
        Ok(Comparison { path, operator: *operator, value, value_at })
    }

    fn path(&mut self) -> Result<Vec<Step<'a>>, FilterFault> {
        let mut path = Vec::new();
        loop {
            let at = self.at;
            let name = self.word();
            if name.is_empty() {
                return Err(self.expected("the name of a search parameter"));
            }
            let within = if self.take('[') { Some(Box::new(self.nested(']', "']'")?)) } else { None };
            let must_go_on = within.is_some();
            path.push(Step { name, at, within });
            if self.take('.') {
                continue;
            }
            return if must_go_on { Err(self.expected("'.' and a name")) } else { Ok(path) };
        }
    }

    /// Letters, digits, `_` and `-`; a colon too, so that a type or modifier is refused by name.
    fn word(&mut self) -> &'a str {
        self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':'))
    }

    /// A value without quotes: up to a blank or a closing bracket.
    fn token(&mut self) -> Result<&'a str, FilterFault> {
        let token = self.take_while(|c| !c.is_whitespace() && !matches!(c, ')' | ']'));
        if token.is_empty() { Err(self.expected("a value")) } else { Ok(token) }
    }

    /// A string as in JSON.
    fn string(&mut self) -> Result<Cow<'a, str>, FilterFault> {
        let start = self.at;
        let mut is_escaped = false;
        let end = self.rest().char_indices().skip(1).find(|(_, c)| {
            let ends = *c == '"' && !is_escaped;
            is_escaped = *c == '\\' && !is_escaped;
            ends
        });
        let Some((end, _)) = end else { return Err(self.expected("a string that ends with '\"'")) };
        let quoted = &self.text[start..=start + end];
        let document = fhir::Document::parse_slice(quoted.as_bytes())
            .map_err(|_| self.expected("a string as in JSON"))?;
        let text = document.root().as_str().map(Cow::into_owned).unwrap_or_default();
        self.at = start + quoted.len();
        Ok(Cow::Owned(text))
    }

    fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn take(&mut self, wanted: char) -> bool {
        let is_there = self.rest().starts_with(wanted);
        self.at += usize::from(is_there);
        is_there
    }

    fn blank(&mut self, or: &'static str) -> Result<(), FilterFault> {
        let before = self.at;
        self.skip_blanks();
        if self.at == before { Err(self.expected(or)) } else { Ok(()) }
    }

    fn skip_blanks(&mut self) {
        self.take_while(char::is_whitespace);
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn expected(&self, what: &'static str) -> FilterFault {
        FilterFault::expected(self.text, self.at, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(expression: &Expression<'_>) -> String {
        match expression {
            Expression::And(a, b) => format!("({} & {})", shown(a), shown(b)),
            Expression::Or(a, b) => format!("({} | {})", shown(a), shown(b)),
            Expression::Not(a) => format!("!{}", shown(a)),
            Expression::Comparison(one) => {
                let step = |step: &Step<'_>| match &step.within {
                    Some(within) => format!("{}[{}]", step.name, shown(within)),
                    None => step.name.to_owned(),
                };
                let path: Vec<String> = one.path.iter().map(step).collect();
                format!("{} {} {}", path.join("."), one.operator.code(), one.value)
            }
        }
    }

    #[test]
    fn filters_are_taken_apart_from_left_to_right() {
        for (text, expected) in [
            ("given eq \"peter\" and birthdate ge 2014-10-10", "(given eq peter & birthdate ge 2014-10-10)"),
            ("a eq 1 or b eq 2 and c eq 3", "((a eq 1 | b eq 2) & c eq 3)"),
            ("a eq 1 or (b eq 2 and c eq 3)", "(a eq 1 | (b eq 2 & c eq 3))"),
            ("not (a eq 1) and not(b eq 2)", "(!a eq 1 & !b eq 2)"),
            (
                "code eq http://loinc.org|1234-5 and subject.name co \"pet er\"",
                "(code eq http://loinc.org|1234-5 & subject.name co pet er)",
            ),
            ("related[type eq comp].target pr false", "related[type eq comp].target pr false"),
            (" ( ( a-b eq \"x\\\"\\u00e9\" ) ) ", "a-b eq x\"é"),
            ("not eq 1", "not eq 1"),
        ] {
            assert_eq!(shown(&parse(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, at, what) in [
            ("", 1, "the name of a search parameter"),
            ("a", 2, "a blank and an operator"),
            ("a xx 1", 3, "an operator such as eq, ne, co, gt, in or pr"),
            ("a eq", 5, "a blank and a value"),
            ("a eq )", 6, "a value"),
            ("a eq \"x", 6, "a string that ends with '\"'"),
            ("a eq \"\\x\"", 6, "a string as in JSON"),
            ("(a eq 1", 8, "')'"),
            ("é eq 1", 1, "the name of a search parameter"),
            ("a eq 1 b eq 2", 8, "'and', 'or' or the end"),
            ("a eq 1)", 7, "'and', 'or' or the end"),
            ("a[b eq 1] eq 2", 10, "'.' and a name"),
            ("a[b eq 1.c eq 2", 12, "']'"),
            ("a eq \"é\" c", 10, "'and', 'or' or the end"),
        ] {
            let fault = parse(text).unwrap_err();
            assert_eq!(fault, FilterFault::Expected { at, what }, "{text}");
        }
    }

    #[test]
    fn limits_hold_at_the_limit_and_not_beyond() {
        let nested = |depth: usize| format!("{}a eq 1{}", "(".repeat(depth), ")".repeat(depth));
        assert!(parse(&nested(FILTER_NESTING_MAX)).is_ok());
        assert!(matches!(parse(&nested(FILTER_NESTING_MAX + 1)), Err(FilterFault::Limit(..))));
        let joined = |count: usize| vec!["a eq 1"; count].join(" or ");
        assert!(parse(&joined(FILTER_COMPARISONS_MAX)).is_ok());
        assert!(matches!(parse(&joined(FILTER_COMPARISONS_MAX + 1)), Err(FilterFault::Limit(..))));
    }
}
