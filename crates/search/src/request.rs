//! A search as it is handed to a store: resolved, confined to what the caller may see, whole.

use fhir::ResourceType;

use crate::{Filter, ParamId, Sort, Visible};

/// One search. Built from a [`Visible`], so that none can be made that looks past it.
#[derive(Clone, Debug)]
pub struct Search {
    of: ResourceType,
    filter: Filter,
    visible: Visible,
    /// The order of the matches; ties, and everything without one, go by when the current version was
    /// written, oldest first.
    pub sort: Vec<Sort>,
    /// What to add to the matches of a page.
    pub include: Vec<Include>,
    /// Continue after this place of an earlier page.
    pub after: Option<Position>,
    /// How many matches a page holds at the most; zero asks for none.
    pub count: usize,
    /// How many resources may be included at the most.
    pub include_max: usize,
    /// Whether to count all matches.
    pub total: Total,
}

impl Search {
    /// A search of `of` for `filter`, confined to what is `visible`.
    pub fn new(visible: &Visible, of: ResourceType, filter: Filter) -> Self {
        Search {
            of,
            filter: visible.confine(of, filter),
            visible: visible.clone(),
            sort: Vec::new(),
            include: Vec::new(),
            after: None,
            count: 100,
            include_max: 1000,
            total: Total::None,
        }
    }

    /// The type searched.
    pub fn of(&self) -> ResourceType {
        self.of
    }

    /// The condition, confined.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What the caller may see, for what is included.
    pub fn visible(&self) -> &Visible {
        &self.visible
    }
}

/// Resources to add to the matches of a page.
#[derive(Clone, PartialEq, Debug)]
pub enum Include {
    /// What the matches refer to by `param` (`_include`).
    Forward {
        /// The reference parameter.
        param: ParamId,
        /// Only targets of this type.
        target: Option<ResourceType>,
    },
    /// The `by` that refer to the matches by `param` (`_revinclude`).
    Reverse {
        /// The referring type.
        by: ResourceType,
        /// Its reference parameter.
        param: ParamId,
    },
}

/// Where a page ends and the next begins: opaque outside the store that made it, and no proof of any
/// right. A store answers an unreadable one with [an error](https://hl7.org/fhir/R4/http.html#paging),
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
