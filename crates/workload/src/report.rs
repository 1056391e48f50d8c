//! What was measured: rows of figures in groups.

use serde_json::{Value, json};

use crate::targets::Verdict;

/// What a figure counts, and so how it is written for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Things a second.
    PerSecond,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// One part of another: 1 is as much.
    Ratio,
    /// A power: cost grows as the size to this.
    Exponent,
}

/// One figure of a row.
#[derive(Clone, Debug)]
pub struct Cell {
    /// What it says, and the head of its column.
    pub column: &'static str,
    /// The figure.
    pub value: f64,
    /// What it counts.
    pub unit: Unit,
}

/// The figures of one workload.
#[derive(Clone, Debug)]
pub struct Row {
    /// The group that it is shown in.
    pub group: String,
    /// The workload.
    pub name: String,
    /// Its figures, in order.
    pub cells: Vec<Cell>,
}

impl Row {
    /// A row without figures.
    pub(crate) fn new(group: impl Into<String>, name: impl Into<String>) -> Row {
        Row { group: group.into(), name: name.into(), cells: Vec::new() }
    }

    /// The same with one more figure.
    pub(crate) fn with(mut self, column: &'static str, value: f64, unit: Unit) -> Row {
        self.cells.push(Cell { column, value, unit });
        self
    }

    /// The same with one more figure, if there is one.
    pub(crate) fn with_some(self, column: &'static str, value: Option<f64>, unit: Unit) -> Row {
        match value {
            Some(value) => self.with(column, value, unit),
            None => self,
        }
    }
}

/// All that a run measured.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What was measured where: pairs of a name and a text.
    pub about: Vec<(&'static str, String)>,
    /// The figures.
    pub rows: Vec<Row>,
    pub(crate) verdicts: Vec<Verdict>,
}

impl Report {
    /// The figure of a row.
    pub(crate) fn value(&self, group: &str, name: &str, column: &str) -> Option<f64> {
        let row = self.rows.iter().find(|row| row.group == group && row.name == name)?;
        row.cells.iter().find(|cell| cell.column == column).map(|cell| cell.value)
    }

    /// Everything as JSON, for machines.
    pub fn json(&self) -> Value {
        let about: serde_json::Map<String, Value> =
            self.about.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let mut figures = serde_json::Map::new();
                for cell in &row.cells {
                    figures.insert(format!("{} ({})", cell.column, cell.unit.name()), json!(cell.value));
                }
                json!({"group": row.group, "name": row.name, "figures": figures})
            })
            .collect();
        let targets: Vec<Value> = self.verdicts.iter().map(Verdict::json).collect();
        json!({"about": about, "rows": rows, "targets": targets})
    }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::Count => "count",
            Unit::PerSecond => "per second",
            Unit::Milliseconds => "ms",
            Unit::Microseconds => "µs",
            Unit::Seconds => "s",
            Unit::Bytes => "bytes",
            Unit::BytesPerSecond => "bytes per second",
            Unit::Ratio => "ratio",
            Unit::Exponent => "exponent",
        }
    }

    /// A figure as people read it.
    pub(crate) fn show(self, value: f64) -> String {
        let mebibyte = f64::from(1 << 20);
        match self {
            Unit::Count => grouped(value),
            Unit::PerSecond => format!("{}/s", grouped(value)),
            Unit::Milliseconds if value < 10.0 => format!("{value:.2} ms"),
            Unit::Milliseconds if value < 100.0 => format!("{value:.1} ms"),
            Unit::Milliseconds => format!("{} ms", grouped(value)),
            Unit::Microseconds => {
                format!("{} µs", if value < 100.0 { format!("{value:.1}") } else { grouped(value) })
            }
            Unit::Seconds => format!("{value:.2} s"),
            Unit::Bytes if value < 10_000.0 => format!("{} B", grouped(value)),
            Unit::Bytes => format!("{:.1} MiB", value / mebibyte),
            Unit::BytesPerSecond => format!("{:.0} MiB/s", value / mebibyte),
            Unit::Ratio => format!("{:.0} %", value * 100.0),
            Unit::Exponent => format!("{value:.2}"),
        }
    }
}

/// A number without decimals, its thousands apart; small ones with one decimal.
fn grouped(value: f64) -> String {
    if value.abs() < 10.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 && !out.ends_with('-') {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_with_their_unit() {
        for (unit, value, shown) in [
            (Unit::Count, 1_234_567.0, "1,234,567"),
            (Unit::Count, 999.0, "999"),
            (Unit::PerSecond, 2.5, "2.5/s"),
            (Unit::Milliseconds, 0.451, "0.45 ms"),
            (Unit::Milliseconds, 12_345.0, "12,345 ms"),
            (Unit::Microseconds, 41.25, "41.2 µs"),
            (Unit::Bytes, 507.2, "507 B"),
            (Unit::Bytes, 16_777_216.0, "16.0 MiB"),
            (Unit::Ratio, 0.604, "60 %"),
        ] {
            assert_eq!(unit.show(value), shown);
        }
    }
}
