//! What tarn aims for, and whether a run met it: the twelve rows of the design's table.

use serde_json::{Value, json};

use crate::measure::{EXPORT_JOB, READ, READS, REOPEN, REOPEN_GROUP, TRANSACTION, WHOLE, WRITES};
use crate::report::{Report, Row, Unit};

/// The group of counts.
pub(crate) const COUNTS: &str = "Counts";

/// The group of bytes on disk.
pub(crate) const DISK: &str = "Disk";

/// The group of searches that the index decides, of a data store of this size.
pub(crate) fn search_group(size: &str) -> String {
    format!("Searches, {size}, 8 clients")
}

/// The group of searches that look at other resources too.
pub(crate) fn linked_group(size: &str) -> String {
    format!("Chains and includes, {size}, 8 clients")
}

/// One target and what was measured of it.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    /// Its number in the table, and the work.
    pub(crate) work: &'static str,
    pub(crate) asked: &'static str,
    pub(crate) measured: String,
    pub(crate) is_met: bool,
}

impl Verdict {
    pub(crate) fn json(&self) -> Value {
        json!({"work": self.work, "asked": self.asked, "measured": self.measured, "met": self.is_met})
    }

    pub(crate) fn cells(&self) -> Vec<String> {
        let met = if self.is_met { "met" } else { "NOT MET" };
        vec![self.work.to_owned(), self.asked.to_owned(), self.measured.clone(), met.to_owned()]
    }
}

/// The figures of a report that targets ask about.
struct Figures<'r> {
    report: &'r Report,
    size: &'r str,
}

/// What is known of the targets, those that this run measured.
pub(crate) fn verdicts(report: &Report, size: &str) -> Vec<Verdict> {
    let figures = Figures { report, size };
    let all = [
        figures.import(),
        figures.import_against_size(),
        figures.transactions(),
        figures.creates(),
        figures.reads(),
        figures.searches(),
        figures.counts(),
        figures.export(),
        figures.disk(),
        figures.memory(),
        figures.create_store(),
        figures.reopen(),
    ];
    all.into_iter().flatten().collect()
}

fn verdict(work: &'static str, asked: &'static str, measured: String, is_met: bool) -> Option<Verdict> {
    Some(Verdict { work, asked, measured, is_met })
}

impl Figures<'_> {
    fn get(&self, group: &str, name: &str, column: &str) -> Option<f64> {
        self.report.value(group, name, column)
    }

    fn full(&self, column: &str) -> Option<f64> {
        self.get("Import", &format!("{}, structure-only", self.size), column)
    }

    fn import(&self) -> Option<Verdict> {
        let (rate, cpu) = self.full("rate").zip(self.full("CPU each"))?;
        let told = format!("{}, {}", Unit::PerSecond.show(rate), Unit::Microseconds.show(cpu));
        verdict("1 import", "40,000/s, CPU up to 50 µs", told, rate >= 40_000.0 && cpu <= 50.0)
    }

    fn import_against_size(&self) -> Option<Verdict> {
        let exponent = self.get(AGAINST_SIZE, "import, CPU", "exponent")?;
        // 90 % of the rate at a hundred times the size.
        let limit = 1.0 + (1.0_f64 / 0.9).log10() / 2.0;
        verdict(
            "2 import at size",
            "90 % of the rate at 100 times the size: 1.02",
            Unit::Exponent.show(exponent),
            exponent <= limit,
        )
    }

    fn transactions(&self) -> Option<Verdict> {
        let rate = self.get(WRITES, TRANSACTION, "resources")?;
        verdict("3 transactions", "10,000 resources/s", Unit::PerSecond.show(rate), rate >= 10_000.0)
    }

    fn creates(&self) -> Option<Verdict> {
        let (alone, sync) = self.get(WRITES, "create, 1 client", "p50").zip(self.get(
            WRITES,
            "create, 1 client",
            "1 sync",
        ))?;
        let many = self.get(WRITES, "create, 64 clients", "rate")?;
        let told = format!(
            "1 sync ({}) + {}, {}",
            Unit::Milliseconds.show(sync),
            Unit::Milliseconds.show(alone - sync),
            Unit::PerSecond.show(many)
        );
        verdict(
            "4 creates, 1 and 64 clients",
            "1 sync + 0.3 ms, 5,000/s",
            told,
            alone <= sync + 0.3 && many >= 5_000.0,
        )
    }

    fn reads(&self) -> Option<Verdict> {
        let ratio = self.get(READS, READ, "of it")?;
        verdict("5 reads", "60 % of a bare server", Unit::Ratio.show(ratio), ratio >= 0.6)
    }

    fn searches(&self) -> Option<Verdict> {
        let (indexed, linked) = (search_group(self.size), linked_group(self.size));
        let worst = |column: &str, groups: &[&String]| {
            let rows = self.report.rows.iter().filter(|row| groups.contains(&&row.group));
            let figures = rows.filter_map(|row| Some((self.get(&row.group, &row.name, column)?, &row.name)));
            figures.max_by(|a, b| a.0.total_cmp(&b.0))
        };
        let ((p99, slow), (p50, slower)) =
            worst("p99", &[&indexed, &linked]).zip(worst("p50", &[&indexed]))?;
        let told = format!(
            "worst p99 {} ({slow}), worst p50 {} ({slower})",
            Unit::Milliseconds.show(p99),
            Unit::Milliseconds.show(p50)
        );
        verdict(
            "6 search mix",
            "p99 under 10 ms, p50 under 1 ms of the indexed",
            told,
            p99 < 10.0 && p50 < 1.0,
        )
    }

    fn counts(&self) -> Option<Verdict> {
        let rows = self.report.rows.iter().filter(|row| row.group == COUNTS);
        let p50 = rows.filter_map(|row| self.get(COUNTS, &row.name, "p50")).max_by(f64::total_cmp)?;
        verdict("7 counts", "under 1 ms", Unit::Milliseconds.show(p50), p50 < 1.0)
    }

    fn export(&self) -> Option<Verdict> {
        let rate = self.get(WHOLE, EXPORT_JOB, "rate")?;
        verdict("8 export", "300,000 resources/s", Unit::PerSecond.show(rate), rate >= 300_000.0)
    }

    fn disk(&self) -> Option<Verdict> {
        let bytes = self.get(DISK, "all, journal included", "a resource")?;
        verdict("9 disk", "under 400 bytes a resource", Unit::Bytes.show(bytes), bytes < 400.0)
    }

    fn memory(&self) -> Option<Verdict> {
        let start = self.get("Start", "start of an empty server", "took")?;
        let idle = self.get("Start", "start of an empty server", "memory")?;
        let peak = self.full("peak memory")?;
        let mebibyte = f64::from(1 << 20);
        let told = format!(
            "{}, {}, {}",
            Unit::Bytes.show(idle),
            Unit::Bytes.show(peak),
            Unit::Milliseconds.show(start)
        );
        let is_met = idle <= 64.0 * mebibyte && peak <= 1024.0 * mebibyte && start <= 200.0;
        verdict("10 idle, peak in import, start", "64 MB, 1 GB, 0.2 s", told, is_met)
    }

    fn create_store(&self) -> Option<Verdict> {
        let took = self.get("Start", "create a data store to ACTIVE", "took")?;
        verdict("11 create a data store", "under 100 ms", Unit::Milliseconds.show(took), took < 100.0)
    }

    fn reopen(&self) -> Option<Verdict> {
        let took = self.get(REOPEN_GROUP, REOPEN, "answered")?;
        verdict("12 reopen after kill -9", "under 2 s", Unit::Milliseconds.show(took), took < 2_000.0)
    }
}

/// The group of exponents.
const AGAINST_SIZE: &str = "Cost against size";

/// How cost grows from the smaller data store to the larger one: the power of the size.
pub(crate) fn against_size(report: &Report, small: &str, full: &str) -> Vec<Row> {
    let growth = |name: &str, small: Option<f64>, full: Option<f64>, extra: f64| {
        let exponent = small.zip(full).map(|(small, full)| extra + (full / small).log10())?;
        Some(Row::new(AGAINST_SIZE, name).with("exponent", exponent, Unit::Exponent))
    };
    let import = |size: &str, column| report.value("Import", &format!("{size}, structure-only"), column);
    let mut rows = Vec::new();
    rows.extend(growth("import, CPU", import(small, "CPU each"), import(full, "CPU each"), 1.0));
    rows.extend(growth(
        "import, peak memory",
        import(small, "peak memory"),
        import(full, "peak memory"),
        0.0,
    ));
    for group in [search_group, linked_group] {
        let (small_group, full_group) = (group(small), group(full));
        for row in report.rows.iter().filter(|row| row.group == full_group) {
            let p50 = |group: &str| report.value(group, &row.name, "p50");
            rows.extend(growth(&format!("{}, p50", row.name), p50(&small_group), p50(&full_group), 0.0));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_was_missed_says_so_and_one_that_was_not_measured_is_left_out() {
        let row = |name: &str, rate| {
            Row::new("Import", name).with("rate", rate, Unit::PerSecond).with(
                "CPU each",
                41.0,
                Unit::Microseconds,
            )
        };
        let mut report = Report { rows: vec![row("1 M, structure-only", 39_000.0)], ..Report::default() };
        let missed = verdicts(&report, "1 M");
        assert_eq!(missed.len(), 1);
        assert!(!missed[0].is_met && missed[0].measured.contains("39,000/s"));
        report.rows = vec![row("1 M, structure-only", 40_000.0)];
        assert!(verdicts(&report, "1 M")[0].is_met);
    }

    #[test]
    fn a_cost_that_does_not_grow_has_the_exponent_of_the_work() {
        let row = |name: &str, cpu| Row::new("Import", name).with("CPU each", cpu, Unit::Microseconds);
        let rows = vec![row("a, structure-only", 40.0), row("b, structure-only", 40.0)];
        let grown = against_size(&Report { rows, ..Report::default() }, "a", "b");
        assert_eq!(grown[0].cells[0].value, 1.0);
        let rows = vec![row("a, structure-only", 40.0), row("b, structure-only", 400.0)];
        let grown = against_size(&Report { rows, ..Report::default() }, "a", "b");
        assert_eq!(grown[0].cells[0].value, 2.0);
    }
}
