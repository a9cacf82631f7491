//! Problems with indentation, including tabs.

use crate::diagnostic::{Edit, Problem};
use crate::source::Span;
use svar_wire::text;

use crate::yaml::rules;
use crate::yaml::text::excerpt;

use super::ErrorContext;

/// Returns the problem of a line that is indented with tabs.
pub(super) fn tabs(context: &ErrorContext<'_>) -> Problem {
    let Some(line) = tabbed_line(context) else {
        return context
            .problem(
                &rules::TAB_INDENTATION,
                context.here(1),
                "a tab is not allowed here",
            )
            .help("use spaces");
    };
    let run = tab_run(context, line).unwrap_or_default();
    let problem = context
        .problem(
            &rules::TAB_INDENTATION,
            run,
            "this line is indented with a tab",
        )
        .label(if run.len() == 1 { "a tab" } else { "tabs" })
        .help("indent with spaces: the width of a tab differs between editors");
    let lines: Vec<usize> = (0..context.source.line_count())
        .filter(|line| tab_run(context, *line).is_some())
        .collect();
    // All lines at once, with the first width for which the file is valid.
    let mut best = problem;
    for width in [2, 4, 8] {
        let edits = lines
            .iter()
            .filter_map(|line| {
                let indent = indentation(context, *line);
                let text = context.source.slice(indent);
                text.contains('\t').then(|| Edit {
                    span: indent,
                    text: text.replace('\t', &" ".repeat(width)),
                })
            })
            .collect::<Vec<_>>();
        let title = match lines.len() {
            1 => format!("replace the tab with {width} spaces"),
            count => format!("replace each leading tab of {count} lines with {width} spaces"),
        };
        best = context.with_guessed_fix(best, title, edits);
        if best.fix.is_some() {
            break;
        }
    }
    best
}

/// Returns the line with the tab: the line of the error or one nearby.
fn tabbed_line(context: &ErrorContext<'_>) -> Option<usize> {
    let here = context.line();
    let after = here..context.source.line_count();
    let before = (0..here).rev();
    let nearby = after.take(64).chain(before.take(8));
    nearby
        .into_iter()
        .find(|line| tab_run(context, *line).is_some())
}

fn indentation(context: &ErrorContext<'_>, line: usize) -> Span {
    let span = context.source.line_span(line);
    let text = context.source.slice(span);
    let width = text.len() - text.trim_start_matches([' ', '\t']).len();
    Span::new(span.start, span.start + width as u32)
}

/// Returns the first run of tabs in a line's indentation; `None` for a blank line.
fn tab_run(context: &ErrorContext<'_>, line: usize) -> Option<Span> {
    let indent = indentation(context, line);
    if indent.end == context.source.line_span(line).end {
        return None;
    }
    let text = context.source.slice(indent);
    let first = text.find('\t')?;
    let length = text[first..]
        .bytes()
        .take_while(|byte| *byte == b'\t')
        .count();
    let start = indent.start + first as u32;
    Some(Span::new(start, start + length as u32))
}

/// What a line starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineKind {
    /// A key of a map.
    Key,
    /// An item of a list.
    Item,
}

impl LineKind {
    fn of(text: &str) -> LineKind {
        if text == "-" || text.starts_with("- ") {
            LineKind::Item
        } else {
            LineKind::Key
        }
    }
}

/// A column in which the line could start.
struct Candidate {
    column: usize,
    line: usize,
    /// Key or dash in that column.
    word: Span,
    kind: LineKind,
}

/// Returns the problem of a line whose indentation matches nothing above.
pub(super) fn line(context: &ErrorContext<'_>) -> Problem {
    let line = context.line();
    let indent = indentation(context, line);
    let span = context.source.line_span(line);
    // The scanner may have read dashes of list items before it stopped.
    let read = context.source.slice(Span::new(indent.end, context.at));
    if !read.trim_matches(['-', ' ']).is_empty() {
        return context
            .problem(
                &rules::YAML_SYNTAX,
                context.rest_of_line(),
                "this is not allowed here",
            )
            .help("put each entry on a line of its own");
    }
    let column = indent.len() as usize;
    let text = context.source.slice(Span::new(indent.end, span.end));
    let kind = LineKind::of(text);
    let candidates = candidates(context, line);
    match candidates.iter().find(|place| place.column == column) {
        Some(other) if other.kind != kind => {
            return key_among_items_error(context, indent, other, kind);
        }
        Some(_) => {
            return context
                .problem(
                    &rules::YAML_SYNTAX,
                    context.rest_of_line(),
                    "the value above is complete: nothing may follow it here",
                )
                .help("put each entry on a line of its own");
        }
        None => {}
    }
    let nearest = candidates
        .iter()
        .filter(|place| place.kind == kind)
        .min_by_key(|place| place.column.abs_diff(column));
    let mark = if indent.is_empty() {
        context.word()
    } else {
        indent
    };
    let problem = context.problem(
        &rules::INDENTATION,
        mark,
        "the indentation of this line matches no line above",
    );
    let Some(target) = nearest else {
        return problem
            .label(spaces(column))
            .help("lines that belong together start in the same column");
    };
    let problem = problem.label(spaces(column)).also(
        target.word,
        match target.column {
            0 => "no indentation".to_owned(),
            count => spaces(count),
        },
    );
    let by = target.column.abs_diff(column);
    let way = if target.column > column {
        "right"
    } else {
        "left"
    };
    let help = format!(
        "move it {} to the {way}, below {}",
        text::count(by, "column"),
        if kind == LineKind::Item {
            "the item above".to_owned()
        } else {
            format!("`{}`", excerpt(context.source.slice(target.word)))
        },
    );
    let title = indent_by(target.column);
    context.with_guessed_fix(
        problem.help(help),
        title,
        shifted(context, line, column, target.column),
    )
}

/// Returns the problem of a key among list items, or an item among keys.
fn key_among_items_error(
    context: &ErrorContext<'_>,
    indent: Span,
    other: &Candidate,
    kind: LineKind,
) -> Problem {
    let mark = if kind == LineKind::Item {
        Span::new(indent.end, indent.end + 1)
    } else {
        context.word()
    };
    let problem = context.problem(
        &rules::INDENTATION,
        mark,
        if kind == LineKind::Item {
            "a list item cannot be in the column of the keys of a map"
        } else {
            "a key cannot be in the column of the items of a list"
        },
    );
    let neighbour = excerpt(context.source.slice(other.word));
    problem
        .label(if kind == LineKind::Item {
            "an item"
        } else {
            "a key"
        })
        .also(
            other.word,
            if kind == LineKind::Item {
                "a key"
            } else {
                "an item"
            },
        )
        .help(if kind == LineKind::Item {
            format!("make it a key like `{neighbour}`, or move it under the list it belongs to")
        } else {
            "start it with `- ` to make it an item, or move it under the key it belongs to"
                .to_owned()
        })
}

fn spaces(count: usize) -> String {
    match count {
        0 => "not indented".to_owned(),
        count => text::count(count, "space"),
    }
}

fn indent_by(column: usize) -> String {
    match column {
        0 => "remove the indentation".to_owned(),
        _ => format!("indent it by {}", spaces(column)),
    }
}

/// Returns the columns of keys and list items above a line in which the line could continue.
fn candidates(context: &ErrorContext<'_>, line: usize) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    let mut leftmost = usize::MAX;
    // Limited so that a large broken file is not read to its start for every error.
    for above in (0..line).rev().take(2_000) {
        let indent = indentation(context, above);
        let span = context.source.line_span(above);
        let mut text = context.source.slice(Span::new(indent.end, span.end));
        let mut column = indent.len() as usize;
        if text.is_empty() || text.starts_with('#') || column >= leftmost {
            continue;
        }
        leftmost = column;
        loop {
            let start = span.start + column as u32;
            let kind = LineKind::of(text);
            let is_item = kind == LineKind::Item;
            let word = if is_item {
                1
            } else {
                text.find(": ").unwrap_or(text.trim_end_matches(':').len())
            };
            if is_item || is_key(text) {
                found.push(Candidate {
                    column,
                    line: above,
                    word: Span::new(start, start + word as u32),
                    kind,
                });
            }
            if !is_item {
                break;
            }
            let rest = text[1..].trim_start_matches(' ');
            column += text.len() - rest.len();
            text = rest;
        }
        if leftmost == 0 {
            break;
        }
    }
    found.sort_by_key(|place| std::cmp::Reverse(place.line));
    found
}

fn is_key(text: &str) -> bool {
    text.contains(": ") || text.trim_end().ends_with(':')
}

/// Returns the edits that move a line and the lines nested below it to another column.
fn shifted(context: &ErrorContext<'_>, line: usize, from: usize, to: usize) -> Vec<Edit> {
    let mut edits = Vec::new();
    for below in line..context.source.line_count() {
        let indent = indentation(context, below);
        let is_blank = indent.end == context.source.line_span(below).end;
        if below > line && !is_blank && indent.len() as usize <= from {
            break;
        }
        if is_blank {
            continue;
        }
        edits.push(if to > from {
            Edit {
                span: Span::new(indent.start, indent.start),
                text: " ".repeat(to - from),
            }
        } else {
            Edit {
                span: Span::new(indent.start, indent.start + (from - to) as u32),
                text: String::new(),
            }
        });
    }
    edits
}

/// Returns the problem of a line of a block scalar that is indented less than the others.
pub(super) fn block_text(context: &ErrorContext<'_>) -> Problem {
    let indent = indentation(context, context.line());
    let above = context.source.line_span(context.line().saturating_sub(1));
    if above.len() > indent.len() && context.source.slice(above).trim().is_empty() {
        let edit = Edit {
            span: above,
            text: String::new(),
        };
        let problem = context
            .problem(
                &rules::INDENTATION,
                above,
                "this blank line has more spaces than the text below it",
            )
            .label(spaces(above.len() as usize))
            .also(indent, spaces(indent.len() as usize))
            .help(
                "the first line of a text, even a blank one, sets the indentation of all its lines",
            );
        return context.with_guessed_fix(problem, "remove the spaces", vec![edit]);
    }
    let mark = if indent.is_empty() {
        context.word()
    } else {
        indent
    };
    context.problem(
        &rules::INDENTATION,
        mark,
        "this line of the text is indented less than the lines before it",
    )
    .label(spaces(indent.len() as usize))
    .help("indent all lines of the text by the same number of spaces, blank ones by fewer or none")
}

/// Returns the problem of a key that was read as a continuation of the text above it.
pub(super) fn key_in_text(context: &ErrorContext<'_>) -> Problem {
    let line = context.line();
    let indent = indentation(context, line);
    let column = indent.len() as usize;
    let target = candidates(context, line)
        .into_iter()
        .filter(|place| place.kind == LineKind::Key)
        .min_by_key(|place| place.column.abs_diff(column));
    let problem = context
        .problem(
            &rules::INDENTATION,
            indent,
            "this line continues the text above because of its indentation",
        )
        .label(spaces(column))
        .also(context.content_from(context.last.start), "the text");
    let Some(target) = target.filter(|place| place.column < column) else {
        return problem.help("indent it like the keys it belongs to");
    };
    let help = format!(
        "start it in the column of `{}` to make it a key beside it",
        excerpt(context.source.slice(target.word))
    );
    let title = indent_by(target.column);
    context.with_guessed_fix(
        problem.help(help),
        title,
        shifted(context, line, column, target.column),
    )
}
