//! Map from the decoded text of a scalar to its source bytes.
//!
//! A mapping pairs an offset in the decoded text with one in the source; between two mappings both advance
//! together. Mappings are computed on demand, since only findings need them.

use std::ops::Range;

use crate::source::Span;

use super::document::{Document, Node, NodeId, ScalarStyle};
use super::text::is_blank;

impl Document {
    /// Returns the source bytes of a range of a scalar's decoded text.
    ///
    /// Both ends are moved outward to whole characters. For collections and for nodes that an alias repeats,
    /// returns the bytes of the node.
    pub fn source_span(&self, id: NodeId, decoded: Range<usize>) -> Span {
        let node = self.node(id);
        if node.is_collection() || self.originals.contains_key(&id) {
            return node.span;
        }
        source_span(self.source.text(), node, decoded)
    }
}

/// Returns the source bytes of a range of a scalar's decoded text.
fn source_span(source: &str, node: &Node, decoded: Range<usize>) -> Span {
    if matches!(node.style, ScalarStyle::Literal | ScalarStyle::Folded) && is_blank(&node.text) {
        return node.span;
    }
    let map = SourceMap::of(source, node);
    let text = &node.text;
    let first = floor(text, decoded.start);
    let start = map.start_of(first);
    if decoded.end <= decoded.start {
        return Span::new(start, start);
    }
    let last = floor(text, decoded.end.min(text.len()).saturating_sub(1));
    let end = map.end_of(last.max(first), text).max(start);
    Span::new(start, end)
}

/// Returns the start of the character that contains the byte.
fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[derive(Debug, Clone, Copy)]
struct Mapping {
    decoded: usize,
    source: usize,
    /// Source bytes of a single character that is written differently: an escape, a doubled quote, a fold.
    /// Zero if the text from here on is the same in both.
    written: usize,
}

struct SourceMap {
    mappings: Vec<Mapping>,
    /// End of the text in the source, without a closing quote.
    end: usize,
}

impl SourceMap {
    fn of(source: &str, node: &Node) -> SourceMap {
        let span = node.span.range();
        let mut builder = SourceMapBuilder {
            source: source.as_bytes(),
            at: span.start,
            end: span.end,
            mappings: Vec::new(),
        };
        match node.style {
            ScalarStyle::Single | ScalarStyle::Double => {
                builder.at = (span.start + 1).min(span.end);
                builder.end = span.end.saturating_sub(1).max(builder.at);
                if node.style == ScalarStyle::Double {
                    builder.map_double_quoted(&node.text);
                } else {
                    builder.map_folded(&node.text, SingleQuotes::Doubled);
                }
            }
            ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => {
                builder.map_folded(&node.text, SingleQuotes::Literal)
            }
        }
        SourceMap {
            end: builder.end,
            mappings: builder.mappings,
        }
    }

    fn mapping(&self, decoded: usize) -> Option<&Mapping> {
        let after = self
            .mappings
            .partition_point(|mapping| mapping.decoded <= decoded);
        self.mappings.get(after.checked_sub(1)?)
    }

    fn start_of(&self, decoded: usize) -> u32 {
        let source = self.mapping(decoded).map_or(self.end, |mapping| {
            // A character that is written differently has one start.
            if mapping.written > 0 {
                mapping.source
            } else {
                mapping.source + (decoded - mapping.decoded)
            }
        });
        source.min(self.end) as u32
    }

    fn end_of(&self, decoded: usize, text: &str) -> u32 {
        let length = text[decoded..].chars().next().map_or(0, char::len_utf8);
        let source = self.mapping(decoded).map_or(self.end, |mapping| {
            if mapping.written > 0 {
                mapping.source + mapping.written
            } else {
                mapping.source + (decoded - mapping.decoded) + length
            }
        });
        source.min(self.end) as u32
    }
}

struct SourceMapBuilder<'a> {
    source: &'a [u8],
    at: usize,
    end: usize,
    mappings: Vec<Mapping>,
}

/// Notation of single quotes in a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SingleQuotes {
    /// Written twice, as in single-quoted scalars.
    Doubled,
    /// Written once.
    Literal,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

impl SourceMapBuilder<'_> {
    fn mapping(&mut self, decoded: usize, written: usize) {
        self.mappings.push(Mapping {
            decoded,
            source: self.at,
            written,
        });
    }

    fn byte(&self) -> Option<u8> {
        (self.at < self.end).then(|| self.source[self.at])
    }

    /// Returns the number of bytes of white space at the current offset of the source.
    fn spaces(&self) -> usize {
        self.source[self.at..self.end]
            .iter()
            .take_while(|byte| is_space(**byte))
            .count()
    }

    /// Maps all styles except double quotes. Folding, indentation and line ends change white space only; all
    /// other characters are the same in both texts.
    fn map_folded(&mut self, text: &str, quotes: SingleQuotes) {
        let decoded = text.as_bytes();
        let mut here = 0;
        self.mapping(0, 0);
        while here < decoded.len() {
            if is_space(decoded[here]) {
                let length = decoded[here..].iter().take_while(|b| is_space(**b)).count();
                self.map_space(&decoded[here..here + length], here);
                here += length;
                self.mapping(here, 0);
                continue;
            }
            // The source may have white space where the decoded text has none, such as the break before the
            // end of a folded scalar.
            let skipped = self.spaces();
            if skipped > 0 {
                self.at += skipped;
                self.mapping(here, 0);
            }
            if quotes == SingleQuotes::Doubled && decoded[here] == b'\'' {
                self.mapping(here, 2);
                self.at += 2;
                here += 1;
                self.mapping(here, 0);
                continue;
            }
            self.at += 1;
            here += 1;
        }
    }

    /// Maps a run of white space. Its common prefix and suffix are mapped one to one, and the rest as a whole.
    fn map_space(&mut self, decoded: &[u8], here: usize) {
        let written = self.spaces();
        let source = &self.source[self.at..self.at + written];
        if source == decoded {
            self.at += written;
            return;
        }
        let same = |a: &mut dyn Iterator<Item = (&u8, &u8)>| a.take_while(|(a, b)| a == b).count();
        // A fold starts with a line break, or with spaces before it, which are dropped.
        let front = if source.first() == Some(&b' ') && decoded.contains(&b'\n') {
            0
        } else {
            same(&mut source.iter().zip(decoded))
        };
        let back = same(
            &mut source[front..]
                .iter()
                .rev()
                .zip(decoded[front..].iter().rev()),
        );
        let start = self.at;
        let between = decoded.len() - front - back;
        if between > 0 {
            self.at = start + front;
            for offset in 0..between {
                self.mapping(here + front + offset, (written - front - back).max(1));
            }
        }
        self.at = start + written - back;
        self.mapping(here + front + between, 0);
        self.at = start + written;
    }

    fn map_double_quoted(&mut self, text: &str) {
        let mut here = 0;
        self.mapping(0, 0);
        while let Some(byte) = self.byte() {
            match byte {
                b'\\' => {
                    let (written, decoded) = self.escape(&text[here.min(text.len())..]);
                    if decoded > 0 {
                        self.mapping(here, written);
                    }
                    self.at += written;
                    here += decoded;
                    self.mapping(here, 0);
                }
                b' ' | b'\t' | b'\r' | b'\n' => {
                    let written = self.spaces();
                    let source = &self.source[self.at..self.at + written];
                    if !source.contains(&b'\n') && !source.contains(&b'\r') {
                        self.at += written;
                        here += written;
                        continue;
                    }
                    // One break is a space, each further one a line feed. After `\` at the end of a line
                    // the break has been mapped already.
                    let decoded = fold(source);
                    for offset in 0..decoded {
                        self.mapping(here + offset, written);
                    }
                    self.at += written;
                    here += decoded;
                    self.mapping(here, 0);
                }
                _ => {
                    self.at += 1;
                    here += 1;
                }
            }
        }
    }

    /// Returns the number of bytes of the escape at the current offset, in the source and in the text.
    fn escape(&self, text: &str) -> (usize, usize) {
        let rest = &self.source[self.at..self.end];
        let character = text.chars().next().map_or(0, char::len_utf8);
        match rest.get(1) {
            Some(b'x') => (4.min(rest.len()), character),
            Some(b'u') => {
                // A surrogate pair is one character.
                let written = if rest.get(6) == Some(&b'\\') && is_high_surrogate(rest) {
                    12
                } else {
                    6
                };
                (written.min(rest.len()), character)
            }
            Some(b'U') => (10.min(rest.len()), character),
            Some(b'\r' | b'\n') => {
                // The line continues: the break and the indentation of the next line are dropped, further
                // breaks between them are kept.
                let spaces = rest[1..].iter().take_while(|byte| is_space(**byte)).count();
                let breaks = breaks(&rest[1..1 + spaces]);
                (1 + spaces, breaks.saturating_sub(1))
            }
            Some(_) => (2, character),
            None => (1, 0),
        }
    }
}

fn is_high_surrogate(escape: &[u8]) -> bool {
    escape
        .get(2..4)
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| u8::from_str_radix(digits, 16).ok())
        .is_some_and(|high| (0xD8..0xDC).contains(&high))
}

/// Returns the number of line breaks in white space; CR LF is one.
fn breaks(space: &[u8]) -> usize {
    let feeds = space.iter().filter(|byte| **byte == b'\n').count();
    let lone = space
        .iter()
        .enumerate()
        .filter(|(index, byte)| **byte == b'\r' && space.get(index + 1) != Some(&b'\n'))
        .count();
    feeds + lone
}

fn fold(space: &[u8]) -> usize {
    breaks(space).saturating_sub(1).max(1)
}
