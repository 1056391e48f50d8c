//! A seeded generator of synthetic patients.
