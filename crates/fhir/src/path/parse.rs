//! From words to a tree (FHIRPath 2.0.0, the grammar), within limits of length and depth.

use regex::{Regex, RegexBuilder};
use rust_decimal::Decimal;

use super::error::PathError;
use super::function::{Function, Takes};
use super::lexer::{Token, Word, words};
use super::quantity::{CalendarUnit, Quantity, Unit};
use super::syntax::{
    Call, Child, Expression, Operator, Path, SIGN_BINDS, Step, TYPE_BINDS, UNION_BINDS, Variable,
};
use super::types::TypeName;
use super::value::Value;
use super::{PATH_BYTES_MAX, PATH_DEPTH_MAX};

/// The most memory that one regular expression may take, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// The tree of an expression.
pub(super) fn parse(text: &str) -> Result<Expression, PathError> {
    if text.len() > PATH_BYTES_MAX {
        return Err(PathError::limit("PATH_BYTES_MAX", PATH_BYTES_MAX as u64));
    }
    let words = words(text)?;
    let mut parser = Parser { words: &words, at: 0, depth: 0 };
    let whole = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(whole),
        _ => Err(parser.expected("an operator or the end")),
    }
}

/// A regular expression as FHIRPath means it: `.` stands for line ends too.
pub(super) fn regex(pattern: &str, is_full: bool) -> Option<Regex> {
    let whole = if is_full { format!("^(?:{pattern})$") } else { pattern.to_owned() };
    RegexBuilder::new(&whole).dot_matches_new_line(true).size_limit(REGEX_BYTES_MAX).build().ok()
}

struct Parser<'w> {
    words: &'w [Word],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.words[self.at.min(self.words.len() - 1)].token
    }

    fn expected(&self, what: &'static str) -> PathError {
        PathError::syntax(self.words[self.at].at, what)
    }

    fn eat(&mut self, sign: &'static str) -> bool {
        let is_next = *self.peek() == Token::Sign(sign);
        if is_next {
            self.at += 1;
        }
        is_next
    }

    fn need(&mut self, sign: &'static str, what: &'static str) -> Result<(), PathError> {
        if self.eat(sign) { Ok(()) } else { Err(self.expected(what)) }
    }

    /// Goes one level deeper for as long as `inner` takes.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, PathError>) -> Result<T, PathError> {
        if self.depth == PATH_DEPTH_MAX {
            return Err(PathError::limit("PATH_DEPTH_MAX", PATH_DEPTH_MAX as u64));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// What binds at least as tightly as `binds`.
    fn expression(&mut self, binds: u8) -> Result<Expression, PathError> {
        self.deeper(|parser| {
            let mut left = parser.signed()?;
            let mut operators = 0;
            while let Some(joined) = parser.joined(&mut left, binds)? {
                left = joined;
                operators += 1;
                if operators > PATH_DEPTH_MAX {
                    return Err(PathError::limit("PATH_DEPTH_MAX", PATH_DEPTH_MAX as u64));
                }
            }
            Ok(left)
        })
    }

    /// `left` with the operator that follows and its other operand, if there is one that binds tightly enough.
    fn joined(&mut self, left: &mut Expression, binds: u8) -> Result<Option<Expression>, PathError> {
        let written = match self.peek() {
            Token::Sign(sign) => *sign,
            Token::Name(name) => match name.as_str() {
                "is" => "is",
                "as" => "as",
                name => Operator::parse(name).map_or("", |(operator, _)| operator.name()),
            },
            _ => "",
        };
        let take = |left: &mut Expression| std::mem::replace(left, Expression::Nothing);
        match written {
            "|" if UNION_BINDS >= binds => {
                self.at += 1;
                let right = self.expression(UNION_BINDS + 1)?;
                Ok(Some(match take(left) {
                    Expression::Union(mut all) => {
                        all.push(right);
                        Expression::Union(all)
                    }
                    first => Expression::Union(vec![first, right]),
                }))
            }
            "is" | "as" if TYPE_BINDS >= binds => {
                self.at += 1;
                let of = self.type_name()?;
                let left = Box::new(take(left));
                Ok(Some(if written == "is" { Expression::Is(left, of) } else { Expression::As(left, of) }))
            }
            _ => match Operator::parse(written).filter(|(_, tight)| *tight >= binds) {
                None => Ok(None),
                Some((operator, tight)) => {
                    self.at += 1;
                    let right = self.expression(tight + 1)?;
                    Ok(Some(Expression::Binary(operator, Box::new([take(left), right]))))
                }
            },
        }
    }

    fn signed(&mut self) -> Result<Expression, PathError> {
        if self.eat("-") {
            return Ok(Expression::Negative(Box::new(self.expression(SIGN_BINDS)?)));
        }
        if self.eat("+") {
            return Ok(Expression::Positive(Box::new(self.expression(SIGN_BINDS)?)));
        }
        let start = self.term()?;
        self.steps(start)
    }

    /// What follows a term with dots and brackets.
    fn steps(&mut self, start: Expression) -> Result<Expression, PathError> {
        let (start, mut steps) = match start {
            Expression::Path(path) => (path.start, path.steps),
            other => (other, Vec::new()),
        };
        loop {
            if self.depth + steps.len() > PATH_DEPTH_MAX {
                return Err(PathError::limit("PATH_DEPTH_MAX", PATH_DEPTH_MAX as u64));
            }
            if self.eat(".") {
                steps.push(self.named_step(false)?);
            } else if self.eat("[") {
                let index = self.expression(0)?;
                self.need("]", "']'")?;
                steps.push(Step::At(index));
            } else if steps.is_empty() {
                return Ok(start);
            } else {
                return Ok(Expression::Path(Box::new(Path { start, steps })));
            }
        }
    }

    fn term(&mut self) -> Result<Expression, PathError> {
        match self.peek().clone() {
            Token::Sign("(") => {
                self.at += 1;
                let inner = self.expression(0)?;
                self.need(")", "')'")?;
                Ok(inner)
            }
            Token::Sign("{") => {
                self.at += 1;
                self.need("}", "'}'")?;
                Ok(Expression::Nothing)
            }
            Token::Dollar(name) => {
                self.at += 1;
                Ok(match name {
                    "index" => Expression::Index,
                    "total" => Expression::Total,
                    _ => Expression::This,
                })
            }
            Token::Variable(name) => {
                self.at += 1;
                Ok(Expression::Variable(variable(name)))
            }
            Token::Text(text) => {
                self.at += 1;
                Ok(Expression::Literal(Value::String(text.into())))
            }
            Token::Number(digits) => self.number(&digits),
            Token::Temporal(temporal) => {
                self.at += 1;
                Ok(Expression::Literal(Value::Temporal(temporal.0)))
            }
            Token::Name(name) if name == "true" || name == "false" => {
                self.at += 1;
                Ok(Expression::Literal(Value::Boolean(name == "true")))
            }
            Token::Name(_) | Token::Delimited(_) => {
                let first = self.named_step(true)?;
                Ok(Expression::Path(Box::new(Path { start: Expression::This, steps: vec![first] })))
            }
            _ => Err(self.expected("a value, a name or '('")),
        }
    }

    /// A number, with its unit if one follows.
    fn number(&mut self, digits: &str) -> Result<Expression, PathError> {
        let wrong = self.expected("a number within the range of FHIRPath");
        self.at += 1;
        let decimal = || Decimal::from_str_exact(digits).map_err(|_| wrong.clone());
        let unit = match self.peek() {
            Token::Text(code) => Some(Unit::of_code(code)),
            Token::Name(word) => CalendarUnit::parse(word).map(Unit::Calendar),
            _ => None,
        };
        if let Some(unit) = unit {
            self.at += 1;
            return Ok(Expression::Literal(Value::Quantity(Box::new(Quantity { value: decimal()?, unit }))));
        }
        Ok(Expression::Literal(match digits.contains('.') {
            true => Value::Decimal(decimal()?),
            false => Value::Integer(digits.parse().map_err(|_| wrong.clone())?),
        }))
    }

    fn name(&mut self) -> Result<String, PathError> {
        match self.peek().clone() {
            Token::Name(name) | Token::Delimited(name) => {
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.expected("a name")),
        }
    }

    /// An element or a function by its name.
    fn named_step(&mut self, is_first: bool) -> Result<Step, PathError> {
        if let Token::Dollar(_) = self.peek() {
            return Err(self.expected("a name or a function"));
        }
        let name = self.name()?;
        if self.eat("(") {
            return self.call(&name).map(Step::Call);
        }
        let may_be_type = is_first && name.starts_with(|first: char| first.is_ascii_uppercase());
        Ok(Step::Child(Child { name, may_be_type, known: Vec::new() }))
    }

    /// A function, from behind its opening parenthesis to its end.
    fn call(&mut self, name: &str) -> Result<Call, PathError> {
        let function = Function::parse(name).ok_or_else(|| PathError::unknown("function", name, None))?;
        if function.takes() == Takes::Type {
            let of = Some(self.type_name()?);
            self.need(")", "')'")?;
            return Ok(Call { function, arguments: Vec::new(), of, regex: None });
        }
        let mut arguments = Vec::new();
        if !self.eat(")") {
            loop {
                arguments.push(self.expression(0)?);
                if self.eat(")") {
                    break;
                }
                self.need(",", "',' or ')'")?;
            }
        }
        let (Takes::Values(least, most) | Takes::Each(least, most)) = function.takes() else {
            unreachable!("functions of types are read above");
        };
        if !(least..=most).contains(&arguments.len()) {
            return Err(PathError::operand(function.name(), number_of_arguments(least, most)));
        }
        let regex = self.written_regex(function, &arguments)?;
        Ok(Call { function, arguments, of: None, regex })
    }

    fn written_regex(
        &self,
        function: Function,
        arguments: &[Expression],
    ) -> Result<Option<Regex>, PathError> {
        let is_full = match function {
            Function::Matches | Function::ReplaceMatches => false,
            Function::MatchesFull => true,
            _ => return Ok(None),
        };
        let Some(Expression::Literal(Value::String(pattern))) = arguments.first() else { return Ok(None) };
        match regex(pattern, is_full) {
            Some(regex) => Ok(Some(regex)),
            None => Err(PathError::operand(function.name(), "a regular expression")),
        }
    }

    /// `Name` or `Namespace.Name`.
    fn type_name(&mut self) -> Result<TypeName, PathError> {
        let is_in_parentheses = self.eat("(");
        let first = self.name()?;
        let named = match self.eat(".") {
            true => TypeName::new(Some(&first), &self.name()?),
            false => TypeName::new(None, &first),
        };
        if is_in_parentheses {
            self.need(")", "')'")?;
        }
        named
    }
}

fn number_of_arguments(least: usize, most: usize) -> &'static str {
    match (least, most) {
        (0, 0) => "no argument",
        (1, 1) => "one argument",
        (2, 2) => "two arguments",
        (0, 1) => "one argument or none",
        (1, 2) => "one argument or two",
        (2, 3) => "two arguments or three",
        _ => "fewer arguments",
    }
}

/// The variable of this name (FHIRPath 2.0.0, section 9; R4 fhirpath, "Variables").
fn variable(name: String) -> Variable {
    match name.as_str() {
        "context" => Variable::Context,
        "resource" => Variable::Resource,
        "rootResource" => Variable::RootResource,
        "ucum" => Variable::Text("http://unitsofmeasure.org".to_owned()),
        "sct" => Variable::Text("http://snomed.info/sct".to_owned()),
        "loinc" => Variable::Text("http://loinc.org".to_owned()),
        _ => match (name.strip_prefix("vs-"), name.strip_prefix("ext-")) {
            (Some(of), _) => Variable::Text(format!("http://hl7.org/fhir/ValueSet/{of}")),
            (_, Some(of)) => Variable::Text(format!("http://hl7.org/fhir/StructureDefinition/{of}")),
            _ => Variable::Given(name),
        },
    }
}
