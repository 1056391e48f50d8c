//! Listings of objects, in both versions.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::{S3Error, S3ErrorCode, S3Response, S3Result, dto::*};

use super::{
    Answer, Door,
    convert::{etag, size, time},
};
use crate::{
    content::on_disk,
    index::{After, Listed, Page, Query},
};

/// Keys and common prefixes that one page holds.
pub const PAGE_KEYS_MAX: usize = 1000;

/// What `encoding-type=url` leaves as it is.
const URL_UNSAFE: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/');

/// How the names in an answer are written.
#[derive(Clone, Copy)]
pub(super) enum Names {
    Plain,
    Url,
}

impl Names {
    /// The encoding that a client asks for.
    pub(super) fn of(encoding: Option<&EncodingType>) -> S3Result<Names> {
        match encoding.map(EncodingType::as_str) {
            None | Some("") => Ok(Names::Plain),
            Some(EncodingType::URL) => Ok(Names::Url),
            Some(_) => Err(S3Error::with_message(
                S3ErrorCode::InvalidArgument,
                "Invalid Encoding Method specified in Request",
            )),
        }
    }

    /// A name as it is written.
    pub(super) fn write(self, name: &str) -> String {
        match self {
            Names::Plain => name.to_owned(),
            Names::Url => utf8_percent_encode(name, &URL_UNSAFE).to_string(),
        }
    }

    fn objects(self, page: &Page) -> Option<Vec<Object>> {
        let object = |(key, listed): &(String, Listed)| Object {
            e_tag: Some(etag(&listed.etag)),
            key: Some(self.write(key)),
            last_modified: Some(time(listed.modified_us)),
            size: Some(size(listed.size)),
            storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
            ..Object::default()
        };
        (!page.objects.is_empty()).then(|| page.objects.iter().map(object).collect())
    }

    fn prefixes(self, page: &Page) -> Option<Vec<CommonPrefix>> {
        let prefix = |prefix: &String| CommonPrefix { prefix: Some(self.write(prefix)) };
        (!page.prefixes.is_empty()).then(|| page.prefixes.iter().map(prefix).collect())
    }
}

impl Door {
    pub(super) async fn answer_list_objects_v2(
        &self,
        input: ListObjectsV2Input,
    ) -> Answer<ListObjectsV2Output> {
        let names = Names::of(input.encoding_type.as_ref())?;
        let after = match (&input.continuation_token, &input.start_after) {
            (Some(token), _) => after_of(token)?,
            (None, Some(key)) => After::Key(key.clone()),
            (None, None) => After::Start,
        };
        let count_max = keys_max(input.max_keys)?;
        let page = self.list(&input.bucket, &input.prefix, &input.delimiter, after, count_max).await?;
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(names.write(&input.prefix.unwrap_or_default())),
            max_keys: i32::try_from(count_max).ok(),
            key_count: i32::try_from(page.objects.len() + page.prefixes.len()).ok(),
            continuation_token: input.continuation_token,
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.as_ref().map(token_of),
            contents: names.objects(&page),
            common_prefixes: names.prefixes(&page),
            delimiter: input.delimiter.map(|delimiter| names.write(&delimiter)),
            encoding_type: input.encoding_type,
            start_after: input.start_after.map(|key| names.write(&key)),
            ..ListObjectsV2Output::default()
        }))
    }

    pub(super) async fn answer_list_objects(&self, input: ListObjectsInput) -> Answer<ListObjectsOutput> {
        let names = Names::of(input.encoding_type.as_ref())?;
        let marker = input.marker.clone().unwrap_or_default();
        // A marker that is a common prefix stands for all the keys that were rolled up in it.
        let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let is_prefix = delimiter.is_some_and(|delimiter| marker.ends_with(delimiter)) && marker != prefix;
        let after = match (marker.is_empty(), is_prefix) {
            (true, _) => After::Start,
            (false, true) => After::Prefix(marker.clone()),
            (false, false) => After::Key(marker.clone()),
        };
        let count_max = keys_max(input.max_keys)?;
        let page = self.list(&input.bucket, &input.prefix, &input.delimiter, after, count_max).await?;
        let next = page.next.as_ref().map(|next| match next {
            After::Key(text) | After::Prefix(text) => names.write(text),
            After::Start => String::new(),
        });
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(names.write(&input.prefix.unwrap_or_default())),
            marker: Some(names.write(&marker)),
            max_keys: i32::try_from(count_max).ok(),
            is_truncated: Some(page.next.is_some()),
            contents: names.objects(&page),
            common_prefixes: names.prefixes(&page),
            delimiter: input.delimiter.map(|delimiter| names.write(&delimiter)),
            next_marker: next,
            encoding_type: input.encoding_type,
            ..ListObjectsOutput::default()
        }))
    }

    async fn list(
        &self,
        bucket: &str,
        prefix: &Option<String>,
        delimiter: &Option<String>,
        after: After,
        count_max: usize,
    ) -> S3Result<Page> {
        let prefix = prefix.clone().unwrap_or_default();
        let query = Query { prefix, delimiter: delimiter.clone(), after, count_max };
        let (folder, bucket) = (self.folder.clone(), bucket.to_owned());
        Ok(on_disk(move || folder.page(&bucket, &query)).await?)
    }
}

/// The size of a page. Fails for a negative one.
fn keys_max(asked: Option<i32>) -> S3Result<usize> {
    let asked = asked.map_or(Ok(PAGE_KEYS_MAX), usize::try_from);
    let negative = "Argument maxKeys must be an integer between 0 and 2147483647";
    let asked = asked.map_err(|_| S3Error::with_message(S3ErrorCode::InvalidArgument, negative))?;
    Ok(asked.min(PAGE_KEYS_MAX))
}

/// A continuation token: which kind of place, and the place.
fn token_of(after: &After) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(match after {
        After::Start => "s".to_owned(),
        After::Key(key) => format!("k{key}"),
        After::Prefix(prefix) => format!("p{prefix}"),
    })
}

fn after_of(token: &str) -> S3Result<After> {
    let wrong = || {
        S3Error::with_message(S3ErrorCode::InvalidArgument, "The continuation token provided is incorrect")
    };
    let text = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
    let text = String::from_utf8(text).map_err(|_| wrong())?;
    match text.split_at_checked(1) {
        Some(("k", key)) => Ok(After::Key(key.to_owned())),
        Some(("p", prefix)) => Ok(After::Prefix(prefix.to_owned())),
        _ => Err(wrong()),
    }
}
