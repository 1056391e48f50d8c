//! A data store's parameters as bytes, for the store to keep.

use std::borrow::Cow;
use std::fmt;

use fhir::{ComponentDefinition, Id, ParameterKind, ResourceType, SearchParameterDefinition};

use super::{Dropped, OwnParameter, ParameterSet, Restrictions};
use crate::ParamId;

/// The form written here.
const FORM: u8 = 2;
/// The same, as releases wrote it that did not extract what resources contain.
const OLDER_FORM: u8 = 1;

/// The bytes are not a record of parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordError;

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the record of search parameters cannot be read")
    }
}

impl std::error::Error for RecordError {}

impl ParameterSet {
    /// The set as bytes: what it has beyond R4.
    pub fn record(&self) -> Vec<u8> {
        let mut out = Writer(vec![FORM]);
        out.number(self.0.extraction);
        out.number(self.0.revision);
        out.each(&self.0.own, |out, one| {
            out.number(one.param.0.into());
            out.text(one.resource.as_str());
            out.definition(&one.definition);
            out.restrictions(&one.restrictions);
            out.number(one.since);
            out.flag(one.is_ready);
        });
        out.each(&self.0.dropped, |out, one| {
            out.number(one.param.0.into());
            out.types(&one.bases);
            out.number(one.since);
        });
        out.0
    }

    /// The set of a record.
    ///
    /// # Errors
    /// [`RecordError`] when the bytes are not what [`record`](ParameterSet::record) writes.
    pub fn of_record(bytes: &[u8]) -> Result<ParameterSet, RecordError> {
        let (form, rest) = bytes.split_first().ok_or(RecordError)?;
        let is_older = match *form {
            FORM => false,
            OLDER_FORM => true,
            _ => return Err(RecordError),
        };
        let mut from = Reader(rest);
        let (extraction, revision) = (from.number()?, from.number()?);
        let own = from.each(|from| {
            Ok(OwnParameter {
                param: from.param()?,
                resource: Id::parse(from.text()?).ok_or(RecordError)?,
                definition: from.definition()?,
                restrictions: from.restrictions()?,
                since: from.number()?,
                is_ready: from.flag()?,
            })
        })?;
        let dropped = from
            .each(|from| Ok(Dropped { param: from.param()?, bases: from.types()?, since: from.number()? }))?;
        let is_whole = from.0.is_empty();
        let set =
            is_whole.then(|| ParameterSet::with(own, dropped, extraction, revision)).ok_or(RecordError)?;
        Ok(if is_older { set.of_older_release() } else { set })
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.0.push(flag.into());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn each<T>(&mut self, items: &[T], put: impl Fn(&mut Self, &T)) {
        self.number(items.len() as u64);
        items.iter().for_each(|item| put(self, item));
    }

    fn types(&mut self, types: &[ResourceType]) {
        self.each(types, |out, of| out.number(of.number().into()));
    }

    fn texts(&mut self, texts: &[String]) {
        self.each(texts, |out, text| out.text(text));
    }

    fn definition(&mut self, definition: &SearchParameterDefinition) {
        self.text(&definition.url);
        self.text(&definition.code);
        self.text(definition.kind.code());
        self.types(&definition.bases);
        self.text(&definition.expression);
        self.types(&definition.targets);
        self.each(&definition.components, |out, component| {
            out.text(&component.definition);
            out.text(&component.expression);
        });
    }

    fn restrictions(&mut self, restrictions: &Restrictions) {
        self.flag(restrictions.multiple_or);
        self.flag(restrictions.multiple_and);
        self.texts(&restrictions.modifiers);
        self.texts(&restrictions.comparators);
        self.texts(&restrictions.chains);
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], RecordError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(RecordError)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, RecordError> {
        let bytes = self.take(8)?.try_into().map_err(|_| RecordError)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn flag(&mut self) -> Result<bool, RecordError> {
        Ok(self.take(1)? == [1])
    }

    fn text(&mut self) -> Result<&'a str, RecordError> {
        let count = usize::try_from(self.number()?).map_err(|_| RecordError)?;
        std::str::from_utf8(self.take(count)?).map_err(|_| RecordError)
    }

    fn each<T>(&mut self, read: impl Fn(&mut Self) -> Result<T, RecordError>) -> Result<Vec<T>, RecordError> {
        (0..self.number()?).map(|_| read(self)).collect()
    }

    fn types(&mut self) -> Result<Vec<ResourceType>, RecordError> {
        self.each(|from| {
            let number = u16::try_from(from.number()?).map_err(|_| RecordError)?;
            ResourceType::from_number(number).ok_or(RecordError)
        })
    }

    fn texts(&mut self) -> Result<Vec<String>, RecordError> {
        self.each(|from| from.text().map(str::to_owned))
    }

    fn param(&mut self) -> Result<ParamId, RecordError> {
        u16::try_from(self.number()?).map(ParamId).map_err(|_| RecordError)
    }

    fn definition(&mut self) -> Result<SearchParameterDefinition, RecordError> {
        let owned = |text: &str| Cow::Owned(text.to_owned());
        Ok(SearchParameterDefinition {
            url: self.text()?.to_owned(),
            code: owned(self.text()?),
            kind: ParameterKind::parse(self.text()?).ok_or(RecordError)?,
            bases: self.types()?,
            expression: owned(self.text()?),
            targets: self.types()?,
            components: self.each(|from| {
                let definition = from.text()?.to_owned();
                Ok(ComponentDefinition { definition, expression: owned(from.text()?) })
            })?,
        })
    }

    fn restrictions(&mut self) -> Result<Restrictions, RecordError> {
        Ok(Restrictions {
            multiple_or: self.flag()?,
            multiple_and: self.flag()?,
            modifiers: self.texts()?,
            comparators: self.texts()?,
            chains: self.texts()?,
        })
    }
}
