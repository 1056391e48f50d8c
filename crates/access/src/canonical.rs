//! The canonical form of a request that a SigV4 signature covers (AWS Signature Version 4, "create a canonical
//! request"): its path, query, headers and payload hash.

use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What SigV4 percent-encodes: all but letters, digits and `-_.~`.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// How a service writes the path that is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathForm {
    /// S3: each segment encoded once, nothing removed.
    Once,
    /// Every other service: the path as sent is encoded again; clients differ in whether they also remove
    /// `//`, `.` and `..`, and some encode once only. Every one of these forms is accepted.
    Twice,
}

/// The parts of a canonical request that do not depend on how a client writes paths and queries.
pub(crate) struct Canonical<'a> {
    pub method: &'a str,
    pub headers: Vec<u8>,
    pub signed_headers: &'a str,
    pub payload_hash: &'a str,
}

impl Canonical<'_> {
    /// The bytes that are hashed into the string to sign.
    pub(crate) fn bytes(&self, path: &str, query: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + self.headers.len());
        for part in [self.method, path, query] {
            out.extend_from_slice(part.as_bytes());
            out.push(b'\n');
        }
        out.extend_from_slice(&self.headers);
        out.push(b'\n');
        out.extend_from_slice(self.signed_headers.as_bytes());
        out.push(b'\n');
        out.extend_from_slice(self.payload_hash.as_bytes());
        out
    }
}

/// The paths that a client of a service of this form may have signed when it sent `path`; the likeliest first,
/// each made only when those before it did not do.
pub(crate) fn paths(path: &str, form: PathForm) -> impl Iterator<Item = String> {
    let path = if path.is_empty() { "/" } else { path };
    let forms: &[fn(&str) -> String] = match form {
        PathForm::Once => &[encode_once],
        PathForm::Twice => {
            &[encode, encode_once, |path| encode(&normal(path)), |path| encode_once(&normal(path))]
        }
    };
    let mut before: Vec<String> = Vec::new();
    forms.iter().filter_map(move |written| {
        let candidate = written(path);
        let is_new = !before.contains(&candidate);
        before.push(candidate.clone());
        is_new.then_some(candidate)
    })
}

/// The path that our own signer signs.
pub(crate) fn path_to_sign(path: &str, form: PathForm) -> String {
    match form {
        PathForm::Once => encode_once(path),
        PathForm::Twice => encode(&normal(path)),
    }
}

/// Encodes each segment of a path as it stands: a `%` becomes `%25`.
fn encode(path: &str) -> String {
    if path.bytes().all(|byte| byte == b'/' || is_plain(byte)) {
        return path.to_owned();
    }
    let segments: Vec<String> =
        path.split('/').map(|s| utf8_percent_encode(s, &RESERVED).to_string()).collect();
    segments.join("/")
}

/// Decodes and encodes each segment, so that every way to write a character gives the same text.
fn encode_once(path: &str) -> String {
    if path.bytes().all(|byte| byte == b'/' || is_plain(byte)) {
        return path.to_owned();
    }
    let segments: Vec<String> = path.split('/').map(encode_text).collect();
    segments.join("/")
}

fn encode_text(text: &str) -> String {
    if text.bytes().all(is_plain) {
        return text.to_owned();
    }
    let decoded: Vec<u8> = percent_decode_str(text).collect();
    percent_encoding::percent_encode(&decoded, &RESERVED).to_string()
}

/// Whether a byte stands for itself however often a text is encoded or decoded.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

/// Removes empty and `.` segments and resolves `..`, keeping a last `/`.
fn normal(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let is_folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    let slash = if is_folder && !kept.is_empty() { "/" } else { "" };
    format!("/{}{slash}", kept.join("/"))
}

/// The canonical query: every pair decoded and encoded again, without the pairs named in `without`, sorted by
/// name and value.
pub(crate) fn query(raw: &str, without: &[&str]) -> String {
    let mut pairs: Vec<(String, String)> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encode_text(name), encode_text(value)))
        .filter(|(name, _)| !without.contains(&name.as_str()))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// The query as it was sent, sorted: what clients sign that leave `:` and `/` as they stand (botocore signing a whole
/// URL). Others do not sort either (older curl). All cover the same bytes, so taking them gives nothing away.
pub(crate) fn query_as_sent_in_order(raw: &str) -> String {
    let mut pairs: Vec<(&str, &str)> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// A decoded parameter of a query as sent. `None`: it is absent, given twice, or not UTF-8.
pub fn parameter(raw: &str, name: &str) -> Option<String> {
    let mut found = raw
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(n, _)| percent_decode_str(n).eq(name.bytes()));
    let (_, value) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    percent_decode_str(value).decode_utf8().ok().map(|text| text.into_owned())
}

/// The canonical lines of the named headers, in the order named. `None`: one of them is absent.
/// `authority` stands in for `Host`, which HTTP/2 does not send.
pub(crate) fn headers(names: &[&str], headers: &HeaderMap, authority: Option<&str>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for name in names {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        let mut values = headers.get_all(*name).iter().peekable();
        match (values.peek(), authority) {
            (Some(_), _) => {}
            (None, Some(authority)) if *name == "host" => out.extend_from_slice(authority.as_bytes()),
            _ => return None,
        }
        for (n, value) in values.enumerate() {
            if n > 0 {
                out.push(b',');
            }
            push_trimmed(value.as_bytes(), &mut out);
        }
        out.push(b'\n');
    }
    Some(out)
}

/// Appends a header value without white space at its ends, and with one space for each run of it inside.
fn push_trimmed(value: &[u8], out: &mut Vec<u8>) {
    let words = value.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (n, word) in words.enumerate() {
        if n > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_accepted_in_every_form_that_clients_sign() {
        let cases: [(&str, &[&str]); 6] = [
            ("", &["/"]),
            ("/datastore/1/r4/Patient", &["/datastore/1/r4/Patient"]),
            ("/Patient/$everything", &["/Patient/%24everything"]),
            ("/Patient/%24everything", &["/Patient/%2524everything", "/Patient/%24everything"]),
            ("//r4//Patient", &["//r4//Patient", "/r4/Patient"]),
            ("/a/../b/.", &["/a/../b/.", "/b/"]),
        ];
        for (path, expected) in cases {
            assert_eq!(paths(path, PathForm::Twice).collect::<Vec<_>>(), expected, "{path}");
        }
        let once: Vec<String> = paths("/b/a//../%24x$ y", PathForm::Once).collect();
        assert_eq!(once, ["/b/a//../%24x%24%20y"]);
    }

    #[test]
    fn a_query_means_the_same_however_it_was_encoded() {
        for raw in
            ["code=http://loinc.org|8480-6&_count=5", "_count=5&code=http%3A%2F%2Floinc.org%7c8480%2D6"]
        {
            assert_eq!(query(raw, &[]), "_count=5&code=http%3A%2F%2Floinc.org%7C8480-6", "{raw}");
        }
        assert_eq!(query("b&a=&X-Amz-Signature=1&a=%2B+", &["X-Amz-Signature"]), "a=&a=%2B%2B&b=");
    }

    #[test]
    fn a_parameter_given_twice_is_no_parameter() {
        assert_eq!(parameter("a=1&b=%32", "b").as_deref(), Some("2"));
        assert_eq!(parameter("a=1&a=1", "a"), None);
    }
}
