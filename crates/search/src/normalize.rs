//! Strings as searches compare them: without case and accents (R4 search §3.1.1.4.9).

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// `text` in lower case, without combining marks, each run of white space as one blank, none at the ends.
pub fn normalize(text: &str) -> Cow<'_, str> {
    if is_normal(text) {
        return Cow::Borrowed(text);
    }
    if text.is_ascii() {
        return Cow::Owned(normalize_ascii(text));
    }
    let mut normal = String::with_capacity(text.len());
    let folded = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    for c in folded.filter(|c| !is_combining_mark(*c)) {
        if !c.is_whitespace() {
            normal.push(c);
        } else if !normal.is_empty() && !normal.ends_with(' ') {
            normal.push(' ');
        }
    }
    normal.truncate(normal.trim_end().len());
    Cow::Owned(normal)
}

/// The same for ASCII, where no character decomposes or combines.
fn normalize_ascii(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_whitespace() {
            normal.push(c.to_ascii_lowercase());
        } else if !normal.is_empty() && !normal.ends_with(' ') {
            normal.push(' ');
        }
    }
    normal.truncate(normal.trim_end().len());
    normal
}

/// Whether `text` is plain lower-case ASCII with single blanks inside, which normalising leaves alone.
fn is_normal(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first() != Some(&b' ')
        && bytes.last() != Some(&b' ')
        && bytes.iter().all(|b| matches!(b, b' '..=b'~') && !b.is_ascii_uppercase())
        && !bytes.windows(2).any(|pair| pair == b"  ")
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn case_accents_and_runs_of_white_space_do_not_count() {
        for (text, normal) in [
            ("Eve", "eve"),
            ("ÉVA  Strauß", "eva strauß"),
            ("  two\n words ", "two words"),
            ("plain", "plain"),
            (" \u{b}A\tB  c\u{1c}\r ", "a b c\u{1c}"),
            ("İstanbul", "istanbul"),
            ("", ""),
            ("ﬁne", "fine"),
        ] {
            assert_eq!(normalize(text), normal, "{text:?}");
        }
    }
}
