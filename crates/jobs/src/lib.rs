//! Work that outlives a request.

mod checkpoint;
mod delete;
mod export;
mod export_files;
mod held;
mod import;
mod import_line;
mod import_pipeline;
mod import_source;
pub mod lifecycle;
pub mod limits;
pub mod ndjson;
pub mod objects;
mod objects_memory;
mod output;
pub mod preload;
mod queue;
mod reindex;
mod retry;
mod runner;
pub mod s3;
mod s3_role;
mod s3_writer;
mod vocabulary;

pub use export::plan::{Terms, criteria, is_exported, searched, split_filter};
pub use export::whose::{GROUPS_MAX, MEMBERS_MAX, members};
pub use export_files::{EXPORT_KEEP_MS, EXPORTS_BUCKET, ExportFiles};
pub use held::LEASE_MS;
pub use import_source::{FILE_BYTES_MAX, FILES_MAX, INPUT_BYTES_MAX};
pub use lifecycle::{Lifecycle, Preload, PreloadError};
pub use objects::{
    Content, DataAccess, ObjectPage, ObjectSummary, ObjectWriter, Objects, ObjectsError, PutOptions, S3Uri,
};
pub use objects::{get_bytes, put_bytes};
pub use objects_memory::MemoryObjects;
pub use output::{MEGABYTE, megabytes};
pub use queue::{Cancelled, QUEUED_JOBS_MAX, Queue, SubmitError, job_folder};
pub use reindex::{ensure_reindex, reindex_job};
pub use runner::{Bases, Parts, Runner};
pub use s3::{S3DataAccess, S3Objects, S3Options};
pub use s3_role::{AssumeRole, RoleCredentials};
pub use vocabulary::{
    Found as FoundVocabulary, KEPT_VOCABULARY_BYTES_MAX, KeptVocabulary, VocabularySource, vocabulary,
};
