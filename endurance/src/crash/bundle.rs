//! Transaction Bundles: writes of all kinds that must be done together, some of them conditional, some referring to
//! each other.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::content::Content;
use super::track::{Attempt, Intent, Target, record};
use super::writer::Writer;
use crate::door::{Answer, Ask, Door, Unseen, id_of};

/// Entries of a small Bundle, and of a large one, at the most.
const ENTRIES_MAX: usize = 30;
const ENTRIES_LARGE_MAX: usize = 300;

/// A Bundle in the making.
#[derive(Default)]
struct Draft {
    store: String,
    entries: Vec<Value>,
    /// What each entry writes, with the status that it must be answered with; `None` if it only looks.
    intents: Vec<Option<Intent>>,
    statuses: Vec<&'static str>,
    /// The resources that it has already taken up.
    taken: HashSet<usize>,
    /// A Patient of it: the link that stands for it, and its id.
    patient: Option<(String, String)>,
}

/// Posts a transaction.
pub(crate) async fn post(writer: &mut Writer, door: &Door) -> Result<(), Unseen> {
    let most = if writer.dice.one_in(6) { ENTRIES_LARGE_MAX } else { ENTRIES_MAX };
    let count = 1 + writer.dice.below(most);
    let mut draft = Draft { store: writer.any_store(), ..Draft::default() };
    for _ in 0..count {
        match writer.dice.below(10) {
            0..5 => draft.create(writer),
            5..7 => draft.update(writer),
            7 => draft.delete(writer),
            8 => draft.create_what_exists(writer),
            _ => draft.create_patient(writer),
        }
    }
    if draft.entries.is_empty() {
        return Ok(());
    }
    let intents = draft.intents.iter().flatten().cloned().collect();
    writer.pending = Some(Attempt { store: draft.store.clone(), what: "transaction", intents });
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": draft.entries });
    let answer = door.fhir(&draft.store, &Ask::post("", &bundle)).await?;
    if answer.status >= 500 {
        writer.violations.push(format!("transaction: {} {}", answer.status, answer.body));
        return Err(Unseen(format!("status {}", answer.status)));
    }
    let attempt = writer.pending.take().expect("it was set above");
    let ids = draft.answered(writer, &answer);
    if let Some(ids) = &ids {
        writer.acknowledged += ids.len() as u64;
        record(&mut writer.tracks, &attempt, ids);
    }
    writer.expect(ids.is_some(), "a transaction", &answer)
}

impl Draft {
    fn create(&mut self, writer: &mut Writer) {
        let (name, mut content) = (writer.new_name(), writer.new_content());
        let mut body = name.body(None, &content);
        if let (Some((link, id)), "Observation") = (&self.patient, name.of) {
            content.subject = Some(format!("Patient/{id}"));
            body["subject"] = json!({ "reference": link });
        }
        let mut request = json!({ "method": "POST", "url": name.of });
        if writer.dice.one_in(8) {
            request["ifNoneExist"] = json!(name.condition());
        }
        self.push(request, Some(body), "201", Some((Target::New { name, id: None }, Some(content))));
    }

    /// A Patient with a chosen id, to which entries that follow refer by a link.
    fn create_patient(&mut self, writer: &mut Writer) {
        let (mut name, content) = (writer.new_name(), writer.new_content());
        name.of = "Patient";
        let id = format!("in-{}", name.label.replace('.', "-"));
        let link = format!("urn:uuid:00000000-0000-4000-8000-{:012x}", content.step);
        let body = name.body(Some(&id), &content);
        let request = json!({ "method": "PUT", "url": format!("Patient/{id}") });
        self.patient = Some((link.clone(), id.clone()));
        self.push(request, Some(body), "201", Some((Target::New { name, id: Some(id) }, Some(content))));
        self.entries.last_mut().expect("one was pushed")["fullUrl"] = json!(link);
    }

    fn update(&mut self, writer: &mut Writer) {
        let Some(at) = self.take(writer, |_| true) else { return };
        let content = writer.new_content();
        let track = &writer.tracks[at];
        let was_there = track.current().is_some();
        let is_searched = was_there && content.step.is_multiple_of(3);
        let url = if is_searched { track.name.search() } else { track.path() };
        let mut request = json!({ "method": "PUT", "url": url });
        if was_there && !is_searched && content.step.is_multiple_of(2) {
            request["ifMatch"] = json!(format!("W/\"{}\"", track.version()));
        }
        let body = track.name.body((!is_searched).then_some(&track.id), &content);
        let status = if was_there { "200" } else { "201" };
        self.push(request, Some(body), status, Some((Target::Known(at), Some(content))));
    }

    fn delete(&mut self, writer: &mut Writer) {
        let Some(at) = self.take(writer, |is_there| is_there) else { return };
        let request = json!({ "method": "DELETE", "url": writer.tracks[at].path() });
        self.push(request, None, "204", Some((Target::Known(at), None)));
    }

    /// A conditional create of what is there already: nothing must come of it.
    fn create_what_exists(&mut self, writer: &mut Writer) {
        let Some(at) = self.take(writer, |is_there| is_there) else { return };
        let track = &writer.tracks[at];
        let body = track.name.body(None, &Content { step: 0, subject: None });
        let request =
            json!({ "method": "POST", "url": track.name.of, "ifNoneExist": track.name.condition() });
        self.push(request, Some(body), "200", None);
    }

    /// A resource of this data store that no other entry is about.
    fn take(&mut self, writer: &mut Writer, fits: impl Fn(bool) -> bool) -> Option<usize> {
        let (store, taken) = (&self.store, &self.taken);
        let here = |track: &super::track::Track| track.store == *store && fits(track.current().is_some());
        let at = writer.any_track(here).filter(|at| !taken.contains(at))?;
        self.taken.insert(at);
        Some(at)
    }

    fn push(
        &mut self,
        request: Value,
        body: Option<Value>,
        status: &'static str,
        write: Option<(Target, Option<Content>)>,
    ) {
        let mut entry = json!({ "request": request });
        if let Some(body) = body {
            entry["resource"] = body;
        }
        self.entries.push(entry);
        self.statuses.push(status);
        self.intents.push(write.map(|(target, content)| Intent { target, content }));
    }

    /// The ids that the answer gives to the writes, if it is what it must be.
    fn answered(&self, writer: &Writer, answer: &Answer) -> Option<Vec<String>> {
        let entries = answer.body["entry"].as_array()?;
        if answer.status != 200 || entries.len() != self.entries.len() {
            return None;
        }
        let mut ids = Vec::new();
        for ((entry, intent), status) in entries.iter().zip(&self.intents).zip(&self.statuses) {
            let response = &entry["response"];
            if !response["status"].as_str()?.starts_with(status) {
                return None;
            }
            let Some(intent) = intent else { continue };
            let version = match &intent.target {
                Target::Known(at) => writer.tracks[*at].version() + 1,
                Target::New { .. } => 1,
            };
            if intent.content.is_some() && response["etag"] != format!("W/\"{version}\"") {
                return None;
            }
            let told = response["location"].as_str().and_then(id_of);
            ids.push(match &intent.target {
                Target::Known(at) => writer.tracks[*at].id.clone(),
                Target::New { id, .. } => id.as_deref().or(told)?.to_owned(),
            });
        }
        Some(ids)
    }
}
