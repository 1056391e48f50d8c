//! Settling a write whose answer was not seen: it must be there wholly, or not at all.

use super::content::without_meta;
use super::track::{Attempt, Intent, Target, record};
use super::writer::Writer;
use crate::door::{Ask, Door, Unseen};

/// How the unseen answers of a run turned out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settled {
    /// The write had been done.
    pub(crate) done: u64,
    /// It had not.
    pub(crate) not_done: u64,
}

/// What became of one write.
enum Found {
    /// It is there, in the resource with this id.
    Done(String),
    NotDone,
    /// Something is there that nobody wrote.
    Strange(String),
}

/// Finds out what became of the write that `writer` saw no answer to, and takes note of it.
pub(crate) async fn settle(writer: &mut Writer, door: &Door, settled: &mut Settled) -> Result<(), Unseen> {
    let Some(attempt) = writer.pending.clone() else { return Ok(()) };
    let mut ids = Vec::new();
    let (mut missing, mut strange) = (0, Vec::new());
    for intent in &attempt.intents {
        match look(writer, door, &attempt, intent).await? {
            Found::Done(id) => ids.push(id),
            Found::NotDone => missing += 1,
            Found::Strange(what) => strange.push(what),
        }
    }
    writer.pending = None;
    let what = attempt.what;
    if !strange.is_empty() {
        writer.violations.push(format!("{what} without an answer: {}", strange.join("; ")));
    } else if missing == 0 {
        settled.done += u64::from(!attempt.intents.is_empty());
        record(&mut writer.tracks, &attempt, &ids);
    } else if ids.is_empty() {
        settled.not_done += 1;
        for intent in &attempt.intents {
            if let Target::Known(at) = intent.target {
                writer.tracks[at].is_touched = true;
            }
        }
    } else {
        let evidence = format!("{} of its writes are there and {missing} are not: {ids:?}", ids.len());
        writer.violations.push(format!("a {what} was done in part: {evidence}"));
    }
    Ok(())
}

async fn look(writer: &Writer, door: &Door, attempt: &Attempt, intent: &Intent) -> Result<Found, Unseen> {
    let (name, id, version) = match &intent.target {
        Target::Known(at) => {
            let track = &writer.tracks[*at];
            (&track.name, track.id.clone(), track.version() + 1)
        }
        Target::New { name, id: Some(id) } => (name, id.clone(), 1),
        Target::New { name, id: None } => {
            let answer = door.fhir(&attempt.store, &Ask::get(name.search())).await?;
            let found = answer.body["entry"].as_array().map_or(&[][..], |entries| entries);
            match found {
                [] if answer.status == 200 => return Ok(Found::NotDone),
                [one] => {
                    let id = one["resource"]["id"].as_str().unwrap_or_default();
                    (name, id.to_owned(), 1)
                }
                _ => return Ok(Found::Strange(format!("{}: {answer:?}", name.label))),
            }
        }
    };
    let path = format!("{}/{id}/_history/{version}", name.of);
    let answer = door.fhir(&attempt.store, &Ask::get(&path)).await?;
    Ok(match (answer.status, &intent.content) {
        (404, _) => Found::NotDone,
        (410, None) => Found::Done(id),
        (200, Some(content)) if without_meta(&answer.body) == name.body(Some(&id), content) => {
            Found::Done(id)
        }
        _ => Found::Strange(format!("{path}: {answer:?}")),
    })
}
