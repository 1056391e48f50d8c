//! The part of FHIRPath that search parameters are written in, parsed.

/// The most nodes one expression may have; the standard's longest has a few hundred.
const NODES_MAX: usize = 2048;
/// The deepest nesting of parentheses.
const NESTING_MAX: usize = 16;

/// A parsed expression.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Expression<'a> {
    /// What a criterion or component is about: the item itself.
    This,
    /// `%resource`.
    Resource,
    /// A bare name: a type to start from, or a member of the item itself.
    Name(&'a str),
    /// `'text'`.
    Text(&'a str),
    /// `true` or `false`.
    Boolean(bool),
    /// `focus.name`.
    Member(Box<Expression<'a>>, &'a str),
    /// `focus.function(arguments)`.
    Call(Box<Expression<'a>>, &'a str, Vec<Expression<'a>>),
    /// `focus[index]`.
    Index(Box<Expression<'a>>, u32),
    /// `left operator right`.
    Binary(Operator, Box<Expression<'a>>, Box<Expression<'a>>),
    /// `focus as Type`.
    As(Box<Expression<'a>>, &'a str),
    /// `focus is Type`.
    Is(Box<Expression<'a>>, &'a str),
}

/// The operators in use, loosest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    /// `and`.
    And,
    /// `=`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `|`.
    Union,
}

/// Parses a whole expression; `None` if it is not in this part of FHIRPath.
pub(super) fn parse(text: &str) -> Option<Expression<'_>> {
    let mut parser = Parser { rest: text, nodes: 0, nesting: 0 };
    let expression = parser.conjunction()?;
    parser.rest.trim_start().is_empty().then_some(expression)
}

struct Parser<'a> {
    rest: &'a str,
    nodes: usize,
    nesting: usize,
}

impl<'a> Parser<'a> {
    fn conjunction(&mut self) -> Option<Expression<'a>> {
        let mut left = self.comparison()?;
        while self.word("and") {
            left = self.binary(Operator::And, left, Self::comparison)?;
        }
        Some(left)
    }

    fn comparison(&mut self) -> Option<Expression<'a>> {
        let left = self.union()?;
        if self.sign("!=") {
            self.binary(Operator::NotEqual, left, Self::union)
        } else if self.sign("=") {
            self.binary(Operator::Equal, left, Self::union)
        } else {
            Some(left)
        }
    }

    fn union(&mut self) -> Option<Expression<'a>> {
        let mut left = self.typed()?;
        while self.sign("|") {
            left = self.binary(Operator::Union, left, Self::typed)?;
        }
        Some(left)
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: Expression<'a>,
        right: fn(&mut Self) -> Option<Expression<'a>>,
    ) -> Option<Expression<'a>> {
        Some(Expression::Binary(operator, Box::new(left), Box::new(right(self)?)))
    }

    fn typed(&mut self) -> Option<Expression<'a>> {
        let focus = self.path()?;
        if self.word("as") {
            Some(Expression::As(Box::new(focus), self.name()?))
        } else if self.word("is") {
            Some(Expression::Is(Box::new(focus), self.name()?))
        } else {
            Some(focus)
        }
    }

    fn path(&mut self) -> Option<Expression<'a>> {
        let mut focus = self.start()?;
        loop {
            self.nodes += 1;
            if self.nodes > NODES_MAX {
                return None;
            }
            if self.sign(".") {
                let name = self.name()?;
                focus = self.invocation(focus, name)?;
            } else if self.sign("[") {
                let index = self.digits()?;
                if !self.sign("]") {
                    return None;
                }
                focus = Expression::Index(Box::new(focus), index);
            } else {
                return Some(focus);
            }
        }
    }

    fn start(&mut self) -> Option<Expression<'a>> {
        if self.sign("(") {
            self.nesting += 1;
            let inner = if self.nesting <= NESTING_MAX { self.conjunction() } else { None };
            self.nesting -= 1;
            return inner.filter(|_| self.sign(")"));
        }
        if self.sign("'") {
            let (text, rest) = self.rest.split_once('\'')?;
            self.rest = rest;
            return (!text.contains('\\')).then_some(Expression::Text(text));
        }
        if self.sign("%") {
            return (self.name()? == "resource").then_some(Expression::Resource);
        }
        match self.name()? {
            "true" => Some(Expression::Boolean(true)),
            "false" => Some(Expression::Boolean(false)),
            name if self.rest.starts_with('(') => self.invocation(Expression::This, name),
            name => Some(Expression::Name(name)),
        }
    }

    fn invocation(&mut self, focus: Expression<'a>, name: &'a str) -> Option<Expression<'a>> {
        if !self.rest.starts_with('(') {
            return Some(Expression::Member(Box::new(focus), name));
        }
        self.sign("(");
        self.nesting += 1;
        let mut arguments = Vec::new();
        while !self.sign(")") {
            let fits = self.nesting <= NESTING_MAX && (arguments.is_empty() || self.sign(","));
            arguments.push(if fits { self.conjunction()? } else { return None });
        }
        self.nesting -= 1;
        Some(Expression::Call(Box::new(focus), name, arguments))
    }

    fn name(&mut self) -> Option<&'a str> {
        self.skip_blanks();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        name.starts_with(|c: char| !c.is_ascii_digit()).then_some(name)
    }

    fn digits(&mut self) -> Option<u32> {
        self.skip_blanks();
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits.parse().ok()
    }

    fn sign(&mut self, sign: &str) -> bool {
        self.skip_blanks();
        let found = self.rest.strip_prefix(sign);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn word(&mut self, word: &str) -> bool {
        self.skip_blanks();
        let found = self.rest.strip_prefix(word).filter(|rest| !rest.starts_with(char::is_alphanumeric));
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_of_the_standard_parses() {
        for parameter in fhir::definitions().search_parameters() {
            if !parameter.expression.is_empty() {
                assert!(parse(&parameter.expression).is_some(), "{}", parameter.expression);
            }
            for component in &parameter.components {
                assert!(parse(&component.expression).is_some(), "{}", component.expression);
            }
        }
    }

    #[test]
    fn a_union_binds_tighter_than_a_comparison_and_looser_than_a_type() {
        let name = |name| Box::new(Expression::Name(name));
        let union = Expression::Binary(Operator::Union, name("a"), Box::new(Expression::As(name("b"), "T")));
        let whole = Expression::Binary(Operator::Equal, Box::new(union), Box::new(Expression::Boolean(true)));
        assert_eq!(parse("a | b as T = true"), Some(whole));
    }

    #[test]
    fn other_texts_are_refused_at_any_depth() {
        let deep = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
        assert!(parse(&deep(NESTING_MAX)).is_some());
        assert!(parse(&deep(NESTING_MAX + 1)).is_none());
        assert!(parse(&vec!["a"; NODES_MAX + 1].join(".")).is_none());
        for bad in
            ["", "a.", "a b", "a[", "a[x]", "a.where(", "'a", "a.f(b,", "(a", "a)", "%context", "1a", "a +b"]
        {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
