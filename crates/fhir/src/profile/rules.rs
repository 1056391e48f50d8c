//! The table of rules: constraints, bindings and narrowed types of the standard's own elements.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::BindingStrength;

/// What the table says of one element, or of a type.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// The constraints that are its own.
    pub(crate) constraints: Vec<ConstraintLine>,
    /// The binding, if it is not required.
    pub(crate) binding: Option<(BindingStrength, &'static str)>,
    /// Per type the profile that narrows it.
    pub(crate) profiles: Vec<(&'static str, &'static str)>,
    /// The most characters.
    pub(crate) max_length: Option<u32>,
    /// The least value: its type and its JSON text.
    pub(crate) min_value: Option<(&'static str, &'static str)>,
    /// The greatest value: its type and its JSON text.
    pub(crate) max_value: Option<(&'static str, &'static str)>,
}

/// A constraint as the table has it.
#[derive(Debug)]
pub(crate) struct ConstraintLine {
    /// Its key.
    pub(crate) key: &'static str,
    /// Whether it is an error to break it.
    pub(crate) is_error: bool,
    /// What it says.
    pub(crate) human: &'static str,
    /// Its expression; empty if there is none.
    pub(crate) expression: &'static str,
}

static RULES: LazyLock<HashMap<&'static str, Rules>> =
    LazyLock::new(|| match read(include_str!("../../data/rules.txt")) {
        Ok(rules) => rules,
        Err(line) => unreachable!("the committed tables are read whole by this crate's tests: {line}"),
    });

/// The rules of the element of this path, or of the type of this name, if it has any of its own.
pub(crate) fn rules(path: &str) -> Option<&'static Rules> {
    RULES.get(path)
}

/// Reads the table; fails with the line that is not of its form.
fn read(table: &'static str) -> Result<HashMap<&'static str, Rules>, &'static str> {
    let mut all = HashMap::new();
    let mut current: Option<(&'static str, Rules)> = None;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix(' ') {
            None => {
                all.extend(current.replace((line, Rules::default())));
            }
            Some(rule) => {
                let (_, rules) = current.as_mut().ok_or(line)?;
                rule_line(rule, rules).ok_or(line)?;
            }
        }
    }
    all.extend(current);
    Ok(all)
}

fn rule_line(line: &'static str, rules: &mut Rules) -> Option<()> {
    let (word, rest) = line.split_once(' ')?;
    match word {
        "constraint" => {
            let (key, rest) = rest.split_once(' ')?;
            let (severity, rest) = rest.split_once(' ')?;
            let (human, expression) = rest.split_once('\t')?;
            let is_error = severity == "error";
            rules.constraints.push(ConstraintLine { key, is_error, human, expression });
        }
        "bind" => {
            let (strength, value_set) = rest.split_once(' ').unwrap_or((rest, ""));
            let strength = match strength {
                "example" => BindingStrength::Example,
                "preferred" => BindingStrength::Preferred,
                "extensible" => BindingStrength::Extensible,
                _ => return None,
            };
            rules.binding = Some((strength, value_set));
        }
        "profile" => rules.profiles.push(rest.split_once(' ')?),
        "max-length" => rules.max_length = Some(rest.parse().ok()?),
        "min" => rules.min_value = Some(rest.split_once(' ')?),
        "max" => rules.max_value = Some(rest.split_once(' ')?),
        _ => return None,
    }
    Some(())
}
