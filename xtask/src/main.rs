//! The checks and generators of this repository.

fn main() {}
