//! Searches by chance: known parameters, modifiers and values of the standard's own examples, put together without
//! regard to whether they fit. Each is answered or refused with a reason, from memory as from disk.

use std::collections::{BTreeMap, BTreeSet};

use fhir::{ParameterKind, Resource, ResourceKey, ResourceType, definitions};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use search::{Entries, Extractor, ParameterSet, Target, Value, registry};
use store::{DatastoreId, JobId, Operation, Put, Run, RunId};

use super::{Dice, seen};
use crate::door::{Answer, PUBLIC, STORE, World, wait};

const EXAMPLES: &[u8] = include_bytes!("../../../../fhir/tests/data/examples.ndjson.zst");
const EXERCISED: &str = include_str!("../../../../search/tests/data/exercised.ndjson");

/// How many searches are tried.
const SEARCHES: usize = 4000;

/// Of so many examples one is taken.
const EXAMPLES_STEP: usize = 6;
/// Larger ones are left out, in bytes.
const EXAMPLE_BYTES_MAX: usize = 30_000;

/// What may stand after a name; most have none.
const MODIFIERS: [&str; 17] = [
    "missing",
    "exact",
    "contains",
    "not",
    "text",
    "identifier",
    "of-type",
    "above",
    "below",
    "in",
    "not-in",
    "Patient",
    "Location",
    "iterate",
    "nonsense",
    "below:not",
    "",
];

/// Values that stand in no resource.
const OTHERS: [&str; 24] = [
    "true",
    "false",
    "1",
    "0",
    "-0.0",
    "1e2",
    "2013",
    "2013-01-14T10:00",
    "9999-12-31",
    "Patient/example",
    "Location/1",
    "example",
    "a",
    "|",
    "a|",
    "|a",
    "a|b|c",
    "a$b",
    "5.4|http://unitsofmeasure.org|mg",
    "http://hl7.org/fhir/ValueSet/administrative-gender",
    "http://terminology.hl7.org/CodeSystem/v3-RoleCode|MTH",
    "http://example.org|1",
    "42.25475478|-83.6945691|11.20|km",
    "\\",
];

/// Those that a kind of parameter may have.
fn fitting(kind: Option<ParameterKind>) -> &'static [&'static str] {
    match kind {
        Some(ParameterKind::Token) => {
            &["missing", "not", "text", "of-type", "in", "not-in", "above", "below"]
        }
        Some(ParameterKind::String) => &["missing", "exact", "contains"],
        Some(ParameterKind::Reference) => &["missing", "identifier", "above", "below", "Patient", "Location"],
        Some(ParameterKind::Uri) => &["missing", "above", "below"],
        _ => &["missing"],
    }
}

const PREFIXES: [&str; 11] = ["", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"];

/// Resources, and what can be asked about them.
struct Known {
    puts: Vec<Put>,
    types: Vec<ResourceType>,
    /// By type and parameter, values as they are typed.
    values: BTreeMap<(ResourceType, String), Vec<String>>,
}

fn known() -> Known {
    let examples = String::from_utf8(zstd::decode_all(EXAMPLES).unwrap()).unwrap();
    let examples = examples.lines().filter(|line| line.len() <= EXAMPLE_BYTES_MAX).step_by(EXAMPLES_STEP);
    let (mut puts, mut values) = (BTreeMap::new(), BTreeMap::new());
    for line in examples.chain(EXERCISED.lines()) {
        let Ok(resource) = Resource::parse_slice(line.as_bytes()) else { continue };
        let Some(id) = resource.id().cloned() else { continue };
        let key = ResourceKey { of: resource.of(), id };
        let mut entries = Entries::new();
        let base = format!("{PUBLIC}/datastore/{STORE}/r4/");
        let extractor = Extractor::new(&base, &ParameterSet::r4());
        if extractor.extract(&resource, &key, &mut entries).is_err() {
            continue;
        }
        for (param, value) in entries.iter() {
            let Some(code) = registry().code(param) else { continue };
            let all: &mut Vec<String> = values.entry((key.of, code.to_owned())).or_default();
            all.push(typed(value));
        }
        let body = fhir::body(&resource, &key.id).into();
        puts.insert(key.clone(), Put { key, body, entries, operation: Operation::Create });
    }
    let types = puts.keys().map(|key: &ResourceKey| key.of).collect::<BTreeSet<_>>().into_iter().collect();
    Known { puts: puts.into_values().collect(), types, values }
}

fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| matches!(c, '\\' | ',' | '|' | '$').then_some('\\').into_iter().chain([c]))
        .collect()
}

/// A value as a search may ask for it, with or without a modifier.
fn typed(value: Value<'_>) -> String {
    let pair = |system: Option<&str>, code: Option<&str>| {
        format!("{}|{}", escaped(system.unwrap_or_default()), escaped(code.unwrap_or_default()))
    };
    match value {
        Value::Token { system, code } | Value::ReferenceIdentifier { system, value: code } => {
            pair(system, code)
        }
        Value::TokenText(text) | Value::String(text) | Value::Uri(text) => escaped(text),
        Value::TypedIdentifier { system, code, value } => {
            format!("{}|{}", pair(system, Some(code)), escaped(value))
        }
        Value::Date(span) if span.from.0 < 0 => "1969".to_owned(),
        Value::Date(span) => span.from.to_instant(),
        Value::Number { low, high } => if low.is_finite() { low } else { high }.to_string(),
        Value::Quantity(quantity) => {
            let number = if quantity.low.is_finite() { quantity.low } else { quantity.high };
            format!("{number}|{}", pair(quantity.system, quantity.code.or(quantity.unit)))
        }
        Value::Reference(Target::Local { of, id, .. }) => format!("{of}/{id}"),
        Value::Reference(Target::Url(url)) => escaped(url),
        Value::Composite(parts) => parts.iter().map(typed).collect::<Vec<_>>().join("$"),
    }
}

impl Known {
    fn some_type(&self, dice: &mut Dice) -> ResourceType {
        self.types[dice.below(self.types.len())]
    }

    /// A parameter of a type, of a kind if one is wanted.
    fn some_parameter(&self, dice: &mut Dice, of: ResourceType, kind: Option<ParameterKind>) -> String {
        let is_wanted = |it: &&fhir::SearchParameterDefinition| kind.is_none_or(|kind| it.kind == kind);
        let all: Vec<String> =
            definitions().search_parameters_of(of).filter(is_wanted).map(|it| it.code.to_string()).collect();
        if all.is_empty() { "_id".to_owned() } else { all[dice.below(all.len())].clone() }
    }

    /// One value: of the parameter mostly, else of another, cut, or of nothing at all.
    fn some_value(&self, dice: &mut Dice, of: ResourceType, code: &str) -> String {
        let own = self.values.get(&(of, code.to_owned()));
        let value = match (own, dice.below(8)) {
            (_, 0) | (None, 1..=4) => dice.pick(&OTHERS).to_owned(),
            (Some(own), 1..=6) => own[dice.below(own.len())].clone(),
            _ => {
                let all = self.values.values().nth(dice.below(self.values.len())).expect("there are values");
                all[dice.below(all.len())].clone()
            }
        };
        match dice.below(6) {
            0 => value.chars().take(1 + dice.below(6)).collect(),
            1 | 2 => format!("{}{value}", dice.pick(&PREFIXES)),
            _ => value,
        }
    }

    /// A parameter of a type with a modifier perhaps, and a value.
    fn criterion(&self, dice: &mut Dice, of: ResourceType) -> (String, String) {
        let code = self.some_parameter(dice, of, None);
        let mut value = self.some_value(dice, of, &code);
        if dice.below(4) == 0 {
            value = format!("{value},{}", self.some_value(dice, of, &code));
        }
        let kind = definitions().search_parameters_of(of).find(|it| it.code == *code).map(|it| it.kind);
        let modifier = match dice.below(4) {
            0 | 1 => return (code, value),
            2 => dice.pick(fitting(kind)),
            _ => dice.pick(&MODIFIERS),
        };
        match modifier {
            "missing" => value = dice.pick(&["true", "false"]).to_owned(),
            "of-type" if dice.below(2) == 0 => {
                let value = "http://terminology.hl7.org/CodeSystem/v2-0203|MR|12345".to_owned();
                return ("identifier:of-type".to_owned(), value);
            }
            "in" | "not-in" if dice.below(2) == 0 => {
                value = format!(
                    "http://hl7.org/fhir/ValueSet/{}",
                    dice.pick(&["publication-status", "languages"])
                );
            }
            _ => {}
        }
        (format!("{code}:{modifier}"), value)
    }

    fn parameter(&self, dice: &mut Dice, of: ResourceType) -> (String, String) {
        let reference = Some(ParameterKind::Reference);
        match dice.below(14) {
            0 => {
                let there = self.some_type(dice);
                let (name, value) = self.criterion(dice, there);
                let typed = if dice.below(2) == 0 { format!(":{there}") } else { String::new() };
                (format!("{}{typed}.{name}", self.some_parameter(dice, of, reference)), value)
            }
            1 => {
                let by = self.some_type(dice);
                let (name, value) = self.criterion(dice, by);
                (format!("_has:{by}:{}:{name}", self.some_parameter(dice, by, reference)), value)
            }
            2 => {
                let by = self.some_type(dice);
                let name = dice.pick(&["_include", "_revinclude", "_include:iterate"]).to_owned();
                (name, format!("{by}:{}", self.some_parameter(dice, by, reference)))
            }
            3 => (
                "_sort".to_owned(),
                format!("{}{}", dice.pick(&["", "-"]), self.some_parameter(dice, of, None)),
            ),
            4 => {
                let name =
                    dice.pick(&["_total", "_summary", "_elements", "_list", "_id", "_lastUpdated", "_count"]);
                let value =
                    dice.pick(&["accurate", "count", "text", "id", "example", "gt2020", "2", "0", "none"]);
                (name.to_owned(), value.to_owned())
            }
            5 => {
                let code = self.some_parameter(dice, of, None);
                let operator = dice.pick(&["eq", "ne", "co", "sw", "gt", "po", "pr", "ss", "sb", "in", "re"]);
                let value = self.some_value(dice, of, &code).replace('"', "");
                ("_filter".to_owned(), format!("not({code} {operator} \"{value}\") or {code} pr true"))
            }
            _ => self.criterion(dice, of),
        }
    }

    fn search(&self, dice: &mut Dice) -> (ResourceType, Vec<(String, String)>) {
        let of = self.some_type(dice);
        let count = [1, 1, 1, 2, 3][dice.below(5)];
        (of, (0..count).map(|_| self.parameter(dice, of)).collect())
    }
}

fn encoded(parameters: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

/// Everything in both: most of it in the index, and some of it written again since.
fn fill(worlds: &[World], puts: &[Put]) {
    let id = RunId { job: JobId::parse(&"a".repeat(32)).unwrap(), number: 1 };
    for world in worlds {
        let store = wait(world.catalog.open(&DatastoreId::parse(STORE).unwrap())).unwrap();
        wait(store.ingest(Run { id: id.clone(), puts: puts.to_vec() })).unwrap();
        for put in puts.iter().step_by(9) {
            let writes = vec![store::Write::Put(put.clone())];
            wait(store.commit(store::Transaction { preconditions: Vec::new(), writes })).unwrap();
        }
    }
}

/// An answer with matches or a refusal with a reason; how many matches.
fn answered(answer: &Answer, asked: &str) -> Option<usize> {
    let json = answer.json();
    let is_answer = answer.status == 200 && json["type"] == "searchset";
    let is_refusal = (400..500).contains(&answer.status)
        && json["issue"].as_array().is_some_and(|issues| !issues.is_empty());
    assert!(is_answer || is_refusal, "{asked}: {} {json}", answer.status);
    is_answer.then(|| json["entry"].as_array().map_or(0, Vec::len))
}

/// What became of the searches, so that not all of them are refused unseen.
#[derive(Default)]
struct Tally {
    refused: usize,
    found: usize,
    modifiers: BTreeSet<String>,
    kinds: BTreeSet<String>,
}

impl Tally {
    /// Counts one more search, with its matches if it was answered.
    fn add(&mut self, of: ResourceType, parameters: &[(String, String)], matches: Option<usize>) {
        let Some(matches) = matches else {
            self.refused += 1;
            return;
        };
        self.found += usize::from(matches > 0);
        for (name, _) in parameters {
            let (code, modifier) = name.split_once(':').unwrap_or((name, ""));
            self.modifiers.insert(modifier.to_owned());
            let definition = registry().named(of, code).map(|(_, definition)| definition);
            self.kinds.extend(definition.map(|definition| format!("{:?}", definition.kind)));
        }
    }
}

#[test]
fn any_search_of_known_parameters_is_answered_alike_or_refused() {
    let known = known();
    let folder = tempfile::tempdir().unwrap();
    let worlds = [World::open(), World::on_disk(folder.path())];
    fill(&worlds, &known.puts);
    let (mut dice, mut tally) = (Dice(41), Tally::default());
    for step in 0..SEARCHES {
        let (of, parameters) = known.search(&mut dice);
        let asked = format!("GET {of}?{}", encoded(&parameters));
        let headers: &[(&str, &str)] =
            if dice.below(4) == 0 { &[("prefer", "handling=lenient")] } else { &[] };
        let answers = worlds.each_ref().map(|world| world.ask(&asked, headers, ""));
        let shown = format!("{of}?{parameters:?}, step {step}");
        tally.add(of, &parameters, answered(&answers[0], &shown));
        let [memory, disk] = answers.each_ref().map(seen);
        assert_eq!(memory, disk, "{shown}");
    }
    let Tally { refused, found, modifiers, kinds } = tally;
    assert!(refused < SEARCHES * 3 / 4 && found > SEARCHES / 20, "{refused} refused, {found} with matches");
    for modifier in &MODIFIERS[..11] {
        assert!(modifiers.contains(*modifier), ":{modifier} among {modifiers:?}");
    }
    assert_eq!(kinds.len(), 9, "{kinds:?}");
}
