//! Workloads that measure tarn.

fn main() {}
