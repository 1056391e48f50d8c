//! The definitions as the walk wants them: per type a small table from symbols to rules.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::invariant::Invariants;
use super::primitive::Format;
use crate::definitions::{CodeSet, ElementDefinition, TypeDefinition, TypeKind, TypeReference, definitions};
use crate::profile::{ConstraintLine, rules};
use crate::{LinkPlace, ResourceType, Symbol};

/// Every type's plan.
pub(crate) struct Plans {
    plans: Vec<Plan>,
    by_resource: Vec<u16>,
    /// What stands beside a primitive: id and extensions.
    pub(crate) twin: u16,
}

pub(crate) static PLANS: LazyLock<Plans> = LazyLock::new(Plans::of_definitions);

/// What the members of one type's objects may be.
pub(crate) struct Plan {
    pub(crate) definition: &'static TypeDefinition,
    pub(crate) special: Special,
    /// A bit per element that must be there.
    pub(crate) required: u128,
    /// What is demanded of its values in FHIRPath.
    pub(super) invariants: Invariants,
    rules: Vec<Rule>,
    /// Open addressing by symbol.
    slots: Vec<Slot>,
    shift: u32,
}

/// Types with rules of their own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    None,
    /// `value` or `extension`, not both: their bits.
    Extension {
        value: u128,
        extension: u128,
    },
    Reference,
    Coding,
    CodeableConcept,
    /// The name of its entries.
    Bundle {
        entry: Symbol,
    },
}

/// What one member name stands for.
pub(crate) struct Rule {
    pub(crate) element: &'static ElementDefinition,
    pub(crate) of: &'static TypeDefinition,
    pub(crate) symbol: Symbol,
    /// One bit, the same for all names of a choice.
    pub(crate) bit: u128,
    pub(crate) is_array: bool,
    pub(crate) form: Form,
    pub(crate) binding: Option<&'static CodeSet>,
    pub(crate) targets: Targets,
    /// Whether its values are links to resources.
    pub(crate) link: Option<LinkPlace>,
    /// What is demanded of its values in FHIRPath, besides what their type demands.
    pub(super) invariants: Invariants,
}

/// How a value is checked.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    Primitive(Format),
    /// By the plan of this number.
    Object(u16),
    /// A whole resource.
    Resource,
    /// A resource contained in another.
    Contained,
}

/// The resource types that a reference may be to: a bit per number.
pub(crate) struct Targets([u64; 4]);

impl Targets {
    fn of(types: &[ResourceType]) -> Targets {
        let mut bits = if types.is_empty() { [u64::MAX; 4] } else { [0; 4] };
        for of in types {
            bits[usize::from(of.number() / 64)] |= 1 << (of.number() % 64);
        }
        Targets(bits)
    }

    pub(crate) fn allow(&self, of: ResourceType) -> bool {
        self.0[usize::from(of.number() / 64)] & 1 << (of.number() % 64) != 0
    }
}

#[derive(Clone, Copy)]
struct Slot {
    symbol: u16,
    rule: u16,
}

const EMPTY: Slot = Slot { symbol: u16::MAX, rule: 0 };

impl Plans {
    fn of_definitions() -> Plans {
        let types = definitions().types();
        let numbers: HashMap<&str, u16> = types.iter().map(|of| of.name).zip(0..).collect();
        let number = |name: &str| *numbers.get(name).expect("the definitions name only types they have");
        Plans {
            plans: types.iter().map(|of| Plan::of_type(of, &numbers)).collect(),
            by_resource: ResourceType::all().map(|of| number(of.name())).collect(),
            twin: number("Element"),
        }
    }

    #[inline]
    pub(crate) fn plan(&self, number: u16) -> &Plan {
        &self.plans[usize::from(number)]
    }

    pub(crate) fn resource(&self, of: ResourceType) -> &Plan {
        self.plan(self.by_resource[usize::from(of.number())])
    }
}

impl Plan {
    fn of_type(definition: &'static TypeDefinition, numbers: &HashMap<&str, u16>) -> Plan {
        let mut plan = Plan {
            definition,
            special: Special::None,
            required: 0,
            invariants: Invariants::of_lines(lineage(definition).flat_map(|of| lines(of.name))),
            rules: Vec::new(),
            slots: Vec::new(),
            shift: 0,
        };
        for (number, element) in definition.elements.iter().enumerate() {
            let bit = 1_u128.checked_shl(number as u32).expect("no type has more than 128 elements");
            if element.min > 0 {
                plan.required |= bit;
            }
            for of in &element.types {
                let link = link(definition, element, of);
                let invariants = element_invariants(definition, element, of);
                let rule = rule(element, of, bit, numbers);
                let form = form(definition, element, rule.form);
                plan.rules.push(Rule { link, invariants, form, ..rule });
            }
        }
        plan.special = plan.special_of();
        plan.fill_slots();
        plan
    }

    fn special_of(&self) -> Special {
        let bit =
            |name: &str| self.rules.iter().find(|rule| rule.element.name == name).map_or(0, |rule| rule.bit);
        match self.definition.name {
            "Extension" => Special::Extension { value: bit("value"), extension: bit("extension") },
            "Reference" => Special::Reference,
            "Coding" => Special::Coding,
            "CodeableConcept" => Special::CodeableConcept,
            "Bundle" => Special::Bundle { entry: Symbol::of("entry").expect("the list of names has entry") },
            _ => Special::None,
        }
    }

    fn fill_slots(&mut self) {
        let size = (self.rules.len() * 2).next_power_of_two().max(2);
        self.shift = 32 - size.trailing_zeros();
        self.slots = vec![EMPTY; size];
        for (rule, number) in self.rules.iter().zip(0..) {
            let mut at = place(rule.symbol, self.shift);
            while self.slots[at].symbol != EMPTY.symbol {
                at = (at + 1) & (size - 1);
            }
            self.slots[at] = Slot { symbol: rule.symbol.0, rule: number };
        }
    }

    /// The rule for members of this name.
    #[inline]
    pub(crate) fn rule(&self, symbol: Symbol) -> Option<&Rule> {
        let mut at = place(symbol, self.shift);
        loop {
            let slot = self.slots[at];
            if slot.symbol == symbol.0 {
                return Some(&self.rules[usize::from(slot.rule)]);
            }
            if slot.symbol == EMPTY.symbol {
                return None;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }
}

#[inline]
fn place(symbol: Symbol, shift: u32) -> usize {
    (u32::from(symbol.0).wrapping_mul(0x9E37_79B1) >> shift) as usize
}

/// Whether an element of `parent` holds links to resources, and where they stand.
fn link(parent: &TypeDefinition, element: &ElementDefinition, of: &TypeReference) -> Option<LinkPlace> {
    match of.name {
        "uri" | "url" => Some(LinkPlace::Uri),
        "xhtml" => Some(LinkPlace::Narrative),
        _ if parent.name == "Reference" && element.name == "reference" => Some(LinkPlace::Reference),
        _ => None,
    }
}

/// How an element's value is checked in `parent`, where its type alone would say `form`.
fn form(parent: &TypeDefinition, element: &ElementDefinition, form: Form) -> Form {
    match (parent.name, element.name, form) {
        // The ids of a StructureDefinition's elements are there in its snapshot and its differential.
        ("ElementDefinition", "id", _) => form,
        (_, "id", Form::Primitive(Format::String)) => Form::Primitive(Format::ElementId),
        ("Extension", "url", _) => Form::Primitive(Format::ExtensionUrl),
        _ => form,
    }
}

fn rule(
    element: &'static ElementDefinition,
    of: &'static TypeReference,
    bit: u128,
    numbers: &HashMap<&str, u16>,
) -> Rule {
    let name = if element.is_choice {
        let (first, rest) = of.name.split_at(1);
        format!("{}{}{rest}", element.name, first.to_ascii_uppercase())
    } else {
        element.name.to_owned()
    };
    let definition = of.definition();
    let form = match definition.kind {
        TypeKind::Primitive => Form::Primitive(Format::of(definition)),
        _ if of.name == "Resource" && element.name == "contained" => Form::Contained,
        _ if of.name == "Resource" => Form::Resource,
        _ => Form::Object(*numbers.get(of.name).expect("the definitions name only types they have")),
    };
    Rule {
        element,
        of: definition,
        symbol: Symbol::of(&name).expect("every element name has a symbol"),
        bit,
        is_array: element.is_array(),
        form,
        binding: element.binding().filter(|set| !set.is_open),
        targets: Targets::of(&of.targets),
        link: None,
        invariants: Invariants::default(),
    }
}

/// A type and those it builds on.
fn lineage(of: &'static TypeDefinition) -> impl Iterator<Item = &'static TypeDefinition> {
    std::iter::successors(Some(of), |of| of.base())
}

fn lines(path: &str) -> &'static [ConstraintLine] {
    rules(path).map_or(&[], |rules| &rules.constraints)
}

/// What the one profile demands that narrows types of the standard's elements everywhere.
static SIMPLE_QUANTITY: ConstraintLine = ConstraintLine {
    key: "sqty-1",
    is_error: true,
    human: "The comparator is not used on a SimpleQuantity",
    expression: "comparator.empty()",
};

/// The invariants of an element itself; those of a backbone are its type's.
fn element_invariants(
    parent: &'static TypeDefinition,
    element: &ElementDefinition,
    of: &TypeReference,
) -> Invariants {
    let choice = if element.is_choice { "[x]" } else { "" };
    let of_element = lineage(parent).flat_map(|parent| {
        let path = format!("{}.{}{choice}", parent.name, element.name);
        if path == of.name { &[] } else { lines(&path) }
    });
    let is_simple = lineage(parent).any(|parent| {
        let rules = rules(&format!("{}.{}{choice}", parent.name, element.name));
        let mut profiles = rules.iter().flat_map(|rules| &rules.profiles);
        profiles.any(|(name, profile)| *name == of.name && profile.ends_with("/SimpleQuantity"))
    });
    Invariants::of_lines(of_element.chain(is_simple.then_some(&SIMPLE_QUANTITY)))
}
