//! The FHIR R4 standard as tables and pure functions.
//!
//! The types below hold the crate's contract until their own files land.
#![allow(missing_docs)]

use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ResourceType(u16);
impl ResourceType {
    pub fn name(self) -> &'static str {
        ""
    }
}
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Id(Arc<str>);
impl Id {
    pub fn parse(text: &str) -> Option<Id> {
        Some(Id(text.into()))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ResourceKey {
    pub of: ResourceType,
    pub id: Id,
}
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Time(pub i64);
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    pub from: Time,
    pub to: Time,
}
