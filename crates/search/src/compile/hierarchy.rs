//! `:above` and `:below` of references: into a hierarchy of resources, or to the versions of a canonical
//! (R4 search §3.1.1.4.13-14).

use fhir::{ResourceType, SearchParameterDefinition};

use super::target::{finds_canonicals, targets};
use super::{Context, Subject, named};
use crate::error::Reason;
use crate::{Direction, Filter, Hierarchy, ReferenceTest, Test};

/// The reference parameters by which resources of one type are parts of each other, strictly: no resource is a
/// part of itself. Of a type with several, the first says what stands above and below in general; the others are
/// followed when they themselves are asked.
///
/// R4 marks CarePlan, Encounter, Location and Organization (`structuredefinition-hierarchy`). The others refer to
/// nothing but their own type, by an element called `partOf` or `parent`.
const HIERARCHIES: [(&str, &[&str]); 7] = [
    ("CarePlan", &["part-of", "based-on", "replaces"]),
    ("Encounter", &["part-of"]),
    ("Location", &["partof"]),
    ("Organization", &["partof"]),
    ("ResearchStudy", &["partof"]),
    ("Specimen", &["parent"]),
    ("Task", &["part-of"]),
];

/// By which parameters resources of a type are parts of each other; none if they are not.
fn parents(of: ResourceType) -> &'static [&'static str] {
    HIERARCHIES.iter().find(|(name, _)| *name == of.name()).map_or(&[], |(_, parents)| parents)
}

/// Whether a parameter may refer to resources that are parts of each other.
pub(super) fn leads_into_one(definition: &SearchParameterDefinition, of: ResourceType) -> bool {
    targets(definition, of).is_none_or(|all| all.into_iter().any(|target| !parents(target).is_empty()))
}

impl Subject<'_> {
    /// What refers to `value`, or to what stands above or below it.
    pub(super) fn within(
        &self,
        value: &str,
        context: &Context<'_>,
        direction: Direction,
    ) -> Result<Filter, Reason> {
        const FORM: Reason = Reason::Value("an id, 'Type/id' or an address, and none of a version");
        let targets = targets(self.definition, context.of);
        let sole = || match targets.as_deref() {
            Some([only]) => Some(*only),
            _ => None,
        };
        let Test::Reference(root) = named::reference(value, sole, context.base)? else { return Err(FORM) };
        let is_canonical = finds_canonicals(self.definition, context.of);
        let root = match root {
            ReferenceTest::Version(..) => return Err(FORM),
            ReferenceTest::Url(url) if is_canonical && url.contains('|') => ReferenceTest::UrlVersions(url),
            root => root,
        };
        let types = targets.clone().unwrap_or_else(|| ResourceType::all().collect());
        let may_begin_in = |of: &ResourceType| !matches!(&root, ReferenceTest::Key(key) if key.of != *of);
        let mut ways: Vec<Filter> = types
            .into_iter()
            .filter(may_begin_in)
            .filter_map(|of| self.hierarchy(of, root.clone(), context, direction))
            .map(|hierarchy| Filter::RefersWithin { param: self.param, hierarchy: Box::new(hierarchy) })
            .collect();
        Ok(match ways.len() {
            0 => Filter::Has(self.param, Test::Reference(root)),
            1 => ways.remove(0),
            _ => Filter::Or(ways),
        })
    }

    /// The hierarchy of a type from `root` on, if it has one: by this parameter, if that makes one.
    fn hierarchy(
        &self,
        of: ResourceType,
        root: ReferenceTest,
        context: &Context<'_>,
        direction: Direction,
    ) -> Option<Hierarchy> {
        let own = parents(of).iter().find(|code| of == context.of && ***code == *self.definition.code);
        let (parent, _) = context.parameters.named(of, own.or_else(|| parents(of).first())?)?;
        Some(Hierarchy { of, parent, root, direction, filter: Filter::Everything })
    }
}

#[cfg(test)]
mod tests {
    use fhir::definitions;

    use super::*;

    #[test]
    fn a_hierarchy_refers_to_its_own_type_only() {
        for (name, codes) in HIERARCHIES {
            let of = ResourceType::parse(name).unwrap();
            for code in codes {
                let definition =
                    definitions().search_parameters_of(of).find(|one| one.code == **code).unwrap();
                assert_eq!(targets(definition, of), Some(vec![of]), "{name}.{code}");
            }
        }
    }
}
