//! Whether everything is there: of every resource each version with its body, the current one by every way that leads
//! to it, and of all of them as many as there must be.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use serde_json::Value;

use super::content::{WRITER, without_meta};
use super::track::Track;
use super::writer::Writer;
use crate::door::{Ask, Door, Unseen};

/// Requests under way at once.
const AT_ONCE: usize = 16;
/// The types that the load writes.
pub(crate) const TYPES: [&str; 2] = ["Patient", "Observation"];

/// What a check found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Resources that were looked at.
    pub(crate) resources: u64,
    /// Versions that were compared.
    pub(crate) versions: u64,
    /// What is wrong, with the evidence.
    pub(crate) violations: Vec<String>,
}

/// Checks the resources of `writer` that were touched, and about one in `share` of the others.
pub(crate) async fn resources(writer: &mut Writer, door: &Door, share: usize) -> Result<Verdict, Unseen> {
    let mut verdict = Verdict::default();
    let mut chosen = Vec::new();
    for track in &mut writer.tracks {
        if std::mem::take(&mut track.is_touched) || writer.dice.one_in(share) {
            chosen.push(track.clone());
        }
    }
    verdict.resources = chosen.len() as u64;
    verdict.versions = chosen.iter().map(Track::version).sum();
    let looks = stream::iter(chosen).map(|track| async move { resource(door, &track).await });
    let mut looks = looks.buffer_unordered(AT_ONCE);
    while let Some(found) = looks.next().await {
        verdict.violations.extend(found?);
    }
    drop(looks);
    for store in writer.stores.clone() {
        for of in TYPES {
            verdict.violations.extend(total_of(writer, door, &store, of).await?);
        }
    }
    Ok(verdict)
}

async fn resource(door: &Door, track: &Track) -> Result<Vec<String>, Unseen> {
    let mut wrong = history(door, track).await?;
    let read = door.fhir(&track.store, &Ask::get(track.path())).await?;
    let is_so = match track.current() {
        Some(content) => {
            read.status == 200
                && read.version == Some(track.version())
                && without_meta(&read.body) == track.name.body(Some(&track.id), content)
        }
        None => read.status == 410,
    };
    if !is_so {
        wrong.push(evidence(track, "is read as", &read.body));
    }
    let number = 1 + track.versions.len() as u64 / 2;
    if let Some(Some(content)) = track.versions.get(number as usize - 1) {
        let ask = Ask::get(format!("{}/_history/{number}", track.path()));
        let read = door.fhir(&track.store, &ask).await?;
        if without_meta(&read.body) != track.name.body(Some(&track.id), content) {
            wrong.push(evidence(track, "has as its middle version", &read.body));
        }
    }
    wrong.extend(searches(door, track).await?);
    Ok(wrong)
}

/// Compares all versions, the newest first, and their times, which never rise on the way back.
async fn history(door: &Door, track: &Track) -> Result<Vec<String>, Unseen> {
    let ask = Ask::get(format!("{}/_history?_count=100", track.path()));
    let answer = door.fhir(&track.store, &ask).await?;
    let found: &[Value] = answer.body["entry"].as_array().map_or(&[], |entries| entries);
    if found.len() != track.versions.len() {
        return Ok(vec![evidence(track, "has as its history", &answer.body)]);
    }
    let mut wrong = Vec::new();
    let mut after = None::<&str>;
    for (entry, (at, content)) in found.iter().zip(track.versions.iter().enumerate().rev()) {
        let etag = entry["response"]["etag"] == format!("W/\"{}\"", at + 1);
        let number = (at + 1).to_string();
        let is_same = match content {
            Some(content) => {
                without_meta(&entry["resource"]) == track.name.body(Some(&track.id), content)
                    && entry["resource"]["meta"]["versionId"] == number.as_str()
            }
            None => entry["request"]["method"] == "DELETE" && entry["resource"].is_null(),
        };
        let time = entry["response"]["lastModified"].as_str();
        if !etag || !is_same || time.is_none() || after.is_some_and(|after| time > Some(after)) {
            wrong.push(evidence(track, &format!("has as version {}", at + 1), entry));
        }
        after = time;
    }
    Ok(wrong)
}

/// The current version is found by its own token, and no earlier one is by its.
async fn searches(door: &Door, track: &Track) -> Result<Vec<String>, Unseen> {
    let mut wrong = Vec::new();
    let before = track.versions.len().checked_sub(2).and_then(|at| track.versions[at].as_ref());
    for (content, is_current) in [(track.current(), true), (before, false)] {
        let Some(content) = content else { continue };
        let answer = door.fhir(&track.store, &Ask::get(track.name.search_step(content))).await?;
        let found: &[Value] = answer.body["entry"].as_array().map_or(&[], |entries| entries);
        let is_so = match (found, is_current) {
            ([one], true) => without_meta(&one["resource"]) == track.name.body(Some(&track.id), content),
            ([], false) => answer.status == 200,
            _ => false,
        };
        if !is_so {
            let which = if is_current { "current" } else { "former" };
            wrong.push(evidence(track, &format!("is found by its {which} token as"), &answer.body));
        }
    }
    Ok(wrong)
}

async fn total_of(writer: &Writer, door: &Door, store: &str, of: &str) -> Result<Option<String>, Unseen> {
    let is_counted =
        |track: &&Track| track.store == store && track.name.of == of && track.current().is_some();
    let wanted = writer.tracks.iter().filter(is_counted).count() as u64;
    let query = format!("identifier={WRITER}%7C{}", writer.name);
    let found = count(door, store, of, &query).await?;
    Ok((found != Some(wanted)).then(|| {
        format!("{} has {wanted} of {of} in the data store {store}, and {found:?} are found", writer.name)
    }))
}

/// How many resources of a type pass a search.
pub(crate) async fn count(door: &Door, store: &str, of: &str, query: &str) -> Result<Option<u64>, Unseen> {
    let answer = door.fhir(store, &Ask::get(format!("{of}?{query}&_summary=count"))).await?;
    Ok(answer.body["total"].as_u64())
}

/// Checks that no data store holds anything but what `writers` wrote and `imported` says, by type and data store.
pub(crate) async fn totals(
    writers: &[Writer],
    imported: &BTreeMap<(String, &'static str), u64>,
    door: &Door,
) -> Result<Vec<String>, Unseen> {
    let mut wanted = imported.clone();
    let written = writers.iter().flat_map(|writer| &writer.tracks);
    for track in written.filter(|track| track.current().is_some()) {
        *wanted.entry((track.store.clone(), track.name.of)).or_default() += 1;
    }
    let mut wrong = Vec::new();
    for ((store, of), wanted) in wanted {
        let found = count(door, &store, of, "").await?;
        if found != Some(wanted) {
            wrong.push(format!("the data store {store} holds {wanted} of {of}, and {found:?} are found"));
        }
    }
    Ok(wrong)
}

fn evidence(track: &Track, what: &str, found: &Value) -> String {
    let steps: Vec<String> = track
        .versions
        .iter()
        .map(|version| version.as_ref().map_or("deleted".to_owned(), |content| content.step.to_string()))
        .collect();
    format!("{} of {} with versions [{}] {what}: {found}", track.path(), track.store, steps.join(", "))
}
