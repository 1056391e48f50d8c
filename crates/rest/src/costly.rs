//! What a limit that an interaction reached means to the caller, and what helps.

/// The limits that more than one resource, or the data itself, may make an interaction reach.
const ADVICE: [(&str, &str); 23] = [
    ("BODY_BYTES_MAX", "A resource is too large."),
    (
        "BUNDLE_CONTENT_BYTES_MAX",
        "The entries read and write too much together; send them in several Bundles.",
    ),
    (
        "CHAIN_DEPTH_MAX",
        "The chains of the search, with those of what the caller may see, are nested too deep; search in steps.",
    ),
    (
        "CHAIN_TARGETS_MAX",
        "Too many resources pass what a chain asks of them; ask more of them, or search in steps.",
    ),
    ("CONDITIONAL_REFERENCES_MAX", "Too many different conditional references; send several Bundles."),
    (
        "CONTAINERS_MAX",
        "Too many resources that contain others would have to be opened; narrow the search, or ask without _total.",
    ),
    ("DOCUMENT_BYTES_MAX", "What the Composition refers to is too large for one document."),
    ("DOCUMENT_RESOURCES_MAX", "The Composition refers to too many resources for one document."),
    (
        "EVERYTHING_RESOURCES_MAX",
        "Too many resources belong to this; ask for fewer with _type, _since, start or end.",
    ),
    (
        "EXPANSION_CODES_MAX",
        "The value set has too many codes for one answer; ask with count, or with filter.",
    ),
    (
        "HIERARCHY_RESOURCES_MAX",
        "Too many resources are named, or lie above or below what is named; name some further down.",
    ),
    ("LIST_ENTRIES_MAX", "The List has too many entries."),
    (
        "META_RESOURCES_MAX",
        "Too many resources have a tag, profile or security label; ask one type or resource.",
    ),
    ("PAGE_TOKEN_BYTES_MAX", "The search is too long for the link to its next page; send fewer criteria."),
    (
        "SEARCH_SECONDS_MAX",
        "It took longer than this server lets one request search; narrow it by further criteria, or ask for less at once.",
    ),
    (
        "TEXT_BODIES_MAX",
        "Too many resources would have to be looked into; narrow the search by further criteria, as a patient, a \
         code or a time.",
    ),
    ("TRANSACTION_WRITES_MAX", "Too many resources in one commit."),
    ("TYPE_FILTERS_MAX", "Too many _typeFilter."),
    ("VALUE_SET_CODES_MAX", "A value set that others import, or a search asks for, has too many codes."),
    ("VALUE_SET_NESTING_MAX", "Value sets or concept maps lead to one another too often."),
    (
        "VALUE_SET_WORK_MAX",
        "The value set takes too long to work out; include less, or import fewer value sets.",
    ),
    ("VERSIONS_PER_TYPE_MAX", "The data store can hold no more versions of this type."),
    ("VOCABULARY_BYTES_MAX", "The value sets and code systems needed are too large together."),
];

/// What to say when the limit of this name was reached.
pub(crate) fn sentence(limit: &str) -> String {
    let advice = ADVICE.iter().find(|(name, _)| *name == limit);
    match advice {
        Some((_, advice)) => format!("The limit {limit} was reached. {advice}"),
        None => format!("The limit {limit} was reached."),
    }
}

#[cfg(test)]
mod tests {
    use super::{ADVICE, sentence};

    #[test]
    fn a_limit_is_named_and_advice_given() {
        assert!(ADVICE.is_sorted_by_key(|(name, _)| *name));
        assert!(sentence("TEXT_BODIES_MAX").contains("narrow the search"));
        assert_eq!(sentence("RUN_PUTS_MAX"), "The limit RUN_PUTS_MAX was reached.");
    }
}
