//! Values that were met, so that each is taken once; texts are found by their hash where there are many.

use std::borrow::Cow;
use std::collections::HashSet;

use super::equality::equal;
use super::error::PathError;
use super::evaluate::Evaluation;
use super::value::Value;

/// How many values are compared one by one.
const COMPARED_MAX: usize = 8;

/// Values, none of which equals another unless it was added twice.
#[derive(Default)]
pub(super) struct Seen<'a> {
    values: Vec<Value<'a>>,
    /// The texts among them, once there are more than [`COMPARED_MAX`] values.
    texts: HashSet<Cow<'a, str>>,
    /// Where the other values stand, likewise.
    others: Vec<usize>,
}

impl<'a> Seen<'a> {
    /// These values.
    pub(super) fn of(values: Vec<Value<'a>>) -> Seen<'a> {
        let mut seen = Seen::default();
        values.into_iter().for_each(|value| seen.push(value));
        seen
    }

    /// The values in the order in which they were added.
    pub(super) fn values(&self) -> &[Value<'a>] {
        &self.values
    }

    /// Whether one of them equals this value.
    pub(super) fn has(&self, evaluation: &Evaluation<'a>, value: &Value<'a>) -> Result<bool, PathError> {
        if self.values.len() <= COMPARED_MAX {
            return self.is_among(evaluation, 0..self.values.len(), value);
        }
        evaluation.worked()?;
        match text_of(value) {
            Some(text) => Ok(self.texts.contains(&text)),
            None => self.is_among(evaluation, self.others.iter().copied(), value),
        }
    }

    fn is_among(
        &self,
        evaluation: &Evaluation<'a>,
        places: impl Iterator<Item = usize>,
        value: &Value<'a>,
    ) -> Result<bool, PathError> {
        for at in places {
            evaluation.worked()?;
            if equal(&self.values[at], value) == Some(true) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds a value.
    pub(super) fn push(&mut self, value: Value<'a>) {
        self.values.push(value);
        match self.values.len() {
            few if few <= COMPARED_MAX => {}
            first if first == COMPARED_MAX + 1 => (0..first).for_each(|at| self.note(at)),
            more => self.note(more - 1),
        }
    }

    fn note(&mut self, at: usize) {
        match text_of(&self.values[at]) {
            Some(text) => {
                self.texts.insert(text);
            }
            None => self.others.push(at),
        }
    }

    /// Adds a value that equals none that is there; whether it was added.
    pub(super) fn add(&mut self, evaluation: &Evaluation<'a>, value: Value<'a>) -> Result<bool, PathError> {
        let is_new = !self.has(evaluation, &value)?;
        if is_new {
            self.push(value);
        }
        Ok(is_new)
    }
}

/// The text of a value that equals texts only.
fn text_of<'a>(value: &Value<'a>) -> Option<Cow<'a, str>> {
    value.as_string()
}
