//! A writer: one of the clients that load the server, alone in writing its resources, so that it knows of each what
//! must be there.

use std::sync::atomic::{AtomicBool, Ordering};

use super::bundle;
use super::content::{Content, Name};
use super::track::{Attempt, Intent, Target, Track, record};
use crate::dice::Dice;
use crate::door::{Answer, Ask, Door, Unseen};

/// Versions from which a resource is left as it is.
const VERSIONS_MAX: usize = 25;

/// A client and what it knows.
pub(crate) struct Writer {
    pub(crate) name: String,
    pub(crate) dice: Dice,
    /// The data stores that it writes to.
    pub(crate) stores: Vec<String>,
    pub(crate) tracks: Vec<Track>,
    /// The write whose answer was not seen.
    pub(crate) pending: Option<Attempt>,
    /// Writes that were acknowledged: a transaction counts as many as it has entries that write.
    pub(crate) acknowledged: u64,
    /// What should not have been answered.
    pub(crate) violations: Vec<String>,
    step: u64,
}

impl Writer {
    /// A writer that has written nothing.
    pub(crate) fn new(number: usize, dice: Dice, stores: Vec<String>) -> Writer {
        Writer {
            name: format!("w{number}"),
            dice,
            stores,
            tracks: Vec::new(),
            pending: None,
            acknowledged: 0,
            violations: Vec::new(),
            step: 0,
        }
    }

    /// Writes and reads until an answer does not come, which must be that of a server that was killed.
    pub(crate) async fn work(mut self, door: Door, is_killed: std::sync::Arc<AtomicBool>) -> Writer {
        let error = loop {
            if let Err(error) = self.act(&door).await {
                break error;
            }
        };
        if !is_killed.load(Ordering::SeqCst) {
            self.violations.push(format!("while the server lived: {error}"));
        }
        self
    }

    async fn act(&mut self, door: &Door) -> Result<(), Unseen> {
        match self.dice.below(20) {
            0..6 => self.create(door).await,
            6..11 => self.update(door).await,
            11 | 12 => self.delete(door).await,
            13..17 => bundle::post(self, door).await,
            _ => self.look(door).await,
        }
    }

    async fn create(&mut self, door: &Door) -> Result<(), Unseen> {
        let store = self.any_store();
        let (name, content) = (self.new_name(), self.new_content());
        let id = self.dice.one_in(3).then(|| format!("put-{}", name.label.replace('.', "-")));
        let ask = match &id {
            Some(id) => Ask::put(format!("{}/{id}", name.of), &name.body(Some(id), &content)),
            None => Ask::post(name.of, &name.body(None, &content)),
        };
        let is_conditional = id.is_none() && self.dice.one_in(3);
        let ask = if is_conditional { ask.with("if-none-exist", name.condition()) } else { ask };
        let target = Target::New { name, id };
        self.write(door, "create", store, Intent { target, content: Some(content) }, ask, 201).await
    }

    async fn update(&mut self, door: &Door) -> Result<(), Unseen> {
        let Some(at) = self.any_track(|track| track.versions.len() < VERSIONS_MAX) else { return Ok(()) };
        let content = self.new_content();
        let track = &self.tracks[at];
        let (store, was_there, version) = (track.store.clone(), track.current().is_some(), track.version());
        let ask = Ask::put(track.path(), &track.name.body(Some(&track.id), &content));
        if was_there && self.dice.one_in(8) {
            let stale = ask.with("if-match", format!("W/\"{}\"", version + 1 + self.dice.below(3) as u64));
            let answer = door.fhir(&store, &stale).await?;
            return self.expect(answer.status == 412, "an update with another If-Match", &answer);
        }
        let is_matched = was_there && self.dice.one_in(2);
        let ask = if is_matched { ask.with("if-match", format!("W/\"{version}\"")) } else { ask };
        let status = if was_there { 200 } else { 201 };
        let intent = Intent { target: Target::Known(at), content: Some(content) };
        self.write(door, "update", store, intent, ask, status).await
    }

    async fn delete(&mut self, door: &Door) -> Result<(), Unseen> {
        let Some(at) = self.any_track(|track| track.current().is_some()) else { return Ok(()) };
        let (store, ask) = (self.tracks[at].store.clone(), Ask::delete(self.tracks[at].path()));
        let intent = Intent { target: Target::Known(at), content: None };
        self.write(door, "delete", store, intent, ask, 204).await
    }

    /// Reads one of its resources, or searches for it: its own writes must show at once.
    async fn look(&mut self, door: &Door) -> Result<(), Unseen> {
        let Some(at) = self.any_track(|_| true) else { return Ok(()) };
        let track = self.tracks[at].clone();
        if let (Some(content), true) = (track.current(), self.dice.one_in(2)) {
            let answer = door.fhir(&track.store, &Ask::get(track.name.search_step(content))).await?;
            let found = answer.body["entry"][0]["resource"]["id"] == track.id.as_str();
            return self.expect(found && answer.body["total"] != 2, "a search for what is current", &answer);
        }
        let answer = door.fhir(&track.store, &Ask::get(track.path())).await?;
        let is_so = match track.current() {
            Some(_) => answer.status == 200 && answer.version == Some(track.version()),
            None => answer.status == 410,
        };
        self.expect(is_so, "a read of its own write", &answer)
    }

    async fn write(
        &mut self,
        door: &Door,
        what: &'static str,
        store: String,
        intent: Intent,
        ask: Ask,
        status: u16,
    ) -> Result<(), Unseen> {
        let version = match &intent.target {
            Target::Known(at) => self.tracks[*at].version() + 1,
            Target::New { .. } => 1,
        };
        let is_deletion = intent.content.is_none();
        let chosen = match &intent.target {
            Target::New { id, .. } => id.clone(),
            Target::Known(at) => Some(self.tracks[*at].id.clone()),
        };
        self.pending = Some(Attempt { store: store.clone(), what, intents: vec![intent] });
        let answer = door.fhir(&store, &ask).await?;
        if answer.status >= 500 {
            // Nothing is known of it then; it is settled like an answer that did not come.
            self.violations.push(format!("{what}: {} {}", answer.status, answer.body));
            return Err(Unseen(format!("status {}", answer.status)));
        }
        let attempt = self.pending.take().expect("it was set above");
        let id = chosen.clone().or(answer.id.clone()).unwrap_or_default();
        let is_so =
            answer.status == status && (is_deletion || answer.version == Some(version)) && !id.is_empty();
        if is_so {
            self.acknowledged += 1;
            record(&mut self.tracks, &attempt, &[id]);
        }
        self.expect(is_so, what, &answer)
    }

    /// Takes note of an answer that should have been another.
    pub(crate) fn expect(&mut self, is_so: bool, what: &str, answer: &Answer) -> Result<(), Unseen> {
        // A server that has too much to do says so before it does anything.
        if !is_so && answer.status != 429 {
            self.violations.push(format!("{}: {what}: {answer:?}", self.name));
        }
        Ok(())
    }

    pub(crate) fn any_store(&mut self) -> String {
        self.dice.pick(&self.stores).clone()
    }

    /// One of its resources, rather a recent one.
    pub(crate) fn any_track(&mut self, fits: impl Fn(&Track) -> bool) -> Option<usize> {
        let count = self.tracks.len();
        if count == 0 {
            return None;
        }
        (0..8).find_map(|_| {
            let back = if self.dice.one_in(2) { count.min(30) } else { count };
            let at = count - 1 - self.dice.below(back);
            fits(&self.tracks[at]).then_some(at)
        })
    }

    pub(crate) fn new_name(&mut self) -> Name {
        self.step += 1;
        let of = if self.dice.one_in(3) { "Patient" } else { "Observation" };
        Name { of, label: format!("{}.{}", self.name, self.step), writer: self.name.clone() }
    }

    pub(crate) fn new_content(&mut self) -> Content {
        self.step += 1;
        Content { step: self.step, subject: None }
    }
}
