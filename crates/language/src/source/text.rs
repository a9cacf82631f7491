//! A source text with its name and lines.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Range of bytes in a [`SourceText`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Byte after the last one.
    pub end: u32,
}

impl Span {
    /// Creates the span from `start` up to, but not including, `end`.
    pub const fn new(start: u32, end: u32) -> Self {
        Span { start, end }
    }

    /// Returns the range as `usize`, for slicing.
    pub const fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Returns the number of bytes.
    pub const fn len(self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    /// Returns whether it is empty.
    pub const fn is_empty(self) -> bool {
        self.end <= self.start
    }
}

/// Line and column for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters (Unicode scalar values).
    pub column: u32,
}

/// A text with the name under which it is shown. Cheap to clone: the text is shared.
#[derive(Clone)]
pub struct SourceText {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    text: String,
    /// Byte offset of the start of each line.
    line_starts: Vec<u32>,
}

impl SourceText {
    /// Creates a source text. The name is usually the path as the user typed it.
    ///
    /// `text` must be shorter than 4 GiB; callers limit the size of files far below that.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let bytes = text.as_bytes();
        let mut line_starts = vec![0];
        line_starts.extend(
            bytes
                .iter()
                .enumerate()
                .filter(|(offset, byte)| match byte {
                    b'\n' => true,
                    // A carriage return alone is a line break too, for YAML and for editors.
                    b'\r' => bytes.get(offset + 1) != Some(&b'\n'),
                    _ => false,
                })
                .map(|(offset, _)| offset as u32 + 1),
        );
        SourceText {
            shared: Arc::new(Shared {
                name: name.into(),
                text,
                line_starts,
            }),
        }
    }

    /// Returns the name under which it is shown.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.shared.text
    }

    /// Returns the text of a span; empty if the span is not within the text.
    pub fn slice(&self, span: Span) -> &str {
        self.text().get(span.range()).unwrap_or("")
    }

    /// Returns the number of lines. A text that ends in a line feed has an empty last line.
    pub fn line_count(&self) -> usize {
        self.shared.line_starts.len()
    }

    /// Returns the line, from 0, that contains the byte.
    pub fn line_of(&self, offset: u32) -> usize {
        self.shared
            .line_starts
            .partition_point(|start| *start <= offset)
            .saturating_sub(1)
    }

    /// Returns the bytes of a line, from 0, without its line ending.
    pub fn line_span(&self, line: usize) -> Span {
        let starts = &self.shared.line_starts;
        let Some(&start) = starts.get(line) else {
            let end = self.text().len() as u32;
            return Span::new(end, end);
        };
        let end = starts
            .get(line + 1)
            .map_or(self.text().len() as u32, |next| *next);
        let text = &self.text()[start as usize..end as usize];
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        let end = start + text.len() as u32;
        Span::new(start, end)
    }

    /// Returns the line and column of a byte. A byte order mark at the start takes no column.
    pub fn position(&self, offset: u32) -> Position {
        let offset = offset.min(self.text().len() as u32);
        let line = self.line_of(offset);
        let start = match self.shared.line_starts[line] as usize {
            0 if self.text().starts_with('\u{FEFF}') && offset >= 3 => 3,
            start => start,
        };
        let before = &self.text().as_bytes()[start..offset as usize];
        // Continuation bytes of UTF-8 start with the bits 10 and are not counted.
        let column = before.iter().filter(|byte| (**byte & 0xC0) != 0x80).count() as u32 + 1;
        Position {
            line: line as u32 + 1,
            column,
        }
    }
}

impl std::fmt::Debug for SourceText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "SourceText({:?}, {} bytes)",
            self.name(),
            self.text().len()
        )
    }
}
