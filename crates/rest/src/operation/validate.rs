//! `$validate`: what would be wrong with a resource (R4 resource, operation validate).

use fhir::{Issue, IssueCode, Level, Outcome, Resource, ResourceKey, ResourceType, Severity};

use super::input::Input;
use super::{OperationCall, OperationLevel};
use crate::Context;
use crate::interaction::is_immutable;
use crate::outcome::Refusal;
use crate::read::current;
use crate::reply::Reply;

/// Where the standard's own profiles live.
const STANDARD: &str = "http://hl7.org/fhir/StructureDefinition/";

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
        check_profile(&input, resource.of())?;
        issues.extend(misplaced(&resource, &call.at, mode));
        // What minimal validation lets pass is what somebody who asks wants to hear of.
        issues.extend(fhir::review(&resource, Level::Strict));
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

/// Refuses profiles that are not known (404). The standard's own of the type is asked in any case.
fn check_profile(input: &Input, of: ResourceType) -> Result<(), Refusal> {
    for profile in input.texts("profile") {
        let url = profile.split('|').next().unwrap_or_default();
        let version = profile.split_once('|').map(|(_, version)| version);
        let named = url.strip_prefix(STANDARD).and_then(|name| fhir::definitions().type_named(name));
        let is_base = named.is_some_and(|named| fhir::definitions().resource(of).is(named.name));
        if !is_base || version.is_some_and(|version| !matches!(version, "4.0.1" | "4.0")) {
            return Err(Refusal::unknown_profile(&profile));
        }
    }
    Ok(())
}
