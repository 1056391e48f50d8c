//! A small S3 endpoint over a local folder.
