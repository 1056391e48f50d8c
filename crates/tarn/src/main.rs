//! AWS HealthLake that you can own.

fn main() {}
