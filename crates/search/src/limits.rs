//! Limits of one search as typed. Each has a name and a unit; what exceeds one is refused with its name.

/// Criteria in one search.
pub const CLAUSES_MAX: usize = 256;

/// Values of one criterion, separated by commas.
pub const CLAUSE_VALUES_MAX: usize = 4096;

/// Length of the name or of the value of one criterion, in bytes.
pub const CLAUSE_BYTES_MAX: usize = 256 * 1024;

/// Links from resource to resource in one chain, forward and back.
pub const CHAIN_DEPTH_MAX: usize = 8;

/// Links of all chains of one search, one for each type that a chain may lead to.
pub const CHAIN_LINKS_MAX: usize = 4096;

/// Resources that one search names with `:above` and `:below` of references, and those above or below them, for each
/// type searched.
pub const HIERARCHY_RESOURCES_MAX: usize = 20_000;

/// References to follow in one `_include` or `_revinclude`, each parameter of each type counted.
pub const INCLUDES_MAX: usize = 4096;

/// Keys in one order.
pub const SORT_KEYS_MAX: usize = 16;

/// Search parameters that one data store may have beyond R4's.
pub const OWN_PARAMETERS_MAX: usize = 256;

/// Length of the expression of one of them, in bytes.
pub const EXPRESSION_BYTES_MAX: usize = 16 * 1024;

/// How much of a parameter's name an error repeats, in characters.
pub const NAME_SHOWN_MAX: usize = 64;

/// How deep the brackets of `_filter` may nest.
pub const FILTER_NESTING_MAX: usize = 32;

/// Comparisons in one `_filter`.
pub const FILTER_COMPARISONS_MAX: usize = 256;

/// Codes of one value set, named in it or taken out of it.
pub const VALUE_SET_CODES_MAX: usize = 100_000;

/// Steps that the expansion of one value set may take: codes looked at, imports followed.
pub const VALUE_SET_WORK_MAX: usize = 4_000_000;

/// Codes in one answer of `$expand`; more are asked for page by page.
pub const EXPANSION_CODES_MAX: usize = 20_000;

/// How deep codes may stand below codes in one of them.
pub const EXPANSION_DEPTH_MAX: usize = 24;

/// How deep value sets may import each other, or concept maps name one another.
pub const VALUE_SET_NESTING_MAX: usize = 16;

/// Value sets and code systems that one search may ask of, with all that they import.
pub const VOCABULARY_RESOURCES_MAX: usize = 128;

/// Their size together, in bytes, as far as they are read for it anew.
pub const VOCABULARY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Words and phrases of one value of `_text` or `_content`.
pub const TEXT_TERMS_MAX: usize = 64;

/// Bodies that one search opens for the resources contained in them, unless the caller says otherwise.
pub const CONTAINERS_MAX: usize = 100_000;

/// Bodies that one search looks into for words, unless the caller says otherwise: those that pass all other conditions.
pub const TEXT_BODIES_MAX: usize = 200_000;
