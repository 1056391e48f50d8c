//! A filter made ready for this store: conditions by cost, values of one parameter together, and what a chain
//! found out once.

use std::cell::OnceCell;

use fhir::ResourceType;
use roaring::RoaringBitmap;
use search::{Containment, Filter, ParamId, Test};

use crate::encode::{self, Lookup, Spans, lookups};

/// A filter made ready.
pub(crate) enum Node {
    Leaf(Filter),
    /// Some value of the parameter passes one of these.
    Any(ParamId, Vec<Test>),
    /// All hold; the cheapest first.
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    /// Contains resources that pass.
    Contains(Box<Inside>),
    /// Refers to resources that pass.
    Refers(Box<Chain>),
    /// Is referred to by resources that pass.
    ReferredBy(Box<Chain>),
}

/// A condition on contained resources.
pub(crate) struct Inside {
    pub(crate) contained: Containment,
    /// What each of its types must pass, made ready.
    pub(crate) nodes: Vec<(ResourceType, Node)>,
}

/// A condition on resources at the other end of references.
pub(crate) struct Chain {
    /// The reference parameter.
    pub(crate) param: ParamId,
    /// The type at the other end.
    pub(crate) of: ResourceType,
    /// What it must pass there.
    pub(crate) node: Node,
    /// All that pass there, once somebody looked for them.
    pub(crate) there: OnceCell<RoaringBitmap>,
    /// The folded ordinals here that are linked with them, likewise.
    pub(crate) here: OnceCell<RoaringBitmap>,
    /// Of a type with canonical addresses, what a reference to one of them passes, likewise.
    pub(crate) named: OnceCell<Node>,
}

/// How much work a condition is, before it is looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cost {
    Free,
    Lookup,
    Scan,
    Complement,
    Chain,
    Bodies,
}

impl Node {
    pub(crate) fn of(filter: &Filter) -> Node {
        match filter {
            Filter::And(filters) => Node::all(filters.iter().map(Node::of).collect()),
            Filter::Or(filters) => any(filters),
            Filter::Not(filter) => Node::Not(Box::new(Node::of(filter))),
            Filter::Contains(contained) => Node::Contains(Inside::new(contained)),
            Filter::Refers { param, of, filter } => Node::Refers(Chain::new(*param, *of, filter)),
            Filter::ReferredBy { by, param, filter } => Node::ReferredBy(Chain::new(*param, *by, filter)),
            leaf => Node::Leaf(leaf.clone()),
        }
    }

    /// All of these hold.
    pub(crate) fn all(mut nodes: Vec<Node>) -> Node {
        nodes.sort_by_key(Node::cost);
        Node::And(nodes)
    }

    /// The conditions that hold together, and apart from them those that are better decided row by row until there
    /// are enough, since they look at other resources or into bodies.
    pub(crate) fn split_chains(self) -> (Vec<Node>, Vec<Node>) {
        let nodes = match self {
            Node::And(nodes) => nodes,
            one => vec![one],
        };
        nodes.into_iter().partition(|node| !node.has_chain() && !node.is_within())
    }

    /// Whether it asks of contained resources what no index tells, other than those that a chain leads to.
    pub(crate) fn is_within(&self) -> bool {
        match self {
            Node::And(nodes) | Node::Or(nodes) => nodes.iter().any(Node::is_within),
            Node::Not(node) => node.is_within(),
            Node::Contains(inside) => inside.contained.by.is_none(),
            Node::Refers(_) | Node::ReferredBy(_) | Node::Leaf(_) | Node::Any(..) => false,
        }
    }

    /// Whether it looks at other resources, or at contained ones that are referred to.
    pub(crate) fn has_chain(&self) -> bool {
        match self {
            Node::And(nodes) | Node::Or(nodes) => nodes.iter().any(Node::has_chain),
            Node::Not(node) => node.has_chain(),
            Node::Refers(_) | Node::ReferredBy(_) => true,
            Node::Contains(inside) => inside.contained.by.is_some(),
            Node::Leaf(_) | Node::Any(..) => false,
        }
    }

    pub(crate) fn cost(&self) -> Cost {
        match self {
            Node::Leaf(Filter::Everything | Filter::Nothing | Filter::Ids(_)) => Cost::Free,
            Node::Leaf(Filter::Has(_, test)) if is_lookup(test) => Cost::Lookup,
            Node::Any(_, tests) if tests.iter().all(is_lookup) => Cost::Lookup,
            Node::Leaf(Filter::Missing(_)) => Cost::Lookup,
            Node::Contains(inside) if inside.contained.by.is_some() => Cost::Chain,
            Node::Leaf(Filter::Text(_)) | Node::Contains(_) => Cost::Bodies,
            Node::Leaf(Filter::RefersWithin { .. }) => Cost::Chain,
            Node::Leaf(_) | Node::Any(..) => Cost::Scan,
            Node::And(nodes) if nodes.iter().any(|node| node.cost() == Cost::Bodies) => Cost::Bodies,
            Node::And(nodes) => nodes.iter().map(Node::cost).min().unwrap_or(Cost::Free),
            Node::Or(nodes) => nodes.iter().map(Node::cost).max().unwrap_or(Cost::Free),
            Node::Not(node) => node.cost().max(Cost::Complement),
            Node::Refers(_) | Node::ReferredBy(_) => Cost::Chain,
        }
    }
}

/// One of these holds; those on values of one parameter are looked up together.
fn any(filters: &[Filter]) -> Node {
    let mut tests: Vec<(ParamId, Vec<Test>)> = Vec::new();
    let mut nodes = Vec::new();
    for filter in filters {
        match filter {
            Filter::Has(param, test) => match tests.iter_mut().find(|(other, _)| other == param) {
                Some((_, all)) => all.push(test.clone()),
                None => tests.push((*param, vec![test.clone()])),
            },
            other => nodes.push(Node::of(other)),
        }
    }
    nodes.extend(tests.into_iter().map(|(param, tests)| Node::Any(param, tests)));
    if nodes.len() == 1 { nodes.remove(0) } else { Node::Or(nodes) }
}

impl Inside {
    pub(crate) fn new(contained: &Containment) -> Box<Inside> {
        let nodes = contained.types.iter().map(|(of, filter)| (*of, Node::of(filter))).collect();
        Box::new(Inside { contained: contained.clone(), nodes })
    }
}

impl Chain {
    fn new(param: ParamId, of: ResourceType, filter: &Filter) -> Box<Chain> {
        let (there, here, named) = Default::default();
        Box::new(Chain { param, of, node: Node::of(filter), there, here, named })
    }
}

fn is_lookup(test: &Test) -> bool {
    lookups(test, &Spans::NONE)
        .iter()
        .all(|lookup| matches!(lookup, Lookup::Term(_) | Lookup::Range { scan: encode::Scan::All, .. }))
}

/// How deep the chains of a filter nest.
pub(crate) fn chain_depth(filter: &Filter) -> usize {
    match filter {
        Filter::And(all) | Filter::Or(all) => all.iter().map(chain_depth).max().unwrap_or(0),
        Filter::Not(one) => chain_depth(one),
        Filter::Contains(contained) => {
            let depth = contained.types.iter().map(|(_, filter)| chain_depth(filter)).max().unwrap_or(0);
            depth + usize::from(contained.by.is_some())
        }
        Filter::Refers { filter, .. } | Filter::ReferredBy { filter, .. } => 1 + chain_depth(filter),
        _ => 0,
    }
}
