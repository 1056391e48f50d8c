//! The terminology operations (R4 terminology-service): on what each is called, and the codes that it is given.

mod expand;
mod lookup;
mod subsumes;
mod translate;
mod validate_code;
mod value_set;
mod writer;

pub(super) use expand::expand;
pub(super) use lookup::lookup;
pub(super) use subsumes::subsumes;
pub(super) use translate::translate;
pub(super) use validate_code::validate_code;

use std::sync::Arc;

use fhir::{Json, Resource};
use search::{Vocabulary, VocabularyNeed};

use super::OperationCall;
use super::input::Input;
use crate::Context;
use crate::outcome::Refusal;
use crate::read::current;
use crate::vocabulary::source;

/// The name of what the request brings along, which no canonical is.
const OF_REQUEST: &str = "";

/// What names the resource that an operation is about.
struct Aim {
    /// The type, as the address says it.
    of: &'static str,
    /// The parameter with the canonical URL.
    url: &'static str,
    /// The parameter with the version.
    version: &'static str,
    /// The parameter with the resource itself.
    resource: &'static str,
    /// What is to be looked for.
    need: fn(String) -> VocabularyNeed,
}

/// A value set.
const VALUE_SET: Aim = Aim {
    of: "ValueSet",
    url: "url",
    version: "valueSetVersion",
    resource: "valueSet",
    need: VocabularyNeed::ValueSet,
};

/// The resource that an operation is about.
struct Aimed {
    /// The name by which the vocabulary knows it.
    name: String,
    /// The resource, if it is stored here, in a package, or came with the request.
    resource: Option<Arc<Resource>>,
}

impl Aim {
    /// Finds what a call is about and adds it to `vocabulary` with all that it needs; `None` if the call names nothing.
    async fn take(
        &self,
        context: &Context<'_>,
        call: &OperationCall,
        input: &Input,
        vocabulary: &mut Vocabulary,
    ) -> Result<Option<Aimed>, Refusal> {
        let Aim { of, url, version, resource, need } = self;
        let brought = input.resource(resource)?;
        let named = input.text(url)?;
        let ways = [call.instance().is_some(), brought.is_some(), named.is_some()];
        if ways.into_iter().filter(|is_so| *is_so).count() > 1 {
            let sentence = format!("The address of a {of}, {url} and {resource} exclude one another.");
            return Err(Refusal::invalid(sentence));
        }
        if input.has(version) && named.is_none() {
            return Err(Refusal::invalid(format!("{version} goes with {url}.")));
        }
        let source = source(context);
        if let (Some(key), "CodeSystem") = (call.instance(), *of) {
            let name = key.to_string();
            source.complete(vocabulary, vec![need(name.clone())]).await?;
            let is_here = !matches!(vocabulary.code_system(&name), Err(error) if error.is_unknown());
            if is_here {
                return Ok(Some(Aimed { name, resource: None }));
            }
        }
        let found = if let Some(key) = call.instance() {
            let stored = current(context, key).await?.ok_or_else(|| Refusal::not_found(key))?;
            let body = stored.body.ok_or_else(|| Refusal::gone(key, stored.version))?;
            Some(Resource::parse_slice(&body).map_err(|_| Refusal::unreadable_stored(key))?)
        } else {
            brought
        };
        if found.as_ref().is_some_and(|found| found.of().name() != *of) {
            return Err(Refusal::invalid(format!("{resource} must be a {of}.")));
        }
        if let Some(found) = found {
            let more = vocabulary.add(need(OF_REQUEST.to_owned()), Some(&found));
            source.complete(vocabulary, more).await?;
            return Ok(Some(Aimed { name: OF_REQUEST.to_owned(), resource: Some(Arc::new(found)) }));
        }
        let Some(mut name) = named else { return Ok(None) };
        if let Some(version) = input.text(version)?.filter(|_| !name.contains('|')) {
            name = format!("{name}|{version}");
        }
        let need = need(name.clone());
        if *of == "CodeSystem" {
            // A large one may be kept, so that its body need not be opened.
            source.complete(vocabulary, vec![need]).await?;
            return Ok(Some(Aimed { name, resource: None }));
        }
        let found = source.resource(&need, None).await?;
        let (resource, package) = found.map(|found| (found.resource, found.package)).unzip();
        let more = vocabulary.add(need, resource.as_deref());
        source.complete_from(vocabulary, more, package.flatten()).await?;
        Ok(Some(Aimed { name, resource }))
    }
}

/// The parameter that names supplements to use.
const USE_SUPPLEMENT: &str = "useSupplement";

/// Adds the supplements that a call wants to be used.
async fn take_supplements(
    context: &Context<'_>,
    input: &Input,
    vocabulary: &mut Vocabulary,
) -> Result<(), Refusal> {
    let names = input.texts(USE_SUPPLEMENT);
    let needs = names.iter().cloned().map(VocabularyNeed::CodeSystem).collect();
    source(context).complete(vocabulary, needs).await?;
    let all = names.iter().try_for_each(|name| vocabulary.check_supplement(name));
    all.map_err(|error| Refusal::vocabulary(&error))
}

/// A code as a caller gives it.
#[derive(Clone, Debug, Default)]
struct Asked {
    system: Option<String>,
    version: Option<String>,
    code: String,
    display: Option<String>,
}

impl Asked {
    fn of_coding(json: Json<'_>) -> Option<Asked> {
        let text = |name: &str| Some(json.get(name)?.as_str()?.into_owned());
        Some(Asked {
            system: text("system"),
            version: text("version"),
            code: text("code")?,
            display: text("display"),
        })
    }

    /// The canonical name of its code system.
    fn canonical(&self) -> String {
        let system = self.system.clone().unwrap_or_default();
        match &self.version {
            Some(version) => format!("{system}|{version}"),
            None => system,
        }
    }
}

/// The parameters that give a code, beside `coding` and `codeableConcept`.
struct CodeParameters {
    code: &'static str,
    system: Option<&'static str>,
    version: &'static str,
    coding: &'static str,
    concept: Option<&'static str>,
}

impl CodeParameters {
    /// The codes given: one, or those of a CodeableConcept.
    fn read(&self, input: &Input) -> Result<Vec<Asked>, Refusal> {
        let CodeParameters { code, system, version, coding, concept } = self;
        let of_query = |name: &str| {
            let is_object =
                input.objects(name, "valueCoding").chain(input.objects(name, "valueCodeableConcept"));
            input.has(name) && is_object.count() == 0
        };
        if let Some(name) = [Some(*coding), *concept].into_iter().flatten().find(|name| of_query(name)) {
            let sentence = format!("{name} is an object: it is sent in a Parameters resource by POST.");
            return Err(Refusal::invalid(sentence));
        }
        let concept = concept.filter(|concept| input.has(concept));
        let ways = [input.has(code), input.has(coding), concept.is_some()];
        if ways.into_iter().filter(|is_so| *is_so).count() != 1 {
            let names: Vec<&str> = [*code, *coding].into_iter().chain(self.concept).collect();
            return Err(Refusal::invalid(format!("Exactly one of {} must be given.", names.join(", "))));
        }
        if let Some(json) = input.object(coding, "valueCoding")? {
            let found = Asked::of_coding(json);
            return found
                .map(|one| vec![one])
                .ok_or_else(|| Refusal::invalid(format!("{coding} needs a code.")));
        }
        if let Some(concept) = concept {
            let json = input.object(concept, "valueCodeableConcept")?;
            let codings = json.into_iter().filter_map(|json| json.get("coding")).flat_map(Json::items);
            let found: Vec<Asked> = codings.filter_map(Asked::of_coding).collect();
            let none = || Refusal::invalid(format!("{concept} needs a coding with a code."));
            return if found.is_empty() { Err(none()) } else { Ok(found) };
        }
        let code = input.text(code)?.filter(|code| !code.is_empty());
        Ok(vec![Asked {
            system: system.map(|system| input.text(system)).transpose()?.flatten(),
            version: input.text(version)?,
            code: code.ok_or_else(|| Refusal::invalid(format!("{} must not be empty.", self.code)))?,
            display: if input.has("display") { input.text("display")? } else { None },
        }])
    }
}

/// A whole number from zero.
fn number(input: &Input, name: &str) -> Result<Option<usize>, Refusal> {
    let Some(text) = input.text(name)? else { return Ok(None) };
    let wrong = |_| Refusal::value(format!("{name} must be a whole number from 0."));
    text.parse().map(Some).map_err(wrong)
}
