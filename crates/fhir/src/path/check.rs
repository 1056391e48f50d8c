//! Types before evaluation (FHIRPath 2.0.0, section 5.1 "strict"): which elements a name stands for, so that the
//! walk finds them by number, and whether there are any.

use super::error::PathError;
use super::function::{Function, Takes};
use super::syntax::{Call, Child, Expression, KnownChild, Path, Step, Variable};
use super::types::{SystemType, TypeInfo};
use crate::Symbol;
use crate::definitions::{TypeDefinition, TypeKind, definitions};

/// The types that values may have; `None` if they may have any.
type Types = Option<Vec<TypeInfo>>;

/// Fills in what names stand for in an expression about values of the type `of`. Fails if one stands for nothing.
pub(super) fn check(expression: &mut Expression, of: &'static TypeDefinition) -> Result<(), PathError> {
    let focus = Some(vec![TypeInfo::Fhir(of)]);
    let scope = Scope { this: focus.clone(), context: focus };
    typed(expression, &scope).map(|_| ())
}

struct Scope {
    this: Types,
    context: Types,
}

impl Scope {
    fn about(&self, this: Types) -> Scope {
        Scope { this, context: self.context.clone() }
    }
}

fn system(of: SystemType) -> Types {
    Some(vec![TypeInfo::System(of)])
}

fn joined(one: Types, other: Types) -> Types {
    let mut all = one?;
    for of in other? {
        if !all.iter().any(|known| is_same(known, &of)) {
            all.push(of);
        }
    }
    Some(all)
}

fn is_same(one: &TypeInfo, other: &TypeInfo) -> bool {
    match (one, other) {
        (TypeInfo::Fhir(one), TypeInfo::Fhir(other)) => std::ptr::eq(*one, *other),
        (TypeInfo::System(one), TypeInfo::System(other)) => one == other,
        _ => false,
    }
}

fn typed(expression: &mut Expression, scope: &Scope) -> Result<Types, PathError> {
    match expression {
        Expression::Nothing => Ok(Some(Vec::new())),
        Expression::Literal(value) => Ok(Some(vec![value.type_info()])),
        Expression::This => Ok(scope.this.clone()),
        Expression::Index => Ok(system(SystemType::Integer)),
        Expression::Total => Ok(None),
        Expression::Variable(Variable::Context) => Ok(scope.context.clone()),
        Expression::Variable(Variable::Text(_)) => Ok(system(SystemType::String)),
        Expression::Variable(_) => Ok(None),
        Expression::Path(path) => typed_path(path, scope),
        Expression::Negative(inner) | Expression::Positive(inner) => typed(inner, scope),
        Expression::Union(all) => {
            let mut types = Some(Vec::new());
            for one in all {
                types = joined(types, typed(one, scope)?);
            }
            Ok(types)
        }
        Expression::Binary(_, operands) => {
            for operand in operands.iter_mut() {
                typed(operand, scope)?;
            }
            Ok(None)
        }
        Expression::Is(inner, _) => {
            typed(inner, scope)?;
            Ok(system(SystemType::Boolean))
        }
        Expression::As(inner, of) => {
            typed(inner, scope)?;
            Ok(of.types())
        }
    }
}

fn typed_path(path: &mut Path, scope: &Scope) -> Result<Types, PathError> {
    let mut types = typed(&mut path.start, scope)?;
    let mut is_ordered = true;
    for step in &mut path.steps {
        check_order(step, &mut is_ordered)?;
        types = match step {
            Step::Child(child) => typed_child(child, types)?,
            Step::At(index) => {
                typed(index, scope)?;
                types
            }
            Step::Call(call) => typed_call(call, types, scope)?,
        };
    }
    Ok(types)
}

/// Fails if a step asks for a place among children, which have no order (section 5.8).
fn check_order(step: &Step, is_ordered: &mut bool) -> Result<(), PathError> {
    use Function as F;
    let named = match step {
        Step::At(_) => "[]",
        Step::Call(call) => match call.function {
            F::Children | F::Descendants => {
                *is_ordered = false;
                return Ok(());
            }
            F::First | F::Last | F::Tail | F::Skip | F::Take => call.function.name(),
            F::Sort => {
                *is_ordered = true;
                return Ok(());
            }
            _ => return Ok(()),
        },
        Step::Child(_) => return Ok(()),
    };
    if *is_ordered { Ok(()) } else { Err(PathError::operand(named, "a collection in a known order")) }
}

fn typed_child(child: &mut Child, types: Types) -> Result<Types, PathError> {
    let Some(types) = types else { return Ok(None) };
    let mut found = Some(Vec::new());
    let mut is_there = types.is_empty();
    for of in &types {
        let TypeInfo::Fhir(of) = of else { continue };
        if child.may_be_type && of.is(&child.name) {
            is_there = true;
            found = joined(found, Some(vec![TypeInfo::Fhir(of)]));
            continue;
        }
        let Some(children) = known(child, of) else {
            // What is of an abstract type may be of any that builds on it.
            is_there |= of.kind == TypeKind::Abstract;
            found = found.filter(|_| of.kind != TypeKind::Abstract);
            continue;
        };
        is_there = true;
        found = joined(found, children);
    }
    if !is_there {
        let on = types.first().map(|of| of.name());
        return Err(PathError::unknown("element", &child.name, on));
    }
    Ok(found)
}

/// The types of a child of the type `of`, which the child notes; `None` if there is no such child.
fn known(child: &mut Child, of: &'static TypeDefinition) -> Option<Types> {
    let definition = of.element(&child.name)?;
    let mut names = Vec::new();
    let mut types = Vec::new();
    for reference in &definition.types {
        names.push((Symbol::of(&definition.json_name(reference))?, reference.definition()));
        types.push(TypeInfo::Fhir(reference.definition()));
    }
    if !child.known.iter().any(|known| std::ptr::eq(known.parent, of)) {
        child.known.push(KnownChild { parent: of, definition, names });
    }
    // A resource inside another may be of any type.
    let is_any = types.iter().any(|of| matches!(of, TypeInfo::Fhir(of) if of.name == "Resource"));
    Some((!is_any).then_some(types))
}

fn typed_call(call: &mut Call, types: Types, scope: &Scope) -> Result<Types, PathError> {
    check_strings(call.function, &types)?;
    match (call.function, call.function.takes()) {
        (function, Takes::Type) => Ok(match function {
            Function::Is => system(SystemType::Boolean),
            _ => call.of.as_ref().and_then(|of| of.types()),
        }),
        (Function::Repeat, _) => typed_repeat(call, types, scope),
        // What is aggregated stands beside a total of any type.
        (Function::Aggregate | Function::Sort, _) => {
            let inner = scope.about(types.clone());
            for argument in &mut call.arguments {
                typed(argument, &inner)?;
            }
            Ok(types.filter(|_| call.function == Function::Sort))
        }
        (function, takes) => {
            let inner = match takes {
                Takes::Each(..) if function == Function::Iif && is_focus(&types) => {
                    scope.about(scope.this.clone())
                }
                Takes::Each(..) => scope.about(types.clone()),
                _ => scope.about(scope.this.clone()),
            };
            let mut of_arguments = Vec::new();
            for argument in &mut call.arguments {
                of_arguments.push(typed(argument, &inner)?);
            }
            Ok(result(function, types, of_arguments))
        }
    }
}

/// Whether there is no value, so that a function is about what the expression is about.
fn is_focus(types: &Types) -> bool {
    types.as_ref().is_some_and(Vec::is_empty)
}

/// `repeat`: of what it finds, too.
fn typed_repeat(call: &mut Call, types: Types, scope: &Scope) -> Result<Types, PathError> {
    const ROUNDS_MAX: usize = 8;
    let mut found = typed(&mut call.arguments[0], &scope.about(types))?;
    for _ in 0..ROUNDS_MAX {
        let before = found.as_ref().map(Vec::len);
        found = joined(found.clone(), typed(&mut call.arguments[0], &scope.about(found))?);
        if found.as_ref().map(Vec::len) == before {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Fails if a function of strings is asked of elements that cannot be strings.
fn check_strings(function: Function, types: &Types) -> Result<(), PathError> {
    use Function as F;
    let is_of_strings = matches!(
        function,
        F::IndexOf
            | F::LastIndexOf
            | F::Substring
            | F::StartsWith
            | F::EndsWith
            | F::Contains
            | F::Upper
            | F::Lower
            | F::Replace
            | F::Matches
            | F::MatchesFull
            | F::ReplaceMatches
            | F::Length
            | F::ToChars
    );
    let may_be_string = |of: &TypeInfo| match of {
        TypeInfo::Fhir(of) => matches!(of.kind, TypeKind::Primitive | TypeKind::Abstract),
        TypeInfo::System(_) => true,
    };
    match types {
        Some(types) if is_of_strings && !types.is_empty() && !types.iter().any(may_be_string) => {
            Err(PathError::operand(function.name(), "a string"))
        }
        _ => Ok(()),
    }
}

fn result(function: Function, input: Types, mut arguments: Vec<Types>) -> Types {
    use Function as F;
    match function {
        F::Where
        | F::Distinct
        | F::Single
        | F::First
        | F::Last
        | F::Tail
        | F::Skip
        | F::Take
        | F::Trace
        | F::Intersect
        | F::Exclude
        | F::CheckModifiers => input,
        F::Select => arguments.pop().flatten(),
        F::Union | F::Combine => joined(input, arguments.pop().flatten()),
        F::Iif => {
            let otherwise = if arguments.len() == 3 { arguments.pop().flatten() } else { Some(Vec::new()) };
            joined(arguments.pop().flatten(), otherwise)
        }
        F::Extension => definitions().type_named("Extension").map(|of| vec![TypeInfo::Fhir(of)]),
        F::ElementDefinition => {
            definitions().type_named("ElementDefinition").map(|of| vec![TypeInfo::Fhir(of)])
        }
        F::Empty
        | F::Exists
        | F::All
        | F::AllTrue
        | F::AnyTrue
        | F::AllFalse
        | F::AnyFalse
        | F::SubsetOf
        | F::SupersetOf
        | F::IsDistinct
        | F::Not
        | F::HasValue
        | F::StartsWith
        | F::EndsWith
        | F::Contains
        | F::Matches
        | F::MatchesFull
        | F::MemberOf
        | F::Subsumes
        | F::SubsumedBy
        | F::ConformsTo
        | F::HtmlChecks
        | F::Comparable => system(SystemType::Boolean),
        F::Count | F::Length | F::IndexOf | F::LastIndexOf | F::Precision => system(SystemType::Integer),
        F::ToText
        | F::Upper
        | F::Lower
        | F::Replace
        | F::ReplaceMatches
        | F::Substring
        | F::ToChars
        | F::Trim
        | F::Split
        | F::Join => system(SystemType::String),
        _ => None,
    }
}
