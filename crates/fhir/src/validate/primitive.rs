//! The formats of the primitive types (R4 datatypes, section 2.24.0.1), without regular expressions.

use super::STRING_BYTES_MAX;
use crate::IssueCode;
use crate::datetime;
use crate::definitions::TypeDefinition;
use crate::document::{Json, Kind};
use crate::id::is_id;
use crate::xml::XHTML_NAMESPACE;

/// What the text of a primitive must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Boolean,
    Integer,
    UnsignedInt,
    PositiveInt,
    Decimal,
    String,
    Code,
    Id,
    /// The id of an element that is no resource.
    ElementId,
    /// The `url` of an Extension.
    ExtensionUrl,
    /// And `url` and `canonical`, which look no different.
    Uri,
    Oid,
    Uuid,
    Date,
    DateTime,
    Instant,
    Time,
    Base64,
    Xhtml,
}

/// What is wrong with a primitive.
pub(super) struct Fault {
    pub(super) code: IssueCode,
    /// Continues "the value ".
    pub(super) words: &'static str,
}

impl Format {
    /// The format of a primitive type.
    pub(super) fn of(primitive: &TypeDefinition) -> Format {
        match primitive.name {
            "boolean" => Format::Boolean,
            "integer" => Format::Integer,
            "unsignedInt" => Format::UnsignedInt,
            "positiveInt" => Format::PositiveInt,
            "decimal" => Format::Decimal,
            "string" | "markdown" => Format::String,
            "code" => Format::Code,
            "id" => Format::Id,
            "uri" | "url" | "canonical" => Format::Uri,
            "oid" => Format::Oid,
            "uuid" => Format::Uuid,
            "date" => Format::Date,
            "dateTime" => Format::DateTime,
            "instant" => Format::Instant,
            "time" => Format::Time,
            "base64Binary" => Format::Base64,
            "xhtml" => Format::Xhtml,
            other => unreachable!("R4 has no primitive type {other}"),
        }
    }

    /// The JSON kind of its values.
    pub(super) fn kind(self) -> Kind {
        match self {
            Format::Boolean => Kind::Boolean,
            Format::Integer | Format::UnsignedInt | Format::PositiveInt | Format::Decimal => Kind::Number,
            _ => Kind::String,
        }
    }

    /// Checks a value of the right JSON kind.
    #[inline]
    pub(super) fn check(self, value: Json<'_>) -> Result<(), Fault> {
        match self {
            Format::Boolean | Format::Decimal => Ok(()),
            Format::Integer | Format::UnsignedInt | Format::PositiveInt => {
                check_integer(self, value.as_number().unwrap_or_default())
            }
            _ => match value.as_plain_str() {
                Some(text) => check_text(self, text),
                None => {
                    let text = value.as_str().unwrap_or_default();
                    let control = |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
                    if text.bytes().any(control) {
                        return fault("has a control character");
                    }
                    check_text(self, &text)
                }
            },
        }
    }
}

fn fault(words: &'static str) -> Result<(), Fault> {
    Err(Fault { code: IssueCode::Value, words })
}

fn require(holds: bool, words: &'static str) -> Result<(), Fault> {
    if holds { Ok(()) } else { fault(words) }
}

fn check_integer(format: Format, text: &str) -> Result<(), Fault> {
    let (least, words) = match format {
        Format::PositiveInt => (1, "is not a positiveInt (1 to 2147483647)"),
        Format::UnsignedInt => (0, "is not an unsignedInt (0 to 2147483647)"),
        _ => (i32::MIN, "is not an integer (-2147483648 to 2147483647)"),
    };
    require(text != "-0" && text.parse::<i32>().is_ok_and(|number| number >= least), words)
}

#[inline]
fn check_text(format: Format, text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return fault("is empty");
    }
    match format {
        Format::String if text.len() > STRING_BYTES_MAX => {
            Err(Fault { code: IssueCode::TooLong, words: "is longer than 1048576 bytes" })
        }
        Format::String | Format::Boolean | Format::Decimal => Ok(()),
        Format::Integer | Format::UnsignedInt | Format::PositiveInt => Ok(()),
        Format::Code => require(is_code(text), "has white space where a code may not have it"),
        Format::Id => require(is_id(text), "is not an id (1 to 64 of A-Z, a-z, 0-9, - and .)"),
        Format::ElementId => require(!text.contains(' '), "has a space, which an element's id must not have"),
        Format::Uri | Format::ExtensionUrl => check_uri(text),
        Format::Oid => require(is_oid(text), "is not an OID (urn:oid:...)"),
        Format::Uuid => require(is_uuid(text), "is not a UUID (urn:uuid:...)"),
        Format::Date => {
            let form = datetime::form(text);
            require(form.is_some_and(|form| !form.has_clock), "is not a date (YYYY, YYYY-MM or YYYY-MM-DD)")
        }
        Format::DateTime => match datetime::form(text) {
            None => fault("is not a dateTime (YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz)"),
            Some(form) => require(
                !form.has_clock || form.has_seconds && form.has_zone,
                "has a time, so it must have seconds and a timezone",
            ),
        },
        Format::Instant => {
            let form = datetime::form(text);
            let whole = form.is_some_and(|form| form.has_seconds && form.has_zone);
            require(whole, "is not an instant (YYYY-MM-DDThh:mm:ss.sss+zz:zz)")
        }
        Format::Time => require(datetime::is_time(text), "is not a time (hh:mm:ss)"),
        Format::Base64 => require(is_base64(text), "is not base64"),
        Format::Xhtml if !is_div(text) => fault("is not XHTML with a div around it"),
        Format::Xhtml => require(has_namespace(text), "is not in the namespace of XHTML"),
    }
}

/// No white space at the ends, and within only single blanks.
fn is_code(text: &str) -> bool {
    let mut was_space = true;
    for byte in text.bytes() {
        let is_space = byte == b' ';
        if is_space && was_space || byte.is_ascii_whitespace() && !is_space {
            return false;
        }
        was_space = is_space;
    }
    !was_space && (text.is_ascii() || !text.chars().any(|of| of.is_whitespace() && of != ' '))
}

#[inline]
fn check_uri(text: &str) -> Result<(), Fault> {
    if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        return fault("has white space in a URI");
    }
    if text.starts_with("urn:uuid:") && !is_uuid(text) {
        return fault("is not a UUID (urn:uuid: and lowercase hexadecimal digits)");
    }
    require(!text.starts_with("urn:oid:") || is_oid(text), "is not an OID (urn:oid:...)")
}

fn is_oid(text: &str) -> bool {
    let Some(arcs) = text.strip_prefix("urn:oid:") else { return false };
    let mut arcs = arcs.split('.');
    let first = matches!(arcs.next(), Some("0" | "1" | "2"));
    let mut count = 0;
    let rest = arcs.all(|arc| {
        count += 1;
        let digits = !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit());
        digits && (arc.len() == 1 || !arc.starts_with('0'))
    });
    first && rest && count > 0
}

fn is_uuid(text: &str) -> bool {
    let Some(uuid) = text.strip_prefix("urn:uuid:") else { return false };
    uuid.len() == 36
        && uuid.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// RFC 4648 base64, in which white space may stand anywhere.
fn is_base64(text: &str) -> bool {
    let (mut count, mut padding) = (0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            b'=' => padding += 1,
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            _ => return false,
        }
        count += 1;
    }
    count > 0 && count % 4 == 0 && padding <= 2
}

fn is_div(text: &str) -> bool {
    let text = text.trim_ascii();
    let after = text.strip_prefix("<div").and_then(|rest| rest.bytes().next());
    matches!(after, Some(b'>' | b'/' | b' ' | b'\t' | b'\r' | b'\n'))
        && (text.ends_with("</div>") || text.ends_with("/>"))
}

/// Whether the first element, of no prefix, is in the namespace of XHTML.
fn has_namespace(text: &str) -> bool {
    let start = text.split('>').next().unwrap_or_default();
    start.split_once("xmlns").and_then(|(_, rest)| rest.trim_ascii_start().strip_prefix('=')).is_some_and(
        |rest| {
            let name = rest.trim_ascii_start().strip_prefix(['"', '\'']);
            name.is_some_and(|name| name.starts_with(XHTML_NAMESPACE))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    /// What is valid and what is not, a line per format.
    const CASES: &[(Format, &[&str], &[&str])] = &[
        (
            Format::Integer,
            &["0", "1", "-1", "2147483647", "-2147483648"],
            &["-0", "1.0", "1e2", "2147483648", "-2147483649", "99999999999999999999"],
        ),
        (Format::UnsignedInt, &["0", "2147483647"], &["-1", "2147483648", "0.0"]),
        (Format::PositiveInt, &["1", "2147483647"], &["0", "-1", "2147483648"]),
        (Format::Decimal, &["0", "-0.0", "1e400", "1.10"], &[]),
        (
            Format::String,
            &["\"a\"", "\" \"", "\"a\\n\\tb\"", "\"\u{a0}\""],
            &["\"\"", "\"\\u0000\"", "\"a\\b\""],
        ),
        (
            Format::Code,
            &["\"a\"", "\"a b\"", "\"<=\"", "\"é\""],
            &["\"\"", "\" a\"", "\"a \"", "\"a  b\"", "\" \"", "\"a\\n\\nb\"", "\"a\\tb\"", "\"\u{a0}a\""],
        ),
        (Format::ElementId, &["\"a_b/c\""], &["\"\"", "\"a b\""]),
        (Format::Id, &["\"a-.1\""], &["\"\"", "\"a_b\"", "\"a/b\""]),
        (
            Format::Uri,
            &[
                "\"http://a\"",
                "\"a|b\"",
                "\"urn:x\"",
                "\"urn:oid:1.2\"",
                "\"urn:uuid:c757873d-ec9a-4326-a141-556f43239520\"",
            ],
            &["\"\"", "\"a b\"", "\"a\\n\"", "\"urn:oid:1.a\"", "\"urn:uuid:1\""],
        ),
        (
            Format::Oid,
            &["\"urn:oid:1.2.3\"", "\"urn:oid:0.0\""],
            &[
                "\"1.2\"",
                "\"urn:oid:3.1\"",
                "\"urn:oid:1\"",
                "\"urn:oid:1.02\"",
                "\"urn:oid:1..2\"",
                "\"urn:oid:1.2.\"",
            ],
        ),
        (
            Format::Uuid,
            &["\"urn:uuid:c757873d-ec9a-4326-a141-556f43239520\""],
            &[
                "\"c757873d-ec9a-4326-a141-556f43239520\"",
                "\"urn:uuid:C757873D-ec9a-4326-a141-556f43239520\"",
                "\"urn:uuid:1\"",
            ],
        ),
        (
            Format::Date,
            &["\"2012\"", "\"2012-02\"", "\"2012-02-29\""],
            &["\"2011-02-29\"", "\"12\"", "\"2012-02-01T00:00:00Z\"", "\"2012-2-1\"", "\"0000\""],
        ),
        (
            Format::DateTime,
            &["\"2012\"", "\"2012-02-01\"", "\"2012-02-01T10:00:00Z\"", "\"2012-02-01T10:00:60.5-05:00\""],
            &[
                "\"2012-02-01T10:00:00\"",
                "\"2012-02-01T10:00Z\"",
                "\"2012-02-01T24:00:00Z\"",
                "\"2012-02-01T\"",
            ],
        ),
        (
            Format::Instant,
            &["\"2012-02-01T10:00:00Z\"", "\"2012-02-01T10:00:00.123+14:00\""],
            &["\"2012\"", "\"2012-02-01\"", "\"2012-02-01T10:00:00\"", "\"2012-02-01T10:00:00+15:00\""],
        ),
        (
            Format::Time,
            &["\"10:00:00\"", "\"23:59:60\"", "\"00:00:00.1\""],
            &["\"10:00\"", "\"24:00:00\"", "\"10:00:00Z\"", "\"1:00:00\"", "\"10:00:00.\""],
        ),
        (
            Format::Base64,
            &["\"aGk=\"", "\"aGkh\"", "\"aG k=\"", "\"aGkh\\r\\naGkh\"", "\"YQ==\""],
            &["\"aGk\"", "\"a===\"", "\"aG=k\"", "\"%%%%\"", "\"aG-_\"", "\" \""],
        ),
        (
            Format::Xhtml,
            &[
                "\"<div xmlns='http://www.w3.org/1999/xhtml'>a</div>\"",
                "\"<div xmlns = 'http://www.w3.org/1999/xhtml'/>\"",
                "\" <div id='a' xmlns='http://www.w3.org/1999/xhtml'>a</div> \"",
            ],
            &[
                "\"a\"",
                "\"<p>a</p>\"",
                "\"<divx>a</divx>\"",
                "\"<div>a\"",
                "\"<div\"",
                "\"<div>a</div>\"",
                "\"<div xmlns='x'>a</div>\"",
            ],
        ),
    ];

    #[test]
    fn each_format_is_told_from_what_is_not() {
        for (format, valid, invalid) in CASES {
            for (texts, expected) in [(valid, true), (invalid, false)] {
                for text in *texts {
                    let document = Document::parse_slice(text.as_bytes()).unwrap();
                    assert_eq!(document.root().kind(), format.kind(), "{text}");
                    assert_eq!(format.check(document.root()).is_ok(), expected, "{format:?} {text}");
                }
            }
        }
    }

    #[test]
    fn strings_end_at_their_limit() {
        let check = |length: usize| check_text(Format::String, &"a".repeat(length));
        assert!(check(STRING_BYTES_MAX).is_ok());
        assert_eq!(check(STRING_BYTES_MAX + 1).map_err(|fault| fault.code), Err(IssueCode::TooLong));
        assert!(check_text(Format::Base64, &"aaaa".repeat(STRING_BYTES_MAX)).is_ok());
    }
}
