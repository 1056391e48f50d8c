//! Strings (FHIRPath 2.0.0, section 5.6, and what later versions add); places are counted in characters.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use regex::Regex;

use super::super::PATH_STRING_BYTES_MAX;
use super::super::error::PathError;
use super::super::evaluate::{Flow, Input, MORE, Take, given};
use super::super::function::Function;
use super::super::parse::regex;
use super::super::syntax::Call;
use super::super::value::{Value, string_operand};
use crate::push_json_string;

pub(super) fn call<'a>(call: &'a Call, input: &Input<'_, 'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    if call.function == Function::Join {
        return given(join(call, input)?, take);
    }
    let name = call.function.name();
    let Some(value) = input.single(name)? else { return MORE };
    let text = string_operand(&value, name)?;
    match call.function {
        Function::ToChars => {
            for character in text.chars() {
                if take(Value::String(character.to_string().into()))?.is_break() {
                    break;
                }
            }
            MORE
        }
        Function::Split => match argument(call, 0, input)? {
            None => MORE,
            Some(separator) if separator.is_empty() => take(Value::String(text)),
            Some(separator) => {
                for part in text.split(&*separator) {
                    if take(Value::String(part.to_owned().into()))?.is_break() {
                        break;
                    }
                }
                MORE
            }
        },
        _ => given(of_text(call, input, text)?, take),
    }
}

fn argument<'a>(call: &'a Call, at: usize, input: &Input<'_, 'a>) -> Result<Option<Cow<'a, str>>, PathError> {
    let name = call.function.name();
    let value = input.argument(&call.arguments[at], name)?;
    value.map(|value| string_operand(&value, name)).transpose()
}

fn of_text<'a>(
    call: &'a Call,
    input: &Input<'_, 'a>,
    text: Cow<'a, str>,
) -> Result<Option<Value<'a>>, PathError> {
    let string = |text: String| Ok(Some(Value::String(text.into())));
    match call.function {
        Function::Upper => return string(text.to_uppercase()),
        Function::Lower => return string(text.to_lowercase()),
        Function::Trim => return string(text.trim().to_owned()),
        Function::Length => {
            return Ok(i32::try_from(text.chars().count()).ok().map(Value::Integer));
        }
        Function::Substring => return substring(call, input, &text),
        Function::Matches | Function::MatchesFull | Function::ReplaceMatches => {
            return with_regex(call, input, text);
        }
        _ => {}
    }
    let Some(other) = argument(call, 0, input)? else { return Ok(None) };
    let boolean = |answer| Ok(Some(Value::Boolean(answer)));
    match call.function {
        Function::StartsWith => boolean(text.starts_with(&*other)),
        Function::EndsWith => boolean(text.ends_with(&*other)),
        Function::Contains => boolean(text.contains(&*other)),
        Function::IndexOf => Ok(Some(place(&text, text.find(&*other)))),
        Function::LastIndexOf => Ok(Some(place(&text, text.rfind(&*other)))),
        Function::Replace => match argument(call, 1, input)? {
            None => Ok(None),
            Some(with) => replaced(&text, &other, &with).map(Some),
        },
        Function::Encode => encoded(&text, &other).map(Some),
        Function::Decode => decoded(&text, &other),
        Function::Escape => escaped(&text, &other).map(Some),
        _ => unescaped(&text, &other),
    }
}

fn place<'a>(text: &str, found: Option<usize>) -> Value<'a> {
    let characters = found.map(|at| text[..at].chars().count());
    Value::Integer(characters.and_then(|at| i32::try_from(at).ok()).unwrap_or(-1))
}

fn substring<'a>(call: &'a Call, input: &Input<'_, 'a>, text: &str) -> Result<Option<Value<'a>>, PathError> {
    const NEEDS: PathError = PathError::Operand { of: "substring", needs: "integers" };
    let Some(start) = input.argument(&call.arguments[0], "substring")? else { return Ok(None) };
    let start = start.as_integer().ok_or(NEEDS)?;
    let length = match call.arguments.get(1) {
        None => None,
        Some(length) => input.argument(length, "substring")?,
    };
    let length = length.map(|length| length.as_integer().ok_or(NEEDS)).transpose()?;
    let count = text.chars().count();
    let Some(start) = usize::try_from(start).ok().filter(|start| *start < count) else { return Ok(None) };
    let length = length.map_or(count, |length| usize::try_from(length).unwrap_or(0));
    let part: String = text.chars().skip(start).take(length).collect();
    Ok(Some(Value::String(part.into())))
}

fn with_regex<'a>(
    call: &'a Call,
    input: &Input<'_, 'a>,
    text: Cow<'a, str>,
) -> Result<Option<Value<'a>>, PathError> {
    let Some(pattern) = argument(call, 0, input)? else { return Ok(None) };
    let worked_out;
    let found: &Regex = match &call.regex {
        Some(regex) => regex,
        None => {
            // Compiling an expression is work too, much more than touching a value.
            const REGEX_WORK: usize = 1000;
            (0..REGEX_WORK).try_for_each(|_| input.evaluation.worked())?;
            let name = call.function.name();
            worked_out = regex(&pattern, call.function == Function::MatchesFull)
                .ok_or(PathError::operand(name, "a regular expression"))?;
            &worked_out
        }
    };
    if call.function != Function::ReplaceMatches {
        return Ok(Some(Value::Boolean(found.is_match(&text))));
    }
    let Some(with) = argument(call, 1, input)? else { return Ok(None) };
    if pattern.is_empty() {
        return Ok(Some(Value::String(text)));
    }
    let mut out = String::with_capacity(text.len());
    let mut after = 0;
    for captures in found.captures_iter(&text) {
        let whole = captures.get(0).expect("the whole match is the first group");
        out.push_str(&text[after..whole.start()]);
        captures.expand(&with, &mut out);
        within_limit(out.len())?;
        after = whole.end();
    }
    out.push_str(&text[after..]);
    Ok(Some(Value::String(out.into())))
}

fn within_limit(length: usize) -> Result<(), PathError> {
    match length <= PATH_STRING_BYTES_MAX {
        true => Ok(()),
        false => Err(PathError::limit("PATH_STRING_BYTES_MAX", PATH_STRING_BYTES_MAX as u64)),
    }
}

fn replaced<'a>(text: &str, what: &str, with: &str) -> Result<Value<'a>, PathError> {
    let times = if what.is_empty() { text.chars().count() + 1 } else { text.matches(what).count() };
    within_limit(text.len().saturating_add(times.saturating_mul(with.len())))?;
    Ok(Value::String(text.replace(what, with).into()))
}

fn join<'a>(call: &'a Call, input: &Input<'_, 'a>) -> Result<Option<Value<'a>>, PathError> {
    let separator = match call.arguments.first() {
        None => Cow::Borrowed(""),
        Some(_) => match argument(call, 0, input)? {
            None => return Ok(None),
            Some(separator) => separator,
        },
    };
    let mut joined: Option<String> = None;
    input.visit(&mut |value| {
        let text = string_operand(&value, "join")?;
        match &mut joined {
            None => joined = Some(text.into_owned()),
            Some(joined) => {
                joined.push_str(&separator);
                joined.push_str(&text);
                within_limit(joined.len())?;
            }
        }
        MORE
    })?;
    Ok(joined.map(|text| Value::String(text.into())))
}

const ENCODINGS: PathError =
    PathError::Operand { of: "encode", needs: "one of the encodings hex, base64 and urlbase64" };

fn encoded<'a>(text: &str, encoding: &str) -> Result<Value<'a>, PathError> {
    let encoded = match encoding {
        "hex" => hex::encode(text),
        "base64" => STANDARD.encode(text),
        "urlbase64" => URL_SAFE.encode(text),
        _ => return Err(ENCODINGS),
    };
    Ok(Value::String(encoded.into()))
}

fn decoded<'a>(text: &str, encoding: &str) -> Result<Option<Value<'a>>, PathError> {
    let bytes = match encoding {
        "hex" => hex::decode(text).ok(),
        "base64" => STANDARD.decode(text).ok(),
        "urlbase64" => URL_SAFE.decode(text).ok(),
        _ => return Err(ENCODINGS),
    };
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(text.map(|text| Value::String(text.into())))
}

const TARGETS: PathError = PathError::Operand { of: "escape", needs: "one of the targets html and json" };

fn escaped<'a>(text: &str, target: &str) -> Result<Value<'a>, PathError> {
    let escaped = match target {
        "html" => text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;"),
        "json" => {
            let mut quoted = Vec::with_capacity(text.len() + 2);
            push_json_string(&mut quoted, text);
            let quoted = String::from_utf8(quoted).expect("a string of JSON is UTF-8");
            quoted[1..quoted.len() - 1].to_owned()
        }
        _ => return Err(TARGETS),
    };
    within_limit(escaped.len())?;
    Ok(Value::String(escaped.into()))
}

fn unescaped<'a>(text: &str, target: &str) -> Result<Option<Value<'a>>, PathError> {
    match target {
        "html" => {
            let plain = text
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&#39;", "'")
                .replace("&amp;", "&");
            Ok(Some(Value::String(plain.into())))
        }
        "json" => Ok(unescaped_json(text).map(|text| Value::String(text.into()))),
        _ => Err(TARGETS),
    }
}

/// The text with the escapes of JSON undone, whether quotes are escaped or not; nothing if one is wrong.
fn unescaped_json(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        // A pair of surrogates is one character in two escapes.
        let length = match rest.as_bytes().get(at + 1)? {
            b'u' if rest.get(at + 6..at + 8) == Some("\\u") && is_high_surrogate(&rest[at..]) => 12,
            b'u' => 6,
            _ => 2,
        };
        let escape = rest.get(at..at + length)?;
        let document = crate::Document::parse(format!("\"{escape}\"").into_bytes()).ok()?;
        plain.push_str(&document.root().as_str()?);
        rest = &rest[at + length..];
    }
    plain.push_str(rest);
    Some(plain)
}

fn is_high_surrogate(escape: &str) -> bool {
    let code = escape.get(2..6).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    code.is_some_and(|code| (0xd800..0xdc00).contains(&code))
}
