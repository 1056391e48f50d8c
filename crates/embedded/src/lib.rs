//! The store on an embedded LSM engine.
