//! `$subsumes` (R4 CodeSystem operations): which of two codes subsumes the other.

use search::{CodeSystem, Concept, Vocabulary, VocabularyNeed};

use super::writer::Writer;
use super::{Aim, CodeParameters};
use crate::Context;
use crate::operation::OperationCall;
use crate::operation::input::Input;
use crate::outcome::Refusal;
use crate::reply::Reply;
use crate::vocabulary::source;

const PARAMETERS: [&str; 6] = ["codeA", "codeB", "system", "version", "codingA", "codingB"];

/// How two codes stand to each other.
pub(crate) async fn subsumes(context: &Context<'_>, call: OperationCall) -> Result<Reply, Refusal> {
    let input = Input::of(&call)?;
    input.check(&PARAMETERS, false)?;
    let given = |code, coding| {
        let (system, version) = (Some("system").filter(|_| call.instance().is_none()), "version");
        CodeParameters { code, system, version, coding, concept: None }.read(&input)
    };
    let (a, b) = (given("codeA", "codingA")?, given("codeB", "codingB")?);
    let (Some(a), Some(b)) = (a.first(), b.first()) else {
        return Err(Refusal::invalid("Two codes must be given."));
    };
    if call.instance().is_none() && (a.system.is_none() || b.system.is_none()) {
        return Err(Refusal::invalid("The system of the codes must be given, by system or in both codings."));
    }
    let mut systems = [a, b].into_iter().filter_map(|asked| asked.system.as_ref());
    let first = systems.next();
    if systems.any(|system| Some(system) != first) {
        return Err(Refusal::invalid("Both codes must be of the same system."));
    }
    let mut vocabulary = Vocabulary::new();
    let name = match call.instance() {
        Some(_) => {
            let aim = Aim {
                of: "CodeSystem",
                url: "url",
                version: "systemVersion",
                resource: "codeSystem",
                need: VocabularyNeed::CodeSystem,
            };
            let aimed = aim.take(context, &call, &input, &mut vocabulary).await?;
            aimed.map(|aimed| aimed.name).unwrap_or_default()
        }
        None => {
            let needs = vec![VocabularyNeed::CodeSystem(a.canonical())];
            source(context).complete(&mut vocabulary, needs).await?;
            a.canonical()
        }
    };
    let system = vocabulary.code_system(&name).map_err(|error| Refusal::vocabulary(&error))?;
    let outcome = system.subsumption(find(system, &a.code)?, find(system, &b.code)?);
    let mut writer = Writer::new();
    writer.text("outcome", "valueCode", outcome.code());
    Ok(writer.reply())
}

fn find<'a>(system: &'a CodeSystem, code: &str) -> Result<Concept<'a>, Refusal> {
    system.find(code).ok_or_else(|| Refusal::no_such_code(&system.url))
}
