//! A small world of patients and observations, and short words for what the sentences do to it.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use fhir::{Id, ResourceKey, ResourceType, Span, Time, parse_date_time};
use search::{
    Canonical, Entries, Filter, ParamId, Position, QuantityValue, Search, SystemTest, Target, Test, Total,
    Value, Visible,
};

use super::{Backend, Make, wait};
use crate::{
    CommitError, Committed, Found, History, Ingested, JobId, ManualClock, Operation, Precondition, Put, Run,
    RunId, Store, StoreError, Stored, Transaction, Versions, Write,
};

/// Parameters of the suite. Their numbers are those of R4 codes; what they are called there does not matter.
pub(super) const NAME: ParamId = ParamId(100);
pub(super) const BIRTH: ParamId = ParamId(101);
pub(super) const CODE: ParamId = ParamId(102);
pub(super) const SUBJECT: ParamId = ParamId(103);
pub(super) const FOCUS: ParamId = ParamId(104);
pub(super) const SCORE: ParamId = ParamId(105);
pub(super) const AMOUNT: ParamId = ParamId(106);
pub(super) const ADDRESS: ParamId = ParamId(107);
pub(super) const PAIR: ParamId = ParamId(108);

/// A backend with its clock, and short words for its methods. A failure of the backend fails the test.
pub struct World {
    backend: RefCell<Box<dyn Backend>>,
    /// What stamps the writes; every commit of the world moves it on by a second.
    pub clock: Arc<ManualClock>,
}

impl World {
    /// An empty world on 2020-01-01.
    pub fn new(make: Make) -> World {
        let start = Time::parse("2020-01-01T00:00:00Z").expect("an instant");
        let clock = Arc::new(ManualClock::at(start));
        World { backend: RefCell::new(make(clock.clone())), clock }
    }

    /// The contents.
    pub fn store(&self) -> Arc<dyn Store> {
        self.backend.borrow().store()
    }

    /// Closes and opens.
    pub fn reopen(&mut self) {
        self.backend.get_mut().reopen();
    }

    /// Lets background work happen.
    pub fn settle(&self) {
        self.backend.borrow_mut().settle();
    }

    /// Commits, whatever comes of it.
    pub fn try_commit(
        &self,
        preconditions: Vec<Precondition>,
        writes: Vec<Write>,
    ) -> Result<Committed, CommitError> {
        self.clock.advance_ms(1000);
        wait(self.store().commit(Transaction { preconditions, writes }))
    }

    /// Commits.
    pub fn commit(&self, writes: impl IntoIterator<Item = Write>) -> Committed {
        self.try_commit(Vec::new(), writes.into_iter().collect()).expect("the commit succeeds")
    }

    /// Commits each write alone.
    pub fn commit_each(&self, writes: impl IntoIterator<Item = Write>) {
        for write in writes {
            self.commit([write]);
        }
    }

    /// Ingests one run, whatever comes of it.
    pub fn try_ingest(&self, job: &JobId, number: u64, puts: Vec<Put>) -> Result<Ingested, StoreError> {
        self.clock.advance_ms(1000);
        wait(self.store().ingest(Run { id: RunId { job: job.clone(), number }, puts }))
    }

    /// Ingests one run.
    pub fn ingest(&self, job: &JobId, number: u64, puts: Vec<Put>) -> Ingested {
        self.try_ingest(job, number, puts).expect("the run succeeds")
    }

    /// Reads one resource, seeing everything.
    pub fn read(&self, key: &ResourceKey) -> Option<Stored> {
        self.read_as(key, &all())
    }

    /// Reads one resource.
    pub fn read_as(&self, key: &ResourceKey, visible: &Visible) -> Option<Stored> {
        let keys = std::slice::from_ref(key);
        wait(self.store().read(keys, visible)).expect("the read succeeds").remove(0)
    }

    /// One page of a search.
    pub fn search(&self, search: &Search) -> Found {
        wait(self.store().search(search)).expect("the search succeeds")
    }

    /// The ids of what matches, as one text, in the order answered: the same before and after background
    /// work.
    pub fn find(&self, of: ResourceType, filter: Filter) -> String {
        let search = Search::new(&all(), of, filter);
        let found = ids(&self.search(&search).matches);
        self.settle();
        assert_eq!(ids(&self.search(&search).matches), found, "after background work");
        found
    }

    /// The ids of the observations that match, in alphabetical order.
    pub fn sorted(&self, filter: Filter) -> String {
        let found = self.find(observation(), filter);
        let mut ids: Vec<&str> = found.split_whitespace().collect();
        ids.sort_unstable();
        ids.join(" ")
    }

    /// The ids on each page of a search, and the totals on the way.
    pub fn pages(&self, search: &Search) -> Vec<String> {
        let mut search = search.clone();
        let mut pages = Vec::new();
        loop {
            let found = self.search(&search);
            pages.push(ids(&found.matches));
            assert!(pages.len() < 1000, "the pages come to an end");
            match found.next {
                Some(next) => search.after = Some(next),
                None => return pages,
            }
        }
    }

    /// The ids on each page, walked back from the last one to the first.
    pub fn pages_back(&self, search: &Search) -> Vec<String> {
        let mut search = search.clone();
        let mut page = self.search(&search);
        while let Some(next) = page.next {
            search.after = Some(next);
            page = self.search(&search);
        }
        let mut pages = vec![ids(&page.matches)];
        while let Some(previous) = page.previous {
            search.after = Some(previous);
            page = self.search(&search);
            pages.push(ids(&page.matches));
            assert!(pages.len() < 1000, "the pages come to an end");
        }
        pages
    }

    /// One page of a history, seeing everything.
    pub fn history(&self, of: &History) -> Versions {
        wait(self.store().history(of, &all())).expect("the history is answered")
    }
}

/// Everything is visible.
pub(super) fn all() -> Visible {
    Visible::everything("suite")
}

/// A type that R4 has.
pub(super) fn of(name: &str) -> ResourceType {
    ResourceType::parse(name).expect("a resource type")
}

pub(super) fn patient() -> ResourceType {
    of("Patient")
}

pub(super) fn observation() -> ResourceType {
    of("Observation")
}

/// A key like `Patient/1`.
pub(super) fn key(text: &str) -> ResourceKey {
    ResourceKey::parse(text).expect("a key")
}

/// A put of this key whose body says `note` and whose entries are these.
pub(super) fn put(text: &str, note: &str, entries: &[(ParamId, Value<'_>)]) -> Put {
    let key = key(text);
    let mut kept = Entries::new();
    for (param, value) in entries {
        kept.push(*param, *value);
    }
    let body = body(&key, note);
    Put { key, body, entries: kept, operation: Operation::Update }
}

/// The same as a write.
pub(super) fn write(text: &str, entries: &[(ParamId, Value<'_>)]) -> Write {
    Write::Put(put(text, "", entries))
}

pub(super) fn delete(text: &str) -> Write {
    Write::Delete(key(text))
}

/// A body in the stored body form.
pub(super) fn body(key: &ResourceKey, note: &str) -> Bytes {
    let ResourceKey { of, id } = key;
    Bytes::from(format!(r#"{{"resourceType":"{of}","id":"{id}","meta":{{}},"language":"{note}"}}"#))
}

/// A put of an observation about a patient, with one code.
pub(super) fn about(id: &str, subject: &str, focus: &str, code: &'static str) -> Write {
    let entries = [
        (ParamId::COMPARTMENT, local("Patient", subject)),
        (SUBJECT, local("Patient", subject)),
        (FOCUS, local("Patient", focus)),
        (CODE, token(None, code)),
    ];
    write(&format!("Observation/{id}"), &entries)
}

/// A put of a patient with a name.
pub(super) fn named(id: &str, name: &str) -> Write {
    let entries = [(ParamId::COMPARTMENT, local("Patient", id)), (NAME, Value::String(name))];
    write(&format!("Patient/{id}"), &entries)
}

/// The ids of rows, with blanks between.
pub(super) fn ids(rows: &[Stored]) -> String {
    rows.iter().map(|row| row.key.id.as_str()).collect::<Vec<_>>().join(" ")
}

/// `search`, changed.
pub(super) fn with(mut search: Search, change: impl FnOnce(&mut Search)) -> Search {
    change(&mut search);
    search
}

/// A search of the observations, whole and seeing everything.
pub(super) fn observations(filter: Filter) -> Search {
    with(Search::new(&all(), observation(), filter), |search| search.total = Total::Accurate)
}

pub(super) fn job(number: u32) -> JobId {
    JobId::parse(&format!("{number:032x}")).expect("a job id")
}

pub(super) fn id(text: &str) -> Id {
    Id::parse(text).expect("an id")
}

pub(super) fn token<'a>(system: Option<&'a str>, code: &'a str) -> Value<'a> {
    Value::Token { system, code: Some(code) }
}

pub(super) fn local<'a>(name: &str, id: &'a str) -> Value<'a> {
    Value::Reference(Target::Local { of: of(name), id, version: None })
}

pub(super) fn span(text: &str) -> Span {
    parse_date_time(text).expect("a date")
}

pub(super) fn date(text: &str) -> Value<'static> {
    Value::Date(span(text))
}

pub(super) fn number(number: f64) -> Value<'static> {
    Value::Number { low: number, high: number }
}

/// A quantity of a UCUM code; `factor` of it are one of the canonical unit.
pub(super) fn quantity<'a>(number: f64, code: &'a str, factor: f64, unit: &'a str) -> Value<'a> {
    let canonical = Some(Canonical { low: number * factor, high: number * factor, unit });
    let (low, high) = (number, number);
    let system = Some("http://unitsofmeasure.org");
    Value::Quantity(QuantityValue { low, high, system, code: Some(code), unit: Some(code), canonical })
}

/// That some value of `param` passes.
pub(super) fn has(param: ParamId, test: Test) -> Filter {
    Filter::Has(param, test)
}

/// That the resource came to be at such a time.
pub(super) fn created(prefix: search::Prefix, text: &str) -> Filter {
    has(ParamId::CREATED, Test::Date(prefix, span(text)))
}

/// That the code is this one, in any system.
pub(super) fn is(code: &str) -> Filter {
    has(CODE, Test::Token { system: SystemTest::Any, code: Some(code.into()) })
}

pub(super) fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

/// The position of the page after this search's first.
pub(super) fn second_page(world: &World, search: &Search) -> Position {
    world.search(search).next.expect("there is a second page")
}
