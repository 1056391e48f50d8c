//! A parsed JSON document: its text and a tape of nodes; order kept, numbers as written, duplicates refused.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use crate::Symbol;

mod escape;
mod parse;
mod scan;

pub use escape::push_json_string;
pub(crate) use escape::unescaped;

/// The longest document, in bytes: what the offsets of a tape can hold.
pub const DOCUMENT_BYTES_MAX: usize = (1 << 28) - 1;
/// The deepest nesting of arrays and objects.
pub const DEPTH_MAX: usize = 128;
/// The longest member name, in bytes as written.
pub const NAME_BYTES_MAX: usize = 4096;

/// A JSON document that was checked completely when it was parsed (RFC 8259).
#[derive(Clone)]
pub struct Document {
    text: String,
    tape: Vec<Node>,
    minified: bool,
}

/// Why a text is not a document, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Where it was noticed, in bytes from the start.
    pub offset: usize,
    /// What is wrong there.
    pub reason: ParseReason,
}

/// What can be wrong with a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseReason {
    /// Not UTF-8.
    NotUtf8,
    /// Starts with a byte order mark, which RFC 8259 section 8.1 forbids to send.
    ByteOrderMark,
    /// Longer than [`DOCUMENT_BYTES_MAX`].
    TooLong,
    /// Nested deeper than [`DEPTH_MAX`].
    TooDeep,
    /// A member name longer than [`NAME_BYTES_MAX`].
    NameTooLong,
    /// An object has two members of the same name.
    DuplicateMember,
    /// The text ends too early.
    UnexpectedEnd,
    /// A character that cannot stand here.
    UnexpectedCharacter,
    /// A control character inside a string, which must be escaped.
    ControlCharacter,
    /// Not one of the escapes of JSON.
    Escape,
    /// Half of a surrogate pair.
    LoneSurrogate,
    /// Not the form of a JSON number.
    Number,
    /// Something follows the document.
    TrailingCharacters,
}

impl ParseReason {
    /// The reason as words that continue "the document is not valid JSON:".
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ParseReason::NotUtf8 => "it is not UTF-8",
            ParseReason::ByteOrderMark => "it starts with a byte order mark",
            ParseReason::TooLong => "it is too long",
            ParseReason::TooDeep => "it is nested too deeply",
            ParseReason::NameTooLong => "a member name is too long",
            ParseReason::DuplicateMember => "an object has two members of the same name",
            ParseReason::UnexpectedEnd => "it ends too early",
            ParseReason::UnexpectedCharacter => "a character is not expected here",
            ParseReason::ControlCharacter => "a control character is not escaped",
            ParseReason::Escape => "an escape is not one of JSON's",
            ParseReason::LoneSurrogate => "half of a surrogate pair stands alone",
            ParseReason::Number => "a number is malformed",
            ParseReason::TrailingCharacters => "something follows its end",
        }
    }
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (byte {})", self.reason.as_str(), self.offset)
    }
}

impl std::error::Error for ParseError {}

/// What a JSON value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// One entry of the tape. A container is an opening node, its content, and a closing node.
///
/// `at`: where the content starts in the text (after the quote of a string; at the bracket of a container;
/// of a closing node: after the bracket). `word`: the tag in the top three bits, then as `Node`'s methods say.
#[derive(Clone, Copy)]
struct Node {
    at: u32,
    word: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Tag {
    Null = 0,
    Boolean = 1,
    Number = 2,
    String = 3,
    Array = 4,
    Object = 5,
    Name = 6,
    Close = 7,
}

static EXTENSIONS: LazyLock<[Symbol; 2]> = LazyLock::new(|| {
    ["extension", "modifierExtension"].map(|name| Symbol::of(name).expect("the list of names has both"))
});

const ESCAPED: u32 = 1 << 28;
const TWIN: u32 = 1 << 27;
const NO_SYMBOL: u32 = 0xFFF;

impl Node {
    #[inline]
    fn new(tag: Tag, at: usize, low: usize) -> Node {
        debug_assert!(at <= DOCUMENT_BYTES_MAX && low <= DOCUMENT_BYTES_MAX);
        Node { at: at as u32, word: (tag as u32) << 29 | low as u32 }
    }
    #[inline]
    fn name(at: usize, length: usize, symbol: Option<u16>, twin: bool) -> Node {
        let symbol = symbol.map_or(NO_SYMBOL, u32::from);
        let twin = if twin { TWIN } else { 0 };
        Node { at: at as u32, word: (Tag::Name as u32) << 29 | twin | symbol << 15 | length as u32 }
    }
    #[inline]
    fn escaped(mut self) -> Node {
        self.word |= ESCAPED;
        self
    }
    #[inline]
    fn tag(self) -> Tag {
        match self.word >> 29 {
            0 => Tag::Null,
            1 => Tag::Boolean,
            2 => Tag::Number,
            3 => Tag::String,
            4 => Tag::Array,
            5 => Tag::Object,
            6 => Tag::Name,
            _ => Tag::Close,
        }
    }
    #[inline]
    fn is_escaped(self) -> bool {
        self.word & ESCAPED != 0
    }
    /// Of a scalar its length, of a container the tape position after it, of a closing node the children.
    #[inline]
    fn low(self) -> usize {
        (self.word & (ESCAPED - 1)) as usize
    }
    #[inline]
    fn name_length(self) -> usize {
        (self.word & 0x7FFF) as usize
    }
    /// Symbol and twin flag; equal words mean equal names unless there is no symbol.
    #[inline]
    fn name_identity(self) -> u32 {
        (self.word & (ESCAPED - 1)) >> 15
    }
    #[inline]
    fn symbol(self) -> Option<Symbol> {
        let symbol = self.name_identity() & NO_SYMBOL;
        (symbol != NO_SYMBOL).then_some(Symbol(symbol as u16))
    }
}

impl Document {
    /// Parses and checks the whole text.
    ///
    /// # Errors
    /// Whatever [`ParseReason`] names, with its place.
    pub fn parse(bytes: Vec<u8>) -> Result<Document, ParseError> {
        parse::check_size(&bytes)?;
        let text =
            String::from_utf8(bytes).map_err(|error| parse::not_utf8(error.utf8_error().valid_up_to()))?;
        Document::of_text(text)
    }

    /// Parses and checks the whole text, copying it.
    ///
    /// # Errors
    /// Whatever [`ParseReason`] names, with its place.
    pub fn parse_slice(bytes: &[u8]) -> Result<Document, ParseError> {
        parse::check_size(bytes)?;
        let text = simdutf8::basic::from_utf8(bytes).map_err(|_| parse::not_utf8(utf8_end(bytes)))?;
        Document::of_text(text.to_owned())
    }

    fn of_text(text: String) -> Result<Document, ParseError> {
        let (tape, minified) = parse::tape(&text)?;
        Ok(Document { text, tape, minified })
    }

    /// The text as it was given.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The text as it was given.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    /// The outermost value.
    #[must_use]
    pub fn root(&self) -> Json<'_> {
        Json { document: self, at: 0 }
    }

    /// Whether any object has a member `extension` or `modifierExtension`.
    pub(crate) fn has_extensions(&self) -> bool {
        let is_one = |node: &Node| {
            node.tag() == Tag::Name && node.symbol().is_some_and(|symbol| EXTENSIONS.contains(&symbol))
        };
        self.tape.iter().any(is_one)
    }

    /// Whether there is no white space between the tokens.
    pub(crate) fn is_minified(&self) -> bool {
        self.minified
    }
}

/// Whether the whole text is a JSON number.
pub(crate) fn check_number(text: &str) -> bool {
    let starts = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    starts && scan::number(text.as_bytes(), 0) == Ok(text.len())
}

fn utf8_end(bytes: &[u8]) -> usize {
    simdutf8::compat::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len)
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The text is patient data and must not reach a log by accident.
        write!(f, "Document({} bytes)", self.text.len())
    }
}

/// A value inside a document.
#[derive(Clone, Copy)]
pub struct Json<'a> {
    document: &'a Document,
    at: u32,
}

impl<'a> Json<'a> {
    #[inline]
    fn node(self) -> Node {
        self.document.tape[self.at as usize]
    }

    /// The tape position after this value.
    #[inline]
    fn next(self) -> u32 {
        let node = self.node();
        match node.tag() {
            Tag::Array | Tag::Object => node.low() as u32,
            _ => self.at + 1,
        }
    }

    /// What it is.
    #[inline]
    #[must_use]
    pub fn kind(self) -> Kind {
        match self.node().tag() {
            Tag::Boolean => Kind::Boolean,
            Tag::Number => Kind::Number,
            Tag::String => Kind::String,
            Tag::Array => Kind::Array,
            Tag::Object => Kind::Object,
            // A value never points at a name or a closing node.
            Tag::Null | Tag::Name | Tag::Close => Kind::Null,
        }
    }

    /// The boolean, if it is one.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        let node = self.node();
        (node.tag() == Tag::Boolean).then(|| node.low() == 4)
    }

    /// The number as it was written, if it is one.
    #[must_use]
    pub fn as_number(self) -> Option<&'a str> {
        let node = self.node();
        let at = node.at as usize;
        (node.tag() == Tag::Number).then(|| &self.document.text[at..at + node.low()])
    }

    /// The string without its escapes, if it is one; borrowed when there were none.
    #[must_use]
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        let node = self.node();
        let at = node.at as usize;
        (node.tag() == Tag::String).then(|| self.document.unescaped(node, at..at + node.low()))
    }

    /// The string if it is one without escapes; most are, and this never allocates.
    #[must_use]
    pub fn as_plain_str(self) -> Option<&'a str> {
        let node = self.node();
        let at = node.at as usize;
        let plain = node.tag() == Tag::String && !node.is_escaped();
        plain.then(|| &self.document.text[at..at + node.low()])
    }

    /// The members of an object in their order; none if it is not one.
    #[must_use]
    pub fn members(self) -> Members<'a> {
        Members { document: self.document, at: self.first_child(Tag::Object), end: self.last_child() }
    }

    /// The items of an array in their order; none if it is not one.
    #[must_use]
    pub fn items(self) -> Items<'a> {
        Items { document: self.document, at: self.first_child(Tag::Array), end: self.last_child() }
    }

    #[inline]
    fn first_child(self, tag: Tag) -> u32 {
        if self.node().tag() == tag { self.at + 1 } else { self.last_child() }
    }

    #[inline]
    fn last_child(self) -> u32 {
        self.next() - 1
    }

    /// The member of this name.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Json<'a>> {
        match Symbol::of(name) {
            Some(symbol) => self.member(symbol),
            None => self.members().find(|(found, _)| *found.as_str() == *name).map(|(_, value)| value),
        }
    }

    /// The member of this name; faster than [`Json::get`] when the symbol is at hand.
    #[must_use]
    pub fn member(self, symbol: Symbol) -> Option<Json<'a>> {
        self.members().find(|(name, _)| name.symbol() == Some(symbol)).map(|(_, value)| value)
    }

    /// How many members or items; zero for a scalar.
    #[must_use]
    pub fn len(self) -> usize {
        match self.kind() {
            Kind::Array | Kind::Object => self.document.tape[self.last_child() as usize].low(),
            _ => 0,
        }
    }

    /// Whether there are no members or items.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Its text as written, with quotes and brackets.
    #[must_use]
    pub fn raw(self) -> &'a [u8] {
        &self.document.text.as_bytes()[self.span()]
    }

    /// Where its text stands in the document, in bytes.
    #[must_use]
    pub fn span(self) -> Range<usize> {
        let node = self.node();
        let at = node.at as usize;
        match node.tag() {
            Tag::String => at - 1..at + node.low() + 1,
            Tag::Array | Tag::Object => at..self.document.tape[self.last_child() as usize].at as usize,
            _ => at..at + node.low(),
        }
    }
}

impl std::fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} at {:?}", self.kind(), self.span())
    }
}

impl Document {
    fn unescaped(&self, node: Node, span: Range<usize>) -> Cow<'_, str> {
        let text = &self.text[span];
        if node.is_escaped() { Cow::Owned(escape::unescape(text)) } else { Cow::Borrowed(text) }
    }
}

/// The name of a member.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    document: &'a Document,
    node: Node,
}

impl<'a> Name<'a> {
    /// The name without its escapes; borrowed when there were none.
    #[must_use]
    pub fn as_str(self) -> Cow<'a, str> {
        let at = self.node.at as usize;
        self.document.unescaped(self.node, at..at + self.node.name_length())
    }

    /// The element name that this is, if R4 has it; nothing for `_birthDate` (see [`Name::twin`]).
    #[inline]
    #[must_use]
    pub fn symbol(self) -> Option<Symbol> {
        if self.is_twin() { None } else { self.node.symbol() }
    }

    /// Of `_birthDate` the symbol of `birthDate`: the element whose id and extensions the member holds.
    #[inline]
    #[must_use]
    pub fn twin(self) -> Option<Symbol> {
        if self.is_twin() { self.node.symbol() } else { None }
    }

    #[inline]
    fn is_twin(self) -> bool {
        self.node.word & TWIN != 0
    }

    /// Where the name stands in the document, quotes included, in bytes.
    #[must_use]
    pub fn span(self) -> Range<usize> {
        let at = self.node.at as usize;
        at - 1..at + self.node.name_length() + 1
    }
}

impl std::fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.as_str())
    }
}

/// The members of an object, in their order.
#[derive(Clone)]
pub struct Members<'a> {
    document: &'a Document,
    at: u32,
    end: u32,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Name<'a>, Json<'a>);

    #[inline]
    fn next(&mut self) -> Option<(Name<'a>, Json<'a>)> {
        if self.at >= self.end {
            return None;
        }
        let name = Name { document: self.document, node: self.document.tape[self.at as usize] };
        let value = Json { document: self.document, at: self.at + 1 };
        self.at = value.next();
        Some((name, value))
    }
}

/// The items of an array, in their order.
#[derive(Clone)]
pub struct Items<'a> {
    document: &'a Document,
    at: u32,
    end: u32,
}

impl<'a> Iterator for Items<'a> {
    type Item = Json<'a>;

    #[inline]
    fn next(&mut self) -> Option<Json<'a>> {
        if self.at >= self.end {
            return None;
        }
        let value = Json { document: self.document, at: self.at };
        self.at = value.next();
        Some(value)
    }
}
