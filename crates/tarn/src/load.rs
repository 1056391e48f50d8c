//! What keeps the server steady when more is asked than it can do: rates, gates and the counts of both.

pub(crate) mod admission;
pub(crate) mod class;
pub(crate) mod pace;
pub(crate) mod rate;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use fhir::Time;
use http::{HeaderMap, Method, Uri};

use crate::metrics::Door;
use admission::{Gate, Occupancy, Pass, Room};
use class::{CLASSES, Class, Counted};
use pace::Slow;
use rate::{Charge, Rates, Rules};

/// After how long a request that found no room is worth trying again, in seconds.
const RETRY_AFTER_SECONDS: u64 = 2;

/// The header that makes HealthLake's writes count twice.
const CONSISTENCY: &str = "x-amz-fhir-history-consistency-level";

/// What an operator decides about load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LoadSettings {
    /// Reads done at once.
    pub(crate) reads_at_once: usize,
    /// Searches done at once.
    pub(crate) searches_at_once: usize,
    /// Writes done at once.
    pub(crate) writes_at_once: usize,
    /// `$everything` and `$document` done at once.
    pub(crate) costly_at_once: usize,
    /// How long a request may wait for its turn, in milliseconds.
    pub(crate) wait_ms: u64,
    /// How long the searches of one request may take.
    pub(crate) search: Duration,
    /// Connections that may be open.
    pub(crate) connections_max: usize,
    /// How much may be asked in a second.
    pub(crate) rules: Rules,
}

/// Actions of the control plane done at once.
const CONTROL_AT_ONCE: usize = 64;
/// Requests of the embedded S3 endpoint done at once.
const OBJECTS_AT_ONCE: usize = 256;
/// How many wait for each that is done.
const WAITING_PER_PLACE: usize = 8;

impl LoadSettings {
    /// What suits a machine of so many processors.
    pub(crate) fn of_machine(processors: usize) -> LoadSettings {
        LoadSettings {
            reads_at_once: 256,
            searches_at_once: (2 * processors).max(4),
            writes_at_once: 128,
            costly_at_once: processors.max(2),
            wait_ms: 2000,
            search: Duration::from_secs(30),
            connections_max: 16_384,
            rules: Rules::default(),
        }
    }

    fn at_once(&self, class: Class) -> usize {
        match class {
            Class::Read => self.reads_at_once,
            Class::Search => self.searches_at_once,
            Class::Write => self.writes_at_once,
            Class::Costly => self.costly_at_once,
            Class::Control => CONTROL_AT_ONCE,
            Class::Objects => OBJECTS_AT_ONCE,
        }
    }
}

/// A request is refused because of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// After how long it is worth trying again, in seconds.
    pub(crate) retry_after_seconds: u64,
}

/// What is known of a request from its head.
pub(crate) struct Asked {
    class: Class,
    counted: Counted,
    store: String,
    caller: String,
    units: f64,
    /// How many KiB the units stand for, if they are KiB.
    kib: u64,
}

/// Keeps the server steady.
pub(crate) struct Load {
    rates: Rates,
    gates: [Gate; CLASSES.len()],
    counts: [Counts; CLASSES.len()],
    /// Searches that were cut because they took too long.
    pub(crate) cut: AtomicU64,
    /// Clients that were too slow.
    pub(crate) slow: Arc<Slow>,
    /// How long the searches of one request may take.
    pub(crate) search: Duration,
}

#[derive(Default)]
struct Counts {
    admitted: AtomicU64,
    /// No room.
    overloaded: AtomicU64,
    /// Faster than a rate.
    too_fast: AtomicU64,
}

impl Load {
    /// Keeps to these settings.
    pub(crate) fn new(settings: &LoadSettings) -> Load {
        let gate = |class: Class| {
            let at_once = settings.at_once(class);
            Gate::new(Room { at_once, waiting: at_once * WAITING_PER_PLACE, wait_ms: settings.wait_ms })
        };
        Load {
            rates: Rates::new(settings.rules),
            gates: CLASSES.map(|(class, _)| gate(class)),
            counts: Default::default(),
            cut: AtomicU64::new(0),
            slow: Arc::default(),
            search: settings.search,
        }
    }

    /// What a request asks for, by its head. `address` is its sender's.
    pub(crate) fn asked(
        &self,
        door: Door,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        address: &str,
    ) -> Asked {
        let (class, counted) = class::classify(door, method, uri, headers);
        let key = access::claimed_access_key(uri.query().unwrap_or_default(), headers);
        let kib = match counted {
            Counted::Writes => announced(headers).div_ceil(1024).max(1),
            _ => 1,
        };
        let is_strong = headers.get(CONSISTENCY).is_some_and(|level| level.as_bytes() == b"strong");
        let factor = if counted == Counted::Writes && is_strong { 2.0 } else { 1.0 };
        Asked {
            class,
            counted,
            store: class::store(door, uri).to_owned(),
            caller: format!("{address} {}", key.unwrap_or_default()),
            units: kib as f64 * factor,
            kib,
        }
    }

    /// Refuses what comes too fast, or would find no room: before anything else is done about it. What is let on is
    /// charged.
    pub(crate) fn look(&self, asked: &Asked, now: Time) -> Result<(), Refused> {
        if self.gates[asked.class as usize].is_full(&asked.store) {
            return Err(self.overloaded(asked.class));
        }
        self.rates.charge(&asked.charge(asked.units), now).map_err(|retry_after_seconds| {
            self.counts[asked.class as usize].too_fast.fetch_add(1, Relaxed);
            Refused { retry_after_seconds: retry_after_seconds.max(1) }
        })
    }

    /// Charges what was not known before the body was there: its size, and that a Bundle is a transaction.
    pub(crate) fn charge_body(&self, asked: &Asked, body: &[u8]) {
        if asked.counted != Counted::Writes || !self.rates.counts_bytes() {
            return;
        }
        let kib = (body.len() as u64).div_ceil(1024).max(1);
        let factor = if is_transaction(body) { 2.0 } else { 1.0 };
        let units = asked.units / asked.kib as f64 * kib as f64 * factor;
        if units > asked.units {
            self.rates.charge_later(&asked.charge(units - asked.units));
        }
    }

    /// Gives back what was charged for a request whose sender turned out to be nobody that is known.
    pub(crate) fn give_back(&self, asked: &Asked) {
        self.rates.charge_later(&asked.charge(-asked.units));
    }

    /// Lets a request in, when it is its turn.
    pub(crate) async fn enter(&self, asked: &Asked) -> Result<Pass, Refused> {
        let pass = self.gates[asked.class as usize].enter(&asked.store).await;
        let pass = pass.map_err(|_| self.overloaded(asked.class))?;
        self.counts[asked.class as usize].admitted.fetch_add(1, Relaxed);
        Ok(pass)
    }

    fn overloaded(&self, class: Class) -> Refused {
        self.counts[class as usize].overloaded.fetch_add(1, Relaxed);
        Refused { retry_after_seconds: RETRY_AFTER_SECONDS }
    }

    /// All counts as Prometheus text.
    pub(crate) fn render(&self, text: &mut String) {
        let mut family = |name: &str, kind: &str, help: &str, value: &dyn Fn(usize) -> Vec<(String, u64)>| {
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
            for (at, (_, class)) in CLASSES.iter().enumerate() {
                for (label, value) in value(at) {
                    text.push_str(&format!("{name}{{class=\"{class}\"{label}}} {value}\n"));
                }
            }
        };
        let occupancy = |at: usize, of: fn(Occupancy) -> usize| {
            vec![(String::new(), of(self.gates[at].occupancy()) as u64)]
        };
        family("tarn_under_way", "gauge", "Requests under way.", &|at| occupancy(at, |now| now.under_way));
        family("tarn_waiting", "gauge", "Requests that wait for their turn.", &|at| {
            occupancy(at, |now| now.waiting)
        });
        family("tarn_admitted_total", "counter", "Requests that got their turn.", &|at| {
            vec![(String::new(), self.counts[at].admitted.load(Relaxed))]
        });
        family("tarn_refused_total", "counter", "Requests refused because of load.", &|at| {
            let reason =
                |reason: &str, count: &AtomicU64| (format!(",reason=\"{reason}\""), count.load(Relaxed));
            vec![reason("room", &self.counts[at].overloaded), reason("rate", &self.counts[at].too_fast)]
        });
        let mut single = |name: &str, help: &str, value: &AtomicU64| {
            let value = value.load(Relaxed);
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}\n"));
        };
        single("tarn_searches_cut_total", "Requests whose searches took longer than their limit.", &self.cut);
        single("tarn_slow_senders_total", "Clients cut off for sending too slowly.", &self.slow.senders);
        single("tarn_slow_readers_total", "Clients cut off for reading too slowly.", &self.slow.readers);
    }
}

impl Asked {
    fn charge(&self, units: f64) -> Charge<'_> {
        Charge { store: &self.store, caller: &self.caller, counted: self.counted, units }
    }
}

fn announced(headers: &HeaderMap) -> u64 {
    let length = headers.get(http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

/// Whether a body is a Bundle that says it is a transaction.
fn is_transaction(body: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head<'a> {
        resource_type: Option<&'a str>,
        r#type: Option<&'a serde_json::value::RawValue>,
    }
    serde_json::from_slice::<Head<'_>>(body).is_ok_and(|head| {
        head.resource_type == Some("Bundle")
            && head.r#type.is_some_and(|of| of.get().trim_matches('"') == "transaction")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rate::Quotas;

    fn load(change: impl FnOnce(&mut LoadSettings)) -> Load {
        let mut settings = LoadSettings::of_machine(1);
        settings.wait_ms = 1;
        change(&mut settings);
        Load::new(&settings)
    }

    fn asked(load: &Load, method: Method, path: &str, headers: &HeaderMap) -> Asked {
        let uri: Uri = format!("/datastore/abc/r4/{path}").parse().unwrap();
        load.asked(Door::Fhir, &method, &uri, headers, "127.0.0.1")
    }

    #[tokio::test]
    async fn many_searches_leave_room_for_reads_and_all_is_counted() {
        let load = load(|_| {});
        let search = asked(&load, Method::GET, "Patient", &HeaderMap::new());
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(load.enter(&search).await.ok().unwrap());
        }
        assert_eq!(load.enter(&search).await.err(), Some(Refused { retry_after_seconds: 2 }));
        let read = asked(&load, Method::GET, "Patient/1", &HeaderMap::new());
        held.push(load.enter(&read).await.ok().unwrap());
        let mut text = String::new();
        load.render(&mut text);
        for line in [
            "tarn_under_way{class=\"search\"} 4",
            "tarn_under_way{class=\"read\"} 1",
            "tarn_admitted_total{class=\"search\"} 4",
            "tarn_refused_total{class=\"search\",reason=\"room\"} 1",
            "tarn_refused_total{class=\"search\",reason=\"rate\"} 0",
            "tarn_searches_cut_total 0",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }

    #[test]
    fn a_write_is_charged_by_what_it_announces_and_the_rest_once_it_is_there() {
        let load = load(|settings| settings.rules.quotas = Quotas::HealthLake);
        let now = Time(0);
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_LENGTH, 2_000_000.into());
        headers.insert(CONSISTENCY, http::HeaderValue::from_static("strong"));
        let announced = asked(&load, Method::POST, "Patient", &headers);
        assert_eq!(announced.units, 2.0 * 1954.0);
        assert_eq!(load.look(&announced, now), Ok(()));
        assert_eq!(load.look(&announced, now), Err(Refused { retry_after_seconds: 2 }));
        load.give_back(&announced);
        let unannounced = asked(&load, Method::POST, "", &HeaderMap::new());
        assert_eq!(load.look(&unannounced, now), Ok(()));
        let body =
            format!(r#"{{"resourceType":"Bundle","type":"transaction","x":"{}"}}"#, "y".repeat(3_100_000));
        load.charge_body(&unannounced, body.as_bytes());
        assert_eq!(load.look(&unannounced, now), Err(Refused { retry_after_seconds: 2 }));
    }

    #[test]
    fn transactions_are_told_from_other_bodies() {
        assert!(is_transaction(br#"{"type":"transaction","resourceType":"Bundle"}"#));
        assert!(!is_transaction(
            br#"{"resourceType":"Bundle","type":"batch","entry":[{"type":"transaction"}]}"#
        ));
        assert!(!is_transaction(br#"{"resourceType":"Patient","type":"transaction"}"#));
        assert!(!is_transaction(b"{"));
    }
}
