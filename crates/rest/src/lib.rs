//! The FHIR REST door.
