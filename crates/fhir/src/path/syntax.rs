//! An expression as a tree: what is parsed, typed and evaluated.

use regex::Regex;

use super::function::Function;
use super::types::TypeName;
use super::value::Value;
use crate::Symbol;
use crate::definitions::{ElementDefinition, TypeDefinition};

/// An expression.
#[derive(Debug)]
pub(super) enum Expression {
    /// `{}`.
    Nothing,
    /// A value as written.
    Literal(Value<'static>),
    /// `$this`.
    This,
    /// `$index`.
    Index,
    /// `$total`.
    Total,
    /// `%name`.
    Variable(Variable),
    /// Something, and what is asked of it step by step.
    Path(Box<Path>),
    /// `-x`.
    Negative(Box<Expression>),
    /// `+x`.
    Positive(Box<Expression>),
    /// `a | b | c`.
    Union(Vec<Expression>),
    /// Two operands.
    Binary(Operator, Box<[Expression; 2]>),
    /// `x is T`.
    Is(Box<Expression>, TypeName),
    /// `x as T`.
    As(Box<Expression>, TypeName),
}

/// A variable of the environment.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Variable {
    /// `%context`.
    Context,
    /// `%resource`.
    Resource,
    /// `%rootResource`.
    RootResource,
    /// One whose value is a text: `%ucum`, `%sct`, `%loinc`, `%vs-name`, `%ext-name`.
    Text(String),
    /// One that whoever evaluates must give.
    Given(String),
}

/// Something, and what is asked of it.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) start: Expression,
    pub(super) steps: Vec<Step>,
}

/// One step of a path.
#[derive(Debug)]
pub(super) enum Step {
    /// `.name`.
    Child(Child),
    /// `[index]`.
    At(Expression),
    /// `.function(…)`.
    Call(Call),
}

/// An element by its name.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) name: String,
    /// Whether it may be the name of the type of what it is asked of: it begins an expression with a capital letter.
    pub(super) may_be_type: bool,
    /// What the name stands for in types that are known beforehand.
    pub(super) known: Vec<KnownChild>,
}

/// What a name stands for in one type: by the names that it may have in JSON.
#[derive(Debug)]
pub(super) struct KnownChild {
    pub(super) parent: &'static TypeDefinition,
    pub(super) definition: &'static ElementDefinition,
    pub(super) names: Vec<(Symbol, &'static TypeDefinition)>,
}

/// A function with its arguments.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) function: Function,
    pub(super) arguments: Vec<Expression>,
    /// The type that is its argument.
    pub(super) of: Option<TypeName>,
    /// The regular expression that is its first argument, if that is written out.
    pub(super) regex: Option<Regex>,
}

/// An operator with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Multiply,
    Divide,
    Div,
    Mod,
    Add,
    Subtract,
    Concatenate,
    LessOrEqual,
    Less,
    Greater,
    GreaterOrEqual,
    Equal,
    Equivalent,
    NotEqual,
    NotEquivalent,
    In,
    Contains,
    And,
    Or,
    Xor,
    Implies,
}

impl Operator {
    /// The operators from the loosest on, as they stand between their operands, with how tightly they bind
    /// (FHIRPath 2.0.0, section 6.8). `|` binds with 7, `is` and `as` with 8.
    const ALL: [(&'static str, Operator, u8); 21] = [
        ("implies", Operator::Implies, 1),
        ("or", Operator::Or, 2),
        ("xor", Operator::Xor, 2),
        ("and", Operator::And, 3),
        ("in", Operator::In, 4),
        ("contains", Operator::Contains, 4),
        ("=", Operator::Equal, 5),
        ("~", Operator::Equivalent, 5),
        ("!=", Operator::NotEqual, 5),
        ("!~", Operator::NotEquivalent, 5),
        ("<=", Operator::LessOrEqual, 6),
        ("<", Operator::Less, 6),
        (">", Operator::Greater, 6),
        (">=", Operator::GreaterOrEqual, 6),
        ("+", Operator::Add, 9),
        ("-", Operator::Subtract, 9),
        ("&", Operator::Concatenate, 9),
        ("*", Operator::Multiply, 10),
        ("/", Operator::Divide, 10),
        ("div", Operator::Div, 10),
        ("mod", Operator::Mod, 10),
    ];

    /// The operator of this sign or word, and how tightly it binds.
    pub(super) fn parse(written: &str) -> Option<(Operator, u8)> {
        Self::ALL.iter().find(|(name, ..)| *name == written).map(|(_, operator, binds)| (*operator, *binds))
    }

    /// As it is written.
    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, operator, _)| *operator == self).map_or("", |(name, ..)| name)
    }
}

/// How tightly `|` binds.
pub(super) const UNION_BINDS: u8 = 7;
/// How tightly `is` and `as` bind.
pub(super) const TYPE_BINDS: u8 = 8;
/// How tightly a sign before a term binds.
pub(super) const SIGN_BINDS: u8 = 11;
