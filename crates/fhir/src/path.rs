//! FHIRPath (2.0.0, normative) with FHIR R4's additions: expressions over parsed resources.
//!
//! An expression is parsed and typed once and evaluated often. Values are handed on one by one as they are found,
//! so that navigation, conditions and existence allocate nothing.

mod boundary;
mod check;
mod convert;
mod element;
mod equality;
mod error;
mod evaluate;
mod function;
mod functions;
mod lenient;
mod lexer;
mod operators;
mod parse;
mod quantity;
mod seen;
mod syntax;
mod temporal;
mod timeless;
mod types;
mod value;

pub use element::Element;
pub use error::PathError;
pub use evaluate::{Flow, NoSurroundings, PathContext, Surroundings};
pub use quantity::Quantity;
pub use temporal::{Precision, Temporal, TemporalKind};
pub use types::{SystemType, TypeInfo};
pub use value::Value;

pub(crate) use functions::narrative;

use crate::TypeDefinition;
use evaluate::Evaluation;
use syntax::{Expression, Step};

/// The longest expression, in bytes.
pub const PATH_BYTES_MAX: usize = 64 * 1024;
/// How deep an expression may nest: parentheses, arguments, operators, and the steps of a path.
pub const PATH_DEPTH_MAX: usize = 96;
/// How many values one evaluation may touch, about a resource that is not very large.
pub const PATH_WORK_MAX: u64 = 2_000_000;
/// How many values one evaluation may touch for each byte of the resource, where that is more than [`PATH_WORK_MAX`].
pub const PATH_WORK_PER_BYTE_MAX: u64 = 2;
/// The longest string that an evaluation makes, in bytes.
pub const PATH_STRING_BYTES_MAX: usize = 4 << 20;

/// A FHIRPath expression, ready to be evaluated.
#[derive(Debug)]
pub struct FhirPath {
    root: Expression,
    is_lenient: bool,
}

impl FhirPath {
    /// The expression of this text, about resources and elements of any type. Fails if the text is not one.
    pub fn parse(text: &str) -> Result<FhirPath, PathError> {
        Ok(FhirPath { root: parse::parse(text)?, is_lenient: false })
    }

    /// The expression of this text, about values of the type `of`. Fails also if it names an element that its
    /// type has not (strict mode of FHIRPath 2.0.0, section 5.1 "Type safety and strict evaluation").
    pub fn compile(text: &str, of: &'static TypeDefinition) -> Result<FhirPath, PathError> {
        let mut root = parse::parse(text)?;
        check::check(&mut root, of)?;
        Ok(FhirPath { root, is_lenient: false })
    }

    /// The expression of an invariant about values of the type `of`. Where R4's own invariants are not strict,
    /// this is not either: names that a type has not find nothing, `as()` takes what it can of many values, and several values as a condition
    /// are true.
    /// Fails if the text is no expression.
    pub fn invariant(text: &str, of: &'static TypeDefinition) -> Result<FhirPath, PathError> {
        let mut root = parse::parse(text)?;
        lenient::lenient(&mut root);
        match check::check(&mut root, of) {
            // What is known of the names that were met before stays right.
            Ok(()) | Err(PathError::Unknown { what: "element", .. } | PathError::Operand { .. }) => {
                Ok(FhirPath { root, is_lenient: true })
            }
            Err(error) => Err(error),
        }
    }

    /// Whether what it finds depends on the time: it asks `now()`, `today()` or `timeOfDay()`.
    #[must_use]
    pub fn asks_time(&self) -> bool {
        timeless::asks_time(&self.root)
    }

    /// All values of the expression for `focus`, in order.
    pub fn evaluate<'a>(
        &'a self,
        focus: Element<'a>,
        context: &'a PathContext<'a>,
    ) -> Result<Vec<Value<'a>>, PathError> {
        let mut found = Vec::new();
        self.each(focus, context, &mut |value| {
            found.push(value);
            Ok(Flow::Continue(()))
        })?;
        Ok(found)
    }

    /// What stands before the last step of a path, and the element that this step names; nothing if it names none.
    pub(crate) fn split_last(self) -> Option<(FhirPath, String)> {
        let Expression::Path(mut path) = self.root else { return None };
        match path.steps.pop()? {
            Step::Child(child) => {
                let before = FhirPath { root: Expression::Path(path), is_lenient: self.is_lenient };
                Some((before, child.name))
            }
            Step::At(_) | Step::Call(_) => None,
        }
    }

    /// Calls `take` with each value of the expression for `focus`, in order, until it breaks off.
    pub fn each<'a>(
        &'a self,
        focus: Element<'a>,
        context: &'a PathContext<'a>,
        take: &mut dyn FnMut(Value<'a>) -> Result<Flow, PathError>,
    ) -> Result<(), PathError> {
        let evaluation = Evaluation::new(context, focus, self.is_lenient);
        let frame = evaluation.frame();
        evaluation.each(&self.root, &frame, take).map(|_| ())
    }

    /// Whether the expression holds of `focus`, as an invariant asks: a single value that is not `false` counts
    /// as true, none at all as nothing. Fails with several.
    pub fn holds<'a>(
        &'a self,
        focus: Element<'a>,
        context: &'a PathContext<'a>,
    ) -> Result<Option<bool>, PathError> {
        let evaluation = Evaluation::new(context, focus, self.is_lenient);
        let frame = evaluation.frame();
        evaluation.truth(&self.root, &frame)
    }
}

// Expressions are compiled once and asked by many at once.
const _: () = {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<FhirPath>();
};
