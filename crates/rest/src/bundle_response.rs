//! The Bundle that answers a batch or a transaction (R4 bundle, section 2.36.4.2; HealthLake's form of status).

use fhir::{Outcome, ResourceKey, push_json_string};

use crate::Context;
use crate::bundle_entry::BundleUse;
use crate::links::Base;
use crate::outcome::Refusal;
use crate::reply::{Content, Reply};

/// A response Bundle being written.
pub(crate) struct ResponseWriter<'a> {
    base: &'a Base,
    out: Vec<u8>,
    bytes_max: usize,
    is_empty: bool,
}

impl<'a> ResponseWriter<'a> {
    /// Starts the Bundle, which shows as much of resources as may be.
    pub(crate) fn new(context: &Context<'a>, used: BundleUse) -> Self {
        let kind = match used {
            BundleUse::Batch => "batch-response",
            BundleUse::Transaction => "transaction-response",
        };
        let head = format!(
            "{{\"resourceType\":\"Bundle\",\"type\":\"{kind}\",\"timestamp\":\"{}\"",
            context.now.to_instant()
        );
        let bytes_max = context.limits.bundle_content_bytes;
        ResponseWriter { base: context.base, out: head.into_bytes(), bytes_max, is_empty: true }
    }

    /// Whether there is no room for another resource.
    pub(crate) fn is_full(&self) -> bool {
        self.out.len() > self.bytes_max
    }

    /// Adds what an entry got: a reply, about the resource `of` this key if it is about one.
    pub(crate) fn answered(&mut self, reply: &Reply, of: Option<&ResourceKey>) {
        let room = self.bytes_max.saturating_sub(self.out.len());
        let shown = match &reply.content {
            Content::Resource(json) if json.len() <= room => Some(json),
            // What was written stands, whether it is shown or not.
            Content::Resource(_) if reply.location.is_none() => {
                return self.refused(Refusal::too_costly("BUNDLE_CONTENT_BYTES_MAX"));
            }
            _ => None,
        };
        self.start();
        if let Some(json) = shown {
            if let Some(key) = of {
                self.out.extend_from_slice(b"\"fullUrl\":");
                push_json_string(&mut self.out, &format!("{}{key}", self.base.as_str()));
                self.out.push(b',');
            }
            self.out.extend_from_slice(b"\"resource\":");
            self.out.extend_from_slice(json);
            self.out.push(b',');
        }
        self.out.extend_from_slice(format!("\"response\":{{\"status\":\"{}\"", reply.status).as_bytes());
        if let Some(version) = reply.version {
            if let Some(key) = &reply.location {
                let location = format!(",\"location\":\"{key}/_history/{version}\"");
                self.out.extend_from_slice(location.as_bytes());
            }
            self.out.extend_from_slice(format!(",\"etag\":\"W/\\\"{version}\\\"\"").as_bytes());
        }
        if let Some(updated) = reply.updated {
            let modified = format!(",\"lastModified\":\"{}\"", updated.to_instant());
            self.out.extend_from_slice(modified.as_bytes());
        }
        let outcome = match &reply.content {
            Content::Outcome(outcome) => Some(outcome),
            _ => reply.issues.as_ref(),
        };
        if let Some(outcome) = outcome {
            self.outcome(outcome);
        }
        self.out.extend_from_slice(b"}}");
    }

    /// Adds why an entry got nothing.
    pub(crate) fn refused(&mut self, refusal: Refusal) {
        self.start();
        self.out.extend_from_slice(format!("\"response\":{{\"status\":\"{}\"", refusal.status).as_bytes());
        if let Some(version) = refusal.version {
            self.out.extend_from_slice(format!(",\"etag\":\"W/\\\"{version}\\\"\"").as_bytes());
        }
        self.outcome(&refusal.into_outcome());
        self.out.extend_from_slice(b"}}");
    }

    /// The Bundle in JSON.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.out.extend_from_slice(if self.is_empty { b"}" } else { b"]}" });
        self.out
    }

    fn start(&mut self) {
        self.out.extend_from_slice(if self.is_empty { b",\"entry\":[{" } else { b",{" });
        self.is_empty = false;
    }

    fn outcome(&mut self, outcome: &Outcome) {
        self.out.extend_from_slice(b",\"outcome\":");
        self.out.extend_from_slice(&outcome.to_json());
    }
}
