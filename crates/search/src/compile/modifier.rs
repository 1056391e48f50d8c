//! What a modifier makes of a parameter (R4 search §3.1.1.4.5).

use fhir::{ParameterKind, ResourceType, SearchParameterDefinition};

use super::hierarchy;
use super::target::{finds, finds_canonicals, finds_media_types, targets};
use super::{Subject, is_fact};
use crate::error::{Reason, shown};

/// Of how many types to refer to an error names each.
const TARGETS_NAMED_MAX: usize = 8;

/// A modifier, as understood for the parameter that it stands at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Modifier {
    /// There is none.
    Plain,
    /// `:missing`.
    Missing,
    /// `:exact`.
    Exact,
    /// `:contains`.
    Contains,
    /// `:not`.
    Not,
    /// `:text`.
    Text,
    /// `:of-type`.
    OfType,
    /// `:identifier`.
    Identifier,
    /// `:above` on an address.
    AbovePath,
    /// `:below` on an address.
    BelowPath,
    /// `:in`.
    In,
    /// `:not-in`.
    NotIn,
    /// `:above` on a code.
    AboveCode,
    /// `:below` on a code.
    BelowCode,
    /// `:below` on a media type.
    BelowMediaType,
    /// `:above` on a reference.
    AboveReference,
    /// `:below` on a reference.
    BelowReference,
    /// `:Patient`: only references to this type.
    Type(ResourceType),
}

impl Subject<'_> {
    /// The modifier of this name. Fails with those that the parameter has.
    pub(super) fn modifier(&self, of: ResourceType, name: Option<&str>) -> Result<Modifier, Reason> {
        let Some(name) = name else { return Ok(Modifier::Plain) };
        let has = self.modifiers(of);
        let known = has.iter().find(|(known, _)| *known == name).map(|(_, modifier)| *modifier);
        let target = || {
            let wanted =
                ResourceType::parse(name).filter(|_| self.definition.kind == ParameterKind::Reference);
            wanted.filter(|wanted| targets(self.definition, of).is_none_or(|all| all.contains(wanted)))
        };
        known
            .or_else(|| target().map(Modifier::Type))
            .ok_or_else(|| Reason::Modifier { modifier: shown(name), has: self.names_of_modifiers(of) })
    }

    /// The names of the modifiers that the parameter has; a type that it may refer to is one more.
    pub(super) fn names_of_modifiers(&self, of: ResourceType) -> Vec<&'static str> {
        let mut names: Vec<&str> = self.modifiers(of).into_iter().map(|(name, _)| name).collect();
        if self.definition.kind == ParameterKind::Reference {
            match targets(self.definition, of) {
                Some(all) if all.len() <= TARGETS_NAMED_MAX => {
                    names.extend(all.into_iter().map(ResourceType::name))
                }
                _ => names.push("[type]"),
            }
        }
        names
    }

    fn modifiers(&self, of: ResourceType) -> Vec<(&'static str, Modifier)> {
        let definition = self.definition;
        let mut all = match definition.kind {
            ParameterKind::Composite => return Vec::new(),
            _ => vec![("missing", Modifier::Missing)],
        };
        match definition.kind {
            ParameterKind::String => {
                all.extend([("exact", Modifier::Exact), ("contains", Modifier::Contains)]);
            }
            ParameterKind::Token => all.push(("not", Modifier::Not)),
            ParameterKind::Reference => all.extend(of_references(definition, of)),
            ParameterKind::Uri => {
                all.extend([("above", Modifier::AbovePath), ("below", Modifier::BelowPath)]);
            }
            _ => {}
        }
        if definition.kind == ParameterKind::Token && !is_fact(&definition.code) {
            all.extend([("text", Modifier::Text), ("in", Modifier::In), ("not-in", Modifier::NotIn)]);
            if finds_media_types(definition, of) {
                all.push(("below", Modifier::BelowMediaType));
            } else {
                all.extend([("above", Modifier::AboveCode), ("below", Modifier::BelowCode)]);
            }
            if finds(definition, of, "Identifier") {
                all.push(("of-type", Modifier::OfType));
            }
        }
        all
    }
}

/// The modifiers of references. One of a canonical holds no identifier, and only versions are below one.
fn of_references(definition: &SearchParameterDefinition, of: ResourceType) -> Vec<(&'static str, Modifier)> {
    let mut all = vec![("identifier", Modifier::Identifier)];
    if hierarchy::leads_into_one(definition, of) {
        all.extend([("above", Modifier::AboveReference), ("below", Modifier::BelowReference)]);
    } else if finds_canonicals(definition, of) {
        all.push(("below", Modifier::BelowReference));
    }
    all
}
