//! What is known of each resource that the load wrote: its versions, and the one write whose answer was not seen.

use super::content::{Content, Name};

/// A resource and all its versions, of which version n is the one at n - 1. `None` is a deletion.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    /// The data store that holds it.
    pub(crate) store: String,
    /// What it is called.
    pub(crate) name: Name,
    /// Its id.
    pub(crate) id: String,
    /// What was acknowledged, or found to have been done.
    pub(crate) versions: Vec<Option<Content>>,
    /// Whether it was written, or may have been, since it was last looked at.
    pub(crate) is_touched: bool,
}

/// One write that shall be done.
#[derive(Clone, Debug)]
pub(crate) struct Intent {
    /// Of what.
    pub(crate) target: Target,
    /// What it shall be afterwards; `None`: deleted.
    pub(crate) content: Option<Content>,
}

/// What is written.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// The resource at this place among the writer's.
    Known(usize),
    /// One that comes to be, with the id that it is given, or with one that the server chooses.
    New { name: Name, id: Option<String> },
}

/// Writes that are done together or not at all.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// The data store.
    pub(crate) store: String,
    /// The interaction, for a person.
    pub(crate) what: &'static str,
    /// The writes.
    pub(crate) intents: Vec<Intent>,
}

impl Track {
    /// The current content; `None` if it is deleted.
    pub(crate) fn current(&self) -> Option<&Content> {
        self.versions.last().and_then(Option::as_ref)
    }

    /// The number of the current version.
    pub(crate) fn version(&self) -> u64 {
        self.versions.len() as u64
    }

    /// Its path below the base address.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.name.of, self.id)
    }
}

/// Takes note of writes that were done, `ids` naming those of the resources that came to be.
pub(crate) fn record(tracks: &mut Vec<Track>, attempt: &Attempt, ids: &[String]) {
    for (intent, id) in attempt.intents.iter().zip(ids) {
        match &intent.target {
            Target::Known(at) => {
                tracks[*at].versions.push(intent.content.clone());
                tracks[*at].is_touched = true;
            }
            Target::New { name, .. } => tracks.push(Track {
                store: attempt.store.clone(),
                name: name.clone(),
                id: id.clone(),
                versions: vec![intent.content.clone()],
                is_touched: true,
            }),
        }
    }
}
