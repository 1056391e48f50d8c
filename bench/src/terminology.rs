//! `bench terminology`: a large code system, read in this process, then imported and asked over HTTP.

use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use fhir::Resource;
use search::{CodeSystem, ExpansionAsked, Vocabulary, VocabularyNeed};

use crate::clients;
use crate::meter::{Meter, resident_mb};
use crate::server::Server;

/// Questions of each kind.
const QUESTIONS: usize = 400;

/// Concepts directly below each that has any.
const FAN: usize = 8;

/// Makes a code system of this many concepts and measures it.
pub(crate) fn run(binary: &Path, concepts: usize) -> Result<()> {
    let text = code_system(concepts);
    println!("{concepts} concepts, {} MB of JSON", text.len() / 1_000_000);
    in_process(&text, concepts)?;
    let home = std::env::temp_dir().join(format!("tarn-terminology-{}", std::process::id()));
    let measured = over_http(binary, &home, &text, concepts);
    std::fs::remove_dir_all(&home).context("remove the data of the run")?;
    measured
}

/// Every eighth concept has eight below it by the property `parent`; each has a designation and two more properties.
fn code_system(concepts: usize) -> String {
    const PARTS: [&str; 7] = ["heart", "lung", "kidney", "hand", "skin", "eye", "liver"];
    const KINDS: [&str; 5] = ["acute", "chronic", "congenital", "suspected", "recurrent"];
    let mut text = String::from(
        r#"{"resourceType":"CodeSystem","id":"large","url":"http://large","version":"1","name":"Large","status":"active","content":"complete","concept":["#,
    );
    for number in 0..concepts {
        let before = if number == 0 { "" } else { "," };
        let (part, kind) = (PARTS[number % 7], KINDS[number % 5]);
        let _ = write!(
            text,
            r#"{before}{{"code":"{}","display":"{kind} disorder of {part} number {number}","designation":[{{"language":"de","value":"Leiden {number}"}}],"property":[{{"code":"part","valueString":"{part}"}},{{"code":"weight","valueInteger":{}}}"#,
            100_000 + number,
            number % 100
        );
        if number > 0 {
            let _ = write!(text, r#",{{"code":"parent","valueCode":"{}"}}"#, 100_000 + (number - 1) / FAN);
        }
        text.push_str("]}");
    }
    text.push_str("]}");
    text
}

fn value_set(compose: &str) -> Result<Resource> {
    let text =
        format!(r#"{{"resourceType":"ValueSet","status":"active","compose":{{"include":[{compose}]}}}}"#);
    Resource::parse_slice(text.as_bytes()).context("a value set")
}

fn in_process(text: &str, concepts: usize) -> Result<()> {
    let meter = Meter::start();
    let resource = Resource::parse_slice(text.as_bytes())?;
    println!("parse the document: {:.0} ms", meter.wall_ms());
    let (meter, before) = (Meter::start(), resident_mb());
    let system = CodeSystem::read(resource.root()).map_err(|fault| anyhow::anyhow!("{fault}"))?;
    let (took, held) = (meter.wall_ms(), system.memory_bytes());
    println!(
        "read the code system: {took:.0} ms, {} MB kept ({} MB more resident)",
        held / 1_000_000,
        resident_mb() - before
    );
    println!("bytes a concept: {}", held / concepts);
    drop(system);
    let mut vocabulary = Vocabulary::shown();
    vocabulary.add(VocabularyNeed::CodeSystem("http://large".to_owned()), Some(&resource));
    drop(resource);
    let is_a = |code: usize| {
        format!(
            r#"{{"system":"http://large","filter":[{{"property":"concept","op":"is-a","value":"{code}"}}]}}"#
        )
    };
    let by_property = r#"{"system":"http://large","filter":[{"property":"part","op":"=","value":"heart"},{"property":"weight","op":"=","value":"7"}]}"#;
    let sets = [
        ("all", r#"{"system":"http://large"}"#.to_owned()),
        ("is-a, a few", is_a(101_000)),
        ("is-a, an eighth", is_a(100_001)),
        ("property", by_property.to_owned()),
    ];
    for (name, compose) in &sets {
        vocabulary.add(VocabularyNeed::ValueSet((*name).to_owned()), Some(&value_set(compose)?));
    }
    let system = vocabulary.code_system("http://large").map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let codes: Vec<String> = (0..concepts).step_by(97).map(|number| (100_000 + number).to_string()).collect();
    let began = Instant::now();
    let found: Vec<_> = codes.iter().filter_map(|code| system.find(code)).collect();
    println!("find a code: {:.2} µs", each(began, codes.len()));
    ensure!(found.len() == codes.len(), "every code is there");
    let began = Instant::now();
    let outcomes =
        found.windows(2).filter(|pair| system.subsumption(pair[0], pair[1]).code() == "subsumes").count();
    println!("subsumes: {:.2} µs ({outcomes} are)", each(began, found.len()));
    for (name, filter, count) in [
        ("all", "", Some(10)),
        ("all", "congenital lung 123", Some(10)),
        ("all", "congenital lung 123", Some(10)),
        ("all", "disorder", Some(10)),
        ("is-a, a few", "", None),
        ("is-a, an eighth", "heart", Some(10)),
        ("property", "", Some(10)),
    ] {
        let asked = ExpansionAsked { filter, count, ..ExpansionAsked::default() };
        let began = Instant::now();
        let expansion = vocabulary.expand(name, &asked).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        println!("expand {name} '{filter}': {:.2} ms, {} codes", each(began, 1) / 1000.0, expansion.total);
    }
    Ok(())
}

fn each(began: Instant, count: usize) -> f64 {
    began.elapsed().as_secs_f64() * 1e6 / count as f64
}

fn over_http(binary: &Path, home: &Path, text: &str, concepts: usize) -> Result<()> {
    let source = home.join("ndjson");
    std::fs::create_dir_all(&source)?;
    std::fs::write(source.join("CodeSystem.ndjson"), text)?;
    let few = r#"{"resourceType":"ValueSet","id":"few","url":"http://few","status":"active","compose":{"include":[{"system":"http://large","filter":[{"property":"concept","op":"is-a","value":"101000"}]}]}}"#;
    let all = r#"{"resourceType":"ValueSet","id":"all","url":"http://all","status":"active","compose":{"include":[{"system":"http://large"}]}}"#;
    std::fs::write(source.join("ValueSet.ndjson"), format!("{few}\n{all}\n"))?;
    let server = Server::start(binary, &home.join("data"))?;
    let store = server.ask(&["datastore", "create", "bench"])?;
    let base = store["DatastoreEndpoint"].as_str().context("a data store has an endpoint")?.to_owned();
    let began = Instant::now();
    let job = server.ask(&[
        "import",
        source.to_str().context("the folder has a plain name")?,
        "--validation-level",
        "structure-only",
    ])?;
    let count = job["JobProgressReport"]["TotalNumberOfResourcesImported"].as_u64().unwrap_or_default();
    println!("import: {:.1} s, {count} resources", began.elapsed().as_secs_f64());
    let code = |number: usize| 100_000 + number * 97 % concepts;
    let lookup =
        |number: usize| format!("{base}CodeSystem/$lookup?system=http://large&code={}", code(number));
    let memory = server.usage()?;
    let (first, _) = clients::get(1, 1, lookup)?;
    let after = server.usage()?;
    let mib = |bytes: u64| bytes >> 20;
    println!(
        "first $lookup: {:.0} ms; resident {} MiB before, {} after, peak {}",
        first.quantile_ms(1.0),
        mib(memory.resident),
        mib(after.resident),
        mib(after.peak)
    );
    type Kind<'a> = (&'a str, Box<dyn Fn(usize) -> String + Sync + 'a>);
    let kinds: Vec<Kind<'_>> = vec![
        ("$lookup", Box::new(lookup)),
        (
            "$subsumes",
            Box::new(|n| {
                format!("{base}CodeSystem/$subsumes?system=http://large&codeA=100001&codeB={}", code(n))
            }),
        ),
        (
            "$validate-code",
            Box::new(|n| format!("{base}ValueSet/few/$validate-code?system=http://large&code={}", code(n))),
        ),
        ("$expand is-a", Box::new(|_| format!("{base}ValueSet/few/$expand?count=20"))),
        (
            "$expand filter",
            Box::new(|n| {
                format!("{base}ValueSet/all/$expand?count=20&filter=congenital%20lung%20{}", n % 1000)
            }),
        ),
    ];
    for (name, url) in kinds {
        let before = server.usage()?.cpu_s;
        let (latencies, _) = clients::get(1, QUESTIONS, url)?;
        let cpu_us = (server.usage()?.cpu_s - before) * 1e6 / QUESTIONS as f64;
        let (p50, p99) = (latencies.quantile_ms(0.5), latencies.quantile_ms(0.99));
        println!("{name}: p50 {p50:.2} ms, p99 {p99:.2} ms, CPU {cpu_us:.0} µs each");
    }
    server.stop()
}
