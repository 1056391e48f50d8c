//! Compiles the search parameters of a resource type into one plan.

use super::NotIndexed;
use super::expression::{Expression, Operator, parse};
use super::form::Form;
use super::plan::{Action, CompositeRow, Composites, Edge, Emit, Guard, Node, PathRow, Plan, ROOT, Truth};
use crate::{ParamId, ParameterSet, registry};
use fhir::{
    CodeSet, FhirPath, ParameterKind, ResourceType, SearchParameterDefinition, Symbol, TypeDefinition,
    definitions,
};
use std::borrow::Cow;
use std::collections::HashMap;

/// Facts of the store, so they are no entries.
const NOT_INDEXED: [&str; 2] = ["_id", "_lastUpdated"];

const NO_EXPRESSION: &str = "the standard gives no expression";
const NOT_SUPPORTED: &str = "the expression is not in the supported part of FHIRPath";
const ASKS_TIME: &str = "the expression depends on the time, and the index does not";
const FINDS_NOTHING: &str = "the expression finds nothing of a type that this kind of parameter compares";

type Compiled<T> = Result<T, &'static str>;

/// The plan of resources of type `of`: its parameters, what puts it into compartments, and what a List lists.
pub(crate) fn compile(of: ResourceType, parameters: &ParameterSet) -> Plan {
    let (nodes, truths, slots) = (vec![Node::default()], Vec::new(), HashMap::new());
    let mut compiler = Compiler { of, parameters, nodes, truths, paths: Vec::new(), slots };
    let mut not_indexed = Vec::new();
    let indexed = definitions().search_parameters_of(of).filter(|it| !NOT_INDEXED.contains(&&*it.code));
    for definition in indexed {
        let param = registry().param(&definition.code).ok_or(NOT_SUPPORTED);
        if let Err(reason) = param.and_then(|param| compiler.parameter(param, definition)) {
            not_indexed.push(NotIndexed { definition, reason });
        }
    }
    for own in parameters.own_of(of) {
        // What was taken in compiles; a release that knows less of FHIRPath finds nothing by it.
        let _ = compiler.own_parameter(own.param, &own.definition);
    }
    compiler.contained();
    let mut is_compartment = false;
    for compartment in definitions().compartments() {
        is_compartment |= compartment.of == of;
        for code in compartment.parameters_of(of) {
            compiler.membership(code, compartment.of);
        }
    }
    compiler.listed();
    let Compiler { nodes, truths, paths, .. } = compiler;
    let mut plan = Plan { nodes, truths, paths, is_compartment, not_indexed };
    plan.prune();
    plan
}

/// Why a definition cannot be compiled: the alternative of its expression, or the part, and the reason.
pub(crate) struct Fault {
    pub(crate) part: String,
    pub(crate) reason: Cow<'static, str>,
}

/// Whether a definition can be compiled for resources of type `of`.
pub(crate) fn check(
    of: ResourceType,
    definition: &SearchParameterDefinition,
    parameters: &ParameterSet,
) -> Result<(), Fault> {
    let compiled = |definition: &SearchParameterDefinition| {
        let (nodes, truths, slots) = (vec![Node::default()], Vec::new(), HashMap::new());
        let mut compiler = Compiler { of, parameters, nodes, truths, paths: Vec::new(), slots };
        compiler.own_parameter(ParamId(ParamId::FIRST_CUSTOM), definition)
    };
    let Err(reason) = compiled(definition) else { return Ok(()) };
    // Which alternative it is, as far as the text can be taken apart.
    let part = definition.expression.split('|').map(str::trim).find(|part| {
        let alone =
            SearchParameterDefinition { expression: Cow::Owned((*part).to_owned()), ..definition.clone() };
        compiled(&alone).is_err_and(|other| other == reason)
    });
    Err(Fault { part: part.unwrap_or(&definition.expression).to_owned(), reason })
}

struct Compiler<'p> {
    of: ResourceType,
    parameters: &'p ParameterSet,
    nodes: Vec<Node>,
    truths: Vec<Truth>,
    paths: Vec<PathRow>,
    /// The number of a component, by the element, the component's expression and its kind.
    slots: HashMap<(u32, String, ParameterKind), ParamId>,
}

/// Elements that an expression has come to.
#[derive(Clone, Copy)]
struct Cursor {
    node: u32,
    of: &'static TypeDefinition,
    binding: Option<&'static CodeSet>,
    only: Option<ResourceType>,
}

/// Where an expression starts.
#[derive(Clone, Copy)]
struct Start {
    this: Cursor,
    resource: Cursor,
}

impl Compiler<'_> {
    fn parameter(&mut self, param: ParamId, definition: &SearchParameterDefinition) -> Compiled<()> {
        if definition.expression.is_empty() {
            return Err(NO_EXPRESSION);
        }
        let expression = parse(&definition.expression).ok_or(NOT_SUPPORTED)?;
        if definition.kind == ParameterKind::Composite {
            return self.composite(param, definition, &expression);
        }
        if let Some(members) = self.truth(&expression) {
            self.truths.push(Truth { param, members });
            return Ok(());
        }
        let found = self.evaluate(&expression, self.whole_resource())?;
        let count: usize = found
            .iter()
            .map(|cursor| self.attach(*cursor, definition.kind, param, &definition.targets))
            .sum();
        if count > 0 { Ok(()) } else { Err(FINDS_NOTHING) }
    }

    /// A parameter of a data store's own: what the walk along names cannot take, FHIRPath evaluates.
    fn own_parameter(
        &mut self,
        param: ParamId,
        definition: &SearchParameterDefinition,
    ) -> Result<(), Cow<'static, str>> {
        match self.parameter(param, definition) {
            Err(NOT_SUPPORTED) if definition.kind != ParameterKind::Composite => {}
            other => return other.map_err(Cow::Borrowed),
        }
        let path = FhirPath::compile(&definition.expression, definitions().resource(self.of));
        let path = path.map_err(|error| error.to_string())?;
        if path.asks_time() {
            return Err(ASKS_TIME.into());
        }
        self.paths.push(PathRow { param, kind: definition.kind, path });
        Ok(())
    }

    /// References of the parameter `code` to a `compartment` make the resource a member.
    fn membership(&mut self, code: &str, compartment: ResourceType) {
        let Some((_, definition)) = registry().named(self.of, code) else { return };
        let Some(expression) = parse(&definition.expression) else { return };
        for mut cursor in self.evaluate(&expression, self.whole_resource()).unwrap_or_default() {
            cursor.only = Some(compartment);
            self.attach(cursor, ParameterKind::Reference, ParamId::COMPARTMENT, &[]);
        }
    }

    /// What the entries of a List refer to, unless they are marked as deleted: those are not part of it any more.
    fn listed(&mut self) {
        let Some(deleted) = Symbol::of("deleted").filter(|_| self.of.name() == "List") else { return };
        for mut entry in self.member(self.resource_at(ROOT), "entry", None) {
            self.guard(&mut entry, Guard::IsNotTrue(deleted));
            for item in self.member(entry, "item", None) {
                self.attach(item, ParameterKind::Reference, ParamId::LISTED, &[]);
            }
        }
    }

    /// The types of contained resources, where the standard lets there be any.
    fn contained(&mut self) {
        for contained in self.member(self.resource_at(ROOT), "contained", None) {
            self.add(contained.node, Form::Contained, Emit { param: ParamId::CONTAINED, only: None });
        }
    }

    fn whole_resource(&self) -> Start {
        let whole = self.resource_at(ROOT);
        Start { this: whole, resource: whole }
    }

    fn resource_at(&self, node: u32) -> Cursor {
        Cursor { node, of: definitions().resource(self.of), binding: None, only: None }
    }

    /// Puts the conversion of what is found at `cursor` there; how many conversions that takes.
    fn attach(
        &mut self,
        cursor: Cursor,
        kind: ParameterKind,
        param: ParamId,
        targets: &[ResourceType],
    ) -> usize {
        if cursor.of.name == "Extension" {
            let values = self.member(cursor, "value", None);
            return values.into_iter().map(|value| self.attach(value, kind, param, targets)).sum();
        }
        let Some(form) = Form::of(kind, cursor.of, cursor.binding) else { return 0 };
        if matches!(form, Form::Inline) {
            for target in targets {
                self.add(cursor.node, form, Emit { param, only: Some(*target) });
            }
        } else {
            self.add(cursor.node, form, Emit { param, only: cursor.only });
        }
        1
    }

    fn add(&mut self, node: u32, form: Form, emit: Emit) {
        let actions = &mut self.nodes[node as usize].actions;
        let same =
            |action: &&mut Action| std::mem::discriminant(&action.form) == std::mem::discriminant(&form);
        match actions.iter_mut().find(same) {
            Some(action) if action.emits.contains(&emit) => {}
            Some(action) => action.emits.push(emit),
            None => actions.push(Action { form, emits: vec![emit] }),
        }
    }

    fn composite(
        &mut self,
        param: ParamId,
        definition: &SearchParameterDefinition,
        expression: &Expression<'_>,
    ) -> Compiled<()> {
        for base in self.evaluate(expression, self.whole_resource())? {
            let mut components = Vec::new();
            for component in &definition.components {
                let kind = self.parameters.at(&component.definition).ok_or(NOT_SUPPORTED)?.kind;
                components.push(self.component(base, &component.expression, kind)?);
            }
            self.composites(base.node).rows.push(CompositeRow { param, components });
        }
        Ok(())
    }

    /// The number of a component of the composites about `base`.
    fn component(&mut self, base: Cursor, expression: &str, kind: ParameterKind) -> Compiled<ParamId> {
        let key = (base.node, expression.to_owned(), kind);
        if let Some(slot) = self.slots.get(&key) {
            return Ok(*slot);
        }
        let parsed = parse(expression).ok_or(NOT_SUPPORTED)?;
        let here = self.composites(base.node).here;
        let resource = self.resource_root_of_composites(base.node);
        let start = Start { this: Cursor { node: here, ..base }, resource: self.resource_at(resource) };
        let slot = ParamId(u16::try_from(self.slots.len()).map_err(|_| NOT_SUPPORTED)?);
        let found = self.evaluate(&parsed, start)?;
        let count: usize = found.iter().map(|cursor| self.attach(*cursor, kind, slot, &[])).sum();
        if count == 0 {
            return Err(FINDS_NOTHING);
        }
        self.slots.insert(key, slot);
        Ok(slot)
    }

    fn composites(&mut self, node: u32) -> &mut Composites {
        if self.nodes[node as usize].composites.is_none() {
            let here = self.new_node();
            self.nodes[node as usize].composites =
                Some(Box::new(Composites { here, ..Composites::default() }));
        }
        self.nodes[node as usize].composites.as_mut().expect("it was just put there")
    }

    fn resource_root_of_composites(&mut self, node: u32) -> u32 {
        if let Some(resource) = self.composites(node).resource {
            return resource;
        }
        let resource = self.new_node();
        self.composites(node).resource = Some(resource);
        resource
    }

    fn new_node(&mut self) -> u32 {
        self.nodes.push(Node::default());
        (self.nodes.len() - 1) as u32
    }

    /// The members of the resource, if the expression is `X.exists() and X != false`.
    fn truth(&self, expression: &Expression<'_>) -> Option<Vec<Symbol>> {
        let Expression::Binary(Operator::And, exists, differs) = expression else { return None };
        let Expression::Call(element, "exists", _) = &**exists else { return None };
        let Expression::Binary(Operator::NotEqual, same, value) = &**differs else { return None };
        if element != same || **value != Expression::Boolean(false) {
            return None;
        }
        let Expression::Member(_, name) = &**element else { return None };
        let element = definitions().resource(self.of).element(name)?;
        Some(element.types.iter().filter_map(|of| Symbol::of(&element.json_name(of))).collect())
    }

    fn evaluate(&mut self, expression: &Expression<'_>, start: Start) -> Compiled<Vec<Cursor>> {
        match expression {
            Expression::This => Ok(vec![start.this]),
            Expression::Resource => Ok(vec![start.resource]),
            Expression::Name(name) => self.name(name, start),
            Expression::Member(focus, name) => {
                let found = self.evaluate(focus, start)?;
                Ok(found.into_iter().flat_map(|cursor| self.member(cursor, name, None)).collect())
            }
            Expression::Index(focus, item) => {
                let Expression::Member(focus, name) = &**focus else { return Err(NOT_SUPPORTED) };
                let found = self.evaluate(focus, start)?;
                Ok(found.into_iter().flat_map(|cursor| self.member(cursor, name, Some(*item))).collect())
            }
            Expression::As(focus, name) => self.of_type(focus, name, start),
            Expression::Call(focus, "as" | "ofType", arguments) => match arguments.as_slice() {
                [Expression::Name(name)] => self.of_type(focus, name, start),
                _ => Err(NOT_SUPPORTED),
            },
            Expression::Call(focus, "where", arguments) => match arguments.as_slice() {
                [criterion] => self.criterion(focus, criterion, start),
                _ => Err(NOT_SUPPORTED),
            },
            Expression::Call(focus, "extension", arguments) => match arguments.as_slice() {
                [Expression::Text(url)] => self.extension(focus, url, start),
                _ => Err(NOT_SUPPORTED),
            },
            Expression::Binary(Operator::Union, left, right) => {
                let mut found = self.evaluate(left, start)?;
                found.extend(self.evaluate(right, start)?);
                Ok(found)
            }
            _ => Err(NOT_SUPPORTED),
        }
    }

    /// A type to start from, if the name is one, and otherwise a member of what the expression is about.
    fn name(&mut self, name: &str, start: Start) -> Compiled<Vec<Cursor>> {
        if !name.starts_with(|first: char| first.is_ascii_uppercase()) {
            return Ok(self.member(start.this, name, None));
        }
        if definitions().resource(self.of).is(name) {
            return Ok(vec![start.resource]);
        }
        definitions().type_named(name).map(|_| Vec::new()).ok_or(NOT_SUPPORTED)
    }

    fn member(&mut self, cursor: Cursor, name: &str, item: Option<u32>) -> Vec<Cursor> {
        let Some(element) = cursor.of.element(name) else { return Vec::new() };
        let mut found = Vec::new();
        for of in &element.types {
            if let Some(symbol) = Symbol::of(&element.json_name(of)) {
                let node = self.child(cursor.node, symbol, item);
                found.push(Cursor { node, of: of.definition(), binding: element.binding(), only: None });
            }
        }
        found
    }

    fn child(&mut self, node: u32, symbol: Symbol, item: Option<u32>) -> u32 {
        let edges = &self.nodes[node as usize].edges;
        if let Some(edge) = edges.iter().find(|edge| edge.symbol == symbol && edge.item == item) {
            return edge.to;
        }
        let to = self.new_node();
        self.nodes[node as usize].edges.push(Edge { symbol, item, to });
        to
    }

    /// Only what is exactly of this type: the standard writes `DateTime` too.
    fn of_type(&mut self, focus: &Expression<'_>, name: &str, start: Start) -> Compiled<Vec<Cursor>> {
        let mut found = self.evaluate(focus, start)?;
        found.retain(|cursor| cursor.of.name.eq_ignore_ascii_case(name));
        Ok(found)
    }

    fn criterion(
        &mut self,
        focus: &Expression<'_>,
        criterion: &Expression<'_>,
        start: Start,
    ) -> Compiled<Vec<Cursor>> {
        let mut found = self.evaluate(focus, start)?;
        match criterion {
            Expression::Binary(Operator::Equal, name, value) => {
                let (Expression::Name(name), Expression::Text(value)) = (&**name, &**value) else {
                    return Err(NOT_SUPPORTED);
                };
                let symbol = Symbol::of(name).ok_or(NOT_SUPPORTED)?;
                found.iter_mut().for_each(|cursor| self.guard(cursor, Guard::Is(symbol, (*value).into())));
            }
            Expression::Is(what, name) => {
                if !matches!(&**what, Expression::Call(_, "resolve", _)) {
                    return Err(NOT_SUPPORTED);
                }
                let of = ResourceType::parse(name).ok_or(NOT_SUPPORTED)?;
                found.iter_mut().for_each(|cursor| cursor.only = Some(of));
            }
            Expression::Call(_, "hasExtension", arguments) => {
                let [Expression::Text(url)] = arguments.as_slice() else { return Err(NOT_SUPPORTED) };
                found.iter_mut().for_each(|cursor| self.guard(cursor, Guard::HasExtension((*url).into())));
            }
            _ => return Err(NOT_SUPPORTED),
        }
        Ok(found)
    }

    fn extension(&mut self, focus: &Expression<'_>, url: &str, start: Start) -> Compiled<Vec<Cursor>> {
        let found = self.evaluate(focus, start)?;
        let symbol = Symbol::of("url").ok_or(NOT_SUPPORTED)?;
        let mut extensions: Vec<Cursor> =
            found.into_iter().flat_map(|cursor| self.member(cursor, "extension", None)).collect();
        extensions.iter_mut().for_each(|cursor| self.guard(cursor, Guard::Is(symbol, url.into())));
        Ok(extensions)
    }

    /// Moves the cursor behind a guard.
    fn guard(&mut self, cursor: &mut Cursor, guard: Guard) {
        let guards = &self.nodes[cursor.node as usize].guards;
        if let Some((_, to)) = guards.iter().find(|(known, _)| *known == guard) {
            cursor.node = *to;
            return;
        }
        let to = self.new_node();
        self.nodes[cursor.node as usize].guards.push((guard, to));
        cursor.node = to;
    }
}
