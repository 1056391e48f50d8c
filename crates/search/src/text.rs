//! `_text` and `_content`: words looked for in the body of a resource (R4 search §3.1.1.4.14).

use std::borrow::Cow;
use std::collections::HashSet;

use fhir::{Document, Json, Kind};

use crate::limits::TEXT_TERMS_MAX;
use crate::normalize;

/// Words to look for in bodies: one of the alternatives, with all of its terms.
#[derive(Clone, PartialEq, Debug)]
pub struct TextQuery {
    within: TextWithin,
    alternatives: Vec<Vec<Term>>,
}

/// Where words are looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextWithin {
    /// In the narrative (`_text`).
    Narrative,
    /// In every text of the resource, the narrative among them (`_content`).
    Content,
}

/// Words that follow one another, in one text.
type Term = Vec<String>;

impl TextQuery {
    /// The query that somebody typed: words that must all be there, phrases in quotation marks, and `OR` between
    /// alternatives. `None` if it has no word, an alternative without one, or more terms than
    /// [`TEXT_TERMS_MAX`].
    pub fn parse(within: TextWithin, typed: &str) -> Option<Self> {
        let mut alternatives = vec![Vec::new()];
        for (at, part) in typed.split('"').enumerate() {
            let current = alternatives.last_mut()?;
            if at % 2 == 1 {
                current.extend(Some(words(part)).filter(|phrase| !phrase.is_empty()));
                continue;
            }
            for word in part.split_whitespace() {
                match word {
                    "OR" => alternatives.push(Vec::new()),
                    _ => alternatives.last_mut()?.extend(Some(words(word)).filter(|term| !term.is_empty())),
                }
            }
        }
        let terms: usize = alternatives.iter().map(Vec::len).sum();
        let is_whole = alternatives.iter().all(|terms| !terms.is_empty()) && terms <= TEXT_TERMS_MAX;
        is_whole.then_some(TextQuery { within, alternatives })
    }

    /// Where it looks.
    pub fn within(&self) -> TextWithin {
        self.within
    }

    /// Whether the body of a resource has the words. Case, accents and marks between words do not count.
    pub fn matches(&self, body: &[u8]) -> bool {
        let Ok(document) = Document::parse_slice(body) else { return false };
        let mut found = HashSet::new();
        let narrative = document.root().get("text").and_then(|text| text.get("div"));
        match self.within {
            TextWithin::Narrative => narrative.into_iter().for_each(|div| self.look(div, true, &mut found)),
            TextWithin::Content => self.look(document.root(), false, &mut found),
        }
        self.alternatives.iter().any(|terms| terms.iter().all(|term| found.contains(term.as_slice())))
    }

    fn look<'q>(&'q self, json: Json<'_>, is_xhtml: bool, found: &mut HashSet<&'q [String]>) {
        match json.kind() {
            Kind::Object => {
                for (name, value) in json.members() {
                    self.look(value, name.as_str() == "div", found);
                }
            }
            Kind::Array => json.items().for_each(|item| self.look(item, is_xhtml, found)),
            Kind::String => {
                let text = json.as_str().unwrap_or_default();
                let text = if is_xhtml { Cow::Owned(plain(&text)) } else { text };
                self.look_in(&text, found);
            }
            Kind::Number => self.look_in(json.as_number().unwrap_or_default(), found),
            _ => {}
        }
    }

    fn look_in<'q>(&'q self, text: &str, found: &mut HashSet<&'q [String]>) {
        let words = words(text);
        for term in self.alternatives.iter().flatten() {
            if !found.contains(term.as_slice()) && words.windows(term.len()).any(|some| some == term) {
                found.insert(term);
            }
        }
    }
}

/// The words of a text, as they are compared.
fn words(text: &str) -> Vec<String> {
    let normal = normalize(text);
    let parts = normal.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    parts.map(str::to_owned).collect()
}

/// The text of xhtml, without its tags and with the entities that narratives have.
fn plain(xhtml: &str) -> String {
    let mut text = String::with_capacity(xhtml.len());
    let mut is_tag = false;
    for c in xhtml.chars() {
        match c {
            '<' => {
                is_tag = true;
                text.push(' ');
            }
            '>' => is_tag = false,
            _ if !is_tag => text.push(c),
            _ => {}
        }
    }
    unescape_entities(&text)
}

fn unescape_entities(text: &str) -> String {
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let entity = part.split_once(';').and_then(|(name, rest)| Some((character(name)?, rest)));
        match entity {
            Some((c, rest)) => {
                plain.push(c);
                plain.push_str(rest);
            }
            None => {
                plain.push('&');
                plain.push_str(part);
            }
        }
    }
    plain
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"resourceType":"Patient","id":"1","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Has <b>severe</b>asthma &amp; M&#252;ller&apos;s <i class=\"hidden\">pain</i></div>"},"name":[{"family":"Strau\u00df","given":["Ann Marie"]}],"multipleBirthInteger":7}"#;

    #[test]
    fn words_are_found_where_they_are_looked_for() {
        for (within, typed, expected) in [
            (TextWithin::Narrative, "asthma", true),
            (TextWithin::Narrative, "ASTHMA severe", true),
            (TextWithin::Narrative, "asthma mild", false),
            (TextWithin::Narrative, "asthma OR mild", true),
            (TextWithin::Narrative, "mild asthma OR pain", true),
            (TextWithin::Narrative, "\"severe asthma\"", true),
            (TextWithin::Narrative, "\"asthma severe\"", false),
            (TextWithin::Narrative, "asth", false),
            (TextWithin::Narrative, "muller", true),
            (TextWithin::Narrative, "hidden", false),
            (TextWithin::Narrative, "ann", false),
            (TextWithin::Content, "ann", true),
            (TextWithin::Content, "ann pain", true),
            (TextWithin::Content, "\"ann marie\"", true),
            (TextWithin::Content, "\"strauß ann\"", false),
            (TextWithin::Content, "family", false),
            (TextWithin::Content, "7", true),
        ] {
            let query = TextQuery::parse(within, typed).unwrap();
            assert_eq!(query.matches(BODY.as_bytes()), expected, "{typed}");
        }
        assert!(!TextQuery::parse(TextWithin::Content, "ann").unwrap().matches(b"no json"));
    }

    #[test]
    fn a_query_without_words_is_none() {
        for typed in ["", " ", "\"\"", "OR", "a OR", "OR a", "a OR OR b", "!?"] {
            assert_eq!(TextQuery::parse(TextWithin::Content, typed), None, "{typed:?}");
        }
        let many = |count: usize| TextQuery::parse(TextWithin::Content, &vec!["a"; count].join(" "));
        assert!(many(TEXT_TERMS_MAX).is_some() && many(TEXT_TERMS_MAX + 1).is_none());
    }
}
