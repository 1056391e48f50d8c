//! Workloads that measure tarn.
#![expect(clippy::disallowed_methods, reason = "measuring is what bench is for")]

mod bundles;
mod clients;
mod invariants;
mod layout;
mod load;
mod meter;
mod mutants;
mod run;
mod server;
mod terminology;
mod validation;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("run") => {
            let mut scale = arguments.skip_while(|argument| argument != "--scale").skip(1);
            run::run(&run::binary()?, scale.next().as_deref().unwrap_or("100k"))
        }
        Some("layout") => layout::run(arguments.next().map_or(Ok(1_000_000), |count| count.parse())?),
        Some("load") => load::run(arguments.next().map_or(Ok(200_000), |count| count.parse())?),
        Some("bundles") => {
            let resources = arguments.next().map_or(Ok(20_000), |count| count.parse())?;
            bundles::run(&run::binary()?, resources)
        }
        Some("validation") => validation::run(arguments.next().as_deref()),
        Some("mutants") => {
            let (examples, verdicts) = (arguments.next(), arguments.next());
            mutants::run(&examples.unwrap_or_default(), &verdicts.unwrap_or_default())
        }
        Some("terminology") => {
            let concepts = arguments.next().map_or(Ok(300_000), |count| count.parse())?;
            terminology::run(&run::binary()?, concepts)
        }
        _ => anyhow::bail!(
            "usage: bench run [--scale 100k|1m|10m] | layout [RESOURCES] | load [RESOURCES] | bundles [RESOURCES] | \
             mutants EXAMPLES VERDICTS | validation [NDJSON] | terminology [CONCEPTS]"
        ),
    }
}
