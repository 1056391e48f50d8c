//! `$validate`: what would be wrong with a resource (R4 resource, operation validate).

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use fhir::{
    Bindings, Guides, Issue, IssueCode, Level, Outcome, Resource, ResourceKey, ResourceType, Rules, Severity,
    Wanted,
};
use search::{Vocabulary, VocabularyNeed};

use super::input::Input;
use super::{OperationCall, OperationLevel};
use crate::Context;
use crate::interaction::is_immutable;
use crate::outcome::Refusal;
use crate::read::current;
use crate::reply::Reply;
use crate::vocabulary::source;

/// What the resource is meant for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Any content.
    Content,
    /// To be created.
    Create,
    /// To be the next version of the resource that stands here.
    Update,
    /// Nothing: the resource that stands here is to be deleted.
    Delete,
}

/// Answers what is wrong, warnings too; always an OperationOutcome.
pub(crate) async fn validate(context: &Context<'_>, call: OperationCall) -> Result<Reply, Refusal> {
    let input = Input::of(&call)?;
    input.check(&["resource", "mode", "profile"], true)?;
    let mode = mode(&input, &call.at)?;
    let mut issues = Vec::new();
    if mode == Mode::Delete {
        check_deletable(context, &call, &mut issues).await?;
    } else {
        let resource = subject(context, &call, &input).await?;
        issues.extend(misplaced(&resource, &call.at, mode));
        // What minimal validation lets pass is what somebody who asks wants to hear of.
        issues.extend(fhir::review(&resource, Level::Strict));
        issues.extend(by_profiles(context, &input, &resource).await?);
    }
    if issues.is_empty() {
        let fine = Issue::error(IssueCode::Informational, "Validation successful");
        issues.push(Issue { severity: Severity::Information, ..fine });
    }
    Ok(Reply::resource(Outcome(issues).to_json()))
}

fn mode(input: &Input, at: &OperationLevel) -> Result<Mode, Refusal> {
    let is_instance = matches!(at, OperationLevel::Instance(_));
    match input.text("mode")?.as_deref() {
        None => Ok(Mode::Content),
        Some("profile") if input.text("profile")?.is_none() => {
            Err(Refusal::invalid("The mode profile needs a profile."))
        }
        Some("profile") => Ok(Mode::Content),
        Some("create") if is_instance => Err(Refusal::invalid("The mode create is asked of a type.")),
        Some("create") => Ok(Mode::Create),
        Some("update" | "delete") if !is_instance => {
            Err(Refusal::invalid("The modes update and delete are asked of a resource."))
        }
        Some("update") => Ok(Mode::Update),
        Some("delete") => Ok(Mode::Delete),
        Some(_) => Err(Refusal::value("mode must be create, update, delete or profile.")),
    }
}

/// The resource that is sent or, if none is, the one that stands here.
async fn subject(context: &Context<'_>, call: &OperationCall, input: &Input) -> Result<Resource, Refusal> {
    match (input.resource("resource")?, call.instance()) {
        (Some(resource), _) => Ok(resource),
        (None, Some(key)) => {
            let found = current(context, key).await?.ok_or_else(|| Refusal::not_found(key))?;
            let body = found.body.as_ref().ok_or_else(|| Refusal::gone(key, found.version))?;
            let mut shown = Vec::new();
            fhir::emit(key, body, found.version, found.updated, &mut shown);
            Resource::parse(shown).map_err(|_| Refusal::unreadable_stored(key))
        }
        (None, None) => {
            Err(Refusal::invalid("There is no resource: send it, alone or as the parameter resource."))
        }
    }
}

/// What is wrong with the type and the id of a resource, for where it is to stand.
fn misplaced(resource: &Resource, at: &OperationLevel, mode: Mode) -> Vec<Issue> {
    let mut issues = Vec::new();
    let of = match at {
        OperationLevel::System => None,
        OperationLevel::Type(of) => Some(*of),
        OperationLevel::Instance(key) | OperationLevel::Version(key, _) => Some(key.of),
    };
    if let Some(of) = of.filter(|of| *of != resource.of()) {
        let words = format!("The address takes resources of type {of}, not {}.", resource.of());
        issues.push(Issue::error(IssueCode::Invalid, words).at("Resource.resourceType"));
    }
    if let (Mode::Update, OperationLevel::Instance(key)) = (mode, at)
        && resource.id() != Some(&key.id)
    {
        let words = "The resource must carry the id of the address.";
        issues.push(Issue::error(IssueCode::Value, words).at(format!("{}.id", key.of)));
    }
    if mode == Mode::Update && is_immutable(resource.of()) {
        issues.push(Issue::error(IssueCode::BusinessRule, immutable(resource.of())));
    }
    issues
}

fn immutable(of: ResourceType) -> String {
    format!("A {of} is written once: it is neither updated nor deleted.")
}

/// Whether the resource that stands here may be deleted.
async fn check_deletable(
    context: &Context<'_>,
    call: &OperationCall,
    issues: &mut Vec<Issue>,
) -> Result<(), Refusal> {
    let key: &ResourceKey =
        call.instance().ok_or_else(|| Refusal::invalid("The mode delete is asked of a resource."))?;
    let found = current(context, key).await?.ok_or_else(|| Refusal::not_found(key))?;
    if found.body.is_none() {
        return Err(Refusal::gone(key, found.version));
    }
    if is_immutable(key.of) {
        issues.push(Issue::error(IssueCode::BusinessRule, immutable(key.of)));
    }
    Ok(())
}

/// What the profiles find wrong that are asked for, those that the resource claims, and the definitions of its
/// extensions; and what R4 says of codes that are not from value sets from which they should come.
///
/// Value sets that neither the standard nor a package tells all about are looked for in the data store.
async fn by_profiles(
    context: &Context<'_>,
    input: &Input,
    resource: &Resource,
) -> Result<Vec<Issue>, Refusal> {
    let guides = context.packages.current();
    let (defaults, now) = (context.default_profiles(), context.now);
    let rules = Rules { level: Level::Strict, guides: &guides, defaults, now };
    let asked = input.texts("profile");
    let asked = asked.iter().map(|canonical| guides.profile(&guides.pinned(canonical, defaults), None));
    let asked = asked.collect::<Result<Vec<_>, _>>().map_err(|error| Refusal::unknown_profile(&error))?;
    let review = |bindings: &dyn Bindings| {
        let by_asked =
            asked.iter().flat_map(|set| fhir::review_profile(resource, set, &guides, bindings, now));
        let mut issues: Vec<Issue> = by_asked.collect();
        issues.extend(fhir::review_bindings(resource, bindings));
        let by_claimed = fhir::review_claims(resource, &rules, bindings, Wanted::All);
        issues.extend(by_claimed.into_iter().filter(|issue| !issues.contains(issue)).collect::<Vec<_>>());
        issues
    };
    let mut bound = Bound { guides: &guides, vocabulary: Vocabulary::new(), unknown: Mutex::default() };
    let issues = review(&bound);
    let unknown = std::mem::take(bound.unknown.get_mut().unwrap_or_else(PoisonError::into_inner));
    if unknown.is_empty() {
        return Ok(issues);
    }
    let needs = unknown.into_iter().map(VocabularyNeed::ValueSet).collect();
    source(context).complete(&mut bound.vocabulary, needs).await?;
    Ok(review(&bound))
}

/// Bindings as the standard and the packages tell, then as the data store does as far as it was asked; keeps the value
/// sets that nobody has told about.
struct Bound<'g> {
    guides: &'g Guides,
    vocabulary: Vocabulary,
    unknown: Mutex<BTreeSet<String>>,
}

impl Bindings for Bound<'_> {
    fn member_of(
        &self,
        system: Option<&str>,
        code: &str,
        value_set: &str,
        from: Option<u32>,
    ) -> Option<bool> {
        let found = self.guides.bindings().member_of(system, code, value_set, from);
        let found = found.or_else(|| self.vocabulary.is_in_value_set(value_set, system?, code));
        if found.is_none() {
            let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
            unknown.insert(value_set.to_owned());
        }
        found
    }

    fn subsumes(&self, system: &str, code: &str, other: &str, from: Option<u32>) -> Option<bool> {
        self.guides.bindings().subsumes(system, code, other, from)
    }
}
