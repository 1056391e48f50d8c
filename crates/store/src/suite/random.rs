//! Agreement by chance: the same seeded steps on the model and on a backend have the same answers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fhir::ResourceType;
use search::{Position, Search};

use super::parameter::reindex_all;
use super::world::with;
use super::{Make, World, wait};
use crate::{CommitError, History, Model, Put, Run, Store, StoreError, Transaction, Write};

mod contained;
mod dice;
mod entry;
mod filter;
mod note;
mod parameter;
mod step;

use dice::Dice;
use step::Step;

/// How often a failing series is run again, shortened, before it is printed.
const SHRINKING_RUNS_MAX: usize = 400;

/// Runs `steps` random steps of this seed on a backend and on the model. Panics at the first difference
/// with the shortest series of steps found that shows it.
pub fn agree(make: Make, seed: u64, steps: usize) {
    let mut dice = Dice::new(seed);
    let steps: Vec<Step> = (0..steps).map(|_| step::any(&mut dice)).collect();
    let Err((at, difference)) = run(make, &steps) else { return };
    let (steps, difference) = shrink(make, steps[..=at].to_vec(), difference);
    let listed: Vec<String> =
        steps.iter().enumerate().map(|(at, step)| format!("  {at}: {step:?}")).collect();
    panic!("seed {seed}: {difference}\nafter these steps:\n{}", listed.join("\n"));
}

/// Leaves out steps for as long as there still is a difference.
fn shrink(make: Make, mut steps: Vec<Step>, mut difference: String) -> (Vec<Step>, String) {
    let mut runs = 0;
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < steps.len() && runs < SHRINKING_RUNS_MAX {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + size).min(steps.len()));
            runs += 1;
            match run(make, &fewer) {
                Err((last, other)) => {
                    fewer.truncate(last + 1);
                    (steps, difference) = (fewer, other);
                }
                Ok(()) => at += size,
            }
        }
        size /= 2;
    }
    (steps, difference)
}

/// The first step whose answers differ, and how. A panic is a difference too.
fn run(make: Make, steps: &[Step]) -> Result<(), (usize, String)> {
    let mut at = 0;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut pair = Pair::new(make);
        for step in steps {
            pair.take(step)?;
            at += 1;
        }
        Ok(())
    }));
    match outcome {
        Ok(Ok(())) => Ok(()),
        Ok(Err(difference)) => Err((at, difference)),
        Err(_) => Err((at, "the backend panicked".to_owned())),
    }
}

/// A search that goes on later, and where each of the two stands in it.
struct Walk {
    search: Search,
    places: [Position; 2],
}

/// The model and the backend, on one clock.
struct Pair {
    model: Model,
    world: World,
    walks: Vec<Walk>,
}

/// How many walks are kept open.
const WALKS: usize = 6;

/// Two stores write their positions in their own ways: only whether there is one is compared.
const ANYWHERE: Position = Position(Vec::new());

impl Pair {
    fn new(make: Make) -> Pair {
        let world = World::new(make);
        Pair { model: Model::new(world.clock.clone()), world, walks: Vec::new() }
    }

    fn take(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Commit(transaction) => self.commit(transaction),
            Step::Ingest(id, puts) => self.ingest(Run { id: id.clone(), puts: puts.clone() }),
            Step::Read(keys, visible) => {
                let store = self.world.store();
                compare(wait(self.model.read(keys, visible)), wait(store.read(keys, visible)))
            }
            Step::Search(search) => self.search(search),
            Step::Continue(number) => self.go_on(*number),
            Step::History(history, visible) => self.history(history, visible),
            Step::Notes((prefix, after, count)) => {
                let list = |store: &dyn Store| wait(store.notes(prefix, after.as_deref(), *count));
                compare(list(&self.model), list(&*self.world.store()))
            }
            Step::Reindex(of) => {
                let outcome = |store: &dyn Store| reindex(store, *of);
                compare(outcome(&self.model), outcome(&*self.world.store()))?;
                let set = |store: &dyn Store| wait(store.parameters());
                compare(set(&self.model), set(&*self.world.store()))
            }
            Step::Tick(ms) => {
                self.world.clock.advance_ms(*ms);
                Ok(())
            }
            Step::Settle => {
                self.world.settle();
                Ok(())
            }
            Step::Scrub => compare(Ok(()), wait(self.world.store().scrub())),
            Step::Reopen => {
                self.world.reopen();
                Ok(())
            }
        }
    }

    fn commit(&mut self, transaction: &Transaction) -> Result<(), String> {
        let outcome = |store: &dyn Store| {
            wait(store.commit(fresh(store, transaction)))
                .map(|committed| (committed.updated, committed.versions))
                .map_err(|error| match error {
                    CommitError::Failed(StoreError::Failed(_)) => {
                        CommitError::Failed(StoreError::Failed(String::new()))
                    }
                    other => other,
                })
        };
        compare(outcome(&self.model), outcome(&*self.world.store()))
    }

    fn ingest(&mut self, run: Run) -> Result<(), String> {
        let outcome = |store: &dyn Store, run: Run| {
            wait(store.ingest(fresh_run(store, run))).map_err(|error| match error {
                StoreError::Failed(_) => StoreError::Failed(String::new()),
                other => other,
            })
        };
        compare(outcome(&self.model, run.clone()), outcome(&*self.world.store(), run))
    }

    fn search(&mut self, search: &Search) -> Result<(), String> {
        let found = [wait(self.model.search(search)), wait(self.world.store().search(search))];
        self.found(search, found)
    }

    fn go_on(&mut self, number: usize) -> Result<(), String> {
        if self.walks.is_empty() {
            return Ok(());
        }
        let walk = self.walks.remove(number % self.walks.len());
        let [ours, theirs] =
            walk.places.map(|place| with(walk.search.clone(), |search| search.after = Some(place)));
        let found = [wait(self.model.search(&ours)), wait(self.world.store().search(&theirs))];
        self.found(&walk.search, found)
    }

    fn found(&mut self, search: &Search, found: [Result<crate::Found, StoreError>; 2]) -> Result<(), String> {
        let places = found.each_ref().map(|found| match found {
            Ok(found) => [found.next.clone(), found.previous.clone()],
            Err(_) => [None, None],
        });
        let shown = |found: crate::Found| crate::Found {
            next: found.next.map(|_| ANYWHERE),
            previous: found.previous.map(|_| ANYWHERE),
            ..found
        };
        let [ours, theirs] = found.map(|found| found.map(shown));
        compare(ours, theirs)?;
        let [ours, theirs] = places;
        for pair in ours.into_iter().zip(theirs) {
            let (Some(ours), Some(theirs)) = pair else { continue };
            self.walks.push(Walk { search: search.clone(), places: [ours, theirs] });
        }
        self.walks.drain(..self.walks.len().saturating_sub(WALKS));
        Ok(())
    }

    fn history(&mut self, history: &History, visible: &search::Visible) -> Result<(), String> {
        let (mut ours, mut theirs) = (history.clone(), history.clone());
        loop {
            let one = wait(self.model.history(&ours, visible));
            let other = wait(self.world.store().history(&theirs, visible));
            let next = [&one, &other].map(|page| page.as_ref().ok().and_then(|page| page.next.clone()));
            let shown = |page: Result<crate::Versions, StoreError>| {
                page.map(|page| (page.next.is_some(), page.total, page.versions))
            };
            compare(shown(one), shown(other))?;
            match next {
                [Some(one), Some(other)] => (ours.after, theirs.after) = (Some(one), Some(other)),
                _ => return Ok(()),
            }
        }
    }
}

/// Entries as if they had been found by the parameters of now; some are said to be of no parameters of the store's.
fn freshen(store: &dyn Store, put: &mut Put) {
    let extraction = wait(store.parameters()).map_or(0, |set| set.extraction());
    if !put.body.ends_with(STALE) {
        put.entries.set_extraction(extraction);
    }
}

/// How the bodies of stale puts end.
const STALE: &[u8] = b"\"stale\"}";

fn fresh(store: &dyn Store, transaction: &Transaction) -> Transaction {
    let mut transaction = transaction.clone();
    for write in &mut transaction.writes {
        if let Write::Put(put) = write {
            freshen(store, put);
        }
    }
    transaction
}

fn fresh_run(store: &dyn Store, mut run: Run) -> Run {
    run.puts.iter_mut().for_each(|put| freshen(store, put));
    run
}

/// Indexes a type again to its end, and says so. How much lies beside what is asked is the backend's affair.
fn reindex(store: &dyn Store, of: ResourceType) -> Result<u64, StoreError> {
    let since = wait(store.parameters())?.extraction();
    let sum = reindex_all(store, of)?;
    let transaction =
        Transaction { preconditions: Vec::new(), writes: vec![Write::Indexed { since, types: vec![of] }] };
    wait(store.commit(transaction)).map_err(|_| StoreError::Failed(String::new()))?;
    Ok(sum.total)
}

fn compare<T: PartialEq + std::fmt::Debug>(model: T, backend: T) -> Result<(), String> {
    if model == backend {
        return Ok(());
    }
    Err(format!("the model says\n  {model:?}\nthe backend says\n  {backend:?}"))
}
