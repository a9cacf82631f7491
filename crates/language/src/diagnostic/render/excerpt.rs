//! Drawing of the source lines of a finding with their marks. Only this file uses miette.
//!
//! miette does not get the source but an excerpt: the lines of the labels and their neighbours, with
//! control characters made visible, cut to the width of the terminal. So a finding at the end of a large
//! file costs no more than one at its start, and no control character reaches the terminal.

use std::fmt;
use std::path::Path;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, SourceCode, SourceSpan,
    SpanContents, ThemeCharacters, ThemeStyles,
};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use svar_wire::text::{push_visible, visible};

use crate::diagnostic::{Problem, Severity};
use crate::source::{Position, SourceText, Span};

use super::style::{RenderStyle, wrapped};

const TAB_WIDTH: usize = 4;

/// Draws the excerpt of a finding; draws nothing if the finding has no labels.
pub(super) fn draw(out: &mut String, problem: &Problem, style: &RenderStyle) {
    let marks = marks(problem);
    if marks.is_empty() {
        return;
    }
    let excerpt = Excerpt::new(&problem.source, marks, style);
    let mut drawn = String::new();
    let handler = handler(problem, &excerpt, style);
    if handler.render_report(&mut drawn, &excerpt).is_ok() {
        // miette begins with an empty line for its own message, which is not used.
        for line in drawn.trim_start_matches('\n').lines() {
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
}

/// A label, limited to one line of the source.
struct Mark<'a> {
    span: Span,
    line: usize,
    text: &'a str,
    is_main: bool,
}

/// Returns the labels in the order of the text, each limited to one line, without overlaps.
fn marks(problem: &Problem) -> Vec<Mark<'_>> {
    let source = &problem.source;
    let end_of_text = source.text().len() as u32;
    let mut marks: Vec<Mark<'_>> = Vec::with_capacity(problem.labels.len());
    for (index, label) in problem.labels.iter().enumerate() {
        let start = label.span.start.min(end_of_text);
        let line = source.line_of(start);
        let line_span = source.line_span(line);
        // A range of several lines is marked in its first line only.
        let in_line = Span::new(start.min(line_span.end), label.span.end.min(line_span.end));
        let visible = match source.slice(in_line).trim_end().len() {
            // If the label has only white space, that is what the finding is about.
            0 => in_line.len(),
            visible => visible as u32,
        };
        marks.push(Mark {
            span: Span::new(in_line.start, in_line.start + visible),
            line,
            text: &label.text,
            is_main: index == 0,
        });
    }
    // Marks cannot overlap: the earlier label keeps its bytes.
    let mut kept: Vec<Mark<'_>> = Vec::with_capacity(marks.len());
    for mut mark in marks {
        for other in &kept {
            let (a, b) = (mark.span, other.span);
            if a.start < b.end && b.start < a.end || a == b {
                mark.span = if a.start < b.start {
                    Span::new(a.start, b.start)
                } else {
                    Span::new(b.end, a.end.max(b.end))
                };
            }
        }
        if mark.is_main || !mark.span.is_empty() || !mark.text.is_empty() {
            kept.push(mark);
        }
    }
    kept.sort_by_key(|mark| mark.span);
    kept
}

/// Text that miette gets instead of the source.
#[derive(Debug)]
struct Excerpt {
    name: String,
    text: String,
    lines: Vec<Line>,
    labels: Vec<LabeledSpan>,
    /// Offset of each label in the excerpt, with its position in the source.
    positions: Vec<(usize, Position)>,
}

/// Place of a mark in the excerpt.
#[derive(Debug, Clone, Copy, Default)]
struct MarkPlace {
    /// First byte.
    start: Option<usize>,
    /// Byte after the last one.
    end: Option<usize>,
    /// Column of the first byte.
    column: usize,
}

#[derive(Debug)]
struct Line {
    /// Line number in the source, from 0.
    number: usize,
    /// First byte in the excerpt; `end` is after the line feed.
    start: usize,
    end: usize,
}

impl Excerpt {
    fn new(source: &SourceText, marks: Vec<Mark<'_>>, style: &RenderStyle) -> Self {
        let has_mark = |line: usize| marks.iter().any(|mark| mark.line == line);
        let is_blank = |line: usize| source.slice(source.line_span(line)).trim().is_empty();
        // A blank neighbour is shown only between two marked lines.
        let is_shown = |line: usize| {
            has_mark(line)
                || !is_blank(line)
                || line.checked_sub(1).is_some_and(has_mark) && has_mark(line + 1)
        };
        let mut numbers: Vec<usize> = marks
            .iter()
            .flat_map(|mark| mark.line.saturating_sub(1)..=mark.line + 1)
            .filter(|line| *line < source.line_count() && is_shown(*line))
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let digits = numbers
            .last()
            .map_or(1, |last| (last + 1).to_string().len());
        let room = style.width.max(40).saturating_sub(digits + 4);
        let mut excerpt = Excerpt {
            name: name(source.name(), style.links.as_deref()),
            text: String::new(),
            lines: Vec::with_capacity(numbers.len()),
            labels: Vec::with_capacity(marks.len()),
            positions: Vec::with_capacity(marks.len()),
        };
        for number in numbers {
            let in_line = marks.iter().filter(|mark| mark.line == number);
            excerpt.push_line(source, number, &in_line.collect::<Vec<_>>(), room, style);
        }
        excerpt
    }

    fn push_line(
        &mut self,
        source: &SourceText,
        number: usize,
        marks: &[&Mark<'_>],
        room: usize,
        style: &RenderStyle,
    ) {
        let start = self.text.len();
        let line = source.line_span(number);
        let main = marks.iter().find(|mark| mark.is_main).or(marks.first());
        let shown = window(source, line, main.map(|mark| mark.span), room);
        let ellipsis = if style.unicode { "…" } else { "..." };
        if shown.start > line.start {
            self.text.push_str(ellipsis);
        }
        let mut places = vec![MarkPlace::default(); marks.len()];
        let mut column = self.text[start..].width();
        let text = source.slice(shown);
        let ends = text
            .char_indices()
            .map(|(offset, character)| (offset, Some(character)));
        for (offset, character) in ends.chain([(text.len(), None)]) {
            let at = shown.start + offset as u32;
            for (mark, place) in marks.iter().zip(&mut places) {
                if place.start.is_none() && at >= mark.span.start {
                    place.start = Some(self.text.len());
                    place.column = column;
                }
                if place.end.is_none() && at >= mark.span.end {
                    place.end = Some(self.text.len());
                }
            }
            if let Some(character) = character {
                column += push_shown(&mut self.text, character, column, style);
            }
        }
        let end = self.text.len();
        if shown.end < line.end {
            self.text.push_str(ellipsis);
        }
        self.text.push('\n');
        for (mark, place) in marks.iter().zip(places) {
            let is_outside = mark.span.end < shown.start || mark.span.start > shown.end;
            if is_outside && !mark.is_main {
                continue;
            }
            let from = place.start.unwrap_or(end);
            let to = place.end.unwrap_or(end).max(from);
            let middle = place.column + self.text[from..to].width() / 2;
            // A label far from its mark is harder to read than one that is too wide.
            let words = wrapped(
                &visible(mark.text),
                room.saturating_sub(middle + 6).max(30),
                0,
                0,
            );
            let words = (!words.is_empty()).then_some(words);
            let span = (from, to - from);
            self.labels.push(if mark.is_main {
                LabeledSpan::new_primary_with_span(words, span)
            } else {
                LabeledSpan::new_with_span(words, span)
            });
            self.positions
                .push((from, source.position(mark.span.start)));
        }
        self.lines.push(Line {
            number,
            start,
            end: self.text.len(),
        });
    }

    /// Returns the index in `lines` of the line that contains the byte.
    fn line_of(&self, offset: usize) -> usize {
        self.lines
            .partition_point(|line| line.start <= offset)
            .saturating_sub(1)
    }
}

/// Returns the part of a line that is shown: the whole line if it fits, else a part around the mark.
fn window(source: &SourceText, line: Span, mark: Option<Span>, room: usize) -> Span {
    let text = source.slice(line);
    let width = |text: &str| -> usize { text.chars().map(width_of).sum() };
    // A character has at most four bytes, so a longer line does not fit; zero-width characters aside.
    if text.len() <= room * 4 && width(text) <= room {
        return line;
    }
    let mark = mark.unwrap_or(Span::new(line.start, line.start));
    let before = source.slice(Span::new(line.start, mark.start));
    let near = before.len() <= room * 4 && width(before) + 24 <= room;
    let start = if near {
        line.start
    } else {
        let mut left = room / 3;
        let mut start = mark.start;
        for (offset, character) in before.char_indices().rev() {
            let needed = width_of(character);
            if needed > left {
                break;
            }
            left -= needed;
            start = line.start + offset as u32;
        }
        start
    };
    // Room for an ellipsis at each end.
    let mut left = room.saturating_sub(6);
    let mut end = start;
    for character in source.slice(Span::new(start, line.end)).chars() {
        let needed = width_of(character);
        if needed > left {
            break;
        }
        left -= needed;
        end += character.len_utf8() as u32;
    }
    Span::new(start, end)
}

fn width_of(character: char) -> usize {
    match character {
        '\t' => TAB_WIDTH,
        _ => character.width().unwrap_or(8),
    }
}

/// Appends a character of the source as it is shown, and returns its width in columns.
fn push_shown(text: &mut String, character: char, column: usize, style: &RenderStyle) -> usize {
    let start = text.len();
    match character {
        // A tab looks like spaces, and that is often the mistake, so it is shown as an arrow.
        '\t' => {
            text.push(if style.unicode { '→' } else { ' ' });
            let width = TAB_WIDTH - column % TAB_WIDTH;
            text.extend(std::iter::repeat_n(' ', width - 1));
        }
        // A byte order mark at the start of a file is not shown.
        '\u{FEFF}' if column == 0 => {}
        _ => push_visible(text, character),
    }
    text[start..].width()
}

/// Returns the file name as it is shown, as a hyperlink if `links` is set.
fn name(name: &str, links: Option<&Path>) -> String {
    let shown = visible(name);
    let Some(folder) = links else {
        return shown.into_owned();
    };
    let mut url = String::from("file://");
    for byte in folder.join(name).to_string_lossy().bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                url.push(byte as char);
            }
            b'\\' => url.push('/'),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("\u{1b}]8;;{url}\u{1b}\\{shown}\u{1b}]8;;\u{1b}\\")
}

fn handler(problem: &Problem, excerpt: &Excerpt, style: &RenderStyle) -> GraphicalReportHandler {
    let characters = if style.unicode {
        ThemeCharacters::unicode()
    } else {
        ThemeCharacters::ascii()
    };
    let mut styles = if style.color {
        ThemeStyles::ansi()
    } else {
        ThemeStyles::none()
    };
    let main = match problem.severity {
        Severity::Error => styles.error,
        Severity::Warning => styles.warning,
        Severity::Hint => styles.advice,
    };
    let main_start = problem.source.position(problem.span().start);
    styles.highlights = excerpt
        .positions
        .iter()
        .map(|(_, position)| {
            if *position == main_start {
                main
            } else {
                styles.help
            }
        })
        .collect();
    GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
        .with_width(style.width)
        .with_wrap_lines(false)
        .with_links(false)
        .without_cause_chain()
        .without_syntax_highlighting()
        .with_context_lines(1)
}

impl fmt::Display for Excerpt {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Excerpt {}

impl miette::Diagnostic for Excerpt {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_lines_before: usize,
        context_lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let mut first = self.line_of(span.offset());
        let mut last = self
            .line_of(span.offset() + span.len().saturating_sub(1))
            .max(first);
        let follow = |a: usize, b: usize| self.lines[a].number + 1 == self.lines[b].number;
        for _ in 0..context_lines_before {
            if first > 0 && follow(first - 1, first) {
                first -= 1;
            }
        }
        for _ in 0..context_lines_after {
            if last + 1 < self.lines.len() && follow(last, last + 1) {
                last += 1;
            }
        }
        let (Some(from), Some(to)) = (self.lines.get(first), self.lines.get(last)) else {
            return Err(MietteError::OutOfBounds);
        };
        let position = self
            .positions
            .iter()
            .find(|(offset, _)| *offset == span.offset())
            .map(|(_, position)| *position);
        Ok(Box::new(ExcerptContents {
            excerpt: self,
            span: SourceSpan::new(from.start.into(), to.end - from.start),
            line: from.number,
            column: position.map_or(0, |position| position.column as usize - 1),
            line_count: last + 1 - first,
        }))
    }
}

struct ExcerptContents<'a> {
    excerpt: &'a Excerpt,
    span: SourceSpan,
    line: usize,
    column: usize,
    line_count: usize,
}

impl<'a> SpanContents<'a> for ExcerptContents<'a> {
    fn data(&self) -> &'a [u8] {
        let start = self.span.offset();
        &self.excerpt.text.as_bytes()[start..start + self.span.len()]
    }

    fn span(&self) -> &SourceSpan {
        &self.span
    }

    fn name(&self) -> Option<&str> {
        Some(&self.excerpt.name)
    }

    fn line(&self) -> usize {
        self.line
    }

    fn column(&self) -> usize {
        self.column
    }

    fn line_count(&self) -> usize {
        self.line_count
    }
}
