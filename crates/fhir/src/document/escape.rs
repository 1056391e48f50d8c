//! The escapes of JSON strings: taken away when read, put in when written.

/// The text of a checked JSON string, given with its quotes.
pub(crate) fn unescaped(string: &[u8]) -> String {
    let inside = &string[1..string.len() - 1];
    unescape(&String::from_utf8_lossy(inside))
}

/// `text`, the inside of a checked string, without its escapes.
pub(super) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        plain.push_str(&rest[..at]);
        let (character, used) = escaped(&rest.as_bytes()[at + 1..]);
        plain.push(character);
        rest = &rest[at + 1 + used..];
    }
    plain.push_str(rest);
    plain
}

/// The character that follows a backslash, and how many bytes it took; the text was checked before.
fn escaped(after: &[u8]) -> (char, usize) {
    match after.first() {
        Some(b'b') => ('\u{8}', 1),
        Some(b'f') => ('\u{c}', 1),
        Some(b'n') => ('\n', 1),
        Some(b'r') => ('\r', 1),
        Some(b't') => ('\t', 1),
        Some(b'u') => unicode(after),
        Some(&other) => (char::from(other), 1),
        None => (char::REPLACEMENT_CHARACTER, 0),
    }
}

fn unicode(after: &[u8]) -> (char, usize) {
    let first = hex4(after.get(1..)).unwrap_or(0xFFFD);
    if !(0xD800..0xDC00).contains(&first) {
        return (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 5);
    }
    let second = hex4(after.get(7..)).unwrap_or(0xDC00);
    let code = 0x10000 + ((first - 0xD800) << 10) + (second.wrapping_sub(0xDC00) & 0x3FF);
    (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 11)
}

/// The number written as four hexadecimal digits at the start.
pub(super) fn hex4(digits: Option<&[u8]>) -> Option<u32> {
    let digits = digits?.first_chunk::<4>()?;
    digits.iter().try_fold(0, |number, &digit| Some(number << 4 | char::from(digit).to_digit(16)?))
}

/// Appends `text` as a JSON string with its quotes, escaping only what RFC 8259 requires.
pub fn push_json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
