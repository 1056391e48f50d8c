//! The words of an expression (FHIRPath 2.0.0, sections 2 and 4, and the grammar).

use super::PathError;
use super::temporal::{Temporal, TemporalKind};

/// A word, and where it begins: characters are counted from 1.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) token: Token,
    pub(super) at: usize,
}

/// What a word is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name, a keyword among them.
    Name(String),
    /// A name between backticks: never a keyword.
    Delimited(String),
    /// Text between quotes.
    Text(String),
    /// Digits, with a fraction or without.
    Number(String),
    /// What begins with `@`.
    Temporal(TemporalText),
    /// `%name`.
    Variable(String),
    /// `$this`, `$index` or `$total`, without the sign.
    Dollar(&'static str),
    /// An operator or a bracket.
    Sign(&'static str),
    /// Nothing more.
    End,
}

/// A date or time as it stands in an expression.
#[derive(Clone, Copy, Debug)]
pub(super) struct TemporalText(pub(super) Temporal);

impl PartialEq for TemporalText {
    fn eq(&self, other: &TemporalText) -> bool {
        self.0.to_string() == other.0.to_string()
    }
}

/// Signs, the longer ones first.
const SIGNS: [&str; 24] = [
    "<=", ">=", "!=", "!~", "(", ")", "[", "]", "{", "}", ".", ",", "+", "-", "*", "/", "&", "|", "<", ">",
    "=", "~", ";", ":",
];

/// The words of `text`, the end included. Fails where none can stand.
pub(super) fn words(text: &str) -> Result<Vec<Word>, PathError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut words = Vec::new();
    loop {
        lexer.skip_space()?;
        let start = lexer.at;
        let token = lexer.token()?;
        let is_end = token == Token::End;
        words.push(Word { token, at: lexer.place(start) });
        if is_end {
            return Ok(words);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn place(&self, at: usize) -> usize {
        self.text[..at].chars().count() + 1
    }

    fn expected(&self, what: &'static str) -> PathError {
        PathError::syntax(self.place(self.at), what)
    }

    /// Takes the bytes from here on that pass.
    fn take_while(&mut self, passes: impl Fn(u8) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.bytes().take_while(|byte| passes(*byte)).count();
        self.at += length;
        &rest[..length]
    }

    fn skip_space(&mut self) -> Result<(), PathError> {
        loop {
            self.take_while(|byte| byte.is_ascii_whitespace());
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let end = comment.find("*/").ok_or_else(|| self.expected("the end of the comment, '*/',"))?;
                self.at += end + 4;
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<Token, PathError> {
        match self.rest().bytes().next() {
            None => Ok(Token::End),
            Some(b'\'') => self.quoted('\'').map(Token::Text),
            Some(b'`') => self.quoted('`').map(Token::Delimited),
            Some(b'@') => self.temporal(),
            Some(b'%') => self.variable(),
            Some(b'$') => self.dollar(),
            Some(b'0'..=b'9') => Ok(self.number()),
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => Ok(Token::Name(self.name().to_owned())),
            Some(_) => self.sign(),
        }
    }

    fn name(&mut self) -> &'t str {
        self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    }

    fn number(&mut self) -> Token {
        let start = self.at;
        self.take_while(|byte| byte.is_ascii_digit());
        if let [b'.', b'0'..=b'9', ..] = self.rest().as_bytes() {
            self.at += 1;
            self.take_while(|byte| byte.is_ascii_digit());
        }
        Token::Number(self.text[start..self.at].to_owned())
    }

    fn sign(&mut self) -> Result<Token, PathError> {
        let rest = self.rest();
        let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
        let sign = sign.ok_or_else(|| self.expected("a name, a value or an operator"))?;
        self.at += sign.len();
        Ok(Token::Sign(sign))
    }

    fn dollar(&mut self) -> Result<Token, PathError> {
        let rest = self.rest();
        let known = ["this", "index", "total"].into_iter().find(|name| rest[1..].starts_with(name));
        let known = known.ok_or_else(|| self.expected("$this, $index or $total"))?;
        self.at += known.len() + 1;
        Ok(Token::Dollar(known))
    }

    fn variable(&mut self) -> Result<Token, PathError> {
        self.at += 1;
        match self.rest().bytes().next() {
            Some(b'\'') => self.quoted('\'').map(Token::Variable),
            Some(b'`') => self.quoted('`').map(Token::Variable),
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => {
                // FHIR's own variables may have hyphens without being delimited: %vs-name, %ext-name.
                let first = self.rest();
                let takes_hyphens = first.starts_with("vs-") || first.starts_with("ext-");
                let name = self.take_while(|byte| {
                    byte.is_ascii_alphanumeric() || byte == b'_' || takes_hyphens && byte == b'-'
                });
                Ok(Token::Variable(name.to_owned()))
            }
            _ => Err(self.expected("the name of a variable")),
        }
    }

    /// A date, a date with a time, or a time.
    fn temporal(&mut self) -> Result<Token, PathError> {
        self.at += 1;
        let is_time = self.rest().starts_with('T');
        let start = self.at + usize::from(is_time);
        if !is_time {
            self.take_while(|byte| byte.is_ascii_digit() || byte == b'-');
        }
        let has_time = self.rest().starts_with('T');
        if has_time {
            self.at += 1;
            self.clock();
            if !is_time {
                self.zone();
            }
        }
        let kind = match (is_time, has_time) {
            (true, _) => TemporalKind::Time,
            (false, true) => TemporalKind::DateTime,
            (false, false) => TemporalKind::Date,
        };
        let found = Temporal::parse(kind, &self.text[start..self.at]);
        found.map(|found| Token::Temporal(TemporalText(found))).ok_or_else(|| self.expected("a date or time"))
    }

    fn clock(&mut self) {
        self.take_while(|byte| byte.is_ascii_digit() || byte == b':');
        if let [b'.', b'0'..=b'9', ..] = self.rest().as_bytes() {
            self.at += 1;
            self.take_while(|byte| byte.is_ascii_digit());
        }
    }

    fn zone(&mut self) {
        match self.rest().as_bytes() {
            [b'Z', ..] => self.at += 1,
            [b'+' | b'-', b'0'..=b'9', b'0'..=b'9', b':', b'0'..=b'9', b'0'..=b'9', ..] => self.at += 6,
            _ => {}
        }
    }

    /// Text between two `quote`s, without its escapes.
    fn quoted(&mut self, quote: char) -> Result<String, PathError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let character =
                self.rest().chars().next().ok_or_else(|| self.expected("the end of what is quoted"))?;
            self.at += character.len_utf8();
            match character {
                end if end == quote => return Ok(text),
                '\\' => text.push(self.escape()?),
                other => text.push(other),
            }
        }
    }

    fn escape(&mut self) -> Result<char, PathError> {
        let wrong = || self.expected("one of the escapes of FHIRPath");
        let character = self.rest().chars().next().ok_or_else(wrong)?;
        let meant = match character {
            '\'' | '"' | '`' | '\\' | '/' => character,
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let digits =
                    self.rest().get(1..5).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
                let code =
                    digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or_else(wrong)?;
                let meant = char::from_u32(code).ok_or_else(wrong)?;
                self.at += 5;
                return Ok(meant);
            }
            _ => return Err(wrong()),
        };
        self.at += character.len_utf8();
        Ok(meant)
    }
}
