//! `$validate-code` (R4 ValueSet and CodeSystem operations): whether a code is in a value set or code system.

use search::{Checked, Coded, Vocabulary, VocabularyNeed};

use super::writer::Writer;
use super::{Aim, Asked, CodeParameters, USE_SUPPLEMENT, VALUE_SET, take_supplements};
use crate::Context;
use crate::operation::input::Input;
use crate::operation::{OperationCall, OperationLevel};
use crate::outcome::Refusal;
use crate::reply::Reply;
use crate::vocabulary::source;

const OF_VALUE_SET: [&str; 11] = [
    "url",
    "valueSet",
    "valueSetVersion",
    "code",
    "system",
    "systemVersion",
    "display",
    "coding",
    "codeableConcept",
    "abstract",
    USE_SUPPLEMENT,
];
const OF_CODE_SYSTEM: [&str; 9] = [
    "url",
    "codeSystem",
    "code",
    "version",
    "display",
    "coding",
    "codeableConcept",
    "abstract",
    USE_SUPPLEMENT,
];

/// Whether a code is where it should be.
pub(crate) async fn validate_code(context: &Context<'_>, call: OperationCall) -> Result<Reply, Refusal> {
    let is_of_value_set = match &call.at {
        OperationLevel::Type(of) => of.name() == "ValueSet",
        _ => call.instance().is_some_and(|key| key.of.name() == "ValueSet"),
    };
    if is_of_value_set { in_value_set(context, &call).await } else { in_code_system(context, &call).await }
}

async fn in_value_set(context: &Context<'_>, call: &OperationCall) -> Result<Reply, Refusal> {
    let input = Input::of(call)?;
    input.check(&OF_VALUE_SET, true)?;
    let codes = CodeParameters {
        code: "code",
        system: Some("system"),
        version: "systemVersion",
        coding: "coding",
        concept: Some("codeableConcept"),
    };
    let asked = codes.read(&input)?;
    if input.has("code") && asked.iter().any(|asked| asked.system.is_none()) {
        return Err(Refusal::invalid("With code, its system must be given."));
    }
    let mut vocabulary = Vocabulary::new();
    let aimed = VALUE_SET.take(context, call, &input, &mut vocabulary).await?;
    let aimed = aimed.ok_or_else(|| Refusal::invalid("One of url and valueSet must be given."))?;
    let systems = asked.iter().filter(|asked| asked.system.is_some());
    let needs = systems.map(|asked| VocabularyNeed::CodeSystem(asked.canonical())).collect();
    source(context).complete(&mut vocabulary, needs).await?;
    take_supplements(context, &input, &mut vocabulary).await?;
    let is_abstract_allowed = input.boolean("abstract")? == Some(true);
    answer(&asked, |asked| {
        let Some(system) = &asked.system else { return Ok(without_system(asked)) };
        let checked = vocabulary.check_in_value_set(&aimed.name, &coded(asked, system, is_abstract_allowed));
        checked.map_err(|error| Refusal::vocabulary(&error))
    })
}

async fn in_code_system(context: &Context<'_>, call: &OperationCall) -> Result<Reply, Refusal> {
    let input = Input::of(call)?;
    input.check(&OF_CODE_SYSTEM, true)?;
    let codes = CodeParameters {
        code: "code",
        system: None,
        version: "version",
        coding: "coding",
        concept: Some("codeableConcept"),
    };
    let asked = codes.read(&input)?;
    let aim = Aim {
        of: "CodeSystem",
        url: "url",
        version: "version",
        resource: "codeSystem",
        need: VocabularyNeed::CodeSystem,
    };
    let mut vocabulary = Vocabulary::new();
    let name = match aim.take(context, call, &input, &mut vocabulary).await? {
        Some(aimed) => aimed.name,
        // A coding names its code system itself.
        None => {
            let named = asked.iter().find(|asked| asked.system.is_some()).map(Asked::canonical);
            let missing = "One of url, codeSystem and a coding with its system must be given.";
            let name = named.ok_or_else(|| Refusal::invalid(missing))?;
            source(context).complete(&mut vocabulary, vec![VocabularyNeed::CodeSystem(name.clone())]).await?;
            name
        }
    };
    take_supplements(context, &input, &mut vocabulary).await?;
    let is_abstract_allowed = input.boolean("abstract")? == Some(true);
    answer(&asked, |asked| {
        let system = asked.system.as_deref().unwrap_or_default();
        let checked = vocabulary.check_in_code_system(&name, &coded(asked, system, is_abstract_allowed));
        checked.map_err(|error| Refusal::vocabulary(&error))
    })
}

fn coded<'a>(asked: &'a Asked, system: &'a str, is_abstract_allowed: bool) -> Coded<'a> {
    Coded {
        system,
        version: asked.version.as_deref(),
        code: &asked.code,
        display: asked.display.as_deref(),
        is_abstract_allowed,
    }
}

fn without_system(asked: &Asked) -> Checked {
    let message = format!("The coding with the code '{}' names no system.", asked.code);
    Checked { is_valid: false, message: Some(message), display: None }
}

/// All is well if one of the codes is; if none is, what is wrong with each is said.
fn answer(asked: &[Asked], check: impl Fn(&Asked) -> Result<Checked, Refusal>) -> Result<Reply, Refusal> {
    let checked = asked.iter().map(check).collect::<Result<Vec<_>, _>>()?;
    let valid = checked.iter().find(|checked| checked.is_valid);
    let messages: Vec<&str> = match valid {
        Some(valid) => valid.message.as_deref().into_iter().collect(),
        None => checked.iter().filter_map(|checked| checked.message.as_deref()).collect(),
    };
    let shown = valid.or(checked.first()).and_then(|checked| checked.display.as_deref());
    let mut writer = Writer::new();
    writer.json("result", "valueBoolean", if valid.is_some() { "true" } else { "false" });
    if !messages.is_empty() {
        writer.text("message", "valueString", &messages.join(" "));
    }
    if let Some(display) = shown {
        writer.text("display", "valueString", display);
    }
    Ok(writer.reply())
}
