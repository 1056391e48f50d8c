//! The promise every backend keeps: trait, values, records, model, suite.
