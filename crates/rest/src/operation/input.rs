//! What an operation is called with: one reader for the query and for a `Parameters` body (R4 operations,
//! section 3.2.0.2).

use fhir::{Document, Json, Kind, Resource, ResourceType, Span, parse_date_time};

use super::{Method, OperationCall};
use crate::interaction::Parameters;
use crate::outcome::Refusal;
use crate::representation::is_of_representation;

/// The parameters of a call. Those of the query come before those of the body.
pub(crate) struct Input {
    query: Parameters,
    body: Option<Resource>,
}

impl Input {
    /// The parameters of a call. A body that is not `Parameters` is the one resource that the operation takes.
    pub(crate) fn of(call: &OperationCall) -> Result<Input, Refusal> {
        let is_empty = call.method == Method::Get || call.body.iter().all(u8::is_ascii_whitespace);
        let body = if is_empty {
            None
        } else {
            Some(Resource::parse_slice(&call.body).map_err(|error| Refusal::unreadable(&error))?)
        };
        let mut query = call.parameters.clone();
        query.retain(|(name, value)| !is_of_representation(name, value));
        let input = Input { query, body };
        input.check_form()?;
        Ok(input)
    }

    /// What was asked in the query, for the `self` link.
    pub(crate) fn query(&self) -> Parameters {
        self.query.clone()
    }

    /// Refuses every parameter that is none of these, and a body that is no `Parameters` unless
    /// `takes_resource`.
    pub(crate) fn check(&self, known: &[&str], takes_resource: bool) -> Result<(), Refusal> {
        let of_body = self.parts().filter_map(|part| Some(part.get("name")?.as_str()?.into_owned()));
        let mut names = self.query.iter().map(|(name, _)| name.clone()).chain(of_body);
        if names.any(|name| !known.contains(&name.as_str())) {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(Refusal::invalid(format!(
                "A parameter is not one of this operation's. Its parameters: {known}."
            )));
        }
        if !takes_resource && self.body.as_ref().is_some_and(|body| !is_parameters(body.of())) {
            return Err(Refusal::invalid("The body of this operation is a Parameters resource, or none."));
        }
        Ok(())
    }

    /// The values of a parameter as text: primitives as written, references by their `reference`.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let of_query = self.query.iter().filter(|(found, _)| found == name).map(|(_, value)| value.clone());
        of_query.chain(self.named(name).filter_map(text)).collect()
    }

    /// The only value of a parameter as text; an error if there are several.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        let mut texts = self.texts(name);
        match texts.len() {
            0 | 1 => Ok(texts.pop()),
            _ => Err(Refusal::value(format!("The parameter {name} stands more than once."))),
        }
    }

    /// The only value of a parameter as a boolean.
    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.text(name)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Refusal::value(format!("{name} must be true or false."))),
        }
    }

    /// The only value of a parameter as what a date, dateTime or instant covers.
    pub(crate) fn moment(&self, name: &str) -> Result<Option<Span>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        // A zone's plus sign that was not percent-encoded reads as a space.
        let span = parse_date_time(&text.replace(' ', "+"));
        let wrong = || Refusal::value(format!("{name} must be a date, dateTime or instant."));
        span.map(Some).ok_or_else(wrong)
    }

    /// The resource of a parameter, or the body itself if it is not `Parameters`.
    pub(crate) fn resource(&self, name: &str) -> Result<Option<Resource>, Refusal> {
        let Some(body) = &self.body else { return Ok(None) };
        if !is_parameters(body.of()) {
            return Ok(Some(body.clone()));
        }
        let mut found = self.named(name).filter_map(|part| part.get("resource"));
        let Some(resource) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(Refusal::value(format!("The parameter {name} stands more than once.")));
        }
        Resource::parse_slice(resource.raw()).map(Some).map_err(|error| Refusal::unreadable(&error))
    }

    fn check_form(&self) -> Result<(), Refusal> {
        let wrong = || Refusal::invalid("Every parameter of a Parameters resource is an object with a name.");
        let Some(body) = self.body.as_ref().filter(|body| is_parameters(body.of())) else { return Ok(()) };
        let Some(parts) = body.root().get("parameter") else { return Ok(()) };
        if parts.kind() != Kind::Array {
            return Err(Refusal::invalid("Parameters.parameter must be an array."));
        }
        let is_named = |part: Json<'_>| part.get("name").and_then(Json::as_str).is_some();
        if parts.items().all(is_named) { Ok(()) } else { Err(wrong()) }
    }

    /// The only value of a parameter of the body that is an object under this member, such as `valueMeta`.
    pub(crate) fn object(&self, name: &str, member: &str) -> Result<Option<Json<'_>>, Refusal> {
        let mut values = self.named(name).filter_map(|part| part.get(member));
        let value = values.next();
        if values.next().is_some() || value.is_some_and(|value| value.kind() != Kind::Object) {
            return Err(Refusal::value(format!("The parameter {name} takes one {member}.")));
        }
        Ok(value)
    }

    /// The values of a parameter of the body that are objects under this member.
    pub(crate) fn objects(&self, name: &str, member: &str) -> impl Iterator<Item = Json<'_>> {
        self.named(name).filter_map(move |part| part.get(member)).filter(|value| value.kind() == Kind::Object)
    }

    /// The parts of every parameter of this name.
    pub(crate) fn compound(&self, name: &str) -> impl Iterator<Item = Json<'_>> {
        self.named(name)
    }

    /// Whether a parameter is given at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.query.iter().any(|(found, _)| found == name) || self.named(name).next().is_some()
    }

    fn parts(&self) -> impl Iterator<Item = Json<'_>> {
        let body = self.body.as_ref().filter(|body| is_parameters(body.of()));
        body.and_then(|body| body.root().get("parameter")).into_iter().flat_map(Json::items)
    }

    fn named(&self, name: &str) -> impl Iterator<Item = Json<'_>> {
        self.parts().filter(move |part| part.get("name").and_then(Json::as_str).as_deref() == Some(name))
    }
}

fn is_parameters(of: ResourceType) -> bool {
    of.name() == "Parameters"
}

/// The value of a part as text.
fn text(part: Json<'_>) -> Option<String> {
    let (_, value) = part.members().find(|(name, _)| name.as_str().starts_with("value"))?;
    match value.kind() {
        Kind::String => value.as_str().map(|text| text.into_owned()),
        Kind::Boolean => value.as_bool().map(|flag| flag.to_string()),
        Kind::Number => value.as_number().map(str::to_owned),
        Kind::Object => value.get("reference")?.as_str().map(|text| text.into_owned()),
        Kind::Null | Kind::Array => None,
    }
}

/// A text that may lead to another resource.
pub(crate) struct Link {
    /// The text.
    pub(crate) text: String,
    /// Whether it is a Reference's; if not, it is an address, as attachments have.
    pub(crate) is_reference: bool,
}

/// Every `reference` and every `url` that stands somewhere in a document.
pub(crate) fn links(document: &Document) -> Vec<Link> {
    let mut found = Vec::new();
    let mut open = vec![document.root()];
    while let Some(json) = open.pop() {
        for (name, value) in json.members() {
            let name = name.as_str();
            match value.as_str().filter(|_| matches!(&*name, "reference" | "url")) {
                Some(text) => found.push(Link { text: text.into_owned(), is_reference: name == "reference" }),
                None => open.push(value),
            }
        }
        open.extend(json.items());
    }
    found
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::OperationLevel;
    use super::*;

    fn input(query: &[(&str, &str)], body: &str) -> Result<Input, Refusal> {
        Input::of(&OperationCall {
            name: "document",
            at: OperationLevel::System,
            method: Method::Post,
            parameters: query.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            body: Bytes::from(body.to_owned()),
            is_async: false,
        })
    }

    const BODY: &str = r#"{"resourceType":"Parameters","parameter":[
        {"name":"a","valueString":"x"},{"name":"a","valueInteger":3},{"name":"b","valueBoolean":true},
        {"name":"c","valueReference":{"reference":"Patient/1"}},{"name":"t","valueDate":"2020"},
        {"name":"r","resource":{"resourceType":"Patient","id":"1"}}]}"#;

    #[test]
    fn values_are_read_from_the_query_and_from_parameters() {
        let input = input(&[("a", "q"), ("d", "2020-01-01T00:00:00 01:00")], BODY).unwrap();
        assert_eq!(input.texts("a"), ["q", "x", "3"]);
        assert_eq!(input.boolean("b").unwrap(), Some(true));
        assert_eq!(input.text("c").unwrap().as_deref(), Some("Patient/1"));
        assert_eq!(input.text("absent").unwrap(), None);
        assert_eq!(input.moment("t").unwrap(), parse_date_time("2020"));
        assert!(input.moment("d").unwrap().is_some());
        assert_eq!(input.resource("r").unwrap().unwrap().of().name(), "Patient");
        assert!(input.text("a").is_err());
        assert!(input.check(&["a", "b", "c", "d", "t", "r"], false).is_ok());
        assert!(input.check(&["a"], false).is_err());
    }

    #[test]
    fn a_bare_resource_is_the_resource_that_the_operation_takes() {
        let input = input(&[], r#"{"resourceType":"Patient"}"#).unwrap();
        assert!(input.check(&[], true).is_ok());
        assert!(input.check(&[], false).is_err());
        assert_eq!(input.resource("any").unwrap().unwrap().of().name(), "Patient");
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for body in [
            "{",
            "[]",
            r#"{"resourceType":"Nothing"}"#,
            r#"{"resourceType":"Parameters","parameter":{}}"#,
            r#"{"resourceType":"Parameters","parameter":[{"valueString":"x"}]}"#,
            r#"{"resourceType":"Parameters","parameter":["x"]}"#,
        ] {
            assert_eq!(input(&[], body).err().map(|refusal| refusal.status), Some(400), "{body}");
        }
        assert!(input(&[("b", "yes")], "").unwrap().boolean("b").is_err());
        assert!(input(&[("t", "yesterday")], "").unwrap().moment("t").is_err());
    }
}
