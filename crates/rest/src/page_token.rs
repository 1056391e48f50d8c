//! Page tokens: what was asked and where to go on, sealed, so that nobody can read or change it.
//!
//! A search may name a patient, and URLs end up in logs: a token shows nothing of it. It is bound to the data
//! store and the address it was made for, never expires, and is no proof of any right: every page is asked
//! for with the caller's own access.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use search::Position;
use store::Random;

use crate::interaction::Parameters;
use crate::limits::PAGE_TOKEN_BYTES_MAX;

/// The form of the sealed text; another number is another form.
const FORM: u8 = 1;
/// The form of one that begins within a match.
const FORM_WITHIN: u8 = 2;

/// Seals and opens page tokens with one key.
pub(crate) struct PageSeal {
    key: LessSafeKey,
}

/// A place in a search or a history.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Page {
    /// How many rows a page holds.
    pub(crate) count: usize,
    /// The criteria.
    pub(crate) parameters: Parameters,
    /// Where the next page begins.
    pub(crate) position: Position,
    /// What of the first match there was shown already.
    pub(crate) shown: Option<ShownPart>,
}

/// What was shown of a match whose contained resources are shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ShownPart {
    /// The match, as `Type/id`.
    pub(crate) of: String,
    /// How many resources.
    pub(crate) count: usize,
}

impl PageSeal {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("the key has the cipher's length");
        PageSeal { key: LessSafeKey::new(key) }
    }

    /// The token of `page` at this address (the data store and the path below its base).
    pub(crate) fn seal(&self, address: &str, page: &Page, random: &dyn Random) -> String {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let mut sealed = page.encode();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(address.as_bytes()),
                &mut sealed,
            )
            .expect("a page is short enough to seal");
        URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// The page of a token; `None` unless it was sealed with this key for this address.
    pub(crate) fn open(&self, address: &str, token: &str) -> Option<Page> {
        if token.len() > PAGE_TOKEN_BYTES_MAX {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let opened = self.key.open_in_place(nonce, Aad::from(address.as_bytes()), &mut sealed).ok()?;
        Page::decode(opened)
    }
}

impl Page {
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![if self.shown.is_some() { FORM_WITHIN } else { FORM }];
        if let Some(ShownPart { of, count }) = &self.shown {
            push_number(*count, &mut out);
            push_number(of.len(), &mut out);
            out.extend_from_slice(of.as_bytes());
        }
        push_number(self.count, &mut out);
        push_number(self.parameters.len(), &mut out);
        for text in self.parameters.iter().flat_map(|(name, value)| [name, value]) {
            push_number(text.len(), &mut out);
            out.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(&self.position.0);
        out
    }

    fn decode(mut bytes: &[u8]) -> Option<Page> {
        let from = &mut bytes;
        let shown = match *from.split_off_first()? {
            FORM => None,
            FORM_WITHIN => {
                let count = take_number(from)?;
                Some(ShownPart { of: take_text(from)?, count })
            }
            _ => return None,
        };
        let count = take_number(from)?;
        let mut parameters = Parameters::new();
        for _ in 0..take_number(from)? {
            parameters.push((take_text(from)?, take_text(from)?));
        }
        Some(Page { count, parameters, position: Position(from.to_vec()), shown })
    }
}

fn push_number(number: usize, out: &mut Vec<u8>) {
    let number = u32::try_from(number).expect("the limits of requests are far below 4 GiB");
    out.extend_from_slice(&number.to_be_bytes());
}

fn take_number(from: &mut &[u8]) -> Option<usize> {
    let (number, rest) = from.split_first_chunk::<4>()?;
    *from = rest;
    usize::try_from(u32::from_be_bytes(*number)).ok()
}

fn take_text(from: &mut &[u8]) -> Option<String> {
    let length = take_number(from)?;
    let (text, rest) = from.split_at_checked(length)?;
    *from = rest;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use store::SeededRandom;

    use super::*;

    fn page() -> Page {
        let (parameters, position) = (vec![("name".into(), "Ann".into())], Position(vec![1, 2, 3]));
        Page { count: 3, parameters, position, shown: None }
    }

    #[test]
    fn a_token_opens_only_where_it_was_made() {
        let seal = PageSeal::new(&[7; 32]);
        let token = seal.seal("a/Patient", &page(), &SeededRandom::new(1));
        assert_eq!(seal.open("a/Patient", &token), Some(page()));
        assert_eq!(seal.open("b/Patient", &token), None);
        let within = Page { shown: Some(ShownPart { of: "Patient/1".into(), count: 2 }), ..page() };
        let begun = seal.seal("a/Patient", &within, &SeededRandom::new(2));
        assert_eq!(seal.open("a/Patient", &begun), Some(within));
        assert_eq!(seal.open("a/Observation", &token), None);
        assert_eq!(PageSeal::new(&[8; 32]).open("a/Patient", &token), None);
    }

    #[test]
    fn a_changed_token_does_not_open() {
        let seal = PageSeal::new(&[7; 32]);
        let token = seal.seal("a", &page(), &SeededRandom::new(1));
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(seal.open("a", &changed), None, "{at}");
        }
        for text in ["", "A", "====", "\u{e9}", &token[..20], &"A".repeat(PAGE_TOKEN_BYTES_MAX + 1)] {
            assert_eq!(seal.open("a", text), None);
        }
    }

    #[test]
    fn a_token_shows_nothing_of_the_search_and_fits_a_url() {
        let seal = PageSeal::new(&[7; 32]);
        let token = seal.seal("a", &page(), &SeededRandom::new(1));
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        assert!(!bytes.windows(3).any(|window| window == b"Ann"));
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=_-.".contains(&byte)));
    }
}
