//! The links of a transaction's resources: those to other entries become links to where their resources will
//! stand, and conditional references links to what they find (R4 http, section 3.1.0.11.2).

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use fhir::{Json, Link, LinkAt, LinkPlace, Reference, ResourceKey, ResourceType, links, relinked};
use store::Precondition;

use super::Aimed;
use crate::aim::Deed;
use crate::criterion::Criterion;
use crate::interaction::Interaction;
use crate::limits::CONDITIONAL_REFERENCES_MAX;
use crate::outcome::Refusal;
use crate::route::parse_query;
use crate::{Context, gate};

/// The interactions with their links replaced, and what that relied on.
pub(super) struct Relinked {
    /// One for each write, in order.
    pub(super) interactions: Vec<Interaction>,
    /// Each with the number of the entry that relies on it.
    pub(super) preconditions: Vec<(usize, Precondition)>,
}

/// Where the resources of the entries will stand, by their fullUrls.
struct Targets<'e> {
    by_url: HashMap<&'e str, &'e Aimed<'e>>,
}

/// A link that leads into the Bundle, or is a search.
enum Leads<'e> {
    To { target: &'e Aimed<'e>, is_versioned: bool, fragment: Option<String> },
    Search(ResourceType, String),
}

/// What conditional references find, each text once.
#[derive(Default)]
struct Searches {
    found: HashMap<String, ResourceKey>,
    preconditions: Vec<(usize, Precondition)>,
}

/// Replaces the links of all writes.
pub(super) async fn relink(context: &Context<'_>, aims: &[Aimed<'_>]) -> Result<Relinked, Refusal> {
    let targets = Targets::of(aims);
    let deleted: HashSet<&ResourceKey> =
        aims.iter().filter(|aimed| aimed.aim.deed == Deed::Delete).map(|aimed| &aimed.aim.key).collect();
    let mut searches = Searches::default();
    let mut interactions = Vec::with_capacity(aims.len());
    for aimed in aims {
        let number = aimed.entry.number;
        let mut interaction = aimed.entry.interaction().clone();
        if let (Some(resource), Some(body)) = (aimed.entry.resource, interaction.body_mut()) {
            let mut new = Vec::new();
            for (at, lead) in targets.leads(aimed, resource) {
                let text = match lead {
                    Leads::To { target, is_versioned, fragment } => {
                        if is_versioned {
                            searches.preconditions.extend(target.at_version().map(|one| (number, one)));
                        }
                        link_to(target, is_versioned, fragment.as_deref())
                    }
                    Leads::Search(of, text) => {
                        let found = searches.look_up(context, number, (of, &text)).await;
                        let found = found.map_err(|refusal| refusal.of_reference(number))?;
                        if deleted.contains(&found) {
                            return Err(Refusal::refers_to_deleted().of_reference(number));
                        }
                        found.to_string()
                    }
                };
                new.push((at, text));
            }
            if !new.is_empty() {
                *body = relinked(resource, &new).into();
            }
        }
        interactions.push(interaction);
    }
    Ok(Relinked { interactions, preconditions: searches.preconditions })
}

impl Searches {
    /// The one resource that a conditional reference means, and remembers that the commit relies on it.
    async fn look_up(
        &mut self,
        context: &Context<'_>,
        number: usize,
        (of, text): (ResourceType, &str),
    ) -> Result<ResourceKey, Refusal> {
        if let Some(key) = self.found.get(text) {
            return Ok(key.clone());
        }
        gate::check_search(context.access)?;
        if self.found.len() >= context.limits.bundle_entries.max(CONDITIONAL_REFERENCES_MAX) {
            return Err(Refusal::too_costly("CONDITIONAL_REFERENCES_MAX"));
        }
        let query = text.split_once('?').map_or("", |(_, query)| query);
        let criterion = Criterion::compile(context, of, &parse_query(query)?).await?;
        let found = criterion.one(context).await?.ok_or_else(|| Refusal::refers_to_nothing(of))?;
        self.preconditions.push((number, criterion.only_match(context, &found.key)));
        self.found.insert(text.to_owned(), found.key.clone());
        Ok(found.key)
    }
}

fn link_to(target: &Aimed<'_>, is_versioned: bool, fragment: Option<&str>) -> String {
    let mut text = target.aim.key.to_string();
    if is_versioned {
        text.push_str(&format!("/_history/{}", target.next_version()));
    }
    if let Some(fragment) = fragment {
        text.push('#');
        text.push_str(fragment);
    }
    text
}

impl<'e> Targets<'e> {
    fn of(aims: &'e [Aimed<'e>]) -> Targets<'e> {
        let is_target = |aimed: &&Aimed<'_>| aimed.entry.resource.is_some();
        let by_url = aims.iter().filter(is_target);
        let by_url = by_url.filter_map(|aimed| Some((aimed.entry.full_url.as_deref()?, aimed))).collect();
        Targets { by_url }
    }

    /// The links of a resource that must be replaced.
    fn leads(&self, holder: &Aimed<'_>, resource: Json<'_>) -> Vec<(LinkAt, Leads<'e>)> {
        let base = holder.entry.full_url.as_deref().map(Reference::parse);
        let base = match base {
            Some(Reference::Absolute { base, .. }) => Some(base),
            _ => None,
        };
        let mut all = Vec::new();
        links(resource, &mut |link: Link<'_>| {
            if let Some(lead) = self.lead(base, &link) {
                all.push((link.at, lead));
            }
        });
        all
    }

    fn lead(&self, base: Option<&str>, link: &Link<'_>) -> Option<Leads<'e>> {
        let (text, fragment) = match link.text.split_once('#') {
            Some((text, fragment)) => (text, Some(fragment)),
            None => (&*link.text, None),
        };
        let (bare, is_versioned) =
            text.rsplit_once("/_history/").map_or((text, false), |(bare, _)| (bare, true));
        if let Some(target) = self.find(base, bare) {
            return Some(Leads::To { target, is_versioned, fragment: fragment.map(str::to_owned) });
        }
        match Reference::parse(&link.text) {
            Reference::Conditional { of, .. } if link.place == LinkPlace::Reference => {
                Some(Leads::Search(of, link.text.clone().into_owned()))
            }
            _ => None,
        }
    }

    /// The entry that a link without version and fragment means: by its fullUrl, or relative to the server that
    /// the holder comes from.
    fn find(&self, base: Option<&str>, bare: &str) -> Option<&'e Aimed<'e>> {
        if let Some(target) = self.by_url.get(bare) {
            return Some(target);
        }
        match (base, Reference::parse(bare)) {
            (Some(base), Reference::Relative { .. }) => {
                let absolute: Cow<'_, str> = format!("{base}/{bare}").into();
                self.by_url.get(&*absolute).copied()
            }
            _ => None,
        }
    }
}
