//! A search as it is handed to a store: resolved, confined to what the caller may see, whole.

use std::collections::BTreeMap;

use fhir::ResourceType;

use crate::limits::{CONTAINERS_MAX, HIERARCHY_RESOURCES_MAX, TEXT_BODIES_MAX};
use crate::{Cancellation, Filter, ParamId, SelectedContents, Sort, Visible};

/// One search, of one type or of several. Built from a [`Visible`], so that none can be made that looks
/// past it.
#[derive(Clone, Debug)]
pub struct Search {
    types: Vec<(ResourceType, Filter)>,
    visible: Visible,
    contents: Option<SelectedContents>,
    /// The order of the matches; ties, and everything without one, go by type, in alphabetical order, and
    /// then by when the current version was written, oldest first.
    pub sort: Vec<Sort>,
    /// What to add to the matches of a page.
    pub include: Vec<Include>,
    /// The place of an earlier page at which this one begins or ends.
    pub after: Option<Position>,
    /// How many matches a page holds at the most; zero asks for none.
    pub count: usize,
    /// How many resources may be included at the most.
    pub include_max: usize,
    /// Into how many bodies may be looked for words; more are an error.
    pub bodies_max: usize,
    /// How many bodies may be opened for the resources contained in them; a search that needs more is an error.
    pub containers_max: usize,
    /// How many resources it may name with all that stand above or below them, for each type searched; more are an
    /// error.
    pub hierarchy_max: usize,
    /// Whether to count all matches.
    pub total: Total,
    /// Ends the work on it early.
    pub cancellation: Cancellation,
}

impl Search {
    /// A search of `of` for `filter`, confined to what is `visible`.
    pub fn new(visible: &Visible, of: ResourceType, filter: Filter) -> Self {
        Search::across(visible, vec![(of, filter)])
    }

    /// One search of several types, each for what its filter says, confined to what is `visible`: one order,
    /// one row of pages, one total. A type that stands twice is searched for what either filter says.
    pub fn across(visible: &Visible, types: Vec<(ResourceType, Filter)>) -> Self {
        let mut by_type: BTreeMap<ResourceType, Filter> = BTreeMap::new();
        for (of, filter) in types {
            let confined = visible.confine(of, filter);
            let both = match by_type.remove(&of) {
                Some(before) => Filter::Or(vec![before, confined]),
                None => confined,
            };
            by_type.insert(of, both);
        }
        Search {
            types: by_type.into_iter().collect(),
            visible: visible.clone(),
            contents: None,
            sort: Vec::new(),
            include: Vec::new(),
            after: None,
            count: 100,
            include_max: 1000,
            bodies_max: TEXT_BODIES_MAX,
            containers_max: CONTAINERS_MAX,
            hierarchy_max: HIERARCHY_RESOURCES_MAX,
            total: Total::None,
            cancellation: Cancellation::default(),
        }
    }

    /// The same search, of whose matches this is shown, confined likewise. Its total is of what is shown; a page is
    /// cut by matches still.
    #[must_use]
    pub fn selecting(mut self, contents: SelectedContents) -> Self {
        let SelectedContents { contained, whole } = contents;
        let contained = self.visible.confine_contained(contained);
        let whole = whole.into_iter().map(|(of, filter)| (of, self.visible.confine(of, filter))).collect();
        self.contents = Some(SelectedContents { contained, whole });
        self
    }

    /// What of each match is shown; `None` for all of it.
    pub fn contents(&self) -> Option<&SelectedContents> {
        self.contents.as_ref()
    }

    /// The types searched, each once and in alphabetical order, with their conditions, confined.
    pub fn types(&self) -> &[(ResourceType, Filter)] {
        &self.types
    }

    /// What the caller may see, for what is included.
    pub fn visible(&self) -> &Visible {
        &self.visible
    }
}

/// Resources to add to the matches of a page.
#[derive(Clone, PartialEq, Debug)]
pub struct Include {
    /// How they are linked with the matches.
    pub link: Link,
    /// Whether the same is done with what was included, again and again.
    pub iterate: bool,
}

/// A way from one resource to others.
#[derive(Clone, PartialEq, Debug)]
pub enum Link {
    /// What is referred to (`_include`): by address, or a canonical by its `url` and, if it names one, its
    /// version.
    Forward {
        /// Only from resources of this type.
        from: Option<ResourceType>,
        /// The reference parameter; without one, by any of them.
        param: Option<ParamId>,
        /// Only what is of this type.
        target: Option<ResourceType>,
    },
    /// The `by` that refer to a resource (`_revinclude`): by its address, or canonically by its `url`, whatever
    /// the version.
    Reverse {
        /// The referring type.
        by: ResourceType,
        /// Its reference parameter.
        param: ParamId,
        /// Only to resources of this type.
        target: Option<ResourceType>,
    },
}

/// A place between two rows of an order and a direction: where a page ends and the next begins, or where it
/// begins and the one before ends. Opaque outside the store that made it, and no proof of any right. A store answers an unreadable one with [an error](https://hl7.org/fhir/R4/http.html#paging),
/// never with wrong rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Position(pub Vec<u8>);

/// Whether to count all matches of a search (`_total`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Total {
    /// No.
    None,
    /// Exactly.
    Accurate,
}
