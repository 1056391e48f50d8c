//! [`Objects`] in memory, for tests: the same promises as a real store, and switches to make it fail.

use std::{
    collections::BTreeMap,
    ops::{Bound, Range},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use futures::{StreamExt, stream};

use crate::objects::{
    Answer, Content, DataAccess, ObjectPage, ObjectSummary, ObjectWriter, Objects, ObjectsError,
    PAGE_OBJECTS_MAX, PutOptions, check_bucket, check_key,
};

/// Bytes that one item of a content stream holds, small so that readers meet lines cut in two.
const CHUNK_BYTES: usize = 64 * 1024;

type Buckets = BTreeMap<String, BTreeMap<String, Bytes>>;

/// Buckets in memory. Clones share them.
#[derive(Clone, Default)]
pub struct MemoryObjects {
    inside: Arc<Mutex<Inside>>,
}

#[derive(Default)]
struct Inside {
    buckets: Buckets,
    unreadable: Vec<(String, String)>,
    outage: bool,
}

impl MemoryObjects {
    /// Empty, with these buckets.
    pub fn new(buckets: &[&str]) -> MemoryObjects {
        let objects = MemoryObjects::default();
        objects.lock().buckets.extend(buckets.iter().map(|b| ((*b).to_owned(), BTreeMap::new())));
        objects
    }

    /// Puts an object, making its bucket where it is not there.
    pub fn insert(&self, bucket: &str, key: &str, content: impl Into<Bytes>) {
        self.lock().buckets.entry(bucket.to_owned()).or_default().insert(key.to_owned(), content.into());
    }

    /// An object's content.
    pub fn content(&self, bucket: &str, key: &str) -> Option<Bytes> {
        self.lock().buckets.get(bucket)?.get(key).cloned()
    }

    /// All keys of a bucket, in order.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.lock().buckets.get(bucket).map(|b| b.keys().cloned().collect()).unwrap_or_default()
    }

    /// From now on getting this object fails with `AccessDenied`.
    pub fn make_unreadable(&self, bucket: &str, key: &str) {
        self.lock().unreadable.push((bucket.to_owned(), key.to_owned()));
    }

    /// While true, every call fails with `Unavailable`.
    pub fn set_outage(&self, outage: bool) {
        self.lock().outage = outage;
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn bucket(&mut self, bucket: &str) -> Result<&mut BTreeMap<String, Bytes>, ObjectsError> {
        if self.outage {
            return Err(ObjectsError::Unavailable("an outage was asked for".to_owned()));
        }
        check_bucket(bucket)?;
        self.buckets.get_mut(bucket).ok_or(ObjectsError::NoSuchBucket)
    }

    fn object(&mut self, bucket: &str, key: &str) -> Result<Bytes, ObjectsError> {
        self.bucket(bucket)?.get(key).cloned().ok_or(ObjectsError::NoSuchKey)
    }

    fn list(&mut self, bucket: &str, prefix: &str, after: Option<&str>) -> Result<ObjectPage, ObjectsError> {
        let objects = self.bucket(bucket)?;
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut found =
            objects.range::<str, _>((start, Bound::Unbounded)).take_while(|(k, _)| k.starts_with(prefix));
        let page: Vec<_> = found.by_ref().take(PAGE_OBJECTS_MAX).map(|(k, v)| summary(k, v)).collect();
        let next = if found.next().is_some() { page.last().map(|o| o.key.clone()) } else { None };
        Ok(ObjectPage { objects: page, next })
    }
}

fn summary(key: &str, content: &Bytes) -> ObjectSummary {
    // Not an MD5: in memory a tag only has to change when the content does.
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    ObjectSummary {
        key: key.to_owned(),
        size: content.len() as u64,
        etag: format!("{:032x}", hasher.finish()),
    }
}

/// `content` cut to `range`, which may end past its end but not start there.
fn cut(content: &Bytes, range: Option<Range<u64>>) -> Result<Bytes, ObjectsError> {
    let Some(range) = range else { return Ok(content.clone()) };
    let size = content.len() as u64;
    if range.start >= size || range.start >= range.end {
        return Err(ObjectsError::InvalidRange);
    }
    let end = range.end.min(size);
    Ok(content.slice(range.start as usize..end as usize))
}

fn chunks(content: Bytes) -> Content {
    let starts: Vec<usize> = (0..content.len()).step_by(CHUNK_BYTES).collect();
    stream::iter(starts).map(move |at| Ok(content.slice(at..content.len().min(at + CHUNK_BYTES)))).boxed()
}

impl Objects for MemoryObjects {
    fn bucket_exists<'a>(&'a self, bucket: &'a str) -> Answer<'a, bool> {
        let found = match self.lock().bucket(bucket) {
            Ok(_) => Ok(true),
            Err(ObjectsError::NoSuchBucket) => Ok(false),
            Err(error) => Err(error),
        };
        Box::pin(async move { found })
    }

    fn list<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> Answer<'a, ObjectPage> {
        let page = self.lock().list(bucket, prefix, after);
        Box::pin(async move { page })
    }

    fn head<'a>(&'a self, bucket: &'a str, key: &'a str) -> Answer<'a, ObjectSummary> {
        let found = self.lock().object(bucket, key).map(|content| summary(key, &content));
        Box::pin(async move { found })
    }

    fn get<'a>(&'a self, bucket: &'a str, key: &'a str, range: Option<Range<u64>>) -> Answer<'a, Content> {
        let mut inside = self.lock();
        let denied = inside.unreadable.iter().any(|(b, k)| b == bucket && k == key);
        let found = match inside.object(bucket, key) {
            Ok(_) if denied => Err(ObjectsError::AccessDenied),
            Ok(content) => cut(&content, range).map(chunks),
            Err(error) => Err(error),
        };
        Box::pin(async move { found })
    }

    fn put<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        _options: PutOptions,
    ) -> Answer<'a, Box<dyn ObjectWriter>> {
        let checked = check_key(key).and_then(|()| self.lock().bucket(bucket).map(|_| ()));
        let writer = MemoryWriter {
            objects: self.clone(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            content: Vec::new(),
        };
        Box::pin(async move { checked.map(|()| Box::new(writer) as Box<dyn ObjectWriter>) })
    }

    fn delete<'a>(&'a self, bucket: &'a str, key: &'a str) -> Answer<'a, ()> {
        let done = self.lock().bucket(bucket).map(|objects| {
            objects.remove(key);
        });
        Box::pin(async move { done })
    }
}

impl DataAccess for MemoryObjects {
    fn assume(&self, _role_arn: &str) -> Arc<dyn Objects> {
        Arc::new(self.clone())
    }
}

struct MemoryWriter {
    objects: MemoryObjects,
    bucket: String,
    key: String,
    content: Vec<u8>,
}

impl ObjectWriter for MemoryWriter {
    fn write<'a>(&'a mut self, bytes: Bytes) -> Answer<'a, ()> {
        self.content.extend_from_slice(&bytes);
        let outage = self.objects.lock().outage;
        Box::pin(async move {
            match outage {
                true => Err(ObjectsError::Unavailable("an outage was asked for".to_owned())),
                false => Ok(()),
            }
        })
    }

    fn finish(self: Box<Self>) -> Answer<'static, ObjectSummary> {
        Box::pin(async move {
            let content = Bytes::from(self.content);
            let made = summary(&self.key, &content);
            self.objects.lock().bucket(&self.bucket)?.insert(self.key, content);
            Ok(made)
        })
    }

    fn abort(self: Box<Self>) -> Answer<'static, ()> {
        Box::pin(async { Ok(()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::get_bytes;

    #[tokio::test]
    async fn pages_of_a_listing_join_to_the_whole() {
        let objects = MemoryObjects::new(&["abc"]);
        for n in 0..2500 {
            objects.insert("abc", &format!("in/{n:05}"), "x");
        }
        objects.insert("abc", "in", "x");
        objects.insert("abc", "out", "x");
        let mut keys = Vec::new();
        let mut after = None;
        loop {
            let page = objects.list("abc", "in/", after.as_deref()).await.unwrap();
            keys.extend(page.objects.into_iter().map(|o| o.key));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(keys.len(), 2500);
        assert!(keys.is_sorted());
    }

    #[tokio::test]
    async fn a_writer_that_is_dropped_leaves_no_object() {
        let objects = MemoryObjects::new(&["abc"]);
        let mut writer = objects.put("abc", "k", PutOptions::default()).await.unwrap();
        writer.write(Bytes::from_static(b"half")).await.unwrap();
        drop(writer);
        assert_eq!(objects.head("abc", "k").await, Err(ObjectsError::NoSuchKey));
    }

    #[tokio::test]
    async fn a_range_is_cut_off_at_the_end_and_refused_past_it() {
        let objects = MemoryObjects::new(&[]);
        objects.insert("abc", "k", "0123456789");
        let get = async |range| get_bytes(&objects, "abc", "k", Some(range), 99).await;
        assert_eq!(get(8..99).await.unwrap(), "89");
        assert_eq!(get(0..1).await.unwrap(), "0");
        assert_eq!(get(10..11).await, Err(ObjectsError::InvalidRange));
        assert_eq!(get_bytes(&objects, "abc", "k", None, 10).await.unwrap(), "0123456789");
        assert_eq!(get_bytes(&objects, "abc", "k", None, 9).await, Err(ObjectsError::TooLarge));
    }
}
