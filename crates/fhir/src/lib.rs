//! The FHIR R4 standard as tables and pure functions.
