//! Whatever was acknowledged is there after a crash at any moment, nothing is torn, and the check is clean.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod world;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use embedded::kv::{KvError, StepGuard};
use embedded::{Bodies, EmbeddedStore, StorageError, StoreLimits, check};
use fhir::Time;
use search::{Filter, Search, Total, Visible};
use store::suite::wait;
use store::{DataKey, History, JobId, ManualClock, Model, Run, RunId, Scope, SeededRandom, Store, Stored};
use world::Dice;

const IDS: u64 = 30;
/// Where the child of the kill test works; its arguments follow in the same variable.
const CHILD: &str = "TARN_TEST_CRASH_CHILD";

fn open(
    folder: &Path,
    clock: &Arc<ManualClock>,
    guard: Option<StepGuard>,
) -> Result<EmbeddedStore, StorageError> {
    let key = DataKey::generate(&SeededRandom::new(1));
    EmbeddedStore::open_guarded(folder, &key, clock.clone(), StoreLimits::default(), guard)
}

/// Does the operation of this number; `false` if it failed. The same number is the same operation.
fn operate(store: &dyn Store, settle: impl Fn() -> bool, number: u64) -> bool {
    let mut dice = Dice(number * 7919);
    match dice.below(12) {
        0 => settle(),
        1 | 2 => {
            let puts = if dice.one_in(2) { 300 } else { 20 };
            let id = RunId { job: JobId::parse(&"b".repeat(32)).unwrap(), number };
            let run = Run { id, puts: (0..puts).map(|_| world::extracted_put(&mut dice, IDS)).collect() };
            wait(store.ingest(run)).is_ok()
        }
        _ => {
            let mut transaction = world::transaction_of(&mut dice, IDS, world::extracted_put);
            transaction.preconditions.clear();
            match wait(store.commit(transaction)) {
                Ok(_) => true,
                Err(error) => error.to_string().contains("twice"),
            }
        }
    }
}

fn clock_at(clock: &ManualClock, number: u64) {
    use store::Clock;
    clock.advance_ms(number as i64 - clock.now().0 / 1000);
}

/// The matches of a search and how many there are.
type Page = (Vec<Stored>, Option<u64>);

/// Everything that can be asked of a store in short.
fn contents(store: &dyn Store) -> (Vec<Stored>, Vec<Page>) {
    let everything = Visible::everything("test");
    let history = History::of(Scope::System, 10_000);
    let versions = wait(store.history(&history, &everything)).unwrap().versions;
    let mut dice = Dice(3);
    let mut found = Vec::new();
    for _ in 0..40 {
        let of = world::of(&mut dice);
        let mut search = Search::new(&everything, of, world::filter(&mut dice, IDS, 2));
        search.total = Total::Accurate;
        search.count = 1000;
        let page = wait(store.search(&search)).unwrap();
        found.push((page.matches, page.total));
    }
    for name in ["Patient", "Observation", "Encounter"] {
        let search = Search::new(&everything, fhir::ResourceType::parse(name).unwrap(), Filter::Everything);
        found.push((wait(store.search(&search)).unwrap().matches, None));
    }
    (versions, found)
}

fn model_after(operations: u64) -> Model {
    let clock = Arc::new(ManualClock::at(Time(0)));
    let model = Model::new(clock.clone());
    for number in 1..=operations {
        clock_at(&clock, number);
        operate(&model, || true, number);
    }
    model
}

/// How many operations a reopened store holds: those acknowledged, or one more that was under way.
fn recovered(store: &EmbeddedStore, acknowledged: u64) -> u64 {
    assert_eq!(check(store, Bodies::Compare).unwrap().problems, Vec::<String>::new());
    let found = contents(store);
    if found == contents(&model_after(acknowledged)) {
        return acknowledged;
    }
    assert!(found == contents(&model_after(acknowledged + 1)), "after operation {acknowledged}");
    acknowledged + 1
}

#[test]
fn a_crash_at_any_step_loses_nothing_acknowledged() {
    for last_step in 1.. {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Time(0)));
        let steps = Arc::new(AtomicUsize::new(0));
        let counted = steps.clone();
        let guard: StepGuard = Arc::new(move |_| match counted.fetch_add(1, Ordering::SeqCst) {
            step if step < last_step => Ok(()),
            _ => Err(KvError::Io("the test ends here".to_owned())),
        });
        let Ok(store) = open(folder.path(), &clock, Some(guard)) else { continue };
        let mut done = 0;
        for number in 1..=24 {
            clock_at(&clock, number);
            if !operate(&store, || wait(store.settle()).is_ok(), number) {
                break;
            }
            done = number;
        }
        drop(store);
        let store = open(folder.path(), &clock, None).unwrap();
        let held = recovered(&store, done);
        for number in held + 1..=held + 5 {
            clock_at(&clock, number);
            assert!(operate(&store, || wait(store.settle()).is_ok(), number));
        }
        recovered(&store, held + 5);
        if done == 24 {
            return;
        }
    }
}

/// No test of its own: the child that the test below kills.
#[test]
#[expect(clippy::disallowed_methods, reason = "how the parent reaches its child")]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (from, folder) = task.split_once(' ').unwrap();
    let clock = Arc::new(ManualClock::at(Time(0)));
    let store = open(Path::new(folder), &clock, None).unwrap();
    for number in from.parse().unwrap().. {
        clock_at(&clock, number);
        assert!(operate(&store, || wait(store.settle()).is_ok(), number));
        println!("\ndone {number}");
    }
}

#[test]
fn a_killed_process_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut held = 0;
    let mut dice = Dice(11);
    for _ in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture"])
            .env(CHILD, format!("{} {}", held + 1, folder.path().display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let enough = held + 1 + dice.below(30);
        let mut acknowledged = held;
        for line in lines.by_ref().map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("done ") {
                acknowledged = number.parse().unwrap();
                if acknowledged >= enough {
                    break;
                }
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("done ").and_then(|number| number.parse().ok()) {
                acknowledged = number;
            }
        }
        let clock = Arc::new(ManualClock::at(Time(0)));
        held = recovered(&open(folder.path(), &clock, None).unwrap(), acknowledged);
    }
}
