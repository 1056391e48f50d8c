//! What somebody who mistyped a parameter may have meant.

use super::{Context, is_indexed};
use crate::error::{Reason, shown};

/// How many known names are offered.
const OFFERED: usize = 3;

/// That a type has no such parameter, with those that come closest; or has not yet.
pub(super) fn unknown(context: &Context<'_>, code: &str) -> Reason {
    if context.parameters.is_awaited(context.of, code) {
        return Reason::Awaited(shown(code));
    }
    let typed: Vec<char> = shown(code).chars().collect();
    let mut known: Vec<(usize, &str)> = context
        .parameters
        .of(context.of)
        .filter(|parameter| is_indexed(context, parameter))
        .map(|parameter| (distance(&typed, &parameter.code), &*parameter.code))
        .collect();
    known.sort_unstable();
    known.dedup();
    Reason::Unknown {
        of: context.of.name(),
        name: shown(code),
        nearest: known.into_iter().take(OFFERED).map(|(_, code)| code.to_owned()).collect(),
    }
}

/// How many characters must be inserted, deleted or replaced to make one of the other (Levenshtein).
fn distance(typed: &[char], known: &str) -> usize {
    let mut row: Vec<usize> = (0..=typed.len()).collect();
    for (at, c) in known.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, other) in typed.iter().enumerate() {
            let replaced = diagonal + usize::from(*other != c);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[typed.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distances_count_single_edits() {
        for (typed, known, expected) in
            [("", "code", 4), ("code", "code", 0), ("cod", "code", 1), ("brithdate", "birthdate", 2)]
        {
            assert_eq!(distance(&typed.chars().collect::<Vec<_>>(), known), expected, "{typed}");
        }
    }
}
