//! Values that are compared by name: string, token, uri, reference (R4 search §3.1.1.4.8-12).

use std::borrow::Cow;
use std::sync::Arc;

use fhir::{Id, Reference, ResourceKey, ResourceType};

use super::values::Form;
use crate::clause::{split, unescape};
use crate::error::Reason;
use crate::{ReferenceTest, StringTest, SystemTest, Test, UriTest, normalize};

pub(super) fn string(value: &str, form: Form) -> Test {
    let text = unescape(value);
    Test::String(match form {
        Form::Plain => StringTest::StartsWith(normalize(&text).into()),
        Form::Contains => StringTest::Contains(normalize(&text).into()),
        Form::Exact => StringTest::Exact(text.into()),
    })
}

pub(super) fn uri(value: &str) -> Test {
    Test::Uri(UriTest::Is(unescape(value).into()))
}

/// `code`, `system|code`, `|code` or `system|`.
pub(super) fn token(value: &str) -> Result<Test, Reason> {
    let parts: Vec<Cow<'_, str>> = split(value, '|').map(unescape).collect();
    let (system, code) = match parts.as_slice() {
        [code] => (SystemTest::Any, &**code),
        [system, code] if !system.is_empty() || !code.is_empty() => (system_test(system), &**code),
        _ => return Err(Reason::Value("'code', 'system|code', '|code' or 'system|'")),
    };
    Ok(Test::Token { system, code: some(code) })
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

fn local(of: ResourceType, id: &str, version: Option<&str>) -> Option<ReferenceTest> {
    let key = ResourceKey { of, id: Id::parse(id)? };
    Some(match version {
        Some(version) => ReferenceTest::Version(key, version.into()),
        None => ReferenceTest::Key(key),
    })
}
