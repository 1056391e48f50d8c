//! A report as tables: aligned for a terminal, or Markdown.

use crate::report::{Report, Row};

/// How the lines of a table are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Terminal,
    Markdown,
}

impl Report {
    /// Tables for a terminal.
    pub fn table(&self) -> String {
        self.written(Form::Terminal)
    }

    /// A section of Markdown under this heading.
    pub fn markdown(&self, heading: &str) -> String {
        format!("## {heading}\n\n{}", self.written(Form::Markdown))
    }

    fn written(&self, form: Form) -> String {
        let mut out = String::new();
        for (name, text) in &self.about {
            out.push_str(&match form {
                Form::Terminal => format!("{name:>12}: {text}\n"),
                Form::Markdown => format!("- {name}: {text}\n"),
            });
        }
        for group in self.groups() {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.group == group).collect();
            put_table(&mut out, form, &cells(&group, &rows));
        }
        if !self.verdicts.is_empty() {
            let head = ["target", "asked", "measured", ""].map(str::to_owned).to_vec();
            let lines = self.verdicts.iter().map(|verdict| verdict.cells());
            put_table(&mut out, form, &std::iter::once(head).chain(lines).collect::<Vec<_>>());
        }
        out
    }

    fn groups(&self) -> Vec<String> {
        let mut groups: Vec<String> = Vec::new();
        for row in &self.rows {
            if !groups.contains(&row.group) {
                groups.push(row.group.clone());
            }
        }
        groups
    }
}

/// The head and the lines of a group's table; a column for every figure that one of its rows has.
fn cells(group: &str, rows: &[&Row]) -> Vec<Vec<String>> {
    let mut columns: Vec<&str> = Vec::new();
    for cell in rows.iter().flat_map(|row| &row.cells) {
        if !columns.contains(&cell.column) {
            columns.push(cell.column);
        }
    }
    let head = std::iter::once(group).chain(columns.iter().copied()).map(str::to_owned).collect();
    let line = |row: &&Row| {
        let figure = |column: &&str| {
            let cell = row.cells.iter().find(|cell| cell.column == *column);
            cell.map_or_else(String::new, |cell| cell.unit.show(cell.value))
        };
        std::iter::once(row.name.clone()).chain(columns.iter().map(figure)).collect()
    };
    std::iter::once(head).chain(rows.iter().map(line)).collect()
}

fn put_table(out: &mut String, form: Form, lines: &[Vec<String>]) {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|text| text.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    out.push('\n');
    for (at, line) in lines.iter().enumerate() {
        let padded = line.iter().zip(&widths).enumerate().map(|(column, (text, width))| {
            let gap = " ".repeat(width - text.chars().count());
            if column == 0 { format!("{text}{gap}") } else { format!("{gap}{text}") }
        });
        let padded: Vec<String> = padded.collect();
        match form {
            Form::Terminal => out.push_str(padded.join("  ").trim_end()),
            Form::Markdown => out.push_str(&format!("| {} |", line.join(" | "))),
        }
        out.push('\n');
        if at == 0 {
            out.push_str(&match form {
                Form::Terminal => "-".repeat(widths.iter().sum::<usize>() + 2 * (columns - 1)),
                Form::Markdown => format!("|---{}|", "|---:".repeat(columns - 1)),
            });
            out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Unit;

    #[test]
    fn a_group_has_a_column_for_every_figure_of_its_rows() {
        let rows = vec![
            Row::new("Reads", "read").with("rate", 1000.0, Unit::PerSecond),
            Row::new("Reads", "vread").with("p50", 0.5, Unit::Milliseconds),
        ];
        let report = Report { rows, ..Report::default() };
        let table = report.table();
        let lines: Vec<&str> = table.lines().skip(1).collect();
        assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["Reads", "rate", "p50"]);
        assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>(), ["read", "1,000/s"]);
        assert_eq!(lines[3].split_whitespace().collect::<Vec<_>>(), ["vread", "0.50", "ms"]);
        assert!(report.markdown("Today").contains("| read | 1,000/s |  |"));
    }
}
