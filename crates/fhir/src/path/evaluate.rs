//! The walk through an expression: each value is handed on as soon as it is found.

use std::cell::Cell;
use std::ops::ControlFlow;

use super::element::{Element, each_item};
use super::error::PathError;
use super::seen::Seen;
use super::syntax::{Child, Expression, Path, Step, Variable};
use super::types::TypeInfo;
use super::value::Value;
use super::{PATH_WORK_MAX, PATH_WORK_PER_BYTE_MAX, functions, operators};
use crate::definitions::TypeKind;
use crate::{Json, Resource, Time};

/// Whether more values are wanted.
pub type Flow = ControlFlow<()>;

/// Whoever takes values.
pub(super) type Take<'t, 'a> = &'t mut dyn FnMut(Value<'a>) -> Result<Flow, PathError>;

pub(super) const MORE: Result<Flow, PathError> = Ok(ControlFlow::Continue(()));
pub(super) const ENOUGH: Result<Flow, PathError> = Ok(ControlFlow::Break(()));

/// What an evaluation knows besides its focus.
#[derive(Clone, Copy)]
pub struct PathContext<'a> {
    /// `%resource`: the resource that the focus stands in.
    pub resource: Element<'a>,
    /// `%rootResource`: the resource that contains that one, or that one itself.
    pub root: Element<'a>,
    /// Now, for `now()`, `today()` and `timeOfDay()`, all in UTC.
    pub now: Time,
    /// Further variables by name, without `%`.
    pub variables: &'a [(String, Vec<Value<'a>>)],
    /// What is known of the world outside the resource.
    pub surroundings: &'a dyn Surroundings,
}

/// What the functions ask that look beyond a resource.
pub trait Surroundings: Sync {
    /// The resource that a reference leads to; nothing if none is known.
    fn resolve(&self, reference: &str) -> Option<&Resource>;
    /// Whether a value set has a code; nothing if that cannot be known.
    fn member_of(&self, system: Option<&str>, code: &str, value_set: &str) -> Option<bool>;
    /// Whether the one code subsumes the other, of the same code system; nothing if that cannot be known.
    fn subsumes(&self, system: &str, code: &str, other: &str) -> Option<bool>;
    /// Whether an element conforms to a profile; fails if the profile is not known or cannot be asked.
    fn conforms_to(&self, element: Element<'_>, profile: &str) -> Result<bool, PathError>;
    /// What is in the slice of this name of a profile: the element itself, or values below it. Fails if the profile is
    /// not known or has no such slice.
    fn slice<'e>(
        &self,
        element: Element<'e>,
        profile: &str,
        name: &str,
    ) -> Result<Vec<Element<'e>>, PathError>;
}

/// Surroundings of which nothing is known.
#[derive(Clone, Copy, Debug)]
pub struct NoSurroundings;

impl Surroundings for NoSurroundings {
    fn resolve(&self, _: &str) -> Option<&Resource> {
        None
    }

    fn member_of(&self, _: Option<&str>, _: &str, _: &str) -> Option<bool> {
        None
    }

    fn subsumes(&self, _: &str, _: &str, _: &str) -> Option<bool> {
        None
    }

    fn conforms_to(&self, _: Element<'_>, profile: &str) -> Result<bool, PathError> {
        Err(PathError::unknown("profile", profile, None))
    }

    fn slice<'e>(&self, _: Element<'e>, profile: &str, _: &str) -> Result<Vec<Element<'e>>, PathError> {
        Err(PathError::unknown("profile", profile, None))
    }
}

impl<'a> PathContext<'a> {
    /// The context of a resource that stands alone, with nothing known around it.
    pub fn new(resource: &'a Resource, now: Time) -> PathContext<'a> {
        let root = Element::resource(resource);
        PathContext { resource: root, root, now, variables: &[], surroundings: &NoSurroundings }
    }

    /// The resource that a Reference leads to, if it is in the same document.
    pub(crate) fn target(&self, reference: Element<'a>) -> Option<Element<'a>> {
        let written = reference.string_child("reference")?;
        functions::within(self, &Value::Element(reference), &written)
    }
}

impl std::fmt::Debug for PathContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PathContext({:?})", self.resource)
    }
}

/// One evaluation of an expression.
pub(super) struct Evaluation<'a> {
    pub(super) context: &'a PathContext<'a>,
    focus: Value<'a>,
    /// Whether several values as a condition are true, as invariants of guides mean them (`telecom or endpoint`).
    is_lenient: bool,
    work: Cell<u64>,
}

/// What `$this`, `$index` and `$total` stand for.
#[derive(Clone, Copy)]
pub(super) struct Frame<'f, 'a> {
    pub(super) this: &'f Value<'a>,
    pub(super) index: usize,
    pub(super) total: &'f [Value<'a>],
}

/// The values that a function is asked of.
#[derive(Clone, Copy)]
pub(super) struct Input<'f, 'a> {
    pub(super) evaluation: &'f Evaluation<'a>,
    pub(super) frame: &'f Frame<'f, 'a>,
    path: &'a Path,
    steps: usize,
}

/// Some values, of which one needs no memory.
#[derive(Default)]
pub(super) struct Few<'a> {
    first: Option<Value<'a>>,
    rest: Vec<Value<'a>>,
}

impl<'a> Few<'a> {
    fn push(&mut self, value: Value<'a>) {
        match self.first {
            None => self.first = Some(value),
            Some(_) => self.rest.push(value),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Value<'a>> {
        self.first.iter().chain(&self.rest)
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    /// The only value, if there is one; fails with more.
    pub(super) fn single(self, of: &'static str) -> Result<Option<Value<'a>>, PathError> {
        match self.rest.is_empty() {
            true => Ok(self.first),
            false => Err(PathError::operand(of, "a single value")),
        }
    }
}

/// How many values an evaluation may touch: to go through a large resource once is no crime.
fn work_max(context: &PathContext<'_>) -> u64 {
    let bytes = context.root.value.map_or(0, |root| root.span().len() as u64);
    PATH_WORK_MAX.max(PATH_WORK_PER_BYTE_MAX * bytes)
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(context: &'a PathContext<'a>, focus: Element<'a>, is_lenient: bool) -> Evaluation<'a> {
        let work = Cell::new(work_max(context));
        Evaluation { context, focus: Value::Element(focus), is_lenient, work }
    }

    pub(super) fn frame(&self) -> Frame<'_, 'a> {
        Frame { this: &self.focus, index: 0, total: &[] }
    }

    /// Counts one more value that is touched.
    pub(super) fn worked(&self) -> Result<(), PathError> {
        match self.work.get() {
            0 => Err(PathError::limit("PATH_WORK_MAX", work_max(self.context))),
            left => {
                self.work.set(left - 1);
                Ok(())
            }
        }
    }

    /// Hands on each value of an expression.
    pub(super) fn each(
        &self,
        expression: &'a Expression,
        frame: &Frame<'_, 'a>,
        take: Take<'_, 'a>,
    ) -> Result<Flow, PathError> {
        self.worked()?;
        match expression {
            Expression::Nothing => MORE,
            Expression::Literal(Value::String(text)) => take(Value::String(text.as_ref().into())),
            Expression::Literal(value) => take(value.clone()),
            Expression::This => take(frame.this.clone()),
            Expression::Index => take(Value::Integer(i32::try_from(frame.index).unwrap_or(i32::MAX))),
            Expression::Total => each_of(frame.total, take),
            Expression::Variable(variable) => self.variable(variable, take),
            Expression::Path(path) => self.path(path, path.steps.len(), frame, take),
            Expression::Union(all) => self.union(all, frame, take),
            Expression::Negative(inner) => {
                let value = self.single(inner, frame, "-")?;
                given(value.map(|value| operators::negative(&value)).transpose()?.flatten(), take)
            }
            Expression::Positive(inner) => match self.single(inner, frame, "+")? {
                Some(value) if value.as_decimal().is_none() && value.to_quantity().is_none() => {
                    Err(PathError::operand("+", "a number or a quantity"))
                }
                value => given(value, take),
            },
            Expression::Is(inner, of) => {
                let value = self.single(inner, frame, "is")?;
                given(value.map(|value| Value::Boolean(of.covers(&value))), take)
            }
            Expression::As(inner, of) => {
                let value = self.single(inner, frame, "as")?;
                given(value.filter(|value| of.takes(value)), take)
            }
            Expression::Binary(operator, operands) => {
                given(operators::binary(self, *operator, operands, frame)?, take)
            }
        }
    }

    /// Hands on each value until enough is taken, which is nobody else's business.
    pub(super) fn visit(
        &self,
        expression: &'a Expression,
        frame: &Frame<'_, 'a>,
        take: Take<'_, 'a>,
    ) -> Result<(), PathError> {
        self.each(expression, frame, take).map(|_| ())
    }

    /// Hands on what the first `steps` steps of a path lead to.
    fn path(
        &self,
        path: &'a Path,
        steps: usize,
        frame: &Frame<'_, 'a>,
        take: Take<'_, 'a>,
    ) -> Result<Flow, PathError> {
        let Some(before) = steps.checked_sub(1) else { return self.each(&path.start, frame, take) };
        match &path.steps[before] {
            Step::Child(child) => {
                self.path(path, before, frame, &mut |value| self.child(child, &value, take))
            }
            Step::At(index) => {
                let at = self
                    .single(index, frame, "[]")?
                    .map(|value| value.as_integer().ok_or(PathError::operand("[]", "an integer")));
                let Some(at) = at.transpose()? else { return MORE };
                let (mut seen, mut found) = (0, None);
                let _ = self.path(path, before, frame, &mut |value| {
                    if seen == at {
                        found = Some(value);
                        return ENOUGH;
                    }
                    seen += 1;
                    MORE
                })?;
                given(found, take)
            }
            Step::Call(call) => {
                let input = Input { evaluation: self, frame, path, steps: before };
                functions::call(call, &input, take)
            }
        }
    }

    fn child(&self, child: &'a Child, value: &Value<'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
        self.worked()?;
        match value {
            Value::Element(element) => self.child_of(child, *element, take),
            Value::Type(info) => type_part(*info, &child.name, take),
            _ => MORE,
        }
    }

    fn child_of(
        &self,
        child: &'a Child,
        element: Element<'a>,
        take: Take<'_, 'a>,
    ) -> Result<Flow, PathError> {
        if child.may_be_type && element.of.is(&child.name) {
            return take(Value::Element(element));
        }
        let holder = if element.of.kind == TypeKind::Primitive { element.twin } else { element.value };
        let Some(holder) = holder else { return MORE };
        let take = &mut |element| take(Value::Element(element));
        if let Some(known) = child.known.iter().find(|known| std::ptr::eq(known.parent, element.of)) {
            let (mut value, mut twin, mut of) = (None, None, None);
            for (name, json) in holder.members() {
                let (symbol, twin_symbol) = (name.symbol(), name.twin());
                for (known_symbol, known_of) in &known.names {
                    if symbol == Some(*known_symbol) {
                        (value, of) = (Some(json), Some(*known_of));
                    } else if twin_symbol == Some(*known_symbol) {
                        (twin, of) = (Some(json), Some(*known_of));
                    }
                }
            }
            return match of {
                Some(of) => each_item((value, twin), of, known.definition, take),
                None => MORE,
            };
        }
        let Some(definition) = element.of.element(&child.name) else { return MORE };
        for of in &definition.types {
            let name = definition.json_name(of);
            let (value, twin) = (holder.get(&name), twin_of(holder, of.definition().kind, &name));
            if value.is_some() || twin.is_some() {
                return each_item((value, twin), of.definition(), definition, take);
            }
        }
        MORE
    }

    fn variable(&self, variable: &'a Variable, take: Take<'_, 'a>) -> Result<Flow, PathError> {
        match variable {
            Variable::Context => take(self.focus.clone()),
            Variable::Resource => take(Value::Element(self.context.resource)),
            Variable::RootResource => take(Value::Element(self.context.root)),
            Variable::Text(text) => take(Value::String(text.as_str().into())),
            Variable::Given(name) => match self.context.variables.iter().find(|(known, _)| known == name) {
                Some((_, values)) => each_of(values, take),
                None => Err(PathError::unknown("variable", name, None)),
            },
        }
    }

    fn union(
        &self,
        all: &'a [Expression],
        frame: &Frame<'_, 'a>,
        take: Take<'_, 'a>,
    ) -> Result<Flow, PathError> {
        let mut seen = Seen::default();
        for one in all {
            self.visit(one, frame, &mut |value| {
                seen.add(self, value)?;
                MORE
            })?;
        }
        each_of(seen.values(), take)
    }

    /// The only value of an expression, if there is one; fails with more.
    pub(super) fn single(
        &self,
        expression: &'a Expression,
        frame: &Frame<'_, 'a>,
        of: &'static str,
    ) -> Result<Option<Value<'a>>, PathError> {
        self.few(expression, frame)?.single(of)
    }

    /// All values of an expression.
    pub(super) fn few(
        &self,
        expression: &'a Expression,
        frame: &Frame<'_, 'a>,
    ) -> Result<Few<'a>, PathError> {
        let mut few = Few::default();
        self.visit(expression, frame, &mut |value| {
            few.push(value);
            MORE
        })?;
        Ok(few)
    }

    /// An expression as a condition (section 4.5, singleton evaluation): a single value that is no boolean is true.
    pub(super) fn truth(
        &self,
        expression: &'a Expression,
        frame: &Frame<'_, 'a>,
    ) -> Result<Option<bool>, PathError> {
        if let Expression::Binary(operator, operands) = expression
            && operators::is_logical(*operator)
        {
            self.worked()?;
            return operators::logical(self, *operator, operands, frame);
        }
        let found = self.few(expression, frame)?;
        if self.is_lenient && !found.rest.is_empty() {
            return Ok(Some(true));
        }
        let value = found.single("a condition")?;
        Ok(value.map(|value| value.as_boolean().unwrap_or(true)))
    }
}

impl<'a> Input<'_, 'a> {
    /// Hands on each value.
    pub(super) fn each(&self, take: Take<'_, 'a>) -> Result<Flow, PathError> {
        self.evaluation.path(self.path, self.steps, self.frame, take)
    }

    /// Hands on each value until enough is taken, which is nobody else's business.
    pub(super) fn visit(&self, take: Take<'_, 'a>) -> Result<(), PathError> {
        self.each(take).map(|_| ())
    }

    /// All values.
    pub(super) fn all(&self) -> Result<Vec<Value<'a>>, PathError> {
        let mut all = Vec::new();
        self.visit(&mut |value| {
            all.push(value);
            MORE
        })?;
        Ok(all)
    }

    /// The only value, if there is one; fails with more.
    pub(super) fn single(&self, of: &'static str) -> Result<Option<Value<'a>>, PathError> {
        let mut few = Few::default();
        self.visit(&mut |value| {
            few.push(value);
            MORE
        })?;
        few.single(of)
    }

    /// The only value of an argument.
    pub(super) fn argument(
        &self,
        argument: &'a Expression,
        of: &'static str,
    ) -> Result<Option<Value<'a>>, PathError> {
        self.evaluation.single(argument, self.frame, of)
    }

    /// Whether there is no value.
    pub(super) fn is_empty(&self) -> Result<bool, PathError> {
        let mut is_empty = true;
        self.visit(&mut |_| {
            is_empty = false;
            ENOUGH
        })?;
        Ok(is_empty)
    }
}

/// Hands on a value, if there is one.
pub(super) fn given<'a>(value: Option<Value<'a>>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    value.map_or(MORE, take)
}

/// Hands on all values.
pub(super) fn each_of<'a>(values: &[Value<'a>], take: Take<'_, 'a>) -> Result<Flow, PathError> {
    for value in values {
        if take(value.clone())?.is_break() {
            return ENOUGH;
        }
    }
    MORE
}

fn twin_of<'a>(holder: Json<'a>, kind: TypeKind, name: &str) -> Option<Json<'a>> {
    if kind == TypeKind::Primitive { holder.get(&format!("_{name}")) } else { None }
}

fn type_part<'a>(info: TypeInfo, name: &str, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    match name {
        "name" => take(Value::String(info.name().into())),
        "namespace" => take(Value::String(info.namespace().into())),
        _ => MORE,
    }
}
