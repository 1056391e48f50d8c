//! Limits of the control plane. Each has a name and a unit.

/// The largest request body, in bytes. The largest valid request (200 tags of the longest keys and values,
/// every character escaped) stays well below it.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Records on one page of a list when MaxResults is not given.
pub const PAGE_RECORDS_DEFAULT: usize = 100;

/// Tags on one resource.
pub const RESOURCE_TAGS_MAX: usize = 50;

/// Data stores in an account that are not deleted, unless configured otherwise.
pub const DATASTORES_DEFAULT_MAX: usize = 1_000;

/// How often a change is tried again when somebody else changed the same record meanwhile.
pub const CHANGE_ATTEMPTS_MAX: usize = 16;

/// The longest SMART discovery document in an identity provider's Metadata, in bytes.
pub const METADATA_BYTES_MAX: usize = 64 * 1024;
