//! Logical ids and the key of a resource: type and id.

use std::fmt;
use std::sync::Arc;

use crate::ResourceType;

/// The longest logical id, in bytes (R4 datatypes, `id`).
pub const ID_BYTES_MAX: usize = 64;

/// A logical id: 1 to 64 of `A`-`Z`, `a`-`z`, `0`-`9`, `-` and `.`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Arc<str>);

impl Id {
    /// The id in this text, or nothing if it does not have the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Id> {
        is_id(text).then(|| Id(Arc::from(text)))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which bytes an id may have; a table without branches, since every reference of every resource asks it.
const IN_ID: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte == b'-' as usize || byte == b'.' as usize;
        byte += 1;
    }
    table
};

/// Whether the text has the form of a logical id.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&text.len())
        && text.bytes().fold(true, |all, byte| all & IN_ID[usize::from(byte)])
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a resource is found by: its type and logical id, written `Patient/1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey {
    /// The resource type.
    pub of: ResourceType,
    /// The logical id.
    pub id: Id,
}

impl ResourceKey {
    /// The key in `Type/id`, or nothing if the text is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<ResourceKey> {
        let (of, id) = text.split_once('/')?;
        Some(ResourceKey { of: ResourceType::parse(of)?, id: Id::parse(id)? })
    }
}

impl fmt::Debug for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.of, self.id)
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.of, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_a_form_and_a_length() {
        let longest = "a".repeat(ID_BYTES_MAX);
        for good in ["1", "a-b.C9", "-", ".", longest.as_str()] {
            assert_eq!(Id::parse(good).map(|id| id.to_string()).as_deref(), Some(good));
        }
        let too_long = "a".repeat(ID_BYTES_MAX + 1);
        for bad in ["", "a_b", "a/b", "é", " a", "a\n", too_long.as_str()] {
            assert_eq!(Id::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn keys_are_written_as_they_are_read() {
        assert_eq!(ResourceKey::parse("Patient/1").map(|key| key.to_string()).as_deref(), Some("Patient/1"));
        for bad in ["Patient", "Patient/", "Person /1", "patient/1", "Patient/1/2", "/1", ""] {
            assert_eq!(ResourceKey::parse(bad), None, "{bad}");
        }
    }
}
