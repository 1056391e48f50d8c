//! What `_elements` names: elements by their paths, of any type or of one.

use crate::ResourceType;

/// The most elements that one request may name.
pub const ELEMENTS_MAX: usize = 100;

/// A list of elements, as `_elements` gives it: `name,birthDate`, `Patient.name`, `name.family`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elements(Vec<Path>);

/// One element named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    of: Option<ResourceType>,
    names: Vec<String>,
}

impl Elements {
    /// The elements that a comma-separated list names. Names that no type has name nothing, as the standard
    /// lets it be. `None` if the list is empty, has an empty name in it, or more than [`ELEMENTS_MAX`] names.
    #[must_use]
    pub fn parse(list: &str) -> Option<Elements> {
        let paths: Option<Vec<Path>> =
            list.split(',').take(ELEMENTS_MAX + 1).map(|path| Path::parse(path.trim())).collect();
        paths.filter(|paths| paths.len() <= ELEMENTS_MAX).map(Elements)
    }

    /// Whether the list restricts resources of this type: a list of other types' elements does not.
    pub(super) fn speaks_of(&self, of: ResourceType) -> bool {
        self.paths(of).next().is_some()
    }

    /// The paths into resources of this type.
    pub(super) fn paths(&self, of: ResourceType) -> impl Iterator<Item = &Path> {
        self.0.iter().filter(move |path| path.of.is_none_or(|only| only == of))
    }
}

impl Path {
    fn parse(text: &str) -> Option<Path> {
        let (of, rest) = match text.split_once('.') {
            Some((first, rest)) if ResourceType::parse(first).is_some() => (ResourceType::parse(first), rest),
            _ => (None, text),
        };
        let names: Vec<String> = rest.split('.').map(str::to_owned).collect();
        names.iter().all(|name| !name.is_empty()).then_some(Path { of, names })
    }

    /// The names of the elements on the way, from the resource down; at least one.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }
}
