//! The parameters that say how the answer is cut: `_sort`, `_count`, `_total` (R4 search §3.1.1.5).

use fhir::ParameterKind;

use super::{Context, is_indexed, nearest};
use crate::clause::Clause;
use crate::error::{Reason, SearchError, shown};
use crate::limits::SORT_KEYS_MAX;
use crate::{ParamId, Sort, SortKey, Total};

/// What was said so far.
#[derive(Default)]
pub(super) struct Page {
    pub(super) sort: Vec<Sort>,
    pub(super) count: Option<usize>,
    pub(super) total: Option<Total>,
    /// `_summary=count`: as if no match were to be shown.
    pub(super) only_counts: bool,
}

impl Page {
    /// Takes a clause that is about the page; answers whether it was.
    pub(super) fn add(&mut self, clause: &Clause<'_>, contexts: &[Context<'_>]) -> Result<bool, SearchError> {
        let code = clause.last().code;
        if clause.steps.len() != 1 || !matches!(code, "_sort" | "_count" | "_total" | "_summary") {
            return Ok(false);
        }
        let fail = |reason| SearchError::new(clause.name, reason);
        if let Some(modifier) = clause.last().modifier {
            return Err(fail(Reason::Modifier { modifier: shown(modifier), has: Vec::new() }));
        }
        match code {
            "_sort" => self.sort_by(clause, contexts).map_err(fail)?,
            "_count" => once(&mut self.count, count(clause)).map_err(fail)?,
            "_summary" if clause.values == ["count"] => self.only_counts = true,
            "_summary" => return Err(fail(Reason::NotSupported)),
            _ => once(&mut self.total, total(clause)).map_err(fail)?,
        }
        Ok(true)
    }

    fn sort_by(&mut self, clause: &Clause<'_>, contexts: &[Context<'_>]) -> Result<(), Reason> {
        if !self.sort.is_empty() {
            return Err(Reason::Repeated);
        }
        if clause.values.len() > SORT_KEYS_MAX {
            return Err(Reason::Limit("SORT_KEYS_MAX", SORT_KEYS_MAX));
        }
        self.sort = clause.values.iter().map(|value| sort_key(value, contexts)).collect::<Result<_, _>>()?;
        Ok(())
    }
}

fn once<T>(place: &mut Option<T>, value: Result<T, Reason>) -> Result<(), Reason> {
    match place.replace(value?) {
        None => Ok(()),
        Some(_) => Err(Reason::Repeated),
    }
}

fn count(clause: &Clause<'_>) -> Result<usize, Reason> {
    const FORM: Reason = Reason::Value("one whole number, zero or more");
    match clause.values.as_slice() {
        [one] if one.len() <= 9 && one.bytes().all(|digit| digit.is_ascii_digit()) => {
            one.parse().map_err(|_| FORM)
        }
        _ => Err(FORM),
    }
}

fn total(clause: &Clause<'_>) -> Result<Total, Reason> {
    match clause.values.as_slice() {
        ["none"] => Ok(Total::None),
        // An estimate may be exact, and counting is cheap.
        ["accurate" | "estimate"] => Ok(Total::Accurate),
        _ => Err(Reason::Value("none, estimate or accurate")),
    }
}

fn sort_key(value: &str, contexts: &[Context<'_>]) -> Result<Sort, Reason> {
    let (descending, code) = match value.strip_prefix('-') {
        Some(code) => (true, code),
        None => (false, value),
    };
    let by = match code {
        "_id" => SortKey::Id,
        "_lastUpdated" => SortKey::Updated,
        "_type" => SortKey::Type,
        _ => {
            let params = contexts.iter().map(|context| ordered_param(code, context));
            let params: Vec<ParamId> = params.collect::<Result<_, _>>()?;
            // A code has one number on all types; a search of no type has no order.
            params.first().map_or(SortKey::Id, |param| SortKey::Param(*param))
        }
    };
    Ok(Sort { by, descending })
}

fn ordered_param(code: &str, context: &Context<'_>) -> Result<ParamId, Reason> {
    let (param, definition) =
        context.parameters.named(context.of, code).ok_or_else(|| nearest::unknown(context, code))?;
    let is_ordered = !matches!(definition.kind, ParameterKind::Composite | ParameterKind::Special);
    if !is_ordered || !is_indexed(context, definition) {
        return Err(Reason::Unordered(shown(code)));
    }
    Ok(param)
}
