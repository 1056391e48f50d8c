//! What extraction does on the resources of one type: a trie over element names with work at its nodes.

use super::NotIndexed;
use super::form::Form;
use crate::ParamId;
use fhir::{FhirPath, ParameterKind, ResourceType, Symbol};

/// The work for one resource type.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(super) nodes: Vec<Node>,
    pub(super) truths: Vec<Truth>,
    /// The parameters whose expressions are no walk along names.
    pub(super) paths: Vec<PathRow>,
    /// Whether resources of this type have a compartment of their own.
    pub(super) is_compartment: bool,
    /// The search parameters that no work could be found for, with the reason.
    pub(crate) not_indexed: Vec<NotIndexed>,
}

/// Where the walk of a resource starts.
pub(super) const ROOT: u32 = 0;

/// An element that some expression goes through or ends at.
#[derive(Default, Debug)]
pub(super) struct Node {
    /// In order of bucket.
    pub(super) edges: Vec<Edge>,
    /// Where each bucket's edges end, so that a member finds its own in one step; empty if there are none.
    ends: Vec<u16>,
    /// Nodes for this same element, if it is as the guard says.
    pub(super) guards: Vec<(Guard, u32)>,
    pub(super) actions: Vec<Action>,
    pub(super) composites: Option<Box<Composites>>,
}

/// A member that leads on.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) symbol: Symbol,
    /// Only this item of the array.
    pub(super) item: Option<u32>,
    pub(super) to: u32,
}

/// A condition on an element.
#[derive(PartialEq, Debug)]
pub(super) enum Guard {
    /// A member is this text.
    Is(Symbol, Box<str>),
    /// A member is not `true`.
    IsNotTrue(Symbol),
    /// There is an extension of this URL.
    HasExtension(Box<str>),
}

/// A conversion and what its values are indexed by.
#[derive(Debug)]
pub(super) struct Action {
    pub(super) form: Form,
    pub(super) emits: Vec<Emit>,
}

/// A parameter that a value is indexed by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Emit {
    pub(super) param: ParamId,
    /// Of references, only those to this type; required for [`ParamId::COMPARTMENT`].
    pub(super) only: Option<ResourceType>,
}

/// The composite parameters about one element.
#[derive(Default, Debug)]
pub(super) struct Composites {
    /// The node from which the components are found; its actions number them instead of parameters.
    pub(super) here: u32,
    /// The same from the whole resource, for components that start with `%resource`.
    pub(super) resource: Option<u32>,
    pub(super) rows: Vec<CompositeRow>,
}

/// One composite parameter: which components it is made of.
#[derive(Debug)]
pub(super) struct CompositeRow {
    pub(super) param: ParamId,
    pub(super) components: Vec<ParamId>,
}

/// A token parameter that says whether an element is there and not `false`.
#[derive(Debug)]
pub(super) struct Truth {
    pub(super) param: ParamId,
    pub(super) members: Vec<Symbol>,
}

/// A parameter whose expression is evaluated.
#[derive(Debug)]
pub(super) struct PathRow {
    pub(super) param: ParamId,
    pub(super) kind: ParameterKind,
    pub(super) path: FhirPath,
}

impl Node {
    /// The edges for a member of this name.
    #[inline]
    pub(super) fn edges_of(&self, symbol: Symbol) -> impl Iterator<Item = &Edge> {
        let at = bucket(symbol);
        let range = match self.ends.get(at..at + 2) {
            Some(&[from, to]) => usize::from(from)..usize::from(to),
            _ => 0..0,
        };
        self.edges[range].iter().filter(move |edge| edge.symbol == symbol)
    }

    fn put_in_buckets(&mut self, mut edges: Vec<Edge>) {
        edges.sort_by_key(|edge| (bucket(edge.symbol), edge.symbol, edge.item));
        self.ends.clear();
        if !edges.is_empty() {
            let ends = (0..=BUCKETS).map(|at| edges.partition_point(|edge| bucket(edge.symbol) < at));
            self.ends.extend(ends.map(|end| u16::try_from(end).expect("a type has not that many elements")));
        }
        self.edges = edges;
    }

    /// Whether there is nothing to do here or below, as far as `is_live` knows the nodes below.
    fn is_dead(&self) -> bool {
        self.edges.is_empty()
            && self.guards.is_empty()
            && self.actions.is_empty()
            && self.composites.is_none()
    }
}

impl Plan {
    /// Cuts the branches that no expression ended at, and puts edges in order.
    pub(super) fn prune(&mut self) {
        // A node's children have greater numbers, so one pass from the end sees children first.
        for at in (0..self.nodes.len()).rev() {
            let mut edges = std::mem::take(&mut self.nodes[at].edges);
            edges.retain(|edge| !self.nodes[edge.to as usize].is_dead());
            let mut guards = std::mem::take(&mut self.nodes[at].guards);
            guards.retain(|(_, to)| !self.nodes[*to as usize].is_dead());
            self.nodes[at].put_in_buckets(edges);
            self.nodes[at].guards = guards;
        }
    }
}

const BUCKETS: usize = 64;

fn bucket(symbol: Symbol) -> usize {
    symbol.index() % BUCKETS
}
