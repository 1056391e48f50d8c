//! `endurance crash`: kills the server at random moments under mixed load, starts it again, and checks that everything
//! acknowledged is there, wholly and once.

mod bundle;
mod clerk;
mod content;
mod keeper;
mod report;
mod settle;
mod track;
mod verify;
mod writer;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;

use self::clerk::{BUCKET, Clerk};
use self::keeper::Keeper;
pub(crate) use self::keeper::create_active;
use self::report::Report;
use self::writer::Writer;
use crate::dice::Dice;
use crate::door::Door;
use crate::server::{Place, Server, folder};

/// Clients that write at once.
const WRITERS: usize = 6;
/// Data stores that they write to.
const BUSY_STORES: usize = 2;
/// One in so many resources that were not touched is looked at after each kill.
const UNTOUCHED_SHARE: usize = 50;
/// Violations after which a run ends: more of them tell nothing more.
const VIOLATIONS_MAX: usize = 20;

/// What to do, and how often.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// How often to kill the server.
    #[arg(long, default_value_t = 100)]
    kills: u64,
    /// Seconds after which the last kill is made, however many there were.
    #[arg(long)]
    seconds: Option<u64>,
    /// What the random choices follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The data folder, which must be absent or empty; without it, one of its own that is removed in the end.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The tarn to kill; without it, the one beside this program.
    #[arg(long, env = "TARN_BINARY")]
    binary: Option<PathBuf>,
    /// After how many kills `tarn check` runs over the stopped server's folder.
    #[arg(long, default_value_t = 5)]
    check_every: u64,
}

/// A run under way.
struct Run {
    place: Place,
    dice: Dice,
    stores: Vec<String>,
    writers: Vec<Writer>,
    clerk: Clerk,
    keeper: Keeper,
    report: Report,
}

/// Runs it. Fails if anything acknowledged is not there, or if the run itself cannot go on.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let (data, own) = folder(arguments.data.as_deref())?;
    let place = Place::new(arguments.binary.clone(), data)?;
    let began = Instant::now();
    let (mut run, mut server, mut door) = Run::begin(place, &arguments).await?;
    let is_over = |run: &Run| {
        run.report.kills >= arguments.kills
            || arguments.seconds.is_some_and(|seconds| began.elapsed() >= Duration::from_secs(seconds))
            || run.report.violations.len() >= VIOLATIONS_MAX
    };
    while !is_over(&run) {
        run.load_and_kill(server, door).await?;
        let is_check = run.report.kills.is_multiple_of(arguments.check_every.max(1));
        if is_check && run.dice.one_in(2) {
            run.check()?;
        }
        (server, door) = run.restart().await?;
        run.verify(&door, UNTOUCHED_SHARE).await?;
        if is_check {
            run.report.violations.extend(server.stop()?);
            run.check()?;
            (server, door) = run.restart().await?;
        }
        run.tell();
    }
    run.end(server, door).await?;
    println!("{}", run.report);
    if !run.report.violations.is_empty()
        && let Some(own) = own
    {
        println!("the data folder is left: {}", own.keep().display());
    }
    Ok(if run.report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Run {
    async fn begin(place: Place, arguments: &Arguments) -> Result<(Run, Server, Door)> {
        let mut server = place.start()?;
        let (endpoint, took) = server.ready()?;
        let door = Door::new(&endpoint, &place.data)?;
        door.make_bucket(BUCKET).await?;
        let control = door.control();
        let mut stores = Vec::new();
        for number in 0..=BUSY_STORES {
            stores.push(create_active(&control, &format!("store-{number}")).await?);
        }
        let (quiet, busy) = (stores[BUSY_STORES].clone(), stores[..BUSY_STORES].to_vec());
        let dice = |number| Dice::new(arguments.seed, number);
        let run = Run {
            place,
            dice: dice(1),
            stores,
            writers: (0..WRITERS).map(|at| Writer::new(at, dice(10 + at as u64), busy.clone())).collect(),
            clerk: Clerk::new(dice(2), quiet, busy),
            keeper: Keeper::new(dice(3)),
            report: Report::new(arguments.kills, arguments.seed, took),
        };
        Ok((run, server, door))
    }

    /// Loads the server and kills it at a random moment.
    async fn load_and_kill(&mut self, server: Server, door: Door) -> Result<()> {
        let is_killed = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = std::mem::take(&mut self.writers)
            .into_iter()
            .map(|writer| tokio::spawn(writer.work(door.clone(), is_killed.clone())))
            .collect();
        let idle =
            || (Clerk::new(self.dice.clone(), String::new(), Vec::new()), Keeper::new(self.dice.clone()));
        let (clerk, keeper) = idle();
        let clerk = std::mem::replace(&mut self.clerk, clerk);
        let keeper = std::mem::replace(&mut self.keeper, keeper);
        let clerk = tokio::spawn(clerk.work(door.clone(), is_killed.clone()));
        let keeper = tokio::spawn(keeper.work(door.clone(), is_killed.clone()));
        tokio::time::sleep(self.dice.duration(20.0, 3000.0)).await;
        is_killed.store(true, Ordering::SeqCst);
        self.report.violations.extend(server.kill()?);
        self.report.kills += 1;
        for writer in writers {
            self.writers.push(writer.await.context("a writer ended")?);
        }
        self.clerk = clerk.await.context("the clerk ended")?;
        self.keeper = keeper.await.context("the keeper ended")?;
        self.collect();
        Ok(())
    }

    /// Starts the server, now and then killing it while it recovers.
    async fn restart(&mut self) -> Result<(Server, Door)> {
        loop {
            let mut server = self.place.start()?;
            if self.dice.one_in(4) {
                tokio::time::sleep(self.dice.duration(1.0, 200.0)).await;
                self.report.violations.extend(server.kill()?);
                self.report.kills_at_start += 1;
                continue;
            }
            let (endpoint, took) = server.ready()?;
            self.report.starts.push(took);
            let door = Door::new(&endpoint, &self.place.data)?;
            return Ok((server, door));
        }
    }

    /// Settles what was not seen and compares what is there with what is known.
    async fn verify(&mut self, door: &Door, share: usize) -> Result<()> {
        for writer in &mut self.writers {
            settle::settle(writer, door, &mut self.report.settled).await?;
            let verdict = verify::resources(writer, door, share).await?;
            self.report.resources += verdict.resources;
            self.report.versions += verdict.versions;
            self.report.violations.extend(verdict.violations);
        }
        self.keeper.verify(door, &self.stores).await?;
        let mut wrong = verify::totals(&self.writers, &self.clerk.imported(), door).await?;
        // An import that is under way adds what is not counted yet.
        wrong.retain(|wrong| self.clerk.fills().is_none_or(|store| !wrong.contains(store)));
        self.report.violations.extend(wrong);
        self.collect();
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        self.report.checks += 1;
        self.report.violations.extend(self.place.check()?);
        Ok(())
    }

    /// Lets everything come to its end, compares everything, and looks at the folder.
    async fn end(&mut self, server: Server, door: Door) -> Result<()> {
        self.clerk.finish(&door).await?;
        self.keeper.finish(&door).await?;
        self.verify(&door, 1).await?;
        self.report.violations.extend(server.stop()?);
        self.check()?;
        let folders = self.place.store_folders()?;
        for id in self.keeper.deleted.iter().filter(|id| folders.contains(id)) {
            self.report.violations.push(format!("the folder of the deleted data store {id} is there"));
        }
        Ok(())
    }

    /// Brings together what everyone found and did.
    fn collect(&mut self) {
        let found = &mut self.report.violations;
        for writer in &mut self.writers {
            found.append(&mut writer.violations);
        }
        found.append(&mut self.clerk.violations);
        found.append(&mut self.keeper.violations);
        self.report.acknowledged = self.writers.iter().map(|writer| writer.acknowledged).sum();
        self.report.imports = self.clerk.imports;
        self.report.exports = self.clerk.exports;
        self.report.deleted_stores = self.keeper.deleted.len();
    }

    fn tell(&self) {
        self.report.progress();
    }
}
