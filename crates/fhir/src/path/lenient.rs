//! What R4's own invariants take for granted: `as()` of many values (dom-3 asks it of all descendants).

use super::function::Function;
use super::syntax::{Expression, Step};

/// Makes each `as()` of an expression take the values that it can, as `ofType()` does.
pub(super) fn lenient(expression: &mut Expression) {
    match expression {
        Expression::Path(path) => {
            lenient(&mut path.start);
            for step in &mut path.steps {
                match step {
                    Step::Child(_) => {}
                    Step::At(index) => lenient(index),
                    Step::Call(call) => {
                        if call.function == Function::As {
                            call.function = Function::OfType;
                        }
                        call.arguments.iter_mut().for_each(lenient);
                    }
                }
            }
        }
        Expression::Negative(inner) | Expression::Positive(inner) | Expression::Is(inner, _) => {
            lenient(inner)
        }
        Expression::As(inner, _) => lenient(inner),
        Expression::Union(all) => all.iter_mut().for_each(lenient),
        Expression::Binary(_, operands) => operands.iter_mut().for_each(lenient),
        Expression::Nothing
        | Expression::Literal(_)
        | Expression::This
        | Expression::Index
        | Expression::Total
        | Expression::Variable(_) => {}
    }
}
