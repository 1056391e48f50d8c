//! Values that are compared by name: string, token, uri, reference (R4 search §3.1.1.4.8-12).

use std::borrow::Cow;
use std::sync::Arc;

use fhir::{Decimal, Id, Reference, ResourceKey, ResourceType};

use super::Context;
use super::modifier::Modifier;
use crate::clause::{split, unescape};
use crate::error::Reason;
use crate::media_type::asked_below;
use crate::{
    Direction, Near, ReferenceTest, StringTest, SystemTest, Test, UriTest, canonical_unit, normalize,
};

/// How near is near, if it is not said, in metres.
const NEAR_DISTANCE_M: f64 = 50_000.0;

pub(super) fn string(value: &str, modifier: Modifier) -> Test {
    let text = unescape(value);
    Test::String(match modifier {
        Modifier::Contains => StringTest::Contains(normalize(&text).into()),
        Modifier::Exact => StringTest::Exact(text.into()),
        _ => StringTest::StartsWith(normalize(&text).into()),
    })
}

/// Above and below are for addresses with a path: a urn has none, so nothing lies above or below one.
pub(super) fn uri(value: &str, modifier: Modifier) -> Test {
    let text = unescape(value).into();
    Test::Uri(match modifier {
        Modifier::AbovePath => UriTest::Above(text),
        Modifier::BelowPath => UriTest::Below(text),
        _ => UriTest::Is(text),
    })
}

/// A token as its modifier says.
pub(super) fn token(value: &str, modifier: Modifier, context: &Context<'_>) -> Result<Test, Reason> {
    match modifier {
        Modifier::Text => Ok(Test::TokenText(normalize(&unescape(value)).into())),
        Modifier::OfType => typed_identifier(value),
        Modifier::In | Modifier::NotIn => {
            let set = context.vocabulary.codes(&unescape(value)).map_err(Reason::Vocabulary)?;
            Ok(Test::Codes(Arc::new(set)))
        }
        Modifier::AboveCode => related(value, Direction::Above, context),
        Modifier::BelowCode => related(value, Direction::Below, context),
        Modifier::BelowMediaType => media_type(value),
        _ => {
            let (system, code) = system_and_code(value)?;
            Ok(Test::Token { system, code })
        }
    }
}

/// `system|code`, with what subsumes it or what it subsumes.
fn related(value: &str, direction: Direction, context: &Context<'_>) -> Result<Test, Reason> {
    match system_and_code(value)? {
        (SystemTest::Is(system), Some(code)) => {
            let set = context.vocabulary.related(&system, &code, direction).map_err(Reason::Vocabulary)?;
            Ok(Test::Codes(Arc::new(set)))
        }
        _ => Err(Reason::Value("'system|code'")),
    }
}

/// `code` or `system|code`, with what is below it as a media type.
fn media_type(value: &str) -> Result<Test, Reason> {
    const FORM: Reason = Reason::Value("a media type, with or without its subtype and parameters");
    let (system, Some(code)) = system_and_code(value)? else { return Err(FORM) };
    match asked_below(&code) {
        below if below.is_empty() || below.contains('*') => Err(FORM),
        below => Ok(Test::MediaType { system, below: below.into() }),
    }
}

/// `system|code|value`: of an identifier's type, and of the identifier.
fn typed_identifier(value: &str) -> Result<Test, Reason> {
    let parts: Vec<Cow<'_, str>> = split(value, '|').map(unescape).collect();
    match parts.as_slice() {
        [system, code, value] if parts.iter().all(|part| !part.is_empty()) => Ok(Test::TypedIdentifier {
            system: SystemTest::Is((&**system).into()),
            code: (&**code).into(),
            value: (&**value).into(),
        }),
        _ => Err(Reason::Value("'system|code|value': the identifier's type and its value")),
    }
}

/// `value`, `system|value`, `|value` or `system|`, of the identifier that a reference holds.
pub(super) fn reference_identifier(value: &str) -> Result<Test, Reason> {
    let (system, value) = system_and_code(value)?;
    Ok(Test::ReferenceIdentifier { system, value })
}

/// `code`, `system|code`, `|code` or `system|`.
fn system_and_code(value: &str) -> Result<(SystemTest, Option<Arc<str>>), Reason> {
    let parts: Vec<Cow<'_, str>> = split(value, '|').map(unescape).collect();
    let (system, code) = match parts.as_slice() {
        [code] => (SystemTest::Any, &**code),
        [system, code] if !system.is_empty() || !code.is_empty() => (system_test(system), &**code),
        _ => return Err(Reason::Value("'code', 'system|code', '|code' or 'system|'")),
    };
    Ok((system, some(code)))
}

/// A system that stands before a bar: none was meant if it is empty.
fn system_test(system: &str) -> SystemTest {
    some(system).map_or(SystemTest::Absent, SystemTest::Is)
}

pub(super) fn some(text: &str) -> Option<Arc<str>> {
    (!text.is_empty()).then(|| text.into())
}

/// `Type/id`, `id` of the only type there may be or of any, or an address, which is local if it begins with
/// `base`.
pub(super) fn reference(
    value: &str,
    target: impl Fn() -> Option<ResourceType>,
    base: &str,
) -> Result<Test, Reason> {
    const FORM: Reason = Reason::Value("an id, 'Type/id' or an address");
    let text = unescape(value);
    let is_ours = |other: &str| other.trim_end_matches('/') == base.trim_end_matches('/');
    let test = match Reference::parse(&text) {
        Reference::Relative { of, id, version } => local(of, id, version).ok_or(FORM)?,
        Reference::Absolute { base, of, id, version } if is_ours(base) => {
            local(of, id, version).ok_or(FORM)?
        }
        Reference::Contained(_) | Reference::Conditional { .. } => return Err(FORM),
        Reference::Absolute { .. } | Reference::Url(_) | Reference::Urn(_) => ReferenceTest::Url(text.into()),
        Reference::Malformed(text) => match (Id::parse(text), target()) {
            (Some(id), Some(of)) => ReferenceTest::Key(ResourceKey { of, id }),
            (Some(_), None) => ReferenceTest::Id(text.into()),
            // Nothing is referred to in this way, but an address may be of any form.
            (None, _) => ReferenceTest::Url(text.into()),
        },
    };
    Ok(Test::Reference(test))
}

/// A reference to a resource of type `of` (`subject:Patient=1`).
pub(super) fn reference_to(value: &str, of: ResourceType, base: &str) -> Result<Test, Reason> {
    const FORM: Reason = Reason::Value("an id, or a reference to a resource of the modifier's type");
    let test = reference(value, || Some(of), base)?;
    match &test {
        Test::Reference(ReferenceTest::Key(key) | ReferenceTest::Version(key, _)) if key.of != of => {
            Err(FORM)
        }
        Test::Reference(ReferenceTest::Url(url)) => match Reference::parse(url) {
            Reference::Absolute { of: other, .. } if other != of => Err(FORM),
            _ => Ok(test),
        },
        _ => Ok(test),
    }
}

fn local(of: ResourceType, id: &str, version: Option<&str>) -> Option<ReferenceTest> {
    let key = ResourceKey { of, id: Id::parse(id)? };
    Some(match version {
        Some(version) => ReferenceTest::Version(key, version.into()),
        None => ReferenceTest::Key(key),
    })
}

/// `latitude|longitude|distance|units`: distance and units may be left out.
pub(super) fn near(value: &str) -> Result<Test, Reason> {
    const FORM: Reason =
        Reason::Value("'latitude|longitude|distance|units', in degrees and a UCUM unit of length such as km");
    let parts: Vec<Cow<'_, str>> = split(value, '|').map(unescape).collect();
    if !(2..=4).contains(&parts.len()) {
        return Err(FORM);
    }
    let number = |at: usize| match parts.get(at).map(|part| &**part) {
        None | Some("") => Ok(None),
        Some(text) => Decimal::parse(text).map(|number| Some(number.to_f64())).ok_or(FORM),
    };
    let (Some(latitude), Some(longitude)) = (number(0)?, number(1)?) else { return Err(FORM) };
    let (distance, unit) = (number(2)?, parts.get(3).map_or("", |unit| &**unit));
    let metres = metres(unit).ok_or(FORM)?;
    let distance_m = distance.map_or(NEAR_DISTANCE_M, |distance| distance * metres);
    let is_place = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    if !is_place || !(0.0..f64::INFINITY).contains(&distance_m) {
        return Err(FORM);
    }
    Ok(Test::Near(Near { latitude, longitude, distance_m }))
}

/// How many metres a unit of length is; without one it is a kilometre.
fn metres(unit: &str) -> Option<f64> {
    let code = match unit {
        "" => "km",
        "mi" => "[mi_i]",
        code => code,
    };
    let canonical = canonical_unit(code).filter(|canonical| canonical.unit == "m")?;
    Some(canonical.range(1.0, 1.0).0)
}
