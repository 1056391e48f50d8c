//! Values of primitive types that do not have their type's format, and unusual ones that do.

use serde_json::{Value, json};

use super::breakage::set;
use super::chance::Chance;
use super::site::Site;

/// Texts that a type's format is not, by the names of types; the last are those of any other.
const BAD_TEXTS: &[(&[&str], &[&str])] = &[
    (
        &["date"],
        &[
            "2020-13-01",
            "2020-02-30",
            "20-01-01",
            "01/02/2020",
            "2020-1-1",
            "2020-01-01T10:00:00Z",
            "2020-00",
            "2020-01-00",
            "today",
            " 2020",
            "2020-01-01Z",
            "-2020",
            "20200101",
            "2020-01-1",
        ],
    ),
    (
        &["dateTime"],
        &[
            "2020-01-01T10:00:00",
            "2020-01-01 10:00:00Z",
            "2020-01-01T25:00:00Z",
            "2020-01-01T10:00Z",
            "2020-13-01T10:00:00Z",
            "2020-01-01T10:60:00Z",
            "2020-01-01T10:00:00+25:00",
            "2020-01-01T10:00:00.Z",
            "2020-02-30T10:00:00Z",
            "10:00:00",
            "2020-01-01T",
            "2020-01-01T10Z",
            "2020-01-01t10:00:00z",
            "2020-01-01T10:00:00+0100",
            "2020-01T10:00:00Z",
            "2020-01-01T24:00:00Z",
            "2020-01-01T10:00:61Z",
        ],
    ),
    (
        &["instant"],
        &[
            "2020",
            "2020-01-01",
            "2020-01-01T10:00:00",
            "2020-01-01T10:00Z",
            "2020-01-01T24:00:00Z",
            "2020-02-30T10:00:00Z",
            "2020-01-01T10:00:00+1:00",
            "now",
        ],
    ),
    (
        &["time"],
        &["10:00", "25:00:00", "10:60:00", "10:00:00Z", "1:00:00", "10:00:61", "24:00:00", "10:00:00+01:00"],
    ),
    (&["code"], &[" a", "a ", "a  b", "a\tb", "a\nb", "\u{a0}a"]),
    (
        &["id"],
        &["a_b", "a b", "a/b", "é", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
    ),
    (
        &["uri", "url", "canonical"],
        &["http://a b", "a b", " http://a.example", "http://a.example\n", "urn:oid:x y"],
    ),
    (
        &["oid", "uuid"],
        &[
            "1.2.3",
            "urn:oid:3.1",
            "urn:oid:1",
            "urn:oid:1..2",
            "urn:uuid:1",
            "urn:uuid:zzzzzzzz-ec9a-4326-a141-556f43239520",
        ],
    ),
    (&["base64Binary"], &["%%%%", "a", "abc", "a===", "aG=k", "aGk=aGk=", "aG-_"]),
    (&[], &["\u{0}", "a\u{1}b", "\u{8}", "a\u{7f}b", "a\u{b}"]),
];

/// Gives the site a value that its type does not have.
pub(super) fn damage(root: &mut Value, site: &Site, chance: &mut Chance) -> bool {
    let texts: &[&str] = match site.of() {
        "integer" => &["1.5", "2147483648", "-2147483649", "1e2", "-0"],
        "unsignedInt" => &["-1", "1.5", "2147483648"],
        "positiveInt" => &["0", "-1", "1.5", "2147483648"],
        "decimal" => &["\"1.0\"", "\"1\"", "true"],
        other => return set(root, site, json!(chance.one_of(bad_texts(other)))),
    };
    let text = *chance.one_of::<&str>(texts);
    let value = serde_json::from_str(text).unwrap_or(Value::Null);
    set(root, site, value)
}

fn bad_texts(of: &str) -> &'static [&'static str] {
    let found = BAD_TEXTS.iter().find(|(names, _)| names.is_empty() || names.contains(&of));
    found.map_or(&[], |(_, texts)| texts)
}

/// Gives the site an unusual value that its type has; of what has a meaning none is taken.
pub(super) fn vary(root: &mut Value, site: &Site, chance: &mut Chance) -> bool {
    let name = site.name.as_str();
    if ["id", "url", "reference", "system", "version", "contentType"].contains(&name) {
        return false;
    }
    let values: Vec<Value> = match site.of() {
        "date" => vec![json!("1850"), json!("2020-02"), json!("2020-02-29"), json!("0001-01-01")],
        "dateTime" => vec![
            json!("2020-01"),
            json!("2020-01-01T23:59:60Z"),
            json!("2020-01-01T00:00:00.000000001Z"),
            json!("2020-01-01T10:00:00+14:00"),
            json!("2020-01-01T10:00:00-00:00"),
        ],
        "instant" => vec![json!("2020-01-01T23:59:60Z"), json!("2020-01-01T00:00:00.123456789-12:00")],
        "time" => vec![json!("23:59:60"), json!("00:00:00.5")],
        "decimal" => vec![json!(1e3), json!(-0.5), json!(0), json!(1.000_000_000_1)],
        "string" => vec![json!("a\tb"), json!("a\r\nb"), json!(" a "), json!("é\u{1f600}"), json!("\u{a0}")],
        "markdown" => vec![json!("# a\n\n* b\n"), json!("<b>a</b>"), json!("a  \nb")],
        "uri" | "canonical" => {
            vec![json!("urn:x:y"), json!("http://a.example/b?c=d#e"), json!("http://a.example/é")]
        }
        "base64Binary" => vec![json!("aGkh"), json!("aGk="), json!("aG k=")],
        _ => return false,
    };
    set(root, site, chance.one_of(&values).clone())
}
