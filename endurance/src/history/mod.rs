//! `endurance history`: many clients on few resources, with kills, and whether what they saw is linearizable.

mod checker;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use self::checker::{Deed, Event, Matched, State, check};
use crate::crash::create_active;
use crate::dice::Dice;
use crate::door::{Ask, Door, Unseen};
use crate::server::{Place, folder};

/// Resources that all clients fight for.
const RESOURCES: usize = 4;

/// What to do, and how often.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// How often to kill the server.
    #[arg(long, default_value_t = 20)]
    kills: u64,
    /// Clients at once.
    #[arg(long, default_value_t = 8)]
    clients: u64,
    /// What the random choices follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The data folder, which must be absent or empty; without it, one of its own that is removed in the end.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The tarn to ask; without it, the one beside this program.
    #[arg(long, env = "TARN_BINARY")]
    binary: Option<PathBuf>,
}

/// A client, and what it asked and saw.
struct Client {
    dice: Dice,
    store: String,
    /// Where values come from: each is written once.
    values: Arc<AtomicU64>,
    began: Instant,
    /// The last version that it saw of each resource.
    versions: [u64; RESOURCES],
    events: Vec<(usize, Event)>,
    faults: Vec<String>,
}

/// Runs it. Fails if a history is not linearizable.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let (data, _own) = folder(arguments.data.as_deref())?;
    let place = Place::new(arguments.binary.clone(), data)?;
    let (mut dice, began) = (Dice::new(arguments.seed, 0), Instant::now());
    let mut server = place.start()?;
    let mut door = Door::new(&server.ready()?.0, &place.data)?;
    let store = create_active(&door.control(), "history").await?;
    let values = Arc::new(AtomicU64::new(1));
    let client = |number| Client {
        dice: Dice::new(arguments.seed, 1 + number),
        store: store.clone(),
        values: values.clone(),
        began,
        versions: [0; RESOURCES],
        events: Vec::new(),
        faults: Vec::new(),
    };
    let mut clients: Vec<Client> = (0..arguments.clients).map(client).collect();
    for kill in 1..=arguments.kills {
        let working: Vec<_> =
            clients.drain(..).map(|client| tokio::spawn(client.work(door.clone()))).collect();
        tokio::time::sleep(dice.duration(50.0, 1500.0)).await;
        server.kill()?;
        let killed = nanoseconds(began);
        for client in working {
            let mut client = client.await.context("a client ended")?;
            client.end(killed);
            clients.push(client);
        }
        eprint!(
            "\r{kill} kills, {} interactions ",
            clients.iter().map(|client| client.events.len()).sum::<usize>()
        );
        server = place.start()?;
        door = Door::new(&server.ready()?.0, &place.data)?;
    }
    eprintln!();
    let mut faults = server.stop()?;
    faults.extend(clients.iter_mut().flat_map(|client| std::mem::take(&mut client.faults)));
    faults.extend(place.check()?);
    let (mut count, mut unseen) = (0, 0);
    for at in 0..RESOURCES {
        let events = clients.iter().flat_map(|client| &client.events).filter(|(of, _)| *of == at);
        let events: Vec<Event> = events.map(|(_, event)| *event).collect();
        count += events.len();
        unseen += events.iter().filter(|event| event.deed.is_unseen()).count();
        if let Err(event) = check(events) {
            faults.push(format!(
                "the history of resource {at} is not linearizable: nothing explains {event:?}"
            ));
        }
    }
    println!("seed                   {}", arguments.seed);
    println!("kills                  {}", arguments.kills);
    println!("clients, resources     {}, {RESOURCES}", arguments.clients);
    println!("interactions           {count} ({unseen} without an answer)");
    println!("violations             {}", faults.len());
    faults.iter().for_each(|fault| println!("  {fault}"));
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn nanoseconds(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

impl Client {
    /// Asks until an answer does not come.
    async fn work(mut self, door: Door) -> Client {
        while self.act(&door).await.is_ok() {}
        self
    }

    /// Says by when what was not answered was done, if it was.
    fn end(&mut self, killed: u64) {
        for (_, event) in self.events.iter_mut().rev().take(1) {
            event.ended = event.ended.min(killed);
        }
    }

    async fn act(&mut self, door: &Door) -> Result<(), Unseen> {
        let at = self.dice.below(RESOURCES);
        let (id, path) = (format!("r{at}"), format!("Patient/r{at}"));
        let value = self.values.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "resourceType": "Patient", "id": id, "multipleBirthInteger": value });
        let wanted = self.versions[at];
        let (ask, unanswered) = match self.dice.below(10) {
            0..4 => (Ask::get(&path), None),
            4..7 => (Ask::put(&path, &body), Some(Deed::Put(value, None))),
            7..9 if wanted > 0 => {
                let ask = Ask::put(&path, &body).with("if-match", format!("W/\"{wanted}\""));
                (ask, Some(Deed::PutIf(wanted, value, None)))
            }
            _ => (Ask::delete(&path), Some(Deed::Delete(false))),
        };
        let asked = nanoseconds(self.began);
        let answer = match door.fhir(&self.store, &ask).await {
            Ok(answer) => answer,
            Err(error) => {
                // A read that was not answered tells nothing.
                self.events.extend(unanswered.map(|deed| (at, Event { asked, ended: u64::MAX, deed })));
                return Err(error);
            }
        };
        let ended = nanoseconds(self.began);
        let version = answer.version.unwrap_or(0);
        let deed = match (unanswered, answer.status) {
            (_, 429) => return Ok(()),
            (None, 200) => {
                let value = answer.body["multipleBirthInteger"].as_u64().unwrap_or(0);
                Deed::Read(State::Live(version, value))
            }
            (None, 404) => Deed::Read(State::Absent),
            (None, 410) => Deed::Read(State::Deleted(0)),
            (Some(Deed::Put(value, _)), 200 | 201) => Deed::Put(value, Some(version)),
            (Some(Deed::PutIf(wanted, value, _)), 200 | 201) => {
                Deed::PutIf(wanted, value, Some(Matched::Made(version)))
            }
            (Some(Deed::PutIf(wanted, value, _)), 412) => Deed::PutIf(wanted, value, Some(Matched::Refused)),
            (Some(Deed::Delete(_)), 204) => Deed::Delete(true),
            (deed, _) => {
                self.faults.push(format!("{deed:?}: {answer:?}"));
                return Err(Unseen("an answer that was not expected".to_owned()));
            }
        };
        self.versions[at] = version.max(self.versions[at]);
        self.events.push((at, Event { asked, ended, deed }));
        Ok(())
    }
}
