//! A small S3 endpoint over a local folder.

mod check;
mod checksum;
mod content;
mod description;
mod door;
mod endpoint;
mod error;
mod folder;
mod index;
mod objects;
mod seal;
mod sts;
mod uploads;

pub use check::ObjectsReport;
pub use door::{DELETED_OBJECTS_MAX, PAGE_KEYS_MAX, PAGE_PARTS_MAX, USER_METADATA_BYTES_MAX};
pub use endpoint::{Body, BodyError, Endpoint, EndpointOptions};
pub use error::FolderError;
pub use folder::{BUCKETS_MAX, Folder};
pub use objects::FolderObjects;
pub use sts::StsClient;
pub use uploads::{PART_BYTES_MAX, PART_BYTES_MIN, PARTS_MAX, UPLOADS_MAX};
