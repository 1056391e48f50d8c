//! The addresses in narrative: `href` of `a` and `src` of `img` (R4 narrative, section 2.31.0.1).

use std::borrow::Cow;
use std::ops::Range;

/// Shows where in an XHTML text the values of the attributes stand that hold addresses. Text that is not
/// well formed ends the search and is left as it is.
pub(super) fn addresses(xhtml: &str, found: &mut dyn FnMut(Range<usize>)) {
    let bytes = xhtml.as_bytes();
    let mut at = 0;
    while let Some(open) = memchr::memchr(b'<', &bytes[at..]) {
        at += open + 1;
        if xhtml[at..].starts_with("!--") {
            let Some(end) = xhtml[at..].find("-->") else { return };
            at += end + 3;
            continue;
        }
        let name_end = at + bytes[at..].iter().take_while(|byte| is_name(**byte)).count();
        let wanted = match &xhtml[at..name_end] {
            "a" => "href",
            "img" => "src",
            _ => {
                at = name_end;
                continue;
            }
        };
        let Some(end) = attributes(xhtml, name_end, wanted, found) else { return };
        at = end;
    }
}

/// Goes over the attributes of a tag to its end and shows the values of those `wanted`.
fn attributes(
    xhtml: &str,
    mut at: usize,
    wanted: &str,
    found: &mut dyn FnMut(Range<usize>),
) -> Option<usize> {
    let bytes = xhtml.as_bytes();
    loop {
        at = skip_space(bytes, at);
        if matches!(bytes.get(at)?, b'>' | b'/') {
            return Some(at + 1);
        }
        let name = at;
        at += bytes[at..].iter().take_while(|byte| is_name(**byte)).count();
        let is_wanted = &xhtml[name..at] == wanted;
        at = skip_space(bytes, at);
        if bytes.get(at)? != &b'=' {
            return None;
        }
        at = skip_space(bytes, at + 1);
        let quote = *bytes.get(at).filter(|byte| matches!(byte, b'"' | b'\''))?;
        let end = at + 1 + memchr::memchr(quote, &bytes[at + 1..])?;
        if is_wanted {
            found(at + 1..end);
        }
        at = end + 1;
    }
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'.')
}

/// The text of an attribute's value. Of XML's references only that of `&` can stand in an address that means
/// something here.
pub(super) fn attribute(value: &str) -> Cow<'_, str> {
    if value.contains('&') { Cow::Owned(value.replace("&amp;", "&")) } else { Cow::Borrowed(value) }
}

/// Appends text as an attribute's value.
pub(super) fn push_attribute(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            other => out.push(other),
        }
    }
}
