//! How much may be asked in a second: by the operator's settings, and by HealthLake's quotas if wanted.

use std::collections::HashMap;
use std::sync::Mutex;

use fhir::Time;

use super::class::Counted;

/// Rates that are kept at once. Beyond, those that nobody has used lately are forgotten.
const BUCKETS_MAX: usize = 65_536;

/// How much may be asked in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rules {
    /// Requests of one data store in a second; `None`: any number.
    pub(crate) of_store: Option<u32>,
    /// Requests of one caller in a second; `None`: any number.
    pub(crate) of_caller: Option<u32>,
    /// HealthLake's quotas.
    pub(crate) quotas: Quotas,
}

/// A set of quotas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Quotas {
    /// None.
    #[default]
    None,
    /// Those of AWS HealthLake, as far as they are a number in a time.
    HealthLake,
}

/// A request as rates see it.
#[derive(Clone, Debug)]
pub(crate) struct Charge<'a> {
    /// The data store.
    pub(crate) store: &'a str,
    /// Who asks: an address and the access key that is claimed.
    pub(crate) caller: &'a str,
    /// As what HealthLake counts it.
    pub(crate) counted: Counted,
    /// How many of that it is.
    pub(crate) units: f64,
}

/// Whose rate it is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Whose {
    Store(String),
    Caller(String),
    Account,
}

/// A rate as a bucket that fills evenly and is drawn from. What costs more than it holds leaves a debt.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    filled: f64,
    at: Time,
}

type Key = (Whose, Counted);

/// All rates of a server.
pub(crate) struct Rates {
    rules: Rules,
    buckets: Mutex<HashMap<Key, Bucket>>,
}

impl Rates {
    /// Rates by these rules.
    pub(crate) fn new(rules: Rules) -> Rates {
        Rates { rules, buckets: Mutex::default() }
    }

    /// Whether writes are counted by their size, and transactions twice.
    pub(crate) fn counts_bytes(&self) -> bool {
        self.rules.quotas == Quotas::HealthLake
    }

    /// Charges a request to every rate that it is of, or to none and says after how many seconds it would pass.
    pub(crate) fn charge(&self, charge: &Charge<'_>, now: Time) -> Result<(), u64> {
        let draws = self.draws(charge);
        if draws.is_empty() {
            return Ok(());
        }
        let mut buckets = self.buckets.lock().expect("nothing panics while it holds the rates");
        forget_full(&mut buckets, now);
        let mut wait_seconds: f64 = 0.0;
        for (key, per_second, units) in &draws {
            let bucket =
                buckets.entry(key.clone()).or_insert(Bucket { filled: capacity(*per_second), at: now });
            bucket.fill(*per_second, now);
            let missing = units.min(capacity(*per_second)) - bucket.filled;
            wait_seconds = wait_seconds.max(missing / per_second);
        }
        if wait_seconds > f64::EPSILON {
            return Err(wait_seconds.ceil() as u64);
        }
        draw(&mut buckets, &draws);
        Ok(())
    }

    /// Charges what turned out only later, whatever is left; or gives back, if it is negative.
    pub(crate) fn charge_later(&self, charge: &Charge<'_>) {
        let draws = self.draws(charge);
        draw(&mut self.buckets.lock().expect("nothing panics while it holds the rates"), &draws);
    }

    /// The rates that a request is of, each with its units.
    fn draws(&self, charge: &Charge<'_>) -> Vec<(Key, f64, f64)> {
        let mut draws = Vec::new();
        let mut add =
            |whose: Whose, counted, per_second: f64, units| draws.push(((whose, counted), per_second, units));
        let one = charge.units.signum();
        if let Some(rate) = self.rules.of_store.filter(|_| !charge.store.is_empty()) {
            add(Whose::Store(charge.store.to_owned()), Counted::Nothing, f64::from(rate), one);
        }
        if let Some(rate) = self.rules.of_caller {
            add(Whose::Caller(charge.caller.to_owned()), Counted::Nothing, f64::from(rate), one);
        }
        if self.rules.quotas == Quotas::HealthLake
            && let Some((of_store, of_account)) = quota(charge.counted)
        {
            if let Some(rate) = of_store.filter(|_| !charge.store.is_empty()) {
                add(Whose::Store(charge.store.to_owned()), charge.counted, rate, charge.units);
            }
            add(Whose::Account, charge.counted, of_account, charge.units);
        }
        draws
    }
}

impl Bucket {
    fn fill(&mut self, per_second: f64, now: Time) {
        // A clock that was set back fills nothing.
        let seconds = now.0.saturating_sub(self.at.0).max(0) as f64 / 1e6;
        self.filled = (self.filled + seconds * per_second).min(capacity(per_second));
        self.at = now;
    }
}

/// What a rate may do at once after it was idle: a second's worth, and at least one.
fn capacity(per_second: f64) -> f64 {
    per_second.max(1.0)
}

fn draw(buckets: &mut HashMap<Key, Bucket>, draws: &[(Key, f64, f64)]) {
    for (key, per_second, units) in draws {
        if let Some(bucket) = buckets.get_mut(key) {
            bucket.filled = (bucket.filled - units).min(capacity(*per_second));
        }
    }
}

/// Makes room: who has not asked for a minute has a full bucket again, at the rates that there are.
fn forget_full(buckets: &mut HashMap<Key, Bucket>, now: Time) {
    const LATELY_US: i64 = 60_000_000;
    if buckets.len() < BUCKETS_MAX {
        return;
    }
    buckets.retain(|_, bucket| now.0 - bucket.at.0 < LATELY_US);
    if buckets.len() >= BUCKETS_MAX {
        buckets.clear();
    }
}

/// HealthLake's quota: of a data store, if it has one, and of the account, in a second.
fn quota(counted: Counted) -> Option<(Option<f64>, f64)> {
    const PER_MINUTE: f64 = 1.0 / 60.0;
    Some(match counted {
        Counted::Reads | Counted::Writes => (Some(3000.0), 6000.0),
        Counted::SearchesByGet | Counted::SearchesByPost => (Some(100.0), 200.0),
        Counted::Everything | Counted::BulkDelete => (Some(10.0), 10.0),
        Counted::Validate => (Some(1000.0), 2000.0),
        Counted::Capabilities | Counted::Action(_) => (None, 10.0),
        Counted::Export | Counted::CancelExport => (None, 1.0),
        Counted::ExportedFile => (Some(10.0), f64::MAX),
        Counted::CreateDatastore | Counted::DeleteDatastore => (None, PER_MINUTE),
        Counted::Import => (None, 25.0),
        Counted::Nothing => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charge(store: &'static str, counted: Counted, units: f64) -> Charge<'static> {
        Charge { store, caller: "somebody", counted, units }
    }

    fn seconds(seconds: f64) -> Time {
        Time((seconds * 1e6) as i64)
    }

    #[test]
    fn a_rate_lets_its_number_through_and_one_more_a_second_later() {
        let rates = Rates::new(Rules { of_store: Some(3), ..Rules::default() });
        let one = charge("a", Counted::Reads, 1.0);
        for _ in 0..3 {
            assert_eq!(rates.charge(&one, seconds(0.0)), Ok(()));
        }
        assert_eq!(rates.charge(&one, seconds(0.0)), Err(1));
        assert_eq!(
            rates.charge(&charge("b", Counted::Reads, 1.0), seconds(0.0)),
            Ok(()),
            "another data store"
        );
        assert_eq!(rates.charge(&one, seconds(0.34)), Ok(()));
        assert_eq!(rates.charge(&one, seconds(0.0)), Err(1), "a clock that was set back gives nothing");
    }

    #[test]
    fn the_rates_of_callers_are_apart_and_nothing_is_charged_to_one_rate_if_another_refuses() {
        let rates = Rates::new(Rules { of_store: Some(100), of_caller: Some(1), ..Rules::default() });
        let mut asked = charge("a", Counted::Reads, 1.0);
        assert_eq!(rates.charge(&asked, seconds(0.0)), Ok(()));
        for _ in 0..200 {
            assert_eq!(rates.charge(&asked, seconds(0.0)), Err(1));
        }
        asked.caller = "somebody else";
        assert_eq!(rates.charge(&asked, seconds(0.0)), Ok(()));
    }

    #[test]
    fn healthlakes_writes_are_charged_by_size_and_leave_a_debt() {
        let rates = Rates::new(Rules { quotas: Quotas::HealthLake, ..Rules::default() });
        assert_eq!(rates.charge(&charge("a", Counted::Writes, 5000.0), seconds(0.0)), Ok(()));
        assert_eq!(rates.charge(&charge("a", Counted::Writes, 1.0), seconds(0.0)), Err(1));
        assert_eq!(rates.charge(&charge("a", Counted::Writes, 1.0), seconds(0.5)), Err(1));
        assert_eq!(rates.charge(&charge("a", Counted::Writes, 1.0), seconds(1.0)), Ok(()));
        assert_eq!(rates.charge(&charge("a", Counted::Reads, 1.0), seconds(0.0)), Ok(()), "reads are apart");
        rates.charge_later(&charge("a", Counted::Writes, 9000.0));
        assert_eq!(rates.charge(&charge("a", Counted::Writes, 1.0), seconds(2.0)), Err(2));
        let other = charge("b", Counted::Writes, 9000.0);
        assert_eq!(rates.charge(&other, seconds(2.0)), Err(1), "the account's quota");
    }

    #[test]
    fn what_happens_once_a_minute_says_when() {
        let rates = Rates::new(Rules { quotas: Quotas::HealthLake, ..Rules::default() });
        let create = charge("", Counted::CreateDatastore, 1.0);
        assert_eq!(rates.charge(&create, seconds(0.0)), Ok(()));
        assert_eq!(rates.charge(&create, seconds(12.0)), Err(48));
        assert_eq!(rates.charge(&create, seconds(61.0)), Ok(()));
    }

    #[test]
    fn what_was_no_request_of_the_account_is_given_back() {
        let rates = Rates::new(Rules { of_store: Some(1), ..Rules::default() });
        let one = charge("a", Counted::Reads, 1.0);
        assert_eq!(rates.charge(&one, seconds(0.0)), Ok(()));
        rates.charge_later(&Charge { units: -1.0, ..one.clone() });
        assert_eq!(rates.charge(&one, seconds(0.0)), Ok(()));
        assert_eq!(rates.charge(&one, seconds(0.0)), Err(1));
    }

    #[test]
    fn the_rates_that_are_kept_are_bounded() {
        let rates = Rates::new(Rules { of_caller: Some(5), ..Rules::default() });
        for number in 0..=BUCKETS_MAX {
            let caller = format!("caller {number}");
            let asked = Charge { caller: &caller, ..charge("", Counted::Reads, 1.0) };
            assert_eq!(rates.charge(&asked, seconds(0.0)), Ok(()));
        }
        assert!(rates.buckets.lock().unwrap().len() <= BUCKETS_MAX);
    }
}
