//! The embedded store answers what the model answers, whatever is asked, folded or not, reopened or not.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod world;

use std::sync::Arc;

use embedded::{Bodies, EmbeddedStore, StoreLimits};
use fhir::Time;
use search::Search;
use store::{
    Clock, DataKey, Found, History, JobId, ManualClock, Model, Run, RunId, SeededRandom, Store, Versions,
};
use world::Dice;

struct Pair {
    embedded: Option<EmbeddedStore>,
    clock: Arc<ManualClock>,
    key: DataKey,
    model: Model,
    /// After the store, so that it is dropped when the store is closed.
    folder: tempfile::TempDir,
}

impl Pair {
    fn new(seed: u64) -> Pair {
        let clock = Arc::new(ManualClock::at(Time(0)));
        let model = Model::new(clock.clone());
        let key = DataKey::generate(&SeededRandom::new(seed));
        let mut pair = Pair { folder: tempfile::tempdir().unwrap(), clock, key, model, embedded: None };
        pair.reopen();
        pair
    }

    fn reopen(&mut self) {
        self.embedded = None;
        let clock: Arc<dyn Clock> = self.clock.clone();
        let store = EmbeddedStore::open(self.folder.path(), &self.key, clock, StoreLimits::default());
        self.embedded = Some(store.unwrap());
    }

    fn embedded(&self) -> &EmbeddedStore {
        self.embedded.as_ref().unwrap()
    }

    /// Follows the pages of both to the end.
    async fn search(&self, search: &Search) {
        let (mut ours, mut theirs) = (search.clone(), search.clone());
        for _ in 0..30 {
            let (found, expected) = (self.embedded().search(&ours).await, self.model.search(&theirs).await);
            let without = |found: &Found| Found { next: None, previous: None, ..found.clone() };
            match (found, expected) {
                (Ok(found), Ok(expected)) => {
                    assert_eq!(without(&found), without(&expected), "{search:#?}");
                    assert_eq!(found.next.is_some(), expected.next.is_some(), "{search:#?}");
                    if found.next.is_none() || search.count == 0 {
                        return;
                    }
                    (ours.after, theirs.after) = (found.next, expected.next);
                }
                (found, expected) => return assert_eq!(found.err(), expected.err(), "{search:#?}"),
            }
        }
    }

    async fn history(&self, history: &History, dice: &mut Dice, ids: u64) {
        let visible = world::visible(dice, ids);
        let (mut ours, mut theirs) = (history.clone(), history.clone());
        for _ in 0..30 {
            let found = self.embedded().history(&ours, &visible).await.unwrap();
            let expected = self.model.history(&theirs, &visible).await.unwrap();
            let without = |page: &Versions| Versions { next: None, ..page.clone() };
            assert_eq!(without(&found), without(&expected), "{history:#?} {visible:#?}");
            assert_eq!(found.next.is_some(), expected.next.is_some(), "{history:#?}");
            if found.next.is_none() {
                return;
            }
            (ours.after, theirs.after) = (found.next, expected.next);
        }
    }

    async fn write(&self, dice: &mut Dice, ids: u64) {
        self.clock.advance_ms(dice.below(3) as i64);
        let transaction = world::transaction(dice, ids);
        let expected = self.model.commit(transaction.clone()).await;
        assert_eq!(self.embedded().commit(transaction.clone()).await, expected, "{transaction:#?}");
    }

    async fn run(&self, dice: &mut Dice, ids: u64, number: u64, puts: u64) {
        let id = RunId { job: JobId::parse(&"a".repeat(32)).unwrap(), number };
        let run = Run { id, puts: (0..puts).map(|_| world::put(dice, ids)).collect() };
        let expected = self.model.ingest(run.clone()).await.unwrap();
        assert_eq!(self.embedded().ingest(run.clone()).await.unwrap(), expected);
        if dice.one_in(2) {
            let again = self.embedded().ingest(run).await.unwrap();
            assert!(again.repeated && again.versions == expected.versions);
        }
    }
}

async fn agree(seed: u64, steps: u64, ids: u64) {
    let mut dice = Dice(seed);
    let mut pair = Pair::new(seed);
    for step in 0..steps {
        match dice.below(40) {
            0 => pair.reopen(),
            1 | 2 => pair.embedded().settle().await.unwrap(),
            3 => {
                let puts = if dice.one_in(3) { 300 } else { 5 };
                pair.run(&mut dice, ids, step, puts).await;
            }
            4..=15 => pair.write(&mut dice, ids).await,
            16..=19 => {
                let history = world::history(&mut dice, ids);
                pair.history(&history, &mut dice, ids).await;
            }
            20..=22 => {
                let keys: Vec<_> = (0..4).map(|_| world::key(&mut dice, ids)).collect();
                let visible = world::visible(&mut dice, ids);
                let expected = pair.model.read(&keys, &visible).await.unwrap();
                assert_eq!(pair.embedded().read(&keys, &visible).await.unwrap(), expected);
            }
            _ => pair.search(&world::search(&mut dice, ids)).await,
        }
    }
    let report = embedded::check(pair.embedded(), Bodies::Trust).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
}

#[tokio::test]
async fn a_small_world_answers_like_the_model() {
    for seed in 1..=12 {
        eprintln!("seed {seed}");
        agree(seed, 400, 12).await;
    }
}

#[tokio::test]
async fn a_large_world_answers_like_the_model() {
    for seed in 100..=102 {
        eprintln!("seed {seed}");
        agree(seed, 500, 400).await;
    }
}
