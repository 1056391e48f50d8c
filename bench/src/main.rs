//! Workloads that measure tarn.

mod layout;
mod load;
mod meter;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("layout") => layout::run(arguments.next().map_or(Ok(1_000_000), |count| count.parse())?),
        Some("load") => load::run(arguments.next().map_or(Ok(200_000), |count| count.parse())?),
        _ => anyhow::bail!("usage: bench layout|load [RESOURCES]"),
    }
}
