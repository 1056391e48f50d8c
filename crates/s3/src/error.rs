//! What can go wrong in the folder of objects, and what the two doors to it make of that.

use jobs::ObjectsError;
use s3s::{S3Error, S3ErrorCode};

use crate::seal::SealError;

/// Why something was not done in the folder. Its sentences name no key and no content.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is no such bucket.
    #[error("The specified bucket does not exist")]
    NoSuchBucket,
    /// There is no such object.
    #[error("The specified key does not exist.")]
    NoSuchKey,
    /// There is no such multipart upload, or it is over.
    #[error(
        "The specified multipart upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    )]
    NoSuchUpload,
    /// The bucket is there already.
    #[error("Your previous request to create the named bucket succeeded and you already own it.")]
    BucketExists,
    /// The bucket holds objects.
    #[error("The bucket you tried to delete is not empty")]
    BucketNotEmpty,
    /// As many buckets as a folder may hold.
    #[error("You have attempted to create more buckets than allowed")]
    TooManyBuckets,
    /// As many multipart uploads as a bucket may have under way.
    #[error("Too many multipart uploads are under way in this bucket")]
    TooManyUploads,
    /// Not the name of a bucket.
    #[error("The specified bucket is not valid.")]
    InvalidBucketName,
    /// Not a key.
    #[error("The specified key is not valid.")]
    InvalidKey,
    /// A condition of the request does not hold.
    #[error("At least one of the pre-conditions you specified did not hold")]
    PreconditionFailed,
    /// A part that was named is not there, or is another.
    #[error(
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
    )]
    InvalidPart,
    /// Parts were not named in ascending order.
    #[error("The list of parts was not in ascending order. Parts must be ordered by part number.")]
    InvalidPartOrder,
    /// A part but the last is smaller than 5 MiB.
    #[error("Your proposed upload is smaller than the minimum allowed size")]
    PartTooSmall,
    /// More bytes than allowed.
    #[error("Your proposed upload exceeds the maximum allowed size")]
    TooLarge,
    /// The bytes are not those that the digest sent with them says.
    #[error("The {0} you specified did not match the calculated checksum.")]
    BadDigest(&'static str),
    /// The client stopped sending.
    #[error("You did not provide the number of bytes specified by the Content-Length HTTP header")]
    IncompleteBody,
    /// A range that starts past the end.
    #[error("The requested range is not satisfiable")]
    InvalidRange,
    /// A file is damaged or sealed with another key.
    #[error("The stored object is damaged")]
    Damaged,
    /// The disk failed.
    #[error("The disk failed")]
    Io(#[from] std::io::Error),
}

impl From<SealError> for FolderError {
    fn from(error: SealError) -> FolderError {
        match error {
            SealError::Damaged => FolderError::Damaged,
            SealError::Io(error) => FolderError::Io(error),
        }
    }
}

impl From<FolderError> for ObjectsError {
    fn from(error: FolderError) -> ObjectsError {
        match error {
            FolderError::NoSuchBucket => ObjectsError::NoSuchBucket,
            FolderError::NoSuchKey => ObjectsError::NoSuchKey,
            FolderError::InvalidKey => ObjectsError::InvalidName("a key has 1 to 1024 bytes"),
            FolderError::InvalidRange => ObjectsError::InvalidRange,
            FolderError::TooLarge => ObjectsError::TooLarge,
            FolderError::Damaged => ObjectsError::Damaged,
            FolderError::Io(error) => ObjectsError::Unavailable(error.kind().to_string()),
            other => ObjectsError::Unavailable(other.to_string()),
        }
    }
}

impl From<FolderError> for S3Error {
    fn from(error: FolderError) -> S3Error {
        match &error {
            // The client is told nothing that helps; whoever runs the server must be.
            FolderError::Io(error) => tracing::error!(%error, "the folder of objects failed"),
            FolderError::Damaged => tracing::error!("an object is damaged, or sealed with another key"),
            _ => {}
        }
        let code = match &error {
            FolderError::NoSuchBucket => S3ErrorCode::NoSuchBucket,
            FolderError::NoSuchKey => S3ErrorCode::NoSuchKey,
            FolderError::NoSuchUpload => S3ErrorCode::NoSuchUpload,
            FolderError::BucketExists => S3ErrorCode::BucketAlreadyOwnedByYou,
            FolderError::BucketNotEmpty => S3ErrorCode::BucketNotEmpty,
            FolderError::TooManyBuckets => S3ErrorCode::TooManyBuckets,
            FolderError::TooManyUploads => S3ErrorCode::SlowDown,
            FolderError::InvalidBucketName => S3ErrorCode::InvalidBucketName,
            FolderError::InvalidKey => S3ErrorCode::KeyTooLongError,
            FolderError::PreconditionFailed => S3ErrorCode::PreconditionFailed,
            FolderError::InvalidPart => S3ErrorCode::InvalidPart,
            FolderError::InvalidPartOrder => S3ErrorCode::InvalidPartOrder,
            FolderError::PartTooSmall => S3ErrorCode::EntityTooSmall,
            FolderError::TooLarge => S3ErrorCode::EntityTooLarge,
            FolderError::BadDigest(_) => S3ErrorCode::BadDigest,
            FolderError::IncompleteBody => S3ErrorCode::IncompleteBody,
            FolderError::InvalidRange => S3ErrorCode::InvalidRange,
            FolderError::Damaged | FolderError::Io(_) => S3ErrorCode::InternalError,
        };
        S3Error::with_message(code, error.to_string())
    }
}
