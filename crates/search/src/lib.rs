//! The meaning of a FHIR search.
