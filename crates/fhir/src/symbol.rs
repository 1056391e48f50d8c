//! Element names as small numbers, so that whoever walks a resource dispatches on integers.

use std::fmt;
use std::sync::LazyLock;

use crate::names::NameTable;

/// Every element name of R4 (choice elements both as stem and spelled out) and `resourceType`.
pub(crate) static SYMBOLS: LazyLock<NameTable> =
    LazyLock::new(|| NameTable::of_lines(include_str!("../data/element-names.txt")));

/// An element name of FHIR R4: `birthDate`, `valueQuantity`, `value`, `resourceType`.
///
/// Numbers are dense and stable within one build only: never write them to disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(pub(crate) u16);

impl Symbol {
    /// The symbol of this element name, if R4 has such an element; a name with a leading `_` has none.
    #[must_use]
    pub fn of(name: &str) -> Option<Symbol> {
        SYMBOLS.find(name.as_bytes()).map(Symbol)
    }

    /// The element name.
    #[must_use]
    pub fn name(self) -> &'static str {
        SYMBOLS.name(self.0).expect("a symbol is a number of the table")
    }

    /// Its number, below [`Symbol::count`]: an index for tables.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// How many symbols there are.
    #[must_use]
    pub fn count() -> usize {
        SYMBOLS.len()
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
