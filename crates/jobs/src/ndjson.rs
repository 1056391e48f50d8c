//! Cuts a stream of bytes into lines: line feeds with or without a carriage return, a byte order mark at the very
//! beginning, lines longer than allowed passed over in flat memory.

use bytes::{Buf, Bytes, BytesMut};

use crate::limits::LINE_BYTES_MAX;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Where a line starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Bytes of the file before it.
    pub offset: u64,
    /// Lines before it, blank ones too.
    pub lines: u64,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: u64,
    /// Without its line break; `None` for a line that is longer than allowed.
    pub text: Option<Bytes>,
    /// Where the next line starts.
    pub next: Place,
}

impl Line {
    /// Whether there is nothing but white space.
    pub fn is_blank(&self) -> bool {
        self.text.as_ref().is_some_and(|text| text.iter().all(u8::is_ascii_whitespace))
    }

    /// How many bytes of memory it holds.
    pub fn weight(&self) -> usize {
        self.text.as_ref().map_or(0, Bytes::len)
    }
}

/// Cuts chunks into lines.
#[derive(Debug)]
pub struct Splitter {
    next: Place,
    pending: BytesMut,
    /// Bytes of the line under way, kept or passed over.
    seen: u64,
    line_bytes_max: usize,
}

impl Splitter {
    /// A splitter for a stream that starts at `at`, a place that an earlier line gave as its `next` or the
    /// beginning, with lines of at most [`LINE_BYTES_MAX`].
    pub fn new(at: Place) -> Splitter {
        Splitter::with_limit(at, LINE_BYTES_MAX)
    }

    /// The same with another limit, in bytes without the line break.
    pub fn with_limit(at: Place, line_bytes_max: usize) -> Splitter {
        Splitter { next: at, pending: BytesMut::new(), seen: 0, line_bytes_max }
    }

    /// The next line that ends in `chunk`, taken off it; `None` when the chunk is used up.
    pub fn next_line(&mut self, chunk: &mut Bytes) -> Option<Line> {
        let Some(end) = memchr::memchr(b'\n', chunk) else {
            self.keep(chunk);
            chunk.clear();
            return None;
        };
        let head = chunk.split_to(end);
        chunk.advance(1);
        Some(self.finish_line(head, 1))
    }

    /// The last line, if the stream did not end with a line break.
    pub fn last_line(&mut self) -> Option<Line> {
        (self.seen > 0).then(|| self.finish_line(Bytes::new(), 0))
    }

    fn keep(&mut self, part: &Bytes) {
        self.seen += part.len() as u64;
        // A few bytes more than allowed are kept: a byte order mark and a carriage return do not count.
        if self.seen <= self.line_bytes_max as u64 + 4 {
            self.pending.extend_from_slice(part);
        } else {
            self.pending = BytesMut::new();
        }
    }

    fn finish_line(&mut self, head: Bytes, break_bytes: u64) -> Line {
        let whole = if self.seen == 0 {
            self.seen = head.len() as u64;
            Some(head)
        } else {
            self.keep(&head);
            (self.pending.len() as u64 == self.seen).then(|| self.pending.split().freeze())
        };
        let mut text = whole;
        if let Some(line) = &mut text {
            if self.next.offset == 0 && line.starts_with(BYTE_ORDER_MARK) {
                line.advance(BYTE_ORDER_MARK.len());
            }
            if line.ends_with(b"\r") {
                line.truncate(line.len() - 1);
            }
        }
        self.next = Place { offset: self.next.offset + self.seen + break_bytes, lines: self.next.lines + 1 };
        self.seen = 0;
        self.pending.clear();
        let text = text.filter(|text| text.len() <= self.line_bytes_max);
        Line { number: self.next.lines, text, next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8], chunk_bytes: usize, limit: usize) -> Vec<Line> {
        let mut splitter = Splitter::with_limit(Place::default(), limit);
        let mut lines = Vec::new();
        for chunk in input.chunks(chunk_bytes) {
            let mut chunk = Bytes::copy_from_slice(chunk);
            lines.extend(std::iter::from_fn(|| splitter.next_line(&mut chunk)));
        }
        lines.extend(splitter.last_line());
        lines
    }

    fn texts(lines: &[Line]) -> Vec<Option<String>> {
        let text = |line: &Line| line.text.as_ref().map(|text| String::from_utf8_lossy(text).into_owned());
        lines.iter().map(text).collect()
    }

    #[test]
    fn lines_do_not_depend_on_how_the_stream_is_cut() {
        let cases: [(&[u8], &[Option<&str>]); 10] = [
            (b"", &[]),
            (b"a\nb\n", &[Some("a"), Some("b")]),
            (b"a\nb", &[Some("a"), Some("b")]),
            (b"a\r\nb\r\n", &[Some("a"), Some("b")]),
            (b"a\r\n\r\n\nb", &[Some("a"), Some(""), Some(""), Some("b")]),
            (b"\xef\xbb\xbfa\nb\n", &[Some("a"), Some("b")]),
            (b"a\n\xef\xbb\xbfb\n", &[Some("a"), Some("\u{feff}b")]),
            (b"12345678\n123456789\nx\n", &[Some("12345678"), None, Some("x")]),
            (b"12345678\r\n123456789\r\n", &[Some("12345678"), None]),
            (b"1234567890123456789012345\nx", &[None, Some("x")]),
        ];
        for (input, expected) in cases {
            let whole = lines(input, input.len().max(1), 8);
            let expected: Vec<_> = expected.iter().map(|text| text.map(str::to_owned)).collect();
            assert_eq!(texts(&whole), expected, "{:?}", String::from_utf8_lossy(input));
            for chunk_bytes in 1..input.len() {
                assert_eq!(lines(input, chunk_bytes, 8), whole, "in pieces of {chunk_bytes}");
            }
        }
    }

    #[test]
    fn reading_can_go_on_after_any_line() {
        let input = b"\xef\xbb\xbfone\r\n\n  \ntwo\nthree";
        let whole = lines(input, 4, 100);
        for (done, line) in whole.iter().enumerate() {
            let mut splitter = Splitter::with_limit(line.next, 100);
            let mut rest = Bytes::copy_from_slice(&input[line.next.offset as usize..]);
            let mut again: Vec<_> = std::iter::from_fn(|| splitter.next_line(&mut rest)).collect();
            again.extend(splitter.last_line());
            assert_eq!(again, whole[done + 1..]);
        }
        assert_eq!(whole.iter().map(Line::is_blank).collect::<Vec<_>>(), [false, true, true, false, false]);
    }

    #[test]
    fn a_line_past_the_limit_is_passed_over_in_flat_memory() {
        let mut splitter = Splitter::with_limit(Place::default(), 1000);
        for _ in 0..1000 {
            assert_eq!(splitter.next_line(&mut Bytes::from(vec![b'x'; 1000])), None);
            assert!(splitter.pending.len() <= 1004);
        }
        let line = splitter.next_line(&mut Bytes::from_static(b"\nnext\n")).unwrap();
        assert_eq!((line.text, line.next), (None, Place { offset: 1_000_001, lines: 1 }));
    }
}
