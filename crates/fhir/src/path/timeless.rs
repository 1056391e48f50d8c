//! Whether what an expression finds depends on the time.

use super::function::Function;
use super::syntax::{Expression, Step};

/// Whether the expression asks for the time anywhere.
pub(super) fn asks_time(expression: &Expression) -> bool {
    match expression {
        Expression::Path(path) => asks_time(&path.start) || path.steps.iter().any(step_asks_time),
        Expression::Negative(inner)
        | Expression::Positive(inner)
        | Expression::Is(inner, _)
        | Expression::As(inner, _) => asks_time(inner),
        Expression::Union(all) => all.iter().any(asks_time),
        Expression::Binary(_, operands) => operands.iter().any(asks_time),
        Expression::Nothing
        | Expression::Literal(_)
        | Expression::This
        | Expression::Index
        | Expression::Total
        | Expression::Variable(_) => false,
    }
}

fn step_asks_time(step: &Step) -> bool {
    match step {
        Step::Child(_) => false,
        Step::At(index) => asks_time(index),
        Step::Call(call) => {
            matches!(call.function, Function::Now | Function::Today | Function::TimeOfDay)
                || call.arguments.iter().any(asks_time)
        }
    }
}
