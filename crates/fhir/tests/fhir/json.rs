//! Documents: a table of valid and invalid texts, limits, and agreement with serde_json.

use std::borrow::Cow;

use fhir::{DEPTH_MAX, Document, Json, Kind, NAME_BYTES_MAX, ParseReason};
use proptest::prelude::*;

const VALID: &[&str] = &[
    "{}",
    "[]",
    "0",
    "-0",
    "1",
    "-1.5",
    "1e2",
    "1E+2",
    "0.10e-7",
    "123456789012345678901234567890.10",
    "true",
    "false",
    "null",
    "\"\"",
    "\" \"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0000\"",
    "\"\\u00e9\"",
    "\"\\ud83d\\ude00\"",
    "\"\\uD83D\\uDE00\"",
    "\"é😀\"",
    "\"\u{7f}\"",
    " \t\r\n{ \"a\" : [ 1 , 2 ] } \n",
    "{\"\":1}",
    "{\"a\":{\"a\":1},\"b\":{\"a\":2}}",
    "[[],{},[{}],[[1]],\"\"]",
    "{\"id\":1,\"_id\":2}",
    "[1,-1,0.0,true,null,\"0123456789abcdef\"]",
    "{\"a\\\"b\":\"01234567\\\"89\"}",
];

const INVALID: &[(&str, ParseReason)] = &[
    ("", ParseReason::UnexpectedEnd),
    (" ", ParseReason::UnexpectedEnd),
    ("{", ParseReason::UnexpectedEnd),
    ("[", ParseReason::UnexpectedEnd),
    ("[1", ParseReason::UnexpectedEnd),
    ("[1,", ParseReason::UnexpectedEnd),
    ("{\"a\"", ParseReason::UnexpectedEnd),
    ("{\"a\":", ParseReason::UnexpectedEnd),
    ("{\"a\":1", ParseReason::UnexpectedEnd),
    ("\"", ParseReason::UnexpectedEnd),
    ("\"\\", ParseReason::UnexpectedEnd),
    ("\"abc", ParseReason::UnexpectedEnd),
    ("[1}", ParseReason::UnexpectedCharacter),
    ("{\"a\":1]", ParseReason::UnexpectedCharacter),
    ("[1,]", ParseReason::UnexpectedCharacter),
    ("[,1]", ParseReason::UnexpectedCharacter),
    ("{\"a\":1,}", ParseReason::UnexpectedCharacter),
    ("{,}", ParseReason::UnexpectedCharacter),
    ("{1:1}", ParseReason::UnexpectedCharacter),
    ("{\"a\" 1}", ParseReason::UnexpectedCharacter),
    ("{\"a\"::1}", ParseReason::UnexpectedCharacter),
    ("[1 2]", ParseReason::UnexpectedCharacter),
    ("}", ParseReason::UnexpectedCharacter),
    ("]", ParseReason::UnexpectedCharacter),
    ("tru", ParseReason::UnexpectedCharacter),
    ("True", ParseReason::UnexpectedCharacter),
    ("nul", ParseReason::UnexpectedCharacter),
    ("NaN", ParseReason::UnexpectedCharacter),
    ("+1", ParseReason::UnexpectedCharacter),
    (".5", ParseReason::UnexpectedCharacter),
    ("'a'", ParseReason::UnexpectedCharacter),
    ("[\u{a0}1]", ParseReason::UnexpectedCharacter),
    ("[\u{c}1]", ParseReason::UnexpectedCharacter),
    ("\u{0}", ParseReason::UnexpectedCharacter),
    ("/* */1", ParseReason::UnexpectedCharacter),
    ("01", ParseReason::Number),
    ("-", ParseReason::Number),
    ("-a", ParseReason::Number),
    ("1.", ParseReason::Number),
    ("1.e1", ParseReason::Number),
    ("1e", ParseReason::Number),
    ("1e+", ParseReason::Number),
    ("0x1", ParseReason::Number),
    ("1.2.3", ParseReason::Number),
    ("1-2", ParseReason::Number),
    ("-01", ParseReason::Number),
    ("1 1", ParseReason::TrailingCharacters),
    ("{}{}", ParseReason::TrailingCharacters),
    ("truefalse", ParseReason::TrailingCharacters),
    ("[]]", ParseReason::TrailingCharacters),
    ("{}\u{0}", ParseReason::TrailingCharacters),
    ("\"\\x\"", ParseReason::Escape),
    ("\"\\u12g4\"", ParseReason::Escape),
    ("\"\\u123\"", ParseReason::Escape),
    ("\"\\u\"", ParseReason::Escape),
    ("\"\\'\"", ParseReason::Escape),
    ("\"\\ud83d\"", ParseReason::LoneSurrogate),
    ("\"\\ude00\"", ParseReason::LoneSurrogate),
    ("\"\\ud83d\\ud83d\"", ParseReason::LoneSurrogate),
    ("\"\\ud83dx\"", ParseReason::LoneSurrogate),
    ("\"\\ud83d\\n\"", ParseReason::LoneSurrogate),
    ("\"a\nb\"", ParseReason::ControlCharacter),
    ("\"0123456\u{1}\"", ParseReason::ControlCharacter),
    ("\"\t\"", ParseReason::ControlCharacter),
    ("\u{feff}{}", ParseReason::ByteOrderMark),
    ("{\"a\":1,\"a\":1}", ParseReason::DuplicateMember),
    ("{\"id\":1,\"x\":[{\"id\":1}],\"id\":1}", ParseReason::DuplicateMember),
    ("{\"id\":1,\"\\u0069d\":1}", ParseReason::DuplicateMember),
    ("{\"q\":1,\"\\u0071\":1}", ParseReason::DuplicateMember),
    ("{\"_id\":1,\"\\u005fid\":1}", ParseReason::DuplicateMember),
    ("{\"\":1,\"\":1}", ParseReason::DuplicateMember),
];

fn both(bytes: &[u8]) -> Result<Document, ParseReason> {
    let one = Document::parse_slice(bytes);
    let other = Document::parse(bytes.to_vec());
    assert_eq!(one.as_ref().err(), other.as_ref().err());
    one.map_err(|error| {
        assert!(error.offset <= bytes.len());
        error.reason
    })
}

#[test]
fn valid_texts_are_accepted_and_kept() {
    for text in VALID {
        let document = both(text.as_bytes()).unwrap_or_else(|reason| panic!("{text}: {reason:?}"));
        assert_eq!(document.bytes(), text.as_bytes());
        assert_eq!(
            value(document.root()),
            serde_json::from_str::<serde_json::Value>(text).unwrap(),
            "{text}"
        );
    }
}

#[test]
fn invalid_texts_are_refused_with_their_reason() {
    for (text, reason) in INVALID {
        assert_eq!(both(text.as_bytes()).map(drop), Err(*reason), "{text:?}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused_where_they_stand() {
    for bytes in
        [&b"{\"a\":\"\xff\"}"[..], b"{\"a\":\"\xc3", b"{\"a\":\"\xed\xa0\x80\"}", b"{\"a\":\"\xc0\xaf\"}"]
    {
        let error = Document::parse_slice(bytes).unwrap_err();
        assert_eq!((error.offset, error.reason), (6, ParseReason::NotUtf8));
        assert_eq!(Document::parse(bytes.to_vec()).unwrap_err(), error);
    }
}

#[test]
fn nesting_ends_at_its_limit() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| format!("{}0{}", open.repeat(depth), close.repeat(depth));
        assert!(both(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(both(nested(DEPTH_MAX + 1).as_bytes()).map(drop), Err(ParseReason::TooDeep));
        assert_eq!(both(open.repeat(200_000).as_bytes()).map(drop), Err(ParseReason::TooDeep));
    }
}

#[test]
fn names_end_at_their_limit() {
    let named = |length: usize| format!("{{\"{}\":0}}", "n".repeat(length));
    assert!(both(named(NAME_BYTES_MAX).as_bytes()).is_ok());
    assert_eq!(both(named(NAME_BYTES_MAX + 1).as_bytes()).map(drop), Err(ParseReason::NameTooLong));
}

#[test]
fn duplicates_are_found_in_large_objects_too() {
    for count in [10, 31, 32, 33, 34, 1000] {
        let mut members: Vec<String> =
            (0..count).map(|n| format!("\"unknown{n}\":{{\"a\":[{n}]}}")).collect();
        assert!(both(format!("{{{}}}", members.join(",")).as_bytes()).is_ok());
        members.push("\"unknown5\":0".into());
        let twice = format!("{{{}}}", members.join(","));
        assert_eq!(both(twice.as_bytes()).map(drop), Err(ParseReason::DuplicateMember), "{count}");
    }
}

#[test]
fn names_know_their_symbols_and_twins() {
    let document = Document::parse_slice(
        b"{\"birthDate\":1,\"_birthDate\":2,\"\\u0067ender\":3,\"nope\":4,\"_nope\":5}",
    );
    let document = document.unwrap();
    let root = document.root();
    let seen: Vec<_> = root
        .members()
        .map(|(name, _)| {
            (name.symbol().map(|s| s.name()), name.twin().map(|s| s.name()), name.as_str().into_owned())
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Some("birthDate"), None, "birthDate".to_owned()),
            (None, Some("birthDate"), "_birthDate".to_owned()),
            (Some("gender"), None, "gender".to_owned()),
            (None, None, "nope".to_owned()),
            (None, None, "_nope".to_owned()),
        ]
    );
    for (name, number) in
        [("birthDate", "1"), ("_birthDate", "2"), ("gender", "3"), ("nope", "4"), ("_nope", "5")]
    {
        assert_eq!(root.get(name).and_then(Json::as_number), Some(number), "{name}");
    }
    assert!(root.get("name").is_none() && root.get("_name").is_none());
}

#[test]
fn values_give_their_raw_text_and_count() {
    let document =
        Document::parse_slice(b" { \"a\" : [ 1.10 , \"x\\n\" , true , null , {\"b\" : {}} ] } ").unwrap();
    let array = document.root().get("a").unwrap();
    let raw: Vec<_> = array.items().map(|item| std::str::from_utf8(item.raw()).unwrap()).collect();
    assert_eq!(raw, ["1.10", "\"x\\n\"", "true", "null", "{\"b\" : {}}"]);
    assert_eq!((array.len(), document.root().len(), array.items().next().unwrap().len()), (5, 1, 0));
    assert_eq!(array.items().nth(1).unwrap().as_str(), Some(Cow::Owned("x\n".to_owned())));
    assert_eq!(array.items().nth(1).unwrap().as_plain_str(), None);
    assert!(array.members().next().is_none() && document.root().items().next().is_none());
    assert!(array.items().next().unwrap().items().next().is_none());
    assert_eq!(format!("{document:?}"), "Document(55 bytes)");
}

/// The same as serde_json would hold it.
fn value(json: Json<'_>) -> serde_json::Value {
    match json.kind() {
        Kind::Null => serde_json::Value::Null,
        Kind::Boolean => json.as_bool().unwrap().into(),
        Kind::Number => serde_json::from_str(json.as_number().unwrap()).unwrap(),
        Kind::String => json.as_str().unwrap().into(),
        Kind::Array => json.items().map(value).collect(),
        Kind::Object => json.members().map(|(name, of)| (name.as_str().into_owned(), value(of))).collect(),
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let name = prop_oneof![
        "[a-c_\"\\\\é]{0,3}",
        Just("id".to_owned()),
        Just("_id".to_owned()),
        Just("name".to_owned())
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,20}".prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::btree_map(name.clone(), inner, 0..8)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_serde_json_writes_is_read_the_same(of in any_json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&of) } else { serde_json::to_string(&of) }.unwrap();
        let document = both(text.as_bytes()).unwrap();
        prop_assert_eq!(value(document.root()), serde_json::from_str::<serde_json::Value>(&text).unwrap());
    }

    #[test]
    fn damaged_text_is_accepted_exactly_when_serde_json_accepts_it(
        of in any_json(), at in any::<prop::sample::Index>(), byte in any::<u8>(), action in 0..4_u8,
    ) {
        let mut text = serde_json::to_vec(&of).unwrap();
        let at = at.index(text.len());
        match action {
            0 => { text.truncate(at); }
            1 => { text.remove(at); }
            2 => { text.insert(at, byte); }
            _ => { text[at] = byte; }
        }
        agree(&text)?;
    }

    #[test]
    fn any_text_is_accepted_exactly_when_serde_json_accepts_it(
        text in prop::collection::vec(prop::sample::select(&b"{}[]:,\"\\ \n0123.-+eEtruefalsnd8\xc3\xa9"[..]), 0..24),
    ) {
        agree(&text)?;
    }
}

/// Both accept with the same value or both refuse, but for duplicates, surrogates and numbers out of range.
fn agree(text: &[u8]) -> Result<(), TestCaseError> {
    match (both(text), serde_json::from_slice::<serde_json::Value>(text)) {
        (Ok(document), Ok(theirs)) => prop_assert_eq!(value(document.root()), theirs),
        (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("number out of range"), "{}", error),
        (Err(reason), Ok(_)) => prop_assert_eq!(reason, ParseReason::DuplicateMember),
        (Err(_), Err(_)) => {}
    }
    Ok(())
}
