//! Where a string or a number ends in JSON text, and whether it is well formed (RFC 8259 sections 6 and 7).

use super::escape::hex4;
use super::{ParseError, ParseReason};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The end of a string that starts at `at` (after its quote): the place of the closing quote, and whether
/// there were escapes.
#[inline]
pub(super) fn string(bytes: &[u8], at: usize) -> Result<(usize, bool), ParseError> {
    let end = plain(bytes, at);
    if bytes.get(end) == Some(&b'"') { Ok((end, false)) } else { escaped_string(bytes, end) }
}

fn escaped_string(bytes: &[u8], mut at: usize) -> Result<(usize, bool), ParseError> {
    loop {
        at = plain(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok((at, true)),
            Some(b'\\') => at = escape(bytes, at)?,
            Some(_) => return Err(ParseError { offset: at, reason: ParseReason::ControlCharacter }),
            None => return Err(ParseError { offset: at, reason: ParseReason::UnexpectedEnd }),
        }
    }
}

/// The first place from `at` on with a quote, a backslash or a control character, or the end.
#[inline]
fn plain(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let special = below(word, 0x20) | below(word ^ (ONES * 0x22), 1) | below(word ^ (ONES * 0x5C), 1);
        if special != 0 {
            return at + (special.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(&byte) = bytes.get(at) {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            break;
        }
        at += 1;
    }
    at
}

/// The high bit of each byte that is below `limit`; exact for the lowest such byte, which is all we look at.
#[inline]
fn below(word: u64, limit: u64) -> u64 {
    word.wrapping_sub(ONES * limit) & !word & HIGHS
}

/// The place after the escape at `at`.
fn escape(bytes: &[u8], at: usize) -> Result<usize, ParseError> {
    let wrong = |reason| Err(ParseError { offset: at, reason });
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => return Ok(at + 2),
        Some(b'u') => {}
        Some(_) => return wrong(ParseReason::Escape),
        None => return wrong(ParseReason::UnexpectedEnd),
    }
    match hex4(bytes.get(at + 2..)) {
        None => wrong(ParseReason::Escape),
        Some(0xDC00..0xE000) => wrong(ParseReason::LoneSurrogate),
        Some(0xD800..0xDC00) => match bytes.get(at + 6..at + 8) {
            Some(b"\\u") if matches!(hex4(bytes.get(at + 8..)), Some(0xDC00..0xE000)) => Ok(at + 12),
            _ => wrong(ParseReason::LoneSurrogate),
        },
        Some(_) => Ok(at + 6),
    }
}

/// The end of a number that starts at `at`.
#[inline]
pub(super) fn number(bytes: &[u8], at: usize) -> Result<usize, ParseError> {
    let peek = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let mut end = at + usize::from(peek(at) == b'-');
    end = match peek(end) {
        b'0' => end + 1,
        b'1'..=b'9' => digits(bytes, end),
        _ => return Err(ParseError { offset: end, reason: ParseReason::Number }),
    };
    if peek(end) == b'.' {
        end = some_digits(bytes, end + 1)?;
    }
    if matches!(peek(end), b'e' | b'E') {
        let signed = matches!(peek(end + 1), b'+' | b'-');
        end = some_digits(bytes, end + 1 + usize::from(signed))?;
    }
    // `01` and `1-2`: report the number rather than the character after it.
    if matches!(peek(end), b'0'..=b'9' | b'.' | b'+' | b'-' | b'a'..=b'z' | b'A'..=b'Z') {
        return Err(ParseError { offset: end, reason: ParseReason::Number });
    }
    Ok(end)
}

fn some_digits(bytes: &[u8], at: usize) -> Result<usize, ParseError> {
    let end = digits(bytes, at);
    if end > at { Ok(end) } else { Err(ParseError { offset: at, reason: ParseReason::Number }) }
}

#[inline]
fn digits(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}
