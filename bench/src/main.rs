//! Workloads that measure tarn.
#![expect(clippy::disallowed_methods, reason = "measuring is what bench is for")]

mod clients;
mod invariants;
mod layout;
mod load;
mod meter;
mod mutants;
mod server;
mod terminology;
mod validation;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("layout") => layout::run(arguments.next().map_or(Ok(1_000_000), |count| count.parse())?),
        Some("load") => load::run(arguments.next().map_or(Ok(200_000), |count| count.parse())?),
        Some("validation") => validation::run(arguments.next().as_deref()),
        Some("mutants") => {
            let (examples, verdicts) = (arguments.next(), arguments.next());
            mutants::run(&examples.unwrap_or_default(), &verdicts.unwrap_or_default())
        }
        Some("terminology") => {
            let concepts = arguments.next().map_or(Ok(300_000), |count| count.parse())?;
            terminology::run(&server::binary()?, concepts)
        }
        _ => anyhow::bail!(
            "usage: bench layout [RESOURCES] | load [RESOURCES] | \
             mutants EXAMPLES VERDICTS | validation [NDJSON] | terminology [CONCEPTS]"
        ),
    }
}
