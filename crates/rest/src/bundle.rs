//! Bundles of answers, written as bytes: stored bodies are spliced in, never parsed (R4 bundle).

use fhir::{Outcome, Time, push_json_string};
use store::{Operation, Stored};

use crate::links::Base;

/// What an entry takes beside its resource, in bytes, as a guess to reserve room by.
const ENTRY_BYTES: usize = 320;

/// The kind of a Bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BundleKind {
    /// Versions of resources.
    History,
    /// Matches of a search.
    Searchset,
}

/// Why a resource is in a search result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SearchMode {
    /// It matches.
    Match,
    /// A match refers to it, or it to a match.
    Include,
}

/// A Bundle being written.
pub(crate) struct BundleWriter<'a> {
    base: &'a Base,
    out: Vec<u8>,
    is_empty: bool,
}

impl<'a> BundleWriter<'a> {
    /// Starts a Bundle; `links` are relations with their addresses.
    pub(crate) fn new(
        base: &'a Base,
        kind: BundleKind,
        total: Option<u64>,
        links: &[(&str, String)],
        rows: &[Stored],
    ) -> Self {
        let bodies: usize = rows.iter().map(|row| row.body.as_ref().map_or(0, |body| body.len())).sum();
        let mut out = Vec::with_capacity(bodies + rows.len() * ENTRY_BYTES + 1024);
        out.extend_from_slice(match kind {
            BundleKind::History => b"{\"resourceType\":\"Bundle\",\"type\":\"history\"",
            BundleKind::Searchset => b"{\"resourceType\":\"Bundle\",\"type\":\"searchset\"",
        });
        if let Some(total) = total {
            out.extend_from_slice(format!(",\"total\":{total}").as_bytes());
        }
        for (at, (relation, url)) in links.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b",\"link\":[{\"relation\":" } else { b",{\"relation\":" });
            push_json_string(&mut out, relation);
            out.extend_from_slice(b",\"url\":");
            push_json_string(&mut out, url);
            out.push(b'}');
        }
        if !links.is_empty() {
            out.push(b']');
        }
        BundleWriter { base, out, is_empty: true }
    }

    /// Adds a found resource. A row without a body is not one and adds nothing.
    pub(crate) fn found(&mut self, row: &Stored, mode: SearchMode) {
        if row.body.is_none() {
            return;
        }
        self.start(row);
        self.resource(row);
        self.out.extend_from_slice(match mode {
            SearchMode::Match => b",\"search\":{\"mode\":\"match\"}}",
            SearchMode::Include => b",\"search\":{\"mode\":\"include\"}}",
        });
    }

    /// Adds a resource contained in a found one, with its id and its text.
    pub(crate) fn contained(&mut self, row: &Stored, id: &str, text: &[u8]) {
        self.start(row);
        self.out.pop();
        self.out.push(b'#');
        self.out.extend_from_slice(id.as_bytes());
        self.out.extend_from_slice(b"\",\"resource\":");
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b",\"search\":{\"mode\":\"match\"}}");
    }

    /// Adds what there is to say about the answer itself.
    pub(crate) fn outcome(&mut self, outcome: &Outcome) {
        self.out.extend_from_slice(if self.is_empty { b",\"entry\":[" } else { b"," });
        self.is_empty = false;
        self.out.extend_from_slice(b"{\"resource\":");
        self.out.extend_from_slice(&outcome.to_json());
        self.out.extend_from_slice(b",\"search\":{\"mode\":\"outcome\"}}");
    }

    /// Adds a version with what made it.
    pub(crate) fn version(&mut self, row: &Stored) {
        self.start(row);
        self.resource(row);
        let (method, status) = match row.operation {
            Operation::Create => ("POST", "201"),
            Operation::Update if row.is_creation => ("PUT", "201"),
            Operation::Update => ("PUT", "200"),
            Operation::Patch => ("PATCH", "200"),
            Operation::Delete => ("DELETE", "204"),
        };
        let request = format!(",\"request\":{{\"method\":\"{method}\",\"url\":\"{}", row.key.of);
        self.out.extend_from_slice(request.as_bytes());
        if row.operation != Operation::Create {
            self.out.push(b'/');
            self.out.extend_from_slice(row.key.id.as_str().as_bytes());
        }
        let response = format!(
            "\"}},\"response\":{{\"status\":\"{status}\",\"location\":\"{}/_history/{}\",\
             \"etag\":\"W/\\\"{}\\\"\",\"lastModified\":\"{}\"}}}}",
            row.key,
            row.version,
            row.version,
            instant(row.updated)
        );
        self.out.extend_from_slice(response.as_bytes());
    }

    /// The Bundle in JSON.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.out.extend_from_slice(if self.is_empty { b"}" } else { b"]}" });
        self.out
    }

    fn start(&mut self, row: &Stored) {
        self.out.extend_from_slice(if self.is_empty { b",\"entry\":[" } else { b"," });
        self.is_empty = false;
        self.out.extend_from_slice(b"{\"fullUrl\":");
        push_json_string(&mut self.out, self.base.as_str());
        self.out.pop();
        self.out.extend_from_slice(row.key.of.name().as_bytes());
        self.out.push(b'/');
        self.out.extend_from_slice(row.key.id.as_str().as_bytes());
        self.out.push(b'"');
    }

    fn resource(&mut self, row: &Stored) {
        if let Some(body) = &row.body {
            self.out.extend_from_slice(b",\"resource\":");
            fhir::emit(&row.key, body, row.version, row.updated, &mut self.out);
        }
    }
}

fn instant(time: Time) -> String {
    time.to_instant()
}
