//! The corpus: requests worth keeping, one to a line, replayed.
//!
//! A line is `METHOD PATH`, perhaps with ` HEADER: VALUE`, perhaps with ` <<< ` and a body at its end. A piece in
//! `«…»×N` stands N times.

use bytes::Bytes;

use super::{send, world};

const FILES: [(&str, &str); 5] = [
    ("urls", include_str!("corpus/urls.txt")),
    ("headers", include_str!("corpus/headers.txt")),
    ("json", include_str!("corpus/json.txt")),
    ("xml", include_str!("corpus/xml.txt")),
    ("bundles", include_str!("corpus/bundles.txt")),
];

/// The text with what stands in `«…»×N` repeated so often.
fn repeated(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('«') {
        let (piece, after) = after.split_once("»×").expect("a piece ends with »×");
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        out.push_str(before);
        out.push_str(&repeated(piece).repeat(after[..digits].parse().expect("a number of times")));
        rest = &after[digits..];
    }
    out + rest
}

#[test]
fn the_corpus_is_answered() {
    for (name, text) in FILES {
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (head, body) = line.split_once(" <<< ").unwrap_or((line, ""));
            let mut words = head.splitn(3, ' ');
            let (method, path) = (words.next().unwrap(), words.next().unwrap_or_default());
            let header = words.next().and_then(|header| header.split_once(": "));
            let headers: Vec<(&str, &[u8])> =
                header.map(|(name, value)| (name, value.as_bytes())).into_iter().collect();
            let answer = send(&world(), method, &repeated(path), &headers, Bytes::from(repeated(body)));
            assert!(answer.is_some(), "{name}: HTTP itself refuses this line, which tries nothing: {line}");
        }
    }
}
