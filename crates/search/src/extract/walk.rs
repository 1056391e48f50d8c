//! Walks a resource once along its plan.

use super::ExtractError;
use super::form::Form;
use super::names::{Names, names};
use super::plan::{Action, Composites, Guard, Node, Plan};
use super::references::Memberships;
use super::{codes, numbers, references, strings, times};
use crate::Entries;
use crate::entries::TooMany;
use fhir::{Json, Kind, ResourceType};

/// The most composite entries of one resource; an element with many codes and many values multiplies them.
pub(super) const COMPOSITES_MAX: usize = 10_000;

/// One walk of one resource.
pub(super) struct Walk<'a> {
    pub(super) plan: &'a Plan,
    pub(super) root: Json<'a>,
    /// The resource that contains it, or itself: where its references to contained resources lead.
    pub(super) container: Json<'a>,
    /// The base URL of the data store, without a slash at its end; empty if there is none.
    pub(super) base: &'a str,
    pub(super) names: &'static Names,
    pub(super) memberships: Memberships,
    /// The types of contained resources so far.
    pub(super) contained: Vec<ResourceType>,
    composites_left: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(plan: &'a Plan, root: Json<'a>, base: &'a str) -> Self {
        let (memberships, contained, names) = (Memberships::default(), Vec::new(), names());
        Walk {
            plan,
            root,
            container: root,
            base,
            names,
            memberships,
            contained,
            composites_left: COMPOSITES_MAX,
        }
    }

    /// Does what the plan has for a member's value: once, or for each item of an array.
    pub(super) fn value(
        &mut self,
        node: u32,
        item: Option<u32>,
        json: Json<'a>,
        out: &mut Entries,
    ) -> Result<(), ExtractError> {
        if json.kind() != Kind::Array {
            return if item.is_none_or(|item| item == 0) { self.visit(node, json, out) } else { Ok(()) };
        }
        let items = json.items();
        match item {
            None => items.into_iter().try_for_each(|json| self.visit(node, json, out)),
            Some(item) => {
                items.into_iter().nth(item as usize).map_or(Ok(()), |json| self.visit(node, json, out))
            }
        }
    }

    /// Does what the plan has for one element.
    pub(super) fn visit(&mut self, node: u32, json: Json<'a>, out: &mut Entries) -> Result<(), ExtractError> {
        let plan = self.plan;
        let node = &plan.nodes[node as usize];
        for action in &node.actions {
            self.act(action, json, out);
        }
        for (guard, to) in &node.guards {
            if self.holds(guard, json) {
                self.visit(*to, json, out)?;
            }
        }
        if !node.edges.is_empty() {
            self.members(node, json, out)?;
        }
        match &node.composites {
            Some(composites) => self.composites(composites, json, out),
            None => Ok(()),
        }
    }

    fn members(&mut self, node: &Node, json: Json<'a>, out: &mut Entries) -> Result<(), ExtractError> {
        for (name, value) in json.members() {
            let Some(symbol) = name.symbol() else { continue };
            for edge in node.edges_of(symbol) {
                self.value(edge.to, edge.item, value, out)?;
            }
        }
        Ok(())
    }

    fn holds(&self, guard: &Guard, json: Json<'a>) -> bool {
        match guard {
            Guard::Is(symbol, text) => {
                json.member(*symbol).and_then(Json::as_str).is_some_and(|found| *found == **text)
            }
            Guard::IsNotTrue(symbol) => json.member(*symbol).and_then(Json::as_bool) != Some(true),
            Guard::HasExtension(url) => json.member(self.names.extension).is_some_and(|extensions| {
                let mut urls = extensions.items().filter_map(|item| item.member(self.names.url)?.as_str());
                urls.any(|found| *found == **url)
            }),
        }
    }

    pub(super) fn act(&mut self, action: &Action, json: Json<'a>, out: &mut Entries) {
        let Action { form, emits } = action;
        match form {
            Form::Code(set) => codes::code(json, *set, emits, out),
            Form::PlainToken => codes::plain(json, emits, out),
            Form::Boolean => codes::boolean(json, emits, out),
            Form::Coding => codes::coding(json, self.names, emits, out),
            Form::Concept => codes::concept(json, self.names, emits, out),
            Form::Identifier => codes::identifier(json, self.names, emits, out),
            Form::Contact => codes::contact(json, self.names, emits, out),
            Form::Text => strings::text(json, emits, out),
            Form::HumanName => strings::human_name(json, self.names, emits, out),
            Form::Address => strings::address(json, self.names, emits, out),
            Form::ConceptText => strings::concept(json, self.names, emits, out),
            Form::Date => times::date(json, emits, out),
            Form::Instant => times::instant(json, emits, out),
            Form::Period => times::period(json, self.names, emits, out),
            Form::Timing => times::timing(json, self.names, emits, out),
            Form::Number => numbers::number(json, emits, out),
            Form::NumberRange => numbers::number_range(json, self.names, emits, out),
            Form::Quantity => numbers::quantity(json, self.names, emits, out),
            Form::Money => numbers::money(json, self.names, emits, out),
            Form::QuantityRange => numbers::quantity_range(json, self.names, emits, out),
            Form::SampledData => numbers::sampled_data(json, self.names, emits, out),
            Form::Position => numbers::position(json, self.names, emits, out),
            Form::Reference => references::reference(self, json, emits, out),
            Form::CanonicalReference => references::canonical(self, json, emits, out),
            Form::UriReference => references::uri(self, json, emits, out),
            Form::Inline => references::inline(json, self.names, emits, out),
            Form::Contained => references::contained(self, json, emits, out),
            Form::Uri => references::plain_uri(json, emits, out),
            Form::Canonical => references::canonical_uri(json, emits, out),
        }
    }

    fn composites(
        &mut self,
        composites: &Composites,
        json: Json<'a>,
        out: &mut Entries,
    ) -> Result<(), ExtractError> {
        let stage = out.stage();
        self.visit(composites.here, json, out)?;
        if let Some(resource) = composites.resource {
            self.visit(resource, self.root, out)?;
        }
        out.unstage(stage);
        for row in &composites.rows {
            out.push_combinations(row.param, &row.components, &mut self.composites_left)
                .map_err(|TooMany| ExtractError::TooManyComposites)?;
        }
        Ok(())
    }
}
