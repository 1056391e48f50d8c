//! From JSON text to the tape, in one pass and without recursion.

use super::{
    DEPTH_MAX, DOCUMENT_BYTES_MAX, NAME_BYTES_MAX, Node, ParseError, ParseReason, Tag, escape, scan,
};
use crate::names::NameTable;
use crate::symbol::SYMBOLS;

/// Objects with more members are checked for duplicates by sorting, when they end.
const SCAN_MEMBERS_MAX: u32 = 32;

/// Refuses what is too long for the tape, or starts with a byte order mark.
pub(super) fn check_size(bytes: &[u8]) -> Result<(), ParseError> {
    let reason = if bytes.len() > DOCUMENT_BYTES_MAX {
        ParseReason::TooLong
    } else if bytes.starts_with(b"\xEF\xBB\xBF") {
        ParseReason::ByteOrderMark
    } else {
        return Ok(());
    };
    Err(ParseError { offset: 0, reason })
}

pub(super) fn not_utf8(offset: usize) -> ParseError {
    ParseError { offset, reason: ParseReason::NotUtf8 }
}

/// The tape of `text`, and whether it has no white space between its tokens.
pub(super) fn tape(text: &str) -> Result<(Vec<Node>, bool), ParseError> {
    let mut parser = Parser {
        bytes: text.as_bytes(),
        text,
        at: 0,
        tape: Vec::with_capacity(text.len() / 12 + 8),
        frames: Vec::with_capacity(16),
        symbols: &SYMBOLS,
        minified: true,
    };
    parser.document()?;
    Ok((parser.tape, parser.minified))
}

struct Parser<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
    tape: Vec<Node>,
    frames: Vec<Frame>,
    symbols: &'static NameTable,
    minified: bool,
}

/// An array or object that is not closed yet.
struct Frame {
    open: u32,
    count: u32,
    is_object: bool,
    /// One bit per name seen, by its hash: only a bit seen twice makes us look.
    seen: u128,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<(), ParseError> {
        loop {
            if !self.value()? {
                continue;
            }
            if self.after_value()? {
                break;
            }
        }
        let minified = self.minified;
        self.skip_space();
        self.minified = minified;
        if self.at < self.bytes.len() { self.fail(ParseReason::TrailingCharacters) } else { Ok(()) }
    }

    /// Reads a scalar, an empty container, or the start of one; whether a whole value was read.
    #[inline]
    fn value(&mut self) -> Result<bool, ParseError> {
        match self.peek_token() {
            b'"' => {
                let (node, end) = self.string()?;
                self.tape.push(node);
                self.at = end;
            }
            b'{' => {
                self.open(Tag::Object)?;
                if self.peek_token() != b'}' {
                    self.name()?;
                    return Ok(false);
                }
                self.close()?;
            }
            b'[' => {
                self.open(Tag::Array)?;
                if self.peek_token() != b']' {
                    return Ok(false);
                }
                self.close()?;
            }
            b'-' | b'0'..=b'9' => {
                let end = scan::number(self.bytes, self.at)?;
                self.tape.push(Node::new(Tag::Number, self.at, end - self.at));
                self.at = end;
            }
            b't' => self.literal(b"true", Tag::Boolean)?,
            b'f' => self.literal(b"false", Tag::Boolean)?,
            b'n' => self.literal(b"null", Tag::Null)?,
            _ => return self.unexpected(),
        }
        Ok(true)
    }

    /// Goes on after a value to the next one; whether the document is complete.
    #[inline]
    fn after_value(&mut self) -> Result<bool, ParseError> {
        loop {
            let Some(frame) = self.frames.last_mut() else { return Ok(true) };
            frame.count += 1;
            let is_object = frame.is_object;
            match (self.peek_token(), is_object) {
                (b',', true) => {
                    self.at += 1;
                    self.name()?;
                    return Ok(false);
                }
                (b',', false) => {
                    self.at += 1;
                    return Ok(false);
                }
                (b'}', true) | (b']', false) => self.close()?,
                _ => return self.unexpected(),
            }
        }
    }

    #[inline]
    fn open(&mut self, tag: Tag) -> Result<(), ParseError> {
        if self.frames.len() >= DEPTH_MAX {
            return self.fail(ParseReason::TooDeep);
        }
        let is_object = tag == Tag::Object;
        self.frames.push(Frame { open: self.tape.len() as u32, count: 0, is_object, seen: 0 });
        self.tape.push(Node::new(tag, self.at, 0));
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn close(&mut self) -> Result<(), ParseError> {
        self.at += 1;
        let frame = self.frames.pop().expect("a closing bracket was matched with its frame");
        self.tape.push(Node::new(Tag::Close, self.at, frame.count as usize));
        if frame.is_object && frame.count > SCAN_MEMBERS_MAX {
            self.check_many(&frame)?;
        }
        let next = self.tape.len() as u32;
        self.tape[frame.open as usize].word |= next;
        Ok(())
    }

    /// Reads a member's name and its colon.
    #[inline]
    fn name(&mut self) -> Result<(), ParseError> {
        if self.peek_token() != b'"' {
            return self.unexpected();
        }
        let start = self.at + 1;
        let (end, escaped) = scan::string(self.bytes, start)?;
        if end - start > NAME_BYTES_MAX {
            return self.fail(ParseReason::NameTooLong);
        }
        let node = if escaped {
            let plain = escape::unescape(&self.text[start..end]);
            self.name_node(plain.as_bytes(), start, end).escaped()
        } else {
            self.name_node(&self.bytes[start..end], start, end)
        };
        self.check_new(node)?;
        self.tape.push(node);
        self.at = end + 1;
        if self.peek_token() != b':' {
            return self.unexpected();
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn name_node(&self, plain: &[u8], start: usize, end: usize) -> Node {
        match plain {
            [b'_', base @ ..] => {
                let symbol = self.symbols.find(base);
                Node::name(start, end - start, symbol, symbol.is_some())
            }
            _ => Node::name(start, end - start, self.symbols.find(plain), false),
        }
    }

    #[inline]
    fn check_new(&mut self, node: Node) -> Result<(), ParseError> {
        let bit = 1_u128 << (node.name_identity() & 127);
        let frame = self.frames.last_mut().expect("a name stands in an object");
        let seen = frame.seen;
        frame.seen |= bit;
        if seen & bit == 0 || frame.count > SCAN_MEMBERS_MAX {
            return Ok(());
        }
        let mut at = frame.open as usize + 1;
        while at < self.tape.len() {
            if self.same_name(self.tape[at], node) {
                return self.fail(ParseReason::DuplicateMember);
            }
            let value = self.tape[at + 1];
            at = if matches!(value.tag(), Tag::Array | Tag::Object) { value.low() } else { at + 2 };
        }
        Ok(())
    }

    fn same_name(&self, one: Node, other: Node) -> bool {
        if one.name_identity() != other.name_identity() {
            return false;
        }
        one.symbol().is_some() || self.plain_name(one) == self.plain_name(other)
    }

    fn plain_name(&self, node: Node) -> std::borrow::Cow<'_, str> {
        let at = node.at as usize;
        let text = &self.text[at..at + node.name_length()];
        if node.is_escaped() { escape::unescape(text).into() } else { text.into() }
    }

    /// Looks for duplicate names in a large object that has just ended.
    #[cold]
    fn check_many(&self, frame: &Frame) -> Result<(), ParseError> {
        let mut names = Vec::with_capacity(frame.count as usize);
        let mut at = frame.open as usize + 1;
        while at + 1 < self.tape.len() {
            names.push((self.plain_name(self.tape[at]), self.tape[at].at));
            let value = self.tape[at + 1];
            at = if matches!(value.tag(), Tag::Array | Tag::Object) { value.low() } else { at + 2 };
        }
        names.sort_unstable();
        match names.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).min() {
            Some(at) => Err(ParseError { offset: at as usize - 1, reason: ParseReason::DuplicateMember }),
            None => Ok(()),
        }
    }

    #[inline]
    fn string(&self) -> Result<(Node, usize), ParseError> {
        let start = self.at + 1;
        let (end, escaped) = scan::string(self.bytes, start)?;
        let node = Node::new(Tag::String, start, end - start);
        Ok((if escaped { node.escaped() } else { node }, end + 1))
    }

    fn literal(&mut self, word: &[u8], tag: Tag) -> Result<(), ParseError> {
        if !self.bytes[self.at..].starts_with(word) {
            return self.unexpected();
        }
        self.tape.push(Node::new(tag, self.at, word.len()));
        self.at += word.len();
        Ok(())
    }

    /// The next byte that is not white space, or zero at the end.
    #[inline]
    fn peek_token(&mut self) -> u8 {
        match self.bytes.get(self.at) {
            Some(&byte) if byte > b' ' => byte,
            _ => {
                self.skip_space();
                self.bytes.get(self.at).copied().unwrap_or(0)
            }
        }
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
            self.minified = false;
        }
    }

    #[cold]
    fn unexpected<T>(&self) -> Result<T, ParseError> {
        let at_end = self.at >= self.bytes.len();
        self.fail(if at_end { ParseReason::UnexpectedEnd } else { ParseReason::UnexpectedCharacter })
    }

    #[cold]
    fn fail<T>(&self, reason: ParseReason) -> Result<T, ParseError> {
        Err(ParseError { offset: self.at, reason })
    }
}
