//! FHIR packages on disk: taken from archives, kept in a folder, and seen by a running server.

mod archive;
mod live;
mod shelf;
mod writer;

pub(crate) use archive::find;
pub(crate) use live::LivePackages;
pub(crate) use shelf::Shelf;

#[cfg(test)]
mod tests;
