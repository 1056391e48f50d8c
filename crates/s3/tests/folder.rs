//! The folder of objects through its in-process door: what it promises jobs, across restarts, and on the disk.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use jobs::{
    Objects, ObjectsError, PutOptions, S3Uri,
    objects::{get_bytes, put_bytes},
};
use s3::{Folder, FolderError, FolderObjects};
use store::{SeededRandom, SystemClock};

const KEY: [u8; 32] = [9; 32];

fn open(path: &Path, key: &[u8; 32], seed: u64) -> Result<Folder, FolderError> {
    Folder::open(path, key, Arc::new(SystemClock), Arc::new(SeededRandom::new(seed)))
}

/// The folder's objects, with the bucket `one`.
fn objects(path: &Path, seed: u64) -> FolderObjects {
    let folder = open(path, &KEY, seed).unwrap();
    if !folder.has_bucket("one") {
        folder.create_bucket("one").unwrap();
    }
    FolderObjects::new(Arc::new(folder))
}

async fn put(objects: &FolderObjects, key: &str, content: &str) {
    let uri = S3Uri::parse(&format!("s3://one/{key}")).unwrap();
    put_bytes(objects, &uri, PutOptions::default(), content.to_owned()).await.unwrap();
}

async fn get(objects: &FolderObjects, key: &str) -> Result<Bytes, ObjectsError> {
    get_bytes(objects, "one", key, None, 1 << 30).await
}

async fn keys(objects: &FolderObjects, prefix: &str) -> Vec<String> {
    let page = objects.list("one", prefix, None).await.unwrap();
    page.objects.into_iter().map(|object| object.key).collect()
}

fn files(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test]
async fn what_was_put_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let before = objects(folder.path(), 1);
    for key in ["in/a", "in/b", "out", "ü/ /%2F"] {
        put(&before, key, key).await;
    }
    put(&before, "out", "again").await;
    before.delete("one", "in/a").await.unwrap();
    drop(before);
    let after = objects(folder.path(), 2);
    assert_eq!(keys(&after, "").await, ["in/b", "out", "ü/ /%2F"]);
    assert_eq!(get(&after, "out").await.unwrap(), "again");
    assert_eq!(get(&after, "in/a").await, Err(ObjectsError::NoSuchKey));
}

#[tokio::test]
async fn a_listing_follows_every_change_after_it_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let objects = objects(folder.path(), 1);
    assert_eq!(keys(&objects, "").await, [""; 0]);
    put(&objects, "b", "1").await;
    put(&objects, "a", "22").await;
    assert_eq!(keys(&objects, "").await, ["a", "b"]);
    put(&objects, "a", "333").await;
    let page = objects.list("one", "a", None).await.unwrap();
    assert_eq!(page.objects[0].size, 3);
    objects.delete("one", "b").await.unwrap();
    objects.delete("one", "b").await.unwrap();
    assert_eq!(keys(&objects, "").await, ["a"]);
}

#[tokio::test]
async fn a_large_object_reads_back_whole_and_in_ranges() {
    let folder = tempfile::tempdir().unwrap();
    let objects = objects(folder.path(), 1);
    let content: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let mut writer = objects.put("one", "big", PutOptions::default()).await.unwrap();
    for piece in content.chunks(70_001) {
        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    assert_eq!(objects.head("one", "big").await, Err(ObjectsError::NoSuchKey));
    let made = writer.finish().await.unwrap();
    assert_eq!(made.size, 3_000_000);
    assert!(made.etag.ends_with("-1"), "as of an object in one part: {}", made.etag);
    assert_eq!(get(&objects, "big").await.unwrap(), content);
    for (start, end) in [(0, 1), (65_535, 65_537), (1_000_000, 2_500_000), (2_999_999, 9_999_999)] {
        let part = get_bytes(&objects, "one", "big", Some(start..end), 1 << 30).await.unwrap();
        assert_eq!(part, content[start as usize..content.len().min(end as usize)], "{start}..{end}");
    }
    let past = get_bytes(&objects, "one", "big", Some(3_000_000..3_000_001), 9).await;
    assert_eq!(past, Err(ObjectsError::InvalidRange));
}

#[tokio::test]
async fn a_reader_keeps_the_object_that_it_opened() {
    let folder = tempfile::tempdir().unwrap();
    let objects = objects(folder.path(), 1);
    put(&objects, "a", "old").await;
    let mut reading = objects.get("one", "a", None).await.unwrap();
    put(&objects, "a", "new").await;
    objects.delete("one", "a").await.unwrap();
    let read = futures::StreamExt::next(&mut reading).await.unwrap().unwrap();
    assert_eq!(read, "old");
}

#[tokio::test]
async fn nothing_that_was_put_can_be_read_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let objects = objects(folder.path(), 1);
    put(&objects, "PLANTED-KEY/PLANTED-NAME", "PLANTED-CONTENT").await;
    for file in files(folder.path()) {
        assert!(!file.to_string_lossy().contains("PLANTED"));
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"PLANTED"), "{}", file.display());
    }
}

#[tokio::test]
async fn an_unfinished_object_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let objects = objects(folder.path(), 1);
    let before = files(folder.path());
    let mut writer = objects.put("one", "a", PutOptions::default()).await.unwrap();
    writer.write(Bytes::from(vec![0; 3 << 20])).await.unwrap();
    drop(writer);
    assert_eq!(files(folder.path()), before);
    // What a process leaves that was killed is removed by the next.
    std::fs::write(folder.path().join("temporary/left"), "x").unwrap();
    drop(objects);
    open(folder.path(), &KEY, 2).unwrap();
    assert_eq!(files(folder.path()), before);
}

#[tokio::test]
async fn files_that_were_exchanged_on_the_disk_are_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let objects = objects(folder.path(), 1);
    put(&objects, "a", "of a").await;
    let a = files(folder.path());
    put(&objects, "b", "of b").await;
    let b = files(folder.path()).into_iter().find(|file| !a.contains(file)).unwrap();
    let a = a.into_iter().find(|file| !file.ends_with("bucket")).unwrap();
    std::fs::copy(&a, &b).unwrap();
    assert_eq!(get(&objects, "b").await, Err(ObjectsError::Damaged));
    assert_eq!(get(&objects, "a").await.unwrap(), "of a");
}

#[tokio::test]
async fn a_check_finds_the_one_file_that_was_changed() {
    let path = tempfile::tempdir().unwrap();
    let objects = objects(path.path(), 1);
    for key in ["a", "b", "c"] {
        put(&objects, key, &key.repeat(100_000)).await;
    }
    drop(objects);
    let clean = open(path.path(), &KEY, 2).unwrap().check().unwrap();
    assert_eq!((clean.buckets, clean.objects, clean.bytes), (1, 3, 300_000));
    assert_eq!(clean.problems, [""; 0]);
    let file = files(path.path()).into_iter().find(|file| !file.ends_with("bucket")).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[70_000] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let damaged = open(path.path(), &KEY, 3).unwrap().check().unwrap();
    assert_eq!((damaged.objects, damaged.problems.len()), (2, 1));
    assert!(damaged.problems[0].contains(file.file_name().unwrap().to_str().unwrap()));
}

#[test]
fn another_key_does_not_open_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    objects(folder.path(), 1);
    assert!(matches!(open(folder.path(), &[8; 32], 2), Err(FolderError::Damaged)));
}

#[tokio::test]
async fn a_bucket_goes_only_when_it_is_empty() {
    let path = tempfile::tempdir().unwrap();
    let folder = Arc::new(open(path.path(), &KEY, 1).unwrap());
    folder.create_bucket("one").unwrap();
    assert!(matches!(folder.create_bucket("one"), Err(FolderError::BucketExists)));
    assert!(matches!(folder.create_bucket("No"), Err(FolderError::InvalidBucketName)));
    let objects = FolderObjects::new(folder.clone());
    put(&objects, "a", "1").await;
    let late = objects.put("one", "late", PutOptions::default()).await.unwrap();
    assert!(matches!(folder.delete_bucket("one"), Err(FolderError::BucketNotEmpty)));
    objects.delete("one", "a").await.unwrap();
    folder.delete_bucket("one").unwrap();
    assert_eq!(late.finish().await, Err(ObjectsError::NoSuchBucket));
    assert_eq!(objects.bucket_exists("one").await, Ok(false));
    assert!(matches!(folder.delete_bucket("one"), Err(FolderError::NoSuchBucket)));
}
